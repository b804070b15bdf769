/*
 * One TCP connection. Happy path: uv_try_write takes everything, so that a side at rest has no request of libuv's and
 * takes half the memory. Failure modes: the kernel takes a part (the rest comes again, then uv_write); the connection
 * is broken, or there is no memory for that write (swallowed until read says so).
 */
#include "io/conn/side.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "io/loop/move.h"

static const uint8_t edges[] = {
    [PK_SIDE_NONE] = PK_TO(PK_SIDE_CONNECTING) | PK_TO(PK_SIDE_OPEN),
    [PK_SIDE_CONNECTING] = PK_TO(PK_SIDE_OPEN) | PK_TO(PK_SIDE_CLOSING),
    [PK_SIDE_OPEN] = PK_TO(PK_SIDE_ENDED) | PK_TO(PK_SIDE_CLOSING),
    [PK_SIDE_ENDED] = PK_TO(PK_SIDE_CLOSING),
    [PK_SIDE_CLOSING] = PK_TO(PK_SIDE_NONE),
};

static void move(struct pk_side *side, enum pk_side_state to)
{
    side->state = pk_move("a connection", edges, side->state, to);
}

void pk_side_begin(struct pk_side *side, uv_loop_t *loop, void *owner, enum pk_side_state state)
{
    move(side, state);
    side->output = PK_OUTPUT_FREE;
    side->reading = false;
    uv_tcp_init(loop, &side->tcp);
    side->tcp.data = owner;
}

union pk_side_request {
    uv_connect_t connect;
    uv_write_t write;
};

static void drop_request(struct pk_side *side)
{
    free(side->request);
    side->request = NULL;
}

int pk_side_connect(struct pk_side *side, const struct sockaddr *to, uv_connect_cb connected)
{
    side->request = malloc(sizeof side->request->connect);
    if (side->request == NULL)
        return UV_ENOMEM;
    int err = uv_tcp_connect(&side->request->connect, &side->tcp, to, connected);
    if (err != 0)
        drop_request(side);
    return err;
}

void pk_side_tried(struct pk_side *side)
{
    drop_request(side);
}

void pk_side_connected(struct pk_side *side)
{
    move(side, PK_SIDE_OPEN);
}

void pk_side_ended(struct pk_side *side)
{
    move(side, PK_SIDE_ENDED);
}

void pk_side_closed(struct pk_side *side)
{
    move(side, PK_SIDE_NONE);
}

static size_t total(const struct pk_iov *iov, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += iov[i].len;
    return sum;
}

static int64_t write_later(struct pk_side *side, const uv_buf_t *bufs, int n, size_t len, uv_write_cb written)
{
    side->request = malloc(sizeof *side->request);
    int err = UV_ENOMEM;
    if (side->request != NULL)
        err = uv_write(&side->request->write, (uv_stream_t *)&side->tcp, bufs, (unsigned)n, written);
    if (err != 0)
        drop_request(side);
    side->output = err != 0 ? PK_OUTPUT_BROKEN : PK_OUTPUT_WRITING;
    side->inflight = len;
    return err != 0 ? (int64_t)len : -1;
}

int64_t pk_side_write(struct pk_side *side, const struct pk_iov *iov, int n, uv_write_cb written)
{
    if (side->state != PK_SIDE_OPEN || side->output == PK_OUTPUT_WRITING)
        return -1;
    size_t len = total(iov, n);
    const uv_buf_t *bufs = (const uv_buf_t *)(const void *)iov;
    if (side->output == PK_OUTPUT_BROKEN)
        return (int64_t)len;
    if (side->output == PK_OUTPUT_CUT)
        return write_later(side, bufs, n, len, written);
    int taken = uv_try_write((uv_stream_t *)&side->tcp, bufs, (unsigned)n);
    if (taken == UV_EAGAIN)
        taken = 0;
    if (taken < 0) {
        side->output = PK_OUTPUT_BROKEN;
        return (int64_t)len;
    }
    if ((size_t)taken < len)
        side->output = PK_OUTPUT_CUT;
    return taken;
}

bool pk_side_write_all(struct pk_side *side, char *bytes, size_t len, uv_write_cb written)
{
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);
    bool able = side->state == PK_SIDE_OPEN && side->output != PK_OUTPUT_WRITING;
    return able && len > 0 && write_later(side, &buf, 1, len, written) < 0;
}

int64_t pk_side_written(struct pk_side *side, int status)
{
    drop_request(side);
    side->output = status < 0 ? PK_OUTPUT_BROKEN : PK_OUTPUT_FREE;
    return side->state == PK_SIDE_OPEN ? (int64_t)side->inflight : -1;
}

void pk_side_read(struct pk_side *side, bool want, uv_alloc_cb alloc, uv_read_cb read)
{
    if (side->state != PK_SIDE_OPEN || side->reading == want)
        return;
    side->reading = want;
    if (!want)
        uv_read_stop((uv_stream_t *)&side->tcp);
    else if (uv_read_start((uv_stream_t *)&side->tcp, alloc, read) != 0)
        side->reading = false;
}

/* Bytes left unread would turn our FIN into a reset, which may overtake the last answer. */
static void throw_away(struct pk_side *side)
{
    enum { PIECES = 16 };
    char waste[8192];
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&side->tcp, &fd) != 0)
        return;
    for (int i = 0; i < PIECES && recv(fd, waste, sizeof waste, MSG_DONTWAIT) == sizeof waste; i++)
        continue;
}

void pk_side_close(struct pk_side *side, uv_close_cb closed)
{
    if (side->state == PK_SIDE_NONE || side->state == PK_SIDE_CLOSING)
        return;
    if (side->state == PK_SIDE_OPEN)
        throw_away(side);
    move(side, PK_SIDE_CLOSING);
    side->reading = false;
    uv_close((uv_handle_t *)&side->tcp, closed);
}
