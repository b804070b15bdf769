/*
 * Who leads, and what is committed (ensemble.h).
 *
 * Happy path: one server leads; what is committed is in one log, and each server applies it at its pace.
 * Failure modes: without a leader that is awake, or a quorum, nothing is committed; servers look for a leader, serve
 * nobody meanwhile, and have all that was committed when they serve again.
 */
#include "ensemble_quorum.h"

#include <stdlib.h>

#include "zk_ops.h"

enum { EPOCH_SHIFT = 32, EXPIRY_TICK_MS = 500 };

static bool awake(const struct ensemble_server *s)
{
    return s->state != ENSEMBLE_DEAD && !s->frozen;
}

/* Servers that can hear: all, or those that serve. */
static int count(const struct ensemble *e, bool serving)
{
    int n = 0;
    for (int i = 0; i < e->n; i++)
        n += awake(&e->servers[i]) && (!serving || e->servers[i].state == ENSEMBLE_SERVING);
    return n;
}

bool ensemble_commits(const struct ensemble *e)
{
    return e->leader >= 0 && awake(&e->servers[e->leader]) && count(e, true) > e->n / 2;
}

bool ensemble_follows(const struct ensemble_server *s)
{
    const struct ensemble *e = s->ensemble;
    return s->state == ENSEMBLE_SERVING && !s->dropped && e->leader >= 0 && awake(&e->servers[e->leader]);
}

static void close_session_links(struct ensemble_server *s, int64_t session)
{
    for (int link = 0; link < ZK_LINKS; link++)
        if (s->links[link].connected && s->zk.links[link].session == session)
            ensemble_drop(s, link);
}

/* The connection that waits for this transaction, -1: none here. */
static int asker(const struct ensemble_server *s, const struct ensemble_txn *t)
{
    int link = t->link % ZK_LINKS;
    if (t->link < 0 || ensemble_server_of(t->link) != s - s->ensemble->servers)
        return -1;
    return s->links[link].open && s->links[link].serial == t->serial ? link : -1;
}

static void execute(struct ensemble_server *s, const struct ensemble_txn *t, int link)
{
    struct zk_request r = {.link = link, .xid = t->xid, .op = t->op, .session = t->session};
    char user[sizeof t->user];
    memcpy(user, t->user, sizeof user);
    r.in = (struct zk_in){t->b.p, t->b.p + t->b.len, false};
    s->zk.tree.who = user[0] != 0 ? user : NULL;
    if (t->op == PK_OP_CLOSE_SESSION)
        zk_end_session(&s->zk, t->session);
    else
        (void)zk_answer(&s->zk, &r);
    s->zk.tree.who = NULL;
    if (link >= 0)
        zk_reply(&s->zk, &r);
    else
        zk_fire(&s->zk);
    if (link < 0)
        sup_buf_free(&r.body);
}

static void welcome(struct ensemble_server *s, const struct ensemble_txn *t, int link)
{
    const struct ensemble_session *session = ensemble_session(s->ensemble, t->session);
    if (link >= 0 && session != NULL)
        zk_welcome(&s->zk, link, t->session, session->timeout_ms, true);
}

static void apply_one(struct ensemble_server *s)
{
    struct ensemble *e = s->ensemble;
    const struct ensemble_txn t = e->log[s->applied++];
    int link = asker(s, &t);
    s->zk.tree.zxid = t.zxid;
    s->zk.now_ms = s->zk.tree.now_ms = t.now_ms;
    s->zk.actor = link;
    if (link >= 0)
        s->links[link].waits = 0;
    if (t.op == ENSEMBLE_OPEN_SESSION)
        welcome(s, &t, link);
    else
        execute(s, &t, link);
    if (t.op == PK_OP_CLOSE_SESSION)
        close_session_links(s, t.session);
    if (s->applied <= e->told)
        return;
    e->told = s->applied;
    if (e->committed != NULL)
        e->committed(e->ctx, &t);
}

static void apply_all(struct ensemble_server *s)
{
    while (s->applied < s->ensemble->nlog)
        apply_one(s);
}

size_t ensemble_commit(struct ensemble *e, const struct ensemble_txn *txn)
{
    if (e->nlog == e->log_cap) {
        e->log_cap = e->log_cap * 2 + 64;
        e->log = realloc(e->log, e->log_cap * sizeof *e->log);
        assert_non_null(e->log);
    }
    struct ensemble_txn *t = &e->log[e->nlog++];
    *t = *txn;
    t->zxid = (int64_t)e->epoch << EPOCH_SHIFT | ++e->counter;
    t->now_ms = e->now_ms;
    if (t->op == PK_OP_CLOSE_SESSION && ensemble_session(e, t->session) != NULL)
        ensemble_session(e, t->session)->alive = false;
    return e->nlog;
}

/* The leader applies what is committed before anybody else does. */
static bool lead(struct ensemble *e)
{
    if (e->leader < 0 || !awake(&e->servers[e->leader]))
        return false;
    struct ensemble_server *s = &e->servers[e->leader];
    bool any = s->applied < e->nlog;
    apply_all(s);
    return any;
}

bool ensemble_turn(struct ensemble *e)
{
    bool any = lead(e);
    for (int i = 0; i < e->n; i++) {
        struct ensemble_server *s = &e->servers[i];
        if (!awake(s))
            continue;
        if (ensemble_follows(s) && !s->lags && s->applied < e->nlog) {
            apply_one(s);
            any = true;
        }
        for (int link = 0; link < ZK_LINKS && awake(s); link++) {
            any |= ensemble_link_turn(s, link);
            any |= lead(e);
        }
    }
    return any;
}

void ensemble_apply(struct ensemble *e, int server, int n)
{
    struct ensemble_server *s = &e->servers[server];
    while (n-- > 0 && awake(s) && ensemble_follows(s) && s->applied < e->nlog)
        apply_one(s);
}

static void hang_up(struct ensemble_server *s)
{
    for (int link = 0; link < ZK_LINKS; link++)
        ensemble_drop(s, link);
}

static void look_for_leader(struct ensemble_server *s)
{
    struct ensemble *e = s->ensemble;
    if (e->leader == s - e->servers)
        e->leader = -1;
    s->state = ENSEMBLE_LOOKING;
    s->looking_ms = e->now_ms;
    s->dropped = false;
    hang_up(s);
}

/* Its followers that are awake look for another one; those that are not will notice. */
static void give_up_leader(struct ensemble *e)
{
    struct ensemble_server *old = e->leader >= 0 ? &e->servers[e->leader] : NULL;
    e->leader = -1;
    e->alone_ms = e->leaderless_ms = 0;
    if (old != NULL)
        old->dropped = true;
    for (int i = 0; i < e->n; i++) {
        struct ensemble_server *s = &e->servers[i];
        if (s->state == ENSEMBLE_SERVING && !s->frozen)
            look_for_leader(s);
        else
            s->dropped = true;
    }
}

void ensemble_kill(struct ensemble *e, int server, bool last)
{
    struct ensemble_server *s = &e->servers[server];
    s->silent = true;
    for (int link = 0; last && awake(s) && link < ZK_LINKS; link++)
        (void)ensemble_link_turn(s, link);
    (void)lead(e);
    s->state = ENSEMBLE_DEAD;
    s->silent = s->frozen = s->dropped = false;
    hang_up(s);
    if (e->leader == server)
        give_up_leader(e);
}

void ensemble_start(struct ensemble *e, int server)
{
    struct ensemble_server *s = &e->servers[server];
    if (s->state != ENSEMBLE_DEAD)
        return;
    s->state = ENSEMBLE_LOOKING;
    s->looking_ms = e->now_ms;
}

void ensemble_freeze(struct ensemble *e, int server)
{
    struct ensemble_server *s = &e->servers[server];
    if (!awake(s))
        return;
    s->frozen = true;
    s->frozen_ms = e->now_ms;
}

void ensemble_thaw(struct ensemble *e, int server, bool late)
{
    struct ensemble_server *s = &e->servers[server];
    if (!s->frozen)
        return;
    s->frozen = false;
    if (!s->dropped || s->state != ENSEMBLE_SERVING)
        return;
    for (int link = 0; late && link < ZK_LINKS; link++)
        while (ensemble_link_turn(s, link))
            continue;
    look_for_leader(s);
}

/* The one that has applied most; it has all that was committed, as one of every quorum has. */
static struct ensemble_server *best(struct ensemble *e)
{
    struct ensemble_server *best = NULL;
    for (int i = 0; i < e->n; i++) {
        struct ensemble_server *s = &e->servers[i];
        if (awake(s) && s->state == ENSEMBLE_LOOKING && (best == NULL || s->applied > best->applied))
            best = s;
    }
    return best;
}

static void join(struct ensemble_server *s)
{
    apply_all(s);
    if (s->zk.tree.zxid < (int64_t)s->ensemble->epoch << EPOCH_SHIFT)
        s->zk.tree.zxid = (int64_t)s->ensemble->epoch << EPOCH_SHIFT;
    s->state = ENSEMBLE_SERVING;
    s->dropped = false;
}

static void elect(struct ensemble *e)
{
    struct ensemble_server *s = best(e);
    apply_all(s);
    e->epoch++;
    e->counter = 0;
    e->leader = (int)(s - e->servers);
    e->leaderless_ms = 0;
    for (int i = 0; i < e->n; i++)
        if (awake(&e->servers[i]) && e->servers[i].state == ENSEMBLE_LOOKING)
            join(&e->servers[i]);
    for (int i = 0; i < e->nsessions; i++)
        e->sessions[i].touched_ms = e->now_ms;
}

static void time_for_election(struct ensemble *e)
{
    if (count(e, false) <= e->n / 2) {
        e->leaderless_ms = 0;
        return;
    }
    if (e->leaderless_ms == 0)
        e->leaderless_ms = e->now_ms;
    if (e->now_ms - e->leaderless_ms >= e->elect_ms)
        elect(e);
}

/* A frozen follower is given up by its leader, a frozen leader by its followers, and one without a quorum by itself. */
static void time_for_leader(struct ensemble *e)
{
    const struct ensemble_server *leader = &e->servers[e->leader];
    bool late = leader->frozen && e->now_ms - leader->frozen_ms >= e->sync_ms;
    bool alone = !leader->frozen && count(e, true) <= e->n / 2;
    e->alone_ms = !alone ? 0 : e->alone_ms == 0 ? e->now_ms : e->alone_ms;
    if (late || (alone && e->now_ms - e->alone_ms >= e->sync_ms)) {
        give_up_leader(e);
        return;
    }
    for (int i = 0; i < e->n && !leader->frozen; i++) {
        struct ensemble_server *s = &e->servers[i];
        if (s->frozen && s->state == ENSEMBLE_SERVING && e->now_ms - s->frozen_ms >= e->sync_ms)
            s->dropped = true;
        if (awake(s) && s->state == ENSEMBLE_LOOKING && e->now_ms - s->looking_ms >= e->elect_ms)
            join(s);
    }
}

static void expire(struct ensemble *e)
{
    for (int i = 0; i < e->nsessions && ensemble_commits(e); i++) {
        const struct ensemble_session *s = &e->sessions[i];
        int64_t end_ms = (s->touched_ms + s->timeout_ms + EXPIRY_TICK_MS) / EXPIRY_TICK_MS * EXPIRY_TICK_MS;
        struct ensemble_txn txn = {.session = s->id, .op = PK_OP_CLOSE_SESSION, .link = -1};
        if (s->alive && e->now_ms >= end_ms)
            (void)ensemble_commit(e, &txn);
    }
}

void ensemble_time(struct ensemble *e, int64_t now_ms)
{
    e->now_ms = now_ms;
    if (e->leader >= 0)
        time_for_leader(e);
    if (e->leader < 0)
        time_for_election(e);
    expire(e);
}

enum ensemble_says ensemble_ask(const struct ensemble *e, int server, int64_t *zxid)
{
    const struct ensemble_server *s = &e->servers[server];
    *zxid = 0;
    if (s->state == ENSEMBLE_DEAD)
        return ENSEMBLE_REFUSES;
    if (s->frozen)
        return ENSEMBLE_SILENT;
    *zxid = s->zk.tree.zxid;
    return s->state == ENSEMBLE_SERVING ? ENSEMBLE_SERVES : ENSEMBLE_NOT_SERVING;
}

const struct tree *ensemble_tree(const struct ensemble *e)
{
    int best = e->leader >= 0 ? e->leader : 0;
    for (int i = 0; i < e->n; i++)
        if (e->servers[i].applied > e->servers[best].applied)
            best = i;
    return &e->servers[best].zk.tree;
}
