/*
 * The configuration file. Happy path: every pair of the root mapping is a single value of config.def, a list
 * of lists.c, or a section of such; a list replaces what earlier sources gave. Unknown keys, keys
 * given twice and wrong values are errors with file and line.
 */
#include "io/config/file.h"

#include <stdio.h>
#include <string.h>

#include "io/config/lists.h"
#include "io/config/mounts.h"
#include "io/config/yamldoc.h"

/* Puts file and line before what another function said. */
static enum pk_err at(struct pk_yaml *yaml, const yaml_node_t *node, const char *what,
                      struct pk_config_error *error)
{
    return pk_config_under(error, yaml->file, pk_yaml_line(node), what);
}

static enum pk_err unknown(struct pk_yaml *yaml, const yaml_node_t *node, const char *what, const char *key,
                           const char *near, struct pk_config_error *error)
{
    return pk_config_unknown(error, yaml->file, pk_yaml_line(node), what, key, near);
}

/* Identities may stand in a list. */
static enum pk_err mount_list(struct pk_yaml *yaml, struct pk_config_mount *mount, const char *name,
                              const yaml_node_t *list, struct pk_config_error *error)
{
    const yaml_node_item_t *i = list->data.sequence.items.start, *end = list->data.sequence.items.top;
    if (i == end)
        return pk_config_fail(error, yaml->file, pk_yaml_line(list),
                              "%.80s: nobody could: name somebody, or leave it out for everybody", name);
    for (; i < end; i++) {
        const yaml_node_t *node = pk_yaml_node(yaml, *i);
        const char *text = pk_yaml_text(node);
        if (text == NULL)
            return pk_config_fail(error, yaml->file, pk_yaml_line(node), "%.80s: expected identities", name);
        if (pk_config_mount_set(mount, name, text, error) != PK_OK)
            return at(yaml, node, name, error);
    }
    return PK_OK;
}

static enum pk_err mount_value(struct pk_yaml *yaml, struct pk_config_mount *mount, const yaml_node_t *key,
                               const yaml_node_t *value, struct pk_config_error *error)
{
    const char *name = pk_yaml_text(key), *text = pk_yaml_text(value);
    bool list = strcmp(name, "readers") == 0 || strcmp(name, "writers") == 0;
    if (list && value->type == YAML_SEQUENCE_NODE)
        return mount_list(yaml, mount, name, value, error);
    if (text == NULL)
        return pk_config_fail(error, yaml->file, pk_yaml_line(value), "%.80s: expected a single value", name);
    enum pk_err err = pk_config_mount_set(mount, name, text, error);
    if (err == PK_ENOENT)
        return unknown(yaml, key, "key of a mount", name, pk_config_nearest_mount_key(name), error);
    return err == PK_OK ? PK_OK : at(yaml, value, name, error);
}

static enum pk_err mount_map(struct pk_yaml *yaml, struct pk_config *config, const yaml_node_t *node,
                             struct pk_config_error *error)
{
    struct pk_config_mount *mount = NULL;
    if (pk_config_room(config, &mount, error) != PK_OK)
        return at(yaml, node, "mounts", error);
    if (pk_yaml_unique(yaml, node, error) != PK_OK)
        return PK_EINVAL;
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++)
        if (mount_value(yaml, mount, pk_yaml_node(yaml, p->key), pk_yaml_node(yaml, p->value), error) !=
            PK_OK)
            return PK_EINVAL;
    if (mount->path[0] == '\0')
        return pk_config_fail(error, yaml->file, pk_yaml_line(node), "a mount needs a path");
    return pk_config_mount_done(config, error) == PK_OK ? PK_OK : at(yaml, node, "mounts", error);
}

static enum pk_err add_text(struct pk_yaml *yaml, struct pk_config *config, const struct pk_config_list *list,
                            const yaml_node_t *node, struct pk_config_error *error)
{
    const char *text = pk_yaml_text(node);
    if (text == NULL)
        return pk_config_fail(error, yaml->file, pk_yaml_line(node), "%s: expected %s", list->name,
                              list->expected);
    return list->add(config, text, error) == PK_OK ? PK_OK : at(yaml, node, list->name, error);
}

/* An entry of a list: a mount may be a mapping. */
static enum pk_err entry(struct pk_yaml *yaml, struct pk_config *config, const struct pk_config_list *list,
                         const yaml_node_t *node, struct pk_config_error *error)
{
    if (node->type == YAML_MAPPING_NODE && strcmp(list->name, "mounts") == 0)
        return mount_map(yaml, config, node, error);
    return add_text(yaml, config, list, node, error);
}

static enum pk_err entries(struct pk_yaml *yaml, struct pk_config *config, const struct pk_config_list *list,
                           const yaml_node_t *node, struct pk_config_error *error)
{
    pk_config_list_clear(config, list);
    if (node->type != YAML_SEQUENCE_NODE)
        return entry(yaml, config, list, node, error);
    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++)
        if (entry(yaml, config, list, pk_yaml_node(yaml, *i), error) != PK_OK)
            return PK_EINVAL;
    return PK_OK;
}

/* Words may also stand in a list. NULL when the node is none, or holds more than words. */
static const char *joined(struct pk_yaml *yaml, const yaml_node_t *node, char out[PK_VALUE_TEXT])
{
    size_t n = 0;
    if (node->type != YAML_SEQUENCE_NODE)
        return NULL;
    out[0] = '\0';
    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        const char *text = pk_yaml_text(pk_yaml_node(yaml, *i));
        if (text == NULL || n + strlen(text) + 2 >= PK_VALUE_TEXT)
            return NULL;
        n += (size_t)snprintf(out + n, PK_VALUE_TEXT - n, "%s,", text);
    }
    return out;
}

static bool takes_words(const char *name)
{
    const struct pk_key *key = NULL;
    for (size_t i = 0; (key = pk_config_key(i)) != NULL; i++)
        if (strcmp(key->name, name) == 0)
            return key->type == PK_TYPE_WORDS || key->type == PK_TYPE_MECHANISMS;
    return false;
}

static enum pk_err section(struct pk_yaml *yaml, struct pk_config *config, const char *prefix,
                           const yaml_node_t *node, struct pk_config_error *error);

/* One pair of the file; name is its key with the sections around it. */
static enum pk_err pair(struct pk_yaml *yaml, struct pk_config *config, const char *name,
                        const yaml_node_t *key, const yaml_node_t *value, struct pk_config_error *error)
{
    const struct pk_config_list *list = pk_config_list(name);
    const char *text = pk_yaml_text(value);
    char words[PK_VALUE_TEXT];
    if (list != NULL)
        return entries(yaml, config, list, value, error);
    if (pk_config_is_section(name))
        return section(yaml, config, name, value, error);
    if (takes_words(name) && text == NULL)
        text = joined(yaml, value, words);
    enum pk_err err = pk_config_set(config, name, text != NULL ? text : "", error);
    if (err == PK_ENOENT)
        return unknown(yaml, key, "key", name, pk_config_nearest_key(name), error);
    if (err != PK_OK && text == NULL)
        return pk_config_fail(error, yaml->file, pk_yaml_line(value), "%.80s: expected a single value", name);
    return err == PK_OK ? PK_OK : at(yaml, value, name, error);
}

/* The pairs of a mapping; prefix is the section that it is, "" for the root. */
static enum pk_err section(struct pk_yaml *yaml, struct pk_config *config, const char *prefix,
                           const yaml_node_t *node, struct pk_config_error *error)
{
    char name[PK_VALUE_TEXT];
    if (node->type != YAML_MAPPING_NODE)
        return pk_config_fail(error, yaml->file, pk_yaml_line(node), "%s: expected keys and values below it",
                              prefix);
    if (pk_yaml_unique(yaml, node, error) != PK_OK)
        return PK_EINVAL;
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = pk_yaml_node(yaml, p->key);
        snprintf(name, sizeof name, "%s%s%.80s", prefix, prefix[0] != '\0' ? "." : "", pk_yaml_text(key));
        if (pair(yaml, config, name, key, pk_yaml_node(yaml, p->value), error) != PK_OK)
            return PK_EINVAL;
    }
    return PK_OK;
}

enum pk_err pk_config_file(struct pk_config *config, const char *path, struct pk_config_error *error)
{
    struct pk_yaml yaml;
    enum pk_err err = pk_yaml_load(&yaml, path, PK_YAML_UTF8, error);
    if (err != PK_OK)
        return err;
    if (yaml.root != NULL)
        err = section(&yaml, config, "", yaml.root, error);
    pk_yaml_free(&yaml);
    return err;
}

enum pk_err pk_config_file_storm(char out[PK_VALUE_TEXT], const char *path, struct pk_config_error *error)
{
    struct pk_yaml yaml;
    struct pk_value_error why;
    out[0] = '\0';
    if (pk_yaml_load(&yaml, path, PK_YAML_UTF8, error) != PK_OK)
        return PK_EINVAL;
    enum pk_err err = PK_OK;
    const yaml_node_t *node = pk_yaml_find(&yaml, "storm-yaml", NULL);
    const char *text = pk_yaml_text(node);
    if (node != NULL &&
        (text == NULL || pk_value_parse(PK_TYPE_FILE, (struct pk_bounds){0, 0}, out, text, &why) != PK_OK ||
         (out[0] != '\0' && out[0] != '/')))
        err = pk_config_fail(
            error, path, pk_yaml_line(node),
            "storm-yaml: expected the whole path of a file, like /etc/pacekeeper/storm.yaml, or none");
    pk_yaml_free(&yaml);
    return err;
}
