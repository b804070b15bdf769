/*
 * A client connection. Happy path: bytes go to the core, updates come back and are carried out in the order
 * write, close, open, read. Failure modes: a client that breaks is reported as ended once reading tells so;
 * four-letter words are answered in one write and the connection closed when it is out, or when the handshake
 * time is over.
 */
#include "io/conn/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/admin/four_letter.h"
#include "io/loop/loop.h"
#include "io/upstream/servers.h"

static void client_closed(uv_handle_t *handle)
{
    struct pk_pair *pair = handle->data;
    pair->client.state = PK_SIDE_NONE;
    pk_pair_maybe_free(pair);
}

void pk_pair_maybe_free(struct pk_pair *pair)
{
    struct pk_io *io = pair->io;
    if (pair->known || pair->client.state != PK_SIDE_NONE || pair->uplink.state != PK_SIDE_NONE)
        return;
    pk_list_del(&pair->all);
    pk_list_del(&pair->waiting);
    io->npairs--;
    io->nservice -= pair->own;
    free(pair->answer);
    free(pair);
    pk_listeners_resume(io);
    pk_io_maybe_finish(io);
}

static void forget(struct pk_pair *pair)
{
    if (pair->known)
        pair->io->by_slot[pair->id.slot] = NULL;
    pair->known = false;
}

void pk_pair_abandon(struct pk_pair *pair)
{
    forget(pair);
    pk_pair_uplink_close(pair);
    pk_side_close(&pair->client, client_closed);
    pk_pair_maybe_free(pair);
}

void pk_pair_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct pk_pair *pair = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)pair->io->buffer, PK_READ_BUFFER);
}

static void client_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_pair *pair = stream->data;
    struct pk_io *io = pair->io;
    if (n == 0)
        return;
    pk_io_clock(io);
    pair->client.ended = n < 0;
    if (n < 0)
        pk_side_close(&pair->client, client_closed);
    pk_io_step(io, pair->id, n > 0 ? PK_CLIENT_BYTES : PK_CLIENT_EOF, buf->base, n > 0 ? (size_t)n : 0);
    pk_io_pump(io);
}

static void client_written(uv_write_t *request, int status)
{
    struct pk_pair *pair = request->handle->data;
    struct pk_io *io = pair->io;
    int64_t sent = pk_side_written(&pair->client, status);
    if (sent < 0 || !pair->known)
        return;
    pk_io_clock(io);
    pk_io_step(io, pair->id, PK_CLIENT_SENT, NULL, (size_t)sent);
    pk_io_pump(io);
}

static bool remember(struct pk_io *io, struct pk_pair *pair)
{
    if (pair->id.slot >= io->slots) {
        size_t slots = io->slots == 0 ? 64 : io->slots * 2;
        while (slots <= pair->id.slot)
            slots *= 2;
        struct pk_pair **bigger = realloc(io->by_slot, slots * sizeof(struct pk_pair *));
        if (bigger == NULL)
            return false;
        memset(bigger + io->slots, 0, (slots - io->slots) * sizeof(struct pk_pair *));
        io->by_slot = bigger;
        io->slots = slots;
    }
    io->by_slot[pair->id.slot] = pair;
    pair->known = true;
    return true;
}

static struct pk_pair *make(struct pk_io *io, const union pk_address *peer)
{
    struct pk_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL)
        return NULL;
    pair->io = io;
    pair->peer = *peer;
    pair->server = -1;
    pk_list_add_tail(&io->pairs, &pair->all);
    pk_list_init(&pair->waiting);
    io->npairs++;
    return pair;
}

static void no_memory(struct pk_io *io, const union pk_address *peer)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {0, pk_address_text(&peer->any, text)};
    pk_log_close(&io->log, &who, PK_CLOSE_NO_MEMORY, NULL);
}

static void say_connected(const struct pk_pair *pair)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {0, pk_pair_name(pair, text)};
    pk_log(&pair->io->log, PK_LOG_DEBUG, PK_LOG_CLIENT, &who, "connected");
}

void pk_pair_open(struct pk_io *io, int fd, const union pk_address *peer)
{
    struct pk_pair *pair = make(io, peer);
    if (pair == NULL) {
        no_memory(io, peer);
        close(fd);
        return;
    }
    uv_tcp_init(&io->loop, &pair->client.tcp);
    pair->client.tcp.data = pair;
    pair->client.state = PK_SIDE_OPEN;
    bool opened = uv_tcp_open(&pair->client.tcp, fd) == 0;
    if (!opened)
        close(fd);
    uv_tcp_nodelay(&pair->client.tcp, 1);
    if (!opened || core_open(io->core, io->now_us, &pair->id) != PK_OK) {
        no_memory(io, peer);
        pk_side_close(&pair->client, client_closed);
        return;
    }
    if (!remember(io, pair)) {
        no_memory(io, peer);
        pk_side_close(&pair->client, client_closed);
        pk_io_step(io, pair->id, PK_CLIENT_EOF, NULL, 0);
        return;
    }
    pk_side_read(&pair->client, true, pk_pair_alloc, client_bytes);
    say_connected(pair);
}

struct pk_pair *pk_pair_service(struct pk_io *io, struct pk_id id)
{
    static const union pk_address nobody;
    struct pk_pair *pair = make(io, &nobody);
    if (pair != NULL) {
        pair->own = true;
        pair->id = id;
        io->nservice++;
        if (remember(io, pair))
            return pair;
        pk_pair_maybe_free(pair);
    }
    pk_log(&io->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL, "no service session: memory is short");
    pk_io_step(io, id, PK_UPLINK_FAILED, NULL, 0);
    return NULL;
}

const char *pk_pair_name(const struct pk_pair *pair, char text[PK_ADDRESS_TEXT])
{
    return pair->own ? "service session" : pk_address_text(&pair->peer.any, text);
}

static void answered(uv_write_t *request, int status)
{
    struct pk_pair *pair = request->handle->data;
    (void)status;
    pair->client.writing = false;
    pk_side_close(&pair->client, client_closed);
}

/* The core has let go of the connection or does so with this update; it lives until the answer is out. */
static void answer_word(struct pk_pair *pair, const char *word)
{
    size_t len = 0;
    struct pk_io *io = pair->io;
    pair->answer = pk_four_letter_answer(io, word, &len);
    uv_buf_t buf = uv_buf_init(pair->answer, (unsigned)len);
    pk_side_read(&pair->client, false, pk_pair_alloc, client_bytes);
    if (len == 0 || pair->client.state != PK_SIDE_OPEN ||
        uv_write(&pair->client.request.write, (uv_stream_t *)&pair->client.tcp, &buf, 1, answered) != 0) {
        pk_side_close(&pair->client, client_closed);
        return;
    }
    pair->client.writing = true;
    pair->deadline_us = io->now_us + io->config->handshake_timeout * 1000;
    pk_list_add_tail(&io->answering, &pair->waiting);
}

static bool by_ensemble(enum pk_close why)
{
    return why == PK_CLOSE_UPLINK_LOST || why == PK_CLOSE_UPLINK_SILENT ||
           why == PK_CLOSE_UPLINK_CLOSED_AT_ONCE || why == PK_CLOSE_CONNECT_UNANSWERED ||
           why == PK_CLOSE_NO_UPSTREAM;
}

static void say_end(struct pk_pair *pair, enum pk_close why)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    bool server = pair->server >= 0;
    pk_log_close(&pair->io->log, &who, why,
                 server ? pk_upstream_name(pair->io->upstream, pair->server) : NULL);
    if (!pair->own && by_ensemble(why))
        pk_outage_closed(pair->io->upstream);
}

/* The core forgets the session when it closes the connection; the log wants it then. */
static void learn_session(struct pk_pair *pair)
{
    struct core_conn_info info;
    char text[PK_ADDRESS_TEXT];
    if (!core_conn_info(pair->io->core, pair->id, &info) || info.session_id == 0)
        return;
    pair->session = info.session_id;
    struct pk_log_who who = {pair->session, pk_pair_name(pair, text)};
    pk_log(&pair->io->log, PK_LOG_DEBUG, PK_LOG_CLIENT, &who, "has a session at server %s, timeout %d ms",
           pk_upstream_name(pair->io->upstream, pair->server), (int)info.timeout_ms);
}

static void write_both(struct pk_pair *pair, const struct pk_update *update)
{
    int64_t client = -1, uplink = -1;
    if (update->flags & PK_CLIENT_OUT)
        client = pk_side_write(&pair->client, update->client, update->nclient, client_written);
    if (update->flags & PK_UPLINK_OUT)
        uplink = pk_side_write(&pair->uplink, update->uplink, update->nuplink, pk_pair_uplink_written);
    if (client >= 0) {
        pair->io->now_us = (int64_t)(uv_hrtime() / 1000);
        pk_io_step(pair->io, pair->id, PK_CLIENT_SENT, NULL, (size_t)client);
    }
    if (uplink >= 0)
        pk_io_step(pair->io, pair->id, PK_UPLINK_SENT, NULL, (size_t)uplink);
}

void pk_pair_update(struct pk_pair *pair, const struct pk_update *update)
{
    unsigned flags = update->flags;
    if (pair->session == 0 && pair->uplink.state == PK_SIDE_OPEN)
        learn_session(pair);
    if (flags & (PK_CLIENT_OUT | PK_UPLINK_OUT))
        write_both(pair, update);
    if (flags & PK_UPLINK_CLOSE)
        pk_pair_uplink_close(pair);
    if (flags & PK_FOUR_LETTER)
        answer_word(pair, update->word);
    if (flags & PK_CLIENT_CLOSE) {
        say_end(pair, update->why);
        if (pair->server >= 0 &&
            (update->why == PK_CLOSE_UPLINK_LOST || update->why == PK_CLOSE_UPLINK_SILENT))
            pk_upstream_lost(pair->io->upstream, pair->server);
        forget(pair);
        pk_pair_uplink_close(pair);
        if (pair->answer == NULL || !pair->client.writing)
            pk_side_close(&pair->client, client_closed);
        pk_pair_maybe_free(pair);
        return;
    }
    if (flags & PK_UPLINK_OPEN) {
        if (pair->server >= 0)
            pk_upstream_left(pair->io->upstream, pair->server, update->why);
        pk_pair_uplink_open(pair);
    }
    pk_side_read(&pair->client, update->read_client, pk_pair_alloc, client_bytes);
    pk_side_read(&pair->uplink, update->read_uplink, pk_pair_alloc, pk_pair_uplink_bytes);
}
