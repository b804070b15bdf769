/*
 * The uplink of a pair. Happy path: a server is picked, connected to within connect-timeout, reported as
 * ready. Failure modes: a server that was never asked who it is must be asked first (the pair waits for the
 * probe, which others may share); one that has many on their way in lets others wait; one that refuses or is
 * silent is left for the next; when all have been tried the core is told. There is one timer for all: every
 * attempt has the same time, so the oldest is the first to run out.
 */
#include <string.h>

#include "io/conn/pair.h"
#include "io/loop/loop.h"
#include "io/upstream/servers.h"

enum { NAMES_WAIT_US = 5000000 };

/* The server has accepted or refused the connection: another may come. */
static void arrived(struct pk_pair *pair)
{
    if (pair->arriving) {
        pair->arriving = false;
        pk_upstream_arrived(pair->io->upstream, pair->server);
    }
}

static void uplink_closed(uv_handle_t *handle)
{
    struct pk_pair *pair = handle->data;
    struct pk_io *io = pair->io;
    pair->uplink.state = PK_SIDE_NONE;
    pk_io_clock(io);
    arrived(pair);
    if (pair->known && pair->reopen)
        pk_pair_uplink_open(pair);
    else
        pk_pair_maybe_free(pair);
    pk_io_pump(io);
}

void pk_pair_uplink_close(struct pk_pair *pair)
{
    pair->reopen = false;
    if (pair->answer == NULL)
        pk_list_del(&pair->waiting);
    pk_side_close(&pair->uplink, uplink_closed);
}

void pk_pair_uplink_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_pair *pair = stream->data;
    struct pk_io *io = pair->io;
    if (n == 0)
        return;
    pk_io_clock(io);
    pair->uplink.ended = n < 0;
    if (n < 0)
        pk_pair_uplink_close(pair);
    else
        arrived(pair);
    if (pair->known)
        pk_io_step(io, pair->id, n > 0 ? PK_UPLINK_BYTES : PK_UPLINK_EOF, buf->base, n > 0 ? (size_t)n : 0);
    pk_io_pump(io);
}

void pk_pair_uplink_written(uv_write_t *request, int status)
{
    struct pk_pair *pair = request->handle->data;
    struct pk_io *io = pair->io;
    int64_t sent = pk_side_written(&pair->uplink, status);
    if (sent < 0 || !pair->known)
        return;
    pk_io_clock(io);
    pk_io_step(io, pair->id, PK_UPLINK_SENT, NULL, (size_t)sent);
    pk_io_pump(io);
}

/* This server will not do: close what there is, then try the next. */
static void next_server(struct pk_pair *pair, const char *why)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    pk_log(&pair->io->log, PK_LOG_DEBUG, PK_LOG_ATTEMPT, &who, "server %s: %s",
           pk_upstream_name(pair->io->upstream, pair->server), why);
    pk_list_del(&pair->waiting);
    pair->reopen = true;
    pk_side_close(&pair->uplink, uplink_closed);
}

/* The server had accepted, and closed before we looked: an uplink that came and went. */
static void closed_at_once(struct pk_pair *pair)
{
    struct pk_io *io = pair->io;
    pk_pair_uplink_close(pair);
    pk_io_step(io, pair->id, PK_UPLINK_READY, NULL, 0);
    pk_io_step(io, pair->id, PK_UPLINK_EOF, NULL, 0);
    pk_io_pump(io);
}

static void connected(uv_connect_t *request, int status)
{
    struct pk_pair *pair = request->handle->data;
    struct pk_io *io = pair->io;
    if (pair->uplink.state != PK_SIDE_CONNECTING)
        return;
    pk_io_clock(io);
    if (status == UV_EPIPE || status == UV_ECONNRESET) {
        closed_at_once(pair);
        return;
    }
    if (status < 0) {
        pk_upstream_failed(io->upstream, pair->server, uv_strerror(status));
        next_server(pair, uv_strerror(status));
        return;
    }
    pk_list_del(&pair->waiting);
    pk_upstream_connected(io->upstream, pair->server);
    pair->uplink.state = PK_SIDE_OPEN;
    pk_side_read(&pair->uplink, true, pk_pair_alloc, pk_pair_uplink_bytes);
    pk_io_step(io, pair->id, PK_UPLINK_READY, NULL, 0);
    pk_io_pump(io);
}

static void connect_timer(uv_timer_t *timer);

static void arm_timer(struct pk_io *io)
{
    if (uv_is_active((uv_handle_t *)&io->connect_timer) || io->stage == PK_FINISHING ||
        pk_list_empty(&io->connecting))
        return;
    struct pk_pair *oldest = PK_CONTAINER(io->connecting.next, struct pk_pair, waiting);
    int64_t left_us = oldest->deadline_us - io->now_us;
    uv_update_time(&io->loop);
    uv_timer_start(&io->connect_timer, connect_timer, left_us > 0 ? (uint64_t)left_us / 1000 + 1 : 0, 0);
}

static void connect_to(struct pk_pair *pair, int server)
{
    struct pk_io *io = pair->io;
    struct pk_side *side = &pair->uplink;
    pair->server = server;
    if (!pk_upstream_arrive(io->upstream, server, &pair->waiting))
        return;
    pair->arriving = true;
    pair->tried |= UINT64_C(1) << server;
    memset(side, 0, sizeof *side);
    uv_tcp_init(&io->loop, &side->tcp);
    side->tcp.data = pair;
    side->state = PK_SIDE_CONNECTING;
    uv_tcp_nodelay(&side->tcp, 1);
    int err = uv_tcp_connect(&side->request.connect, &side->tcp, pk_upstream_address(io->upstream, server),
                             connected);
    if (err != 0) {
        pk_upstream_failed(io->upstream, server, uv_strerror(err));
        next_server(pair, uv_strerror(err));
        return;
    }
    pair->deadline_us = io->now_us + io->config->connect_timeout * 1000;
    pk_list_add_tail(&io->connecting, &pair->waiting);
    arm_timer(io);
}

void pk_pair_uplink_open(struct pk_pair *pair)
{
    struct pk_io *io = pair->io;
    int server = -1;
    if (pair->uplink.state != PK_SIDE_NONE) {
        pk_side_close(&pair->uplink, uplink_closed);
        pair->reopen = true;
        return;
    }
    pair->reopen = false;
    pk_list_del(&pair->waiting);
    switch (pk_upstream_pick(io->upstream, pair->tried, &server)) {
    case PK_PICK_SERVER:
        connect_to(pair, server);
        break;
    case PK_PICK_PROBE:
        pair->server = server;
        pk_upstream_wait(io->upstream, server, &pair->waiting);
        break;
    case PK_PICK_NAMES:
        pair->deadline_us = io->now_us + NAMES_WAIT_US;
        pk_list_add_tail(&io->nameless, &pair->waiting);
        break;
    case PK_PICK_NONE:
        pair->server = -1;
        pk_io_step(io, pair->id, PK_UPLINK_FAILED, NULL, 0);
        break;
    }
}

void pk_pair_uplink_retry(struct pk_pair *pair)
{
    pk_list_del(&pair->waiting);
    if (pair->known && pair->uplink.state == PK_SIDE_NONE)
        pk_pair_uplink_open(pair);
}

static void connect_timer(uv_timer_t *timer)
{
    struct pk_io *io = timer->data;
    pk_io_clock(io);
    pk_pair_uplink_timeouts(io);
    pk_io_pump(io);
}

void pk_pair_uplink_timeouts(struct pk_io *io)
{
    PK_LIST_EACH(node, tmp, &io->connecting) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, waiting);
        if (pair->deadline_us > io->now_us)
            break;
        pk_upstream_failed(io->upstream, pair->server, "no connection in time");
        next_server(pair, "no connection in time");
    }
    PK_LIST_EACH(node, tmp, &io->nameless) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, waiting);
        if (pair->deadline_us > io->now_us)
            break;
        pk_list_del(&pair->waiting);
        pk_io_step(io, pair->id, PK_UPLINK_FAILED, NULL, 0);
    }
    arm_timer(io);
}
