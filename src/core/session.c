/*
 * The handshake.
 *
 * Happy path: 45 bytes there, 37 bytes back, both as they came; then the requests that were already sent are judged.
 * Failure modes: a server that closes at once, or says nothing, is left for another until the driver has none; an
 * expired session is told so by the ensemble, and the connection closes behind that answer.
 */
#include "core/session.h"

#include <string.h>

#include "core/conn/vouch.h"
#include "core/held.h"
#include "core/sync/service.h"

/* The newest connection of a session, NULL when there is none. */
static struct pk_uplink *find_session(const struct core *core, int64_t session_id, uint32_t hash)
{
    struct pk_uplink *newest = NULL;
    for (struct pk_map_node *n = pk_map_chain(&core->conns.sessions, hash); n != NULL; n = n->next) {
        struct pk_uplink *other = PK_CONTAINER(n, struct pk_uplink, by_session);
        if (other->session_id == session_id)
            newest = other;
    }
    return newest;
}

static uint32_t session_hash(const struct core *core, int64_t session_id)
{
    return pk_hash(core->conns.limits.hash_seed, &session_id, sizeof session_id);
}

static void yield(struct core *core, int64_t session_id)
{
    struct pk_uplink *held = find_session(core, session_id, session_hash(core, session_id));
    if (held != NULL && held->client != NULL)
        pk_held_yield(core, held->client);
}

void pk_session_request(struct core *core, struct pk_client *c, const struct pk_frame *f)
{
    struct pk_connect_request req;
    if (pk_connect_request_decode(f->p + PK_LEN_WORD, f->len - PK_LEN_WORD, &req) != PK_OK) {
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_MALFORMED_CONNECT);
        return;
    }
    c->up.connect_request = pk_blob_new(core->mem, f->p, f->len);
    if (c->up.connect_request == NULL) {
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    pk_client_move(c, PK_CLIENT_OPEN);
    pk_uplink_move(&c->up, PK_UPLINK_OPENING);
    pk_uplink_want_open(&core->conns, &c->up);
    c->emitted_zxid = c->shown_zxid = req.last_zxid_seen > 0 ? req.last_zxid_seen : 0;
    if (req.session_id != 0)
        yield(core, req.session_id);
    c->up.timeout_ms = req.timeout > 0 ? req.timeout : 0;
    c->received++;
    pk_list_del(&c->up.timed);
    pk_conn_changed(&core->conns, &c->up);
}

void pk_session_connect(struct core *core, struct pk_uplink *u, unsigned server)
{
    if (u->state != PK_UPLINK_OPENING)
        return;
    pk_uplink_move(u, PK_UPLINK_HANDSHAKE);
    u->server = (uint8_t)(server < PK_TIMED_SERVERS ? server : PK_TIMED_SERVERS - 1);
    u->in = (struct pk_incoming){0};
    core->stats.uplinks++;
    if (pk_vouch_all(&core->conns, u) != PK_OK ||
        pk_out_blob(&core->conns.out, &u->out, u->connect_request) != PK_OK) {
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
        return;
    }
    u->wrote_us = u->timed_us = core->conns.now_us;
    pk_list_del(&u->timed);
    pk_list_add_tail(&core->conns.connecting, &u->timed);
    pk_conn_changed(&core->conns, u);
}

void pk_session_abandon(struct core *core, struct pk_uplink *u)
{
    if (u->state == PK_UPLINK_HANDSHAKE || u->state == PK_UPLINK_UP)
        core->stats.uplinks--;
    pk_blob_unref(core->mem, u->in.frame);
    u->in = (struct pk_incoming){0};
    pk_uplink_out_drop(&core->conns, u);
    pk_list_del(&u->timed);
    u->want_open = u->waits_way = false;
    pk_conn_changed(&core->conns, u);
}

void pk_session_elsewhere(struct core *core, struct pk_uplink *u, enum pk_close why)
{
    if (u->where == PK_TO_MEMBER_RELAY) { /* the primary has tried them all */
        pk_held_failed(core, u, why);
        return;
    }
    pk_session_abandon(core, u);
    pk_uplink_move(u, PK_UPLINK_OPENING);
    pk_uplink_want_open(&core->conns, u);
    u->why = (uint8_t)why;
}

void pk_session_move_service(struct core *core, enum pk_close why)
{
    struct pk_uplink *u = core->sync.service.uplink;
    u->why = (uint8_t)why;
    if (pk_service_moves(&core->sync) == PK_OK)
        pk_session_elsewhere(core, u, why);
    else
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
}

/* The session is the newest connection's: an older one of the same session is fenced. */
static void enter(struct core *core, struct pk_uplink *u, int64_t session_id)
{
    uint32_t hash = session_hash(core, session_id);
    struct pk_uplink *older = find_session(core, session_id, hash);
    if (older != NULL)
        pk_conn_close(&core->conns, older, PK_CLOSE_FENCED);
    if (pk_map_reserve(core->mem, &core->conns.sessions) != PK_OK) {
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
        return;
    }
    u->session_id = session_id;
    pk_map_put(&core->conns.sessions, &u->by_session, hash);
    core->stats.sessions++;
}

/* The response goes to the client as it came; false when the connection is to end. */
static bool pass_on(struct core *core, struct pk_client *c, const struct pk_frame *f)
{
    c->sent++;
    if (c->state != PK_CLIENT_GONE &&
        pk_out_copy(&core->conns.out, pk_client_out(&core->conns, c, PK_ON_ORDER), f->p, f->len) != PK_OK) {
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return false;
    }
    return true;
}

static void forget_request(struct core *core, struct pk_uplink *u)
{
    pk_blob_unref(core->mem, u->connect_request);
    u->connect_request = NULL;
}

/* With it the session can be taken up elsewhere. */
static void keep_password(struct pk_client *c, struct pk_bytes passwd)
{
    c->may_hold = passwd.len == PK_PASSWD_LEN;
    if (c->may_hold)
        memcpy(c->passwd, passwd.p, PK_PASSWD_LEN);
}

void pk_session_response(struct core *core, struct pk_uplink *u, const struct pk_frame *f)
{
    struct pk_connect_response res;
    if (pk_connect_response_decode(f->p + PK_LEN_WORD, f->len - PK_LEN_WORD, &res) != PK_OK) {
        pk_conn_close(&core->conns, u, PK_CLOSE_MALFORMED_UPSTREAM);
        return;
    }
    core->conns.let_in_us[u->server] = core->conns.now_us;
    pk_list_del(&u->timed);
    u->why = PK_CLOSE_NONE;
    pk_uplink_move(u, PK_UPLINK_UP);
    if (u->client != NULL)
        u->client->up_us = core->conns.now_us;
    if (u->client != NULL && core->conns.gates != NULL)
        u->client->came = core->conns.gates->asked;
    pk_conn_changed(&core->conns, u);
    if (u->client != NULL && u->client->hold != NULL) {
        forget_request(core, u);
        pk_held_response(core, u->client, &res);
        return;
    }
    if (u->client != NULL && !pass_on(core, u->client, f))
        return;
    if (res.timeout <= 0 || res.session_id == 0) {
        pk_conn_close(&core->conns, u, PK_CLOSE_SESSION_INVALID);
        return;
    }
    u->timeout_ms = res.timeout;
    u->read_only = res.read_only;
    forget_request(core, u);
    if (u->client == NULL) {
        pk_service_up(&core->sync, &res);
        return;
    }
    keep_password(u->client, res.passwd);
    enter(core, u, res.session_id);
    pk_client_wake(&core->conns, u->client);
}
