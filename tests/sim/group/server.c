/*
 * The servers of the model ensemble (ensemble_in.h).
 *
 * Happy path: a frame becomes an ask at the tail of its connection; at the head a read is carried out on the server's
 * own tree, a write is answered when its entry of the log has been carried out here. Failure modes: a server that
 * does not serve closes whoever connects; what does not decode is answered MARSHALLINGERROR.
 */
#include "ensemble_in.h"

#include <stdlib.h>

#include "watchdog.h"

/* ---- connections ----------------------------------------------------------------------------------------- */

static void drop_ask(struct ask *ask)
{
    sup_buf_free(&ask->answer);
    free(ask);
}

void server_clear_front(struct front *f)
{
    for (struct ask *ask = f->first, *next; ask != NULL; ask = next) {
        next = ask->next;
        drop_ask(ask);
    }
    sup_buf_free(&f->in);
    *f = (struct front){.gen = f->gen + 1};
    f->last = &f->first;
}

void server_close_front(struct world *w, int server, int front)
{
    struct server *s = server_of(w, server);
    struct front *f = &s->fronts[front];
    if (!f->used)
        return;
    net_close(w, f->end);
    zk_eof(&s->zk, front);
    server_clear_front(f);
}

void server_stops(struct world *w, int server)
{
    struct server *s = server_of(w, server);
    world_trace(w, "S%d stops serving", server);
    for (int i = 0; i < s->top; i++)
        server_close_front(w, server, i);
    s->serving = s->leads = false;
    s->lone_us = s->join_us = 0;
    memset(s->touched, 0, sizeof s->touched);
}

/* ---- asks ------------------------------------------------------------------------------------------------ */

/* What the server answers by itself, on its own tree. True: the connection ends. */
static bool answer_alone(struct server *s, int front, const struct ask *ask)
{
    struct zk_request r = {
        .link = front, .xid = ask->xid, .op = ask->op, .session = s->fronts[front].session};
    r.in = (struct zk_in){ask->bytes, ask->bytes + ask->len, false};
    s->zk.tree.who = s->zk.links[front].user[0] != 0 ? s->zk.links[front].user : NULL;
    bool end = zk_answer(&s->zk, &r);
    s->zk.tree.who = NULL;
    zk_reply(&s->zk, &r);
    return end;
}

static void pop(struct front *f)
{
    struct ask *ask = f->first;
    f->first = ask->next;
    if (f->first == NULL)
        f->last = &f->first;
    drop_ask(ask);
}

void server_advance(struct world *w, int server, int front)
{
    struct server *s = server_of(w, server);
    struct front *f = &s->fronts[front];
    while (f->used && f->first != NULL) {
        struct ask *ask = f->first;
        bool leads_alone = ask->op == PK_OP_SYNC && s->leads && !ask->sent && w->ensemble->leader != server;
        if (ask->op == PK_OP_SYNC && ask->synced && s->applied >= ask->need)
            ask->ready = true;
        if (leads_alone || ask->ready || !(zk_is_write(ask->op) || ask->op == PK_OP_SYNC)) {
            bool end = ask->op == PK_OP_CLOSE_SESSION;
            if (ask->ready && ask->op != PK_OP_SYNC)
                zk_send(&s->zk, front, &ask->answer);
            else
                end = answer_alone(s, front, ask);
            pop(f);
            if (end)
                server_close_front(w, server, front);
        } else {
            return;
        }
    }
}

static void touch(struct world *w, int server, int64_t session)
{
    struct session *known = quorum_session(w->ensemble, session);
    if (known == NULL)
        return;
    if (w->ensemble->leader == server)
        known->touched_us = w->now_us;
    else
        server_of(w, server)->touched[known - w->ensemble->sessions] = true;
}

static void request(struct world *w, int server, int front, const uint8_t *p, size_t len)
{
    struct server *s = server_of(w, server);
    struct front *f = &s->fronts[front];
    if (len < 8) {
        server_close_front(w, server, front);
        return;
    }
    struct ask *ask = calloc(1, sizeof *ask + len - 8);
    assert_non_null(ask);
    ask->xid = (int)sup_be32(p);
    ask->op = (int)sup_be32(p + 4);
    ask->len = len - 8;
    memcpy(ask->bytes, p + 8, len - 8);
    *f->last = ask;
    f->last = &ask->next;
    if (ask->op != PK_OP_AUTH && ask->op != PK_OP_SASL)
        touch(w, server, f->session);
    if (zk_is_write(ask->op) || (ask->op == PK_OP_SYNC && !(s->leads && w->ensemble->leader != server)))
        quorum_ask(w, server, front);
}

/* ---- the connect request --------------------------------------------------------------------------------- */

static void say_connected(struct server *s, int front, int64_t session, int timeout_ms)
{
    struct sup_buf b = {0};
    sup_int(&b, 0);
    sup_int(&b, session != 0 ? timeout_ms : 0);
    sup_long(&b, session);
    sup_int(&b, PASSWD);
    sup_long(&b, session != 0 ? quorum_key(session) : 0);
    sup_long(&b, session);
    if (s->fronts[front].connect.read_only_byte)
        sup_byte(&b, 0);
    zk_send(&s->zk, front, &b);
    sup_buf_free(&b);
}

void server_connected(struct world *w, int server, int front, int64_t session)
{
    struct server *s = server_of(w, server);
    struct front *f = &s->fronts[front];
    const struct session *known = session != 0 ? quorum_session(w->ensemble, session) : NULL;
    say_connected(s, front, session, known != NULL ? known->timeout_ms : 0);
    if (session == 0) {
        server_close_front(w, server, front);
        return;
    }
    f->connected = true;
    f->session = session;
    s->zk.links[front] = (struct zk_link){.open = true, .session = session};
    server_advance(w, server, front);
}

static void connect_request(struct world *w, int server, int front, const uint8_t *p, size_t len)
{
    struct server *s = server_of(w, server);
    struct front *f = &s->fronts[front];
    struct zk_in in = {p, p + len, false};
    struct zk_connect c;
    if (!zk_in_connect(&in, &c) || c.seen > s->zk.tree.zxid) {
        server_close_front(w, server, front);
        return;
    }
    for (int i = 0; c.session != 0 && i < s->top; i++)
        if (i != front && s->fronts[i].used && s->fronts[i].session == c.session)
            server_close_front(w, server, i);
    f->connect.asked = true;
    f->connect.read_only_byte = c.read_only_byte;
    f->connect.session = c.session;
    f->connect.key = c.passwd_len == PASSWD ? sup_be64(c.passwd) : 0;
    f->connect.timeout_ms = zk_granted(c.timeout_ms, 2 * ENSEMBLE_TICK_MS);
    quorum_ask(w, server, front);
}

static void frames(struct world *w, int server, int front)
{
    struct front *f = &server_of(w, server)->fronts[front];
    uint32_t gen = f->gen;
    size_t at = 0;
    while (f->used && f->gen == gen && f->in.len - at >= 4 &&
           f->in.len - at >= 4 + (size_t)sup_be32(f->in.p + at)) {
        const uint8_t *p = f->in.p + at + 4;
        size_t len = sup_be32(f->in.p + at);
        at += 4 + len;
        if (!f->connect.asked)
            connect_request(w, server, front, p, len);
        else
            request(w, server, front, p, len);
    }
    if (!f->used || f->gen != gen)
        return;
    memmove(f->in.p, f->in.p + at, f->in.len - at);
    f->in.len -= at;
    if (f->connected)
        server_advance(w, server, front);
}

static void accepted(struct world *w, int server, const struct net_news *news)
{
    struct server *s = server_of(w, server);
    int front = 0;
    while (front < ZK_LINKS && s->fronts[front].used)
        front++;
    assert_true(front < ZK_LINKS);
    s->top = front + 1 > s->top ? front + 1 : s->top;
    struct front *f = &s->fronts[front];
    f->used = true;
    f->end = news->end;
    f->last = &f->first;
    net_own(w, news->end, front);
}

void ensemble_hears(struct world *w, int server, const struct net_news *news)
{
    struct server *s = server_of(w, server);
    if (news->what == NET_ACCEPTED) {
        accepted(w, server, news);
        return;
    }
    int front = news->owner;
    struct front *f = &s->fronts[front];
    if (!f->used || f->end != news->end)
        return;
    if (news->what == NET_END) {
        zk_eof(&s->zk, front);
        server_clear_front(f);
    } else if (news->what == NET_BYTES && !s->serving) {
        server_close_front(w, server, front);
    } else if (news->what == NET_BYTES) {
        sup_raw(&f->in, news->p, news->len);
        frames(w, server, front);
    }
}

/* ---- entries of the log ---------------------------------------------------------------------------------- */

static void show_watchdog(struct world *w, struct server *s, const struct entry *entry)
{
    if (s->applied != w->ensemble->seen)
        return;
    w->ensemble->seen++;
    watchdog_sees(w, &s->zk.tree, entry->session, entry->kind == ENTRY_CLOSE);
}

static void close_session_fronts(struct world *w, int server, int64_t session)
{
    struct server *s = server_of(w, server);
    for (int i = 0; i < s->top; i++)
        if (s->fronts[i].used && s->fronts[i].session == session)
            server_close_front(w, server, i);
}

static struct ask *whose(struct server *s, const struct entry *entry)
{
    if (entry->server != s->number || entry->front < 0)
        return NULL;
    struct front *f = &s->fronts[entry->front];
    return f->used && f->gen == entry->gen ? entry->ask : NULL;
}

static void apply_request(struct world *w, struct server *s, const struct entry *entry)
{
    struct zk_request r = {.link = entry->server == s->number && entry->front >= 0 ? entry->front : 0,
                           .xid = entry->xid,
                           .op = entry->op,
                           .session = entry->session};
    r.in = (struct zk_in){entry->bytes, entry->bytes + entry->len, false};
    s->zk.tree.who = entry->user[0] != 0 ? entry->user : NULL;
    (void)zk_answer(&s->zk, &r);
    s->zk.tree.who = NULL;
    if (entry->op == PK_OP_CLOSE_SESSION)
        tree_end_session(&s->zk.tree, entry->session);
    show_watchdog(w, s, entry);
    s->applied++;
    zk_fire(&s->zk);
    struct ask *ask = whose(s, entry);
    if (ask != NULL) {
        zk_put_reply(&s->zk, &r, &ask->answer);
        ask->ready = true;
        server_advance(w, s->number, entry->front);
    }
    sup_buf_free(&r.body);
    if (entry->op == PK_OP_CLOSE_SESSION)
        close_session_fronts(w, s->number, entry->session);
}

void server_apply(struct world *w, int server, const struct entry *entry)
{
    struct server *s = server_of(w, server);
    s->zk.tree.zxid = entry->zxid;
    s->zk.tree.now_ms = s->zk.now_ms = entry->wall_ms;
    if (entry->kind == ENTRY_REQUEST) {
        apply_request(w, s, entry);
        return;
    }
    if (entry->kind == ENTRY_CLOSE)
        tree_end_session(&s->zk.tree, entry->session);
    show_watchdog(w, s, entry);
    s->applied++;
    zk_fire(&s->zk);
    if (entry->kind == ENTRY_CLOSE)
        close_session_fronts(w, server, entry->session);
    else if (entry->server == server && s->fronts[entry->front].used &&
             s->fronts[entry->front].gen == entry->gen)
        server_connected(w, server, entry->front, entry->session);
}
