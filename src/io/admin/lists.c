/*
 * Servers, mounts and the configuration as tables. Happy path: a row for each. Failure modes: none but memory, which
 * the table knows.
 */
#include "io/admin/lists.h"

#include <stdio.h>

#include "io/config/mounts.h"
#include "io/conn/pairs.h"

static const char *state_name(const struct pk_server *s)
{
    static const char *const names[] = {[PK_SERVER_UNASKED] = "unasked",
                                        [PK_SERVER_UNREACHED] = "unreached",
                                        [PK_SERVER_UP] = "up",
                                        [PK_SERVER_DOWN] = "down",
                                        [PK_SERVER_ITSELF] = "itself"};
    return names[s->state];
}

static void mean(struct pk_table *table, const struct pk_latency *times)
{
    if (times == NULL || times->total == 0)
        pk_table_none(table);
    else
        pk_table_real(table, (double)times->sum_us / (double)times->total / 1000);
}

static void text_or_none(struct pk_table *table, const char *text)
{
    if (text[0] != '\0')
        pk_table_text(table, "%s", text);
    else
        pk_table_none(table);
}

void pk_list_servers(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {{"server", "SERVER"},
                                               {"state", "STATE"},
                                               {"role", "ROLE"},
                                               {"version", "VERSION"},
                                               {"connections", "CONNECTIONS"},
                                               {"read_ms", "READ MS"},
                                               {"write_ms", "WRITE MS"},
                                               {"faults", "FAULTS"},
                                               {"last_fault_seconds", "LAST FAULT"},
                                               {"last_fault", "WHY"}};
    const struct pk_upstream *upstream = admin->conns->upstream;
    const struct core *core = admin->conns->loop.core;
    int64_t at[PK_MAX_ADDRESSES] = {0};
    pk_admin_uplinks(admin, at);
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    for (int i = 0; i < upstream->nservers && most > 0; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (s->names == 0 || s->left)
            continue;
        most--;
        pk_table_text(table, "%s", s->name);
        pk_table_text(table, "%s", state_name(s));
        text_or_none(table, s->mode);
        text_or_none(table, s->version);
        pk_table_number(table, at[i]);
        mean(table, core_relay_times(core, (unsigned)i, false));
        mean(table, core_relay_times(core, (unsigned)i, true));
        pk_table_number(table, s->faults);
        if (s->fault_ms > 0)
            pk_table_number(table, (admin->conns->loop.wall_ms - s->fault_ms) / 1000);
        else
            pk_table_none(table);
        text_or_none(table, s->fault);
    }
}

static int64_t answered(const struct pk_tally *tally, enum pk_outcome outcome)
{
    int64_t n = 0;
    for (unsigned op = 0; op < PK_OPERATIONS; op++)
        n += tally->answers[op][outcome];
    return n;
}

static void mount_row(struct pk_admin *admin, struct pk_table *table, size_t i,
                      const struct core_mount_info *info)
{
    const struct pk_tally *tally = core_tally(admin->conns->loop.core, i);
    const struct pk_late_mount *late = &admin->late.mounts[i];
    pk_table_text(table, "%s", info->path);
    pk_table_text(table, "%s",
                  info->leaves   ? "leaves"
                  : info->begins ? "begins"
                                 : pk_config_mode_name(info->mode));
    pk_table_number(table, (int64_t)info->znodes);
    pk_table_number(table, (int64_t)info->cached_znodes);
    pk_table_number(table, (int64_t)info->dirty);
    pk_table_number(table, (int64_t)info->bytes);
    for (unsigned outcome = 0; outcome < PK_OUTCOMES; outcome++)
        pk_table_number(table, answered(tally, (enum pk_outcome)outcome));
    if (late->whole && late->oldest_ms > 0)
        pk_table_number(table, (admin->conns->loop.wall_ms - late->oldest_ms) / 1000);
    else
        pk_table_none(table);
    if (late->whole)
        pk_table_number(table, late->late);
    else
        pk_table_none(table);
}

/* What is below no mount: requests alone. */
static void outside_row(const struct pk_admin *admin, struct pk_table *table)
{
    enum { HELD = 4, AGES = 2 }; /* columns */
    const struct pk_tally *tally = core_tally(admin->conns->loop.core, SIZE_MAX);
    pk_table_text(table, "outside");
    pk_table_text(table, "relay");
    for (int i = 0; i < HELD; i++)
        pk_table_none(table);
    for (unsigned outcome = 0; outcome < PK_OUTCOMES; outcome++)
        pk_table_number(table, answered(tally, (enum pk_outcome)outcome));
    for (int i = 0; i < AGES; i++)
        pk_table_none(table);
}

void pk_list_mounts(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {{"mount", "MOUNT"},
                                               {"mode", "MODE"},
                                               {"znodes", "LOCAL"},
                                               {"cached", "CACHED"},
                                               {"dirty", "DIRTY"},
                                               {"bytes", "BYTES"},
#define X(name, label, help) {label, #name},
#include "core/store/outcomes.def"
#undef X
                                               {"oldest_beat_seconds", "OLDEST BEAT"},
                                               {"late_beats", "LATE"}};
    struct core_mount_info info;
    pk_late_look(&admin->late, &admin->conns->loop);
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < most && core_mount_next(admin->conns->loop.core, &i, &info); i++)
        mount_row(admin, table, i, &info);
    if (table->n < most)
        outside_row(admin, table);
}

static void config_row(struct pk_table *table, const char *name, const char *value, enum pk_origin origin)
{
    pk_table_text(table, "%s", name);
    pk_table_text(table, "%s", value);
    pk_table_text(table, "%s", pk_config_origin_name(origin));
}

static void listen_row(struct pk_table *table, const char *name, const struct pk_hostport *where,
                       enum pk_origin origin)
{
    char text[PK_HOST_MAX + 8];
    snprintf(text, sizeof text, "%s:%u", where->host[0] != '\0' ? where->host : "*", where->port);
    config_row(table, name, text, origin);
}

static void config_lists(const struct pk_config *config, struct pk_table *table)
{
    char text[PK_VALUE_TEXT + PK_HOST_MAX];
    for (size_t i = 0; i < config->nlistens; i++)
        listen_row(table, "listen", &config->listens[i], config->listens_from);
    for (size_t i = 0; i < config->ntls_listens; i++)
        listen_row(table, "tls.listen", &config->tls_listens[i], config->tls_listens_from);
    for (size_t i = 0; i < config->nproxies; i++)
        config_row(table, "proxy-protocol", pk_network_text(&config->proxies[i], text), config->proxies_from);
    for (size_t i = 0; i < config->npacemaker_listens; i++)
        listen_row(table, "pacemaker.listen", &config->pacemaker_listens[i], config->pacemaker_listens_from);
    for (size_t i = 0; i < config->nservers; i++) {
        snprintf(text, sizeof text, "%s:%u", config->servers[i].host, config->servers[i].port);
        config_row(table, "upstream", text, config->servers_from);
    }
    for (size_t i = 0; i < config->nadmin_listens; i++)
        config_row(table, "admin.listen", config->admin_listens[i], config->admin_listens_from);
    for (size_t i = 0; i < config->nmounts; i++) {
        char line[PK_MOUNT_PATH + PK_VALUE_TEXT + 2];
        snprintf(line, sizeof line, "%s=%s", config->mounts[i].path, pk_config_show_mount(config, i, text));
        config_row(table, "mounts", line, config->mounts_from);
    }
}

void pk_list_config(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {{"key", "KEY"}, {"value", "VALUE"}, {"origin", "FROM"}};
    const struct pk_config *config = admin->conns->loop.config;
    const struct pk_key *key = NULL;
    char text[PK_VALUE_TEXT];
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    config_lists(config, table);
    for (size_t i = 0; i < most && (key = pk_config_key(i)) != NULL; i++)
        config_row(table, key->name, pk_value_show(key->type, (const char *)config + key->offset, text),
                   (enum pk_origin)config->origins[i]);
}
