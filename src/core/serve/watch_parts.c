/*
 * Watches in parts.
 *
 * Happy path: what clients send is short, and goes as it is.
 * Failure modes: a request that does not read as lists of paths goes whole, the ensemble says what is wrong with it; an
 * answer that refuses a part, by a policy or because a znode could not be promoted, is the answer to all of them; out
 * of memory marks the client to end.
 */
#include "core/serve/watch_parts.h"

#include "core/serve/watching.h"

enum { LONG = 64 * 1024, PART = 32 * 1024 /* bytes of paths: some milliseconds at most */, LISTS = 5 };

/* Nothing but lists that are there, and paths. */
static bool reads_well(const struct pk_request *req)
{
    struct pk_in in = pk_in(req->body.p, req->body.len);
    (void)pk_get_long(&in);
    for (int lists = req->op == PK_OP_SET_WATCHES2 ? 5 : 3; lists > 0; lists--) {
        int32_t n = pk_get_count(&in, 4);
        if (n < 0)
            return false;
        for (; n > 0 && !in.bad; n--)
            (void)pk_get_bytes(&in);
    }
    return !in.bad && pk_in_left(&in) == 0;
}

bool pk_watch_parts_due(const struct pk_judged *j)
{
    return !pk_watch_part(j->c) && pk_watching_sets(j->req->op) && j->req->body.len > LONG &&
           reads_well(j->req);
}

/* Of what follows so much as goes into a part: how many paths of each list, and their bytes. */
static size_t measure(struct pk_watches at, uint32_t n[LISTS])
{
    struct pk_bytes path;
    size_t len = 0;
    while (len < PART && pk_watches_next(&at, &path)) {
        n[at.list]++;
        len += pk_bytes_len(path);
    }
    return len;
}

/* The next part as a frame, and what follows it; NULL when memory is short. */
static struct pk_blob *make_frame(const struct pk_mem *mem, struct pk_watch_parts *parts)
{
    uint32_t n[LISTS] = {0};
    struct pk_bytes path;
    size_t body = sizeof(int64_t) + 4 * (size_t)parts->at.lists + measure(parts->at, n);
    struct pk_blob *blob = pk_blob_room(mem, PK_LEN_WORD + PK_REQUEST_HEADER + body);
    if (blob == NULL)
        return NULL;
    uint8_t *p = pk_put_request(blob->bytes, body, parts->req.xid, parts->req.op);
    p = pk_put_long(p, parts->at.relative_zxid);
    for (int i = 0; i < parts->at.lists; i++) {
        p = pk_put32(p, n[i]);
        for (uint32_t k = 0; k < n[i] && pk_watches_next(&parts->at, &path); k++)
            p = pk_put_bytes(p, path);
    }
    return blob;
}

static bool is_last(const struct pk_watch_parts *parts)
{
    struct pk_watches at = parts->at;
    struct pk_bytes path;
    return !pk_watches_next(&at, &path);
}

/* The next part is the client's pending request; false when the client is to end. */
static bool enter(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_blob *frame = make_frame(sync->mem, c->parts);
    if (frame == NULL) {
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return false;
    }
    struct pk_judged j = {.sync = sync, .c = c, .f = {frame->bytes, frame->len, false}};
    c->parts->last = is_last(c->parts);
    bool entered = pk_pending_enter(&j, PK_STAGE_UPSTREAM) != NULL;
    pk_blob_unref(sync->mem, frame);
    return entered;
}

enum pk_decision pk_watch_parts_begin(struct pk_judged *j)
{
    const struct pk_mem *mem = j->sync->mem;
    bool well_formed;
    struct pk_watch_parts *parts = pk_zalloc(mem, sizeof *parts);
    if (parts != NULL)
        parts->frame = pk_blob_new(mem, j->f.p, j->f.len);
    if (parts == NULL || parts->frame == NULL) {
        pk_free(mem, parts);
        pk_conn_close(j->sync->conns, &j->c->up, PK_CLOSE_NO_MEMORY);
        return PK_TAKEN;
    }
    (void)!pk_request_decode(parts->frame->bytes + PK_LEN_WORD, parts->frame->len - PK_LEN_WORD, &parts->req,
                             &well_formed); /* it did before */
    pk_watches_begin(&parts->at, &parts->req);
    pk_pending_drop(j->sync, j->c);
    j->c->parts = parts;
    if (!enter(j->sync, j->c))
        return PK_TAKEN;
    pk_client_wake(j->sync->conns, j->c);
    return PK_BEGUN;
}

enum pk_answer pk_watch_part_answer(const struct pk_client *c)
{
    return c->parts->last ? PK_ANSWER_FORWARD : PK_ANSWER_PART;
}

void pk_watch_part_relayed(struct pk_client *c)
{
    c->parts->relayed = true;
}

bool pk_watch_parts_next(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_watch_parts *parts = c->parts;
    if (parts == NULL)
        return false;
    bool more = parts->relayed && !parts->last && !c->up.ending;
    parts->relayed = false;
    if (more && enter(sync, c))
        return true;
    pk_watch_parts_drop(sync, c);
    return false;
}

void pk_watch_parts_drop(struct pk_sync *sync, struct pk_client *c)
{
    if (c->parts == NULL)
        return;
    pk_blob_unref(sync->mem, c->parts->frame);
    pk_free(sync->mem, c->parts);
    c->parts = NULL;
}
