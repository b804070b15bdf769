/*
 * The store: mounts, the tree of znodes below them, and what hangs on it.
 */
#ifndef PK_CORE_STORE_TREE_H
#define PK_CORE_STORE_TREE_H

#include "base/pool.h"
#include "core/store/change.h"
#include "core/store/mount.h"
#include "core/store/stats.h"

struct pk_cursor {
    struct pk_list list; /* in pk_store.cursors */
    size_t mount;
    struct pk_znode *at; /* that is met next; NULL: the mount's root, or the end of the last one */
    bool begun;          /* in this mount */
};

/* Whoever has watches: a client embeds one. */
struct pk_watcher {
    struct pk_list watches; /* struct pk_watch.of_watcher */
    size_t bytes;           /* for what it watches and has under way, as if it shared no path with another */
};

struct pk_store {
    const struct pk_mem *mem;
    struct core_stats *stats;
    struct pk_map map;
    uint64_t seed;
    struct pk_mount *mounts;   /* PK_STORE_MOUNTS of them; NULL: none yet */
    size_t nmounts, npolicies; /* npolicies: of the mounts with one */
    struct pk_tally outside;   /* of paths below no mount, and of requests without one */
    struct pk_pool cached, intents, watches;
    struct pk_watcher
        ended;            /* has those of watchers that have ended, until they are swept; they tell nobody */
    size_t watch_memory;  /* bytes of paths that one watcher may have tracked (watch.h) */
    struct pk_tap tap;    /* of every change; hear is NULL when nobody listens */
    uint32_t freed_epoch; /* grows with every znode freed: guards remembered pointers */
    uint32_t invalidations; /* grows whenever a read may have to be relayed that memory could answer before */
    bool asleep;            /* another process holds memory: mounts are watched, nothing is absorbed */
    uint32_t walk;          /* of the newest walk (pk_store_walk_begin) */
    struct pk_list recent;  /* pk_tracking.recent, oldest first, */
    int64_t recent_zxid;    /* and the newest zxid that any of them had there */
    struct pk_list cursors; /* struct pk_cursor.list */
    struct pk_list listings; /* pk_listing.all, least recently asked for first */
    uint8_t *scratch;        /* room for the longest path known */
    size_t scratch_cap;
};

/* The mount that a znode belongs to. */
static inline struct pk_mount *pk_store_mount(const struct pk_store *store, const struct pk_znode *z)
{
    return &store->mounts[z->mount];
}
/* The mode in force follows from what is configured and from whether memory is asleep. */
static inline void pk_mount_settle(const struct pk_store *store, struct pk_mount *m)
{
    m->config.mode = store->asleep || m->life != PK_MOUNT_STANDS ? PK_MODE_RELAY : m->wanted;
}
/* Begins a walk: no znode has been met by it yet. */
static inline void pk_store_walk_begin(struct pk_store *store)
{
    store->walk++;
}
/* True the first time that the walk meets the znode. */
static inline bool pk_store_meets(const struct pk_store *store, struct pk_znode *z)
{
    bool first = z->map.mark != store->walk;
    z->map.mark = store->walk;
    return first;
}
static inline bool pk_store_met(const struct pk_store *store, const struct pk_znode *z)
{
    return z->map.mark == store->walk;
}
/* True the first time that the walk comes to this mark (pk_below.listed, pk_below.walked). */
static inline bool pk_store_enters(const struct pk_store *store, uint32_t *mark)
{
    bool first = *mark != store->walk;
    *mark = store->walk;
    return first;
}

#endif
