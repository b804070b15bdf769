/*
 * Schedules that known-bad variants of the core shrank to (variant.h): what ships passes each, the variant does not.
 */
#ifndef PK_TESTS_SIM_GROUP_SCRIPTS_H
#define PK_TESTS_SIM_GROUP_SCRIPTS_H

#include "variant.h"

struct script {
    enum variant variant;
    const char *text; /* schedule.h */
};
extern const struct script scripts[];
extern const int nscripts;

#endif
