/*
 * Lists and sections. Happy path: the name leads to a row of the table, which adds the text. Failure modes: a key that
 * is none of the section, with the one that was probably meant; what the key itself refuses.
 */
#include "io/config/lists.h"

#include <stdio.h>
#include <string.h>

#include "io/config/mounts.h"

enum { DEFAULT_PORT = 2181 };

static enum pk_err add_servers(struct pk_config *config, const char *text, struct pk_config_error *error)
{
    return pk_config_add_servers(config, text, DEFAULT_PORT, error);
}

static const struct pk_config_list lists[] = {
    {"listen", offsetof(struct pk_config, nlistens), "HOST:PORT", pk_config_add_listen},
    {"upstream", offsetof(struct pk_config, nservers), "HOST:PORT", add_servers},
    {"admin.listen", offsetof(struct pk_config, nadmin_listens), "HOST:PORT, tls:HOST:PORT or unix:/PATH",
     pk_config_add_admin},
    {"pacemaker.listen", offsetof(struct pk_config, npacemaker_listens), "HOST:PORT",
     pk_config_add_pacemaker},
    {"tls.listen", offsetof(struct pk_config, ntls_listens), "HOST:PORT", pk_config_add_tls_listen},
    {"proxy-protocol", offsetof(struct pk_config, nproxies), "a network like 10.0.0.0/8",
     pk_config_add_proxy},
    {"mounts", offsetof(struct pk_config, nmounts), "PATH=MODE or path and mode", pk_config_add_mount},
};

enum { LISTS = sizeof lists / sizeof *lists };

const struct pk_config_list *pk_config_list_at(size_t i)
{
    return i < LISTS ? &lists[i] : NULL;
}

const struct pk_config_list *pk_config_list(const char *name)
{
    for (size_t i = 0; i < LISTS; i++)
        if (strcmp(lists[i].name, name) == 0)
            return &lists[i];
    return NULL;
}

void pk_config_list_clear(struct pk_config *config, const struct pk_config_list *list)
{
    *(size_t *)(void *)((char *)config + list->count) = 0;
}

static bool in_section(const char *key, const char *section)
{
    size_t len = strlen(section);
    return strncmp(key, section, len) == 0 && key[len] == '.';
}

bool pk_config_is_section(const char *name)
{
    const struct pk_key *key = NULL;
    for (size_t i = 0; i < LISTS; i++)
        if (in_section(lists[i].name, name))
            return true;
    for (size_t i = 0; (key = pk_config_key(i)) != NULL; i++)
        if (in_section(key->name, name))
            return true;
    return false;
}

/* One item of the text; *cleared is the list that this text has begun anew. */
static enum pk_err item(struct pk_config *config, const char *section, char *text,
                        const struct pk_config_list **cleared, struct pk_config_error *error)
{
    char name[PK_VALUE_TEXT];
    char *equals = strchr(text, '=');
    if (equals != NULL)
        *equals = '\0';
    snprintf(name, sizeof name, "%s.%s", section, equals != NULL ? text : "listen");
    const char *value = equals != NULL ? equals + 1 : text;
    const struct pk_config_list *list = pk_config_list(name);
    if (list != NULL && list != *cleared) {
        pk_config_list_clear(config, list);
        *cleared = list;
    }
    enum pk_err err =
        list != NULL ? list->add(config, value, error) : pk_config_set(config, name, value, error);
    if (err == PK_ENOENT)
        return pk_config_unknown(error, NULL, 0, "key", name, pk_config_nearest_key(name));
    return err == PK_OK ? PK_OK : pk_config_under(error, NULL, 0, name);
}

enum pk_err pk_config_section_text(struct pk_config *config, const char *section, const char *text,
                                   struct pk_config_error *error)
{
    char copy[2 * PK_VALUE_TEXT];
    const struct pk_config_list *cleared = NULL;
    if (strlen(text) >= sizeof copy)
        return pk_config_fail(error, NULL, 0, "at most %zu bytes are expected", sizeof copy - 1);
    strcpy(copy, text);
    enum pk_err err = PK_OK;
    char *next = copy;
    while (next != NULL && err == PK_OK) {
        char *one = next;
        next = strchr(one, ',');
        if (next != NULL)
            *next++ = '\0';
        err = item(config, section, one, &cleared, error);
    }
    return err;
}
