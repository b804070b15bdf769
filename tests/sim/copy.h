/*
 * A second store that is told every change of a core's, and nothing else: what a copy in another process would have.
 */
#ifndef PK_TESTS_SIM_COPY_H
#define PK_TESTS_SIM_COPY_H

#include "core/inspect.h"
#include "tests/lib/support.h"

struct sim_copy {
    struct sup_mem mem;
    struct core_stats stats;
    struct pk_store store;
    const struct core *core;
    int64_t kinds[PK_CHANGE_KINDS]; /* records of each kind so far */
    int deaf;                       /* a deliberate defect: records of this kind are not heard; -1 none */
    char differs[400];              /* the first finding, "" while there is none */
};

/* Listens to a core that holds nothing yet; its mounts are as configured. */
void sim_copy_start(struct sim_copy *copy, struct core *core, const struct core_config *config);
/* Says where the two differ in what is held or remembered; NULL: nowhere. Between steps only. */
const char *sim_copy_differs(struct sim_copy *copy);
/* After the core's end. */
void sim_copy_free(struct sim_copy *copy);

#endif
