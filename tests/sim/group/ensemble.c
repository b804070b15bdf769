/*
 * The model ensemble as a whole (ensemble.h): its start and end, faults, and what is seen of it from outside. What
 * its servers do is in server.c, log, leader and sessions in quorum.c.
 *
 * Happy path: three servers start with the same tree. Failure modes: without a leader nothing is written past the
 * members, and there is no tree to show.
 */
#include "ensemble_in.h"

#include <stdlib.h>

#include "tests/sim/wire.h"

static void on_emit(void *ctx, int link, const uint8_t *p, size_t len)
{
    struct server *s = ctx;
    if (s->fronts[link].used)
        net_write(s->world, s->fronts[link].end, p, len);
}

/* What there is beside what zk_init made: the same everywhere. */
static void plant(struct tree *t)
{
    static const char *const paths[] = {"/wb", "/wb/a", "/wb/b", "/storm/o"};
    char made[256];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct tree_new what = {.data = (const uint8_t *)"0:", .len = 2};
        t->zxid++;
        assert_int_equal(tree_create(t, paths[i], &what, made), TREE_OK);
    }
    t->nchanges = 0;
}

void ensemble_start(struct world *w)
{
    w->ensemble = calloc(1, sizeof *w->ensemble);
    assert_non_null(w->ensemble);
    for (int i = 0; i < SERVERS; i++) {
        struct server *s = server_of(w, i);
        zk_init(&s->zk);
        plant(&s->zk.tree);
        s->zk.emit = on_emit;
        s->zk.ctx = s;
        s->world = w;
        s->number = i;
        for (int f = 0; f < ZK_LINKS; f++)
            s->fronts[f].last = &s->fronts[f].first;
        w->hosts[host_server(i)] = (struct host){.alive = true, .boot = 1};
    }
    quorum_start(w);
}

void ensemble_stop(struct world *w)
{
    for (int i = 0; i < SERVERS; i++) {
        struct server *s = server_of(w, i);
        for (int f = 0; f < ZK_LINKS; f++)
            server_clear_front(&s->fronts[f]);
        zk_free(&s->zk);
    }
    quorum_stop(w);
    free(w->ensemble);
}

void ensemble_kill(struct world *w, int server)
{
    struct host *h = &w->hosts[host_server(server)];
    if (!h->alive)
        return;
    server_stops(w, server);
    h->alive = false;
    h->boot++;
    net_process_ends(w, host_server(server));
}

void ensemble_revive(struct world *w, int server)
{
    struct host *h = &w->hosts[host_server(server)];
    h->alive = true;
    h->lost = false;
}

void ensemble_lag(struct world *w, int server, int64_t lag_us, int64_t until_us)
{
    server_of(w, server)->lag_us = lag_us;
    server_of(w, server)->lag_until = until_us;
}

const struct tree *ensemble_tree(const struct world *w)
{
    return w->ensemble->leader >= 0 ? &server_of(w, w->ensemble->leader)->zk.tree : NULL;
}

int64_t ensemble_srvr(const struct world *w, int server)
{
    const struct server *s = server_of(w, server);
    return s->serving && world_runs(w, host_server(server)) ? s->zk.tree.zxid : -1;
}

bool ensemble_session(const struct world *w, int64_t session)
{
    const struct session *s = quorum_session(w->ensemble, session);
    return s != NULL && s->alive && !s->closing;
}

int64_t ensemble_leaderless_us(const struct world *w, int64_t since_us)
{
    const struct ensemble *e = w->ensemble;
    int64_t sum_us = e->leader < 0 ? w->now_us - e->leaderless_since : 0;
    for (int i = e->elections - 1; i >= 0 && e->elected[i].at_us >= since_us; i--)
        sum_us += e->elected[i].leaderless_us;
    return sum_us;
}

int ensemble_elections(const struct world *w, int64_t since_us)
{
    const struct ensemble *e = w->ensemble;
    int n = 0;
    while (n < e->elections && e->elected[e->elections - 1 - n].at_us >= since_us)
        n++;
    return n;
}

uint64_t ensemble_writes(const struct world *w)
{
    return w->ensemble->writes;
}

void ensemble_bypass_create(struct world *w, const char *path, const char *data, int perms)
{
    struct sup_buf b = {0};
    sup_str(&b, path);
    sup_str(&b, data);
    sup_int(&b, 1);
    wire_acl_entry(&b, perms, "world", "anyone");
    sup_int(&b, PK_CREATE_PERSISTENT);
    quorum_append(w, ENTRY_REQUEST, -1, PK_OP_CREATE, &b);
    sup_buf_free(&b);
}

int ensemble_bypass_delete(struct world *w, const char *path)
{
    const struct tree *tree = ensemble_tree(w);
    struct sup_buf b = {0};
    if (tree == NULL)
        return -1;
    if (tree_find(tree, path) == NULL)
        return TREE_NO_NODE;
    sup_str(&b, path);
    sup_int(&b, -1);
    quorum_append(w, ENTRY_REQUEST, -1, PK_OP_DELETE, &b);
    sup_buf_free(&b);
    return TREE_OK;
}
