/*
 * The servers of the ensemble. Happy path: names become addresses, each is probed once, clients are spread
 * over them at random. Failure modes: a server that fails is tried last for a while that doubles, with
 * jitter; when clients find none, names are looked up again; this very process among the servers is refused.
 */
#include "io/upstream/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "io/conn/pair.h"
#include "io/loop/loop.h"

enum { ASK_AGAIN_US = 1000000 };

void pk_server_probe(struct pk_server *server)
{
    if (server->probe != NULL || server->upstream->closing)
        return;
    server->asked_us = server->upstream->io->now_us;
    if (pk_probe_start(server, server->upstream->io->config->connect_timeout) != PK_OK)
        pk_log(&server->upstream->io->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
               "server %s cannot be probed now", server->name);
}

void pk_upstream_retry_all(struct pk_list *waiters)
{
    struct pk_list now;
    pk_list_init(&now);
    while (!pk_list_empty(waiters)) {
        struct pk_list *node = waiters->next;
        pk_list_del(node);
        pk_list_add_tail(&now, node);
    }
    while (!pk_list_empty(&now))
        pk_pair_uplink_retry(PK_CONTAINER(now.next, struct pk_pair, waiting));
}

/* Pairs that wait for this server go elsewhere. */
static void turn_away(struct pk_server *server, struct pk_list *waiters)
{
    uint64_t bit = UINT64_C(1) << (server - server->upstream->servers);
    PK_LIST_EACH(node, tmp, waiters) {
        PK_CONTAINER(node, struct pk_pair, waiting)->tried |= bit;
    }
    pk_upstream_retry_all(waiters);
}

/* Copies what follows label up to one of ends. */
static void field(const char *text, const char *label, const char *ends, char *out, size_t size)
{
    const char *p = strstr(text, label);
    size_t n = p != NULL ? strcspn(p + strlen(label), ends) : 0;
    if (n >= size)
        n = size - 1;
    if (p != NULL)
        memcpy(out, p + strlen(label), n);
    out[n] = '\0';
}

/* Reads an answer to srvr; false when the server must not be used. */
static bool learn(struct pk_server *server, const char *text)
{
    struct pk_io *io = server->upstream->io;
    char instance[PK_INSTANCE_TEXT], what[PK_VERSION_TEXT + PK_STATE_TEXT + 64];
    field(text, "Zookeeper version: ", "-, \n", server->version, sizeof server->version);
    field(text, "Mode: ", "\n", server->mode, sizeof server->mode);
    field(text, "Pacekeeper instance: ", "\n", instance, sizeof instance);
    bool refused = strcmp(instance, io->instance) == 0;
    if (refused && !server->refused)
        pk_log(
            &io->log, PK_LOG_ERROR, PK_LOG_START, NULL,
            "server %s is this very pacekeeper: refused. The upstream must name the ensemble's own servers",
            server->name);
    server->refused = refused;
    if (refused)
        return false;
    server->upstream->served = true;
    if (strcmp(server->mode, "proxy") == 0 && !server->warned) {
        server->warned = true;
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
               "server %s is another proxy, not a server of the ensemble: heartbeats held there stay there",
               server->name);
    }
    if (strstr(text, "not currently serving requests") != NULL) {
        pk_server_say(server, false, "it says that it serves no requests now");
        pk_server_back_off(server);
        return true;
    }
    snprintf(what, sizeof what, "version %s, %s", server->version[0] != '\0' ? server->version : "unknown",
             server->mode[0] != '\0' ? server->mode
                                     : "state unknown (srvr is not in its 4lw.commands.whitelist)");
    pk_server_say(server, true, what);
    server->fails = 0;
    server->retry_us = 0;
    return true;
}

void pk_upstream_probed(struct pk_server *server, enum pk_probe_result result, const char *text)
{
    switch (result) {
    case PK_PROBE_TEXT:
        server->verified = learn(server, text);
        break;
    case PK_PROBE_CLOSED:
        server->verified = true;
        pk_server_say(server, false, "it closes connections at once (stopping, or maxClientCnxns reached)");
        pk_server_back_off(server);
        break;
    case PK_PROBE_SILENT:
        pk_server_say(server, false, "connected, but no answer in time");
        pk_server_back_off(server);
        break;
    case PK_PROBE_FAILED:
        pk_server_say(server, false, text);
        pk_server_back_off(server);
        break;
    }
    if (server->verified)
        pk_upstream_retry_all(&server->waiters);
    else
        turn_away(server, &server->waiters);
}

bool pk_upstream_arrive(struct pk_upstream *upstream, int server, struct pk_list *waiting)
{
    struct pk_server *s = &upstream->servers[server];
    if (s->arriving < PK_ARRIVING_MAX) {
        s->arriving++;
        return true;
    }
    pk_list_add_tail(&s->queue, waiting);
    return false;
}

void pk_upstream_arrived(struct pk_upstream *upstream, int server)
{
    struct pk_server *s = &upstream->servers[server];
    s->arriving--;
    /* Each picks anew and may go elsewhere, so that one place may be for several. */
    while (!upstream->closing && s->arriving < PK_ARRIVING_MAX && !pk_list_empty(&s->queue))
        pk_pair_uplink_retry(PK_CONTAINER(s->queue.next, struct pk_pair, waiting));
}

void pk_upstream_failed(struct pk_upstream *upstream, int server, const char *why)
{
    struct pk_server *s = &upstream->servers[server];
    pk_server_back_off(s);
    pk_server_say(s, false, why);
    turn_away(s, &s->queue);
}

void pk_upstream_left(struct pk_upstream *upstream, int server, enum pk_close why)
{
    struct pk_server *s = &upstream->servers[server];
    if (why == PK_CLOSE_NONE)
        return;
    pk_server_back_off(s);
    pk_log(&upstream->io->log, PK_LOG_WARN, PK_LOG_ATTEMPT, NULL, "server %s left for another: %s", s->name,
           pk_log_close_text(why));
    if (why == PK_CLOSE_CONNECT_UNANSWERED)
        turn_away(s, &s->queue);
}

static void probe_all(struct pk_upstream *upstream)
{
    upstream->probed_us = upstream->io->now_us;
    for (int i = 0; i < upstream->nservers; i++)
        if (upstream->servers[i].names != 0)
            pk_server_probe(&upstream->servers[i]);
}

static void ask_the_lost(struct pk_upstream *upstream)
{
    for (int i = 0; i < upstream->nservers; i++) {
        struct pk_server *s = &upstream->servers[i];
        if (!s->lost || upstream->io->now_us - s->asked_us < ASK_AGAIN_US)
            continue;
        s->lost = false;
        pk_server_probe(s);
    }
}

enum pk_err pk_upstream_open(struct pk_io *io)
{
    struct pk_upstream *upstream = calloc(1, sizeof *upstream);
    if (upstream == NULL)
        return PK_ENOMEM;
    upstream->io = io;
    io->upstream = upstream;
    if (getrandom(&upstream->random, sizeof upstream->random, 0) != sizeof upstream->random)
        upstream->random = (uint64_t)io->now_us;
    upstream->random |= 1;
    pk_selves_find(&upstream->selves, io->config);
    for (size_t i = 0; i < io->config->nservers; i++) {
        pk_resolve_init(&upstream->names[i], upstream, &io->config->servers[i]);
        upstream->nnames++;
    }
    pk_upstream_resolve(upstream);
    upstream->probed_us = io->now_us;
    return PK_OK;
}

void pk_upstream_tick(struct pk_upstream *upstream)
{
    int64_t interval = upstream->io->config->status_interval * 1000;
    pk_outage_tick(upstream);
    ask_the_lost(upstream);
    if (interval > ASK_AGAIN_US && pk_upstream_state(upstream).up == 0)
        interval = ASK_AGAIN_US;
    if (upstream->io->now_us - upstream->probed_us >= interval)
        probe_all(upstream);
}

enum pk_pick pk_upstream_pick(struct pk_upstream *upstream, uint64_t tried, int *server)
{
    int chosen = -1, best = 0;
    uint64_t candidates = 0;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (s->names == 0 || s->refused || (tried >> i & 1))
            continue;
        int rank = s->retry_us <= upstream->io->now_us ? 2 : 1;
        if (rank > best)
            candidates = 0;
        if (rank < best)
            continue;
        best = rank;
        if (pk_upstream_roll(upstream) % ++candidates == 0)
            chosen = i;
    }
    if (chosen < 0 && upstream->lookups > 0)
        return PK_PICK_NAMES;
    if (chosen < 0) {
        pk_upstream_resolve_again(upstream);
        return PK_PICK_NONE;
    }
    *server = chosen;
    return upstream->servers[chosen].verified ? PK_PICK_SERVER : PK_PICK_PROBE;
}

void pk_upstream_wait(struct pk_upstream *upstream, int server, struct pk_list *waiting)
{
    pk_list_add_tail(&upstream->servers[server].waiters, waiting);
    pk_server_probe(&upstream->servers[server]);
    if (upstream->servers[server].probe == NULL)
        pk_upstream_probed(&upstream->servers[server], PK_PROBE_FAILED, "no probe could be made");
}

void pk_upstream_lost(struct pk_upstream *upstream, int server)
{
    upstream->servers[server].lost = true;
    ask_the_lost(upstream);
}
