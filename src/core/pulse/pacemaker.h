/*
 * What Storm's Pacemaker does, on the same store: clients of another protocol, whose pulses are znodes below a mount.
 *
 *   message ──judged──► answered from memory                                  message.c, memory.c
 *              │
 *              └──► a job ──request──► lane ──answer──► next request, or the reply        job.c, walk.c, lane.c
 *
 * A pulse is a znode with data: /workerbeats/T/N is <root>/workerbeats/T/N, where <root>/workerbeats is the mount. What
 * memory cannot decide by itself is asked on a *lane*, a session of ours that is judged like any client's: prechecks,
 * promotions, merges, permits and flushes are what they are for ZooKeeper's clients.
 */
#ifndef PK_CORE_PULSE_PACEMAKER_H
#define PK_CORE_PULSE_PACEMAKER_H

#include "core/conn/sasl.h"
#include "core/serve/pending.h"
#include "proto/pulse.h"

enum {
    PK_LANES = 8,             /* a znode always goes by the same one */
    PK_PULSE_PATH_MAX = 4096, /* bytes of a znode's path: longer ones are nobody's pulses */
};

struct pk_pacemaker {
    struct pk_sync *sync;
    struct pk_mount *mount; /* NULL: no Pacemaker's clients */
    uint32_t root;          /* bytes of the mount's path that ids of pulses do not have */
    uint32_t max_message;
    enum core_login login; /* how its clients do */
    struct pk_client *lanes[PK_LANES];
    uint32_t nlanes;                 /* of these that are there */
    uint8_t path[PK_PULSE_PATH_MAX]; /* of the message that is being judged */
};

/* The mount of that path is Pacemaker's; NULL: none is. PK_EINVAL when it is no mount. */
enum pk_err pk_pacemaker_init(struct pk_pacemaker *pm, struct pk_sync *sync, const char *mount,
                              uint32_t max_message, enum core_login login) PK_NODISCARD;

/* Where the id or path of a message lies. */
enum pk_pulse_place {
    PK_PULSE_NOWHERE, /* no znode of the mount has it */
    PK_PULSE_ABOVE,   /* "/" or "": above everything */
    PK_PULSE_ROOT,    /* the mount itself */
    PK_PULSE_BELOW,
};
/* The znode's path of a message's, in pm->path; a slash at the end counts for nothing where a subtree is meant. */
enum pk_pulse_place pk_pulse_place(struct pk_pacemaker *pm, struct pk_bytes id, bool subtree,
                                   struct pk_bytes *path);
/* The id of the mount: the last name of its path, its slash in front. */
static inline struct pk_bytes pk_pulse_root_id(const struct pk_pacemaker *pm)
{
    return (struct pk_bytes){pm->mount->path.p + pm->root, pm->mount->path.len - pm->root};
}

#endif
