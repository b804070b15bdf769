/*
 * A mount: a path below which memory may hold znodes, its mode and its bounds.
 */
#ifndef PK_CORE_STORE_MOUNT_H
#define PK_CORE_STORE_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "core/store/policy.h"
#include "core/store/tally.h"
#include "proto/jute.h"

/* Mounts that a store can have in its time: none is taken out, so that their numbers stay. */
enum { PK_STORE_MOUNTS = 64 };

enum pk_mount_mode {
    PK_MODE_RELAY,     /* nothing is absorbed */
    PK_MODE_PACEMAKER, /* local creates and refreshes are absorbed; flushed only when something unusual asks */
    PK_MODE_WRITE_BEHIND /* refreshes are absorbed and flushed every flush_us */
};

/* What is configured. */
struct core_mount {
    const char *path; /* absolute, valid, not "/" and not below /zookeeper */
    enum pk_mount_mode mode;
    uint64_t max_znodes; /* local creates beyond are relayed */
    uint64_t max_bytes;  /* data and names; local creates and growth beyond are relayed */
    uint32_t max_znode;  /* bytes of data of one held znode; larger ones are the ensemble's */
    int64_t flush_us; /* write-behind: how long a write may be absorbed before it is flushed; 0 means never */
    bool absorb_watched;              /* a watch does not end absorbing: watchers see changes at the flush */
    const struct core_policy *policy; /* who may read and write there; NULL: whoever the ensemble lets */
};

/*
 * BEGINS ──all that was asked before is answered──► STANDS ──named no longer──► LEAVES: what it holds is handed over
 *   ▲                                                                             │
 *   └────────────────────────────────── named again ──────────────────────────────┘
 *
 * Until it stands, and when it leaves, its mode is relay: only watches and requests under way are known.
 */
enum pk_mount_life { PK_MOUNT_BEGINS, PK_MOUNT_STANDS, PK_MOUNT_LEAVES };

struct pk_mount {
    struct core_mount config; /* path owned; policy is NULL; mode is the one in force (pk_mount_settle) */
    enum pk_mount_life life;
    enum pk_mount_mode wanted; /* its mode when it stands */
    struct pk_policy *policy;  /* owned; NULL: open to all */
    struct pk_bytes path;
    struct pk_znode *root;
    uint64_t znodes; /* local and promoting */
    uint64_t cached_znodes, dirty;
    uint64_t bytes; /* data and names of both */
    uint32_t
        recursive; /* recursive watches at or above the root, and those that are not tracked path by path */
    uint32_t
        anywhere; /* relayed requests under way whose paths are not tracked: each may be about any of them */
    int64_t
        changed_zxid; /* one of these may have changed any path up to here: an earlier answer caches nothing */
    int64_t made_zxid;    /* no znode that was created or deleted here in memory had a higher one */
    uint64_t watch_bytes; /* of paths that are watched, or that requests under way are about (watch.h) */
    struct pk_list due;   /* dirty cached znodes (pk_writeback.due), oldest first */
    int64_t credit_us;    /* of flushes: flush_us buys one */
    struct pk_tally tally;
    bool full_said, watches_full_said;
    bool unpromoted; /* there may be local znodes that the mode does not hold */
    bool blocked;    /* what the mode does not hold is refused by the ensemble: not tried again */
};

#endif
