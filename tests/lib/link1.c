/*
 * The daemon as a member of the release before: it speaks the first version of the link between members alone.
 *
 * Linked with --wrap=core_new. Happy path: a core with a group is told so; anything else is the daemon's own.
 * Failure modes: those of core_new.
 */
#include "core/core.h"

enum pk_err __real_core_new(struct core **out, const struct pk_mem *mem, const struct core_config *config);
enum pk_err __wrap_core_new(struct core **out, const struct pk_mem *mem, const struct core_config *config);

enum pk_err __wrap_core_new(struct core **out, const struct pk_mem *mem, const struct core_config *config)
{
    if (config->group == NULL)
        return __real_core_new(out, mem, config);
    struct core_group group = *config->group;
    struct core_config first = *config;
    group.link_version = 1;
    first.group = &group;
    return __real_core_new(out, mem, &first);
}
