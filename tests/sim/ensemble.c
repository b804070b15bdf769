/*
 * The ensemble of several servers (ensemble.h): connections and what clients ask. Who leads, and what is committed, is
 * in ensemble_quorum.c.
 *
 * Happy path: a read is answered at once from the server's tree; a write goes to the log, comes back when its server
 * applies it, and is answered behind its events.
 * Failure modes: a server that cannot ask its leader leaves the request where it is, until it can or gives up; who is
 * at the wrong server, or has no session, is hung up on.
 */
#include "ensemble.h"

#include <stdlib.h>

#include "ensemble_quorum.h"
#include "zk_ops.h"

static void on_emit(void *ctx, int link, const uint8_t *p, size_t len)
{
    struct ensemble_server *s = ctx;
    struct ensemble_link *l = &s->links[link];
    if (l->open && !l->eof && !s->silent)
        l->peer.emit(l->peer.ctx, ensemble_link_number(s, link), p, len);
}

void ensemble_init(struct ensemble *e, int n, bool tell_zxid)
{
    memset(e, 0, offsetof(struct ensemble, servers));
    e->n = n;
    e->epoch = 1;
    e->now_ms = 1000000;
    e->sync_ms = 3000;
    e->elect_ms = 300;
    for (int i = 0; i < n; i++) {
        struct ensemble_server *s = &e->servers[i];
        memset(s, 0, offsetof(struct ensemble_server, zk));
        s->ensemble = e;
        s->state = ENSEMBLE_SERVING;
        zk_init(&s->zk);
        s->zk.emit = on_emit;
        s->zk.ctx = s;
        s->zk.events_tell = tell_zxid;
        s->zk.tree.zxid = (int64_t)1 << 32;
    }
}

void ensemble_free(struct ensemble *e)
{
    for (int i = 0; i < e->n; i++) {
        for (int link = 0; link < ZK_LINKS; link++)
            sup_buf_free(&e->servers[i].links[link].in);
        zk_free(&e->servers[i].zk);
    }
    for (size_t i = 0; i < e->nlog; i++)
        sup_buf_free(&e->log[i].b);
    free(e->log);
}

int ensemble_connect(struct ensemble *e, int server, const struct ensemble_peer *peer)
{
    struct ensemble_server *s = &e->servers[server];
    int link = 0;
    if (s->state == ENSEMBLE_DEAD)
        return -1;
    while (link < ZK_LINKS && s->links[link].open)
        link++;
    assert_true(link < ZK_LINKS);
    s->links[link] = (struct ensemble_link){.peer = *peer, .open = true, .serial = ++e->serial};
    return ensemble_link_number(s, link);
}

void ensemble_feed(struct ensemble *e, int link, const uint8_t *p, size_t len)
{
    struct ensemble_link *l = &e->servers[ensemble_server_of(link)].links[link % ZK_LINKS];
    if (!l->open || l->eof)
        return;
    sup_int(&l->in, (int64_t)len);
    sup_raw(&l->in, p, len);
}

void ensemble_eof(struct ensemble *e, int link)
{
    e->servers[ensemble_server_of(link)].links[link % ZK_LINKS].eof = true;
}

void ensemble_drop(struct ensemble_server *s, int link)
{
    struct ensemble_link *l = &s->links[link];
    struct ensemble_peer peer = l->peer;
    bool told = l->eof;
    if (!l->open)
        return;
    zk_eof(&s->zk, link);
    sup_buf_free(&l->in);
    *l = (struct ensemble_link){0};
    if (!told)
        peer.hangup(peer.ctx, ensemble_link_number(s, link));
}

struct ensemble_session *ensemble_session(struct ensemble *e, int64_t id)
{
    for (int i = 0; i < e->nsessions; i++)
        if (e->sessions[i].id == id && e->sessions[i].alive)
            return &e->sessions[i];
    return NULL;
}

static void take_up(struct ensemble_server *s, int link, struct ensemble_session *session, int timeout,
                    bool tell)
{
    struct ensemble *e = s->ensemble;
    for (int i = 0; i < ZK_LINKS; i++)
        if (i != link && s->links[i].connected && s->zk.links[i].session == session->id)
            ensemble_drop(s, i);
    session->owner = (int)(s - e->servers);
    session->timeout_ms = timeout;
    session->touched_ms = e->now_ms;
    s->links[link].connected = true;
    s->zk.links[link] = (struct zk_link){.open = true, .session = session->id};
    zk_welcome(&s->zk, link, session->id, timeout, tell);
}

static void open_session(struct ensemble_server *s, int link, int timeout)
{
    struct ensemble *e = s->ensemble;
    struct sup_buf none = {0};
    assert_true(e->nsessions < ENSEMBLE_SESSIONS);
    struct ensemble_session *session = &e->sessions[e->nsessions];
    *session = (struct ensemble_session){.id = 0x1000 + e->nsessions++,
                                         .timeout_ms = timeout,
                                         .touched_ms = e->now_ms,
                                         .owner = (int)(s - e->servers),
                                         .alive = true};
    struct ensemble_txn txn = {.session = session->id,
                               .op = ENSEMBLE_OPEN_SESSION,
                               .link = ensemble_link_number(s, link),
                               .serial = s->links[link].serial,
                               .b = none};
    s->links[link].connected = true;
    s->zk.links[link] = (struct zk_link){.open = true, .session = session->id};
    s->links[link].waits = ensemble_commit(e, &txn);
}

/* False: the leader has to be asked, and cannot be. */
static bool take_connect(struct ensemble_server *s, int link, const uint8_t *p, size_t len)
{
    struct ensemble *e = s->ensemble;
    struct zk_in in = {p, p + len, false};
    struct zk_connect c;
    if (!zk_in_connect(&in, &c) || s->state != ENSEMBLE_SERVING ||
        (c.seen > s->zk.tree.zxid && !e->takes_old)) {
        ensemble_drop(s, link);
        return true;
    }
    if (c.session == 0 ? !ensemble_commits(e) : !ensemble_follows(s))
        return false;
    int timeout_ms = zk_granted(c.timeout_ms, ZK_LEAST_MS);
    struct ensemble_session *session = ensemble_session(e, c.session);
    if (c.session == 0) {
        open_session(s, link, timeout_ms);
    } else if (session != NULL && c.passwd_len == 16 && memcmp(c.passwd, "pppppppppppppppp", 16) == 0) {
        take_up(s, link, session, timeout_ms, c.read_only_byte);
    } else {
        zk_welcome(&s->zk, link, 0, 0, c.read_only_byte);
        ensemble_drop(s, link);
    }
    return true;
}

/* A write or a sync: what needs the leader. False: later. */
static bool take_write(struct ensemble_server *s, int link, const struct zk_request *r,
                       const struct ensemble_session *session)
{
    struct ensemble *e = s->ensemble;
    struct ensemble_link *l = &s->links[link];
    if (session->owner != s - e->servers) {
        ensemble_drop(s, link);
        return true;
    }
    if (r->op == PK_OP_SYNC) {
        if (!ensemble_follows(s))
            return false;
        l->syncs = true;
        l->sync_xid = r->xid;
        l->waits = e->forgets_sync ? 0 : e->nlog;
        return true;
    }
    if (!ensemble_commits(e))
        return false;
    struct ensemble_txn txn = {.session = session->id,
                               .op = r->op,
                               .xid = r->xid,
                               .link = ensemble_link_number(s, link),
                               .serial = l->serial};
    memcpy(txn.user, s->zk.links[link].user, sizeof txn.user);
    sup_raw(&txn.b, r->in.p, (size_t)(r->in.end - r->in.p));
    l->waits = ensemble_commit(e, &txn);
    if (e->writes_twice && r->xid > 0) {
        struct ensemble_txn again = txn;
        again.link = -1;
        again.b = (struct sup_buf){0};
        sup_raw(&again.b, r->in.p, (size_t)(r->in.end - r->in.p));
        (void)ensemble_commit(e, &again);
    }
    return true;
}

static bool take_request(struct ensemble_server *s, int link, const uint8_t *p, size_t len)
{
    struct ensemble *e = s->ensemble;
    struct zk_request r = {.link = link, .in = {p, p + len, false}};
    r.xid = (int)zk_in_int(&r.in);
    r.op = (int)zk_in_int(&r.in);
    r.session = s->zk.links[link].session;
    struct ensemble_session *session = ensemble_session(e, r.session);
    if (r.in.bad || session == NULL) {
        ensemble_drop(s, link);
        return true;
    }
    if (zk_is_write(r.op) || r.op == PK_OP_SYNC) {
        if (!take_write(s, link, &r, session))
            return false;
        session->touched_ms = e->now_ms;
        return true;
    }
    if (r.op != PK_OP_AUTH && r.op != PK_OP_SASL)
        session->touched_ms = e->now_ms;
    s->zk.tree.who = s->zk.links[link].user[0] != 0 ? s->zk.links[link].user : NULL;
    bool end = zk_answer(&s->zk, &r);
    s->zk.tree.who = NULL;
    zk_reply(&s->zk, &r);
    if (end)
        ensemble_drop(s, link);
    return true;
}

static void answer_sync(struct ensemble_server *s, int link)
{
    struct zk_request r = {.link = link, .xid = s->links[link].sync_xid, .op = PK_OP_SYNC};
    s->links[link].syncs = false;
    s->links[link].waits = 0;
    sup_str(&r.body, "/");
    zk_reply(&s->zk, &r);
}

bool ensemble_link_turn(struct ensemble_server *s, int link)
{
    struct ensemble_link *l = &s->links[link];
    if (!l->open)
        return false;
    if (l->syncs && s->applied >= l->waits) {
        answer_sync(s, link);
        return true;
    }
    if (l->waits > s->applied || l->syncs) {
        if (l->eof)
            ensemble_drop(s, link);
        return false;
    }
    if (l->off == l->in.len) {
        if (l->eof || (s->state != ENSEMBLE_SERVING && !l->connected))
            ensemble_drop(s, link);
        return false;
    }
    const uint8_t *p = l->in.p + l->off;
    size_t len = sup_be32(p);
    uint8_t *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, p + 4, len);
    uint64_t serial = l->serial;
    bool done = l->connected ? take_request(s, link, exact, len) : take_connect(s, link, exact, len);
    free(exact);
    if (done && l->open && l->serial == serial) {
        l->off += 4 + len;
        if (l->off == l->in.len)
            l->in.len = l->off = 0;
    }
    return done;
}
