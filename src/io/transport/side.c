/*
 * One TCP connection. Happy path: uv_try_write takes everything, so that a side at rest has no request of libuv's and
 * takes half the memory. Failure modes: the kernel takes a part (the rest comes again, then uv_write); the connection
 * is broken, or there is no memory for that write (swallowed until read says so). With TLS what OpenSSL made of the
 * bytes takes their place, also what it has to say on its own.
 */
#include "io/transport/side.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "io/loop/move.h"

_Static_assert(PK_PLAIN_BUFFER >= PK_READ_BUFFER + PK_TLS_RECORD, "what one read decrypts to has room");

static const uint8_t edges[] = {
    [PK_SIDE_NONE] = PK_TO(PK_SIDE_CONNECTING) | PK_TO(PK_SIDE_OPENING) | PK_TO(PK_SIDE_OPEN),
    [PK_SIDE_CONNECTING] = PK_TO(PK_SIDE_OPENING) | PK_TO(PK_SIDE_OPEN) | PK_TO(PK_SIDE_CLOSING),
    [PK_SIDE_OPENING] = PK_TO(PK_SIDE_OPEN) | PK_TO(PK_SIDE_ENDED) | PK_TO(PK_SIDE_CLOSING),
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
    side->tls = NULL;
    uv_tcp_init(loop, &side->tcp);
    side->tcp.data = owner;
}

struct pk_side_request {
    union {
        uv_connect_t connect;
        uv_write_t write;
    } uv;
    size_t plain;       /* bytes to report as sent when the write has ended */
    uint8_t *encrypted; /* what it sends over TLS, NULL: the core's own bytes */
};

static void drop_request(struct pk_side *side)
{
    if (side->request != NULL)
        free(side->request->encrypted);
    free(side->request);
    side->request = NULL;
}

int pk_side_connect(struct pk_side *side, const struct sockaddr *to, uv_connect_cb connected)
{
    side->request = calloc(1, sizeof *side->request);
    if (side->request == NULL)
        return UV_ENOMEM;
    int err = uv_tcp_connect(&side->request->uv.connect, &side->tcp, to, connected);
    if (err != 0)
        drop_request(side);
    return err;
}

void pk_side_tried(struct pk_side *side)
{
    drop_request(side);
}

void pk_side_opened(struct pk_side *side)
{
    move(side, PK_SIDE_OPEN);
}

void pk_side_opened_over(struct pk_side *side, struct pk_tls *tls)
{
    side->tls = tls;
    move(side, PK_SIDE_OPEN);
}

void pk_side_opening(struct pk_side *side)
{
    move(side, PK_SIDE_OPENING);
}

static bool say_now(struct pk_side *side, const void *bytes, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
    return uv_try_write((uv_stream_t *)&side->tcp, &buf, 1) == (int)len;
}

bool pk_side_say(struct pk_side *side, const void *bytes, size_t len)
{
    size_t taken = 0, n = 0;
    struct pk_iov plain = {bytes, len};
    if (side->tls == NULL)
        return say_now(side, bytes, len);
    if (side->output != PK_OUTPUT_FREE || pk_tls_put(side->tls, &plain, 1, &taken) != PK_TLS_FINE)
        return false;
    const uint8_t *p = pk_tls_output(side->tls, &n);
    bool said = taken == len && p != NULL && say_now(side, p, n);
    pk_tls_drop_output(side->tls);
    return said;
}

void pk_side_ended(struct pk_side *side)
{
    move(side, PK_SIDE_ENDED);
}

void pk_side_closed(struct pk_side *side)
{
    pk_tls_free(side->tls);
    drop_request(side);
    side->tls = NULL;
    move(side, PK_SIDE_NONE);
}

static size_t total(const struct pk_iov *iov, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += iov[i].len;
    return sum;
}

/* encrypted, or NULL, is the write's from here on, also when there is none. */
static int64_t write_later(struct pk_side *side, const uv_buf_t *bufs, int n, size_t plain,
                           uint8_t *encrypted, uv_write_cb written)
{
    int err = UV_ENOMEM;
    side->request = calloc(1, sizeof *side->request);
    if (side->request == NULL) {
        free(encrypted);
    } else {
        side->request->plain = plain;
        side->request->encrypted = encrypted;
        err = uv_write(&side->request->uv.write, (uv_stream_t *)&side->tcp, bufs, (unsigned)n, written);
    }
    if (err != 0)
        drop_request(side);
    side->output = err != 0 ? PK_OUTPUT_BROKEN : PK_OUTPUT_WRITING;
    return err != 0 ? (int64_t)plain : -1;
}

/* ---- TLS ---- */

/* Hands what is encrypted, but for the first `sent` bytes, to an asynchronous write. */
static void send_later(struct pk_side *side, size_t sent, size_t len, uv_write_cb written)
{
    uint8_t *encrypted = pk_tls_keep_output(side->tls);
    uv_buf_t buf = uv_buf_init((char *)encrypted + sent, (unsigned)(len - sent));
    (void)write_later(side, &buf, 1, 0, encrypted, written);
}

/* Sends what TLS has to say. Meanwhile made output waits for the end of a write that is under way. */
static void send_encrypted(struct pk_side *side, uv_write_cb written)
{
    size_t len = 0;
    const uint8_t *p = pk_tls_output(side->tls, &len);
    if (p == NULL || side->output != PK_OUTPUT_FREE)
        return;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)p, (unsigned)len);
    int taken = uv_try_write((uv_stream_t *)&side->tcp, &buf, 1);
    if (taken == UV_EAGAIN)
        taken = 0;
    if (taken < 0)
        side->output = PK_OUTPUT_BROKEN;
    else if ((size_t)taken < len)
        send_later(side, (size_t)taken, len, written);
    else
        pk_tls_drop_output(side->tls);
}

static int64_t write_encrypted(struct pk_side *side, const struct pk_iov *iov, int n, uv_write_cb written)
{
    size_t taken = 0;
    if (pk_tls_put(side->tls, iov, n, &taken) != PK_TLS_FINE)
        side->output = PK_OUTPUT_BROKEN;
    send_encrypted(side, written);
    if (side->output == PK_OUTPUT_BROKEN)
        return (int64_t)total(iov, n);
    if (side->output != PK_OUTPUT_WRITING)
        return (int64_t)taken;
    side->request->plain = taken;
    return -1;
}

static bool write_all_encrypted(struct pk_side *side, const char *bytes, size_t len, uv_write_cb written)
{
    size_t output = 0;
    for (size_t off = 0, taken = 0; off < len; off += taken) {
        struct pk_iov rest = {bytes + off, len - off};
        if (pk_tls_put(side->tls, &rest, 1, &taken) != PK_TLS_FINE)
            return false;
    }
    (void)pk_tls_output(side->tls, &output);
    send_later(side, 0, output, written);
    if (side->output != PK_OUTPUT_WRITING)
        return false;
    side->request->plain = len;
    return true;
}

bool pk_side_secure(struct pk_side *side, struct pk_tls_context *context, const char *name,
                    uv_write_cb written)
{
    if (side->state == PK_SIDE_CONNECTING)
        move(side, PK_SIDE_OPENING);
    side->tls = pk_tls_new(context, name);
    if (side->tls == NULL || (name != NULL && pk_tls_begin(side->tls) != PK_TLS_FINE))
        return false;
    send_encrypted(side, written);
    return true;
}

static bool shakes(const struct pk_side *side)
{
    return side->state == PK_SIDE_OPENING && side->tls != NULL && !pk_tls_open(side->tls);
}

uv_buf_t pk_side_room(const struct pk_side *side, struct pk_loop *loop)
{
    bool waits = shakes(side) && !pk_loop_may_shake(loop);
    return uv_buf_init((char *)loop->buffer, waits ? 0 : PK_READ_BUFFER);
}

struct pk_received pk_side_received(struct pk_side *side, struct pk_loop *loop, ssize_t n, const char *p,
                                    uv_write_cb written)
{
    const uint8_t *bytes = (const uint8_t *)p;
    if (n < 0)
        return (struct pk_received){.bytes = bytes, .ended = true};
    if (side->tls == NULL)
        return (struct pk_received){.bytes = bytes, .n = (size_t)n};
    struct pk_received r = {.bytes = loop->plain};
    uint64_t begun_ns = shakes(side) ? uv_hrtime() : 0;
    enum pk_tls_result result = pk_tls_take(side->tls, bytes, (size_t)n, loop->plain, PK_PLAIN_BUFFER, &r.n);
    if (begun_ns != 0)
        pk_loop_shook(loop, (int64_t)(uv_hrtime() - begun_ns) / 1000);
    send_encrypted(side, written);
    r.ended = result != PK_TLS_FINE;
    r.why = result == PK_TLS_FAILED ? pk_tls_why(side->tls) : NULL;
    r.opened = side->state == PK_SIDE_OPENING && pk_tls_open(side->tls);
    return r;
}

/* ---- output ---- */

int64_t pk_side_write(struct pk_side *side, const struct pk_iov *iov, int n, uv_write_cb written)
{
    if (side->state != PK_SIDE_OPEN || side->output == PK_OUTPUT_WRITING)
        return -1;
    size_t len = total(iov, n);
    const uv_buf_t *bufs = (const uv_buf_t *)(const void *)iov;
    if (side->output == PK_OUTPUT_BROKEN)
        return (int64_t)len;
    if (side->tls != NULL)
        return write_encrypted(side, iov, n, written);
    if (side->output == PK_OUTPUT_CUT)
        return write_later(side, bufs, n, len, NULL, written);
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
    bool able = side->state == PK_SIDE_OPEN && side->output != PK_OUTPUT_WRITING && len > 0;
    if (able && side->tls != NULL)
        return write_all_encrypted(side, bytes, len, written);
    return able && write_later(side, &buf, 1, len, NULL, written) < 0;
}

int64_t pk_side_written(struct pk_side *side, int status)
{
    size_t sent = side->request->plain;
    uv_write_cb written = side->request->uv.write.cb;
    drop_request(side);
    side->output = status < 0 ? PK_OUTPUT_BROKEN : PK_OUTPUT_FREE;
    if (side->tls != NULL && (side->state == PK_SIDE_OPENING || side->state == PK_SIDE_OPEN))
        send_encrypted(side, written);
    return side->state == PK_SIDE_OPEN ? (int64_t)sent : -1;
}

void pk_side_turn(struct pk_side *side, bool want, uv_alloc_cb alloc, uv_read_cb read)
{
    side->reading = want;
    if (!want)
        uv_read_stop((uv_stream_t *)&side->tcp);
    else if (uv_read_start((uv_stream_t *)&side->tcp, alloc, read) != 0)
        side->reading = false;
}

bool pk_side_listen(struct pk_side *side, uv_alloc_cb alloc, uv_read_cb read)
{
    side->reading = uv_read_start((uv_stream_t *)&side->tcp, alloc, read) == 0;
    return side->reading;
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
    if (side->state == PK_SIDE_OPEN && side->tls != NULL) {
        pk_tls_close(side->tls);
        send_encrypted(side, NULL);
    }
    if (side->state == PK_SIDE_OPEN || side->state == PK_SIDE_OPENING)
        throw_away(side);
    move(side, PK_SIDE_CLOSING);
    side->reading = false;
    uv_close((uv_handle_t *)&side->tcp, closed);
}
