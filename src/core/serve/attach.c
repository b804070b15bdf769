/*
 * Attaching.
 *
 * Happy path: one pipeline, written at once.
 * Failure modes: out of memory marks the client to end. Lost again in the middle, all of it is sent again on the next
 * server: nothing of it is uncertain.
 */
#include "core/serve/attach.h"

#include <string.h>

#include "core/conn/send.h"
#include "core/serve/answer.h"
#include "core/serve/pending.h"
#include "core/sync/internal.h"
#include "core/sync/precheck.h"

enum {
    FRAME_MOST = 128 * 1024, /* as Java clients split them */
    LISTS = 3,
    BODY_LEAST = 8 + 4 * LISTS, /* relativeZxid, and the counts of the lists */
};

void pk_attach_settle(struct pk_sync *sync, struct pk_client *c)
{
    do {
        sync->conns->work = 0;
        c->resting = false;
        pk_list_del(&c->up.runnable);
        pk_answers_advance(sync, c);
    } while (c->resting && !c->up.ending);
}

static bool is_parked_read(const struct pk_entry *e)
{
    return e->state == PK_ENTRY_PARKED && pk_hold_asks_again(e->op);
}

static void forget_parked(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    c->queue.parked_bytes -= e->parked->len;
    pk_blob_unref(sync->mem, e->parked);
    e->parked = NULL;
    e->state = PK_ENTRY_AWAITED;
}

/* Events that wait behind an answer which is asked again come again, from the watches that are set anew. */
static void lose_entry(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    pk_list_del(&e->uplink);
    e->overtook = false;
    if (e->state == PK_ENTRY_PARKED && e->answer == PK_ANSWER_EVENT)
        pk_entry_free(sync->conns, c, e);
    else if (is_parked_read(e))
        forget_parked(sync, c, e);
}

void pk_attach_lost(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_uplink *u = &c->up;
    PK_LIST_EACH(at, tmp, &c->queue.entries)
        lose_entry(sync, c, PK_CONTAINER(at, struct pk_entry, client));
    if (c->pending != NULL)
        pk_precheck_drop(sync, c);
    PK_LIST_EACH(at, tmp, &u->awaited.entries)
        pk_internal_lost(sync, u, PK_CONTAINER(at, struct pk_entry, uplink));
    pk_list_del(&c->answer_wait.list);
    u->probing = false;
}

struct pk_blob *pk_attach_request(struct pk_conns *conns, const struct pk_client *c)
{
    uint8_t frame[PK_LEN_WORD + PK_CONNECT_REQUEST_LEN];
    pk_put_connect_request(frame, c->shown_zxid, c->up.timeout_ms, c->up.session_id, c->passwd);
    struct pk_blob *blob = pk_blob_new(conns->mem, frame, sizeof frame);
    pk_wipe(frame, sizeof frame);
    return blob;
}

static bool send_auths(struct pk_sync *sync, struct pk_client *c)
{
    const uint32_t head = PK_LEN_WORD + PK_REQUEST_HEADER;
    for (uint32_t i = 0; c->auths != NULL && i < c->auths->n; i++) {
        const struct pk_blob *f = c->auths->v[i];
        uint8_t *p;
        if (pk_send_internal_body(sync->conns, &c->up, PK_ANSWER_DROP, PK_OP_AUTH, f->len - head, NULL, &p) ==
            NULL)
            return false;
        memcpy(p, f->bytes + head, f->len - head);
    }
    return true;
}

/* The kinds of the three lists of setWatches. */
static const uint8_t lists[LISTS] = {PK_STAND_DATA, PK_STAND_EXIST, PK_STAND_CHILD};

/* A stretch of a client's watches that goes into one setWatches: where it ends, how many are in each list. */
struct stretch {
    uint32_t from, to, n[LISTS];
    size_t len;
};

static struct stretch measure(const struct pk_standing *s, uint32_t from)
{
    struct stretch st = {.from = from, .to = from, .len = BODY_LEAST};
    struct pk_bytes path;
    uint8_t kinds;
    for (uint32_t at = from; pk_standing_next(s, &at, &path, &kinds); st.to = at) {
        size_t more = 0;
        for (int i = 0; i < LISTS; i++)
            more += kinds & lists[i] ? pk_bytes_len(path) : 0;
        if (st.len > BODY_LEAST && st.len + more > FRAME_MOST)
            return st;
        for (int i = 0; i < LISTS; i++)
            st.n[i] += (kinds & lists[i]) != 0;
        st.len += more;
    }
    return st;
}

static void put_watches(const struct pk_standing *s, const struct stretch *st, int64_t zxid, uint8_t *p)
{
    struct pk_bytes path;
    uint8_t kinds;
    p = pk_put_long(p, zxid);
    for (int i = 0; i < LISTS; i++) {
        p = pk_put32(p, st->n[i]);
        for (uint32_t at = st->from; at < st->to && pk_standing_next(s, &at, &path, &kinds);)
            if (kinds & lists[i])
                p = pk_put_bytes(p, path);
    }
}

static bool send_watches(struct pk_sync *sync, struct pk_client *c)
{
    const struct pk_standing *s = c->standing;
    uint8_t *p;
    for (struct stretch st = measure(s, 0); st.len > BODY_LEAST; st = measure(s, st.to)) {
        if (pk_send_internal_body(sync->conns, &c->up, PK_ANSWER_WATCHES, PK_OP_SET_WATCHES, st.len, NULL,
                                  &p) == NULL)
            return false;
        put_watches(s, &st, c->emitted_zxid, p);
        c->hold->replies++;
    }
    return true;
}

/* The next path of the client's own setWatches whose event has not come. */
static bool next_asked(const struct pk_sync *sync, const struct pk_client *c, struct pk_watches *in,
                       struct pk_bytes *path)
{
    while (pk_watches_next(in, path)) {
        uint8_t at = path->p != NULL ? pk_standing_at(&sync->conns->paths, c->standing, *path) : 0;
        if (in->list < LISTS && (at & lists[in->list] << PK_STAND_ASKED) != 0)
            return true;
    }
    return false;
}

static void put_asked(const struct pk_sync *sync, const struct pk_client *c, const struct pk_request *req,
                      const uint32_t n[LISTS], uint8_t *p)
{
    struct pk_watches in;
    struct pk_bytes path;
    for (int i = 0; i < LISTS; i++) {
        pk_watches_begin(&in, req);
        if (i == 0)
            p = pk_put_long(p, in.relative_zxid);
        p = pk_put32(p, n[i]);
        while (next_asked(sync, c, &in, &path))
            if (in.list == i)
                p = pk_put_bytes(p, path);
    }
}

/* The client's own setWatches without the paths whose event has come. False: it does not decode, and goes as it is. */
static bool send_bulk_again(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    const struct pk_blob *f = e->request;
    struct pk_request req;
    struct pk_watches in;
    struct pk_bytes path;
    bool well_formed;
    uint32_t n[LISTS] = {0};
    size_t len = BODY_LEAST;
    if (pk_request_decode(f->bytes + PK_LEN_WORD, f->len - PK_LEN_WORD, &req, &well_formed) != PK_OK ||
        !well_formed)
        return false;
    pk_watches_begin(&in, &req);
    while (next_asked(sync, c, &in, &path)) {
        n[in.list]++;
        len += pk_bytes_len(path);
    }
    if (in.in.bad)
        return false;
    uint8_t *p = pk_send_again_room(sync->conns, c, e, PK_OP_SET_WATCHES, len);
    if (p != NULL)
        put_asked(sync, c, &req, n, p);
    return true;
}

static bool sets_watches(const struct pk_entry *e)
{
    return e->op == PK_OP_SET_WATCHES || e->op == PK_OP_SET_WATCHES2;
}

static void send_in_flight(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    if (e->request == NULL) {
        pk_send_again(sync->conns, c, e);
        return;
    }
    e->resumed = sets_watches(e);
    c->hold->replies += e->resumed;
    if (e->resumed && send_bulk_again(sync, c, e))
        return;
    pk_send_frame_again(sync->conns, c, e);
}

void pk_attach_send(struct pk_sync *sync, struct pk_client *c)
{
    c->hold->replies = 0;
    if (!send_auths(sync, c) ||
        pk_send_internal(sync->conns, &c->up, PK_ANSWER_DROP, PK_OP_SYNC, PK_BYTES("/"), NULL) == NULL ||
        !send_watches(sync, c))
        return;
    for (struct pk_list *at = c->queue.entries.next; at != &c->queue.entries && !c->up.ending;
         at = at->next) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        if (e->state == PK_ENTRY_AWAITED)
            send_in_flight(sync, c, e);
    }
}
