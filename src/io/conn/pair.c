/*
 * What happens to a pair. Happy path: bytes go to the core, updates come back and are carried out in the order
 * write, close, open, read. Failure modes: a client that breaks is reported as ended once reading tells so;
 * four-letter words are answered in one write and the connection closed when it is out, or when the handshake
 * time is over.
 */
#include "io/conn/pair.h"

#include <stdlib.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/conn/call.h"
#include "io/conn/dial.h"
#include "io/conn/opening.h"
#include "io/conn/pairlog.h"
#include "io/conn/pairs.h"
#include "io/conn/pump.h"
#include "io/loop/move.h"
#include "io/upstream/arrive.h"
#include "io/upstream/choose.h"

static const uint8_t edges[] = {
    [PK_PAIR_NEW] = PK_TO(PK_PAIR_KNOWN) | PK_TO(PK_PAIR_LEAVING),
    [PK_PAIR_KNOWN] = PK_TO(PK_PAIR_ANSWERING) | PK_TO(PK_PAIR_LEAVING),
    [PK_PAIR_ANSWERING] = PK_TO(PK_PAIR_LEAVING),
    [PK_PAIR_LEAVING] = 0,
};

static void move(struct pk_pair *pair, enum pk_pair_state to)
{
    if (pair->state == PK_PAIR_KNOWN) {
        pair->conns->by_slot[pair->id.slot] = NULL;
        pk_saslstep_end(&pair->sasl);
    }
    pair->state = pk_move("a client", edges, pair->state, to);
    if (to == PK_PAIR_LEAVING)
        pk_place_leave(&pair->conns->peers, &pair->place);
}

static void client_closed(uv_handle_t *handle)
{
    struct pk_pair *pair = handle->data;
    pk_side_closed(&pair->client);
    pk_pair_maybe_free(pair);
}

void pk_pair_maybe_free(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    if (pair->state != PK_PAIR_LEAVING || pair->client.state != PK_SIDE_NONE ||
        pair->uplink.state != PK_SIDE_NONE)
        return;
    pk_list_del(&pair->all);
    pk_list_del(&pair->wait.list);
    conns->npairs--;
    conns->nservice -= pair->service;
    free(pair->answer);
    free(pair->opening);
    free(pair);
    pk_waiters_call(&conns->room, false);
}

static void abandon(struct pk_pair *pair)
{
    if (pair->state != PK_PAIR_LEAVING)
        move(pair, PK_PAIR_LEAVING);
    pk_dial_close(pair);
    pk_side_close(&pair->client, client_closed);
    pk_pair_maybe_free(pair);
}

void pk_pairs_abandon(struct pk_pairs *conns)
{
    PK_LIST_EACH(node, tmp, &conns->pairs) {
        abandon(PK_CONTAINER(node, struct pk_pair, all));
    }
}

void pk_pairs_timeouts(struct pk_pairs *conns)
{
    PK_LIST_EACH(node, tmp, &conns->answering) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, wait.list);
        if (pair->deadline_us > conns->loop.now_us)
            break;
        abandon(pair);
    }
}

/* ---- bytes of both sides ---- */

static enum pk_traffic traffic(const struct pk_pair *pair, bool client)
{
    return pair->link ? PK_TRAFFIC_LINK : client ? PK_TRAFFIC_CLIENT : PK_TRAFFIC_UPLINK;
}

static bool is_client(const struct pk_pair *pair, const uv_stream_t *stream)
{
    return stream == (const uv_stream_t *)&pair->client.tcp;
}

static void alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct pk_pair *pair = handle->data;
    const struct pk_side *side = is_client(pair, (const uv_stream_t *)handle) ? &pair->client : &pair->uplink;
    (void)suggested;
    *buf = pk_side_room(side, &pair->conns->loop);
}

static void end_of(struct pk_pair *pair, bool client, const char *why)
{
    if (why != NULL)
        pk_pairlog_wrong(pair, client, why);
    pk_side_ended(client ? &pair->client : &pair->uplink);
    if (client)
        pk_side_close(&pair->client, client_closed);
    else
        pk_dial_close(pair);
    if (pair->state == PK_PAIR_KNOWN)
        pk_loop_step(&pair->conns->loop, pair->id, client ? PK_CLIENT_EOF : PK_UPLINK_EOF, NULL, 0);
}

static void written(uv_write_t *request, int status);

/* What of these bytes is the protocol's, where there may be something below it. */
static struct pk_received unwrap(struct pk_pair *pair, bool client, ssize_t n, const char *p)
{
    if (client)
        return pk_opening_received(pair, n, p, written);
    struct pk_received r = pk_side_received(&pair->uplink, &pair->conns->loop, n, p, written);
    if (pair->call != NULL)
        return pk_dial_answered(pair, &r);
    if (r.opened) {
        pk_dial_opened(pair);
    } else if (r.ended && pair->uplink.state == PK_SIDE_OPENING) {
        pk_dial_refused(pair, r.why);
        r = (struct pk_received){.bytes = r.bytes};
    }
    return r;
}

static void bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_pair *pair = stream->data;
    struct pk_pairs *conns = pair->conns;
    bool client = is_client(pair, stream);
    struct pk_side *side = client ? &pair->client : &pair->uplink;
    struct pk_received r = {(const uint8_t *)buf->base, n > 0 ? (size_t)n : 0, .ended = n < 0};
    if (n == 0 || n == UV_ENOBUFS)
        return;
    pk_loop_clock(&conns->loop);
    if (n > 0)
        conns->bytes_in[traffic(pair, client)] += n;
    if (side->state == PK_SIDE_OPENING || side->tls != NULL)
        r = unwrap(pair, client, n, buf->base);
    if (!client && r.n > 0)
        pk_dial_heard(pair);
    if (r.n > 0 && pair->state == PK_PAIR_KNOWN)
        pk_loop_step(&conns->loop, pair->id, client ? PK_CLIENT_BYTES : PK_UPLINK_BYTES, r.bytes, r.n);
    if (r.ended)
        end_of(pair, client, r.why);
    pk_pump(conns);
}

static void written(uv_write_t *request, int status)
{
    struct pk_pair *pair = request->handle->data;
    struct pk_pairs *conns = pair->conns;
    bool client = is_client(pair, request->handle);
    int64_t sent = pk_side_written(client ? &pair->client : &pair->uplink, status);
    if (sent < 0 || pair->state != PK_PAIR_KNOWN)
        return;
    conns->bytes_out[traffic(pair, client)] += sent;
    pk_loop_clock(&conns->loop);
    pk_loop_step(&conns->loop, pair->id, client ? PK_CLIENT_SENT : PK_UPLINK_SENT, NULL, (size_t)sent);
    pk_pump(conns);
}

bool pk_pair_read_uplink(struct pk_pair *pair, struct pk_tls_context *tls, const char *name)
{
    if (tls != NULL)
        return pk_side_secure(&pair->uplink, tls, name, written) &&
               pk_side_listen(&pair->uplink, alloc, bytes);
    if (pair->call != NULL)
        pk_side_opening(&pair->uplink);
    else
        pk_side_opened(&pair->uplink);
    return pk_side_listen(&pair->uplink, alloc, bytes);
}

/* ---- a pair begins ---- */

static struct pk_pair *make(struct pk_pairs *conns, const union pk_address *peer)
{
    struct pk_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL)
        return NULL;
    pair->conns = conns;
    pair->peer = *peer;
    pair->server = -1;
    pk_list_add_tail(&conns->pairs, &pair->all);
    pk_waiter_init(&pair->wait, pk_dial_go);
    conns->npairs++;
    return pair;
}

static bool remember(struct pk_pair *pair)
{
    if (pk_pairs_put(pair->conns, pair->id.slot, pair) != PK_OK)
        return false;
    move(pair, PK_PAIR_KNOWN);
    return true;
}

/* The core's part of a new client. */
static enum pk_err give(struct pk_pair *pair)
{
    struct pk_loop *loop = &pair->conns->loop;
    return pair->pacemaker ? core_open_pacemaker(loop->core, loop->now_us, &pair->id)
                           : core_open(loop->core, loop->now_us, &pair->id);
}

/* A pair with that socket, OPENING; NULL, and said, when there is no memory for it. */
static struct pk_pair *accepted(struct pk_pairs *conns, int fd, const union pk_address *peer)
{
    struct pk_pair *pair = make(conns, peer);
    if (pair == NULL) {
        pk_pairlog_no_memory(conns, peer);
        close(fd);
        return NULL;
    }
    pk_side_begin(&pair->client, &conns->loop.uv, pair, PK_SIDE_OPENING);
    if (uv_tcp_open(&pair->client.tcp, fd) != 0) {
        pk_pairlog_no_memory(conns, peer);
        close(fd);
        abandon(pair);
        return NULL;
    }
    uv_tcp_nodelay(&pair->client.tcp, 1);
    return pair;
}

void pk_pair_adopt(struct pk_pairs *conns, struct pk_id id, enum pk_speaks speaks, int fd, struct pk_tls *tls,
                   const union pk_address *peer)
{
    struct pk_pair *pair = accepted(conns, fd, peer);
    if (pair == NULL) {
        pk_tls_free(tls);
        pk_loop_step(&conns->loop, id, PK_CLIENT_EOF, NULL, 0);
        return;
    }
    pair->id = id;
    pair->link = pair->service = speaks == PK_SPEAKS_LINK;
    conns->nservice += pair->service;
    pk_side_opened_over(&pair->client, tls);
    if (!remember(pair)) {
        pk_pairlog_no_memory(conns, peer);
        abandon(pair);
        pk_loop_step(&conns->loop, id, PK_CLIENT_EOF, NULL, 0);
        return;
    }
    pk_opening_tell_address(pair);
    pk_side_listen(&pair->client, alloc, bytes);
    pk_pairlog_connected(pair);
}

void pk_pair_open(struct pk_pairs *conns, struct pk_port port, int fd, const union pk_address *peer)
{
    struct pk_pair *pair = accepted(conns, fd, peer);
    if (pair == NULL)
        return;
    bool placed = pk_place_take(&conns->peers, &pair->place, peer) == PK_OK;
    pair->pacemaker = port.speaks == PK_SPEAKS_PACEMAKER;
    bool given = placed && pk_opening_begin(pair, port.transport, written) && give(pair) == PK_OK;
    if (!given || !remember(pair)) {
        pk_pairlog_no_memory(conns, peer);
        abandon(pair);
        if (given)
            pk_loop_step(&conns->loop, pair->id, PK_CLIENT_EOF, NULL, 0);
        return;
    }
    pk_opening_tell_address(pair);
    pk_side_listen(&pair->client, alloc, bytes);
    pk_pairlog_connected(pair);
}

void pk_pair_dismiss(struct pk_pair *pair)
{
    struct pk_pairs *conns = pair->conns;
    pk_place_leave(&conns->peers, &pair->place);
    if (pair->state == PK_PAIR_KNOWN) {
        pk_loop_step(&conns->loop, pair->id, PK_CLIENT_DISMISS, NULL, 0);
        return;
    }
    pk_pairlog_end(pair, PK_CLOSE_MADE_ROOM);
    abandon(pair);
}

struct pk_pair *pk_pair_service(struct pk_pairs *conns, struct pk_id id)
{
    static const union pk_address nobody;
    struct pk_pair *pair = make(conns, &nobody);
    if (pair != NULL) {
        pair->service = true;
        pair->id = id;
        conns->nservice++;
        if (remember(pair))
            return pair;
        abandon(pair);
    }
    pk_log(conns->loop.log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL, "no service session: memory is short");
    pk_loop_step(&conns->loop, id, PK_UPLINK_FAILED, NULL, 0);
    return NULL;
}

/* ---- what the core wants ---- */

static void answered(uv_write_t *request, int status)
{
    struct pk_pair *pair = request->handle->data;
    (void)pk_side_written(&pair->client, status);
    if (pair->state == PK_PAIR_ANSWERING)
        abandon(pair);
}

/* The core lets go of the connection with this update; it lives until the answer is out. */
static void answer_word(struct pk_pair *pair, const char *word)
{
    size_t len = 0;
    struct pk_pairs *conns = pair->conns;
    pair->answer = conns->on_four_letter(conns->owner, word, &len);
    pk_side_read(&pair->client, false, alloc, bytes);
    if (!pk_side_write_all(&pair->client, pair->answer, len, answered))
        return;
    move(pair, PK_PAIR_ANSWERING);
    pair->deadline_us = conns->loop.now_us + conns->loop.config->handshake_timeout * 1000;
    pk_list_add_tail(&conns->answering, &pair->wait.list);
}

static void end(struct pk_pair *pair, const struct pk_update *update)
{
    pk_dial_close(pair);
    if (update->flags & PK_FOUR_LETTER)
        answer_word(pair, update->four_letter);
    pk_pairlog_end(pair, update->why);
    if (pair->state != PK_PAIR_ANSWERING)
        abandon(pair);
}

static void write_both(struct pk_pair *pair, const struct pk_update *update)
{
    struct pk_loop *loop = &pair->conns->loop;
    int64_t client = -1, uplink = -1;
    if ((update->flags & PK_CLIENT_OUT) && !(pair->link && pk_pump_later(pair)))
        client = pk_side_write(&pair->client, update->client, update->nclient, written);
    if (update->flags & PK_UPLINK_OUT)
        uplink = pk_side_write(&pair->uplink, update->uplink, update->nuplink, written);
    pair->conns->bytes_out[traffic(pair, true)] += client > 0 ? client : 0;
    pair->conns->bytes_out[traffic(pair, false)] += uplink > 0 ? uplink : 0;
    pair->conns->link_messages += pair->link && (client >= 0 || uplink >= 0);
    if (client >= 0) {
        loop->now_us = pk_loop_now();
        pk_loop_step(loop, pair->id, PK_CLIENT_SENT, NULL, (size_t)client);
    }
    if (uplink >= 0)
        pk_loop_step(loop, pair->id, PK_UPLINK_SENT, NULL, (size_t)uplink);
}

static const struct pk_sasl_here *here(const struct pk_pair *pair)
{
    return pair->pacemaker ? &pair->conns->pacemaker : &pair->conns->sasl;
}

static void tell_sasl(struct pk_pair *pair, const struct pk_sasl_answer *answer)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_pairs *conns = pair->conns;
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    pk_saslstep_tell(&pair->sasl, here(pair), &conns->loop, pair->id, &who, answer);
}

static void sasl_done(void *owner, const struct pk_sasl_answer *answer)
{
    struct pk_pair *pair = owner;
    struct pk_pairs *conns = pair->conns;
    pk_loop_clock(&conns->loop);
    tell_sasl(pair, answer);
    pk_pump(conns);
}

static void step_sasl(struct pk_pair *pair, const struct pk_iov *token)
{
    struct pk_sasl_answer answer;
    if (pk_saslstep_ask(&pair->sasl, here(pair), token, sasl_done, pair, &answer))
        tell_sasl(pair, &answer);
}

static void open_uplink(struct pk_pair *pair, const struct pk_update *update, struct pk_call *call)
{
    struct pk_upstream *upstream = pair->conns->upstream;
    if (!update->attach)
        pk_place_settle(&pair->place);
    if (pair->call != NULL)
        pk_dial_close(pair);
    pair->link = update->where == PK_TO_MEMBER_LINK;
    if (update->where != PK_TO_ENSEMBLE) {
        pk_dial_member(pair, call);
    } else if (update->attach) {
        if (pair->server >= 0 && update->why != PK_CLOSE_NONE)
            pk_server_narrow(&upstream->servers[pair->server]);
        pk_dial_attach(pair, update->lost_us, update->due_us);
    } else {
        if (pair->server >= 0)
            pk_upstream_left(upstream, pair->server, update->why);
        pk_dial_open(pair);
    }
}

/* The address is borrowed, and writing may be the core's next step. */
static struct pk_call *wanted_call(const struct pk_pair *pair, const struct pk_update *update)
{
    bool wanted = (update->flags & PK_UPLINK_OPEN) && update->where != PK_TO_ENSEMBLE;
    return wanted ? pk_call_new(update, &pair->peer, pair->conns->loop.now_us) : NULL;
}

void pk_pair_update(struct pk_pair *pair, const struct pk_update *update)
{
    unsigned flags = update->flags;
    struct pk_call *call = wanted_call(pair, update);
    if (pair->session == 0 && pair->uplink.state == PK_SIDE_OPEN)
        pk_pairlog_session(pair);
    if (flags & (PK_CLIENT_OUT | PK_UPLINK_OUT))
        write_both(pair, update);
    if (pair->pacemaker && (flags & PK_CLIENT_OUT)) /* it has said something that is answered */
        pk_place_settle(&pair->place);
    if (flags & PK_UPLINK_CLOSE)
        pk_dial_close(pair);
    if (flags & PK_CLIENT_CLOSE) {
        pk_call_end(call, &pair->conns->members);
        end(pair, update);
        return;
    }
    if (flags & PK_UPLINK_ASK)
        pk_dial_ask(pair);
    if (flags & PK_UPLINK_OPEN)
        open_uplink(pair, update, call);
    pk_side_read(&pair->client, update->read_client, alloc, bytes);
    pk_side_read(&pair->uplink, update->read_uplink, alloc, bytes);
    if (flags & PK_SASL_STEP)
        step_sasl(pair, &update->sasl);
}
