/* Steps that the core's tests take again and again. */
#include "steps.h"

#include <stdio.h>

#include "wire.h"

int sim_connect(struct sim *s, int timeout_ms)
{
    struct sup_buf b = {0};
    int c = sim_open(s);
    if (c < 0)
        return -1;
    wire_connect(&b, 0, timeout_ms, 0, 0);
    sim_send(s, c, &b);
    sup_buf_free(&b);
    sim_pump(s);
    struct sim_conn *conn = &s->conns[c];
    if (conn->closed || conn->got.len != WIRE_CONNECT_REPLY)
        return -1;
    conn->timeout_ms = (int)sup_be32(conn->got.p + 8);
    conn->session = sup_be64(conn->got.p + 12);
    conn->got_off = WIRE_CONNECT_REPLY;
    return c;
}

struct sim_frame sim_frame_at(const uint8_t *p)
{
    assert_true(sup_be32(p) >= PK_REPLY_HEADER);
    return (struct sim_frame){.xid = (int)sup_be32(p + 4),
                              .zxid = sup_be64(p + 8),
                              .err = (int)sup_be32(p + 16),
                              .body = p + PK_LEN_WORD + PK_REPLY_HEADER,
                              .len = sup_be32(p) - PK_REPLY_HEADER};
}

/* Takes the next whole frame from what the client received, length word first; NULL when there is none. */
static const uint8_t *take(struct sim *s, int c)
{
    struct sim_conn *conn = &s->conns[c];
    size_t left = conn->got.len - conn->got_off;
    const uint8_t *p = conn->got.p + conn->got_off;
    if (left < 4 || left < 4 + sup_be32(p))
        return NULL;
    conn->got_off += 4 + sup_be32(p);
    return p;
}

bool sim_frame(struct sim *s, int c, struct sim_frame *f)
{
    const uint8_t *p = take(s, c);
    if (p != NULL)
        *f = sim_frame_at(p);
    return p != NULL;
}

bool sim_pulse(struct sim *s, int c, struct pk_pulse *m)
{
    const uint8_t *p = take(s, c);
    if (p != NULL)
        assert_int_equal(pk_pulse_decode(p + 4, sup_be32(p), m), PK_OK);
    return p != NULL;
}

void sim_expect(struct sim *s, int c, int xid, int err, struct sim_frame *f)
{
    struct sim_frame own;
    f = f != NULL ? f : &own;
    if (!sim_frame(s, c, f))
        fail_msg("no reply to xid %d (closed %d, why %d)", xid, s->conns[c].closed, (int)s->conns[c].why);
    if (f->xid != xid || f->err != err)
        fail_msg("xid %d err %d instead of xid %d err %d", f->xid, f->err, xid, err);
}

void sim_go(struct sim *s, int c, struct sup_buf *bytes)
{
    sim_send(s, c, bytes);
    sup_buf_reset(bytes);
    sim_pump(s);
}

void sim_call(struct sim *s, int c, struct sup_buf *bytes, int err, struct sim_frame *f)
{
    int xid = (int)sup_be32(bytes->p + 4);
    sim_go(s, c, bytes);
    sim_expect(s, c, xid, err, f);
}

void sim_expect_event(struct sim *s, int c, int type, const char *path)
{
    struct sim_frame f;
    struct pk_watcher_event e;
    sim_expect(s, c, PK_XID_NOTIFICATION, PK_Z_OK, &f);
    assert_int_equal(pk_watcher_event_decode(f.body, f.len, &e), PK_OK);
    assert_int_equal(e.type, type);
    assert_true(sup_is(e.path, path));
}

void sim_expect_closed(const struct sim *s, int c, enum pk_close why)
{
    assert_true(s->conns[c].closed);
    assert_int_equal(s->conns[c].why, why);
}

struct pk_stat sim_stat(const struct sim_frame *f)
{
    struct pk_stat stat;
    assert_true(f->len >= PK_STAT_LEN);
    pk_stat_load(&stat, f->body + f->len - PK_STAT_LEN);
    return stat;
}

void sim_expect_data(const struct sim_frame *f, const char *data)
{
    assert_int_equal(f->len, 4 + strlen(data) + PK_STAT_LEN);
    assert_int_equal(sup_be32(f->body), strlen(data));
    assert_memory_equal(f->body + 4, data, strlen(data));
}

const char *sim_names(const struct sim_frame *f)
{
    static char text[1000];
    const uint8_t *p = f->body + 4;
    size_t used = 0;
    text[0] = 0;
    for (uint32_t n = sup_be32(f->body); n > 0; n--) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", used > 0 ? " " : "",
                                 (int)sup_be32(p), (const char *)p + 4);
        assert_true(used < sizeof text);
        p += 4 + sup_be32(p);
    }
    assert_true(p <= f->body + f->len);
    return text;
}

void sim_local_create(struct sim *s, int c, const char *path, const char *data)
{
    struct sup_buf b = {0};
    wire_create(&b, 1, path, data);
    sim_call(s, c, &b, PK_Z_OK, NULL);
    assert_null(tree_find(&s->zk.tree, path));
    sup_buf_free(&b);
}

void sim_beats(struct sim *s, int c, const char *path, int n)
{
    struct sup_buf b = {0};
    char data[32];
    for (int i = 0; i < n; i++) {
        snprintf(data, sizeof data, "beat %d", i);
        wire_set(&b, 100 + i, path, data, -1);
    }
    sim_go(s, c, &b);
    for (int i = 0; i < n; i++)
        sim_expect(s, c, 100 + i, PK_Z_OK, NULL);
    sup_buf_free(&b);
}

void sim_watch(struct sim *s, int c, int xid, const char *path)
{
    struct sup_buf b = {0};
    wire_read(&b, xid, PK_OP_EXISTS, path, true);
    sim_go(s, c, &b);
    sup_buf_free(&b);
}

int sim_peek(const struct sim *s, int c, char path[256])
{
    const struct sim_conn *conn = &s->conns[c];
    const uint8_t *p = conn->wire.p + conn->wire_off;
    path[0] = 0;
    if (conn->wire.len - conn->wire_off < 16)
        return 0;
    int op = (int)sup_be32(p + 8);
    if (op == PK_OP_EXISTS || op == PK_OP_GET_ACL || op == PK_OP_SYNC)
        snprintf(path, 256, "%.*s", p[15], (const char *)p + 16);
    return op;
}
