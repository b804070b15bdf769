/*
 * Before a client is attached (again.h).
 *
 * Happy path: memory holds nothing of what is asked again.
 * Failure modes: out of memory marks the client to end; what the ensemble refuses, or is not flushed, lets it wait
 * until its deadline: its library asks anew then, and is told of the error.
 */
#include "core/serve/again.h"

#include "core/serve/targets.h"
#include "core/sync/promote.h"
#include "core/sync/writeback.h"

/* Plain reads are not looked at: what memory knows is put into their answers. */
static enum pk_err plan_request(struct pk_sync *sync, struct pk_plan *plan, const struct pk_entry *e)
{
    struct pk_request req;
    bool well_formed;
    struct pk_alike alike = {0};
    if (e->state != PK_ENTRY_AWAITED || e->request == NULL ||
        pk_request_decode(e->request->bytes + PK_LEN_WORD, e->request->len - PK_LEN_WORD, &req,
                          &well_formed) != PK_OK ||
        !well_formed || (req.info->route != PK_ROUTE_UNUSUAL && !req.watch))
        return PK_OK;
    return pk_targets_plan(sync->store, &req, plan, &alike);
}

/* A watch that stands was set when its znode was the ensemble's; another member has made it anew since then. */
static enum pk_err plan_standing(struct pk_sync *sync, struct pk_plan *plan, const struct pk_standing *s)
{
    enum pk_err err = PK_OK;
    struct pk_bytes path;
    uint8_t kinds;
    for (uint32_t at = 0; s != NULL && err == PK_OK && !plan->full && pk_standing_next(s, &at, &path, &kinds);
         plan->steps++) {
        uint8_t scope = kinds & PK_STAND_CHILD ? PK_SCOPE_SELF | PK_SCOPE_CHILDREN : PK_SCOPE_SELF;
        struct pk_target found = pk_store_target(sync->store, path);
        err = pk_plan_add(sync->store, plan, &found, path, scope, true);
    }
    return err;
}

static enum pk_err make_plan(struct pk_sync *sync, const struct pk_client *c, struct pk_plan *plan)
{
    enum pk_err err = PK_OK;
    pk_store_walk_begin(sync->store);
    for (const struct pk_list *at = c->queue.entries.next; err == PK_OK && at != &c->queue.entries;
         at = at->next)
        err = plan_request(sync, plan, PK_CONTAINER(at, struct pk_entry, client));
    if (err == PK_OK)
        err = plan_standing(sync, plan, c->standing);
    pk_work(sync->conns, plan->steps + plan->promote.n + plan->pairs.n + plan->cached.n);
    return err;
}

static bool is_clean(const struct pk_plan *plan)
{
    for (uint32_t i = 0; i < plan->cached.n; i++)
        if (pk_writeback_dirty(pk_writeback_of(plan->cached.v[i])))
            return false;
    return true;
}

static bool is_ready(struct pk_sync *sync, struct pk_client *c, const struct pk_plan *plan)
{
    int64_t replayed = 0;
    const struct pk_znodes *list = plan->pairs.n > 0 ? &plan->pairs : &plan->promote;
    if (list->n == 0)
        return is_clean(plan);
    if (pk_promote_want(sync, plan, &replayed) != PK_OK)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
    else
        pk_wait_on(&c->answer_wait, &list->v[list->n - 1]->tracking->waiters);
    return false;
}

bool pk_again_ready(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_plan plan = {0};
    bool ready = false;
    if (make_plan(sync, c, &plan) != PK_OK)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
    else
        ready = is_ready(sync, c, &plan);
    pk_plan_free(sync->store, &plan);
    return ready;
}
