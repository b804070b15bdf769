/*
 * Operating. Happy path: a reload says what it changed; a drain closes the listeners at once, so that /ready says no
 * and new clients go elsewhere, and lets those who are here leave at a rate, each at the end of an answer. Failure
 * modes: a stop is under way already; a client is gone before it was told.
 */
#include "io/daemon/operate.h"

#include <inttypes.h>

#include "io/admin/serve.h"
#include "io/config/config.h"
#include "io/conn/pump.h"
#include "io/daemon/daemon.h"
#include "io/daemon/reload.h"
#include "io/http/server.h"

static bool reload(void *owner, struct pk_text *answer)
{
    struct pk_daemon *daemon = owner;
    daemon->log.echo = answer;
    bool fine = pk_reload(daemon, "an operator");
    daemon->log.echo = NULL;
    return fine;
}

static bool drain(void *owner, int64_t rate, struct pk_text *answer)
{
    struct pk_daemon *daemon = owner;
    size_t clients = pk_pairs_clients(&daemon->conns);
    if (pk_daemon_stopping(daemon)) {
        pk_text_add(answer, "it stops already\n");
        return false;
    }
    daemon->drain.on = true;
    daemon->drain.rate = rate;
    daemon->drain.credit = 0;
    pk_listeners_close(&daemon->listeners);
    pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "an operator drains it: no new clients, %zu are to leave, %" PRId64 " a second", clients, rate);
    pk_text_add(answer, "draining: no new clients; %zu are to leave", clients);
    if (rate > 0)
        pk_text_add(answer, ", %" PRId64 " a second", rate);
    pk_text_add(answer, "; it runs on without clients until it is stopped\n");
    pk_operate_tick(daemon);
    pk_pump(&daemon->conns);
    return true;
}

static bool let_go(struct pk_daemon *daemon, struct pk_pair *pair)
{
    if (pair->service || pair->leaving || pair->state != PK_PAIR_KNOWN)
        return false;
    pair->leaving = true;
    pk_loop_step(&daemon->conns.loop, pair->id, PK_CLIENT_LEAVE, NULL, 0);
    return true;
}

static bool leave(void *owner, struct pk_id id, struct pk_text *answer)
{
    struct pk_daemon *daemon = owner;
    struct pk_pairs *conns = &daemon->conns;
    struct pk_pair *pair = id.slot < conns->slots ? conns->by_slot[id.slot] : NULL;
    bool found = pair != NULL && pair->id.gen == id.gen && let_go(daemon, pair);
    pk_text_add(answer, found ? "the client leaves at the end of its answer\n" : "there is no such client\n");
    pk_pump(conns);
    return found;
}

static const char *unready(void *owner)
{
    const struct pk_daemon *daemon = owner;
    if (pk_daemon_stopping(daemon))
        return "it stops";
    struct core_group_info info = {0};
    if (core_group_info(daemon->conns.loop.core, &info) && info.refused_us != 0)
        return "no primary of its group is reached";
    return daemon->drain.on ? "an operator drains it" : NULL;
}

void pk_operate_tick(struct pk_daemon *daemon)
{
    enum { TICKS = 4 }; /* a second */
    if (!daemon->drain.on || pk_daemon_stopping(daemon))
        return;
    daemon->drain.credit += daemon->drain.rate;
    PK_LIST_EACH(node, tmp, &daemon->conns.pairs) {
        if (daemon->drain.rate > 0 && daemon->drain.credit < TICKS)
            return;
        if (let_go(daemon, PK_CONTAINER(node, struct pk_pair, all)))
            daemon->drain.credit -= daemon->drain.rate > 0 ? TICKS : 0;
    }
    daemon->drain.credit = 0;
}

enum pk_err pk_operate_open(struct pk_daemon *daemon)
{
    const char *listen[PK_MAX_ADMIN_LISTENS];
    struct pk_admin *admin = &daemon->admin;
    struct pk_http_config http = {
        .handler = pk_admin_serve, .owner = admin, .token = daemon->config->admin_token};
    enum pk_err err = pk_http_open(&admin->http, &daemon->conns.loop, &http);
    return err == PK_OK ? pk_http_prepare(admin->http, listen, pk_config_admin_texts(daemon->config, listen))
                        : err;
}

void pk_operate_start(struct pk_daemon *daemon)
{
    struct pk_admin *admin = &daemon->admin;
    admin->owner = daemon;
    admin->actions = (struct pk_admin_actions){reload, drain, leave, unready};
    admin->started_ms = daemon->conns.loop.wall_ms;
    const char *listen[PK_MAX_ADMIN_LISTENS];
    pk_http_change(admin->http, listen, pk_config_admin_texts(daemon->config, listen));
}
