/*
 * A message for which the ensemble is asked: one request after the other on a lane, each by what the one before was
 * answered. It keeps the message, and goes on when its client leaves.
 *
 *   GET_PULSE, EXISTS        getData
 *   GET_ALL_NODES_FOR_PATH   getChildren
 *   SEND_PULSE               exists ──OK──► setData;   NONODE: exists of its parents, up to one that is there, creates
 *   DELETE_PULSE_ID          delete ──NOTEMPTY──► setData(null)
 *   DELETE_PATH              getChildren, then each child in the same way, then delete (walk.c)
 */
#ifndef PK_CORE_PULSE_JOB_H
#define PK_CORE_PULSE_JOB_H

#include "core/pulse/pacemaker.h"

struct pk_level;

struct pk_job {
    struct pk_list of_lane;
    struct pk_client *client; /* NULL: it has gone */
    struct pk_blob *frame;    /* the message, */
    struct pk_pulse m;        /* decoded from it */
    uint8_t *path;            /* of the znode; a walk's is longer */
    uint32_t whole;           /* bytes of it */
    uint32_t at;              /* bytes of the path that the request is about */
    uint32_t cap;
    int32_t op, xid;         /* of the request */
    bool above;              /* the message is about what is above the mount */
    bool erase;              /* setData of null data */
    bool denied;             /* the ensemble did not let us delete all of it */
    bool emptied;            /* the children of what is deleted have been deleted before */
    uint8_t lost;            /* lanes that ended before an answer */
    uint8_t again;           /* answers that others made void */
    struct pk_level *levels; /* of a walk, the innermost last */
    uint32_t nlevels, levels_cap;
};

/* The message in f becomes its client's job; the client is to end when memory is short. */
void pk_job_begin(struct pk_pacemaker *pm, struct pk_client *c, const struct pk_frame *f,
                  struct pk_bytes path, bool above);
/* The client ends. */
void pk_job_disown(struct pk_client *c);
/* Frees a job that nobody has, for the end of the core. NULL is allowed. */
void pk_job_free(struct pk_pacemaker *pm, struct pk_job *job);

/* For the lane: bytes of the request's body, and these. */
size_t pk_job_request_len(const struct pk_job *job);
void pk_job_request_put(const struct pk_job *job, uint8_t *p);
/* The answer to its request; it asks on, or ends. */
void pk_job_answer(struct pk_pacemaker *pm, struct pk_job *job, const struct pk_reply *r,
                   struct pk_bytes body);
/* The lane has gone: again on another one, or its client is told by an end. */
void pk_job_lost(struct pk_pacemaker *pm, struct pk_job *job);

#endif
