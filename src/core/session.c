/*
 * The handshake.
 *
 * Happy path: 45 bytes there, 37 bytes back, both as they came; then the requests that were already sent are
 * judged. Failure modes: a server that closes at once, or says nothing, is left for another until the driver
 * has none; an expired session is told so by the ensemble, and the connection closes behind that answer.
 */
#include "core/session.h"

#include "core/service.h"

void pk_session_request(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    struct pk_connect_request req;
    if (pk_connect_request_decode(f->p + PK_LEN_WORD, f->len - PK_LEN_WORD, &req) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_MALFORMED_CONNECT);
        return;
    }
    c->connect_request = pk_blob_new(core->mem, f->p, f->len);
    if (c->connect_request == NULL) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    c->client = PK_CLIENT_OPEN;
    c->uplink = PK_UPLINK_OPENING;
    c->uplink_open = true;
    c->emitted_zxid = req.last_zxid_seen > 0 ? req.last_zxid_seen : 0;
    c->timeout_ms = req.timeout > 0 ? req.timeout : 0;
    c->received++;
    pk_list_del(&c->timed);
    pk_conn_changed(core, c);
}

void pk_session_connect(struct core *core, struct pk_conn *c)
{
    if (c->uplink != PK_UPLINK_OPENING)
        return;
    c->uplink = PK_UPLINK_HANDSHAKE;
    c->in = (struct pk_incoming){0};
    core->stats.uplinks++;
    if (pk_out_blob(&core->out, &c->uplink_out, c->connect_request) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    c->uplink_wrote_us = c->timed_us = core->now_us;
    pk_list_del(&c->timed);
    pk_list_add_tail(&core->connect_request, &c->timed);
    pk_conn_changed(core, c);
}

void pk_session_elsewhere(struct core *core, struct pk_conn *c, enum pk_close why)
{
    if (c->uplink == PK_UPLINK_HANDSHAKE)
        core->stats.uplinks--;
    pk_blob_unref(core->mem, c->in.frame);
    c->in = (struct pk_incoming){0};
    pk_out_drop(&core->out, &c->uplink_out);
    pk_list_del(&c->timed);
    c->uplink = PK_UPLINK_OPENING;
    c->uplink_open = true;
    c->why = why;
    pk_conn_changed(core, c);
}

static void enter(struct core *core, struct pk_conn *c, int64_t session_id)
{
    uint32_t hash = pk_hash(core->config.hash_seed, &session_id, sizeof session_id);
    struct pk_conn *older = NULL;
    for (struct pk_map_node *n = pk_map_chain(&core->sessions, hash); n != NULL; n = n->next) {
        struct pk_conn *other = PK_CONTAINER(n, struct pk_conn, by_session);
        if (other->session_id == session_id)
            older = other;
    }
    if (older != NULL)
        pk_conn_close(core, older, PK_CLOSE_FENCED);
    if (pk_map_reserve(core->mem, &core->sessions) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    c->session_id = session_id;
    pk_map_put(&core->sessions, &c->by_session, hash);
    core->stats.sessions++;
}

void pk_session_response(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    struct pk_connect_response res;
    if (pk_connect_response_decode(f->p + PK_LEN_WORD, f->len - PK_LEN_WORD, &res) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_MALFORMED_UPSTREAM);
        return;
    }
    pk_list_del(&c->timed);
    c->why = PK_CLOSE_NONE;
    c->uplink = PK_UPLINK_UP;
    c->sent++;
    if (c->client != PK_CLIENT_GONE && pk_out_copy(&core->out, &c->client_out, f->p, f->len) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    pk_conn_changed(core, c);
    if (res.timeout <= 0 || res.session_id == 0) {
        pk_conn_close(core, c, PK_CLOSE_SESSION_INVALID);
        return;
    }
    c->timeout_ms = res.timeout;
    c->read_only = res.read_only;
    pk_blob_unref(core->mem, c->connect_request);
    c->connect_request = NULL;
    if (c->own)
        pk_service_up(core, c);
    else
        enter(core, c, res.session_id);
    pk_conn_wake(core, c);
}
