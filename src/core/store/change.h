/*
 * Changes of what is held, and the records of what they left behind.
 *
 *   struct pk_change ──pk_store_apply──► the store ──struct pk_change_record──► whoever listens (a copy, a test)
 *
 * A record says what is after the change, not what was done, so replaying it into another store needs no rules.
 */
#ifndef PK_CORE_STORE_CHANGE_H
#define PK_CORE_STORE_CHANGE_H

#include "core/store/cached.h"

enum pk_change_kind {
    /* Local znodes. */
    PK_CHANGE_LOCAL_CREATE, /* tracked, its parent tracked or held; data */
    PK_CHANGE_SET, /* local, or cached; data. Of a copy also held: its counters and times, as they are then */
    PK_CHANGE_LOCAL_DELETE, /* local, without local children */
    PK_CHANGE_RESTORED,     /* tracked; data and counters (held) of a state file: local as it was */
    PK_CHANGE_LOST,         /* held; the ensemble's own znode of that path stays */
    /* Their way to the ensemble. */
    PK_CHANGE_PROMOTING,  /* local; the batch with its create leaves */
    PK_CHANGE_PROMOTED,   /* promoting; zxid of its create */
    PK_CHANGE_UNPROMOTED, /* promoting; local again */
    /* Upstream parents of local znodes. */
    PK_CHANGE_SHARE_RESTORED, /* tracked; its share (held) of a state file */
    PK_CHANGE_SHARE_SEEN, /* tracked: the ensemble showed this czxid (zxid). Another than before: the share is void */
    PK_CHANGE_PAIRS_REPLAYED, /* tracked; so many local deletes (pairs) have been replayed at this zxid */
    PK_CHANGE_PAIRS_VOID,     /* tracked; there is nothing to replay them at */
    /* What is remembered of the ensemble's znodes for servers that lag. */
    PK_CHANGE_REMEMBERED, /* tracked or promoted, cached: promoted, with the zxids of its base */
    PK_CHANGE_AGED,       /* promoted: nothing is remembered any more */
    PK_CHANGE_GONE, /* tracked or promoted: deleted in the ensemble, what was remembered of that one is void */
    /* Cached values. */
    PK_CHANGE_CACHED,    /* tracked or promoted; blob and stat: the ensemble has just taken this data */
    PK_CHANGE_CONFIRMED, /* cached; the ensemble took a write at this zxid that is no newer than the value */
    PK_CHANGE_SHOWN,     /* cached; an answer at the base's version showed stat at zxid */
    PK_CHANGE_FLUSHED,   /* cached; a flush left stat at zxid */
    PK_CHANGE_LANDED,    /* cached; a flush whose answer never came has left stat */
    PK_CHANGE_STALE,     /* cached; its children may have changed up to zxid */
    PK_CHANGE_SUSPECT,   /* cached; somebody else may have written up to zxid */
    PK_CHANGE_SENT,      /* cached; a flush of what is pending leaves: its value stays as it is */
    PK_CHANGE_RETIRED,   /* cached; nothing is absorbed any more, the value stays for servers that lag */
    PK_CHANGE_UNCACHED,  /* cached; the value goes */
    PK_CHANGE_KINDS
};

struct pk_change {
    enum pk_change_kind kind;
    struct pk_znode *znode;
    struct pk_bytes data;
    struct pk_blob *blob; /* a reference is taken; NULL is null data */
    const struct pk_stat *stat;
    const struct pk_held *held;
    int64_t zxid; /* of the ensemble's answer, or the newest one when an event told */
    int32_t pairs;
    int64_t wall_ms, now_us;
    int64_t session_id; /* who: 0 for ourselves */
};

/* What a change left behind; everything is borrowed for the call. */
struct pk_change_record {
    enum pk_change_kind kind;
    struct pk_bytes path;
    const struct pk_znode *znode; /* the one that was changed; NULL: of another process */
    struct pk_bytes data;         /* of a held znode, */
    struct pk_blob *shared;       /* which a store of the same process may share; NULL: it copies it */
    const struct pk_held *held;
    const struct pk_held *parent; /* NULL for a mount's root */
    struct pk_bytes
        parent_acl; /* that was seen on a parent of the ensemble's; null: the open one, or none was */
    const struct pk_value *value;      /* of a cached znode, else NULL; */
    struct pk_bytes value_data;        /* and its data */
    int64_t replayed_zxid, floor_zxid; /* as in struct pk_tracking */
    int32_t replayed_pairs;
    bool uncertain; /* as in struct pk_znode */
    int64_t wall_ms, session_id, now_us;
};

/* Whoever hears of every change. */
struct pk_tap {
    void (*hear)(void *context, const struct pk_change_record *record); /* NULL: nobody now */
    /* A local znode has other data, version, mzxid and mtime, and is else as it was. False: hear is to be told as of
     * any other change, as when this is NULL. */
    bool (*refresh)(void *context, const struct pk_znode *znode);
    void *context;
    int64_t *changes; /* counts each before it is heard of, heard or not; NULL: nobody needs that */
};

#endif
