/* Somebody who bypasses the proxy: one session straight at the model ensemble. */
#include "direct.h"
#include "uplink.h"
#include "wire.h"

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void start(struct sim *s)
{
    struct sup_buf b = {0};
    int link = sim_free_link(s);
    s->direct.link = link;
    sup_buf_reset(&s->direct.got);
    wire_connect(&b, 0, 40000, 0, 0);
    zk_feed(&s->zk, link, b.p + 4, b.len - 4);
    assert_int_equal(s->direct.got.len, 41);
    sup_buf_free(&b);
}

struct sim_frame sim_direct(struct sim *s, const struct sup_buf *bytes)
{
    struct sim_frame f = {0};
    if (s->direct.link < 0)
        start(s);
    sup_buf_reset(&s->direct.got);
    zk_feed(&s->zk, s->direct.link, bytes->p + 4, bytes->len - 4);
    const uint8_t *p = s->direct.got.p;
    assert_true(s->direct.got.len >= 20);
    f.xid = (int)be32(p + 4);
    f.zxid = (int64_t)((uint64_t)be32(p + 8) << 32 | be32(p + 12));
    f.err = (int)be32(p + 16);
    f.body = p + 20;
    f.len = be32(p) - 16;
    return f;
}

static int one(struct sim *s, struct sup_buf *b)
{
    int err = sim_direct(s, b).err;
    sup_buf_free(b);
    return err;
}

int sim_direct_create(struct sim *s, const char *path, const char *data)
{
    struct sup_buf b = {0};
    wire_create(&b, ++s->direct.xid, 1, path, data, 0);
    return one(s, &b);
}

int sim_direct_set(struct sim *s, const char *path, const char *data, int version)
{
    struct sup_buf b = {0};
    wire_set(&b, ++s->direct.xid, path, data, version);
    return one(s, &b);
}

int sim_direct_delete(struct sim *s, const char *path)
{
    struct sup_buf b = {0};
    wire_delete(&b, ++s->direct.xid, path, -1);
    return one(s, &b);
}
