/* Steps that the core's tests take again and again. */
#include <stdio.h>

#include "steps.h"
#include "wire.h"

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

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
    if (conn->closed || conn->got.len != 41)
        return -1;
    conn->timeout_ms = (int)be32(conn->got.p + 8);
    conn->session = be64(conn->got.p + 12);
    conn->got_off = 41;
    return c;
}

bool sim_frame(struct sim *s, int c, struct sim_frame *f)
{
    struct sim_conn *conn = &s->conns[c];
    size_t left = conn->got.len - conn->got_off;
    const uint8_t *p = conn->got.p + conn->got_off;
    if (left < 4 || left < 4 + be32(p))
        return false;
    assert_true(be32(p) >= 16);
    *f = (struct sim_frame){
        .xid = (int)be32(p + 4), .err = (int)be32(p + 16), .body = p + 20, .len = be32(p) - 16};
    f->zxid = be64(p + 8);
    conn->got_off += 4 + be32(p);
    return true;
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

void sim_call(struct sim *s, int c, const struct sup_buf *bytes, int err, struct sim_frame *f)
{
    sim_send(s, c, bytes);
    sim_pump(s);
    sim_expect(s, c, (int)be32(bytes->p + 4), err, f);
}

void sim_go(struct sim *s, int c, struct sup_buf *bytes)
{
    sim_send(s, c, bytes);
    sup_buf_reset(bytes);
    sim_pump(s);
}

void sim_local_create(struct sim *s, int c, const char *path, const char *data)
{
    struct sup_buf b = {0};
    wire_create(&b, 1, 1, path, data, 0);
    sim_call(s, c, &b, 0, NULL);
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
        sim_expect(s, c, 100 + i, 0, NULL);
    sup_buf_free(&b);
}

void sim_watch(struct sim *s, int c, int xid, const char *path)
{
    struct sup_buf b = {0};
    wire_read(&b, xid, 3, path, true);
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
    int op = (int)be32(p + 8);
    if (op == 3 || op == 6 || op == 9)
        snprintf(path, 256, "%.*s", p[15], (const char *)p + 16);
    return op;
}
