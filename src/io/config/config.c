/*
 * The configuration's values: one table (config.def) gives every single value its type, default and bounds;
 * lists have a function each. Happy path: text in, a checked number or entry out. Failures name what was
 * expected.
 */
#include "io/config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "io/config/lists.h"
#include "io/config/mounts.h"
#include "io/config/nearest.h"

#define OWN_LIVE(field)  0
#define OWN_START(field) 0
#define OWN_MOUNT(field) offsetof(struct pk_config_mount, field)

static const struct pk_key keys[] = {
#define X(field, key, type, def, min, max, when, help)                                                       \
    {key,                                                                                                    \
     def,                                                                                                    \
     PK_TYPE_##type,                                                                                         \
     {min, max},                                                                                             \
     PK_WHEN_##when,                                                                                         \
     offsetof(struct pk_config, field),                                                                      \
     OWN_##when(field)},
#include "io/config/config.def"
#undef X
};

enum { KEYS = sizeof keys / sizeof *keys, MAX_LISTS = 16, PACEMAKER_PORT = 6699 };

const struct pk_key *pk_config_key(size_t i)
{
    return i < KEYS ? &keys[i] : NULL;
}

void pk_config_note(struct pk_config *config, bool warn, const char *file, size_t line, const char *format,
                    ...)
{
    struct pk_config_error place;
    if (config->nnotes == PK_MAX_NOTES)
        return;
    struct pk_config_note *note = &config->notes[config->nnotes++];
    enum pk_err err = pk_config_fail(&place, file, line, "%s", "");
    (void)err; /* only its text is wanted */
    int n = snprintf(note->text, sizeof note->text, "%.250s", file != NULL ? place.text : "");
    va_list args;
    va_start(args, format);
    vsnprintf(note->text + n, sizeof note->text - (size_t)n, format, args);
    va_end(args);
    note->warn = warn;
}

static enum pk_err set(const struct pk_key *key, void *field, const char *text, struct pk_config_error *error)
{
    struct pk_value_error why;
    if (pk_value_parse(key->type, key->bounds, field, text, &why) != PK_OK)
        return pk_config_fail(error, NULL, 0, "%s", why.text);
    return PK_OK;
}

static const struct pk_key *find_key(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

enum pk_err pk_config_set(struct pk_config *config, const char *name, const char *text,
                          struct pk_config_error *error)
{
    const struct pk_key *key = find_key(name);
    if (key == NULL)
        return PK_ENOENT;
    config->origins[key - keys] = (uint8_t)config->source;
    return set(key, (char *)config + key->offset, text, error);
}

enum pk_err pk_config_mount_set(struct pk_config_mount *mount, const char *name, const char *text,
                                struct pk_config_error *error)
{
    const struct pk_key *key = find_key(name);
    if (strcmp(name, "path") == 0)
        return pk_config_mount_path(mount, text, error);
    if (strcmp(name, "mode") == 0)
        return pk_config_mode(&mount->mode, text, error);
    if (strcmp(name, "readers") == 0)
        return pk_whos_add(&mount->readers, text, error);
    if (strcmp(name, "writers") == 0)
        return pk_whos_add(&mount->writers, text, error);
    if (key == NULL || key->when != PK_WHEN_MOUNT)
        return PK_ENOENT;
    return set(key, (char *)mount + key->own, text, error);
}

static bool named(const struct pk_hostport *list, size_t n, const struct pk_hostport *one)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].port == one->port && strcasecmp(list[i].host, one->host) == 0)
            return true;
    return false;
}

bool pk_config_has_server(const struct pk_config *config, const struct pk_hostport *server)
{
    return named(config->servers, config->nservers, server);
}

/* Adds an address to one of the lists of those that are listened on. */
static enum pk_err add_listen(struct pk_hostport *list, size_t *n, const char *text, int default_port,
                              struct pk_config_error *error)
{
    const char *why = "";
    if (*n == PK_MAX_LISTENS)
        return pk_config_fail(error, NULL, 0, "more than %d addresses to listen on", PK_MAX_LISTENS);
    struct pk_hostport *listen = &list[*n];
    if (pk_hostport_parse(listen, text, strlen(text), default_port, &why) != PK_OK)
        return pk_config_fail(error, NULL, 0, "\"%.100s\": %s", text, why);
    if (listen->port != 0 && named(list, *n, listen))
        return pk_config_fail(error, NULL, 0, "\"%.100s\" is named twice", text);
    ++*n;
    return PK_OK;
}

enum pk_err pk_config_add_listen(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    config->listens_from = config->source;
    return add_listen(config->listens, &config->nlistens, text, -1, error);
}

enum pk_err pk_config_add_tls_listen(struct pk_config *config, const char *text,
                                     struct pk_config_error *error)
{
    config->tls_listens_from = config->source;
    return add_listen(config->tls_listens, &config->ntls_listens, text, -1, error);
}

enum pk_err pk_config_add_proxy(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    const char *why = "";
    if (config->nproxies == PK_MAX_PROXIES)
        return pk_config_fail(error, NULL, 0, "more than %d networks", PK_MAX_PROXIES);
    struct pk_network *network = &config->proxies[config->nproxies];
    if (pk_network_parse(network, text, &why) != PK_OK)
        return pk_config_fail(error, NULL, 0, "\"%.100s\": %s", text, why);
    config->nproxies++;
    config->proxies_from = config->source;
    return PK_OK;
}

size_t pk_config_admin_texts(const struct pk_config *config, const char *out[PK_MAX_ADMIN_LISTENS])
{
    for (size_t i = 0; i < config->nadmin_listens; i++)
        out[i] = config->admin_listens[i];
    return config->nadmin_listens;
}

enum pk_err pk_config_add_pacemaker(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    config->pacemaker_listens_from = config->source;
    if (strcmp(text, "none") == 0) {
        config->npacemaker_listens = 0;
        return PK_OK;
    }
    return add_listen(config->pacemaker_listens, &config->npacemaker_listens, text, PACEMAKER_PORT, error);
}

enum pk_err pk_config_add_admin(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    const char *why = "";
    if (config->nadmin_listens == PK_MAX_ADMIN_LISTENS)
        return pk_config_fail(error, NULL, 0, "more than %d addresses to listen on", PK_MAX_ADMIN_LISTENS);
    if (pk_admin_address(text, &why) != PK_OK)
        return pk_config_fail(error, NULL, 0, "\"%.100s\": %s", text, why);
    config->admin_listens_from = config->source;
    snprintf(config->admin_listens[config->nadmin_listens++], PK_ADMIN_LISTEN, "%s", text);
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
    if (pk_config_has_server(config, server))
        return pk_config_fail(error, NULL, 0, "%.100s:%u is named twice: name each server once", server->host,
                              server->port);
    config->nservers++;
    config->servers_from = config->source;
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

const char *pk_config_origin_name(enum pk_origin origin)
{
    static const char *const names[] = {"default", "storm.yaml", "file", "flag"};
    return names[origin];
}

void pk_config_forget_secrets(struct pk_config *config)
{
    explicit_bzero(&config->auth, sizeof config->auth);
    pk_sasl_settings_free(&config->sasl);
    explicit_bzero(&config->pacemaker_login, sizeof config->pacemaker_login);
    explicit_bzero(config->admin_token, sizeof config->admin_token);
    explicit_bzero(config->group_secret, sizeof config->group_secret);
}

bool pk_config_at_or_below(const char *a, const char *b)
{
    size_t len = strlen(a);
    return strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '/');
}

const char *pk_config_nearest_key(const char *text)
{
    const char *names[KEYS + MAX_LISTS];
    const struct pk_config_list *list = NULL;
    size_t n = 0;
    for (; n < KEYS; n++)
        names[n] = keys[n].name;
    for (size_t i = 0; i < MAX_LISTS && (list = pk_config_list_at(i)) != NULL; i++)
        names[n++] = list->name;
    return pk_config_nearest(text, names, n);
}

const char *pk_config_nearest_mount_key(const char *text)
{
    const char *names[KEYS + 4] = {"path", "mode", "readers", "writers"};
    size_t n = 4;
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].when == PK_WHEN_MOUNT)
            names[n++] = keys[i].name;
    return pk_config_nearest(text, names, n);
}
