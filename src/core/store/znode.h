/*
 * What memory knows of one path below a mount.
 *
 * A znode is local (it exists here alone), promoting (being created in the ensemble), or merely tracked: a path of
 * which there is something to remember (a mount's root, an upstream parent of local znodes, a watch, a request in
 * flight, a recent promotion, a cached value). A tracked znode without a reason is forgotten at once, so memory follows
 * what is held.
 *
 *   TRACKED ──create──► LOCAL ──its batch is sent──► PROMOTING ──created upstream, counters and all──► PROMOTED
 *      ▲                 │  ▲                            │ refused, or not there                          │
 *      └─────delete──────┘  └────────────────────────────┘                          TRACKED ◄── later ────┘
 *
 * What is in struct pk_held changes in apply.c, and in account.c and record.c for it: everywhere else it is const, and
 * the compiler says so.
 */
#ifndef PK_CORE_STORE_ZNODE_H
#define PK_CORE_STORE_ZNODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/list.h"
#include "base/map.h"
#include "proto/records.h"

#ifdef PK_STORE_APPLY
#define PK_APPLIED
#else
#define PK_APPLIED const
#endif

enum pk_znode_state {
    PK_ZNODE_TRACKED,
    PK_ZNODE_LOCAL,
    PK_ZNODE_PROMOTING, /* its create is under way; reads are still local, writes wait */
    PK_ZNODE_PROMOTED,  /* the ensemble's; the zxid of the promotion is remembered for servers that lag */
    PK_ZNODE_STATES
};

/*
 * Local to replaying: as in its Stat. Promoted: czxid and mzxid are those of the create and of the last replayed step.
 * Tracked, with local children: czxid is the parent's upstream one (0 not seen yet), pzxid and cversion the local
 * share: cversion counts the local deletes below it that the ensemble has not been told of.
 */
struct pk_held {
    int64_t czxid, mzxid, pzxid, ctime, mtime;
    int32_t version, cversion;
    int32_t nlocal; /* children that are local or promoting */
    uint8_t state;  /* enum pk_znode_state */
};

struct pk_cached;

struct pk_znode {
    struct pk_map_node map;         /* mark: pk_store.walk of the walk that has met it */
    struct pk_znode *parent;        /* NULL for a mount's root */
    struct pk_znode *next, **pprev; /* among the children of the parent */
    struct pk_below *below;         /* NULL while it has no children */
    struct pk_tracking *tracking; /* watches, requests in flight and who waits; NULL when there is nothing */
    struct pk_blob *PK_APPLIED data; /* NULL: null data (local), nothing (tracked) */
    struct pk_cached *PK_APPLIED
        cached; /* tracked or promoted: its refreshes are absorbed (cached.h); else NULL */
    PK_APPLIED struct pk_held held;
    uint32_t len; /* of the name */
    uint8_t mount;
    bool uncertain : 1; /* a promotion was never answered: what the ensemble has there may be ours */
    bool
        replaying_pairs : 1; /* local deletes below it are being replayed: pinned, and further replays wait */
    bool no_local_creates : 1; /* a container or TTL znode */
    bool unfit : 1;            /* the ensemble's connections break at its size: not promoted any more */
    bool refused : 1;          /* the ensemble refused to take it: not tried again unasked */
    bool restored : 1;         /* from a state file, not yet compared with the ensemble */
    char name[];               /* below its parent; of a mount's root the whole path */
};

/* What a znode with children has, those included that are merely tracked. */
struct pk_below {
    struct pk_znode *children;
    PK_APPLIED uint32_t names;  /* bytes of the names of its held children, each with its length */
    PK_APPLIED uint32_t held;   /* znodes below it that memory answers reads of */
    PK_APPLIED uint32_t moving; /* of all below it those whose state pk_znode_moves */
    uint32_t listed,
        walked; /* the walk (pk_store_walk_begin) that has been through the children, through all below */
};

/* Rare company of a znode. */
struct pk_tracking {
    struct pk_list watches; /* struct pk_watch.of_znode */
    struct pk_list waiters; /* of those who wait for its promotion or replay to end (conn/wait.h) */
    struct pk_list wanted;  /* in pk_promoter.wanted: it is to be promoted, or its local deletes replayed */
    struct pk_blob *acl;    /* that a precheck has seen on an upstream parent; NULL: open, or none has */
    uint32_t refusal_seq;   /* when the ensemble refused it: pk_promoter.refusals, */
    int32_t refusal;        /* and with which error */
    int32_t
        replay_share;  /* steps that are replayed when it is promoted next, and 1; 0: as many as there are */
    uint8_t fails;     /* promotions of it that the uplink did not survive */
    uint32_t pins;     /* prechecks that look at it */
    uint32_t inflight; /* relayed requests that may create, delete or protect it, or show it */
    uint32_t changes;  /* grows with every request that touches it: a precheck begun before is worthless */
    struct pk_list
        recent; /* in pk_store.recent: servers may lag behind a promotion of it or of its local deletes */
    struct pk_znode *znode;
    struct pk_listing *listing; /* of its local children (listing.h); NULL when none is kept */
    int64_t recent_us;
    int64_t replayed_zxid;  /* of the newest replay of local deletes, */
    int32_t replayed_pairs; /* and how many it was */
    int64_t
        floor_zxid; /* a cached value of it ended with its znode, or the replay before the newest: answers of before
                       this zxid are asked again */
    int64_t
        changed_zxid; /* deleted, created or protected up to here: an earlier write's answer caches nothing */
};

static inline struct pk_bytes pk_znode_name(const struct pk_znode *z)
{
    return (struct pk_bytes){(const uint8_t *)z->name, z->len};
}

static inline struct pk_bytes pk_blob_view(const struct pk_blob *blob)
{
    return blob != NULL ? (struct pk_bytes){blob->bytes, blob->len} : (struct pk_bytes){NULL, 0};
}

static inline struct pk_znode *pk_znode_children(const struct pk_znode *z)
{
    return z->below != NULL ? z->below->children : NULL;
}

static inline uint32_t pk_znode_held_below(const struct pk_znode *z)
{
    return z->below != NULL ? z->below->held : 0;
}

static inline uint32_t pk_znode_moving_below(const struct pk_znode *z)
{
    return z->below != NULL ? z->below->moving : 0;
}

/* True when memory answers reads of it. */
static inline bool pk_znode_held(const struct pk_znode *z)
{
    return z != NULL && z->held.state >= PK_ZNODE_LOCAL && z->held.state <= PK_ZNODE_PROMOTING;
}

/* True while the ensemble is being told of it: writes wait. */
static inline bool pk_znode_busy(const struct pk_znode *z)
{
    return z != NULL && z->held.state == PK_ZNODE_PROMOTING;
}

/* What a server says of it depends on how far that server has come: it is being promoted, or was a while ago. */
static inline bool pk_znode_moves(enum pk_znode_state state)
{
    return state >= PK_ZNODE_PROMOTING && state <= PK_ZNODE_PROMOTED;
}

/* Local deletes below a znode that the ensemble has not been told of. */
static inline int32_t pk_znode_local_deletes(const struct pk_znode *z)
{
    return pk_znode_held(z) ? (z->held.cversion - z->held.nlocal) / 2 : z->held.cversion;
}

/* Bytes of the full path. */
size_t pk_znode_path_len(const struct pk_znode *z);
/* Writes the full path; returns the end. */
uint8_t *pk_znode_path_put(uint8_t *p, const struct pk_znode *z);
/* True when this is the znode's full path. */
bool pk_znode_is_at(const struct pk_znode *z, struct pk_bytes path);
/* Next znode of the subtree of root in preorder after z (NULL at the end); start with z == root. */
struct pk_znode *pk_znode_walk(const struct pk_znode *root, struct pk_znode *z);
/* The same without what is below z. */
struct pk_znode *pk_znode_walk_past(const struct pk_znode *root, struct pk_znode *z);

#endif
