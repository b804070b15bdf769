/*
 * The ensemble's end of the core's uplinks: they come up, their frames reach the model ensemble in
 * order, and they break, with what is on its way delivered, lost, or executed after everybody saw the break.
 *
 * Failure modes: no link left ends the test.
 */
#include "uplink.h"

#include "proto/records.h"

static int conn_of_link(struct sim *s, int link)
{
    for (int c = sim_after(s, -1); c < SIM_CONNS; c = sim_after(s, c))
        if (s->conns[c].used && s->conns[c].up && s->conns[c].link == link)
            return c;
    return -1;
}

static void on_emit(void *ctx, int link, const uint8_t *p, size_t len)
{
    struct sim *s = ctx;
    int c = conn_of_link(s, link);
    if (c >= 0)
        sup_raw(&s->conns[c].uplink.todo, p, len);
    else if (link == s->direct.link)
        sup_raw(&s->direct.got, p, len);
}

static void on_hangup(void *ctx, int link)
{
    struct sim *s = ctx;
    int c = conn_of_link(s, link);
    if (c >= 0)
        s->conns[c].uplink.eof = true;
    else if (link == s->direct.link)
        s->direct.link = -1;
    else if (link == s->late.link)
        s->late.link = -1; /* its session came back elsewhere, or ended: what is late is refused */
}

void sim_uplink_init(struct sim *s)
{
    s->zk.emit = on_emit;
    s->zk.hangup = on_hangup;
    s->zk.ctx = s;
    s->direct.link = s->late.link = -1;
}

/* Whether a server answers the request outside the order of the pipeline; *err is the code of an error. */
static bool overtakes(const struct sim_conn *conn, const uint8_t *p, int *err)
{
    static const char early[] = "/storm/early";
    int op = sup_be32(p) >= 8 ? (int)sup_be32(p + 8) : 0;
    bool is_early = conn->connecting && op == PK_OP_CREATE && sup_be32(p) > 24 &&
                    sup_be32(p + 12) == sizeof early - 1 && memcmp(p + 16, early, sizeof early - 1) == 0;
    *err = is_early ? PK_Z_NOT_READ_ONLY : PK_Z_OK;
    return is_early || op == PK_OP_AUTH || op == PK_OP_SASL;
}

void sim_answer(struct sim *s, int c, int xid, int64_t zxid, int err)
{
    struct sup_buf *todo = &s->conns[c].uplink.todo;
    sup_int(todo, PK_REPLY_HEADER);
    sup_int(todo, xid);
    sup_long(todo, zxid);
    sup_int(todo, err);
}

/* Offset of the first whole frame on the wire that the ensemble may look at: a held one sees only auth and
 * SASL. */
static bool next_frame(const struct sim_conn *conn, bool forced, size_t *at)
{
    for (*at = conn->wire_off; conn->wire.len - *at >= 4; *at += 4 + sup_be32(conn->wire.p + *at)) {
        const uint8_t *p = conn->wire.p + *at;
        if (conn->wire.len - *at < 4 + (size_t)sup_be32(p))
            return false;
        int err;
        if (!conn->connecting || !conn->hold || forced || overtakes(conn, p, &err))
            return true;
    }
    return false;
}

int sim_server(const struct sim *s, int c)
{
    return 1 + (c + s->conns[c].opened) % SIM_TRIO;
}

static bool turn(struct sim *s, int c, bool forced)
{
    struct sim_conn *conn = &s->conns[c];
    struct sup_buf *frame = &s->scratch;
    size_t at;
    bool hangs = conn->mute || sim_server(s, c) == s->hanging;
    if (conn->link < 0 || conn->uplink.eof || hangs || !next_frame(conn, forced, &at))
        return false;
    sup_buf_reset(frame);
    sup_raw(frame, conn->wire.p + at, 4 + sup_be32(conn->wire.p + at));
    memmove(conn->wire.p + conn->wire_off + frame->len, conn->wire.p + conn->wire_off, at - conn->wire_off);
    conn->wire_off += frame->len;
    int err = 0;
    if (!conn->connecting && conn->refuse > 0) {
        conn->refuse--;
        conn->uplink.eof = true;
    } else if (overtakes(conn, frame->p, &err) && err != 0) {
        sim_answer(s, c, (int)sup_be32(frame->p + 4), 0, err);
    } else {
        conn->requests += conn->connecting;
        conn->pings += conn->connecting && (int)sup_be32(frame->p + 8) == PK_OP_PING;
        conn->connecting = true;
        zk_feed(&s->zk, conn->link, frame->p + 4, frame->len - 4);
    }
    return true;
}

int sim_free_link(struct sim *s)
{
    int link = 0;
    while (link < ZK_LINKS &&
           (s->zk.links[link].open || conn_of_link(s, link) >= 0 || link == s->direct.link))
        link++;
    assert_true(link < ZK_LINKS);
    return link;
}

void sim_uplink_up(struct sim *s, int c, int link)
{
    struct sim_conn *conn = &s->conns[c];
    conn->link = link;
    sup_buf_reset(&conn->wire);
    sup_buf_reset(&conn->uplink.todo);
    conn->wire_off = conn->uplink.off = 0;
    conn->uplink.eof = conn->uplink.eof_fed = conn->connecting = conn->closing = false;
    conn->up = true;
    core_uplink_release(s->core, conn->id, s->release);
    sim_step(s, c, PK_UPLINK_READY, NULL, 0);
}

static bool open_uplink(struct sim *s, int c)
{
    struct sim_conn *conn = &s->conns[c];
    if (!conn->opening || conn->closed || (conn->closing && conn->up))
        return false;
    if (conn->attach && s->none_serves)
        return false;
    conn->opening = false;
    conn->opened = conn->attach ? 1 : conn->opened + 1;
    int *fail = conn->service ? &s->service_fail : &conn->fail;
    if (*fail > 0 || conn->opened > SIM_SERVERS) {
        *fail -= *fail > 0;
        sim_step(s, c, PK_UPLINK_FAILED, NULL, 0);
        return true;
    }
    sim_uplink_up(s, c, sim_free_link(s));
    return true;
}

void sim_uplink_ended(struct sim_conn *conn)
{
    conn->link = -1;
    conn->up = conn->closing = false;
    if (conn->service && conn->closed)
        sim_drop_conn(conn);
}

static bool close_uplink(struct sim *s, int c)
{
    struct sim_conn *conn = &s->conns[c];
    if (conn->service && conn->closed && conn->link < 0) {
        sim_drop_conn(conn);
        return false;
    }
    if (!conn->closing || conn->link < 0)
        return false;
    if (!conn->uplink.eof)
        zk_eof(&s->zk, conn->link);
    sim_uplink_ended(conn);
    return true;
}

static bool take_turn(struct sim *s, int c)
{
    return turn(s, c, false);
}

static bool answer_question(struct sim *s, int c)
{
    if (s->server == SIM_QUIET)
        return false;
    sim_server_says(s, c, s->server == SIM_SERVES, s->server_zxid);
    return true;
}

static void pass_time(struct sim *s)
{
    zk_time(&s->zk, sim_wall_ms(s));
}

const struct sim_behind sim_one_ensemble = {open_uplink, take_turn, close_uplink, answer_question, pass_time};

void sim_release(struct sim *s, int c, int n)
{
    while (n-- > 0 && turn(s, c, true))
        sim_pump(s);
}

/* What the core has written goes on with nobody at this end: executed by sim_late. */
static void detach(struct sim *s, struct sim_conn *conn)
{
    int link = conn->link;
    sim_late(s, 1 << 30);
    s->late.link = link;
    sup_raw(&s->late.frames, conn->wire.p + conn->wire_off, conn->wire.len - conn->wire_off);
    conn->link = sim_free_link(s);
}

void sim_lose(struct sim *s, int c, int frames, enum sim_loss how)
{
    struct sim_conn *conn = &s->conns[c];
    if (!conn->up || conn->uplink.eof)
        return;
    while (frames-- > 0 && turn(s, c, true))
        ;
    if (conn->uplink.eof)
        return;
    if (how != SIM_ANSWERED)
        conn->uplink.todo.len = conn->uplink.off;
    if (how == SIM_LATE && conn->connecting)
        detach(s, conn);
    else
        zk_eof(&s->zk, conn->link);
    conn->uplink.eof = true;
    conn->deaf = false;
}

void sim_late(struct sim *s, int n)
{
    struct sup_buf *b = &s->late.frames;
    size_t at = 0;
    while (n-- > 0 && s->late.link >= 0 && b->len - at >= 4 && b->len - at >= 4 + sup_be32(b->p + at)) {
        const uint8_t *p = b->p + at;
        at += 4 + sup_be32(p);
        zk_feed(&s->zk, s->late.link, p + 4, sup_be32(p));
    }
    if (s->late.link >= 0 && n < 0 && at < b->len) {
        memmove(b->p, b->p + at, b->len - at);
        b->len -= at;
        return;
    }
    if (s->late.link >= 0)
        zk_eof(&s->zk, s->late.link);
    s->late.link = -1;
    sup_buf_free(b);
}
