/*
 * Counting. Happy path: the mount of a request is the one that its route has looked up; an answer is counted at the
 * entry's mount when it leaves. A multi counts for the first mount that it names. Failure modes: none; what a client
 * writes first is remembered as long as memory allows.
 */
#include "core/serve/count.h"

#include "core/store/watch.h"
#include "core/sync/permit.h"
#include "core/sync/writeback.h"
#include "proto/path.h"

static struct pk_tally *tally_of(struct pk_store *store, unsigned mount)
{
    return mount > 0 ? &store->mounts[mount - 1].tally : &store->outside;
}

static unsigned number_of(const struct pk_store *store, const struct pk_mount *mount)
{
    return mount != NULL ? (unsigned)(mount - store->mounts) + 1 : 0;
}

/* The mount of the request's path, and whether it lies strictly below. */
static struct pk_mount *mount_of(const struct pk_judged *j, bool *below)
{
    struct pk_mount *mount = j->t.mount;
    enum pk_place place = j->t.place;
    if (!j->looked && j->req->path.p != NULL)
        place = pk_store_place(j->sync->store, j->req->path, &mount);
    *below = place == PK_BELOW;
    return mount;
}

struct pk_tally *pk_count_tally(struct pk_judged *j)
{
    bool below;
    return tally_of(j->sync->store, number_of(j->sync->store, mount_of(j, &below)));
}

uint8_t pk_count_number(const struct pk_judged *j)
{
    bool below;
    return (uint8_t)number_of(j->sync->store, mount_of(j, &below));
}

static enum pk_reason why_create(const struct pk_judged *j)
{
    if (j->req->version != PK_CREATE_PERSISTENT)
        return PK_REASON_UNUSUAL;
    if (!pk_acl_is_open(j->req->acl))
        return PK_REASON_ACL;
    if (j->t.place != PK_BELOW || j->t.mount->config.mode != PK_MODE_PACEMAKER)
        return PK_REASON_UPSTREAM;
    if (pk_watched(&j->t))
        return PK_REASON_WATCH;
    return pk_intended(j->t.znode) || pk_intended(j->t.parent) ? PK_REASON_BUSY : PK_REASON_UPSTREAM;
}

static enum pk_reason why_set(const struct pk_judged *j)
{
    const struct pk_znode *z = j->t.znode;
    if (z == NULL || z->cached == NULL)
        return PK_REASON_FIRST;
    if (pk_data_watched(j->sync->store, z))
        return PK_REASON_WATCH;
    if (pk_permit_find(j->c, pk_writeback_of(z)) == NULL)
        return PK_REASON_FIRST;
    size_t before = z->cached->value.data != NULL ? z->cached->value.data->len : 0, len = j->req->data.len;
    bool room = pk_store_has_room(j->t.mount, false, len > before ? len - before : 0, len);
    return room ? PK_REASON_BUSY : PK_REASON_BOUND;
}

enum pk_reason pk_count_why(const struct pk_judged *j)
{
    if (j->c->up.read_only)
        return PK_REASON_READ_ONLY;
    if (j->c->pending != NULL && j->c->pending->upstream)
        return j->c->pending->why;
    if (j->req->watch)
        return PK_REASON_WATCH;
    switch (j->req->info->route) {
    case PK_ROUTE_CREATE:
        return why_create(j);
    case PK_ROUTE_SET_DATA:
        return why_set(j);
    case PK_ROUTE_DELETE:
        return pk_znode_held(j->t.znode) ? PK_REASON_BUSY : PK_REASON_UPSTREAM;
    case PK_ROUTE_READ:
    case PK_ROUTE_COUNT:
        return PK_REASON_UPSTREAM;
    default:
        break;
    }
    switch (pk_operation_of(j->req->op)) {
    case PK_OPERATION_WATCHES:
        return PK_REASON_WATCH;
    default:
        return j->req->op == PK_OP_SET_ACL ? PK_REASON_ACL : PK_REASON_UNUSUAL;
    }
}

/* What a client writes, or holds as its ephemeral, tells an operator who it is. */
static void note(struct pk_judged *j)
{
    const struct pk_request *req = j->req;
    struct pk_client *c = j->c;
    bool creates = req->op == PK_OP_CREATE || req->op == PK_OP_CREATE2;
    bool ephemeral =
        creates && (req->version & PK_CREATE_EPHEMERAL) != 0 && req->version < PK_CREATE_CONTAINER;
    struct pk_blob **to = ephemeral ? &c->holds : creates || req->op == PK_OP_SET_DATA ? &c->writes : NULL;
    if (to != NULL && *to == NULL && req->path.p != NULL && (ephemeral || j->t.mount != NULL))
        pk_client_note(j->sync->conns, to, req->path);
}

void pk_count_relayed(struct pk_judged *j, struct pk_entry *e, enum pk_reason why)
{
    bool below = false;
    struct pk_store *store = j->sync->store;
    struct pk_mount *mount = mount_of(j, &below);
    if (mount == NULL && e->intents != NULL) {
        mount = pk_store_mount(store, e->intents->znode);
        below = true;
    }
    e->mount = (uint8_t)number_of(store, mount);
    if (below && mount->config.mode != PK_MODE_RELAY)
        mount->tally.unabsorbed[why]++;
    note(j);
}

void pk_count_answer(struct pk_sync *sync, const struct pk_entry *e, enum pk_outcome outcome)
{
    pk_tally_answer(tally_of(sync->store, e->mount), e->op, outcome);
}

static bool is_timed(int32_t op, bool *write)
{
    switch (pk_operation_of(op)) {
    case PK_OPERATION_EXISTS:
    case PK_OPERATION_GET_DATA:
    case PK_OPERATION_GET_CHILDREN:
    case PK_OPERATION_GET_ACL:
        *write = false;
        return true;
    case PK_OPERATION_CREATE:
    case PK_OPERATION_SET_DATA:
    case PK_OPERATION_DELETE:
    case PK_OPERATION_MULTI:
        *write = op != PK_OP_MULTI_READ;
        return true;
    default:
        return false;
    }
}

void pk_count_time(struct pk_conns *conns, const struct pk_uplink *u, const struct pk_entry *e)
{
    bool write;
    if (is_timed(e->op, &write))
        pk_latency_add(&conns->relay_times[u->server][write], conns->now_us - e->sent_us);
}
