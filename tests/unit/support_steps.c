/* Steps that the core's tests take again and again (support_core.h). */
#include <stdio.h>

#include "support_core.h"

void sim_go(struct sim *s, int c, struct sup_buf *bytes)
{
    sim_send(s, c, bytes);
    sup_buf_reset(bytes);
    sim_pump(s);
}

void sim_birth(struct sim *s, int c, const char *path, const char *data)
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
    int op = (int)((uint32_t)p[8] << 24 | (uint32_t)p[9] << 16 | (uint32_t)p[10] << 8 | p[11]);
    if (op == 3 || op == 6 || op == 9)
        snprintf(path, 256, "%.*s", p[15], (const char *)p + 16);
    return op;
}
