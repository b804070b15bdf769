/*
 * One TCP connection. Happy path: uv_try_write takes everything. Failure modes: the kernel takes a part (the
 * rest comes again, then uv_write); the connection is broken (swallowed until read says so).
 */
#include "io/conn/side.h"

#include <sys/socket.h>

static size_t total(const struct pk_iov *iov, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += iov[i].len;
    return sum;
}

static int64_t write_later(struct pk_side *side, const uv_buf_t *bufs, int n, size_t len, uv_write_cb written)
{
    int err = uv_write(&side->request.write, (uv_stream_t *)&side->tcp, bufs, (unsigned)n, written);
    side->stable = false;
    if (err != 0) {
        side->broken = true;
        return (int64_t)len;
    }
    side->writing = true;
    side->inflight = len;
    return -1;
}

int64_t pk_side_write(struct pk_side *side, const struct pk_iov *iov, int n, uv_write_cb written)
{
    if (side->state != PK_SIDE_OPEN || side->writing)
        return -1;
    size_t len = total(iov, n);
    const uv_buf_t *bufs = (const uv_buf_t *)(const void *)iov;
    if (side->broken)
        return (int64_t)len;
    if (side->stable)
        return write_later(side, bufs, n, len, written);
    int taken = uv_try_write((uv_stream_t *)&side->tcp, bufs, (unsigned)n);
    if (taken == UV_EAGAIN)
        taken = 0;
    if (taken < 0) {
        side->broken = true;
        return (int64_t)len;
    }
    side->stable = (size_t)taken < len;
    return taken;
}

int64_t pk_side_written(struct pk_side *side, int status)
{
    side->writing = false;
    if (side->state != PK_SIDE_OPEN)
        return -1;
    if (status < 0)
        side->broken = true;
    return (int64_t)side->inflight;
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
    if (side->state == PK_SIDE_OPEN && !side->ended)
        throw_away(side);
    side->state = PK_SIDE_CLOSING;
    side->reading = false;
    uv_close((uv_handle_t *)&side->tcp, closed);
}
