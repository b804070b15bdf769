/*
 * What is known of each server: failures, back-off, and what the ensemble as a whole is like. Happy path: a
 * server answers its probe and clients get through. Failure modes: connects that fail, sessions that are
 * refused at once.
 */
#include "io/upstream/servers.h"

#include <stdio.h>
#include <string.h>

#include "io/loop/loop.h"
#include "io/loop/move.h"

enum { BACKOFF_MIN_MS = 500, BACKOFF_MAX_MS = 15000, BACKOFF_STEPS = 5 };

/* xorshift: enough to spread clients. */
uint64_t pk_upstream_roll(struct pk_upstream *upstream)
{
    uint64_t x = upstream->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return upstream->random = x;
}

void pk_server_back_off(struct pk_server *server)
{
    if (server->upstream->loop->now_us < server->retry_us)
        return;
    int64_t ms = BACKOFF_MIN_MS << (server->fails < BACKOFF_STEPS ? server->fails : BACKOFF_STEPS);
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    ms -= (int64_t)(pk_upstream_roll(server->upstream) % (uint64_t)(ms / 2 + 1));
    server->fails++;
    server->retry_us = server->upstream->loop->now_us + ms * 1000;
}

static const uint8_t edges[] = {
    [PK_SERVER_UNASKED] =
        PK_TO(PK_SERVER_UNREACHED) | PK_TO(PK_SERVER_UP) | PK_TO(PK_SERVER_DOWN) | PK_TO(PK_SERVER_ITSELF),
    [PK_SERVER_UNREACHED] = PK_TO(PK_SERVER_UP) | PK_TO(PK_SERVER_DOWN) | PK_TO(PK_SERVER_ITSELF),
    [PK_SERVER_UP] = PK_TO(PK_SERVER_DOWN) | PK_TO(PK_SERVER_ITSELF),
    [PK_SERVER_DOWN] = PK_TO(PK_SERVER_UP) | PK_TO(PK_SERVER_ITSELF),
    [PK_SERVER_ITSELF] = PK_TO(PK_SERVER_UP) | PK_TO(PK_SERVER_DOWN),
};

void pk_server_move(struct pk_server *server, enum pk_server_state to, const char *why)
{
    struct pk_log *log = server->upstream->loop->log;
    enum pk_server_state from = server->state;
    if (from == to)
        return;
    server->state = pk_move("a server", edges, from, to);
    if (to == PK_SERVER_UP)
        pk_log(log, PK_LOG_INFO, PK_LOG_UPSTREAM, NULL, "server %s answers: %s", server->name, why);
    else if (to != PK_SERVER_ITSELF && from != PK_SERVER_UNREACHED)
        pk_log(log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL, "server %s does not serve: %s", server->name, why);
}

void pk_server_fail(struct pk_server *server, const char *why)
{
    server->upstream->failed = true;
    server->faults++;
    server->fault_ms = server->upstream->loop->wall_ms;
    snprintf(server->fault, sizeof server->fault, "%s", why != NULL ? why : "");
    pk_server_back_off(server);
    if (server->state != PK_SERVER_ITSELF)
        pk_server_move(server, pk_server_told(server) ? PK_SERVER_DOWN : PK_SERVER_UNREACHED, why);
}

const struct sockaddr *pk_upstream_address(const struct pk_upstream *upstream, int server)
{
    return &upstream->servers[server].address.any;
}

const char *pk_upstream_name(const struct pk_upstream *upstream, int server)
{
    return upstream->servers[server].name;
}

const char *pk_server_host(const struct pk_server *server)
{
    const struct pk_upstream *upstream = server->upstream;
    uint32_t names = server->names != 0 ? server->names : server->had;
    for (int i = 0; i < upstream->nnames; i++)
        if (names >> i & 1)
            return upstream->names[i].where->host;
    return "";
}

const char *pk_upstream_host(const struct pk_upstream *upstream, int server)
{
    return pk_server_host(&upstream->servers[server]);
}

bool pk_upstream_was_left(const struct pk_upstream *upstream, int server)
{
    return upstream->servers[server].left;
}

bool pk_upstream_named(const struct pk_upstream *upstream)
{
    for (int i = 0; i < upstream->nnames; i++)
        if (!upstream->names[i].asked)
            return false;
    return true;
}

int pk_upstream_serving(struct pk_upstream *upstream)
{
    int chosen = -1;
    uint64_t candidates = 0;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        bool fit =
            s->state == PK_SERVER_UP && strcmp(s->mode, "proxy") != 0 && strcmp(s->mode, "read-only") != 0;
        if (fit && s->names != 0 && pk_upstream_roll(upstream) % ++candidates == 0)
            chosen = i;
    }
    return chosen;
}

struct pk_ensemble_state pk_upstream_state(const struct pk_upstream *upstream)
{
    struct pk_ensemble_state state = {.version = "", .built = "", .mode = ""};
    int writable = 0;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (!pk_server_usable(s))
            continue;
        state.servers++;
        if (s->state != PK_SERVER_UP)
            continue;
        state.up++;
        writable += strcmp(s->mode, "read-only") != 0;
        if (state.version[0] == '\0') {
            state.version = s->version;
            state.built = s->built;
        }
        if (state.mode[0] == '\0' || strcmp(s->mode, "leader") == 0)
            state.mode = s->mode;
    }
    state.read_only = state.up > 0 && writable == 0;
    return state;
}
