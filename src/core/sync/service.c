/*
 * The service session.
 *
 * Happy path: opened by a step that leaves orphans; addauth, one multi, closeSession two seconds later.
 * Failure modes: no server, or one that insists on authentication, ends it; it is tried again a second later, then less
 * often. A request that waits for an orphaned flush waits for a server, too; where the ensemble does not let the
 * session work, or serves that client and not the session, the absorbed writes are dropped, counted and said.
 */
#include "core/sync/service.h"

#include <string.h>

#include "core/sync/flush.h"
#include "core/sync/handover.h"
#include "core/sync/internal.h"
#include "core/sync/promote.h"

enum {
    TIMEOUT_MS = 30000,
    RETRY_US = 1000 * 1000,
    RETRY_DOUBLED = 5,
    GROUP_RETRY_US = 100 * 1000,
    LINGER_US = 2 * 1000 * 1000,
    PATIENCE_US = 1000 * 1000, /* for an answer: then another server is asked */
};

static bool has_work(const struct pk_sync *sync)
{
    const struct pk_service *s = &sync->service;
    if (sync->restoring)
        return false;
    return !pk_list_empty(&sync->orphans) || pk_promote_pending(sync) ||
           (!sync->conns->draining && (s->to_compare || s->to_hand_over));
}

/* In a group there always is to be one. */
static bool is_wanted(const struct pk_sync *sync)
{
    return sync->hook != NULL ? !sync->conns->draining : has_work(sync);
}

static int32_t timeout_ms(const struct pk_sync *sync)
{
    return sync->hook != NULL ? sync->hook->timeout_ms : TIMEOUT_MS;
}

/* A connect request as every client's first frame: for a new session, or for ours on another server. */
static struct pk_blob *connect_request(struct pk_sync *sync)
{
    const struct pk_service *s = &sync->service;
    uint8_t frame[PK_LEN_WORD + PK_CONNECT_REQUEST_LEN];
    pk_put_connect_request(frame, 0, timeout_ms(sync), s->session_id, s->passwd);
    return pk_blob_new(sync->mem, frame, sizeof frame);
}

static void open_session(struct pk_sync *sync)
{
    struct pk_blob *hello = connect_request(sync);
    struct pk_uplink *u = hello != NULL ? pk_uplink_new(sync->conns) : NULL;
    if (u == NULL) {
        pk_blob_unref(sync->mem, hello);
        return;
    }
    u->connect_request = hello;
    u->timeout_ms = timeout_ms(sync);
    pk_uplink_move(u, PK_UPLINK_OPENING);
    u->want_open = true;
    sync->service.uplink = u;
    sync->stats->service_sessions += sync->service.session_id == 0;
}

static bool send_auth(struct pk_sync *sync, const struct core_auth *auth)
{
    struct pk_bytes scheme = {(const uint8_t *)auth->scheme, (uint32_t)strlen(auth->scheme)};
    struct pk_bytes secret = {auth->secret, (uint32_t)auth->len};
    uint8_t *p;
    if (pk_send_internal_body(sync->conns, sync->service.uplink, PK_ANSWER_DROP, PK_OP_AUTH,
                              4 + pk_bytes_len(scheme) + pk_bytes_len(secret), NULL, &p) == NULL)
        return false;
    pk_put_bytes(pk_put_bytes(pk_put_int(p, 0), scheme), secret);
    return true;
}

void pk_service_up(struct pk_sync *sync, const struct pk_connect_response *res)
{
    struct pk_service *s = &sync->service;
    s->session_id = res->session_id;
    if (res->passwd.len == PK_PASSWD_LEN)
        memcpy(s->passwd, res->passwd.p, PK_PASSWD_LEN);
    s->fails = 0;
    s->worked_us = s->sent_us = sync->conns->now_us;
    for (size_t i = 0; i < s->nauths; i++)
        if (!send_auth(sync, &s->auths[i]))
            return;
}

/* In a group something is always asked: whether the oldest that has left is answered in time. */
static int64_t sent_us(const struct pk_sync *sync, const struct pk_uplink *u)
{
    if (sync->hook == NULL || pk_list_empty(&u->awaited.entries))
        return sync->service.sent_us;
    const struct pk_entry *e = PK_CONTAINER(u->awaited.entries.next, struct pk_entry, uplink);
    return e->gated == 0 ? e->sent_us : sync->conns->now_us;
}

bool pk_service_slow(const struct pk_sync *sync)
{
    const struct pk_uplink *u = sync->service.uplink;
    return u != NULL && pk_uplink_usable(u) && pk_awaited_any(&u->awaited) &&
           sync->conns->now_us - sent_us(sync, u) > PATIENCE_US;
}

enum pk_err pk_service_moves(struct pk_sync *sync)
{
    struct pk_uplink *u = sync->service.uplink;
    struct pk_blob *hello = connect_request(sync);
    if (hello == NULL)
        return PK_ENOMEM;
    pk_blob_unref(sync->mem, u->connect_request);
    u->connect_request = hello;
    PK_LIST_EACH(at, tmp, &u->awaited.entries)
        pk_internal_lost(sync, u, PK_CONTAINER(at, struct pk_entry, uplink));
    pk_awaited_init(&u->awaited);
    u->admitted = u->probing = false;
    return PK_OK;
}

void pk_service_leave(struct pk_sync *sync)
{
    struct pk_uplink *u = sync->service.uplink;
    uint8_t *none;
    if (u == NULL || !pk_uplink_usable(u))
        return;
    (void)!pk_send_internal_body(sync->conns, u, PK_ANSWER_LEAVE, PK_OP_CLOSE_SESSION, 0, NULL, &none);
    u->session_closing = true;
}

/* Sends the next piece of work; false when there is none. */
static bool work(struct pk_sync *sync, struct pk_uplink *u)
{
    if (pk_flush_orphans(sync, u))
        return true;
    bool more = !sync->conns->draining && !pk_promote_pending(sync) && pk_handover_step(sync, u);
    return (!pk_awaited_any(&u->awaited) && pk_promote_step(sync, u)) || more;
}

/* In a group it is what lets clients be answered: it stays until the last one has left. */
static bool may_leave(const struct pk_sync *sync)
{
    if (sync->hook != NULL)
        return sync->conns->draining && sync->conns->nconns == 1;
    return sync->conns->draining || sync->conns->now_us - sync->service.worked_us > LINGER_US;
}

static void go_on(struct pk_sync *sync, struct pk_uplink *u)
{
    if (has_work(sync) && work(sync, u))
        sync->service.worked_us = sync->service.sent_us = sync->conns->now_us;
    else if (may_leave(sync))
        pk_service_leave(sync);
}

void pk_service_step(struct pk_sync *sync)
{
    struct pk_uplink *u = sync->service.uplink;
    if (u != NULL && pk_uplink_usable(u) && !pk_awaited_any(&u->awaited))
        go_on(sync, u);
    else if (u == NULL && is_wanted(sync) && sync->conns->now_us >= sync->service.next_us)
        open_session(sync);
}

/* Somebody who waits for it is served where the session is not. */
static bool keeps_a_client(const struct pk_sync *sync, const struct pk_writeback *w)
{
    for (struct pk_list *at = w->waiters.next; at != &w->waiters; at = at->next) {
        const struct pk_uplink *u = &PK_CONTAINER(at, struct pk_wait, list)->client->up;
        if (pk_uplink_usable(u) && !pk_uplink_silent(sync->conns, u))
            return true;
    }
    return false;
}

/* Nobody will flush the orphan: the ensemble refuses, or the last moment has come. A server that is lost is no reason,
 * and in a group the session is taken up again, or memory is another's. */
static bool is_hopeless(const struct pk_sync *sync, const struct pk_uplink *u, const struct pk_writeback *w)
{
    if (sync->conns->draining)
        return true;
    if (w->holds == 0 || sync->hook != NULL)
        return false;
    return u->why == PK_CLOSE_SERVICE_REFUSED ||
           (sync->service.fails == RETRY_DOUBLED && keeps_a_client(sync, w));
}

void pk_service_ended(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_service *s = &sync->service;
    bool done = u->session_closing, expired = u->why == PK_CLOSE_SESSION_INVALID;
    s->uplink = NULL;
    if (done || expired)
        s->session_id = 0;
    s->fails = done || expired ? 0 : s->fails + (s->fails < RETRY_DOUBLED);
    s->next_us = sync->conns->now_us + (s->fails > 0 ? RETRY_US << (s->fails - 1) : 0);
    if (sync->hook != NULL) {
        s->next_us = sync->conns->now_us + (s->fails > 0 ? GROUP_RETRY_US : 0);
        sync->hook->ended(sync->hook->member, done || expired);
    }
    if (s->fails > 0)
        pk_promote_wake(sync);
    PK_LIST_EACH(at, tmp, &sync->orphans) {
        struct pk_writeback *w = PK_CONTAINER(at, struct pk_writeback, due);
        struct pk_znode *z = w->cached.znode;
        if (w->helped) {
            w->helped = false;
            pk_writeback_requeue(sync, w);
            pk_wake_all(sync->conns, &w->waiters);
            continue;
        }
        if (done || !is_hopeless(sync, u, w))
            continue;
        pk_cached_end(sync, z, PK_CACHED_DROPPED);
        pk_store_tidy(sync->store, z);
    }
}

static void free_auths(struct pk_sync *sync, struct core_auth *auths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (auths[i].secret != NULL)
            pk_wipe((void *)(uintptr_t)auths[i].secret, auths[i].len);
        pk_free(sync->mem, (void *)(uintptr_t)auths[i].scheme);
        pk_free(sync->conns->secrets, (void *)(uintptr_t)auths[i].secret);
    }
    pk_free(sync->mem, auths);
}

static void *copy(const struct pk_mem *mem, const void *p, size_t len)
{
    uint8_t *to = pk_alloc(mem, len > 0 ? len : 1);
    if (to != NULL && len > 0)
        memcpy(to, p, len);
    return to;
}

enum pk_err pk_service_set_auths(struct pk_sync *sync, const struct core_auth *auths, size_t n)
{
    struct core_auth *fresh = n > 0 ? pk_zalloc(sync->mem, n * sizeof *fresh) : NULL;
    if (n > 0 && fresh == NULL)
        return PK_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        fresh[i].scheme = copy(sync->mem, auths[i].scheme, strlen(auths[i].scheme) + 1);
        fresh[i].secret = copy(sync->conns->secrets, auths[i].secret, auths[i].len);
        fresh[i].len = auths[i].len;
        if (fresh[i].scheme == NULL || fresh[i].secret == NULL) {
            free_auths(sync, fresh, n);
            return PK_ENOMEM;
        }
    }
    free_auths(sync, sync->service.auths, sync->service.nauths);
    sync->service.auths = fresh;
    sync->service.nauths = n;
    return PK_OK;
}
