/*
 * The figures that the core keeps (metrics.def).
 */
#ifndef PK_CORE_STORE_STATS_H
#define PK_CORE_STORE_STATS_H

#include <stdint.h>

struct core_stats {
#define X(name, kind, help) int64_t name;
#include "core/store/metrics.def"
#undef X
    int64_t newest_zxid; /* highest header zxid seen from the ensemble, 0 when none */
};

#endif
