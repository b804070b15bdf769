/*
 * The section group. Happy path: an address that others can be told, a secret that they share, a place in the ensemble
 * where members find each other. Failure modes: one of these is missing.
 */
#include "io/config/group.h"

#include <string.h>

#include "io/config/config.h"
#include "io/config/mounts.h"

bool pk_group_configured(const struct pk_config *config)
{
    return config->group_listen[0] != '\0';
}

enum pk_err pk_group_check(struct pk_config *config, struct pk_config_error *error)
{
    if (!pk_group_configured(config))
        return config->group_secret_file[0] == '\0'
                   ? PK_OK
                   : pk_config_fail(error, NULL, 0,
                                    "group: needs listen, the address by which other members reach this one");
    if (config->group_secret_file[0] == '\0')
        return pk_config_fail(
            error, NULL, 0,
            "group: needs secret-file, a file that all members have (openssl rand -hex 24 > "
            "FILE; chmod 600 FILE)");
    if (config->instances[0] == '\0')
        return pk_config_fail(error, NULL, 0,
                              "group: members find each other below instances: name a znode there, not none");
    if (!pk_config_holds(config))
        return pk_config_fail(error, NULL, 0,
                              "group: every mount has the mode relay: there is no memory to share");
    if (config->state_file[0] != '\0')
        pk_config_note(config, true, NULL, 0,
                       "state-file: a member of a group has none: its memory is in the copies of the others");
    if (config->release)
        pk_config_note(config, true, NULL, 0,
                       "release: true: a stop moves all into the ensemble, although another member may take "
                       "it over");
    return PK_OK;
}

struct pk_bytes pk_group_key(const struct pk_config *config)
{
    return (struct pk_bytes){(const uint8_t *)config->group_secret, (uint32_t)strlen(config->group_secret)};
}

bool pk_group_address(const struct pk_config *config, struct pk_hostport *out)
{
    const char *why = "", *text = config->group_listen;
    return pk_group_configured(config) && pk_hostport_parse(out, text, strlen(text), -1, &why) == PK_OK;
}
