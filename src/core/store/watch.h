/*
 * Who watches, and what is on its way to the ensemble, path by path below the mounts.
 *
 * An *intent* ties a relayed request to a znode from the moment it is sent: what it may change there, or watch. While
 * it stands, local creates at that path and directly below it are relayed (the ensemble decides who comes first), and
 * prechecks that look at it are worthless. Intents that watch become standing watches with a good reply. A watched path
 * is never absorbed; over-approximation costs speed only (design.md 5.4, 9).
 *
 * What is tracked for this is bounded: for each watcher by pk_store.watch_memory, for a mount by PK_WATCH_MOUNT times
 * that. Beyond, a path is not tracked: while its request is under way nothing is created locally in the whole mount,
 * and if it watches, the mount is watched whole from then on.
 *
 *   request sent ──intent──► in flight ──good reply──► standing ──its event, the watcher's end──► gone
 */
#ifndef PK_CORE_STORE_WATCH_H
#define PK_CORE_STORE_WATCH_H

#include "core/store/store.h"

enum pk_intent_kind {
    PK_INTENT_WRITE = 1,     /* may create, write, delete or protect the znode */
    PK_INTENT_DELETE = 2,    /* a success means that it is gone: local deletes below it are forgotten */
    PK_INTENT_TRANSIENT = 4, /* a success makes it a container or TTL znode: no local creates below it */
    PK_INTENT_DATA = 8,      /* a one-shot data or exists watch */
    PK_INTENT_CHILD = 16,    /* a one-shot child watch */
    PK_INTENT_PERSISTENT = 32,
    PK_INTENT_RECURSIVE = 64,
    PK_INTENT_SHOW =
        128, /* the answer shows the znode and is not brought up to date: nothing is absorbed meanwhile */
    PK_INTENT_WATCHES = 8 | 16 | 32 | 64,
};

enum {
    PK_WATCH_MOUNT = 16,
    PK_INTENT_PATHS = 1000,   /* of one request, pk_intend; */
    PK_INTENT_WATCHED = 4000, /* of those that it watches: clients split what is longer than 128 KiB */
};

struct pk_intent {
    struct pk_intent *next;
    struct pk_znode *znode;
    uint8_t kinds;
    bool anywhere; /* its path is not tracked: znode is the mount's root */
};

struct pk_watch {
    struct pk_list of_watcher, of_znode;
    struct pk_watcher *watcher;
    struct pk_znode *znode;
    uint8_t standing;     /* PK_INTENT_WATCHES bits */
    uint32_t inflight[4]; /* per bit, in order */
};

/* Ties a request to a path below a mount (target of pk_store_target): an intent is added to its own (*intents) and
 * counted at the znode, which is tracked from then on; without room for that the whole mount is marked instead (*full).
 * nth: which of the request's paths below mounts this is. Behind PK_INTENT_PATHS of them those that are not tracked,
 * and are not watched, are not tracked either: they have the mount marked until the request is over, which takes less
 * time. Behind PK_INTENT_WATCHED of them there is no room for watches.
 * PK_ENOMEM: nothing was added. */
enum pk_err pk_intend(struct pk_store *store, struct pk_watcher *w, struct pk_intent **intents,
                      const struct pk_target *target, struct pk_bytes path, uint8_t kinds, size_t nth,
                      bool *full) PK_NODISCARD;
/* The same for a znode, without a look at the room. The znode is tidied when that fails. */
enum pk_err pk_intent_add(struct pk_store *store, struct pk_watcher *w, struct pk_intent **intents,
                          struct pk_znode *z, uint8_t kinds) PK_NODISCARD;
/* The request is over: with success watches stand and deletes forget. watches_stand: watch bits that stand although it
 * failed (an exists watch on a missing znode). */
void pk_intents_end(struct pk_store *store, struct pk_watcher *w, struct pk_intent **intents, bool success,
                    uint8_t watches_stand);

/* A watch that stands already, set before there was its mount: kinds are PK_INTENT_WATCHES at the path of the target.
 * Without room the whole mount is watched. PK_ENOMEM: it is not known. */
enum pk_err pk_watch_stands(struct pk_store *store, struct pk_watcher *w, const struct pk_target *target,
                            struct pk_bytes path, uint8_t kinds) PK_NODISCARD;

/* A notification: one-shot watches that it consumes are cleared. The caller tidies z. */
void pk_watches_fired(struct pk_store *store, struct pk_watcher *w, struct pk_znode *z, int32_t event);
/* The watcher, who has nothing under way, ends, and its watches with it. Of many a first piece is let go, the others by
 * pk_watches_sweep. */
void pk_watches_end(struct pk_store *store, struct pk_watcher *w);
/* There is something left for pk_watches_sweep. */
static inline bool pk_watches_ended(const struct pk_store *store)
{
    return !pk_list_empty(&store->ended.watches);
}
/* Lets a piece of it go; how many there were. */
size_t pk_watches_sweep(struct pk_store *store);

/* What pk_watcher.bytes says, counted anew: for what it watches, and for a request that it has under way. */
size_t pk_watcher_bytes(const struct pk_watcher *w);
size_t pk_intents_bytes(const struct pk_intent *intents);

/* True when a local create of the target would be seen by a watch, now or in flight: at the znode, as a child of its
 * parent, or through a recursive watch above. */
bool pk_watched(const struct pk_target *target);
/* True when a watch may depend on the data of a znode below a mount. */
bool pk_data_watched(const struct pk_store *store, const struct pk_znode *z);
/* True when a relayed request is under way that may create, write, delete or protect the znode, or shows it. NULL is
 * allowed. */
static inline bool pk_intended(const struct pk_znode *z)
{
    return z != NULL && z->tracking != NULL && z->tracking->inflight > 0;
}

#endif
