/*
 * The parts of the process. Happy path: a loop, a core with the configured mounts, a random name, handles that are not
 * started. Failure modes: no memory, no random numbers: there is no daemon.
 */
#include "io/daemon/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "io/admin/four_letter.h"
#include "io/config/config.h"
#include "io/config/group.h"
#include "io/config/mounts.h"
#include "io/config/policy.h"
#include "io/http/server.h"
#include "io/instances/census.h"
#include "io/instances/marker.h"
#include "io/instances/survey.h"
#include "io/sasl/sasl.h"
#include "io/upstream/upstream.h"

/* Our place in the group; NULL without one. path: room for where it is. */
static const struct core_group *make_group(const struct pk_daemon *daemon, struct core_group *group,
                                           char path[2 * PK_VALUE_TEXT])
{
    const struct pk_config *c = daemon->config;
    if (!pk_group_configured(c))
        return NULL;
    snprintf(path, 2 * PK_VALUE_TEXT, "%s/%s", c->instances, c->group_name);
    *group =
        (struct core_group){.path = path, .address = c->group_listen, .lag_bytes = (size_t)c->group_buffer};
    memcpy(group->incarnation, daemon->incarnation, sizeof group->incarnation);
    return group;
}

static enum pk_err make_core(const struct pk_daemon *daemon, struct core **core)
{
    const struct pk_config *c = daemon->config;
    char path[2 * PK_VALUE_TEXT];
    struct core_group group;
    struct core_mount mounts[PK_MAX_MOUNTS];
    struct core_auth auths[PK_MAX_AUTHS];
    struct pk_policy_view *views = calloc(PK_MAX_MOUNTS, sizeof *views);
    if (views == NULL)
        return PK_ENOMEM;
    for (size_t i = 0; i < c->nmounts; i++) {
        mounts[i] = pk_config_core_mount(c, i);
        mounts[i].policy = pk_policy_view(c, i, &views[i]);
    }
    struct core_config config = {
        .mounts = mounts,
        .nmounts = c->nmounts,
        PK_DAEMON_LIMITS(c),
        .hold = c->hold,
        .secrets = &daemon->conns.loop.secrets.mem,
        .auths = auths,
        .nauths = pk_auth_view(&c->auth, auths),
        .pacemaker = pk_config_find_mount(c, c->pacemaker_mount) >= 0 ? c->pacemaker_mount : NULL,
        .login = c->pacemaker_login.method,
        .sasl_ended = c->sasl_mechanisms != 0,
        .group = make_group(daemon, &group, path),
    };
    enum pk_err err = PK_ELIMIT;
    if (getrandom(&config.hash_seed, sizeof config.hash_seed, 0) == sizeof config.hash_seed)
        err = core_new(core, &pk_mem_libc, &config);
    free(views);
    return err;
}

/* A random name for this process, so that it is recognised when it meets itself as an upstream, and in its group. */
static enum pk_err make_instance(struct pk_daemon *daemon)
{
    if (getrandom(daemon->incarnation, sizeof daemon->incarnation, 0) != sizeof daemon->incarnation)
        return PK_ELIMIT;
    for (size_t i = 0; i < sizeof daemon->incarnation; i++)
        snprintf(daemon->instance + 2 * i, 3, "%02x", daemon->incarnation[i]);
    return PK_OK;
}

static char *answer(void *owner, const char *word, size_t *len)
{
    return pk_four_letter_answer(owner, word, len);
}

static void make_handles(struct pk_daemon *daemon)
{
    uv_loop_t *uv = &daemon->conns.loop.uv;
    pk_pairs_init(&daemon->conns);
    uv_timer_init(uv, &daemon->tick);
    uv_prepare_init(uv, &daemon->drained);
    uv_timer_init(uv, &daemon->group_tick);
    daemon->tick.data = daemon->drained.data = daemon->group_tick.data = daemon;
}

enum pk_err pk_daemon_init(struct pk_daemon *daemon, struct pk_config *config,
                           const struct pk_options *options)
{
    struct pk_pairs *conns = &daemon->conns;
    struct pk_loop *loop = &conns->loop;
    daemon->config = config;
    daemon->options = options;
    pk_log_init(&daemon->log, (enum pk_log_level)config->log_level, STDERR_FILENO);
    daemon->log.format = (enum pk_log_format)config->log_format;
    pk_notify_open(&daemon->notify);
    pk_inherit(&daemon->inherited);
    daemon->listeners.inherited = &daemon->inherited;
    loop->config = config;
    loop->log = &daemon->log;
    loop->instance = daemon->instance;
    if (pk_loop_init(loop) != PK_OK)
        return PK_ENOMEM;
    make_handles(daemon);
    daemon->figures.since_us = loop->started_us;
    daemon->survey = pk_survey_new(loop);
    daemon->census = pk_census_new(loop);
    daemon->marker = pk_marker_new(loop, &daemon->listeners);
    daemon->admin = (struct pk_admin){.conns = conns,
                                      .listeners = &daemon->listeners,
                                      .limits = &daemon->limits,
                                      .marker = daemon->marker,
                                      .census = daemon->census};
    conns->on_four_letter = answer;
    conns->owner = &daemon->admin;
    if (daemon->survey == NULL || daemon->census == NULL || daemon->marker == NULL)
        return PK_ENOMEM;
    enum pk_err err = make_instance(daemon);
    return err != PK_OK ? err : make_core(daemon, &loop->core);
}

void pk_daemon_notes(struct pk_daemon *daemon, const struct pk_config *config)
{
    for (size_t i = 0; i < config->nnotes; i++)
        pk_log(&daemon->log, config->notes[i].warn ? PK_LOG_WARN : PK_LOG_INFO, PK_LOG_START, NULL, "%s",
               config->notes[i].text);
}

void pk_daemon_free(struct pk_daemon *daemon)
{
    pk_http_free(daemon->admin.http);
    pk_notify_close(&daemon->notify);
    pk_upstream_free(daemon->conns.upstream);
    pk_marker_free(daemon->marker);
    pk_survey_free(daemon->survey);
    pk_census_free(daemon->census);
    pk_pairs_free(&daemon->conns);
    pk_loop_free(&daemon->conns.loop);
    pk_sasl_free(daemon->sasl);
}
