/*
 * The markers of other pacekeepers, read one after the other: as many as there are, with memory for one. Each that
 * holds what we hold is warned about while it is read.
 */
#ifndef PK_IO_INSTANCES_OTHERS_H
#define PK_IO_INSTANCES_OTHERS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop/loop.h"
#include "proto/jute.h"

struct pk_ensemble;

struct pk_others {
    struct pk_loop *loop;
    void *owner;
    void (*done)(void *owner, int error); /* error: of the ensemble or enum of ensemble.h; 0: all were read */

    /* Of the reading that is under way. */
    struct pk_ensemble *ensemble;
    const char *parent, *ours; /* ours: the text of our own marker */
    uint8_t *list;             /* the answer in which the names are */
    struct pk_in names;
    int32_t left;
    char name[PK_INSTANCE_TEXT]; /* of the one that is read */
    bool ours_stands, haunted, say_all;
    int count, conflicts;

    /* Of the newest that was finished. */
    bool standing;         /* our own was there, and ours */
    int seen, conflicting; /* ours included; of the others, in conflict with ours */
    bool more;             /* more than the time before */
    int64_t said_us;       /* when all conflicts were said */
    int64_t ghost_us;      /* since when one like us is there; 0: none is */
};

/* Reads all; names and texts are borrowed until done is called, never from within. */
void pk_others_read(struct pk_others *others, struct pk_ensemble *ensemble, const char *parent,
                    const char *ours);
/* Ends a reading without its done, and forgets what was known. */
void pk_others_forget(struct pk_others *others);

#endif
