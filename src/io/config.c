/*
 * The configuration's values: one table (config.def) gives every single value its type, default and bounds;
 * lists have a function each. Happy path: text in, a checked number or entry out. Failures name what was
 * expected.
 */
#include "io/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/log.h"
#include "io/units.h"
#include "proto/path.h"

enum type { COUNT, BYTES, TIME, LEVEL };

static const struct key {
    const char *name, *def;
    enum type type;
    int64_t min, max;
    size_t offset;
} keys[] = {
#define X(field, key, type, def, min, max, help)                                                             \
    {key, def, type, min, max, offsetof(struct pk_config, field)},
#include "io/config.def"
#undef X
};

enum { KEYS = sizeof keys / sizeof *keys };

static const char *const list_names[] = {"listen", "upstream", "mounts"};

enum { LISTS = sizeof list_names / sizeof *list_names };

enum pk_err pk_config_fail(struct pk_config_error *error, const char *file, size_t line, const char *format,
                           ...)
{
    size_t n = 0;
    if (file != NULL && line > 0)
        n = (size_t)snprintf(error->text, sizeof error->text, "%.200s:%zu: ", file, line);
    else if (file != NULL)
        n = (size_t)snprintf(error->text, sizeof error->text, "%.200s: ", file);
    va_list args;
    va_start(args, format);
    vsnprintf(error->text + n, sizeof error->text - n, format, args);
    va_end(args);
    return PK_EINVAL;
}

static enum pk_err level(int64_t *out, const char *text, const char **why)
{
    for (int l = PK_LOG_DEBUG; l <= PK_LOG_ERROR; l++)
        if (strcmp(text, pk_log_level_name((enum pk_log_level)l)) == 0) {
            *out = l;
            return PK_OK;
        }
    *why = "expected debug, info, warn or error";
    return PK_EINVAL;
}

static enum pk_err parse(enum type type, int64_t *out, const char *text, const char **why)
{
    switch (type) {
    case COUNT:
        return pk_units_count(out, text, why);
    case BYTES:
        return pk_units_bytes(out, text, why);
    case TIME:
        return pk_units_time(out, text, why);
    default:
        return level(out, text, why);
    }
}

static enum pk_err key_value(const struct key *key, int64_t *out, const char *text,
                             struct pk_config_error *error)
{
    const char *why = "";
    int64_t value = 0;
    if (parse(key->type, &value, text, &why) != PK_OK)
        return pk_config_fail(error, NULL, 0, "%s, not \"%.80s\"", why, text);
    if (key->type != LEVEL && (value < key->min || value > key->max))
        return pk_config_fail(error, NULL, 0, "%.80s is out of bounds: %" PRId64 " to %" PRId64 "%s", text,
                              key->min, key->max, key->type == TIME ? " ms" : "");
    *out = value;
    return PK_OK;
}

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

enum pk_err pk_config_set(struct pk_config *config, const char *name, const char *text,
                          struct pk_config_error *error)
{
    const struct key *key = find_key(name);
    if (key == NULL)
        return PK_ENOENT;
    return key_value(key, (int64_t *)(void *)((char *)config + key->offset), text, error);
}

enum pk_err pk_config_mount_bound(struct pk_config_mount *mount, const char *name, const char *text,
                                  struct pk_config_error *error)
{
    int64_t *field = strcmp(name, "max-znodes") == 0  ? &mount->max_znodes
                     : strcmp(name, "max-bytes") == 0 ? &mount->max_bytes
                     : strcmp(name, "max-znode") == 0 ? &mount->max_znode
                                                      : NULL;
    return field == NULL ? PK_ENOENT : key_value(find_key(name), field, text, error);
}

enum pk_err pk_config_add_listen(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    const char *why = "";
    if (config->nlistens == PK_MAX_LISTENS)
        return pk_config_fail(error, NULL, 0, "more than %d addresses to listen on", PK_MAX_LISTENS);
    if (pk_hostport_parse(&config->listens[config->nlistens], text, strlen(text), -1, &why) != PK_OK)
        return pk_config_fail(error, NULL, 0, "\"%.100s\": %s", text, why);
    config->nlistens++;
    return PK_OK;
}

static enum pk_err add_server(struct pk_config *config, const char *text, size_t len, int default_port,
                              struct pk_config_error *error)
{
    const char *why = "";
    if (config->nservers == PK_MAX_SERVERS)
        return pk_config_fail(error, NULL, 0, "more than %d servers", PK_MAX_SERVERS);
    struct pk_hostport *server = &config->servers[config->nservers];
    if (pk_hostport_parse(server, text, len, default_port, &why) != PK_OK)
        return pk_config_fail(error, NULL, 0, "\"%.*s\": %s", (int)(len > 100 ? 100 : len), text, why);
    if (server->host[0] == '\0' || server->port == 0)
        return pk_config_fail(error, NULL, 0, "\"%.*s\": a server needs a host and a port",
                              (int)(len > 100 ? 100 : len), text);
    config->nservers++;
    return PK_OK;
}

enum pk_err pk_config_add_servers(struct pk_config *config, const char *text, int default_port,
                                  struct pk_config_error *error)
{
    for (const char *p = text;;) {
        p += strspn(p, " ");
        size_t len = strcspn(p, ","), used = len;
        while (used > 0 && p[used - 1] == ' ')
            used--;
        /* A chroot may hold commas of no server; the whole rest is shown then. */
        enum pk_err err = add_server(config, p, used, default_port, error);
        if (err != PK_OK || p[len] == '\0')
            return err;
        p += len + 1;
    }
}

enum pk_err pk_config_mode(enum pk_mount_mode *mode, const char *text, struct pk_config_error *error)
{
    if (strcmp(text, "pacemaker") == 0)
        *mode = PK_MODE_PACEMAKER;
    else if (strcmp(text, "relay") == 0)
        *mode = PK_MODE_RELAY;
    else if (strcmp(text, "write-behind") == 0)
        return pk_config_fail(error, NULL, 0,
                              "the mode write-behind is not in this version; pacemaker and relay are");
    else
        return pk_config_fail(error, NULL, 0, "the mode of a mount is pacemaker or relay, not \"%.80s\"",
                              text);
    return PK_OK;
}

const char *pk_config_mode_name(enum pk_mount_mode mode)
{
    return mode == PK_MODE_PACEMAKER ? "pacemaker" : "relay";
}

enum pk_err pk_config_mount_path(struct pk_config_mount *mount, const char *text,
                                 struct pk_config_error *error)
{
    size_t len = strlen(text);
    struct pk_bytes path = {(const uint8_t *)text, (uint32_t)len};
    if (len >= sizeof mount->path)
        return pk_config_fail(error, NULL, 0, "the path of a mount has at most %zu bytes",
                              sizeof mount->path - 1);
    if (!pk_path_valid(path) || len < 2)
        return pk_config_fail(error, NULL, 0,
                              "\"%.200s\" is not the path of a mount (absolute, without a slash at "
                              "the end, not / itself)",
                              text);
    if (strcmp(text, "/zookeeper") == 0 || strncmp(text, "/zookeeper/", 11) == 0)
        return pk_config_fail(error, NULL, 0, "/zookeeper is the ensemble's own and may not be a mount");
    memcpy(mount->path, text, len + 1);
    return PK_OK;
}

enum pk_err pk_config_add_mount(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    char path[PK_MOUNT_PATH + 1];
    const char *equals = strrchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    if (config->nmounts == PK_MAX_MOUNTS)
        return pk_config_fail(error, NULL, 0, "more than %d mounts", PK_MAX_MOUNTS);
    struct pk_config_mount *mount = &config->mounts[config->nmounts];
    *mount = (struct pk_config_mount){
        .mode = PK_MODE_PACEMAKER, .max_znodes = -1, .max_bytes = -1, .max_znode = -1};
    snprintf(path, sizeof path, "%.*s", (int)(len < sizeof path ? len : sizeof path - 1), text);
    if (pk_config_mount_path(mount, path, error) != PK_OK)
        return PK_EINVAL;
    if (equals != NULL && pk_config_mode(&mount->mode, equals + 1, error) != PK_OK)
        return PK_EINVAL;
    config->nmounts++;
    return PK_OK;
}

void pk_config_defaults(struct pk_config *config)
{
    struct pk_config_error error;
    memset(config, 0, sizeof *config);
    enum pk_err err = PK_OK;
    for (size_t i = 0; i < KEYS && err == PK_OK; i++)
        err = pk_config_set(config, keys[i].name, keys[i].def, &error);
    if (err == PK_OK)
        err = pk_config_add_listen(config, "*:2181", &error);
    if (err == PK_OK)
        err = pk_config_add_mount(config, "/storm/workerbeats=pacemaker", &error);
    (void)err; /* constants of this program: the unit test compares each */
}

/* True when b is a or lies below it. */
static bool at_or_below(const char *a, const char *b)
{
    size_t len = strlen(a);
    return strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '/');
}

enum pk_err pk_config_check(const struct pk_config *config, struct pk_config_error *error)
{
    if (config->nservers == 0)
        return pk_config_fail(error, NULL, 0,
                              "no server of the ensemble is named: give --upstream HOST:PORT,..., "
                              "--storm-yaml FILE, or upstream in the configuration file");
    if (config->nlistens == 0)
        return pk_config_fail(error, NULL, 0, "no address to listen on is given");
    for (size_t i = 0; i < config->nmounts; i++)
        for (size_t j = 0; j < config->nmounts; j++)
            if (i != j && at_or_below(config->mounts[i].path, config->mounts[j].path))
                return pk_config_fail(error, NULL, 0, "the mounts %.200s and %.200s overlap",
                                      config->mounts[i].path, config->mounts[j].path);
    return PK_OK;
}

const char *pk_config_nearest_key(const char *text)
{
    const char *names[KEYS + LISTS];
    for (size_t i = 0; i < KEYS; i++)
        names[i] = keys[i].name;
    memcpy(names + KEYS, list_names, sizeof list_names);
    return pk_config_nearest(text, names, KEYS + LISTS);
}
