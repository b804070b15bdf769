/*
 * What a server tells of itself. Happy path: srvr is answered, version and mode are noted, those that waited are sent
 * there. Failure modes: no answer, a server that closes at once, one that says that it does not serve: it is tried last
 * for a while; one that is this very process turns everybody away.
 */
#include "io/upstream/learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/loop/loop.h"
#include "io/loop/wait.h"

enum { ASK_AGAIN_US = 1000000, PROBES_MAX = 10, ZXID_TEXT = 20, COUNT_TEXT = 24 };

static void probed(void *owner, enum pk_probe_result result, const char *text, int64_t begun_us)
{
    struct pk_server *server = owner;
    struct pk_upstream *upstream = server->upstream;
    pk_loop_clock(upstream->loop);
    /* One answer answers all that were asked. */
    while (result == PK_PROBE_TEXT && pk_probe_cancel(&server->probes))
        continue;
    pk_server_probed(server, result, text, begun_us);
    upstream->settled(upstream->owner);
}

static bool start(struct pk_server *server)
{
    struct pk_loop *loop = server->upstream->loop;
    return pk_probe_start(loop, &server->address.any, pk_server_host(server), loop->config->connect_timeout,
                          probed, server, &server->probes);
}

void pk_server_probe(struct pk_server *server)
{
    struct pk_loop *loop = server->upstream->loop;
    if (!pk_list_empty(&server->probes) || server->upstream->closing)
        return;
    server->asked_us = loop->now_us;
    if (!start(server))
        pk_log(loop->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL, "server %s cannot be probed now", server->name);
}

void pk_server_probe_again(struct pk_server *server)
{
    int running = 0;
    PK_LIST_EACH(node, tmp, &server->probes) {
        running++;
    }
    if (running == PROBES_MAX)
        pk_probe_cancel(&server->probes);
    server->asked_us = server->upstream->loop->now_us;
    start(server);
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

/* Notes the mode; says when it has become a proxy's. */
static void learn_mode(struct pk_server *server, const char *text)
{
    bool proxy = strcmp(server->mode, "proxy") == 0;
    field(text, "Mode: ", "\n", server->mode, sizeof server->mode);
    if (!proxy && strcmp(server->mode, "proxy") == 0)
        pk_log(server->upstream->loop->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
               "server %s is another proxy, not a server of the ensemble: heartbeats held there stay there",
               server->name);
}

static void refuse(struct pk_server *server)
{
    if (server->state != PK_SERVER_ITSELF)
        pk_log(
            server->upstream->loop->log, PK_LOG_ERROR, PK_LOG_START, NULL,
            "server %s is this very pacekeeper: refused. The upstream must name the ensemble's own servers",
            server->name);
    pk_server_move(server, PK_SERVER_ITSELF, "");
}

static uint16_t release_of(const char *version)
{
    unsigned major, minor;
    if (sscanf(version, "%3u.%3u", &major, &minor) != 2 || major > UINT8_MAX || minor > UINT8_MAX)
        return 0;
    return (uint16_t)(major << 8 | minor);
}

/* A server counts from its start on, or since the election after which it serves. So one that has counted less than
 * before has let go of everybody who was there. Answers that may have changed places say nothing. */
static void learn_count(struct pk_server *server, const char *text, int64_t begun_us)
{
    char count[COUNT_TEXT];
    field(text, "\nReceived: ", "\n", count, sizeof count);
    int64_t received = (int64_t)strtoull(count, NULL, 10);
    if (received == 0 || begun_us < server->order_us)
        return;
    if (received < server->received) {
        server->anew_us = server->counted_us;
        server->known_us = begun_us;
    }
    server->received = received;
    server->counted_us = begun_us;
    server->order_us = server->upstream->loop->now_us;
}

void pk_server_asks(struct pk_server *server)
{
    server->order_us = pk_loop_now();
}

/* Reads an answer to srvr. */
static void learn(struct pk_server *server, const char *text, int64_t begun_us)
{
    char zxid[ZXID_TEXT], instance[PK_INSTANCE_TEXT], what[PK_VERSION_TEXT + PK_STATE_TEXT + 64];
    field(text, "Zookeeper version: ", "-, \n", server->version, sizeof server->version);
    server->release = release_of(server->version);
    field(text, ", built on ", "\r\n", server->built, sizeof server->built);
    field(text, "Pacekeeper instance: ", "\n", instance, sizeof instance);
    if (strcmp(instance, server->upstream->loop->instance) == 0) {
        refuse(server);
        return;
    }
    server->upstream->served = true;
    learn_mode(server, text);
    field(text, "Zxid: 0x", "\n", zxid, sizeof zxid);
    server->zxid = (int64_t)strtoull(zxid, NULL, 16);
    learn_count(server, text, begun_us);
    if (strstr(text, "not currently serving requests") != NULL) {
        pk_server_move(server, PK_SERVER_DOWN, "it says that it serves no requests now");
        pk_server_back_off(server);
        return;
    }
    snprintf(what, sizeof what, "version %s, %s", server->version[0] != '\0' ? server->version : "unknown",
             server->mode[0] != '\0' ? server->mode
                                     : "state unknown (srvr is not in its 4lw.commands.whitelist)");
    pk_server_move(server, PK_SERVER_UP, what);
    server->fails = 0;
    server->retry_us = 0;
}

bool pk_server_serves(const struct pk_server *server)
{
    return server->state == PK_SERVER_UP && strcmp(server->mode, "read-only") != 0;
}

/* Whether it has begun anew just now, and the uplink was there when that became known. It may have come in between, be
 * let go by itself right then, and seem lost: then its session is asked for elsewhere, in vain or once. The other way
 * round each client of a leader that is deposed a moment after it thawed would be closed. */
static bool anew_just_now(const struct pk_server *server, int64_t answered_us)
{
    return server->known_us > answered_us && server->counted_us - server->known_us < ASK_AGAIN_US;
}

bool pk_server_was_lost(const struct pk_server *server, int64_t answered_us, int64_t heard_us)
{
    return server->lost_us > heard_us || server->anew_us > answered_us || anew_just_now(server, answered_us);
}

void pk_server_probed(struct pk_server *server, enum pk_probe_result result, const char *text,
                      int64_t begun_us)
{
    static const char stopping[] = "it closes connections at once (stopping, or maxClientCnxns reached)";
    switch (result) {
    case PK_PROBE_TEXT:
        learn(server, text, begun_us);
        if (pk_server_serves(server) && begun_us > server->served_us)
            server->served_us = begun_us;
        break;
    case PK_PROBE_CLOSED:
        /* It is none of ours, which would have answered. */
        if (server->state == PK_SERVER_UNASKED || server->state == PK_SERVER_UNREACHED)
            pk_server_move(server, PK_SERVER_DOWN, stopping);
        pk_server_fail(server, stopping);
        break;
    case PK_PROBE_SILENT:
        pk_server_fail(server, "connected, but no answer in time");
        break;
    case PK_PROBE_FAILED:
        pk_server_fail(server, text);
        break;
    }
    if (result != PK_PROBE_CLOSED && !pk_server_serves(server) && begun_us > server->lost_us)
        server->lost_us = begun_us;
    pk_waiters_call(&server->waiters, !pk_server_told(server));
    if (server->state == PK_SERVER_UP)
        pk_waiters_call(&server->upstream->unserved, false);
    if (pk_server_serves(server))
        pk_waiters_call(&server->upstream->homeless, false);
}

void pk_upstream_connected(struct pk_upstream *upstream, int server)
{
    struct pk_server *s = &upstream->servers[server];
    if (s->state == PK_SERVER_UP || !pk_list_empty(&s->probes))
        return;
    /* A frozen server accepts too: only its answer to srvr makes it one that serves. */
    if (!start(s))
        s->retry_us = 0;
}

void pk_upstream_ask_lost(struct pk_upstream *upstream)
{
    for (int i = 0; i < upstream->nservers; i++) {
        struct pk_server *s = &upstream->servers[i];
        if (!s->lost || s->names == 0 || upstream->loop->now_us - s->asked_us < ASK_AGAIN_US)
            continue;
        s->lost = false;
        pk_server_probe(s);
    }
}

void pk_upstream_lost(struct pk_upstream *upstream, int server)
{
    upstream->servers[server].lost = true;
    upstream->failed = true;
    pk_upstream_ask_lost(upstream);
}
