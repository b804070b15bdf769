/*
 * The service session.
 *
 * Happy path: opened by a tick that finds orphans; addauth, one multi, closeSession two seconds later.
 * Failure modes: no server, or one that insists on authentication, ends it; it is tried again a second later, then less
 * often. A request
 * that waits for an orphaned flush does not wait for that: the absorbed writes are dropped, counted and said.
 */
#include "core/service.h"

#include <string.h>

#include "core/flush.h"
#include "core/handover.h"
#include "core/relay.h"

enum {
    TIMEOUT_MS = 30000,
    RETRY_US = 1000 * 1000,
    RETRY_DOUBLED = 5,
    LINGER_US = 2 * 1000 * 1000,
    PASSWD = 16
};

static bool has_work(const struct core *core)
{
    return !pk_list_empty(&core->orphans) || (!core->draining && pk_handover_pending(core));
}

/* A connect request for a new session, as every client's first frame. */
static struct pk_blob *connect_request(struct core *core)
{
    const uint8_t passwd[PASSWD] = {0};
    uint8_t frame[PK_LEN_WORD + 45], *p = frame;
    p = pk_put_int(pk_put32(p, sizeof frame - PK_LEN_WORD), 0);
    p = pk_put_int(pk_put_long(p, 0), TIMEOUT_MS);
    p = pk_put_bytes(pk_put_long(p, 0), (struct pk_bytes){passwd, PASSWD});
    pk_put_bool(p, false);
    return pk_blob_new(core->mem, frame, sizeof frame);
}

static void open_service(struct core *core)
{
    struct pk_blob *hello = connect_request(core);
    struct pk_conn *c = hello != NULL ? pk_conn_new(core) : NULL;
    if (c == NULL) {
        pk_blob_unref(core->mem, hello);
        return;
    }
    c->own = true;
    c->client = PK_CLIENT_GONE;
    c->connect_request = hello;
    c->timeout_ms = TIMEOUT_MS;
    c->uplink = PK_UPLINK_OPENING;
    c->uplink_open = true;
    core->own = c;
    core->stats.service_sessions++;
}

void pk_service_want(struct core *core)
{
    if (core->own != NULL)
        pk_conn_wake(core, core->own);
    else if (has_work(core) && core->now_us >= core->service_next_us)
        open_service(core);
}

void pk_service_tick(struct core *core)
{
    pk_cached_give_up(core);
    pk_service_want(core);
}

static bool send_auth(struct core *core, struct pk_conn *c, const struct core_auth *auth)
{
    struct pk_bytes scheme = {(const uint8_t *)auth->scheme, (uint32_t)strlen(auth->scheme)};
    struct pk_bytes secret = {auth->secret, (uint32_t)auth->len};
    uint8_t *p;
    struct pk_entry *e = pk_send_internal_body(core, c, PK_ANSWER_DROP, PK_OP_AUTH,
                                               4 + pk_bytes_len(scheme) + pk_bytes_len(secret), &p);
    if (e == NULL)
        return false;
    pk_put_bytes(pk_put_bytes(pk_put_int(p, 0), scheme), secret);
    return true;
}

void pk_service_up(struct core *core, struct pk_conn *c)
{
    c->session_id = -1; /* nobody else's: it fences no one and is fenced by no one */
    c->heard_us = core->now_us;
    for (size_t i = 0; i < core->auths.n; i++)
        if (!send_auth(core, c, &core->auths.v[i]))
            return;
    pk_conn_wake(core, c);
}

static void leave(struct core *core, struct pk_conn *c)
{
    uint8_t *none;
    (void)!pk_send_internal_body(core, c, PK_ANSWER_LEAVE, PK_OP_CLOSE_SESSION, 0, &none);
    c->closing = true;
}

/* heard_us of the service session is when it last had something to do. */
void pk_service_run(struct core *core, struct pk_conn *c)
{
    pk_list_del(&c->runnable);
    if (c->uplink != PK_UPLINK_UP || c->promotion != NULL || c->closing || pk_queue_outstanding(&c->queue))
        return;
    if (pk_flush_orphans(core, c) || (!core->draining && pk_handover_step(core, c))) {
        c->heard_us = core->now_us;
        return;
    }
    if (core->draining || core->now_us - c->heard_us > LINGER_US)
        leave(core, c);
}

void pk_service_closed(struct core *core, struct pk_conn *c)
{
    if (core->own != c)
        return;
    core->own = NULL;
    core->service_fails = c->closing ? 0 : core->service_fails + (core->service_fails < RETRY_DOUBLED);
    core->service_next_us =
        core->now_us + (core->service_fails > 0 ? RETRY_US << (core->service_fails - 1) : 0);
    PK_LIST_EACH(at, tmp, &core->orphans) {
        struct pk_cached *l = PK_CONTAINER(at, struct pk_cached, due);
        struct pk_znode *z = l->znode;
        if (c->closing || (l->holds == 0 && !core->draining))
            continue;
        pk_cached_end(core, z, PK_CACHED_DROPPED);
        pk_store_tidy(&core->store, z);
    }
}

void pk_auths_drop(struct core *core)
{
    for (size_t i = 0; i < core->auths.n; i++) {
        struct core_auth *a = &core->auths.v[i];
        pk_free(core->mem, (void *)(uintptr_t)a->scheme);
        pk_free(core->mem, (void *)(uintptr_t)a->secret);
    }
    pk_free(core->mem, core->auths.v);
    core->auths = (struct pk_auths){0};
}

static void *copy(struct core *core, const void *p, size_t len)
{
    uint8_t *to = pk_alloc(core->mem, len > 0 ? len : 1);
    if (to != NULL && len > 0)
        memcpy(to, p, len);
    return to;
}

enum pk_err core_auth_set(struct core *core, const struct core_auth *auths, size_t n)
{
    struct pk_auths old = core->auths, fresh = {.v = NULL, .n = 0};
    if (n > 0) {
        fresh.v = pk_zalloc(core->mem, n * sizeof *fresh.v);
        if (fresh.v == NULL)
            return PK_ENOMEM;
    }
    core->auths = fresh;
    for (size_t i = 0; i < n; i++) {
        struct core_auth *a = &core->auths.v[core->auths.n++];
        a->scheme = copy(core, auths[i].scheme, strlen(auths[i].scheme) + 1);
        a->secret = copy(core, auths[i].secret, auths[i].len);
        a->len = auths[i].len;
        if (a->scheme == NULL || a->secret == NULL) {
            pk_auths_drop(core);
            core->auths = old;
            return PK_ENOMEM;
        }
    }
    fresh = core->auths;
    core->auths = old;
    pk_auths_drop(core);
    core->auths = fresh;
    return PK_OK;
}
