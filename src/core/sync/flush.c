/*
 * Flushing.
 *
 * Happy path: the due values of one client leave in one multi; its answer makes them clean.
 * Failure modes: what is uncertain is asked about instead; a writer whose server is silent is passed by; out of memory
 * marks the connection to end, and what was collected finds its list again.
 */
#include "core/sync/flush.h"

#include "core/sync/flush_job.h"
#include "core/sync/multi.h"

enum {
    BATCH = 128,     /* cached znodes in one multi */
    MAX_FLUSHES = 8, /* for one request on its client's uplink; then it is left to the others */
};

/* Those that are to leave on one connection. */
struct batch {
    struct pk_writeback *v[BATCH];
    uint32_t n;
};

static bool sendable(const struct pk_uplink *u)
{
    return u != NULL && pk_uplink_usable(u);
}

static struct pk_uplink *writer_of(const struct pk_writeback *w)
{
    return w->writer != NULL ? &w->writer->up : NULL;
}

/* The i-th step of a flush: the first finds a foreign write, the last brings the newest data. */
static struct pk_multi_op flush_op(const struct pk_cached *l, int32_t i, int32_t steps)
{
    return (struct pk_multi_op){.type = PK_OP_SET_DATA,
                                .znode = l->znode,
                                .data = i == steps - 1 ? pk_blob_view(l->value.data) : PK_BYTES(""),
                                .version = i == 0 ? l->value.base.version : -1};
}

/* Bytes of the operations that flush everything that is pending. */
static size_t flush_len(const struct pk_cached *l)
{
    int32_t steps = pk_cached_pending(l);
    struct pk_multi_op first = flush_op(l, 0, steps + 1), last = flush_op(l, steps - 1, steps);
    return (size_t)(steps - 1) * pk_multi_op_len(&first) + pk_multi_op_len(&last);
}

static uint8_t *flush_put(uint8_t *p, const struct pk_cached *l)
{
    int32_t steps = pk_cached_pending(l);
    for (int32_t i = 0; i < steps; i++) {
        struct pk_multi_op o = flush_op(l, i, steps);
        p = pk_multi_op_put(p, &o);
    }
    return p;
}

/* How many of a batch fit into one multi, and their bytes. */
static uint32_t measure(const struct pk_sync *sync, struct pk_writeback *const *v, uint32_t n, size_t *len)
{
    int32_t ops = 0;
    uint32_t count = 0;
    *len = PK_MULTI_HEADER;
    for (; count < n; count++) {
        size_t more = flush_len(&v[count]->cached);
        int32_t steps = pk_cached_pending(&v[count]->cached);
        if (count > 0 && (ops + steps > PK_MULTI_OPS || *len + more > pk_multi_room(&sync->conns->limits)))
            break;
        *len += more;
        ops += steps;
    }
    return count;
}

/* A job about n znodes, which it refers to. */
static struct pk_flush *new_job(struct pk_sync *sync, enum pk_flush_what what, struct pk_writeback *const *v,
                                uint32_t n)
{
    struct pk_flush *f = pk_alloc(sync->mem, sizeof *f + n * sizeof f->v[0]);
    if (f == NULL)
        return NULL;
    f->what = what;
    f->n = n;
    for (uint32_t i = 0; i < n; i++) {
        f->v[i].w = v[i];
        f->v[i].steps = what == PK_FLUSH_WRITES ? pk_cached_pending(&v[i]->cached) : 0;
        f->v[i].base = v[i]->cached.value.base.version;
        v[i]->cached.refs++;
    }
    return f;
}

/* Sends the first of a batch in one multi; returns how many, 0 when the connection is to end. */
static uint32_t send_multi(struct pk_sync *sync, struct pk_uplink *u, struct pk_writeback *const *v,
                           uint32_t n)
{
    size_t len;
    uint32_t count = measure(sync, v, n, &len);
    struct pk_flush *f = new_job(sync, PK_FLUSH_WRITES, v, count);
    uint8_t *p;
    if (f == NULL) {
        pk_conn_close(sync->conns, u, PK_CLOSE_NO_MEMORY);
        return 0;
    }
    if (pk_send_internal_body(sync->conns, u, PK_ANSWER_FLUSH, PK_OP_MULTI, len, f, &p) == NULL) {
        pk_flush_job_free(sync, f);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        p = flush_put(p, &v[i]->cached);
        pk_writeback_sent(sync, v[i]);
    }
    pk_put_multi(p, -1, true, -1);
    return count;
}

/* What cannot leave after all finds its list again. */
static void send_batch(struct pk_sync *sync, struct pk_uplink *u, const struct batch *b)
{
    uint32_t sent = 0, n = 1;
    while (sent < b->n && n > 0 && sendable(u)) {
        n = send_multi(sync, u, b->v + sent, b->n - sent);
        sent += n;
    }
    for (; sent < b->n; sent++)
        pk_writeback_requeue(sync, b->v[sent]);
}

/* Asks what the ensemble has; false when that is under way, or the connection is to end. */
static bool ask(struct pk_sync *sync, struct pk_uplink *u, struct pk_writeback *w, enum pk_flush_what what)
{
    if (w->verifying)
        return false;
    struct pk_bytes path = pk_store_path(sync->store, w->cached.znode);
    struct pk_flush *f = new_job(sync, what, &w, 1);
    int32_t op = what == PK_FLUSH_VERIFY ? PK_OP_GET_DATA : PK_OP_EXISTS;
    if (f == NULL) {
        pk_conn_close(sync->conns, u, PK_CLOSE_NO_MEMORY);
        return false;
    }
    if ((what != PK_FLUSH_LOOK &&
         pk_send_internal(sync->conns, u, PK_ANSWER_DROP, PK_OP_SYNC, path, NULL) == NULL) ||
        pk_send_internal(sync->conns, u, PK_ANSWER_VERIFY, op, path, f) == NULL) {
        pk_flush_job_free(sync, f);
        return false;
    }
    w->verifying = true;
    w->blocking = what != PK_FLUSH_LOOK;
    return true;
}

bool pk_flush_look(struct pk_sync *sync, struct pk_uplink *u, struct pk_writeback *w)
{
    return ask(sync, u, w, PK_FLUSH_LOOK);
}

/* Adds what may leave now; for what is uncertain the ensemble is asked instead. */
static void add(struct pk_sync *sync, struct pk_uplink *u, struct batch *b, struct pk_writeback *w)
{
    if (pk_writeback_on_its_way(w) || pk_cached_pending(&w->cached) == 0 || w->state == PK_WRITEBACK_BATCHED)
        return;
    /* Of two flushes from the same version the first is carried out, and it is the first that would be forgotten. */
    if (w->late > 0 && u->client != NULL && pk_uplink_silent(sync->conns, u))
        return;
    /* Nobody's write is carried in with more rights than its author has: the service session looks at the ACL first. */
    bool unchecked = u->client == NULL && !w->same_acl;
    if (w->uncertain == 0 && !unchecked) {
        b->v[b->n++] = w;
        pk_writeback_batch(sync, w);
        return;
    }
    (void)ask(sync, u, w, w->uncertain > 0 ? PK_FLUSH_VERIFY : PK_FLUSH_CHECK);
    pk_writeback_requeue(sync, w);
}

bool pk_flush_client(struct pk_sync *sync, struct pk_client *c)
{
    if (c->state == PK_CLIENT_GONE && !sync->conns->draining && !pk_client_lives(sync->conns, c))
        return true;
    while (pk_uplink_usable(&c->up)) {
        struct batch b = {.n = 0};
        for (struct pk_list *at = c->dirty.next, *next;
             at != &c->dirty && b.n < BATCH && pk_uplink_usable(&c->up); at = next) {
            next = at->next;
            add(sync, &c->up, &b, PK_CONTAINER(at, struct pk_writeback, of_writer));
        }
        if (b.n == 0)
            break;
        send_batch(sync, &c->up, &b);
    }
    return pk_list_empty(&c->dirty) || !pk_uplink_usable(&c->up);
}

/* Of v[0..n) those that leave by the same connection as v[0]. */
static void collect(struct pk_sync *sync, struct pk_uplink *via, struct batch *b, struct pk_cached *const *v,
                    uint32_t n)
{
    const struct pk_client *writer = ((struct pk_writeback *)v[0])->writer;
    for (uint32_t i = 0; i < n && i < 4 * BATCH && b->n < BATCH && sendable(via); i++) {
        struct pk_writeback *w = (struct pk_writeback *)v[i];
        if (w->cached.znode != NULL && w->writer == writer && !pk_writeback_refused(w, via))
            add(sync, via, b, w);
    }
}

/* Whether c's own uplink may be tried for its request. */
static bool may_try(const struct pk_sync *sync, const struct pk_client *c, const struct pk_pending *p)
{
    return p->flushes < MAX_FLUSHES && !pk_uplink_silent(sync->conns, &c->up);
}

/* Where a flush for the sake of c's request goes: to the writer's server, else to c's own, else to the service
 * session's (*service); to none that is silent, or c would keep others waiting who ask for the same. NULL: nowhere.
 * To that of a writer who has not been heard lately only when nobody else may: its session may be about to end. */
static struct pk_uplink *way_of(struct pk_sync *sync, struct pk_client *c, const struct pk_pending *p,
                                const struct pk_writeback *w, bool *service)
{
    bool own = w->writer != c && may_try(sync, c, p) && !pk_writeback_refused(w, &c->up);
    *service = false;
    if (pk_writeback_writer_serves(sync, w))
        return &w->writer->up;
    if (own || (w->writer == NULL && may_try(sync, c, p)))
        return &c->up;
    *service = !w->helpless && w->refused_us == 0 && pk_service_may_work(sync);
    bool only = !*service && w->writer != NULL && !pk_uplink_silent(sync->conns, &w->writer->up);
    return only ? &w->writer->up : NULL;
}

void pk_flush_for(struct pk_sync *sync, struct pk_client *c, struct pk_pending *p)
{
    bool own = false, service, stuck = false;
    for (uint32_t i = 0; i < p->nholds; i++) {
        struct pk_writeback *w = (struct pk_writeback *)p->holds[i];
        if (w->cached.znode == NULL || pk_cached_pending(&w->cached) == 0 || pk_writeback_on_its_way(w))
            continue;
        struct pk_uplink *via = way_of(sync, c, p, w, &service);
        struct batch b = {.n = 0};
        own |= via == &c->up && w->writer != c;
        if (service) {
            w->helped = w->writer != NULL;
            pk_writeback_requeue(sync, w);
        } else if (via == NULL) {
            stuck = true;
        } else if (sendable(via)) {
            collect(sync, via, &b, p->holds + i, p->nholds - i);
            send_batch(sync, via, &b);
        }
    }
    p->flushes += own;
    if (stuck)
        pk_wait_on(&p->wait, &sync->stuck);
}

/* What somebody waits for on a server that is silent is asked about elsewhere; its own answer is not waited for. */
static void give_up_on(struct pk_sync *sync, struct pk_uplink *u)
{
    PK_LIST_EACH(at, tmp, &u->awaited.entries) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, uplink);
        struct pk_flush *f = e->owner;
        bool held = false;
        if (e->answer != PK_ANSWER_FLUSH && e->answer != PK_ANSWER_VERIFY)
            continue;
        for (uint32_t i = 0; i < f->n; i++)
            held = held || f->v[i].w->holds > 0;
        if (!held)
            continue;
        e->answer = PK_ANSWER_DROP;
        e->owner = NULL;
        pk_flush_lost(sync, f);
    }
}

void pk_flush_impatient(struct pk_sync *sync)
{
    for (struct pk_list *at = sync->conns->outstanding.next; at != &sync->conns->outstanding; at = at->next) {
        struct pk_uplink *u = PK_CONTAINER(at, struct pk_uplink, timed);
        if (u->client != NULL && pk_uplink_silent(sync->conns, u))
            give_up_on(sync, u);
    }
    pk_wake_all(sync->conns, &sync->stuck);
}

void pk_flush_all_hurried(struct pk_sync *sync)
{
    PK_LIST_EACH(at, tmp, &sync->hurried) {
        struct pk_writeback *w = PK_CONTAINER(at, struct pk_writeback, due);
        struct pk_uplink *u = writer_of(w);
        struct batch b = {.n = 0};
        if (!sendable(u) || !pk_client_lives(sync->conns, w->writer))
            continue;
        add(sync, u, &b, w);
        send_batch(sync, u, &b);
    }
}

bool pk_flush_orphans(struct pk_sync *sync, struct pk_uplink *service)
{
    struct batch b = {.n = 0};
    bool any = !pk_list_empty(&sync->orphans);
    PK_LIST_EACH(at, tmp, &sync->orphans) {
        if (b.n == BATCH || !sendable(service))
            break;
        add(sync, service, &b, PK_CONTAINER(at, struct pk_writeback, due));
    }
    send_batch(sync, service, &b);
    return any;
}

/* The oldest and what else its writer has in the same mount; returns how many. */
static uint32_t flush_oldest(struct pk_sync *sync, struct pk_mount *m)
{
    struct pk_list *first = m->due.next;
    struct pk_writeback *w = PK_CONTAINER(first, struct pk_writeback, due);
    struct pk_client *c = w->writer;
    struct batch b = {.n = 0};
    /* Else it is on its way out, flushed or orphaned there; or it has fallen silent: when it is heard, or has ended. */
    bool may = pk_uplink_usable(&c->up) && pk_client_lives(sync->conns, c);
    if (may)
        add(sync, &c->up, &b, w);
    for (struct pk_list *at = c->dirty.next, *next;
         may && at != &c->dirty && b.n < BATCH && pk_uplink_usable(&c->up); at = next) {
        next = at->next;
        struct pk_writeback *k = PK_CONTAINER(at, struct pk_writeback, of_writer);
        if (k->cached.znode->mount == m->root->mount)
            add(sync, &c->up, &b, k);
    }
    send_batch(sync, &c->up, &b);
    if (m->due.next == first) { /* it waits for an answer, or its writer: the others need not */
        pk_list_del(first);
        pk_list_add_tail(&m->due, first);
    }
    return b.n;
}

/* How many of the mount may leave in this turn beyond those that are overdue. */
static int64_t quota(struct pk_mount *m, int64_t elapsed_us, int64_t handover)
{
    int64_t every = m->config.flush_us;
    if (m->config.mode == PK_MODE_RELAY)
        return handover;
    if (m->config.mode == PK_MODE_PACEMAKER || every <= 0)
        return 0;
    m->credit_us += (int64_t)m->dirty * elapsed_us;
    int64_t n = m->credit_us / every;
    m->credit_us -= n * every;
    return n;
}

static bool overdue(const struct pk_sync *sync, const struct pk_mount *m)
{
    const struct pk_writeback *w = PK_CONTAINER(m->due.next, struct pk_writeback, due);
    return m->config.mode == PK_MODE_WRITE_BEHIND && m->config.flush_us > 0 &&
           sync->conns->now_us - w->since_us >= m->config.flush_us;
}

/* Paced: in one interval as many leave as are dirty, the oldest first, so that none waits longer and none wait for the
 * same moment. */
static void mount_due(struct pk_sync *sync, struct pk_mount *m, int64_t elapsed_us, int64_t handover)
{
    if (pk_list_empty(&m->due)) {
        m->credit_us = 0;
        return;
    }
    int64_t left = quota(m, elapsed_us, handover);
    for (uint64_t tries = m->dirty; tries > 0 && !pk_list_empty(&m->due) && (left > 0 || overdue(sync, m));
         tries--)
        left -= flush_oldest(sync, m);
}

void pk_flush_due(struct pk_sync *sync, int64_t elapsed_us, int64_t handover)
{
    if (sync->restoring)
        return;
    for (size_t i = 0; i < sync->store->nmounts; i++)
        mount_due(sync, &sync->store->mounts[i], elapsed_us, handover);
}
