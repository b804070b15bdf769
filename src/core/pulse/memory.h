/*
 * What Pacemaker's messages do to held znodes, without asking anybody.
 */
#ifndef PK_CORE_PULSE_MEMORY_H
#define PK_CORE_PULSE_MEMORY_H

#include "core/sync/sync.h"

enum pk_memory {
    PK_MEMORY_DONE,   /* or the client is to end for want of memory */
    PK_MEMORY_CANNOT, /* the ensemble has a say */
    PK_MEMORY_RESTS,  /* its turn is over, the message is to be judged again */
};

/* The details become the znode's: a held one, or one below a held parent. */
enum pk_memory pk_memory_send(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path,
                              struct pk_bytes details);
/* What is certain of a path: *z is the held znode, or NULL for none. False: nothing is. */
bool pk_memory_knows(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path, struct pk_znode **z);
/* The pulse goes: the znode, or its data when it has children. */
enum pk_memory pk_memory_delete(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path);
/* All held znodes at and below the path go; DONE when that is all there can be. */
enum pk_memory pk_memory_delete_all(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path);

#endif
