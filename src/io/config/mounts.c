/*
 * Mounts in the configuration. Happy path: PATH=MODE,KEY=VALUE,... becomes an entry; what it does not say it takes from
 * the keys of the same name. Failure modes: a path that may be no mount, an unknown mode or key.
 */
#include "io/config/mounts.h"

#include <stdio.h>
#include <string.h>

#include "proto/path.h"

static const char *const mode_names[] = {
    [PK_MODE_RELAY] = "relay",
    [PK_MODE_PACEMAKER] = "pacemaker",
    [PK_MODE_WRITE_BEHIND] = "write-behind",
};

enum { MODES = sizeof mode_names / sizeof *mode_names };

const char *pk_config_mode_name(enum pk_mount_mode mode)
{
    return mode_names[mode];
}

enum pk_err pk_config_mode(enum pk_mount_mode *mode, const char *text, struct pk_config_error *error)
{
    for (int i = 0; i < MODES; i++)
        if (strcmp(text, mode_names[i]) == 0) {
            *mode = (enum pk_mount_mode)i;
            return PK_OK;
        }
    return pk_config_fail(error, NULL, 0,
                          "the mode of a mount is pacemaker, write-behind or relay, not \"%.80s\"", text);
}

static enum pk_err several(const char *text, struct pk_config_error *error)
{
    return pk_config_fail(error, NULL, 0,
                          "\"%.200s\" looks like several paths: give each a mount of its own "
                          "(--mount PATH --mount PATH, or a line each)",
                          text);
}

enum pk_err pk_config_mount_path(struct pk_config_mount *mount, const char *text,
                                 struct pk_config_error *error)
{
    size_t len = strlen(text);
    const char *slash = len > 1 ? strchr(text + 1, '/') : NULL;
    struct pk_bytes path = {(const uint8_t *)text, (uint32_t)len};
    if (len >= sizeof mount->path)
        return pk_config_fail(error, NULL, 0, "the path of a mount has at most %zu bytes",
                              sizeof mount->path - 1);
    for (; slash != NULL; slash = strchr(slash + 1, '/'))
        if (strchr(",;: ", slash[-1]) != NULL)
            return several(text, error);
    if (!pk_path_valid(path) || len < 2)
        return pk_config_fail(error, NULL, 0,
                              "\"%.200s\" is not the path of a mount (absolute, without a slash at "
                              "the end, not / itself)",
                              text);
    if (pk_config_at_or_below("/zookeeper", text))
        return pk_config_fail(error, NULL, 0, "/zookeeper is the ensemble's own and may not be a mount");
    memcpy(mount->path, text, len + 1);
    return PK_OK;
}

enum pk_err pk_config_room(struct pk_config *config, struct pk_config_mount **out,
                           struct pk_config_error *error)
{
    const struct pk_key *key = NULL;
    if (config->nmounts == PK_MAX_MOUNTS)
        return pk_config_fail(error, NULL, 0, "more than %d mounts", PK_MAX_MOUNTS);
    struct pk_config_mount *mount = &config->mounts[config->nmounts];
    memset(mount, 0, sizeof *mount);
    mount->mode = PK_MODE_PACEMAKER;
    for (size_t i = 0; (key = pk_config_key(i)) != NULL; i++)
        if (key->when == PK_WHEN_MOUNT)
            *(int64_t *)(void *)((char *)mount + key->own) = -1;
    *out = mount;
    return PK_OK;
}

/* Overlapping mounts would hold a znode twice. */
static enum pk_err check_beside(const struct pk_config *config, const struct pk_config_mount *mount,
                                struct pk_config_error *error)
{
    for (size_t i = 0; i < config->nmounts; i++) {
        const char *other = config->mounts[i].path;
        if (strcmp(other, mount->path) == 0)
            return pk_config_fail(error, NULL, 0, "the mount %.200s is named twice", mount->path);
        if (pk_config_at_or_below(other, mount->path) || pk_config_at_or_below(mount->path, other))
            return pk_config_fail(error, NULL, 0,
                                  "the mounts %.200s and %.200s overlap: what is below the upper one is held "
                                  "already, leave one out",
                                  other, mount->path);
    }
    return PK_OK;
}

enum pk_err pk_config_mount_done(struct pk_config *config, struct pk_config_error *error)
{
    const struct pk_config_mount *mount = &config->mounts[config->nmounts];
    if (mount->mode == PK_MODE_PACEMAKER && mount->flush >= 0)
        return pk_config_fail(error, NULL, 0,
                              "%.200s: flush means nothing in the mode pacemaker, which flushes nothing by "
                              "itself: leave it out, or take the mode write-behind",
                              mount->path);
    if (check_beside(config, mount, error) != PK_OK)
        return PK_EINVAL;
    config->nmounts++;
    config->mounts_from = config->source;
    return PK_OK;
}

/* True when the mount has a value of this key already. */
static bool given(const struct pk_config_mount *mount, const char *name)
{
    const struct pk_key *key = NULL;
    for (size_t i = 0; (key = pk_config_key(i)) != NULL; i++)
        if (key->when == PK_WHEN_MOUNT && strcmp(key->name, name) == 0)
            return *(const int64_t *)(const void *)((const char *)mount + key->own) >= 0;
    return false;
}

static enum pk_err unknown(const char *name, struct pk_config_error *error)
{
    return pk_config_unknown(error, NULL, 0, "key of a mount", name, pk_config_nearest_mount_key(name));
}

/* KEY=VALUE in text[0..len). */
static enum pk_err option(struct pk_config_mount *mount, const char *text, size_t len,
                          struct pk_config_error *error)
{
    char name[PK_VALUE_TEXT];
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), text);
    char *equals = strchr(name, '=');
    if (name[0] == '/')
        return several(text, error);
    if (equals == NULL)
        return pk_config_fail(error, NULL, 0,
                              "\"%.80s\": expected PATH=MODE,KEY=VALUE,... like /a=write-behind,flush=60s",
                              name);
    *equals = '\0';
    if (strcmp(name, "path") == 0 || strcmp(name, "mode") == 0)
        return unknown(name, error);
    if (given(mount, name))
        return pk_config_fail(error, NULL, 0, "%.80s is given twice", name);
    enum pk_err err = pk_config_mount_set(mount, name, equals + 1, error);
    if (err == PK_ENOENT)
        return unknown(name, error);
    return err == PK_OK ? PK_OK : pk_config_under(error, NULL, 0, name);
}

/* PATH or PATH=MODE in text[0..len). */
static enum pk_err path_and_mode(struct pk_config_mount *mount, const char *text, size_t len,
                                 struct pk_config_error *error)
{
    char head[PK_MOUNT_PATH + 64];
    snprintf(head, sizeof head, "%.*s", (int)(len < sizeof head ? len : sizeof head - 1), text);
    char *mode = strrchr(head, '=');
    if (mode != NULL)
        *mode++ = '\0';
    if (pk_config_mount_path(mount, head, error) != PK_OK)
        return PK_EINVAL;
    if (strchr(head, ',') != NULL)
        return pk_config_fail(
            error, NULL, 0, "\"%.200s\": a mode comes before the keys, like /a=write-behind,flush=60s", text);
    return mode == NULL ? PK_OK : pk_config_mode(&mount->mode, mode, error);
}

/* A comma after the first equals sign begins what follows the mode. */
enum pk_err pk_config_add_mount(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    struct pk_config_mount *mount = NULL;
    const char *first = strchr(text, '='), *comma = first != NULL ? strchr(first, ',') : NULL;
    size_t len = comma != NULL ? (size_t)(comma - text) : strlen(text);
    if (pk_config_room(config, &mount, error) != PK_OK || path_and_mode(mount, text, len, error) != PK_OK)
        return PK_EINVAL;
    while (comma != NULL) {
        const char *next = strchr(comma + 1, ',');
        size_t n = next != NULL ? (size_t)(next - comma - 1) : strlen(comma + 1);
        if (option(mount, comma + 1, n, error) != PK_OK)
            return PK_EINVAL;
        comma = next;
    }
    return pk_config_mount_done(config, error);
}

/* A mount's own value, or the one of the whole. */
static int64_t own(int64_t mine, int64_t all)
{
    return mine >= 0 ? mine : all;
}

struct core_mount pk_config_core_mount(const struct pk_config *config, size_t i)
{
    const struct pk_config_mount *m = &config->mounts[i];
    return (struct core_mount){
        .path = m->path,
        .mode = m->mode,
        .max_znodes = (uint64_t)own(m->max_znodes, config->max_znodes),
        .max_bytes = (uint64_t)own(m->max_bytes, config->max_bytes),
        .max_znode = (uint32_t)own(m->max_znode, config->max_znode),
        .flush_us = own(m->flush, config->flush) * 1000,
        .absorb_watched = own(m->when_watched, config->when_watched) != 0,
    };
}

static void show_whos(char out[PK_VALUE_TEXT], const char *key, const struct pk_whos *list)
{
    char text[PK_WHOS_TEXT];
    size_t n = strlen(out);
    if (list->n > 0)
        snprintf(out + n, PK_VALUE_TEXT - n, "%s%s", key, pk_whos_show(list, text));
}

const char *pk_config_show_mount(const struct pk_config *config, size_t i, char out[PK_VALUE_TEXT])
{
    const struct pk_config_mount *m = &config->mounts[i];
    char flush[PK_VALUE_TEXT] = "";
    int64_t period = own(m->flush, config->flush);
    if (m->mode == PK_MODE_WRITE_BEHIND)
        pk_value_show(PK_TYPE_PERIOD, &period, flush);
    bool absorb = m->mode != PK_MODE_RELAY && own(m->when_watched, config->when_watched) != 0;
    snprintf(out, PK_VALUE_TEXT, "%s%s%.40s%s", pk_config_mode_name(m->mode),
             flush[0] != '\0' ? ",flush=" : "", flush, absorb ? ",when-watched=absorb" : "");
    show_whos(out, ",readers=", &m->readers);
    show_whos(out, ",writers=", &m->writers);
    return out;
}

int pk_config_find_mount(const struct pk_config *config, const char *path)
{
    for (size_t i = 0; i < config->nmounts; i++)
        if (strcmp(config->mounts[i].path, path) == 0)
            return (int)i;
    return -1;
}

bool pk_config_holds(const struct pk_config *config)
{
    for (size_t i = 0; i < config->nmounts; i++)
        if (config->mounts[i].mode != PK_MODE_RELAY)
            return true;
    return false;
}
