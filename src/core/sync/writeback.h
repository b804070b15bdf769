/*
 * Cached znodes: those of the ensemble whose refreshes memory absorbs, and how they are written back.
 *
 *   setData relayed, answered OK ──► CLEAN, this client permitted ──► its setData absorbed: DIRTY
 *                                      ▲                               │ writer gone: ORPHAN ──not let: REFUSED
 *                                      │ OK                            ▼
 *                                      └─────────────────────────── IN_FLIGHT ◄── BATCHED
 *                                                                      └ no answer: dirty, uncertain ──► VERIFYING
 *
 *   foreign write, delete, multi, setACL, another czxid, nobody permitted: RETIRED (the value stays for servers that
 *   lag)
 *   or gone
 *
 * Reads are the ensemble's own, with the newest data and counters put into the answer; exists alone is answered from
 * memory, for a client that has a permit and was let read once, while our copy of the Stat is fresh.
 */
#ifndef PK_CORE_SYNC_WRITEBACK_H
#define PK_CORE_SYNC_WRITEBACK_H

#include "core/sync/sync.h"

enum {
    PK_PENDING_EARLY = 500, /* absorbed writes of one znode that are flushed without waiting */
    PK_PENDING_MAX = 1000,  /* and with this many nothing more is absorbed until they are flushed */
    PK_REFUSED = 4, /* connections that are remembered as not let; beyond, some try again a few times */
};

/* The state says in which list `due` is. */
enum pk_writeback_state {
    PK_WRITEBACK_CLEAN,     /* none */
    PK_WRITEBACK_DIRTY,     /* its mount's, by age */
    PK_WRITEBACK_HURRIED,   /* sync.hurried */
    PK_WRITEBACK_ORPHAN,    /* sync.orphans */
    PK_WRITEBACK_REFUSED,   /* sync.refused */
    PK_WRITEBACK_BATCHED,   /* none: collected for the flush that is being made */
    PK_WRITEBACK_IN_FLIGHT, /* none */
    PK_WRITEBACK_VERIFYING, /* none: what the ensemble has is asked first, as a flush was never answered */
    PK_WRITEBACK_RETIRED,   /* sync.retired */
    PK_WRITEBACK_ENDED,     /* none: the value is gone, somebody still refers to it */
    PK_WRITEBACK_STATES
};

struct pk_writeback {
    struct pk_cached cached; /* first: what the store has is this */
    uint8_t state;           /* enum pk_writeback_state */
    bool verifying;          /* what the ensemble has is being asked, */
    bool blocking;           /* and nothing may be sent before the answer */
    bool same_acl;    /* the service session has found the ACL under which the pending writes were absorbed */
    bool helped;      /* its writer's server is silent: the service session flushes it, as an orphan, */
    bool helpless;    /* or was not let */
    int32_t aversion; /* of that ACL */
    int32_t inflight; /* pending writes in a flush that is under way */
    int32_t uncertain;    /* of these in a flush whose answer never came: verified before the next one */
    uint32_t holds;       /* requests that wait for it to be clean: nothing is absorbed meanwhile */
    struct pk_blob *sent; /* the data of the flush that is under way or uncertain; NULL is null data */
    int32_t
        late; /* writes of a flush that was not there when asked about: its server may carry it out yet, */
    struct pk_blob *late_data; /* and its data; */
    bool was_late;      /* it must have been carried out, as the next one did not fit: asked about again */
    int64_t since_us;   /* since when it is dirty, or retired */
    int64_t refused_us; /* when the service session was not let flush it; 0 was not refused */
    struct pk_id refused[PK_REFUSED]; /* nor were these connections, whose requests do not wait for it; */
    uint8_t refused_next;             /* the place of the next one */
    struct pk_client *writer;         /* of the newest absorbed write; NULL when clean or orphaned */
    struct pk_list permits;           /* struct pk_permit.of_cached */
    struct pk_list of_writer;         /* in pk_client.dirty */
    struct pk_list due;
    struct pk_list waiters; /* struct pk_wait.list */
};

/* Why a cached value ends, as far as it matters for what is dirty. */
enum pk_cached_end {
    PK_CACHED_OVER,    /* our own doing: nothing should be dirty */
    PK_CACHED_FOREIGN, /* somebody else wrote: theirs stays */
    PK_CACHED_GONE,    /* deleted or created anew by somebody else */
    PK_CACHED_DROPPED, /* nobody is let flush it */
    PK_CACHED_MOVED,   /* another process has it */
};

/* How a value of another process was on its way back. */
struct pk_adopted {
    int32_t aversion;
    int32_t uncertain, late;
    struct pk_blob *sent, *late_data; /* references are taken; NULL is null data */
};

static inline struct pk_writeback *pk_writeback_of(const struct pk_znode *z)
{
    return (struct pk_writeback *)z->cached;
}

/* Something is absorbed that the ensemble does not have. */
static inline bool pk_writeback_dirty(const struct pk_writeback *w)
{
    return w->state != PK_WRITEBACK_CLEAN && w->state < PK_WRITEBACK_RETIRED;
}

/* Nothing may be sent about it now: a flush, or the question that must come before one, is under way. */
static inline bool pk_writeback_on_its_way(const struct pk_writeback *w)
{
    return w->inflight > 0 || (w->verifying && (w->uncertain > 0 || w->blocking));
}

/* Its writer is there to flush it: its server answers, and it has shown that it lives. */
bool pk_writeback_writer_serves(const struct pk_sync *sync, const struct pk_writeback *w);

/* True when the flush has been tried for this connection's sake in vain. */
static inline bool pk_writeback_refused(const struct pk_writeback *w, const struct pk_uplink *u)
{
    for (int i = 0; i < PK_REFUSED; i++)
        if (w->refused[i].gen == u->id.gen && w->refused[i].slot == u->id.slot)
            return true;
    return false;
}

/* True when memory absorbs a setData of this client with so many bytes of data. */
bool pk_cached_absorbs(const struct pk_sync *sync, const struct pk_client *c, const struct pk_znode *z,
                       size_t data);
/* True when memory answers exists for this client. */
bool pk_cached_knows(const struct pk_store *store, const struct pk_client *c, const struct pk_znode *z);
/* A write of c has been absorbed (PK_CHANGE_SET): dirty, and c's to flush. */
void pk_cached_absorbed(struct pk_sync *sync, struct pk_client *c, struct pk_znode *z);

/* A relayed setData of c was answered OK with this Stat: cached and permitted, or the value moves on. data NULL is null
 * data. PK_ENOMEM: nothing is cached. */
enum pk_err pk_cached_written(struct pk_sync *sync, struct pk_client *c, struct pk_znode *z,
                              struct pk_blob *data, const struct pk_stat *st, int64_t zxid) PK_NODISCARD;
/* A relayed setData of c was answered NOAUTH. */
void pk_cached_denied(struct pk_sync *sync, struct pk_client *c, struct pk_znode *z);
/* A relayed exists of c was answered OK. */
void pk_cached_read(const struct pk_client *c, const struct pk_znode *z);

/* What is known of one, for a copy. */
struct pk_adopted pk_writeback_told(const struct pk_writeback *w);
/* A value that has just been replayed: nobody has a permit; what is dirty is an orphan, and the ensemble is asked about
 * what may have been sent. The caller tidies the znode. */
void pk_writeback_adopt(struct pk_sync *sync, struct pk_znode *z, const struct pk_adopted *adopted);

/* Ends the cached value, which the znode must have; what the ensemble last showed is remembered for servers that lag.
 * The caller tidies the znode. */
void pk_cached_end(struct pk_sync *sync, struct pk_znode *z, enum pk_cached_end why);
/* Ends a clean one that nobody has a permit on, or whose mount is off. NULL and znodes without one are allowed; the
 * caller tidies the znode. */
void pk_cached_end_unused(struct pk_sync *sync, struct pk_znode *z);
/* Forgets values that ended longer than keep_us ago. */
void pk_cached_age(struct pk_sync *sync, int64_t keep_us);
/* Ends every one, for the end of the core. */
void pk_cached_drop_all(struct pk_sync *sync);

/* The client's permits end (sync, or its own end). */
void pk_permits_end(struct pk_sync *sync, struct pk_client *c);
/* The client ends: what it has not flushed is orphaned, its permits end. */
void pk_writeback_client_ends(struct pk_sync *sync, struct pk_client *c);
/* What the writer has not flushed is for others to flush. */
void pk_writeback_orphan(struct pk_sync *sync, struct pk_writeback *w);
/* Drops orphans that the service session was not let flush and that nobody who may has asked for in time. */
void pk_writeback_give_up(struct pk_sync *sync);

/* The pending request waits until these cached znodes are clean: until they are released nothing is absorbed there. */
enum pk_err pk_writeback_hold(struct pk_sync *sync, struct pk_pending *p, struct pk_znode *const *v,
                              uint32_t n) PK_NODISCARD;
void pk_writeback_release(struct pk_sync *sync, struct pk_pending *p);

/* It has been tried for this connection's sake, in vain. */
void pk_writeback_refuse(struct pk_writeback *w, const struct pk_uplink *u);
/* It is being collected for a flush. */
void pk_writeback_batch(struct pk_sync *sync, struct pk_writeback *w);
/* A flush of all that is pending has been sent. */
void pk_writeback_sent(struct pk_sync *sync, struct pk_writeback *w);
/* Puts it into the list where it belongs now; those who wait for it to be clean are woken when it is. */
void pk_writeback_requeue(struct pk_sync *sync, struct pk_writeback *w);
/* What was sent is the ensemble's, or never will be. */
void pk_writeback_forget_sent(struct pk_sync *sync, struct pk_writeback *w);
/* What was sent is not the ensemble's yet, and may be later; and the reverse: it may be the ensemble's by now. */
void pk_writeback_may_be_late(struct pk_sync *sync, struct pk_writeback *w);
void pk_writeback_was_late(struct pk_sync *sync, struct pk_writeback *w);
/* The base has moved on: what is late can be carried out no more. */
void pk_writeback_forget_late(struct pk_sync *sync, struct pk_writeback *w);

#endif
