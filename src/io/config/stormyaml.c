/*
 * What an existing storm.yaml says of ZooKeeper: storm.zookeeper.servers, storm.zookeeper.port (2181) and
 * storm.zookeeper.root (/storm), with Storm's own defaults. Happy path: the servers become the upstream, and
 * <root>/workerbeats and <root>/supervisors the mounts. With a state store that is Pacemaker's its clients are served
 * too, on pacemaker.port. All other keys are Storm's and are passed over.
 */
#include "io/config/stormyaml.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "io/config/mounts.h"
#include "io/config/stormnotes.h"
#include "io/config/units.h"
#include "io/config/yamldoc.h"

/* Of two equal keys Storm takes the last, and so do we; somebody may believe in the first. */
static yaml_node_t *find(struct pk_yaml *yaml, struct pk_config *config, const char *key)
{
    const yaml_node_t *twice = NULL;
    yaml_node_t *node = pk_yaml_find(yaml, key, &twice);
    if (twice != NULL)
        pk_config_note(config, true, yaml->file, pk_yaml_line(twice),
                       "%s is given more than once: the last one counts, as it does for Storm", key);
    return node;
}

static enum pk_err port(struct pk_yaml *yaml, struct pk_config *config, int *out,
                        struct pk_config_error *error)
{
    const yaml_node_t *node = find(yaml, config, "storm.zookeeper.port");
    const char *why = "";
    int64_t value = 2181;
    if (node != NULL &&
        (pk_yaml_text(node) == NULL || pk_units_count(&value, pk_yaml_text(node), &why) != PK_OK ||
         value < 1 || value > 65535))
        return pk_config_fail(error, yaml->file, pk_yaml_line(node),
                              "storm.zookeeper.port: expected 1 to 65535");
    *out = (int)value;
    return PK_OK;
}

/* Storm gives names and addresses without a port; a bare IPv6 address gets the brackets that we ask for. */
static enum pk_err server(struct pk_yaml *yaml, struct pk_config *config, const yaml_node_t *node,
                          int default_port, struct pk_config_error *error)
{
    char host[PK_HOST_MAX + 2];
    const char *why = "";
    struct pk_hostport one;
    const char *text = pk_yaml_text(node), *colon = text != NULL ? strchr(text, ':') : NULL;
    if (text == NULL)
        return pk_config_fail(error, yaml->file, pk_yaml_line(node),
                              "storm.zookeeper.servers: expected host names");
    bool bare = text[0] != '[' && colon != NULL && strchr(colon + 1, ':') != NULL;
    snprintf(host, sizeof host, bare ? "[%.255s]" : "%.255s", text);
    if (pk_hostport_parse(&one, host, strlen(host), default_port, &why) == PK_OK &&
        pk_config_has_server(config, &one)) {
        pk_config_note(config, true, yaml->file, pk_yaml_line(node), "%.80s is named twice", host);
        return PK_OK;
    }
    if (pk_config_add_servers(config, host, default_port, error) == PK_OK)
        return PK_OK;
    return pk_config_under(error, yaml->file, pk_yaml_line(node), "storm.zookeeper.servers");
}

static enum pk_err servers(struct pk_yaml *yaml, struct pk_config *config, struct pk_config_error *error)
{
    yaml_node_t *node = find(yaml, config, "storm.zookeeper.servers");
    int default_port = 0;
    if (node == NULL)
        return pk_config_fail(error, yaml->file, 0, "storm.zookeeper.servers is missing");
    if (port(yaml, config, &default_port, error) != PK_OK)
        return PK_EINVAL;
    config->nservers = 0;
    if (node->type != YAML_SEQUENCE_NODE)
        return server(yaml, config, node, default_port, error);
    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++)
        if (server(yaml, config, pk_yaml_node(yaml, *i), default_port, error) != PK_OK)
            return PK_EINVAL;
    return PK_OK;
}

/* Heartbeats may be local here. What supervisors refresh is an ephemeral of theirs, and Nimbus takes one to be alive
 * as long as it is there: a refresh that is a minute late tells nobody anything wrong. */
static const struct {
    const char *name;
    enum pk_mount_mode mode;
    int64_t flush;
} storm_mounts[] = {
    {"workerbeats", PK_MODE_PACEMAKER, -1},
    {"supervisors", PK_MODE_WRITE_BEHIND, 60000},
};

static enum pk_err add_mounts(struct pk_config *config, const char *root, struct pk_config_error *error)
{
    char path[PK_MOUNT_PATH + 32];
    size_t len = strlen(root);
    while (len > 0 && root[len - 1] == '/')
        len--;
    config->nmounts = 0;
    for (size_t i = 0; i < sizeof storm_mounts / sizeof *storm_mounts; i++) {
        struct pk_config_mount *mount = NULL;
        snprintf(path, sizeof path, "%.*s/%s", (int)(len < PK_MOUNT_PATH ? len : PK_MOUNT_PATH), root,
                 storm_mounts[i].name);
        if (pk_config_room(config, &mount, error) != PK_OK ||
            pk_config_mount_path(mount, path, error) != PK_OK)
            return PK_EINVAL;
        mount->mode = storm_mounts[i].mode;
        mount->flush = storm_mounts[i].flush;
        if (pk_config_mount_done(config, error) != PK_OK)
            return PK_EINVAL;
    }
    return PK_OK;
}

/* The JAAS file that Storm's own Pacemaker would read. */
static enum pk_err jaas(struct pk_yaml *yaml, struct pk_config *config, struct pk_config_error *error)
{
    static const char key[] = "java.security.auth.login.config";
    const yaml_node_t *node = find(yaml, config, key);
    const char *file = pk_yaml_text(node);
    if (config->mounts[0].auth_method <= PK_LOGIN_NONE || file == NULL || file[0] == '\0')
        return PK_OK;
    return pk_config_set(config, "jaas", file, error) == PK_OK
               ? PK_OK
               : pk_config_under(error, yaml->file, pk_yaml_line(node), key);
}

/* Pacemaker's authentication is the heartbeats'. */
static enum pk_err authentication(struct pk_yaml *yaml, struct pk_config *config,
                                  struct pk_config_error *error)
{
    char name[16] = "";
    struct pk_value_error why;
    const yaml_node_t *user = find(yaml, config, "nimbus.daemon.user");
    const yaml_node_t *method = find(yaml, config, "pacemaker.auth.method");
    const char *text = pk_yaml_text(method);
    for (size_t i = 0; text != NULL && i + 1 < sizeof name && text[i] != '\0'; i++)
        name[i] = (char)tolower((unsigned char)text[i]);
    if (method != NULL && pk_value_parse(PK_TYPE_METHOD, (struct pk_bounds){0, 0},
                                         &config->mounts[0].auth_method, name, &why) != PK_OK)
        return pk_config_fail(error, yaml->file, pk_yaml_line(method), "pacemaker.auth.method: %.200s",
                              why.text);
    if (pk_yaml_text(user) != NULL)
        snprintf(config->nimbus_user, sizeof config->nimbus_user, "%s", pk_yaml_text(user));
    return jaas(yaml, config, error);
}

static enum pk_err mounts(struct pk_yaml *yaml, struct pk_config *config, struct pk_config_error *error)
{
    const yaml_node_t *node = find(yaml, config, "storm.zookeeper.root");
    const char *root = node != NULL ? pk_yaml_text(node) : "/storm";
    if (root == NULL)
        return pk_config_fail(error, yaml->file, pk_yaml_line(node), "storm.zookeeper.root: expected a path");
    if (add_mounts(config, root, error) == PK_OK)
        return PK_OK;
    return pk_config_under(error, yaml->file, node != NULL ? pk_yaml_line(node) : 0, "storm.zookeeper.root");
}

/* Storm's Pacemaker is what holds its heartbeats. */
static bool uses_pacemaker(struct pk_yaml *yaml)
{
    const char *store = pk_yaml_text(pk_yaml_find(yaml, "storm.cluster.state.store", NULL));
    return store != NULL && (strstr(store, "PaceMaker") != NULL || strstr(store, "pacemaker") != NULL);
}

/* Its clients are served on Pacemaker's port. */
static enum pk_err pacemaker(struct pk_yaml *yaml, struct pk_config *config, struct pk_config_error *error)
{
    static const char *const keys[] = {"pacemaker.port", "pacemaker.thrift.message.size.max"};
    char listen[PK_VALUE_TEXT] = "*:6699";
    if (pk_config_set(config, "pacemaker.mount", config->mounts[0].path, error) != PK_OK)
        return pk_config_under(error, yaml->file, pk_yaml_line(NULL), "storm.zookeeper.root");
    if (!uses_pacemaker(yaml))
        return PK_OK;
    const yaml_node_t *port = find(yaml, config, keys[0]), *size = find(yaml, config, keys[1]);
    if (pk_yaml_text(port) != NULL)
        snprintf(listen, sizeof listen, "*:%.100s", pk_yaml_text(port));
    if (pk_config_add_pacemaker(config, listen, error) != PK_OK)
        return pk_config_under(error, yaml->file, pk_yaml_line(port), keys[0]);
    if (pk_yaml_text(size) != NULL &&
        pk_config_set(config, "pacemaker.max-message", pk_yaml_text(size), error) != PK_OK)
        return pk_config_under(error, yaml->file, pk_yaml_line(size), keys[1]);
    return PK_OK;
}

enum pk_err pk_config_storm(struct pk_config *config, const char *path, struct pk_config_error *error)
{
    struct pk_yaml yaml;
    enum pk_err err = pk_yaml_load(&yaml, path, PK_YAML_ANY, error);
    if (err != PK_OK)
        return err;
    err = servers(&yaml, config, error);
    if (err == PK_OK)
        err = mounts(&yaml, config, error);
    if (err == PK_OK)
        err = pacemaker(&yaml, config, error);
    if (err == PK_OK)
        err = authentication(&yaml, config, error);
    if (err == PK_OK)
        pk_storm_notes(&yaml, config);
    pk_yaml_free(&yaml);
    return err;
}
