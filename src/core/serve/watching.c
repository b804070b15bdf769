/*
 * Standing watches and kept credentials.
 *
 * Happy path: a request without a watch is not looked at again.
 * Failure modes: without memory for a watch its client ends; without memory, or room, for credentials it can be held no
 * more.
 */
#include "core/serve/watching.h"

enum { REMOVE_CHILDREN = 1, REMOVE_DATA = 2 /* kinds of removeWatches; others are for all of them */ };

static uint8_t kind_of_list(int list)
{
    static const uint8_t kinds[] = {[PK_WATCHES_DATA] = PK_STAND_DATA,
                                    [PK_WATCHES_EXIST] = PK_STAND_EXIST,
                                    [PK_WATCHES_CHILD] = PK_STAND_CHILD,
                                    [PK_WATCHES_PERSISTENT] = PK_STAND_LASTING,
                                    [PK_WATCHES_RECURSIVE] = PK_STAND_LASTING};
    return kinds[list];
}

static void add(struct pk_conns *conns, struct pk_client *c, struct pk_bytes path, uint8_t kinds)
{
    if (pk_standing_add(&conns->paths, &c->standing, path, kinds) != PK_OK)
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
}

static void asked_in_bulk(struct pk_conns *conns, struct pk_client *c, const struct pk_request *req)
{
    struct pk_watches lists;
    struct pk_bytes path;
    pk_watches_begin(&lists, req);
    while (!c->up.ending && pk_watches_next(&lists, &path)) {
        uint8_t kind = kind_of_list(lists.list);
        if (path.p != NULL)
            add(conns, c, path, kind == PK_STAND_LASTING ? kind : (uint8_t)(kind << PK_STAND_ASKED));
    }
}

void pk_watching_asked(struct pk_conns *conns, struct pk_client *c, const struct pk_request *req)
{
    if (!conns->limits.hold || req->info == NULL)
        return;
    c->sasl |= req->op == PK_OP_SASL;
    if (pk_watching_sets(req->op) && req->body.p != NULL)
        asked_in_bulk(conns, c, req);
}

static void answered_in_bulk(struct pk_conns *conns, struct pk_client *c, const struct pk_request *req)
{
    struct pk_watches lists;
    struct pk_bytes path;
    pk_watches_begin(&lists, req);
    while (pk_watches_next(&lists, &path))
        if (path.p != NULL && lists.list <= PK_WATCHES_CHILD)
            pk_standing_answered(&conns->paths, c->standing, path, kind_of_list(lists.list));
}

/* A watch of a multiRead is no client's custom: its path counts as watched for good. */
static void answered_in_multi(struct pk_conns *conns, struct pk_client *c, const struct pk_request *req)
{
    struct pk_in in = pk_in(req->body.p, req->body.len);
    struct pk_request sub;
    while (pk_multi_next(&in, &sub))
        if (sub.watch && sub.path.p != NULL)
            add(conns, c, sub.path, PK_STAND_LASTING);
}

static void removed(struct pk_conns *conns, struct pk_client *c, const struct pk_request *req)
{
    uint8_t kinds = req->version == REMOVE_CHILDREN ? PK_STAND_CHILD
                    : req->version == REMOVE_DATA   ? PK_STAND_DATA | PK_STAND_EXIST
                                                    : PK_STAND_ONCE | PK_STAND_LASTING;
    pk_standing_take(&conns->paths, &c->standing, req->path, kinds);
}

/* What a read's watch is, 0 none. */
static uint8_t set_by(const struct pk_request *req, int32_t err)
{
    switch (req->op) {
    case PK_OP_EXISTS:
        return err == PK_Z_OK ? PK_STAND_DATA : err == PK_Z_NO_NODE ? PK_STAND_EXIST : 0;
    case PK_OP_GET_DATA:
        return err == PK_Z_OK ? PK_STAND_DATA : 0;
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        return err == PK_Z_OK ? PK_STAND_CHILD : 0;
    default:
        return 0;
    }
}

static void apply(struct pk_conns *conns, struct pk_client *c, const struct pk_request *req, int32_t err)
{
    if (pk_watching_sets(req->op))
        answered_in_bulk(conns, c, req);
    else if (req->op == PK_OP_MULTI_READ && err == PK_Z_OK)
        answered_in_multi(conns, c, req);
    else if (req->op == PK_OP_ADD_WATCH && err == PK_Z_OK && req->path.p != NULL)
        add(conns, c, req->path, PK_STAND_LASTING);
    else if (req->op == PK_OP_REMOVE_WATCHES && err == PK_Z_OK && req->path.p != NULL)
        removed(conns, c, req);
    else if (req->watch && req->path.p != NULL && set_by(req, err) != 0)
        add(conns, c, req->path, set_by(req, err));
}

static bool concerns(const struct pk_entry *e)
{
    return e->watch || pk_watching_sets(e->op) || e->op == PK_OP_MULTI_READ || e->op == PK_OP_ADD_WATCH ||
           e->op == PK_OP_REMOVE_WATCHES;
}

static void apply_answered(struct pk_conns *conns, struct pk_client *c, const struct pk_blob *f, int32_t err)
{
    struct pk_request req;
    bool well_formed;
    if (pk_request_decode(f->bytes + PK_LEN_WORD, f->len - PK_LEN_WORD, &req, &well_formed) == PK_OK)
        apply(conns, c, &req, err);
}

void pk_watching_answered(struct pk_conns *conns, struct pk_client *c, const struct pk_entry *e, int32_t err)
{
    if (e->request == NULL)
        return;
    if (e->op == PK_OP_AUTH && err == PK_Z_OK && pk_hold_keep_auth(conns, c, e->request) != PK_OK)
        c->may_hold = false;
    if (concerns(e) && c->state == PK_CLIENT_OPEN)
        apply_answered(conns, c, e->request, err);
}

void pk_watching_told(struct pk_conns *conns, struct pk_client *c, const struct pk_watcher_event *event)
{
    if (event->path.p != NULL)
        pk_standing_take(&conns->paths, &c->standing, event->path, pk_standing_of_event(event->type));
}

bool pk_watching_nothing(const struct pk_conns *conns, const struct pk_client *c,
                         const struct pk_watcher_event *event)
{
    uint8_t at = event->path.p != NULL ? pk_standing_at(&conns->paths, c->standing, event->path) : 0;
    return (at & (pk_standing_of_event(event->type) | PK_STAND_LASTING)) == 0;
}
