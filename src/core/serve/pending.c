/*
 * Pending requests.
 *
 * Happy path: none: beats and relayed requests are taken where they stand.
 * Failure modes: out of memory marks the client to end; its teardown drops what was begun.
 */
#include "core/serve/pending.h"

#include "base/check.h"
#include "core/sync/precheck.h"
#include "core/sync/writeback.h"

static struct pk_pending *make(struct pk_judged *j)
{
    struct pk_conns *conns = j->sync->conns;
    struct pk_pending *p = pk_pool_get(&conns->pendings);
    if (p == NULL)
        return NULL;
    p->frame = pk_blob_new(conns->mem, j->f.p, j->f.len);
    if (p->frame == NULL) {
        pk_pool_put(&conns->pendings, p);
        return NULL;
    }
    bool well_formed;
    enum pk_err err =
        pk_request_decode(p->frame->bytes + PK_LEN_WORD, p->frame->len - PK_LEN_WORD, &p->req, &well_formed);
    PK_BUG_ON(err != PK_OK || !well_formed);
    pk_list_init(&p->wait.list);
    p->wait.client = j->c;
    return p;
}

struct pk_pending *pk_pending_enter(struct pk_judged *j, enum pk_stage stage)
{
    struct pk_client *c = j->c;
    if (c->pending == NULL) {
        c->pending = make(j);
        if (c->pending == NULL) {
            pk_conn_close(j->sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
            return NULL;
        }
        j->req = &c->pending->req;
        j->f = (struct pk_frame){c->pending->frame->bytes, c->pending->frame->len, false};
    }
    c->pending->stage = stage;
    return c->pending;
}

void pk_pending_free(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_pending *p = c->pending;
    pk_precheck_drop(sync, c);
    pk_writeback_release(sync, p);
    pk_list_del(&p->wait.list);
    pk_blob_unref(sync->mem, p->frame);
    pk_free(sync->mem, p->holds);
    pk_pool_put(&sync->conns->pendings, p);
    c->pending = NULL;
}

void pk_pending_wait_for(struct pk_judged *j, struct pk_znode *z)
{
    struct pk_pending *p = pk_pending_enter(j, PK_STAGE_BUSY);
    struct pk_tracking *t = p != NULL ? pk_store_tracking(j->sync->store, z) : NULL;
    if (t != NULL)
        pk_wait_on(&p->wait, &t->waiters);
    else
        pk_conn_close(j->sync->conns, &j->c->up, PK_CLOSE_NO_MEMORY);
}

bool pk_pending_admitted(struct pk_judged *j)
{
    struct pk_uplink *u = &j->c->up;
    if (!u->admitted && !u->probing && u->state == PK_UPLINK_UP && pk_client_is_head(j->c)) {
        u->probing = true;
        (void)!pk_send_internal(j->sync->conns, u, PK_ANSWER_ADMIT, PK_OP_EXISTS, PK_BYTES("/"), NULL);
    }
    return u->admitted;
}
