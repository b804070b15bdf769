/*
 * What one internal request of a flush is about; shared by those who send it (flush.c) and who take its answer in
 * (flush_answer.c).
 */
#ifndef PK_CORE_SYNC_FLUSH_JOB_H
#define PK_CORE_SYNC_FLUSH_JOB_H

#include "core/sync/writeback.h"

enum pk_flush_what {
    PK_FLUSH_WRITES, /* absorbed writes */
    PK_FLUSH_LOOK,   /* exists */
    PK_FLUSH_CHECK, /* exists behind a sync: whether the ACL is the one under which the pending writes were absorbed */
    PK_FLUSH_VERIFY, /* getData behind a sync: the truth about a flush that was never answered */
};

/* What one internal request is about. */
struct pk_flush {
    enum pk_flush_what what;
    uint32_t n;
    struct {
        struct pk_writeback *w;
        int32_t steps; /* of a flush */
        int32_t base;  /* the version that it starts from */
    } v[];
};

/* Lets go of its cached znodes, and frees it. */
void pk_flush_job_free(struct pk_sync *sync, struct pk_flush *f);

#endif
