/*
 * Messages for which the ensemble is asked.
 *
 * Happy path: one read for a read; exists and setData for a pulse, both answered from memory when the znode is cached.
 * Failure modes: what the ensemble refuses is answered NOT_AUTHORIZED; a lane that is lost is asked again on another
 * one (all these requests may be carried out twice), then the client ends; what others keep undoing is given up.
 */
#include "core/pulse/job.h"

#include "core/pulse/lane.h"
#include "core/pulse/reply.h"
#include "core/pulse/walk.h"

enum { MOST_LOST = 2, MOST_AGAIN = 3 };

/* What the answer to a request means for its job. */
enum next { ASKS, ENDS, REFUSED, NO_MEMORY };

void pk_job_free(struct pk_pacemaker *pm, struct pk_job *job)
{
    if (job == NULL)
        return;
    pk_walk_drop(pm, job);
    pk_blob_unref(pm->sync->mem, job->frame);
    pk_free(pm->sync->mem, job->path);
    pk_free(pm->sync->mem, job);
}

void pk_job_disown(struct pk_client *c)
{
    if (c->job != NULL)
        c->job->client = NULL;
    c->job = NULL;
}

/* The client's next message may be judged. */
static void let_go(struct pk_pacemaker *pm, struct pk_job *job)
{
    struct pk_client *c = job->client;
    if (c != NULL) {
        c->job = NULL;
        pk_client_wake(pm->sync->conns, c);
        pk_conn_changed(pm->sync->conns, &c->up);
    }
    pk_job_free(pm, job);
}

/* There will be no answer. */
static void give_up(struct pk_pacemaker *pm, struct pk_job *job, enum pk_close why)
{
    if (job->client != NULL)
        pk_conn_close(pm->sync->conns, &job->client->up, why);
    let_go(pm, job);
}

static void ask(struct pk_pacemaker *pm, struct pk_job *job)
{
    if (pk_lane_ask(pm, job) != PK_OK)
        give_up(pm, job, PK_CLOSE_NO_MEMORY);
}

/* The first request of a message. */
static void begin(struct pk_pacemaker *pm, struct pk_job *job)
{
    const struct pk_znode *z = pk_store_find(pm->sync->store, (struct pk_bytes){job->path, job->whole});
    job->at = job->whole;
    job->erase = job->denied = false;
    switch (job->m.type) {
    case PK_PULSE_SEND:
        job->op = z != NULL && z->cached != NULL ? PK_OP_SET_DATA : PK_OP_EXISTS;
        break;
    case PK_PULSE_DELETE:
        (void)pk_walk_begin(job);
        break;
    case PK_PULSE_DELETE_ID:
        job->op = PK_OP_DELETE;
        break;
    case PK_PULSE_LIST:
        job->op = PK_OP_GET_CHILDREN;
        break;
    default:
        job->op = PK_OP_GET_DATA;
        break;
    }
    ask(pm, job);
}

static struct pk_job *make(struct pk_pacemaker *pm, const struct pk_frame *f, struct pk_bytes path)
{
    const struct pk_mem *mem = pm->sync->mem;
    struct pk_job *job = pk_zalloc(mem, sizeof *job);
    if (job == NULL)
        return NULL;
    pk_list_init(&job->of_lane);
    job->frame = pk_blob_new(mem, f->p, f->len);
    job->path = pk_alloc(mem, path.len);
    if (job->frame == NULL || job->path == NULL ||
        pk_pulse_decode(job->frame->bytes + PK_LEN_WORD, job->frame->len - PK_LEN_WORD, &job->m) != PK_OK) {
        pk_job_free(pm, job);
        return NULL;
    }
    memcpy(job->path, path.p, path.len);
    job->whole = job->cap = path.len;
    return job;
}

void pk_job_begin(struct pk_pacemaker *pm, struct pk_client *c, const struct pk_frame *f,
                  struct pk_bytes path, bool above)
{
    struct pk_job *job = make(pm, f, path);
    if (job == NULL) {
        pk_conn_close(pm->sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    pm->sync->stats->pulses_asked++;
    job->above = above;
    job->client = c;
    c->job = job;
    begin(pm, job);
}

void pk_job_lost(struct pk_pacemaker *pm, struct pk_job *job)
{
    pk_walk_drop(pm, job);
    if (++job->lost < MOST_LOST)
        begin(pm, job);
    else
        give_up(pm, job, PK_CLOSE_UNDECIDED);
}

/* ---- the request ---- */

static struct pk_bytes about(const struct pk_job *job)
{
    return (struct pk_bytes){job->path, job->at > 0 ? job->at : 1};
}

/* Of a create or setData: a parent that is missing is made without data. */
static struct pk_bytes data_of(const struct pk_job *job)
{
    bool pulse = job->at == job->whole && !job->erase;
    return pulse ? job->m.details : (struct pk_bytes){NULL, 0};
}

size_t pk_job_request_len(const struct pk_job *job)
{
    size_t path = pk_bytes_len(about(job));
    switch (job->op) {
    case PK_OP_CREATE:
        return path + pk_bytes_len(data_of(job)) + PK_OPEN_ACL_LEN + 4;
    case PK_OP_SET_DATA:
        return path + pk_bytes_len(data_of(job)) + 4;
    case PK_OP_DELETE:
        return path + 4;
    default:
        return path + 1;
    }
}

void pk_job_request_put(const struct pk_job *job, uint8_t *p)
{
    p = pk_put_bytes(p, about(job));
    switch (job->op) {
    case PK_OP_CREATE:
        p = pk_put_open_acl(pk_put_bytes(p, data_of(job)));
        pk_put_int(p, PK_CREATE_PERSISTENT);
        break;
    case PK_OP_SET_DATA:
        pk_put_int(pk_put_bytes(p, data_of(job)), -1);
        break;
    case PK_OP_DELETE:
        pk_put_int(p, -1);
        break;
    default:
        pk_put_bool(p, false);
        break;
    }
}

/* ---- the answer ---- */

static enum next asks(struct pk_job *job, int32_t op)
{
    job->op = op;
    return ASKS;
}

/* Somebody has undone what was found: from the start, a few times. */
static enum next anew(struct pk_job *job)
{
    job->at = job->whole;
    return job->again++ < MOST_AGAIN ? asks(job, PK_OP_EXISTS) : REFUSED;
}

/* One name more of the path is to be created. */
static enum next create_next(struct pk_job *job)
{
    const uint8_t *slash = memchr(job->path + job->at + 1, '/', job->whole - job->at - 1);
    job->at = slash != NULL ? (uint32_t)(slash - job->path) : job->whole;
    return asks(job, PK_OP_CREATE);
}

static enum next sent_exists(struct pk_job *job, int32_t err)
{
    if (err == PK_Z_OK)
        return job->at == job->whole ? asks(job, PK_OP_SET_DATA) : create_next(job);
    if (err != PK_Z_NO_NODE)
        return REFUSED;
    while (job->path[--job->at] != '/')
        continue;
    return job->at > 0 ? asks(job, PK_OP_EXISTS) : create_next(job);
}

static enum next sent(struct pk_job *job, int32_t err)
{
    if (job->op == PK_OP_EXISTS)
        return sent_exists(job, err);
    if (err == PK_Z_NO_NODE)
        return anew(job);
    if (job->op == PK_OP_CREATE && (err == PK_Z_OK || err == PK_Z_NODE_EXISTS) && job->at < job->whole)
        return create_next(job);
    if (job->op == PK_OP_CREATE && err == PK_Z_NODE_EXISTS)
        return asks(job, PK_OP_SET_DATA);
    return err == PK_Z_OK ? ENDS : REFUSED;
}

static enum next deleted(struct pk_job *job, int32_t err)
{
    if (err == PK_Z_NOT_EMPTY && job->op == PK_OP_DELETE) {
        job->erase = true;
        return asks(job, PK_OP_SET_DATA);
    }
    return err == PK_Z_OK || err == PK_Z_NO_NODE ? ENDS : REFUSED;
}

static enum next walked(struct pk_pacemaker *pm, struct pk_job *job, const struct pk_reply *r,
                        struct pk_bytes body)
{
    switch (pk_walk_answer(pm, job, r, body)) {
    case PK_WALK_ASKS:
        return ASKS;
    case PK_WALK_ENDS:
        return job->denied ? REFUSED : ENDS;
    default:
        return NO_MEMORY;
    }
}

static void reply_data(struct pk_conns *conns, const struct pk_job *job, struct pk_bytes body)
{
    struct pk_in in = pk_in(body.p, body.len);
    struct pk_bytes data = pk_get_bytes(&in);
    if (job->m.type == PK_PULSE_EXISTS)
        pk_pulse_reply_exists(conns, job->client, job->m.id, data.p != NULL);
    else
        pk_pulse_reply_data(conns, job->client, &job->m, data);
}

static void reply_names(struct pk_pacemaker *pm, const struct pk_job *job, struct pk_bytes body)
{
    struct pk_conns *conns = pm->sync->conns;
    struct pk_in in = pk_in(body.p, body.len);
    int32_t n = pk_get_count(&in, 4);
    struct pk_bytes names = {in.p, (uint32_t)pk_in_left(&in)};
    if (n > 0 && job->above) { /* there is the mount, and nothing beside it */
        struct pk_bytes root = pk_pulse_root_id(pm);
        uint8_t name[PK_PULSE_PATH_MAX + 4];
        uint8_t *end = pk_put_bytes(name, (struct pk_bytes){root.p + 1, root.len - 1});
        pk_pulse_reply_names(conns, job->client, job->m.id, 1,
                             (struct pk_bytes){name, (uint32_t)(end - name)});
        return;
    }
    pk_pulse_reply_names(conns, job->client, job->m.id, n > 0 ? n : 0,
                         n > 0 ? names : (struct pk_bytes){NULL, 0});
}

/* The reply of a job that has come to its end. */
static void reply(struct pk_pacemaker *pm, const struct pk_job *job, struct pk_bytes body)
{
    if (job->m.type == PK_PULSE_EXISTS || job->m.type == PK_PULSE_GET)
        reply_data(pm->sync->conns, job, body);
    else if (job->m.type == PK_PULSE_LIST)
        reply_names(pm, job, body);
    else
        pk_pulse_reply(pm->sync->conns, job->client, pk_pulse_answer((enum pk_pulse_type)job->m.type),
                       job->m.id);
}

void pk_job_answer(struct pk_pacemaker *pm, struct pk_job *job, const struct pk_reply *r,
                   struct pk_bytes body)
{
    enum next next;
    if (job->m.type == PK_PULSE_SEND)
        next = sent(job, r->err);
    else if (job->m.type == PK_PULSE_DELETE_ID)
        next = deleted(job, r->err);
    else if (job->m.type == PK_PULSE_DELETE)
        next = walked(pm, job, r, body);
    else
        next = r->err == PK_Z_OK || r->err == PK_Z_NO_NODE ? ENDS : REFUSED;
    if (next == ASKS) {
        ask(pm, job);
        return;
    }
    if (next == NO_MEMORY) {
        give_up(pm, job, PK_CLOSE_NO_MEMORY);
        return;
    }
    if (job->client != NULL && next == ENDS)
        reply(pm, job, r->err == PK_Z_OK ? body : (struct pk_bytes){NULL, 0});
    else if (job->client != NULL)
        pk_pulse_refuse(pm->sync->conns, job->client, job->m.id);
    let_go(pm, job);
}
