/*
 * Which watches stand for a client: every one of them, below mounts and outside, by path and kind, as the client knows
 * it. One stands from the moment at which the answer that set it has left for the client, and is gone when its event
 * has; so whatever else is lost with a server, these can be set anew on another one (design.md 9.1).
 *
 *   answer to a read with a watch, to addWatch ──► stands ──its event, removeWatches, the client's end──► gone
 *   the client's own setWatches: asked ──its answer──► stands
 *                                  └── its event ──► gone
 *
 * Paths are shared by all who watch them. A watch costs some 16 bytes, its path some 24 beside its length; a client
 * without watches costs nothing.
 */
#ifndef PK_CORE_STORE_STANDING_H
#define PK_CORE_STORE_STANDING_H

#include "core/store/slots.h"
#include "proto/jute.h"

enum pk_stand {
    PK_STAND_DATA = 1,    /* a one-shot watch on the data of a znode that is there */
    PK_STAND_EXIST = 2,   /* the same on one that is missing */
    PK_STAND_CHILD = 4,   /* a one-shot watch on its children */
    PK_STAND_LASTING = 8, /* a persistent or recursive one */
    PK_STAND_ONCE = 1 | 2 | 4,
    PK_STAND_ASKED = 4, /* so many bits above: the client's own setWatches has been sent, and not answered */
};

/* A path that somebody watches. */
struct pk_watched_path {
    uint32_t refs, len;
    uint8_t bytes[];
};

/* The paths of all clients, in the store. */
struct pk_paths {
    const struct pk_mem *mem;
    uint64_t seed;
    struct pk_slots slots;     /* tag: part of the hash */
    struct pk_standing *ended; /* whose clients have gone, and whose paths are let go piece by piece */
};

/* The watches of one client. */
struct pk_standing {
    struct pk_slots slots;    /* of struct pk_watched_path; tag: what stands, and what is asked */
    uint32_t lasting;         /* paths with a persistent or recursive watch */
    size_t bytes;             /* for all of this, as if no path were shared */
    struct pk_standing *next; /* in pk_paths.ended, */
    uint32_t swept;           /* with what is in front of this place gone already */
};

void pk_paths_init(struct pk_paths *paths, const struct pk_mem *mem, uint64_t seed);
/* Every client's watches have ended; what is left to be swept is. */
void pk_paths_drop(struct pk_paths *paths);

/* Adds kinds at a path; *s is made where it is NULL. One of DATA and EXIST takes the place of the other. PK_ENOMEM:
 * what stands is no longer known, so the client has to end. */
enum pk_err pk_standing_add(struct pk_paths *paths, struct pk_standing **s, struct pk_bytes path,
                            uint8_t kinds) PK_NODISCARD;
/* Takes kinds away; *s is freed, and NULL, when nothing is left. */
void pk_standing_take(struct pk_paths *paths, struct pk_standing **s, struct pk_bytes path, uint8_t kinds);
/* What stands or is asked at a path. */
uint8_t pk_standing_at(const struct pk_paths *paths, const struct pk_standing *s, struct pk_bytes path);
/* The kinds that an event of this type is for, asked ones included: it consumes those that are no lasting ones. */
uint8_t pk_standing_of_event(int32_t event);
/* The client's own setWatches was answered: what it asked for at this path, and no event has consumed, stands. */
void pk_standing_answered(struct pk_paths *paths, struct pk_standing *s, struct pk_bytes path, uint8_t kind);
/* The next one from *at on, which starts at 0; false at the end. */
bool pk_standing_next(const struct pk_standing *s, uint32_t *at, struct pk_bytes *path, uint8_t *kinds);
/* The client ends. Of its paths a first piece is let go, the others by pk_paths_sweep. */
void pk_standing_end(struct pk_paths *paths, struct pk_standing **s);
/* There is something left for pk_paths_sweep. */
static inline bool pk_paths_ended(const struct pk_paths *paths)
{
    return paths->ended != NULL;
}
/* Lets a few hundred paths of ended clients go; returns how many places were looked at. */
size_t pk_paths_sweep(struct pk_paths *paths);

#endif
