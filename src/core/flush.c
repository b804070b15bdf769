/*
 * Flushing.
 *
 * Happy path: the due cached znodes of one connection leave in one multi; its answer makes them clean.
 * Failure modes: a znode that was written, deleted or protected by others makes its cached znode end, and is taken out of the
 * multi; a lost uplink leaves its cached znodes uncertain, and they are looked at before the next attempt.
 */
#include "core/flush.h"

#include "core/handover.h"
#include "core/relay.h"
#include "core/replay.h"
#include "core/service.h"

enum {
    BATCH = 128, /* cached znodes in one multi */
    LOOK = 0,    /* in place of steps */
    LOOK_AGAIN = -1,
};

/* Cached znodes that are to leave on one connection. */
struct batch {
    struct pk_cached *v[BATCH];
    uint32_t n;
};

static bool sendable(const struct pk_conn *c)
{
    return c != NULL && c->uplink == PK_UPLINK_UP && !c->closing && !c->ending;
}

/* Sends the first cached znodes of a batch in one multi; returns how many, 0 after closing for want of memory. */
static uint32_t send_multi(struct core *core, struct pk_conn *c, struct pk_cached *const *v, uint32_t n)
{
    size_t len = PK_MULTI_HEADER, most = pk_multi_room(core);
    int32_t ops = 0;
    uint32_t count = 0;
    for (; count < n; count++) {
        size_t more = pk_replay_flush_len(v[count]);
        int32_t steps = pk_cached_pending(v[count]);
        if (count > 0 && (ops + steps > PK_MULTI_OPS || len + more > most))
            break;
        len += more;
        ops += steps;
    }
    struct pk_flush *f = pk_alloc(core->mem, sizeof *f + count * sizeof f->v[0]);
    if (f == NULL) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return 0;
    }
    uint8_t *p;
    struct pk_entry *e = pk_send_internal_body(core, c, PK_ANSWER_FLUSH, PK_OP_MULTI, len, &p);
    if (e == NULL) {
        pk_free(core->mem, f);
        return 0;
    }
    f->n = count;
    for (uint32_t i = 0; i < count; i++) {
        p = pk_replay_flush_put(p, v[i]);
        f->v[i].cached = v[i];
        f->v[i].steps = v[i]->inflight = pk_cached_pending(v[i]);
        v[i]->sent = pk_blob_ref(v[i]->data);
        pk_list_del(&v[i]->due);
    }
    pk_put_multi(p, -1, true, -1);
    e->flush = f;
    return count;
}

/* What cannot leave after all finds its list again. */
static void send_batch(struct core *core, struct pk_conn *c, const struct batch *b)
{
    uint32_t sent = 0, n = 1;
    for (uint32_t i = 0; i < b->n; i++)
        b->v[i]->leaving = false;
    while (sent < b->n && n > 0 && sendable(c)) {
        n = send_multi(core, c, b->v + sent, b->n - sent);
        sent += n;
    }
    for (; sent < b->n; sent++)
        pk_cached_settle(core, b->v[sent]);
}

bool pk_flush_look(struct core *core, struct pk_conn *c, struct pk_cached *l, bool sync)
{
    if (l->looking)
        return false;
    struct pk_bytes path = pk_store_path(&core->store, l->znode);
    if (sync && pk_send_internal(core, c, PK_ANSWER_DROP, PK_OP_SYNC, path) == NULL)
        return true;
    struct pk_flush *f = pk_alloc(core->mem, sizeof *f + sizeof f->v[0]);
    struct pk_entry *e =
        f != NULL ? pk_send_internal(core, c, PK_ANSWER_LOOK, sync ? PK_OP_GET_DATA : PK_OP_EXISTS, path)
                  : NULL;
    if (e == NULL) {
        pk_free(core->mem, f);
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return true;
    }
    f->n = 1;
    f->v[0].cached = l;
    f->v[0].steps = sync ? LOOK_AGAIN : LOOK;
    l->looking = true;
    e->flush = f;
    return true;
}

/* Adds what may leave now; what is uncertain is looked at instead. */
static void add(struct core *core, struct pk_conn *c, struct batch *b, struct pk_cached *l)
{
    if (pk_cached_in_flight(l) || pk_cached_pending(l) == 0 || l->leaving)
        return;
    if (l->uncertain == 0) {
        b->v[b->n++] = l;
        l->leaving = true;
        return;
    }
    (void)!pk_flush_look(core, c, l, true);
    pk_cached_settle(core, l);
}

bool pk_flush_conn(struct core *core, struct pk_conn *c)
{
    while (sendable(c)) {
        struct batch b = {.n = 0};
        for (struct pk_list *at = c->dirty.next, *next; at != &c->dirty && b.n < BATCH && sendable(c);
             at = next) {
            next = at->next;
            add(core, c, &b, PK_CONTAINER(at, struct pk_cached, of_writer));
        }
        if (b.n == 0)
            break;
        send_batch(core, c, &b);
    }
    return pk_list_empty(&c->dirty) || !sendable(c);
}

/* The cached znodes of v[i..n) that leave by the same connection as v[i]. */
static void collect(struct core *core, struct pk_conn *via, struct batch *b, struct pk_cached *const *v,
                    uint32_t n)
{
    const struct pk_conn *writer = v[0]->writer;
    for (uint32_t i = 0; i < n && i < 4 * BATCH && b->n < BATCH && sendable(via); i++)
        if (v[i]->znode != NULL && v[i]->writer == writer && !pk_cached_refused(v[i], via))
            add(core, via, b, v[i]);
}

void pk_flush_for(struct core *core, struct pk_conn *c, struct pk_cached *const *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (v[i]->znode == NULL || pk_cached_pending(v[i]) == 0 || pk_cached_in_flight(v[i]))
            continue;
        struct pk_conn *via = v[i]->writer != NULL ? v[i]->writer : c;
        struct batch b = {.n = 0};
        if (sendable(via))
            collect(core, via, &b, v + i, n - i);
        send_batch(core, via, &b);
    }
    pk_service_want(core);
}

void pk_flush_one(struct core *core, struct pk_cached *l)
{
    struct batch b = {.n = 0};
    if (!sendable(l->writer))
        return;
    add(core, l->writer, &b, l);
    send_batch(core, l->writer, &b);
}

bool pk_flush_orphans(struct core *core, struct pk_conn *own)
{
    struct batch b = {.n = 0};
    bool any = !pk_list_empty(&core->orphans);
    for (int looks = 0; looks < BATCH && b.n < BATCH && !pk_list_empty(&core->orphans) && sendable(own);
         looks++) {
        struct pk_cached *l = PK_CONTAINER(core->orphans.next, struct pk_cached, due);
        pk_list_del(&l->due);
        add(core, own, &b, l);
    }
    send_batch(core, own, &b);
    return any;
}

/* The oldest cached znode and what else its writer has in the same mount; returns how many. */
static uint32_t flush_oldest(struct core *core, struct pk_mount *m)
{
    struct pk_list *first = m->due.next;
    struct pk_cached *l = PK_CONTAINER(first, struct pk_cached, due);
    struct pk_conn *c = l->writer;
    struct batch b = {.n = 0};
    if (sendable(c)) /* else it is on its way out: flushed or orphaned there */
        add(core, c, &b, l);
    for (struct pk_list *at = c->dirty.next, *next; at != &c->dirty && b.n < BATCH && sendable(c);
         at = next) {
        next = at->next;
        struct pk_cached *k = PK_CONTAINER(at, struct pk_cached, of_writer);
        if (k->znode->mount == m->root->mount)
            add(core, c, &b, k);
    }
    send_batch(core, c, &b);
    if (m->due.next == first) { /* it waits for a look: the others need not */
        pk_list_del(first);
        pk_list_add_tail(&m->due, first);
    }
    return b.n;
}

/* How many cached znodes of the mount may leave in this turn beyond those that are overdue. */
static int64_t quota(const struct core *core, struct pk_mount *m, int64_t elapsed_us)
{
    int64_t every = m->config.flush_us;
    if (m->config.mode == PK_MODE_RELAY)
        return core->releasing ? INT64_MAX : PK_HANDOVER_TICK;
    if (m->config.mode == PK_MODE_PACEMAKER || every <= 0)
        return 0;
    m->credit_us += (int64_t)m->dirty * elapsed_us;
    int64_t n = m->credit_us / every;
    m->credit_us -= n * every;
    return n;
}

static bool overdue(const struct core *core, const struct pk_mount *m)
{
    const struct pk_cached *l = PK_CONTAINER(m->due.next, struct pk_cached, due);
    return m->config.mode == PK_MODE_WRITE_BEHIND && m->config.flush_us > 0 &&
           core->now_us - l->dirty_us >= m->config.flush_us;
}

/* Paced: in one interval as many leave as are dirty, the oldest first, so that none waits longer and none wait for the
 * same moment. */
static void mount_due(struct core *core, struct pk_mount *m, int64_t elapsed_us)
{
    if (pk_list_empty(&m->due)) {
        m->credit_us = 0;
        return;
    }
    int64_t left = quota(core, m, elapsed_us);
    for (uint64_t tries = m->dirty; tries > 0 && !pk_list_empty(&m->due) && (left > 0 || overdue(core, m));
         tries--)
        left -= flush_oldest(core, m);
}

void pk_flush_due(struct core *core, int64_t elapsed_us)
{
    for (size_t i = 0; i < core->store.nmounts; i++)
        mount_due(core, &core->store.mounts[i], elapsed_us);
}

static void flushed(struct core *core, struct pk_cached *l, int32_t steps, const struct pk_stat *st,
                    int64_t zxid)
{
    core->stats.flushes++;
    core->stats.writes_flushed += steps;
    if (l->znode == NULL)
        return;
    if (st->aversion != l->base.aversion)
        pk_cached_drop_permits(core, l); /* somebody has changed the ACL */
    l->base = *st;
    l->dirty_us = core->now_us;
    if (l->mzxid < st->mzxid)
        l->mzxid = st->mzxid;
    if (l->shown_zxid < zxid)
        l->shown_zxid = zxid;
}

/* The ensemble does not let the connection look at the znode or write it: others may be let. */
static void not_allowed(struct core *core, struct pk_conn *c, struct pk_cached *l)
{
    if (c->own) {
        l->service_refused = true;
        l->refused_us = core->now_us;
    } else {
        l->refused = c->id;
    }
}

/* The ensemble does not take this one. */
static void refused(struct core *core, struct pk_conn *c, struct pk_cached *l, const struct pk_reply *r,
                    int32_t code)
{
    core->stats.flush_failures++;
    if (l->znode == NULL)
        return;
    if (r->err != PK_Z_OK) { /* about the session, not about the znode */
        if (l->writer == c)
            pk_cached_orphan(core, l);
        if (!c->own)
            l->refused = c->id;
    } else if (code == PK_Z_BAD_VERSION) {
        pk_cached_end(core, l->znode, PK_CACHED_FOREIGN);
    } else if (code == PK_Z_NO_NODE) {
        pk_cached_end(core, l->znode, PK_CACHED_GONE);
    } else if (l->writer == c) {
        pk_cached_end(core, l->znode, PK_CACHED_DROPPED);
    } else if (l->writer == NULL) { /* else that one may, and will */
        not_allowed(core, c, l);
    }
}

/* The Stat that the last of a cached znode's steps left; every result of a flush is one of setData. */
static bool last_stat(struct pk_bytes body, int32_t before, int32_t steps, struct pk_stat *st)
{
    const size_t result = PK_MULTI_HEADER + PK_STAT_LEN;
    size_t at = result * (size_t)(before + steps - 1) + PK_MULTI_HEADER;
    if (body.len < at + PK_STAT_LEN)
        return false;
    pk_stat_load(st, body.p + at);
    return true;
}

/* The flush began at the version that the cached znode started from, and nobody came between its steps. */
static bool adds_up(const struct pk_cached *l, int32_t steps, const struct pk_stat *st)
{
    return l->znode == NULL || (st->czxid == l->base.czxid &&
                                (uint32_t)st->version == (uint32_t)l->base.version + (uint32_t)steps);
}

/* Takes the results in; what was not at fault stays dirty. Results that cannot be are somebody else's doing. */
static void take_results(struct core *core, struct pk_conn *c, struct pk_flush *f, const struct pk_reply *r,
                         struct pk_bytes body)
{
    uint32_t op = UINT32_MAX;
    int32_t code = r->err, before = 0;
    bool good = pk_multi_succeeded(r, body);
    bool one = !good && r->err == PK_Z_OK && pk_multi_first_error(body, &op, &code);
    for (uint32_t i = 0; i < f->n; i++) {
        struct pk_cached *l = f->v[i].cached;
        int32_t steps = f->v[i].steps;
        struct pk_stat st;
        bool at_fault = !one || (op >= (uint32_t)before && op < (uint32_t)(before + steps));
        if (good && last_stat(body, before, steps, &st) && adds_up(l, steps, &st))
            flushed(core, l, steps, &st, r->zxid);
        else if (at_fault)
            refused(core, c, l, r, good ? PK_Z_BAD_VERSION : code);
        before += steps;
    }
}

/* certain: what follows on an uncertain flush, getData; else exists. */
static void look_answered(struct core *core, struct pk_conn *c, struct pk_cached *l, bool certain,
                          const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_in in = pk_in(body.p, body.len);
    struct pk_bytes data = {NULL, 0};
    if (l->znode == NULL)
        return;
    if (r->err == PK_Z_OK && certain)
        data = pk_get_bytes(&in);
    if (r->err == PK_Z_OK && !in.bad && pk_in_left(&in) == PK_STAT_LEN) {
        struct pk_stat st;
        pk_stat_load(&st, in.p);
        (void)pk_cached_saw(core, l->znode, &st, certain ? &data : NULL, r->zxid);
    } else if (r->err == PK_Z_NO_NODE) {
        (void)!pk_cached_missing(core, l->znode, r->zxid);
    }
    if (!certain || l->znode == NULL)
        return;
    if (r->err == PK_Z_OK || l->writer == c) { /* its writer may not read: the flush will tell */
        l->uncertain = 0;
        pk_cached_forget_sent(core, l);
    } else if (r->err == PK_Z_NO_AUTH && l->writer == NULL) {
        not_allowed(core, c, l);
    }
}

/* The work on a cached znode is over: it finds its list again, those who wait for it are woken. */
static void let_go(struct core *core, struct pk_cached *l, bool look)
{
    struct pk_znode *z = l->znode;
    if (look)
        l->looking = false;
    else
        l->inflight = 0;
    if (!look && l->uncertain == 0)
        pk_cached_forget_sent(core, l);
    if (l->holds > 0)
        pk_core_wake_waiting(core);
    if (l->writer != NULL)
        pk_conn_wake(core, l->writer);
    if (z == NULL) {
        pk_cached_unref(core, l);
        return;
    }
    pk_cached_settle(core, l);
    pk_cached_end_unused(core, l);
    pk_store_tidy(&core->store, z);
}

void pk_flush_answer(struct core *core, struct pk_conn *c, struct pk_flush *f, const struct pk_reply *r,
                     struct pk_bytes body)
{
    bool look = f->v[0].steps <= 0;
    if (look)
        look_answered(core, c, f->v[0].cached, f->v[0].steps == LOOK_AGAIN, r, body);
    else
        take_results(core, c, f, r, body);
    for (uint32_t i = 0; i < f->n; i++)
        let_go(core, f->v[i].cached, look);
    pk_free(core->mem, f);
    bool about_node = r->err == PK_Z_NO_NODE || r->err == PK_Z_NO_AUTH;
    if (c->own && r->err != PK_Z_OK && !(look && about_node))
        pk_conn_close(core, c, PK_CLOSE_SERVICE_REFUSED);
    else
        pk_conn_wake(core, c);
}

void pk_flush_lost(struct core *core, struct pk_flush *f)
{
    bool look = f->v[0].steps <= 0;
    for (uint32_t i = 0; i < f->n; i++) {
        struct pk_cached *l = f->v[i].cached;
        if (!look)
            l->uncertain = l->inflight;
        let_go(core, l, look);
    }
    pk_free(core->mem, f);
}
