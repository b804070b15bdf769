/* Somebody who bypasses the proxy: one session straight at the model ensemble. */
#include "direct.h"
#include "uplink.h"
#include "wire.h"

static void start(struct sim *s)
{
    struct sup_buf b = {0};
    int link = sim_free_link(s);
    s->direct.link = link;
    sup_buf_reset(&s->direct.got);
    wire_connect(&b, 0, 40000, 0, 0);
    zk_feed(&s->zk, link, b.p + 4, b.len - 4);
    assert_int_equal(s->direct.got.len, WIRE_CONNECT_REPLY);
    sup_buf_free(&b);
}

struct sim_frame sim_direct(struct sim *s, const struct sup_buf *bytes)
{
    if (s->direct.link < 0)
        start(s);
    sup_buf_reset(&s->direct.got);
    zk_feed(&s->zk, s->direct.link, bytes->p + 4, bytes->len - 4);
    assert_true(s->direct.got.len >= PK_LEN_WORD + PK_REPLY_HEADER);
    return sim_frame_at(s->direct.got.p);
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
    wire_create(&b, ++s->direct.xid, path, data);
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
