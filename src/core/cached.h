/*
 * Cached znodes: znodes of the ensemble whose refreshes memory absorbs, and write permits: which connections may do so.
 *
 *   setData relayed, answered OK ──► cached, this connection permitted ──► its setData absorbed: dirty
 *         ▲                                   │                             │ flush (flush.h)
 *         └── foreign write, delete, multi, ──┴──── clean ◄─────────────────┘
 *             setACL, another czxid: the cached znode ends
 *
 * A write permit belongs to a connection, as its credentials do: it says that the ensemble has let this connection write the
 * znode. Reads are the ensemble's own, with the newest data and counters put into the answer; exists alone is answered
 * from memory, for a connection that has a write permit and was let read once, while our copy of the Stat is fresh.
 */
#ifndef PK_CORE_CACHED_H
#define PK_CORE_CACHED_H

#include "core/state.h"

enum {
    PK_PENDING_EARLY = 500, /* absorbed writes of one znode that are flushed without waiting */
    PK_PENDING_MAX = 1000,  /* and with this many nothing more is absorbed until they are flushed */
};

struct pk_cached {
    struct pk_znode *znode; /* NULL once ended, while a flush or a hold still refers to it */
    struct pk_blob *data;   /* the newest; NULL is null data */
    struct pk_blob *sent;   /* the data of the flush that is under way or uncertain; NULL is null data */
    struct pk_stat base;    /* the newest Stat that the ensemble showed: a flush starts from its version */
    int64_t shown_zxid;     /* header zxid of the newest answer that base comes from */
    int64_t changed_zxid;   /* its children may have changed up to here: base is fresh when shown since */
    int64_t suspect_zxid;   /* an event told of a write up to here that may be foreign; 0 none */
    int64_t mzxid, mtime;   /* of the newest data, as clients see them */
    int64_t dirty_us;       /* since when */
    int64_t over_us, refused_us;
    int32_t version;   /* as clients see it; version - base.version writes are absorbed and not yet flushed */
    int32_t inflight;  /* of these in a flush that is under way */
    int32_t uncertain; /* of these in a flush whose answer never came: look before the next one */
    uint32_t holds;    /* requests that wait for it to be clean */
    bool dirty;        /* something is pending, and counted as such */
    bool over;         /* ended: only for answers of servers that lag, in core.over (due) since over_us */
    bool leaving;      /* collected for the flush that is being made */
    bool looking;      /* an exists about it is under way */
    bool
        service_refused; /* orphaned, and the ensemble did not let a session of ours flush it, at refused_us */
    struct pk_id refused;   /* nor this connection, whose requests do not wait for it */
    struct pk_conn *writer; /* of the newest absorbed write; NULL when clean or orphaned */
    struct pk_list permits; /* struct pk_permit.of_cached */
    struct pk_list of_writer;
    struct pk_list due; /* in core.over; dirty: in its mount's list by age, in core.orphans or core.refused */
    struct pk_list *home; /* the list that due is to be in when dirty and not in flight */
};

struct pk_permit {
    struct pk_list of_conn, of_cached;
    struct pk_conn *conn;
    struct pk_cached *cached;
    bool read; /* a relayed exists of this connection has succeeded */
};

/* Why a cached znode ends, as far as it matters for what is dirty. */
enum pk_cached_end {
    PK_CACHED_OVER,    /* our own doing: nothing should be dirty */
    PK_CACHED_FOREIGN, /* somebody else wrote: theirs stays */
    PK_CACHED_GONE,    /* deleted or created anew by somebody else */
    PK_CACHED_DROPPED, /* nobody is let flush it */
};

/* Absorbed writes that the ensemble does not have yet, those in flight included. */
static inline int32_t pk_cached_pending(const struct pk_cached *l)
{
    return (int32_t)((uint32_t)l->version - (uint32_t)l->base.version);
}

/* A flush, or the look that must come before one, is under way. */
static inline bool pk_cached_in_flight(const struct pk_cached *l)
{
    return l->inflight > 0 || (l->uncertain > 0 && l->looking);
}

/* True when the cached znode's flush has been tried for this connection's sake in vain. */
static inline bool pk_cached_refused(const struct pk_cached *l, const struct pk_conn *c)
{
    return l->refused.gen == c->id.gen && l->refused.slot == c->id.slot;
}

/* True when memory absorbs a setData of this connection with so many bytes of data. */
bool pk_cached_absorbs(const struct core *core, struct pk_conn *c, const struct pk_znode *z, size_t data);
/* True when memory answers exists for this connection. */
bool pk_cached_knows(const struct pk_store *store, struct pk_conn *c, const struct pk_znode *z);
/* A write of c has been absorbed (PK_CHANGE_SET): dirty, and c's to flush. */
void pk_cached_absorbed(struct core *core, struct pk_conn *c, struct pk_cached *l);

/* A relayed setData of c was answered OK with this Stat: cached and permitted, or the cached znode moves on. data NULL is null
 * data. PK_ENOMEM: nothing is cached. */
enum pk_err pk_cached_permitted(struct core *core, struct pk_conn *c, struct pk_znode *z,
                                struct pk_blob *data, const struct pk_stat *st, int64_t zxid) PK_NODISCARD;
/* A relayed setData of c was answered NOAUTH. */
void pk_cached_denied(struct core *core, struct pk_conn *c, struct pk_znode *z);
/* A relayed exists of c was answered OK. */
void pk_cached_read(struct pk_conn *c, struct pk_znode *z);

/* What an answer that shows the znode's Stat says about the cached znode. */
enum pk_seen {
    PK_SEEN_OURS,   /* the answer is ours to bring up to date */
    PK_SEEN_OLDER,  /* an earlier znode of that path: the server lags */
    PK_SEEN_OTHERS, /* newer than what we know: it stays as it is */
};
/* Judges, refreshes the copy, ends the cached znode when the write was foreign. data: of the answer, NULL when it has none. The
 * caller tidies the znode. */
enum pk_seen pk_cached_saw(struct core *core, struct pk_znode *z, const struct pk_stat *st,
                           const struct pk_bytes *data, int64_t zxid);
/* An answer says NONODE at this zxid. True when the server lags, false after ending the cached znode. */
bool pk_cached_missing(struct core *core, struct pk_znode *z, int64_t zxid);
/* Puts the newest version, mzxid, mtime and length into a Stat of the znode. */
void pk_cached_patch(const struct pk_cached *l, struct pk_stat *st);

/* Children of the znode have changed at this zxid or before: the copy of its Stat is stale. NULL and znodes without a
 * cached znode are allowed. */
void pk_cached_stale(struct core *core, struct pk_znode *z, int64_t zxid);
/* Ends a clean cached znode that nobody has a write permit on, or whose mount is off; the caller tidies the znode. */
void pk_cached_end_unused(struct core *core, struct pk_cached *l);
/* The znode may have been deleted, created anew or protected at this zxid or before: answers to writes before that say
 * nothing of it. */
void pk_cached_changed(struct pk_znode *z, int64_t zxid);
/* An event told of a change. */
void pk_cached_event(struct core *core, struct pk_znode *z, int32_t type);

/* Ends the cached znode, which the znode must have; what the ensemble last showed is remembered for servers that lag. The
 * caller tidies the znode. */
void pk_cached_end(struct core *core, struct pk_znode *z, enum pk_cached_end why);
/* Nobody is permitted any more. */
void pk_cached_drop_permits(struct core *core, struct pk_cached *l);
/* The connection's write permits end (sync, or its own end). */
void pk_permits_end(struct core *core, struct pk_conn *c);
/* What the cached znode's writer has not flushed is for others to flush. */
void pk_cached_orphan(struct core *core, struct pk_cached *l);
/* Drops orphans that we were not let flush and that nobody who may has asked for in time. */
void pk_cached_give_up(struct core *core);
/* The connection ends: what it has not flushed is orphaned. */
void pk_cached_conn_ends(struct core *core, struct pk_conn *c);

/* A request of c waits until these cached znodes are clean: until it is relayed nothing is absorbed there. */
enum pk_err pk_cached_hold(struct core *core, struct pk_conn *c, struct pk_znode *const *v,
                           uint32_t n) PK_NODISCARD;
/* It has been relayed, or never will be. */
void pk_cached_let_go(struct core *core, struct pk_conn *c);
static inline void pk_cached_release(struct core *core, struct pk_conn *c)
{
    if (c->holds.n > 0)
        pk_cached_let_go(core, c);
}

/* The cached znode is clean, dirty or orphaned now: puts it into the list where it belongs. */
void pk_cached_settle(struct core *core, struct pk_cached *l);
/* A hold or a flush has let go of a cached znode; frees one that has ended. */
void pk_cached_unref(struct core *core, struct pk_cached *l);
/* Forgets cached znodes that ended longer than keep_us ago. */
void pk_cached_age(struct core *core, int64_t keep_us);
/* What was sent is the ensemble's, or never will be. */
void pk_cached_forget_sent(struct core *core, struct pk_cached *l);
/* Ends every cached znode, for the end of the core. */
void pk_cached_drop_all(struct core *core);

#endif
