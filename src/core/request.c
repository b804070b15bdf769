/*
 * Judging a request (design section 5).
 *
 * Happy path: a beat's exists and setData are executed from the read buffer; a request outside all mounts is
 * relayed from there. What cannot be decided yet (an earlier answer, a promotion, a precheck) leaves the request where
 * it is and judges it again from the start, so that no half-made decision survives a change of the world.
 * Failure modes: a body that does not decode is relayed, the ensemble says what is wrong with it.
 */
#include "core/request.h"

#include "core/config_data.h"
#include "core/flush.h"
#include "core/keepalive.h"
#include "core/local.h"
#include "core/precheck.h"
#include "core/targets.h"
#include "proto/path.h"

enum { MAX_PROMOTIONS = 4 }; /* per request: afterwards it is relayed as things stand */

static const struct pk_bytes no_path = {NULL, 0};

/* Forgets what was prepared for the request that has been taken. */
static enum pk_decision taken(struct core *core, struct pk_conn *c)
{
    pk_precheck_drop(core, c);
    pk_cached_release(core, c);
    c->attempts = 0;
    return PK_TAKEN;
}

static enum pk_decision relay(struct core *core, struct pk_conn *c, const struct pk_request *req,
                              const struct pk_frame *f, enum pk_answer answer, struct pk_bytes path)
{
    struct pk_entry *e = pk_entry_new(core, c, answer, req->xid, req->op, path);
    if (e != NULL) {
        e->watch = req->watch;
        pk_relay(core, c, e, f);
    }
    return taken(core, c);
}

/* Before memory answers anything the ensemble must have answered something: it may insist on authentication
 * first. */
static bool admitted(struct core *core, struct pk_conn *c)
{
    if (!c->admitted && !c->probing && pk_list_empty(&c->queue.client)) {
        c->probing = true;
        (void)!pk_send_internal(core, c, PK_ANSWER_ADMIT, PK_OP_EXISTS, PK_BYTES("/"));
    }
    return c->admitted;
}

static bool is_head(const struct pk_conn *c)
{
    return pk_list_empty(&c->queue.client);
}

static enum pk_answer answer_of(const struct pk_request *req)
{
    switch (req->info->route) {
    case PK_ROUTE_READ:
    case PK_ROUTE_SET_DATA:
        return PK_ANSWER_READ;
    default:
        return req->op == PK_OP_SET_ACL ? PK_ANSWER_READ : PK_ANSWER_FORWARD;
    }
}

/* True when nothing of what is named is (left) to be promoted. */
static bool promoted(struct core *core, struct pk_conn *c, struct pk_plan *what)
{
    if ((what->n == 0 && what->npairs == 0) || c->attempts >= MAX_PROMOTIONS)
        return true;
    if (what->busy) {
        pk_conn_wait(core, c);
    } else if (admitted(core, c) && is_head(c)) {
        if (c->attempts++ == 0)
            core->stats.requests_promoted++;
        if (pk_promotion_begin(core, c, what) != PK_OK)
            pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
    }
    return false;
}

/* True when the request may pass cached znodes that the connection was not let flush: its write will be refused as well, its
 * read brought up to date. */
static bool may_pass(const struct pk_request *req)
{
    return req->op == PK_OP_SET_DATA || req->info->route == PK_ROUTE_READ;
}

/* True when every cached znode that is named is clean; they are kept so until the request has been relayed. */
static bool flushed(struct core *core, struct pk_conn *c, const struct pk_request *req,
                    const struct pk_plan *what)
{
    bool dirty = false;
    for (uint32_t i = 0; i < what->ncached; i++) {
        const struct pk_cached *l = what->cached[i]->cached;
        dirty = dirty || (l->dirty && !(may_pass(req) && pk_cached_refused(l, c)));
    }
    if (!dirty)
        return true;
    if (pk_cached_hold(core, c, what->cached, what->ncached) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return false;
    }
    core->stats.requests_flushed++;
    pk_conn_wait(core, c);
    pk_flush_for(core, c, c->holds.v, c->holds.n);
    return false;
}

/* A queued local exists of a cached znode must not be overtaken by what may change its answer, or its parent's. */
static bool overtakes(const struct pk_conn *c, const struct pk_request *req)
{
    if (c->queue.locals == 0 || pk_list_empty(&c->permits))
        return false;
    enum pk_route route = req->info->route;
    return route == PK_ROUTE_CREATE || route == PK_ROUTE_DELETE || route == PK_ROUTE_SET_DATA ||
           route == PK_ROUTE_UNUSUAL;
}

/* Promotes and flushes what the request names; true when it may be relayed. */
static bool prepared(struct core *core, struct pk_conn *c, const struct pk_request *req)
{
    struct pk_plan what = {0};
    bool ready = false;
    if (overtakes(c, req))
        return false;
    if (pk_plan_request(core, req, &what) != PK_OK)
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
    else
        ready = promoted(core, c, &what) && flushed(core, c, req, &what);
    pk_plan_free(core, &what);
    return ready;
}

/* The data of a setData below a mount, for the cached znode that its success may bring. */
static enum pk_err keep_data(struct core *core, struct pk_entry *e, const struct pk_request *req)
{
    if (req->op != PK_OP_SET_DATA || req->data.p == NULL)
        return PK_OK;
    e->data = pk_blob_new(core->mem, req->data.p, req->data.len);
    return e->data != NULL ? PK_OK : PK_ENOMEM;
}

/* Anything that memory does not absorb: promote and flush what it names, mark what it may change or watch, relay. */
static enum pk_decision unusual(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                const struct pk_frame *f, enum pk_answer answer, struct pk_bytes path)
{
    if (!c->read_only && !prepared(core, c, req))
        return PK_WAITS;
    pk_precheck_drop(core, c);
    struct pk_entry *e = pk_entry_new(core, c, answer, req->xid, req->op, path);
    if (e == NULL)
        return PK_TAKEN;
    e->watch = req->watch;
    if (keep_data(core, e, req) != PK_OK || pk_plan_intend(core, c, req, e) != PK_OK) {
        pk_entry_free(core, c, e);
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return PK_TAKEN;
    }
    pk_relay(core, c, e, f);
    return taken(core, c);
}

static enum pk_decision route_unusual(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                      const struct pk_frame *f)
{
    struct pk_mount *mount;
    if (req->op == PK_OP_MULTI_READ && pk_config_in_multi(req->body))
        return unusual(core, c, req, f, PK_ANSWER_CONFIGS, req->body);
    bool patched =
        answer_of(req) == PK_ANSWER_READ && pk_store_place(&core->store, req->path, &mount) != PK_OUTSIDE;
    return unusual(core, c, req, f, patched ? PK_ANSWER_READ : PK_ANSWER_FORWARD,
                   patched ? req->path : no_path);
}

static enum pk_decision read_locally(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                     struct pk_znode *z)
{
    if (!admitted(core, c))
        return PK_WAITS;
    if (is_head(c)) {
        pk_local_answer(core, c, req->xid, req->op, z);
        pk_keepalive(core, c);
        return taken(core, c);
    }
    struct pk_entry *e = pk_entry_new(core, c, PK_ANSWER_READ, req->xid, req->op, req->path);
    if (e != NULL) {
        e->state = PK_ENTRY_LOCAL;
        c->invalidations_seen = core->store.losses;
        pk_entry_queue(core, c, e);
    }
    return taken(core, c);
}

static enum pk_decision route_read(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                   const struct pk_frame *f)
{
    struct pk_znode *z;
    struct pk_mount *mount;
    if (pk_store_place(&core->store, req->path, &mount) == PK_OUTSIDE) {
        bool config = req->op == PK_OP_GET_DATA && pk_bytes_eq(req->path, pk_config_path);
        return relay(core, c, req, f, config ? PK_ANSWER_CONFIG : PK_ANSWER_FORWARD, no_path);
    }
    if (req->watch)
        return route_unusual(core, c, req, f);
    if (pk_local_readable(core, c, req->path, req->op, &z))
        return read_locally(core, c, req, z);
    z = pk_store_find(&core->store, req->path);
    if (z != NULL && z->cached == NULL) /* of a cached one the answer is brought up to date */
        pk_catch_up(core, c, z);
    return relay(core, c, req, f, PK_ANSWER_READ, req->path);
}

static bool counts_anything(const struct core *core, struct pk_bytes path)
{
    for (size_t i = 0; i < core->store.nmounts; i++) {
        const struct pk_mount *m = &core->store.mounts[i];
        if ((pk_path_below(m->path, path) || pk_bytes_eq(m->path, path) || pk_path_below(path, m->path)))
            return true;
    }
    return false;
}

static enum pk_decision route_count(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                    const struct pk_frame *f)
{
    struct pk_znode *z;
    if (!counts_anything(core, req->path))
        return relay(core, c, req, f, PK_ANSWER_FORWARD, no_path);
    if (pk_local_readable(core, c, req->path, req->op, &z))
        return read_locally(core, c, req, z);
    pk_catch_up(core, c, pk_store_find(&core->store, req->path));
    return relay(core, c, req, f, PK_ANSWER_COUNT, req->path);
}

/* True when a local write may take effect now; otherwise the connection is woken when that may have changed.
 */
static bool may_write(struct core *core, struct pk_conn *c, const struct pk_znode *z,
                      const struct pk_znode *parent)
{
    if (pk_znode_busy(z) || pk_znode_busy(parent)) {
        pk_conn_wait(core, c);
        return false;
    }
    return admitted(core, c) && is_head(c);
}

/* setData on a znode whose writes memory absorbs. */
static enum pk_decision refresh(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                struct pk_znode *z)
{
    if (!may_write(core, c, z, NULL))
        return PK_WAITS;
    pk_local_set(core, c, req, z);
    pk_keepalive(core, c);
    return taken(core, c);
}

static enum pk_decision route_set(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                  const struct pk_frame *f)
{
    struct pk_mount *mount;
    if (pk_store_place(&core->store, req->path, &mount) == PK_OUTSIDE)
        return relay(core, c, req, f, PK_ANSWER_FORWARD, no_path);
    struct pk_znode *z = pk_local_find(core, c, req->path);
    if (z != NULL && z->cached != NULL && !c->read_only && pk_cached_absorbs(core, c, z, req->data.len))
        return refresh(core, c, req, z);
    if (!pk_znode_held(z) || c->read_only)
        return unusual(core, c, req, f, PK_ANSWER_READ, req->path);
    size_t before = z->data != NULL ? z->data->len : 0;
    uint64_t more = req->data.len > before ? req->data.len - before : 0;
    if (more > 0 && !pk_store_has_room(mount, false, more, req->data.len)) {
        if (c->attempts == 0 && is_head(c))
            core->stats.bound_size++;
        return unusual(core, c, req, f, PK_ANSWER_READ, req->path);
    }
    return refresh(core, c, req, z);
}

static enum pk_decision route_delete(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                     const struct pk_frame *f)
{
    struct pk_mount *mount;
    if (pk_store_place(&core->store, req->path, &mount) == PK_OUTSIDE)
        return relay(core, c, req, f, PK_ANSWER_FORWARD, no_path);
    struct pk_znode *z = pk_local_find(core, c, req->path);
    if (!pk_znode_held(z) || c->read_only)
        return unusual(core, c, req, f, PK_ANSWER_FORWARD, no_path);
    if (!may_write(core, c, z, z->parent))
        return PK_WAITS;
    pk_local_delete(core, c, req, z);
    pk_keepalive(core, c);
    return taken(core, c);
}

/* Whether a local create is possible as far as memory knows; a doubt is for the ensemble. */
static bool may_create_locally(struct core *core, const struct pk_conn *c, const struct pk_request *req,
                               struct pk_mount *mount, const struct pk_znode *z,
                               const struct pk_znode *parent)
{
    if (mount->config.mode != PK_MODE_PACEMAKER || c->read_only || req->version != PK_CREATE_PERSISTENT ||
        !pk_acl_is_open(req->acl) || !pk_path_valid(req->path))
        return false;
    if (z != NULL && (z->state == PK_ZNODE_PROMOTED || z->cached != NULL || z->nlocal > 0))
        return false;
    if (pk_watched(core, mount, req->path) || pk_intended(z) || pk_intended(parent) ||
        (parent != NULL && parent->no_local_creates))
        return false;
    uint64_t more = (uint64_t)pk_path_name(req->path).len + req->data.len;
    if (pk_store_has_room(mount, true, more, req->data.len))
        return true;
    core->stats.bound_local_creates++;
    if (!mount->full_noted)
        pk_core_log_event(core, PK_LOG_EVENT_MOUNT_FULL, c, mount->path, (int64_t)mount->znodes);
    mount->full_noted = true;
    return false;
}

static enum pk_decision route_create(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                     const struct pk_frame *f)
{
    struct pk_mount *mount;
    if (pk_store_place(&core->store, req->path, &mount) != PK_BELOW)
        return unusual(core, c, req, f, PK_ANSWER_FORWARD, no_path);
    struct pk_znode *z = pk_local_find(core, c, req->path);
    struct pk_znode *parent = pk_store_find(&core->store, pk_path_parent(req->path));
    if (pk_znode_held(z) && req->version == PK_CREATE_PERSISTENT && pk_acl_is_open(req->acl) &&
        !c->read_only) {
        if (!may_write(core, c, z, NULL))
            return PK_WAITS;
        pk_local_header(core, c, req->xid, PK_Z_NODE_EXISTS);
        pk_keepalive(core, c);
        return taken(core, c);
    }
    if (pk_znode_held(z) || !may_create_locally(core, c, req, mount, z, parent))
        return unusual(core, c, req, f, PK_ANSWER_FORWARD, no_path);
    if (!pk_znode_held(parent)) {
        if (c->ask == NULL && pk_precheck_begin(core, c, mount, req->path) != PK_OK)
            pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        if (!pk_precheck_done(c) || !is_head(c))
            return PK_WAITS;
        if (!pk_precheck_allows(c)) {
            core->stats.prechecks_refused++;
            return unusual(core, c, req, f, PK_ANSWER_FORWARD, no_path);
        }
    } else if (!may_write(core, c, NULL, parent)) {
        return PK_WAITS;
    }
    pk_local_create(core, c, req, mount);
    pk_keepalive(core, c);
    return taken(core, c);
}

static enum pk_decision route_ping(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    if (c->queue.npings == PK_PINGS_MAX)
        return PK_WAITS;
    pk_relay_ping(core, c, f);
    return PK_TAKEN;
}

/* As a server answers a type that it does not know, then closes. */
static enum pk_decision refuse(struct core *core, struct pk_conn *c, const struct pk_request *req)
{
    if (!is_head(c))
        return PK_WAITS;
    uint8_t *p = pk_conn_client_room(core, c, PK_LEN_WORD + PK_REPLY_HEADER);
    if (p != NULL)
        pk_put_reply(p, 0, req->xid, -1, PK_Z_UNIMPLEMENTED);
    pk_conn_close(core, c, PK_CLOSE_UNIMPLEMENTED);
    return PK_TAKEN;
}

static enum pk_decision route_known(struct core *core, struct pk_conn *c, const struct pk_request *req,
                                    const struct pk_frame *f)
{
    switch (req->info->route) {
    case PK_ROUTE_READ:
        return route_read(core, c, req, f);
    case PK_ROUTE_SET_DATA:
        return route_set(core, c, req, f);
    case PK_ROUTE_CREATE:
        return route_create(core, c, req, f);
    case PK_ROUTE_DELETE:
        return route_delete(core, c, req, f);
    case PK_ROUTE_COUNT:
        return route_count(core, c, req, f);
    case PK_ROUTE_UNUSUAL:
        return route_unusual(core, c, req, f);
    case PK_ROUTE_PING:
        return route_ping(core, c, f);
    case PK_ROUTE_REFUSE:
        return refuse(core, c, req);
    case PK_ROUTE_CLOSE:
        if (!pk_flush_conn(core, c))
            return PK_WAITS;
        c->closing = true;
        return relay(core, c, req, f, PK_ANSWER_CLOSE, no_path);
    case PK_ROUTE_AUTH:
        return relay(core, c, req, f, PK_ANSWER_AUTH, no_path);
    case PK_ROUTE_RECONFIG:
        return relay(core, c, req, f, PK_ANSWER_CONFIG, no_path);
    case PK_ROUTE_RELAY:
        if (req->op == PK_OP_SYNC &&
            !pk_list_empty(&c->permits)) { /* the client wants to see what others did */
            if (c->queue.locals > 0)
                return PK_WAITS;
            pk_permits_end(core, c);
        }
        break;
    }
    return relay(core, c, req, f, PK_ANSWER_FORWARD, no_path);
}

/* A queued local read that memory cannot answer any more (its znode was promoted or deleted meanwhile) is relayed when its
 * turn comes; nothing may be relayed past it, or it would see what was asked for after it. */
static bool local_reads_stand(const struct core *core, struct pk_conn *c)
{
    if (c->queue.locals == 0 || c->invalidations_seen == core->store.losses)
        return true;
    for (const struct pk_list *at = c->queue.client.next; at != &c->queue.client; at = at->next) {
        const struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        struct pk_znode *z;
        if (e->state == PK_ENTRY_LOCAL &&
            !pk_local_readable(core, c, (struct pk_bytes){e->path->bytes, e->path->len}, e->op, &z))
            return false;
    }
    c->invalidations_seen = core->store.losses;
    return true;
}

static bool output_full(const struct core *core, const struct pk_conn *c)
{
    return (c->client != PK_CLIENT_GONE && c->client_out.bytes > core->config.client_high_water) ||
           c->uplink_out.bytes > core->config.uplink_high_water || c->queue.depth >= PK_QUEUE_MAX;
}

enum pk_decision pk_route(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    struct pk_request req;
    bool well_formed;
    if (c->closing)
        return PK_TAKEN; /* a server answers nothing behind closeSession */
    if (c->promotion != NULL || output_full(core, c) || !local_reads_stand(core, c))
        return PK_WAITS;
    if (pk_request_decode(f->p + PK_LEN_WORD, f->len - PK_LEN_WORD, &req, &well_formed) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_MALFORMED_REQUEST);
        return PK_TAKEN;
    }
    if (c->refusal != 0) {
        if (!is_head(c))
            return PK_WAITS;
        pk_local_header(core, c, req.xid, c->refusal);
        c->refusal = 0;
        return taken(core, c);
    }
    c->last_xid = req.xid;
    c->last_op = req.op;
    if (req.info == NULL || (!well_formed && req.info->route != PK_ROUTE_REFUSE))
        return relay(core, c, &req, f, PK_ANSWER_FORWARD, no_path);
    return route_known(core, c, &req, f);
}
