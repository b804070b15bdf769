/*
 * The policies of the mounts, as configured: their readers and writers, and Pacemaker's authentication in one word.
 */
#ifndef PK_IO_CONFIG_POLICY_H
#define PK_IO_CONFIG_POLICY_H

#include "io/config/config.h"

/*
 * What auth of the mounts stands for (JAAS file, nimbus-user) is added to their readers and to our own credentials, and
 * the policies are checked. Once, when every source has been read. PK_EINVAL with the reason in error.
 */
enum pk_err pk_policies_resolve(struct pk_config *config, struct pk_config_error *error) PK_NODISCARD;

/* Room for the core's view of a policy. */
struct pk_policy_view {
    struct core_policy policy;
    struct core_who readers[PK_MAX_WHOS], writers[PK_MAX_WHOS], own[PK_MAX_AUTHS];
    char text[3][PK_WHOS_TEXT];
};
/* The core's view of the i-th mount's policy, which points into view; NULL when it has none. */
const struct core_policy *pk_policy_view(const struct pk_config *config, size_t i,
                                         struct pk_policy_view *view);

#endif
