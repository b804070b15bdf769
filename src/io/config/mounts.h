/*
 * The mounts of a configuration.
 */
#ifndef PK_IO_CONFIG_MOUNTS_H
#define PK_IO_CONFIG_MOUNTS_H

#include "io/config/config.h"

/* PATH, PATH=MODE or PATH=MODE,KEY=VALUE,... . */
enum pk_err pk_config_add_mount(struct pk_config *config, const char *text,
                                struct pk_config_error *error) PK_NODISCARD;
/* The next entry of the list, with the defaults; not counted in nmounts before pk_config_mount_done. */
enum pk_err pk_config_room(struct pk_config *config, struct pk_config_mount **out,
                           struct pk_config_error *error) PK_NODISCARD;
/* The entry of pk_config_room is complete: checks it beside those before it, and counts it. */
enum pk_err pk_config_mount_done(struct pk_config *config, struct pk_config_error *error) PK_NODISCARD;
/* Reads the mode of a mount. */
enum pk_err pk_config_mode(enum pk_mount_mode *mode, const char *text,
                           struct pk_config_error *error) PK_NODISCARD;
/* Checks a mount's path: absolute, valid, neither "/" nor below /zookeeper. */
enum pk_err pk_config_mount_path(struct pk_config_mount *mount, const char *text,
                                 struct pk_config_error *error) PK_NODISCARD;
/* "relay", "pacemaker" or "write-behind". */
const char *pk_config_mode_name(enum pk_mount_mode mode);
/* The core's view of a mount, with the values that it takes from the whole. */
struct core_mount pk_config_core_mount(const struct pk_config *config, size_t i);
/* MODE, and what of the rest is not the default: write-behind,flush=60s. Returns out. */
const char *pk_config_show_mount(const struct pk_config *config, size_t i, char out[PK_VALUE_TEXT]);
/* The number of the mount of that path, -1 when there is none. */
int pk_config_find_mount(const struct pk_config *config, const char *path);
/* True when a mount's mode is not relay. */
bool pk_config_holds(const struct pk_config *config);

#endif
