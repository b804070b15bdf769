/*
 * Assertions.
 *
 * PK_BUG_ON stays on in every build: cheap conditions whose breach would corrupt what clients are told, so that ending
 * the process is the lesser harm. PK_CHECK is for conditions that cost something; it is on in builds with sanitizers
 * (PK_CHECKS), where the tests run.
 */
#ifndef PK_BASE_CHECK_H
#define PK_BASE_CHECK_H

#include <stdlib.h>

#define PK_BUG_ON(condition)                                                                                 \
    do {                                                                                                     \
        if (__builtin_expect(!!(condition), 0))                                                              \
            abort();                                                                                         \
    } while (0)

#ifdef PK_CHECKS
#define PK_CHECK(condition) PK_BUG_ON(!(condition))
#else
#define PK_CHECK(condition) ((void)sizeof(!(condition)))
#endif

#endif
