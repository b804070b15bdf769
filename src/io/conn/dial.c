/*
 * The uplink of a pair. Happy path: a server is picked, connected to within connect-timeout, reported as ready. Failure
 * modes: a server that was never asked who it is must be asked first (the pair waits for the probe, which others may
 * share); one that has many on their way in lets others wait; one that refuses or is silent is left for the next; when
 * all have been tried the core is told, after a second if none serves: one may begin to. There is one timer for all
 * connects: every attempt has the same time, so the oldest is the first to run out. A handshake of TLS has longer, and
 * is looked at with the tick. An uplink to another member of the group has no choice of server: that member is
 * connected to, at each of its addresses (call.h).
 */
#include "io/conn/dial.h"

#include <stdio.h>

#include "io/config/config.h"
#include "io/conn/call.h"
#include "io/conn/pair.h"
#include "io/conn/pairlog.h"
#include "io/conn/pairs.h"
#include "io/conn/pump.h"
#include "io/upstream/arrive.h"
#include "io/upstream/choose.h"
#include "io/upstream/learn.h"
#include "io/upstream/urgent.h"
#include "io/upstream/verdict.h"

enum { NAMES_WAIT_US = 5000000, SERVED_WAIT_US = 1000000, CALL_US = 1000000, CROWDED_MAX = 5 };

/* Whoever comes next may come, because the server has answered or because it will not. */
static void arrived(struct pk_pair *pair, bool answered)
{
    if (!pair->arriving)
        return;
    pair->arriving = false;
    pk_upstream_arrived(pair->conns->upstream, pair->server, pair->begun_us, answered);
}

void pk_dial_heard(struct pk_pair *pair)
{
    if (pair->arriving) {
        arrived(pair, true);
        pair->begun_us = pair->conns->loop.now_us;
    }
}

static void uplink_closed(uv_handle_t *handle)
{
    struct pk_pair *pair = handle->data;
    struct pk_pairs *conns = pair->conns;
    pk_side_closed(&pair->uplink);
    pk_loop_clock(&conns->loop);
    arrived(pair, false);
    if (pair->state == PK_PAIR_KNOWN && pair->reopen)
        pk_dial_open(pair);
    else
        pk_pair_maybe_free(pair);
    pk_pump(conns);
}

void pk_dial_close(struct pk_pair *pair)
{
    pair->reopen = pair->asks = false;
    pk_list_del(&pair->wait.list);
    pk_side_close(&pair->uplink, uplink_closed);
    struct pk_call *call = pair->call;
    pair->call = NULL;
    pk_call_end(call, &pair->conns->members);
}

/* This attempt is over: closes what there is, then looks again. */
static void again(struct pk_pair *pair)
{
    pk_list_del(&pair->wait.list);
    pair->reopen = true;
    pk_side_close(&pair->uplink, uplink_closed);
}

/* This server will not do: the next one is tried. */
static void next_server(struct pk_pair *pair, const char *why)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    pk_upstream_failed(pair->conns->upstream, pair->server, why);
    pk_log(pair->conns->loop.log, PK_LOG_DEBUG, PK_LOG_ATTEMPT, &who, "server %s: %s",
           pk_upstream_name(pair->conns->upstream, pair->server), why);
    again(pair);
}

/* There was no connection in time. A server that answers others has a full queue, and may have room the next time. */
static void too_late(struct pk_pair *pair)
{
    struct pk_upstream *upstream = pair->conns->upstream;
    if (pair->crowded == CROWDED_MAX || !pk_upstream_crowded(upstream, pair->server, pair->begun_us)) {
        next_server(pair, "no connection in time");
        return;
    }
    pair->crowded++;
    pair->tried &= ~(UINT64_C(1) << pair->server);
    pk_server_narrow(&upstream->servers[pair->server]);
    again(pair);
}

/* The server had accepted, and closed before we looked: an uplink that came and went. */
static void closed_at_once(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    pk_dial_close(pair);
    pk_loop_step(&conns->loop, pair->id, PK_UPLINK_READY, NULL, (size_t)pair->server);
    pk_loop_step(&conns->loop, pair->id, PK_UPLINK_EOF, NULL, 0);
}

/* Nothing stands between the core and the server any more. */
static void ready(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    pk_list_del(&pair->wait.list);
    pk_upstream_connected(conns->upstream, pair->server);
    core_uplink_release(conns->loop.core, pair->id, conns->upstream->servers[pair->server].release);
    pk_loop_step(&conns->loop, pair->id, PK_UPLINK_READY, NULL, (size_t)pair->server);
}

static void wait_for_handshake(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    pk_list_del(&pair->wait.list);
    pair->deadline_us = conns->loop.now_us + conns->loop.config->connect_timeout * PK_TLS_PATIENCE * 1000;
    pk_list_add_tail(&conns->securing, &pair->wait.list);
}

void pk_dial_opened(struct pk_pair *pair)
{
    pk_side_opened(&pair->uplink);
    ready(pair);
}

void pk_dial_refused(struct pk_pair *pair, const char *why)
{
    char text[256];
    snprintf(text, sizeof text, "TLS: %.200s",
             why != NULL ? why : "it closed the connection in the handshake");
    next_server(pair, text);
}

/* The connect to a server has ended. */
static void met_server(struct pk_pair *pair, int status)
{
    struct pk_tls_context *tls = pair->conns->loop.config->upstream_tls;
    if (status == UV_EPIPE || status == UV_ECONNRESET)
        closed_at_once(pair);
    else if (status < 0)
        next_server(pair, uv_strerror(status));
    else if (!pk_pair_read_uplink(pair, tls, pk_upstream_host(pair->conns->upstream, pair->server)))
        next_server(pair, "memory is short");
    else if (tls == NULL)
        ready(pair);
    else
        wait_for_handshake(pair);
}

/* The same to a member. */
static void met_member(struct pk_pair *pair, int status)
{
    struct pk_hostport where;
    pair->call->refused &= status == UV_ECONNREFUSED;
    pk_call_host(pair->call, &where);
    if (status < 0 || !pk_pair_read_uplink(pair, pair->conns->loop.config->group_tls_calls, where.host))
        again(pair);
}

static void connected(uv_connect_t *request, int status)
{
    struct pk_pair *pair = request->handle->data;
    struct pk_pairs *conns = pair->conns;
    pk_side_tried(&pair->uplink);
    if (pair->uplink.state != PK_SIDE_CONNECTING)
        return;
    pk_loop_clock(&conns->loop);
    if (pair->call != NULL)
        met_member(pair, status);
    else
        met_server(pair, status);
    pk_pump(conns);
}

/* Begins to connect there; an error of libuv when that cannot be. */
static int start(struct pk_pair *pair, const struct sockaddr *address)
{
    pk_side_begin(&pair->uplink, &pair->conns->loop.uv, pair, PK_SIDE_CONNECTING);
    uv_tcp_nodelay(&pair->uplink.tcp, 1);
    return pk_side_connect(&pair->uplink, address, connected);
}

static void connect_timer(uv_timer_t *timer);

static void arm_timer(struct pk_pairs *conns)
{
    if (uv_is_active((uv_handle_t *)&conns->connect_timer) || pk_pairs_closing(conns) ||
        pk_list_empty(&conns->connecting))
        return;
    struct pk_pair *oldest = PK_CONTAINER(conns->connecting.next, struct pk_pair, wait.list);
    int64_t left_us = oldest->deadline_us - conns->loop.now_us;
    uv_update_time(&conns->loop.uv);
    uv_timer_start(&conns->connect_timer, connect_timer, left_us > 0 ? (uint64_t)left_us / 1000 + 1 : 0, 0);
}

static void connect_to(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    if (!pk_upstream_arrive(conns->upstream, pair->server, &pair->wait, pair->attach ? pair->due_us : 0))
        return;
    pair->arriving = true;
    pair->begun_us = conns->loop.now_us;
    pair->tried |= UINT64_C(1) << pair->server;
    int err = start(pair, pk_upstream_address(conns->upstream, pair->server));
    if (err != 0) {
        next_server(pair, uv_strerror(err));
        return;
    }
    pair->deadline_us = conns->loop.now_us + conns->loop.config->connect_timeout * 1000;
    pk_list_add_tail(&conns->connecting, &pair->wait.list);
    arm_timer(conns);
}

/* ---- to another member ---- */

static void no_member(struct pk_pair *pair, bool refused)
{
    pk_dial_close(pair);
    pk_loop_failed(&pair->conns->loop, pair->id, refused);
}

/* What is wrong with a member the log hears once a minute, for all who call it. */
static void say_untaken(struct pk_pair *pair, const char *why)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_pairs *conns = pair->conns;
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    bool due = pk_loop_say_again(&conns->loop, &conns->call_said_us);
    pk_log(conns->loop.log, due ? PK_LOG_WARN : PK_LOG_DEBUG, PK_LOG_MEMBER, &who, "member %.100s: %s",
           pair->call->address, why);
}

static void call_member(struct pk_pair *pair)
{
    union pk_address address;
    struct pk_pairs *conns = pair->conns;
    bool tls = conns->loop.config->group_tls_calls != NULL;
    pair->deadline_us = conns->loop.now_us + (int64_t)CALL_US * (tls ? PK_TLS_PATIENCE : 1);
    enum pk_member_found found =
        pk_call_next(pair->call, &conns->members, conns->loop.now_us, &pair->wait, &address);
    if (found == PK_MEMBER_NOWHERE)
        no_member(pair, pair->call->refused && pair->call->tried > 0);
    if (found != PK_MEMBER_FOUND)
        return;
    pk_list_add_tail(&conns->calling, &pair->wait.list);
    if (start(pair, &address.any) != 0) {
        pair->call->refused = false;
        again(pair);
    }
}

void pk_dial_member(struct pk_pair *pair, struct pk_call *wanted)
{
    pk_dial_close(pair);
    pair->server = -1;
    pair->attach = false;
    pair->call = wanted;
    if (wanted == NULL)
        no_member(pair, false);
    else
        pk_dial_open(pair);
}

struct pk_received pk_dial_answered(struct pk_pair *pair, const struct pk_received *in)
{
    struct pk_pairs *conns = pair->conns;
    struct pk_received r = pk_call_received(pair->call, &pair->uplink, &conns->loop, in);
    if (r.opened) {
        struct pk_call *taken = pair->call;
        pair->call = NULL;
        pk_list_del(&pair->wait.list);
        pk_side_opened(&pair->uplink);
        pk_loop_step(&conns->loop, pair->id, PK_UPLINK_READY, NULL, PK_MAX_ADDRESSES);
        pk_call_end(taken, &conns->members);
    } else if (r.ended) {
        say_untaken(pair, r.why);
        no_member(pair, false);
        r = (struct pk_received){.bytes = r.bytes};
    }
    return r;
}

/* ---- to the ensemble ---- */

/* All have been tried, and none serves: waits for one that begins to, in all for a second. */
static bool hold(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    int64_t now_us = conns->loop.now_us;
    if (pk_upstream_state(conns->upstream).up > 0)
        return false;
    if (pair->held_us == 0)
        pair->held_us = now_us;
    pair->deadline_us = pair->held_us + SERVED_WAIT_US;
    if (pair->deadline_us <= now_us)
        return false;
    pair->tried = 0;
    pk_upstream_wait_served(conns->upstream, &pair->wait);
    return true;
}

/* The session is held: only a server will do that has been found to serve since it was lost. */
static void attach(struct pk_pair *pair)
{
    struct pk_upstream *upstream = pair->conns->upstream;
    int server = pk_verdict_pick(upstream, pair->tried, pair->held_us);
    if (server >= 0) {
        pair->server = (int8_t)server;
        connect_to(pair);
        return;
    }
    pair->tried = 0;
    pk_verdict_wait_any(upstream, &pair->wait);
}

void pk_dial_attach(struct pk_pair *pair, int64_t lost_us, int64_t due_us)
{
    if (!pair->attach || pair->held_us != lost_us) {
        pair->tried = 0;
        pair->crowded = 0;
    }
    pair->attach = true;
    pair->held_us = lost_us;
    pair->due_us = due_us;
    pk_dial_open(pair);
}

void pk_dial_ask(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    struct core_conn_info info = {0};
    pk_list_del(&pair->wait.list);
    if (pair->server < 0 || pk_upstream_was_left(conns->upstream, pair->server)) {
        pk_loop_server(&conns->loop, pair->id, PK_SERVER_LOST, 0);
        return;
    }
    (void)core_conn_info(conns->loop.core, pair->id, &info);
    pair->asks = true;
    pk_verdict_wait(conns->upstream, pair->server, info.timeout_ms / 12, &pair->wait);
}

void pk_dial_open(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    int server = -1;
    if (pair->uplink.state != PK_SIDE_NONE) {
        pk_side_close(&pair->uplink, uplink_closed);
        pair->reopen = true;
        return;
    }
    pair->reopen = pair->asks = false;
    pk_list_del(&pair->wait.list);
    if (pair->call != NULL) {
        call_member(pair);
        return;
    }
    if (pair->attach) {
        attach(pair);
        return;
    }
    enum pk_pick pick = pk_upstream_pick(conns->upstream, pair->tried, &server);
    switch (pick) {
    case PK_PICK_SERVER:
        pair->server = (int8_t)server;
        connect_to(pair);
        break;
    case PK_PICK_PROBE:
        pair->server = (int8_t)server;
        pk_upstream_wait(conns->upstream, server, &pair->wait);
        break;
    case PK_PICK_NAMES:
        pair->deadline_us = conns->loop.now_us + NAMES_WAIT_US;
        pk_upstream_wait_names(conns->upstream, &pair->wait);
        break;
    case PK_PICK_NONE:
        pair->server = -1;
        if (!hold(pair))
            pk_loop_step(&conns->loop, pair->id, PK_UPLINK_FAILED, NULL, 0);
        break;
    }
}

/* Its uplink has ended, and the server was lost since: that it serves again, after an election that nothing was written
 * since, does not mean that it has let this session go. */
static bool was_lost(const struct pk_pair *pair)
{
    struct core_conn_info info;
    return pair->uplink.state != PK_SIDE_OPEN && core_conn_info(pair->conns->loop.core, pair->id, &info) &&
           pk_server_was_lost(&pair->conns->upstream->servers[pair->server], pair->begun_us, info.server_us);
}

void pk_dial_go(struct pk_waiter *wait, bool turned_away)
{
    struct pk_pair *pair = PK_CONTAINER(wait, struct pk_pair, wait);
    struct pk_pairs *conns = pair->conns;
    if (pair->asks && pair->state == PK_PAIR_KNOWN) {
        pair->asks = false;
        bool lost = turned_away || was_lost(pair);
        pk_loop_server(&conns->loop, pair->id, lost ? PK_SERVER_LOST : PK_SERVER_SERVES,
                       conns->upstream->servers[pair->server].zxid);
        return;
    }
    if (turned_away && pair->server >= 0)
        pair->tried |= UINT64_C(1) << pair->server;
    if (pair->state == PK_PAIR_KNOWN && pair->uplink.state == PK_SIDE_NONE)
        pk_dial_open(pair);
}

static void connect_timer(uv_timer_t *timer)
{
    struct pk_pairs *conns = timer->data;
    pk_loop_clock(&conns->loop);
    pk_dial_timeouts(conns);
    pk_pump(conns);
}

static void no_uplink(struct pk_pair *pair)
{
    if (pair->call != NULL) {
        no_member(pair, false);
        return;
    }
    pk_list_del(&pair->wait.list);
    pk_loop_step(&pair->conns->loop, pair->id, PK_UPLINK_FAILED, NULL, 0);
}

/* Those who have waited too long for a member, or for something that concerns all servers. */
static void give_up(struct pk_pairs *conns, struct pk_list *waiters)
{
    PK_LIST_EACH(node, tmp, waiters) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, wait.list);
        if (pair->deadline_us > conns->loop.now_us)
            continue;
        if (pair->call != NULL)
            say_untaken(pair, "it cannot be reached in time");
        no_uplink(pair);
    }
}

void pk_dial_timeouts(struct pk_pairs *conns)
{
    PK_LIST_EACH(node, tmp, &conns->connecting) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, wait.list);
        if (pair->deadline_us > conns->loop.now_us)
            break;
        too_late(pair);
    }
    PK_LIST_EACH(node, tmp, &conns->securing) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, wait.list);
        if (pair->deadline_us > conns->loop.now_us)
            break;
        next_server(pair, "TLS: the handshake was not done in time");
    }
    give_up(conns, &conns->calling);
    give_up(conns, &conns->members.waiting);
    give_up(conns, &conns->members.queue);
    give_up(conns, &conns->upstream->nameless);
    give_up(conns, &conns->upstream->unserved);
    arm_timer(conns);
}
