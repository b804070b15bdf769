/*
 * What memory knows of paths below the mounts: a tree of znodes, found name by name through one hash map.
 *
 * A znode is created in memory (exists only here), promoting (being created in the ensemble) or merely known: a path of
 * which there is something to remember (a mount's root, an upstream parent of local znodes, a watch, a request
 * in flight, a recent promotion). A known znode without a reason is forgotten at once, so memory follows what is
 * held.
 *
 *   known ──local create──► local ──promote begins──► promoting ──created upstream──► replaying ──counters equal──► promoted
 *     ▲                │  ▲                   │ refused: local again                                      │
 *     └─────local delete──────┘  └───────────────────┘                                        known again ◄─ later
 */
#ifndef PK_CORE_STORE_H
#define PK_CORE_STORE_H

#include "base/blob.h"
#include "base/list.h"
#include "base/map.h"
#include "core/core.h"
#include "proto/records.h"

struct pk_cached;

enum pk_znode_state {
    PK_ZNODE_TRACKED,
    PK_ZNODE_LOCAL,
    PK_ZNODE_PROMOTING, /* its create is under way; reads are still local, writes wait */
    PK_ZNODE_REPLAYING, /* it exists upstream, its counters are being replayed; otherwise as promoting */
    PK_ZNODE_PROMOTED,  /* the ensemble's; the zxids of the promotion are remembered for servers that lag */
};

struct pk_znode {
    struct pk_map_node map;
    struct pk_znode *parent; /* NULL for a mount's root */
    struct pk_znode *children, *next, **pprev;
    struct pk_blob *data;     /* NULL: null data (local), nothing (known) */
    struct pk_tracking *aux;  /* watches, requests in flight and asks; NULL when there are none */
    struct pk_cached *cached; /* known or promoted: its refreshes are absorbed (cached.h); else NULL */
    /* Local: as in its Stat. Promoted: czxid and mzxid are those of the create and of the last replayed step.
     * Known, with local children: czxid is the parent's upstream one (0 not seen yet), pzxid the local share.
     */
    int64_t czxid, mzxid, pzxid, ctime, mtime;
    int32_t version;
    int32_t cversion; /* local: as in its Stat; else the local deletes below it */
    int32_t nlocal;   /* children that are created in memory, promoting or replaying */
    uint32_t len;     /* of the name */
    uint8_t state;    /* enum pk_znode_state */
    uint8_t mount;
    bool uncertain : 1;        /* a promotion was cut off: the ensemble may have it */
    bool replace : 1;          /* it has: the next attempt deletes that one first */
    bool replaying_pairs : 1;  /* its local deletes are being replayed: pinned, and further replays wait */
    bool named : 1;            /* collected already for the promotion that is being prepared */
    bool no_local_creates : 1; /* a container or TTL znode */
    bool listed : 1;           /* upstream's listing that is being merged names it too */
    bool refused : 1;          /* the ensemble refused to take it: not tried again unasked */
    bool restored : 1;         /* from a state file, not yet compared with the ensemble */
    char name[];               /* below its parent; of a mount's root the whole path */
};

struct pk_mount {
    struct core_mount config; /* path owned */
    struct pk_bytes path;
    struct pk_znode *root;
    uint64_t znodes; /* local and promoting */
    uint64_t cached_znodes, dirty;
    uint64_t bytes;     /* data and names of both */
    uint32_t recursive; /* recursive watches at or above the root */
    struct pk_list due; /* dirty cached znodes (pk_cached.due), oldest first */
    int64_t credit_us;  /* of flushes: flush_us buys one */
    bool full_noted;
    bool unpromoted; /* there may be local znodes that the mode does not hold */
    bool stuck;      /* what the mode does not hold is refused by the ensemble: not tried again */
};

struct pk_store {
    const struct pk_mem *mem;
    struct core_stats *stats;
    struct pk_map map;
    uint64_t seed;
    struct pk_mount *mounts;
    size_t nmounts;
    uint32_t forgotten;    /* grows with every znode freed: guards remembered pointers */
    uint32_t losses;       /* grows whenever a znode is held no more */
    struct pk_list recent; /* pk_tracking.recent, oldest first */
    uint8_t *scratch;      /* room for the longest path known */
    size_t scratch_cap;
};

/* Rare company of a znode. */
struct pk_tracking {
    struct pk_list watches;   /* struct pk_watch.of_znode */
    struct pk_list prechecks; /* struct pk_precheck_link */
    uint32_t inflight;        /* relayed requests that may create, delete or protect it */
    struct pk_list
        recent; /* in pk_store.recent: servers may lag behind a promotion of it or of its local deletes */
    struct pk_znode *znode;
    int64_t recent_us;
    int64_t replayed_zxid;  /* of the newest replay of local deletes, */
    int32_t replayed_pairs; /* and how many it was */
    int64_t
        floor_zxid; /* a cached znode of it ended with its znode: answers of before this zxid are asked again */
    int64_t
        changed_zxid; /* deleted, created or protected up to here: an earlier write's answer cached znodes nothing */
};

/* Levels below a mount's root that are held or watched over; what lies deeper is the ensemble's alone. */
enum { PK_DEPTH_MAX = 64 };

/* Where a path lies. */
enum pk_place { PK_OUTSIDE, PK_AT_ROOT, PK_BELOW };

enum pk_err pk_store_init(struct pk_store *store, const struct pk_mem *mem, const struct core_config *config,
                          struct core_stats *stats) PK_NODISCARD;
void pk_store_drop(struct pk_store *store);

/* Which mount has the path, whatever its mode; *mount is NULL when outside. */
enum pk_place pk_store_place(const struct pk_store *store, struct pk_bytes path, struct pk_mount **mount);
/* The mount that a znode belongs to. */
static inline struct pk_mount *pk_store_mount(const struct pk_store *store, const struct pk_znode *z)
{
    return &store->mounts[z->mount];
}
/* The znode of a path, or NULL when nothing is known of it. */
struct pk_znode *pk_store_find(const struct pk_store *store, struct pk_bytes path);
/* The known child of z of that name, or NULL. */
struct pk_znode *pk_store_child(const struct pk_store *store, const struct pk_znode *z, struct pk_bytes name);
/* The znode of a path at or below a mount, made known (with its ancestors up to the root) when it is not. */
struct pk_znode *pk_store_track(struct pk_store *store, struct pk_mount *mount,
                                struct pk_bytes path) PK_NODISCARD;
/* The aux of a znode, made when it has none; NULL when out of memory. */
struct pk_tracking *pk_store_tracking(struct pk_store *store, struct pk_znode *z) PK_NODISCARD;
/* Forgets a known znode, and its ancestors, as far as there is no reason left to remember them. */
void pk_store_tidy(struct pk_store *store, struct pk_znode *z);
/* A known or promoted znode was deleted in the ensemble: what was remembered of that one is void. The caller tidies. */
void pk_store_gone(struct pk_znode *z);
/* Remembers for a while that the ensemble has just been told of the znode, for servers that lag. */
enum pk_err pk_store_remember(struct pk_store *store, struct pk_znode *z, int64_t now_us) PK_NODISCARD;
/* The ensemble showed this czxid for the znode. A known one that was deleted and created anew by others has lost the
 * local deletes that were counted. */
void pk_store_seen(struct pk_znode *z, int64_t czxid);
/* Forgets what was remembered longer than keep_us. */
void pk_store_age(struct pk_store *store, int64_t now_us, int64_t keep_us);

static inline struct pk_bytes pk_znode_name(const struct pk_znode *z)
{
    return (struct pk_bytes){(const uint8_t *)z->name, z->len};
}

/* Bytes of the full path. */
size_t pk_znode_path_len(const struct pk_znode *z);
/* Writes the full path; returns the end. */
uint8_t *pk_znode_path_put(uint8_t *p, const struct pk_znode *z);
/* The full path, in a buffer of the store that the next call overwrites. */
struct pk_bytes pk_store_path(struct pk_store *store, const struct pk_znode *z);
/* True when this is the znode's full path. */
bool pk_znode_is_at(const struct pk_znode *z, struct pk_bytes path);

/* True when memory answers reads of it. */
static inline bool pk_znode_held(const struct pk_znode *z)
{
    return z != NULL && z->state >= PK_ZNODE_LOCAL && z->state <= PK_ZNODE_REPLAYING;
}

static inline bool pk_znode_busy(const struct pk_znode *z)
{
    return z != NULL && (z->state == PK_ZNODE_PROMOTING || z->state == PK_ZNODE_REPLAYING);
}

/* Child local deletes absorbed below a held znode. */
static inline int32_t pk_znode_local_deletes(const struct pk_znode *z)
{
    return pk_znode_held(z) ? (z->cversion - z->nlocal) / 2 : z->cversion;
}

/* Stat of a held or cached znode. */
void pk_znode_stat(const struct pk_znode *z, struct pk_stat *st);

/* Next znode of the subtree of root in preorder after z (NULL at the end); start with z == root. */
struct pk_znode *pk_znode_walk(const struct pk_znode *root, struct pk_znode *z);

/* Every mutation of what is held is one of these, and goes through pk_store_apply. */
enum pk_change_kind {
    PK_CHANGE_LOCAL_CREATE, /* znode: known, its parent known or local */
    PK_CHANGE_SET,          /* znode: local */
    PK_CHANGE_LOCAL_DELETE, /* znode: local, without local children */
    PK_CHANGE_PROMOTED,     /* znode: replaying; czxid and mzxid hold the promotion's zxids */
    PK_CHANGE_LOST,         /* znode: local or promoting; the ensemble's own znode of that path stays */
    PK_CHANGE_CACHED, /* znode: known or promoted; cached znode, blob and stat: the ensemble has just taken this data */
    PK_CHANGE_UNCACHED, /* znode: cached */
};

struct pk_change {
    enum pk_change_kind kind;
    struct pk_znode *znode;
    struct pk_bytes data;
    struct pk_cached *cached;
    struct pk_blob *blob; /* a reference is taken; NULL is null data */
    const struct pk_stat *stat;
    int64_t wall_ms, now_us;
    int64_t session_id; /* who: 0 for ourselves */
};

/*
 * Carries out one change: data, versions, zxids, times, parents' counters, figures. SET is for local znodes and cached
 * ones. PK_ENOMEM (BIRTH, SET and SUNK only): nothing changed. After DEATH, SUNK, LOST and UNLEASED the caller tidies
 * the znode when it is done with it.
 */
enum pk_err pk_store_apply(struct pk_store *store, const struct pk_change *change) PK_NODISCARD;

/* True when the mount takes `more` bytes for a znode that then has `data` bytes of data (local creates and new cached znodes: one
 * znode more). */
bool pk_store_has_room(const struct pk_mount *mount, bool local_create, uint64_t more, size_t data);

#endif
