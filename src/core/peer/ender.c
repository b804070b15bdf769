/*
 * Ending a session.
 *
 * Happy path: a connect request with its password, the response that it is expired.
 * Failure modes: a server that is silent or lost is left for another.
 */
#include "core/peer/ender.h"

enum { RETRY_US = 100 * 1000, PATIENCE_US = 1000 * 1000, TIMEOUT_MS = 4000, LONGEST = 4096 };

/* An attempt is, on a connection of its own. */
static bool under_way(const struct pk_ender *e)
{
    return e->state == PK_ENDER_OPENING || e->state == PK_ENDER_CLOSING;
}

static void open_session(struct pk_member *m)
{
    struct pk_ender *e = &m->ender;
    struct pk_uplink *u = pk_uplink_new(m->sync->conns);
    e->at_us = pk_member_now(m);
    if (u == NULL)
        return;
    u->group = true;
    pk_uplink_move(u, PK_UPLINK_OPENING);
    u->want_open = true;
    e->u = u;
    e->state = PK_ENDER_OPENING;
}

void pk_ender_step(struct pk_member *m)
{
    struct pk_ender *e = &m->ender;
    int64_t since_us = pk_member_now(m) - e->at_us;
    if (e->state == PK_ENDER_WANTED && e->u == NULL && since_us >= RETRY_US)
        open_session(m);
    else if (under_way(e) && since_us >= PATIENCE_US)
        pk_ender_lost(m);
}

void pk_ender_ready(struct pk_member *m)
{
    struct pk_ender *e = &m->ender;
    struct pk_conns *conns = m->sync->conns;
    pk_uplink_move(e->u, PK_UPLINK_HANDSHAKE);
    conns->stats->uplinks++;
    uint8_t *p = pk_out_room(&conns->out, &e->u->out, PK_LEN_WORD + PK_CONNECT_REQUEST_LEN);
    if (p == NULL)
        pk_conn_close(conns, e->u, PK_CLOSE_NO_MEMORY);
    else
        pk_put_connect_request(p, 0, TIMEOUT_MS, e->session_id, e->passwd);
    pk_conn_changed(conns, e->u);
}

/* It is over, alive: whether it was. */
static void over(struct pk_member *m, bool alive)
{
    struct pk_ender *e = &m->ender;
    e->state = alive ? PK_ENDER_CLOSED : PK_ENDER_EXPIRED;
    e->at_us = pk_member_now(m);
    m->election.looked_us = 0;
    if (e->u != NULL)
        pk_conn_close(m->sync->conns, e->u, PK_CLOSE_SESSION_CLOSED);
}

static void send_close(struct pk_member *m)
{
    struct pk_ender *e = &m->ender;
    struct pk_conns *conns = m->sync->conns;
    uint8_t *p = pk_out_room(&conns->out, &e->u->out, PK_LEN_WORD + PK_REQUEST_HEADER);
    if (p == NULL) {
        pk_conn_close(conns, e->u, PK_CLOSE_NO_MEMORY);
        return;
    }
    pk_put_request(p, 0, 1, PK_OP_CLOSE_SESSION);
    pk_uplink_move(e->u, PK_UPLINK_UP);
    pk_conn_changed(conns, e->u);
    e->state = PK_ENDER_CLOSING;
    e->was_alive = true;
}

static void take(struct pk_member *m, const uint8_t *p, size_t len)
{
    struct pk_connect_response res;
    if (m->ender.state == PK_ENDER_CLOSING)
        over(m, true);
    else if (pk_connect_response_decode(p, len, &res) != PK_OK)
        pk_ender_lost(m);
    else if (res.timeout <= 0 || res.session_id == 0)
        over(m, m->ender.was_alive);
    else
        send_close(m);
}

void pk_ender_bytes(struct pk_member *m, const uint8_t *p, size_t n)
{
    struct pk_backlog *b = &m->ender.in;
    if (pk_backlog_keep(m->sync->mem, b, p, n) != PK_OK) {
        pk_ender_lost(m);
        return;
    }
    while (pk_backlog_waiting(b) >= PK_LEN_WORD && m->ender.u != NULL && !m->ender.u->ending) {
        size_t len = pk_load32(b->p + b->off);
        if (len > LONGEST) {
            pk_ender_lost(m);
            return;
        }
        if (pk_backlog_waiting(b) < PK_LEN_WORD + len)
            return;
        const uint8_t *frame = b->p + b->off + PK_LEN_WORD;
        b->off += PK_LEN_WORD + (uint32_t)len;
        take(m, frame, len);
    }
}

void pk_ender_lost(struct pk_member *m)
{
    struct pk_ender *e = &m->ender;
    if (under_way(e))
        e->state = PK_ENDER_WANTED;
    e->at_us = pk_member_now(m);
    if (e->u != NULL)
        pk_conn_close(m->sync->conns, e->u, PK_CLOSE_UPLINK_LOST);
}

void pk_ender_ended(struct pk_member *m)
{
    struct pk_ender *e = &m->ender;
    if (under_way(e))
        e->state = PK_ENDER_WANTED;
    e->u = NULL;
    pk_backlog_drop(m->sync->mem, &e->in);
}

void pk_ender_stop(struct pk_member *m)
{
    struct pk_ender *e = &m->ender;
    if (under_way(e) || e->state == PK_ENDER_WANTED)
        e->state = PK_ENDER_NONE;
    if (e->u != NULL)
        pk_conn_close(m->sync->conns, e->u, PK_CLOSE_SESSION_CLOSED);
}
