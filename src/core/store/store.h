/*
 * The tree of znodes below the mounts, found name by name through one hash map.
 */
#ifndef PK_CORE_STORE_STORE_H
#define PK_CORE_STORE_STORE_H

#include "core/store/apply.h"
#include "core/store/tracking.h"

/* Levels below a mount's root that are held or watched over; what lies deeper is the ensemble's alone. */
enum { PK_DEPTH_MAX = 64 };

/* Where a path lies. */
enum pk_place { PK_OUTSIDE, PK_AT_ROOT, PK_BELOW };

/* A path and what is known of it: one look-up for all that judge a request. */
struct pk_target {
    enum pk_place place;
    struct pk_mount *mount;   /* NULL outside */
    struct pk_znode *znode;   /* NULL when nothing is tracked there */
    struct pk_znode *parent;  /* of the path, NULL when it is not tracked, or place is not BELOW */
    struct pk_znode *deepest; /* the path's nearest tracked ancestor, or the znode itself */
};

/*
 * An empty store. cached_size: bytes of one cached value with what its user keeps beside it (a struct that begins with
 * struct pk_cached). mem and stats outlive it. pk_store_drop is due in every case.
 */
void pk_store_init(struct pk_store *store, const struct pk_mem *mem, struct core_stats *stats, uint64_t seed,
                   size_t cached_size);
/* Adds one, copied, its root tracked. PK_ENOMEM, PK_ELIMIT, or PK_EINVAL for a path that may not be a mount: nothing is
 * changed. */
enum pk_err pk_store_add_mount(struct pk_store *store, const struct core_mount *config) PK_NODISCARD;
void pk_store_drop(struct pk_store *store);
/* Replaces a mount's policy; NULL for none. PK_ENOMEM: the one before stays. */
enum pk_err pk_store_set_policy(struct pk_store *store, struct pk_mount *m,
                                const struct core_policy *policy) PK_NODISCARD;
/* The vector<ACL> that local znodes of a mount have, and are promoted with; masked: as those without ADMIN see it. */
struct pk_bytes pk_mount_acl(const struct pk_mount *mount, bool masked);
/* The same of a local znode. */
struct pk_bytes pk_store_acl(const struct pk_store *store, const struct pk_znode *z, bool masked);

/* Which mount has the path, whatever its mode; *mount is NULL when outside. */
enum pk_place pk_store_place(const struct pk_store *store, struct pk_bytes path, struct pk_mount **mount);
/* The znode of a path, or NULL when nothing is tracked there. */
struct pk_znode *pk_store_find(const struct pk_store *store, struct pk_bytes path);
/* The same with its mount and parent. */
struct pk_target pk_store_target(const struct pk_store *store, struct pk_bytes path);
/* The tracked child of z of that name, or NULL. */
struct pk_znode *pk_store_child(const struct pk_store *store, const struct pk_znode *z, struct pk_bytes name);
/* The znode of a path at or below a mount, made tracked (with its ancestors up to the root) when it is not; NULL when
 * out of memory. */
struct pk_znode *pk_store_track(struct pk_store *store, struct pk_mount *mount,
                                struct pk_bytes path) PK_NODISCARD;
/* Forgets a tracked znode, and its ancestors, as far as there is no reason left to remember them. NULL is allowed. */
void pk_store_tidy(struct pk_store *store, struct pk_znode *z);
/*
 * A walk over all mounts, in pieces: znodes may come and go between them. Those that are there all the while are met
 * once, and a parent before its children. pk_cursor_end is due in every case; on an initialised list it is always safe.
 */
void pk_cursor_begin(struct pk_store *store, struct pk_cursor *cursor);
/* The next znode, NULL at the end. */
struct pk_znode *pk_cursor_next(struct pk_store *store, struct pk_cursor *cursor);
void pk_cursor_end(struct pk_cursor *cursor);
/* Remembers for a while that the ensemble has just been told of the znode, for servers that lag. */
enum pk_err pk_store_remember(struct pk_store *store, struct pk_znode *z, int64_t zxid,
                              int64_t now_us) PK_NODISCARD;
/* Forgets some of what was remembered longer than keep_us, and lists of children that nobody has asked for lately. */
void pk_store_age(struct pk_store *store, int64_t now_us, int64_t keep_us);

/* The full path, in a buffer of the store that the next call overwrites. */
struct pk_bytes pk_store_path(struct pk_store *store, const struct pk_znode *z);

/* True when the mount takes `more` bytes for a znode that then has `data` bytes of data (creates: one znode more). */
bool pk_store_has_room(const struct pk_mount *mount, bool create, uint64_t more, size_t data);

/* Whoever still refers to a cached value lets go of it: frees one that is gone. */
void pk_cached_unref(struct pk_store *store, struct pk_cached *l);

/* True when counters equal what they count: called by tests after every step. */
void pk_store_check(const struct pk_store *store);

#endif
