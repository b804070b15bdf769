/*
 * Replies to Pacemaker's clients.
 *
 * Happy path: a few bytes in the arena; details and long lists as references to their blobs.
 * Failure modes: out of memory marks the client to end; what was begun is never sent.
 */
#include "core/pulse/reply.h"

#include "core/store/listing.h"

static uint8_t *room(struct pk_conns *conns, struct pk_client *c, size_t len)
{
    c->sent++;
    return pk_client_room(conns, c, PK_ON_MEMORY, len);
}

/* What is written in several parts. */
static void put_blob(struct pk_conns *conns, struct pk_client *c, struct pk_blob *blob, int32_t id)
{
    bool written =
        blob->len == 0 || pk_out_blob(&conns->out, pk_client_out(conns, c, PK_ON_MEMORY), blob) == PK_OK;
    uint8_t *p =
        written ? pk_out_room(&conns->out, pk_client_out(conns, c, PK_ON_MEMORY), PK_PULSE_TAIL_LEN) : NULL;
    if (p != NULL)
        pk_pulse_put_tail(p, id);
    else
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
}

void pk_pulse_reply(struct pk_conns *conns, struct pk_client *c, int32_t type, int32_t id)
{
    uint8_t *p = room(conns, c, PK_PULSE_REPLY_LEN);
    if (p != NULL)
        pk_pulse_put_reply(p, type, id);
}

void pk_pulse_refuse(struct pk_conns *conns, struct pk_client *c, int32_t id)
{
    conns->stats->pulses_refused++;
    pk_pulse_reply(conns, c, PK_PULSE_NOT_AUTHORIZED, id);
}

void pk_pulse_reply_exists(struct pk_conns *conns, struct pk_client *c, int32_t id, bool exists)
{
    uint8_t *p = room(conns, c, PK_PULSE_EXISTS_LEN);
    if (p != NULL)
        pk_pulse_put_exists(p, id, exists);
}

void pk_pulse_reply_data(struct pk_conns *conns, struct pk_client *c, const struct pk_pulse *m,
                         struct pk_bytes data)
{
    size_t head = data.p != NULL ? PK_PULSE_GOT_LEN : PK_PULSE_MISSING_LEN;
    size_t rest = data.p != NULL ? data.len + PK_PULSE_TAIL_LEN : 0;
    uint8_t *p = room(conns, c, head + m->path.len + rest);
    if (p == NULL)
        return;
    if (data.p == NULL) {
        pk_pulse_put_missing(p, m->id, m->path);
        return;
    }
    p = pk_pulse_put_got(p, m->path, data.len);
    if (data.len > 0)
        memcpy(p, data.p, data.len);
    pk_pulse_put_tail(p + data.len, m->id);
}

void pk_pulse_reply_held(struct pk_conns *conns, struct pk_client *c, const struct pk_pulse *m,
                         const struct pk_znode *z)
{
    if (z->data == NULL) {
        pk_pulse_reply_data(conns, c, m, (struct pk_bytes){NULL, 0});
        return;
    }
    uint8_t *p = room(conns, c, PK_PULSE_GOT_LEN + m->path.len);
    if (p == NULL)
        return;
    pk_pulse_put_got(p, m->path, z->data->len);
    put_blob(conns, c, z->data, m->id);
}

void pk_pulse_reply_names(struct pk_conns *conns, struct pk_client *c, int32_t id, int32_t count,
                          struct pk_bytes names)
{
    uint8_t *p = room(conns, c, PK_PULSE_LISTED_LEN + (size_t)names.len + PK_PULSE_TAIL_LEN);
    if (p == NULL)
        return;
    p = pk_pulse_put_listed(p, count, names.len);
    if (names.len > 0)
        memcpy(p, names.p, names.len);
    pk_pulse_put_tail(p + names.len, id);
}

void pk_pulse_reply_children(struct pk_store *store, struct pk_conns *conns, struct pk_client *c, int32_t id,
                             struct pk_znode *z)
{
    size_t len = 0, steps = 0;
    struct pk_blob *names = pk_listing_get(store, z, conns->now_us, &len, &steps);
    pk_work(conns, steps);
    uint8_t *p = room(conns, c, PK_PULSE_LISTED_LEN + (names != NULL ? 0 : len + PK_PULSE_TAIL_LEN));
    if (p == NULL)
        return;
    p = pk_pulse_put_listed(p, z->held.nlocal, names != NULL ? names->len : len);
    if (names != NULL)
        put_blob(conns, c, names, id);
    else
        pk_pulse_put_tail(pk_listing_put(p, z), id);
}
