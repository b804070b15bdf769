/*
 * Settings of Storm that take heartbeats away from ZooKeeper, or keep them from being created here. Happy path: none of
 * them is set. Each becomes a note with its line.
 */
#include "io/config/stormnotes.h"

#include <string.h>

#include "io/config/config.h"
#include "io/config/yamldoc.h"

/* Pacemaker's clients are served because of that key, and nothing else has been read yet. */
static void state_store(struct pk_yaml *yaml, struct pk_config *config)
{
    const yaml_node_t *node = pk_yaml_find(yaml, "storm.cluster.state.store", NULL);
    if (config->npacemaker_listens == 0)
        return;
    pk_config_note(config, false, yaml->file, pk_yaml_line(node),
                   "storm.cluster.state.store is Pacemaker's: its clients are served on port %u, and "
                   "pacemaker.servers has to name this host",
                   config->pacemaker_listens[0].port);
}

/* With each of them Storm puts ACLs on its znodes; NULL: any value. */
static const struct {
    const char *key, *part;
} acl_keys[] = {
    {"storm.zookeeper.auth.scheme", NULL},
    {"storm.zookeeper.superACL", NULL},
    {"storm.zookeeper.topology.auth.scheme", NULL},
    {"java.security.auth.login.config", NULL},
    {"nimbus.childopts", "java.security.auth.login.config"},
    {"supervisor.childopts", "java.security.auth.login.config"},
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0' && strcmp(text, "null") != 0 && strcmp(text, "~") != 0;
}

static void acls(struct pk_yaml *yaml, struct pk_config *config)
{
    for (size_t i = 0; i < sizeof acl_keys / sizeof *acl_keys; i++) {
        const yaml_node_t *node = pk_yaml_find(yaml, acl_keys[i].key, NULL);
        const char *text = pk_yaml_text(node);
        if (!is_set(text) || (acl_keys[i].part != NULL && strstr(text, acl_keys[i].part) == NULL))
            continue;
        pk_config_note(
            config, true, yaml->file, pk_yaml_line(node),
            "%s: heartbeats get ACLs, so that the ensemble creates them and only their refreshes are "
            "absorbed; auth-file should name what superACL does, for flushes of workers that are gone",
            acl_keys[i].key);
        return;
    }
}

void pk_storm_notes(struct pk_yaml *yaml, struct pk_config *config)
{
    const char *tls = pk_yaml_text(pk_yaml_find(yaml, "storm.zookeeper.ssl.enable", NULL));
    state_store(yaml, config);
    config->storm_tls = tls != NULL && strcmp(tls, "true") == 0;
    acls(yaml, config);
}
