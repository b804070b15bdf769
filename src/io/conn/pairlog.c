/*
 * What is said of a pair. Happy path: a line when a client has connected, one when it has a session, one with the
 * reason when it ends, which is also counted. Failure modes: what was wrong below the protocol, or that memory is
 * short, is said when it happens; an end for which a server is to blame is told to those who watch the servers.
 */
#include "io/conn/pairlog.h"

#include <inttypes.h>
#include <stdio.h>

#include "io/conn/pairs.h"
#include "io/upstream/learn.h"

enum { DETAILS = 200 };

const char *pk_pair_name(const struct pk_pair *pair, char text[PK_ADDRESS_TEXT])
{
    bool ours = pair->peer.any.sa_family == AF_UNSPEC;
    return !ours ? pk_address_text(&pair->peer.any, text) : pair->link ? "link" : "service session";
}

void pk_pairlog_connected(const struct pk_pair *pair)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {0, pk_pair_name(pair, text)};
    pk_log(pair->conns->loop.log, PK_LOG_DEBUG, PK_LOG_CLIENT, &who, "connected");
}

void pk_pairlog_no_memory(struct pk_pairs *conns, const union pk_address *peer)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {0, pk_address_text(&peer->any, text)};
    pk_log_close(conns->loop.log, &who, PK_CLOSE_NO_MEMORY, "");
}

void pk_pairlog_wrong(const struct pk_pair *pair, bool client, const char *why)
{
    char text[PK_ADDRESS_TEXT];
    const struct pk_pairs *conns = pair->conns;
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    if (client)
        pk_log(conns->loop.log, PK_LOG_WARN, PK_LOG_ACCEPT, &who, "closed: %s", why);
    else if (pair->server >= 0)
        pk_log(conns->loop.log, PK_LOG_WARN, PK_LOG_UPSTREAM, &who, "server %s: TLS: %s",
               pk_upstream_name(conns->upstream, pair->server), why);
}

void pk_pairlog_session(struct pk_pair *pair)
{
    struct core_conn_info info;
    struct pk_pairs *conns = pair->conns;
    char text[PK_ADDRESS_TEXT];
    if (!core_conn_info(conns->loop.core, pair->id, &info) || info.session_id == 0)
        return;
    pair->session = info.session_id;
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    pk_log(conns->loop.log, PK_LOG_DEBUG, PK_LOG_CLIENT, &who, "has a session at %s%s, timeout %d ms",
           pair->server >= 0 ? "server " : "the primary",
           pair->server >= 0 ? pk_upstream_name(conns->upstream, pair->server) : "", (int)info.timeout_ms);
}

/* ---- the end ---- */

static bool by_ensemble(enum pk_close why)
{
    return why == PK_CLOSE_UPLINK_LOST || why == PK_CLOSE_UPLINK_SILENT ||
           why == PK_CLOSE_UPLINK_CLOSED_AT_ONCE || why == PK_CLOSE_CONNECT_UNANSWERED ||
           why == PK_CLOSE_NO_UPSTREAM || why == PK_CLOSE_HOLD_DEADLINE || why == PK_CLOSE_NOT_HELD_WRITE ||
           (why >= PK_CLOSE_NOT_HELD_PART && why <= PK_CLOSE_NOT_HELD_UNKNOWN);
}

/* The server, and of a session how long it was here and what it asked. Returns out. */
static const char *what_is_known(const struct pk_pair *pair, char out[DETAILS])
{
    struct core_conn_info info;
    const struct pk_loop *loop = &pair->conns->loop;
    int n = 0;
    out[0] = '\0';
    if (pair->server >= 0)
        n = snprintf(out, DETAILS, "server %s", pk_upstream_name(pair->conns->upstream, pair->server));
    if (pair->session != 0 && core_conn_info(loop->core, pair->id, &info))
        snprintf(out + n, DETAILS - (size_t)n,
                 "%safter %.1f s, %" PRIu64 " requests, %" PRIu64 " of them from memory", n > 0 ? ", " : "",
                 (double)(loop->now_us - info.opened_us) / 1e6, info.received, info.local);
    return out;
}

void pk_pairlog_end(const struct pk_pair *pair, enum pk_close why)
{
    char text[PK_ADDRESS_TEXT], details[DETAILS];
    struct pk_pairs *conns = pair->conns;
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    conns->closes[why] += !pair->service;
    pk_log_close(conns->loop.log, &who, why, what_is_known(pair, details));
    if (!pair->service && by_ensemble(why))
        pk_outage_closed(conns->upstream);
    if (pair->server >= 0 && by_ensemble(why) && why != PK_CLOSE_NO_UPSTREAM &&
        why != PK_CLOSE_UPLINK_CLOSED_AT_ONCE && why != PK_CLOSE_CONNECT_UNANSWERED)
        pk_upstream_lost(conns->upstream, pair->server);
}
