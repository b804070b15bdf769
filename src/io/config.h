/*
 * The configuration: defaults, then storm.yaml, then the file, then the command line.
 *
 * Every source sets keys through the same functions, so that a value is checked alike wherever it stands. An
 * error is one line for a person, with file and line where there is one; the configuration is then unusable.
 */
#ifndef PK_IO_CONFIG_H
#define PK_IO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "io/hostport.h"

enum { PK_MAX_LISTENS = 16, PK_MAX_SERVERS = 32, PK_MAX_MOUNTS = 32, PK_MOUNT_PATH = 1024 };

struct pk_config_mount {
    char path[PK_MOUNT_PATH];
    enum pk_mount_mode mode;
    int64_t max_znodes, max_bytes, max_znode; /* -1: as the key of the same name says */
};

struct pk_config {
#define X(field, key, type, def, min, max, help) int64_t field;
#include "io/config.def"
#undef X
    struct pk_hostport listens[PK_MAX_LISTENS]; /* empty host or "*": every address */
    size_t nlistens;
    struct pk_hostport servers[PK_MAX_SERVERS];
    size_t nservers;
    struct pk_config_mount mounts[PK_MAX_MOUNTS];
    size_t nmounts;
};

struct pk_config_error {
    char text[512];
};

/* Puts FILE:LINE: (file may be NULL, line 0) and a message into error; returns PK_EINVAL. */
enum pk_err pk_config_fail(struct pk_config_error *error, const char *file, size_t line, const char *format,
                           ...) __attribute__((format(printf, 4, 5))) PK_NODISCARD;

/* Every default. */
void pk_config_defaults(struct pk_config *config);

/*
 * Sets a single value (config.def) from text. PK_ENOENT when there is no such key; PK_EINVAL with the reason,
 * without key and place, in error.
 */
enum pk_err pk_config_set(struct pk_config *config, const char *key, const char *text,
                          struct pk_config_error *error) PK_NODISCARD;

/* Each adds one entry; clear the count first to replace. PK_EINVAL with the reason in error. */
enum pk_err pk_config_add_listen(struct pk_config *config, const char *text,
                                 struct pk_config_error *error) PK_NODISCARD;
/* One server or several with commas between; a missing port is default_port. */
enum pk_err pk_config_add_servers(struct pk_config *config, const char *text, int default_port,
                                  struct pk_config_error *error) PK_NODISCARD;
/* PATH or PATH=MODE. */
enum pk_err pk_config_add_mount(struct pk_config *config, const char *text,
                                struct pk_config_error *error) PK_NODISCARD;
/* Reads the mode of a mount. */
enum pk_err pk_config_mode(enum pk_mount_mode *mode, const char *text,
                           struct pk_config_error *error) PK_NODISCARD;
/* A number of znodes or bytes for one mount: name is max-znodes, max-bytes or max-znode. PK_ENOENT for
 * others. */
enum pk_err pk_config_mount_bound(struct pk_config_mount *mount, const char *name, const char *text,
                                  struct pk_config_error *error) PK_NODISCARD;
/* Checks a mount's path: absolute, valid, neither "/" nor below /zookeeper. */
enum pk_err pk_config_mount_path(struct pk_config_mount *mount, const char *text,
                                 struct pk_config_error *error) PK_NODISCARD;

/* What only the whole can tell: servers are named, mounts do not overlap. */
enum pk_err pk_config_check(const struct pk_config *config, struct pk_config_error *error) PK_NODISCARD;

/* "relay" or "pacemaker". */
const char *pk_config_mode_name(enum pk_mount_mode mode);

/* The name among n that text was probably meant to be, or NULL when none is near. */
const char *pk_config_nearest(const char *text, const char *const *names, size_t n);
/* The same among the keys of config.def and the lists. */
const char *pk_config_nearest_key(const char *text);

/* Reads a configuration file (YAML). Lists in it replace what was there. */
enum pk_err pk_config_file(struct pk_config *config, const char *path,
                           struct pk_config_error *error) PK_NODISCARD;
/* Takes servers, port and root from a storm.yaml; replaces servers and mounts. */
enum pk_err pk_config_storm(struct pk_config *config, const char *path,
                            struct pk_config_error *error) PK_NODISCARD;

#endif
