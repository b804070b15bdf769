/*
 * The quorum of the model ensemble (ensemble_in.h): the log, who leads, and the sessions.
 *
 * Happy path: what connections have for the leader reaches it, becomes an entry, is committed a round trip later and
 * carried out by every server that follows.
 * Failure modes: without a quorum nothing is committed; a leader that is gone takes some of what was not committed
 * along.
 */
#include "ensemble_in.h"

#include <stdlib.h>

enum {
    FIRST_SESSION = 0x100000,
    TICK_US = 100000,
    NEAR_US = 100,
    FAR_US = 500,
    COMMIT_US = 900,
    COMMIT_FAR_US = 3000,
};

int64_t quorum_key(int64_t session)
{
    return session * 0x1000193 + 77;
}

struct session *quorum_session(struct ensemble *e, int64_t id)
{
    int64_t i = id - FIRST_SESSION;
    return i >= 0 && i < e->nsessions ? &e->sessions[i] : NULL;
}

/* Whether one can hear the other. */
static bool hears(const struct world *w, int server, int other)
{
    return server == other || (world_runs(w, host_server(server)) && world_runs(w, host_server(other)) &&
                               !net_is_cut(w, host_server(server), host_server(other)));
}

static bool has_quorum(const struct world *w)
{
    const struct ensemble *e = w->ensemble;
    int n = 0;
    for (int i = 0; i < SERVERS && e->leader >= 0; i++)
        n += e->servers[i].serving && hears(w, e->leader, i);
    return n > SERVERS / 2 && world_runs(w, host_server(e->leader));
}

/* ---- the log --------------------------------------------------------------------------------------------- */

static void carry_out(struct world *w, int server, int64_t unused)
{
    struct ensemble *e = w->ensemble;
    struct server *s = &e->servers[server];
    (void)unused;
    while (s->applied < e->committed && s->serving &&
           (e->leader == server || (e->leader >= 0 && !s->leads))) {
        if (!hears(w, server, e->leader))
            return;
        const struct entry *entry = &e->log[s->applied];
        int64_t lag = s->lag_until > w->now_us && e->leader != server ? s->lag_us : 0;
        if (entry->committed_us + lag > w->now_us) {
            world_at(w, entry->committed_us + lag, carry_out, server, 0);
            return;
        }
        server_apply(w, server, entry);
    }
    for (int i = 0; i < s->top; i++)
        if (s->fronts[i].used && s->fronts[i].connected && s->fronts[i].first != NULL)
            server_advance(w, server, i);
}

static void commit(struct world *w, int epoch, int64_t upto)
{
    struct ensemble *e = w->ensemble;
    if (epoch != e->epoch || (size_t)upto <= e->committed || (size_t)upto > e->nlog || !has_quorum(w))
        return;
    for (; e->committed < (size_t)upto; e->committed++)
        e->log[e->committed].committed_us = w->now_us;
    carry_out(w, e->leader, 0);
    for (int i = 0; i < SERVERS; i++)
        if (i != e->leader)
            world_at(w, w->now_us + world_between(w, NEAR_US, FAR_US), carry_out, i, 0);
}

static struct entry *append(struct world *w, enum entry_kind kind, int64_t session)
{
    struct ensemble *e = w->ensemble;
    if (e->nlog == e->cap) {
        e->cap = e->cap * 2 + 1024;
        e->log = realloc(e->log, e->cap * sizeof *e->log);
        assert_non_null(e->log);
    }
    struct entry *entry = &e->log[e->nlog++];
    *entry = (struct entry){
        .kind = kind, .session = session, .wall_ms = world_wall_ms(w), .server = -1, .front = -1};
    entry->zxid = (e->epoch << 32) + ++e->counter;
    world_at(w, w->now_us + world_between(w, COMMIT_US, COMMIT_FAR_US), commit, (int)e->epoch,
             (int64_t)e->nlog);
    return entry;
}

void quorum_append(struct world *w, enum entry_kind kind, int64_t session, int op, const struct sup_buf *body)
{
    struct entry *entry = append(w, kind, session);
    entry->op = op;
    entry->len = body != NULL ? body->len : 0;
    entry->bytes = malloc(entry->len + 1);
    assert_non_null(entry->bytes);
    if (entry->len > 0)
        memcpy(entry->bytes, body->p, entry->len);
}

/* ---- what arrives at the leader -------------------------------------------------------------------------- */

static void take_connect(struct world *w, int server, int front)
{
    struct ensemble *e = w->ensemble;
    struct front *f = &e->servers[server].fronts[front];
    int64_t id = f->connect.session;
    struct session *s = id != 0 ? quorum_session(e, id) : NULL;
    f->connect.sent = true;
    if (id == 0) {
        assert_true(e->nsessions < SESSIONS);
        s = &e->sessions[e->nsessions++];
        *s = (struct session){.id = FIRST_SESSION + e->nsessions - 1, .alive = true};
    }
    bool valid = s != NULL && s->alive && !s->closing && (id == 0 || f->connect.key == quorum_key(id));
    if (!valid) {
        server_connected(w, server, front, 0);
        return;
    }
    s->timeout_ms = f->connect.timeout_ms;
    s->touched_us = w->now_us;
    s->server = server;
    s->front = front;
    s->gen = f->gen;
    if (id != 0) {
        server_connected(w, server, front, id);
        return;
    }
    struct entry *entry = append(w, ENTRY_OPEN, s->id);
    entry->server = server;
    entry->front = front;
    entry->gen = f->gen;
}

/* False: the session is not valid, or has moved: the connection has been closed. */
static bool take_ask(struct world *w, int server, int front, struct ask *ask)
{
    struct ensemble *e = w->ensemble;
    struct front *f = &e->servers[server].fronts[front];
    struct session *s = quorum_session(e, f->session);
    bool here = s != NULL && s->server == server && s->front == front && s->gen == f->gen;
    ask->sent = true;
    if (s == NULL || !s->alive || s->closing || !here) {
        server_close_front(w, server, front);
        return false;
    }
    s->touched_us = w->now_us;
    if (ask->op == PK_OP_SYNC) {
        ask->synced = true;
        ask->need = e->nlog;
        world_at(w, w->now_us + world_between(w, NEAR_US, FAR_US), carry_out, server, 0);
        return true;
    }
    s->closing = ask->op == PK_OP_CLOSE_SESSION;
    struct entry *entry = append(w, ENTRY_REQUEST, f->session);
    e->writes += ask->op != PK_OP_CLOSE_SESSION;
    entry->server = server;
    entry->front = front;
    entry->gen = f->gen;
    entry->ask = ask;
    entry->xid = ask->xid;
    entry->op = ask->op;
    strcpy(entry->user, e->servers[server].zk.links[front].user);
    entry->len = ask->len;
    entry->bytes = malloc(ask->len + 1);
    assert_non_null(entry->bytes);
    memcpy(entry->bytes, ask->bytes, ask->len);
    return true;
}

static void at_leader(struct world *w, int place, int64_t gen)
{
    struct ensemble *e = w->ensemble;
    int server = place / ZK_LINKS, front = place % ZK_LINKS;
    struct front *f = &e->servers[server].fronts[front];
    if (!f->used || f->gen != (uint32_t)gen)
        return;
    bool zombie = e->servers[server].leads && e->leader != server;
    if (e->leader < 0 || zombie || !hears(w, server, e->leader) || (f->connect.sent && !f->connected)) {
        world_at(w, w->now_us + 20000, at_leader, place, gen);
        return;
    }
    if (!f->connect.sent) {
        take_connect(w, server, front);
        return;
    }
    for (struct ask *ask = f->first; ask != NULL; ask = ask->next)
        if (!ask->sent && (zk_is_write(ask->op) || ask->op == PK_OP_SYNC) && !take_ask(w, server, front, ask))
            return;
}

void quorum_ask(struct world *w, int server, int front)
{
    world_at(w, w->now_us + world_between(w, NEAR_US, FAR_US), at_leader, server * ZK_LINKS + front,
             w->ensemble->servers[server].fronts[front].gen);
}

/* ---- sessions -------------------------------------------------------------------------------------------- */

static void tell_touches(struct world *w)
{
    struct ensemble *e = w->ensemble;
    for (int i = 0; i < SERVERS; i++) {
        struct server *s = &e->servers[i];
        if (!s->serving || e->leader < 0 || !hears(w, i, e->leader))
            continue;
        for (int k = 0; k < e->nsessions; k++)
            if (s->touched[k]) {
                s->touched[k] = false;
                e->sessions[k].touched_us = w->now_us;
            }
    }
}

static void expire(struct world *w)
{
    enum { TICK = ENSEMBLE_TICK_MS * 1000 };
    struct ensemble *e = w->ensemble;
    for (int i = 0; i < e->nsessions && e->leader >= 0; i++) {
        struct session *s = &e->sessions[i];
        int64_t end = (s->touched_us + (int64_t)s->timeout_ms * 1000 + TICK) / TICK * TICK;
        if (!s->alive || s->closing || w->now_us < end)
            continue;
        world_trace(w, "session %#llx expires", (long long)s->id);
        s->closing = true;
        quorum_append(w, ENTRY_CLOSE, s->id, 0, NULL);
    }
}

/* ---- who leads ------------------------------------------------------------------------------------------- */

static void drop_uncommitted(struct world *w)
{
    struct ensemble *e = w->ensemble;
    size_t keep = e->committed + sup_below(&w->rng, (uint32_t)(e->nlog - e->committed) + 1);
    while (e->nlog > keep)
        free(e->log[--e->nlog].bytes);
    for (size_t i = e->committed; i < e->nlog; i++)
        e->log[i].committed_us = w->now_us;
    e->committed = e->nlog;
}

static void sessions_anew(struct world *w)
{
    struct ensemble *e = w->ensemble;
    for (int i = 0; i < e->nsessions; i++) {
        e->sessions[i].touched_us = w->now_us;
        e->sessions[i].closing = false;
        e->sessions[i].front = -1;
    }
    for (size_t i = 0; i < e->nlog; i++) {
        struct session *s = quorum_session(e, e->log[i].session);
        bool ends = e->log[i].kind == ENTRY_CLOSE || e->log[i].op == PK_OP_CLOSE_SESSION;
        if (s != NULL && ends)
            s->closing = true;
    }
}

static void lead(struct world *w, int server)
{
    struct ensemble *e = w->ensemble;
    e->leader = server;
    e->epoch++;
    e->counter = 0;
    assert_true(e->elections < ELECTIONS);
    e->elected[e->elections].at_us = w->now_us;
    e->elected[e->elections++].leaderless_us = w->now_us - e->leaderless_since;
    drop_uncommitted(w);
    sessions_anew(w);
    struct server *s = &e->servers[server];
    s->serving = s->leads = true;
    s->lone_us = 0;
    world_trace(w, "S%d leads", server);
    for (int i = 0; i < SERVERS; i++)
        if (i != server && hears(w, i, server) && !e->servers[i].serving)
            e->servers[i].serving = true;
    for (int i = 0; i < SERVERS; i++)
        carry_out(w, i, 0);
}

static void maybe_elect(struct world *w)
{
    struct ensemble *e = w->ensemble;
    int first = -1, n = 0, start = (int)sup_below(&w->rng, SERVERS);
    for (int k = 0; k < SERVERS; k++) {
        int i = (start + k) % SERVERS;
        if (!world_runs(w, host_server(i)) || e->servers[i].serving || (first >= 0 && !hears(w, first, i)))
            continue;
        first = first < 0 ? i : first;
        n++;
    }
    if (n <= SERVERS / 2) {
        e->ready_since = 0;
        return;
    }
    if (e->ready_since == 0) {
        e->ready_since = w->now_us;
        e->ready_after = world_between(w, 150000, 1200000);
    }
    if (w->now_us - e->ready_since >= e->ready_after)
        lead(w, first);
}

static void leader_is_gone(struct world *w)
{
    struct ensemble *e = w->ensemble;
    world_trace(w, "no leader");
    e->leader = -1;
    e->ready_since = 0;
    e->leaderless_since = w->now_us;
}

/* One that has not heard what it needs for so long serves no more. */
static void look_at_lone(struct world *w, int server, bool lone, int64_t patience_us)
{
    struct server *s = &w->ensemble->servers[server];
    if (!lone)
        s->lone_us = 0;
    else if (s->lone_us == 0)
        s->lone_us = w->now_us;
    else if (w->now_us - s->lone_us >= patience_us && world_runs(w, host_server(server)))
        server_stops(w, server);
}

static void look_at_server(struct world *w, int i)
{
    struct ensemble *e = w->ensemble;
    struct server *s = &e->servers[i];
    const struct host *leader = e->leader >= 0 ? &w->hosts[host_server(e->leader)] : NULL;
    bool follows = !s->leads && s->serving;
    if (e->leader == i) {
        look_at_lone(w, i, !has_quorum(w), e->patience_us);
    } else if (s->leads) {
        look_at_lone(w, i, true, 300000); /* another leads, or nobody: its followers are gone */
    } else if (follows && (leader == NULL || !leader->alive)) {
        server_stops(w, i);
    } else if (follows) {
        look_at_lone(w, i, !hears(w, i, e->leader), e->patience_us + world_between(w, 0, 400000));
    } else if (leader != NULL && world_runs(w, host_server(i)) && hears(w, i, e->leader)) {
        s->join_us = s->join_us == 0 ? w->now_us + world_between(w, 100000, 500000) : s->join_us;
        s->serving = s->join_us <= w->now_us;
        if (s->serving) {
            world_trace(w, "S%d follows", i);
            s->lone_us = s->join_us = 0;
            carry_out(w, i, 0);
        }
    }
}

static void on_tick(struct world *w, int n, int64_t unused)
{
    struct ensemble *e = w->ensemble;
    bool followed = false;
    (void)unused;
    for (int i = 0; i < SERVERS; i++)
        if (world_runs(w, host_server(i)))
            look_at_server(w, i);
    for (int i = 0; i < SERVERS && e->leader >= 0; i++)
        followed |= i != e->leader && e->servers[i].serving && !e->servers[i].leads;
    /* A leader that its followers have left, or that stopped serving, cannot commit any more. */
    if (e->leader >= 0 && (!e->servers[e->leader].serving || !followed))
        leader_is_gone(w);
    if (e->leader < 0)
        maybe_elect(w);
    else if (has_quorum(w) && e->committed < e->nlog)
        commit(w, (int)e->epoch, (int64_t)e->nlog);
    if (n % 2 == 0)
        tell_touches(w);
    if (n % 5 == 0 && e->leader >= 0 && world_runs(w, host_server(e->leader)))
        expire(w);
    for (int i = 0; i < SERVERS; i++)
        carry_out(w, i, 0);
    world_at(w, w->now_us + TICK_US, on_tick, n + 1, 0);
}

void quorum_start(struct world *w)
{
    struct ensemble *e = w->ensemble;
    e->patience_us = world_between(w, 1500000, 5000000);
    e->leader = 0;
    e->epoch = 1;
    e->counter = 1000;
    for (int i = 0; i < SERVERS; i++)
        e->servers[i].serving = true;
    e->servers[0].leads = true;
    world_at(w, w->now_us + TICK_US, on_tick, 0, 0);
}

void quorum_stop(struct world *w)
{
    struct ensemble *e = w->ensemble;
    for (size_t i = 0; i < e->nlog; i++)
        free(e->log[i].bytes);
    free(e->log);
}
