/*
 * Lanes.
 *
 * Happy path: a request in, its answer out, often within the same step.
 * Failure modes: no server, or one that is lost: the jobs are told, and ask again on another lane. A lane that has too
 * much in its backlog lets jobs wait.
 */
#include "core/pulse/lane.h"

#include "base/check.h"
#include "core/pulse/job.h"

enum {
    TIMEOUT_MS = 30000,
    IDLE_US = 120 * 1000 * 1000,
    AHEAD = 64 * 1024, /* bytes of requests that have not been judged yet */
};

struct pk_lane {
    uint32_t index;
    bool greeted; /* the connect response has been taken out */
    int32_t xid;  /* of the newest request */
    int64_t used_us;
    struct pk_list waiting, sent; /* struct pk_job.of_lane, oldest first */
    struct pk_backlog partial;    /* an answer that has not come whole */
};

static struct pk_blob *connect_request(struct pk_pacemaker *pm)
{
    static const uint8_t none[PK_PASSWD_LEN];
    struct pk_blob *hello = pk_blob_room(pm->sync->mem, PK_LEN_WORD + PK_CONNECT_REQUEST_LEN);
    if (hello != NULL)
        pk_put_connect_request(hello->bytes, 0, TIMEOUT_MS, 0, none);
    return hello;
}

/* A frame whose body of so many bytes the caller fills in; NULL when the lane is to end for want of memory. */
static uint8_t *put_frame(struct pk_pacemaker *pm, struct pk_client *c, size_t body, int32_t xid, int32_t op)
{
    struct pk_conns *conns = pm->sync->conns;
    uint8_t *p = pk_backlog_room(conns->mem, &c->backlog, PK_LEN_WORD + PK_REQUEST_HEADER + body);
    if (p == NULL) {
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
        return NULL;
    }
    pk_client_wake(conns, c);
    return pk_put_request(p, body, xid, op);
}

/* Shows what the service session shows. */
static void put_auths(struct pk_pacemaker *pm, struct pk_client *c)
{
    const struct pk_service *s = &pm->sync->service;
    for (size_t i = 0; i < s->nauths; i++) {
        struct pk_bytes scheme = {(const uint8_t *)s->auths[i].scheme, (uint32_t)strlen(s->auths[i].scheme)};
        struct pk_bytes secret = {s->auths[i].secret, (uint32_t)s->auths[i].len};
        uint8_t *p =
            put_frame(pm, c, 4 + pk_bytes_len(scheme) + pk_bytes_len(secret), PK_XID_AUTH, PK_OP_AUTH);
        if (p == NULL)
            return;
        pk_put_bytes(pk_put_bytes(pk_put_int(p, 0), scheme), secret);
    }
}

static struct pk_client *open_lane(struct pk_pacemaker *pm, uint32_t index)
{
    struct pk_conns *conns = pm->sync->conns;
    struct pk_lane *lane = pk_zalloc(conns->mem, sizeof *lane);
    struct pk_blob *hello = lane != NULL ? connect_request(pm) : NULL;
    struct pk_client *c = hello != NULL ? pk_client_new(conns, PK_KIND_LANE) : NULL;
    if (c == NULL) {
        pk_free(conns->mem, lane);
        pk_blob_unref(conns->mem, hello);
        return NULL;
    }
    lane->index = index;
    pk_list_init(&lane->waiting);
    pk_list_init(&lane->sent);
    c->lane = lane;
    c->up.connect_request = hello;
    c->up.timeout_ms = TIMEOUT_MS;
    pk_client_move(c, PK_CLIENT_OPEN);
    pk_uplink_move(&c->up, PK_UPLINK_OPENING);
    pk_uplink_want_open(conns, &c->up);
    put_auths(pm, c);
    pm->nlanes += pm->lanes[index] == NULL; /* else one that ends */
    return pm->lanes[index] = c;
}

/* Writes the requests of jobs that wait, as far as there is room. */
static void send_waiting(struct pk_pacemaker *pm, struct pk_client *c)
{
    struct pk_lane *lane = c->lane;
    while (!pk_list_empty(&lane->waiting) && pk_backlog_waiting(&c->backlog) < AHEAD) {
        struct pk_job *job = PK_CONTAINER(lane->waiting.next, struct pk_job, of_lane);
        uint8_t *p = put_frame(pm, c, pk_job_request_len(job), ++lane->xid, job->op);
        if (p == NULL)
            return;
        pk_job_request_put(job, p);
        job->xid = lane->xid;
        pk_list_del(&job->of_lane);
        pk_list_add_tail(&lane->sent, &job->of_lane);
    }
}

enum pk_err pk_lane_ask(struct pk_pacemaker *pm, struct pk_job *job)
{
    uint32_t index = pk_hash(pm->sync->store->seed, job->path, job->whole) % PK_LANES;
    struct pk_client *c = pm->lanes[index];
    if (c == NULL || c->up.ending)
        c = open_lane(pm, index);
    if (c == NULL)
        return PK_ENOMEM;
    c->lane->used_us = pm->sync->conns->now_us;
    pk_list_add_tail(&c->lane->waiting, &job->of_lane);
    send_waiting(pm, c);
    return PK_OK;
}

static bool idle(const struct pk_lane *lane)
{
    return pk_list_empty(&lane->waiting) && pk_list_empty(&lane->sent);
}

/* The place is free for another lane. */
static void vacate(struct pk_pacemaker *pm, uint32_t index)
{
    pm->lanes[index] = NULL;
    pm->nlanes--;
}

/* Takes no jobs any more; its session ends when what it has written is the ensemble's. */
static void leave(struct pk_pacemaker *pm, struct pk_client *c)
{
    vacate(pm, c->lane->index);
    if (c->up.state == PK_UPLINK_UP)
        (void)!put_frame(pm, c, 0, ++c->lane->xid, PK_OP_CLOSE_SESSION); /* else it ends anyhow */
    else
        pk_conn_close(pm->sync->conns, &c->up, PK_CLOSE_SESSION_CLOSED);
}

static void answer(struct pk_pacemaker *pm, struct pk_client *c, const uint8_t *p, size_t len)
{
    struct pk_lane *lane = c->lane;
    if (!lane->greeted) {
        lane->greeted = true;
        return;
    }
    if (len < PK_LEN_WORD + PK_REPLY_HEADER)
        return;
    struct pk_answer_frame a = pk_answer_frame((struct pk_frame){p, len, false});
    if (a.header.xid < 0) {
        if (a.header.xid == PK_XID_AUTH && a.header.err != PK_Z_OK)
            pk_conns_log(pm->sync->conns, PK_LOG_EVENT_SERVICE_AUTH, &c->up, (struct pk_bytes){NULL, 0},
                         a.header.err);
        return;
    }
    if (pk_list_empty(&lane->sent)) /* of closeSession */
        return;
    struct pk_job *job = PK_CONTAINER(lane->sent.next, struct pk_job, of_lane);
    PK_BUG_ON(job->xid != a.header.xid);
    pk_list_del(&job->of_lane);
    pk_job_answer(pm, job, &a.header, a.body);
}

/* Takes whole frames; what is left of the last one is kept. */
static void take(struct pk_pacemaker *pm, struct pk_client *c, const uint8_t *p, size_t n)
{
    struct pk_backlog *b = &c->lane->partial;
    const struct pk_mem *mem = pm->sync->mem;
    while (n > 0) {
        size_t have = pk_backlog_waiting(b), len = PK_LEN_WORD;
        const uint8_t *head = have >= PK_LEN_WORD ? b->p + b->off : have == 0 && n >= PK_LEN_WORD ? p : NULL;
        if (head != NULL)
            len += pk_load32(head);
        size_t more = len - have < n ? len - have : n;
        bool whole = head != NULL && have + more == len;
        if (whole && have == 0) {
            answer(pm, c, p, len);
        } else if (pk_backlog_keep(mem, b, p, more) != PK_OK) {
            pk_conn_close(pm->sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
            return;
        } else if (whole) {
            answer(pm, c, b->p + b->off, len);
            pk_backlog_drop(mem, b);
        }
        p += more;
        n -= more;
    }
}

static void collect(struct pk_pacemaker *pm, struct pk_client *c)
{
    struct pk_conns *conns = pm->sync->conns;
    struct pk_iov iov;
    if (c->out.bytes == 0)
        return;
    while (pk_out_iov(&c->out, &iov, 1) > 0) {
        take(pm, c, iov.base, iov.len);
        pk_out_sent(&conns->out, &c->out, iov.len);
    }
    c->beats = 0;
    send_waiting(pm, c);
    if (c->blocked || c->queue.locals > 0)
        pk_client_wake(conns, c);
}

void pk_lanes_collect_all(struct pk_pacemaker *pm)
{
    for (uint32_t i = 0; i < PK_LANES; i++)
        if (pm->lanes[i] != NULL)
            collect(pm, pm->lanes[i]);
}

void pk_lanes_tick(struct pk_pacemaker *pm)
{
    int64_t now_us = pm->sync->conns->now_us;
    for (uint32_t i = 0; i < PK_LANES; i++) {
        struct pk_client *c = pm->lanes[i];
        if (c == NULL || c->up.ending)
            continue;
        if (idle(c->lane) && now_us - c->lane->used_us > IDLE_US)
            leave(pm, c);
        else if (pk_uplink_usable(&c->up) && now_us - c->up.wrote_us > (int64_t)c->up.timeout_ms * 1000 / 3)
            (void)!put_frame(pm, c, 0, PK_XID_PING, PK_OP_PING);
    }
}

void pk_lanes_drain(struct pk_pacemaker *pm)
{
    for (uint32_t i = 0; i < PK_LANES; i++)
        if (pm->lanes[i] != NULL && !pm->lanes[i]->up.ending && idle(pm->lanes[i]->lane))
            leave(pm, pm->lanes[i]);
}

void pk_lane_ends(struct pk_pacemaker *pm, struct pk_client *c)
{
    struct pk_lane *lane = c->lane;
    struct pk_list lost;
    if (lane == NULL)
        return;
    if (pm->lanes[lane->index] == c)
        vacate(pm, lane->index);
    c->lane = NULL;
    pk_list_take(&lane->sent, &lost);
    while (!pk_list_empty(&lane->waiting)) {
        struct pk_list *at = lane->waiting.next;
        pk_list_del(at);
        pk_list_add_tail(&lost, at);
    }
    pk_backlog_drop(pm->sync->mem, &lane->partial);
    pk_free(pm->sync->mem, lane);
    while (!pk_list_empty(&lost)) {
        struct pk_job *job = PK_CONTAINER(lost.next, struct pk_job, of_lane);
        pk_list_del(&job->of_lane);
        pk_job_lost(pm, job);
    }
}

static void drop_jobs(struct pk_pacemaker *pm, struct pk_list *jobs)
{
    PK_LIST_EACH(at, tmp, jobs) {
        struct pk_job *job = PK_CONTAINER(at, struct pk_job, of_lane);
        pk_list_del(at);
        if (job->client != NULL)
            pk_job_disown(job->client);
        pk_job_free(pm, job);
    }
}

void pk_lanes_drop(struct pk_pacemaker *pm)
{
    for (uint32_t i = 0; i < PK_LANES; i++) {
        struct pk_client *c = pm->lanes[i];
        if (c == NULL)
            continue;
        drop_jobs(pm, &c->lane->sent);
        drop_jobs(pm, &c->lane->waiting);
    }
}

void pk_lanes_check(const struct pk_pacemaker *pm)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < PK_LANES; i++) {
        const struct pk_client *c = pm->lanes[i];
        if (c == NULL)
            continue;
        n++;
        PK_BUG_ON(c->kind != PK_KIND_LANE || c->lane == NULL || c->lane->index != i);
        PK_BUG_ON(c->out.bytes > 0);
        for (const struct pk_list *at = c->lane->sent.next; at != &c->lane->sent; at = at->next) {
            const struct pk_job *job = PK_CONTAINER(at, struct pk_job, of_lane);
            PK_BUG_ON(job->client != NULL && job->client->job != job);
        }
    }
    PK_BUG_ON(n != pm->nlanes);
}
