/*
 * What is known of each server: failures, back-off, and what the ensemble as a whole is like. Happy path: a
 * server answers its probe and clients get through. Failure modes: connects that fail, sessions that are
 * refused at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/loop/loop.h"
#include "io/upstream/servers.h"

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
    if (server->upstream->io->now_us < server->retry_us)
        return;
    int64_t ms = BACKOFF_MIN_MS << (server->fails < BACKOFF_STEPS ? server->fails : BACKOFF_STEPS);
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    ms -= (int64_t)(pk_upstream_roll(server->upstream) % (uint64_t)(ms / 2 + 1));
    server->fails++;
    server->retry_us = server->upstream->io->now_us + ms * 1000;
}

void pk_server_say(struct pk_server *server, bool up, const char *why)
{
    bool news = !server->asked || server->up != up;
    server->asked = true;
    server->up = up;
    if (news)
        pk_log(&server->upstream->io->log, up ? PK_LOG_INFO : PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
               "server %s %s: %s", server->name, up ? "answers" : "does not serve", why);
}

const struct sockaddr *pk_upstream_address(const struct pk_upstream *upstream, int server)
{
    return &upstream->servers[server].address.any;
}

const char *pk_upstream_name(const struct pk_upstream *upstream, int server)
{
    return upstream->servers[server].name;
}

void pk_upstream_list(const struct pk_upstream *upstream, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (s->names == 0 || !s->verified || !s->up || strcmp(s->mode, "proxy") == 0)
            continue;
        n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? "," : "", s->name);
    }
}

void pk_upstream_connected(struct pk_upstream *upstream, int server)
{
    struct pk_server *s = &upstream->servers[server];
    if (s->up || s->probe != NULL)
        return;
    /* A frozen server accepts too: only its answer to srvr makes it one that serves. */
    if (pk_probe_start(s, upstream->io->config->connect_timeout) != PK_OK)
        s->retry_us = 0;
}

void pk_upstream_close(struct pk_upstream *upstream)
{
    upstream->closing = true;
    for (int i = 0; i < upstream->nservers; i++)
        pk_probe_cancel(&upstream->servers[i]);
    for (int i = 0; i < upstream->nnames; i++)
        if (upstream->names[i].busy)
            uv_cancel((uv_req_t *)&upstream->names[i].request);
}

void pk_upstream_free(struct pk_upstream *upstream)
{
    free(upstream);
}

bool pk_upstream_itself(const struct pk_upstream *upstream)
{
    int servers = 0;
    if (upstream->itself || upstream->served || upstream->lookups > 0)
        return upstream->itself;
    for (int i = 0; i < upstream->nservers; i++) {
        if (upstream->servers[i].names != 0 && !upstream->servers[i].refused)
            return false;
        servers += upstream->servers[i].names != 0;
    }
    return servers > 0;
}

struct pk_ensemble_state pk_upstream_state(const struct pk_upstream *upstream)
{
    struct pk_ensemble_state state = {.version = "", .mode = ""};
    int writable = 0;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (s->names == 0 || s->refused)
            continue;
        state.servers++;
        if (!s->up)
            continue;
        state.up++;
        writable += strcmp(s->mode, "read-only") != 0;
        if (state.version[0] == '\0')
            state.version = s->version;
        if (state.mode[0] == '\0' || strcmp(s->mode, "leader") == 0)
            state.mode = s->mode;
    }
    state.read_only = state.up > 0 && writable == 0;
    return state;
}
