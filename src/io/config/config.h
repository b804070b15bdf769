/*
 * The configuration: defaults, then storm.yaml, then the file, then the command line.
 *
 * Every source sets keys through the same functions, so that a value is checked alike wherever it stands. An
 * error is one line for a person, with file and line where there is one; the configuration is then unusable.
 */
#ifndef PK_IO_CONFIG_CONFIG_H
#define PK_IO_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "io/config/admin.h"
#include "io/config/auth.h"
#include "io/config/error.h"
#include "io/config/hostport.h"
#include "io/config/login.h"
#include "io/config/networks.h"
#include "io/config/sasl_settings.h"
#include "io/config/value.h"
#include "io/config/whos.h"

enum {
    PK_MAX_LISTENS = 16,
    PK_MAX_SERVERS = 32,
    PK_MAX_MOUNTS = 32,
    PK_MAX_PROXIES = 32,
    PK_MOUNT_PATH = 1024,
    PK_MAX_NOTES = 12,
    PK_MAX_ADMIN_LISTENS = 8,
    PK_GROUP_SECRET = 256
};

/* Keys that a mount may have of its own. */
#define PK_OWN_LIVE(field)
#define PK_OWN_START(field)
#define PK_OWN_MOUNT(field) int64_t field;

struct pk_config_mount {
    char path[PK_MOUNT_PATH];
    enum pk_mount_mode mode;
    struct pk_whos readers, writers;
    /* -1: as the key of the same name says */
#define X(field, key, type, def, min, max, when, help) PK_OWN_##when(field)
#include "io/config/config.def"
#undef X
};

/* What is no mistake, and yet probably not what was meant. */
struct pk_config_note {
    bool warn; /* else for information */
    char text[400];
};

/* Where a value comes from; later ones override earlier ones. */
enum pk_origin { PK_ORIGIN_DEFAULT, PK_ORIGIN_STORM, PK_ORIGIN_FILE, PK_ORIGIN_FLAG };

enum {
    PK_KEYS = 0
#define X(field, key, type, def, min, max, when, help) +1
#include "io/config/config.def"
#undef X
};

struct pk_tls_context;

struct pk_config {
    enum pk_origin source; /* of what is set now */
    uint8_t origins[PK_KEYS];
    enum pk_origin listens_from, tls_listens_from, pacemaker_listens_from, proxies_from, servers_from,
        mounts_from, admin_listens_from;
#define X(field, key, type, def, min, max, when, help) PK_KEEP_##type(field)
#include "io/config/config.def"
#undef X
    struct pk_hostport listens[PK_MAX_LISTENS]; /* empty host or "*": every address */
    size_t nlistens;
    struct pk_hostport pacemaker_listens[PK_MAX_LISTENS]; /* the same, for Pacemaker's clients */
    size_t npacemaker_listens;
    struct pk_hostport tls_listens[PK_MAX_LISTENS]; /* the same, where TLS is spoken */
    size_t ntls_listens;
    struct pk_network proxies[PK_MAX_PROXIES]; /* from where each connection begins with a PROXY header */
    size_t nproxies;
    struct pk_hostport servers[PK_MAX_SERVERS];
    size_t nservers;
    struct pk_config_mount mounts[PK_MAX_MOUNTS];
    size_t nmounts;
    struct pk_auth auth;                                       /* what auth_file holds */
    char admin_listens[PK_MAX_ADMIN_LISTENS][PK_ADMIN_LISTEN]; /* HOST:PORT, tls:HOST:PORT or unix:/PATH */
    size_t nadmin_listens;
    char admin_token[PK_ADMIN_TOKEN];   /* what admin_token_file holds, empty for none */
    char group_secret[PK_GROUP_SECRET]; /* what group.secret-file holds, empty without a group */
    struct pk_sasl_settings sasl;
    struct pk_pacemaker_login pacemaker_login;
    bool storm_tls;                            /* storm.yaml has Storm speak TLS */
    struct pk_tls_context *tls, *upstream_tls; /* what the files of these sections hold; NULL: no TLS */
    struct pk_tls_context *group_tls, *group_tls_calls; /* at the member port, and for calls to others' */
    struct pk_config_note notes[PK_MAX_NOTES];
    size_t nnotes;
};

/* Adds a note, FILE:LINE: in front as with pk_config_fail; beyond PK_MAX_NOTES they are dropped. */
void pk_config_note(struct pk_config *config, bool warn, const char *file, size_t line, const char *format,
                    ...) __attribute__((format(printf, 5, 6)));

/* Overwrites what of it is secret, before it is freed. */
void pk_config_forget_secrets(struct pk_config *config);
/* "default", "storm.yaml", "file" or "flag". */
const char *pk_config_origin_name(enum pk_origin origin);
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
/* HOST:PORT, tls:HOST:PORT or unix:/PATH for the admin side. */
enum pk_err pk_config_add_admin(struct pk_config *config, const char *text,
                                struct pk_config_error *error) PK_NODISCARD;
/* The same for Pacemaker's clients; a missing port is Pacemaker's own, "none" is no address. */
enum pk_err pk_config_add_pacemaker(struct pk_config *config, const char *text,
                                    struct pk_config_error *error) PK_NODISCARD;
enum pk_err pk_config_add_tls_listen(struct pk_config *config, const char *text,
                                     struct pk_config_error *error) PK_NODISCARD;
/* A network from where each connection begins with a PROXY header. */
enum pk_err pk_config_add_proxy(struct pk_config *config, const char *text,
                                struct pk_config_error *error) PK_NODISCARD;
/* Where the admin side listens, the texts borrowed. Returns how many. */
size_t pk_config_admin_texts(const struct pk_config *config, const char *out[PK_MAX_ADMIN_LISTENS]);
/* True when the servers include this one. */
bool pk_config_has_server(const struct pk_config *config, const struct pk_hostport *server);
/* One server or several with commas between; a missing port is default_port. */
enum pk_err pk_config_add_servers(struct pk_config *config, const char *text, int default_port,
                                  struct pk_config_error *error) PK_NODISCARD;
/* Sets path, mode, or a key of config.def that a mount may have of its own; adds to readers or writers. PK_ENOENT for
 * others. */
enum pk_err pk_config_mount_set(struct pk_config_mount *mount, const char *name, const char *text,
                                struct pk_config_error *error) PK_NODISCARD;
/* True when b is a or lies below it. */
bool pk_config_at_or_below(const char *a, const char *b);

/* One key of config.def. */
enum pk_when { PK_WHEN_LIVE, PK_WHEN_MOUNT, PK_WHEN_START };
struct pk_key {
    const char *name, *def;
    enum pk_type type;
    struct pk_bounds bounds;
    enum pk_when when;
    size_t offset; /* in struct pk_config */
    size_t own;    /* in struct pk_config_mount, with PK_WHEN_MOUNT */
};
/* The i-th key; NULL beyond the last. */
const struct pk_key *pk_config_key(size_t i);

/* The name that text was probably meant to be among the keys of config.def and the lists, and among those of a mount;
 * NULL when none is near. */
const char *pk_config_nearest_key(const char *text);
const char *pk_config_nearest_mount_key(const char *text);

#endif
