/*
 * The records of ZooKeeper's client protocol.
 *
 * Happy path: a request is decoded in one pass, its fields point into the frame.
 * Failure modes: lengths are compared with what remains before any arithmetic (jute.h); what does not decode
 * is reported as malformed, never guessed at.
 */
#include "proto/records.h"

/* The numbers lie close together: each has its place, those between them have no name. */
enum { FIRST_OP = PK_OP_CLOSE_SESSION, LAST_OP = PK_OP_WHO_AM_I };

static const struct pk_opcode table[LAST_OP - FIRST_OP + 1] = {
#define X(number, name, record, route)                                                                       \
    [(number)-FIRST_OP] = {number, PK_REC_##record, PK_ROUTE_##route, #name},
#include "proto/opcodes.def"
#undef X
};

const struct pk_opcode *pk_opcode(int32_t number)
{
    if (number < FIRST_OP || number > LAST_OP || table[number - FIRST_OP].name == NULL)
        return NULL;
    return &table[number - FIRST_OP];
}

void pk_stat_load(struct pk_stat *st, const uint8_t *p)
{
    struct pk_in in = pk_in(p, PK_STAT_LEN);
    st->czxid = pk_get_long(&in);
    st->mzxid = pk_get_long(&in);
    st->ctime = pk_get_long(&in);
    st->mtime = pk_get_long(&in);
    st->version = pk_get_int(&in);
    st->cversion = pk_get_int(&in);
    st->aversion = pk_get_int(&in);
    st->ephemeral_owner = pk_get_long(&in);
    st->data_length = pk_get_int(&in);
    st->num_children = pk_get_int(&in);
    st->pzxid = pk_get_long(&in);
}

uint8_t *pk_stat_put(uint8_t *p, const struct pk_stat *st)
{
    p = pk_put_long(p, st->czxid);
    p = pk_put_long(p, st->mzxid);
    p = pk_put_long(p, st->ctime);
    p = pk_put_long(p, st->mtime);
    p = pk_put_int(p, st->version);
    p = pk_put_int(p, st->cversion);
    p = pk_put_int(p, st->aversion);
    p = pk_put_long(p, st->ephemeral_owner);
    p = pk_put_int(p, st->data_length);
    p = pk_put_int(p, st->num_children);
    return pk_put_long(p, st->pzxid);
}

/* Smallest ACL entry: int perms and two null strings. */
enum { ACL_MIN = 12 };

static struct pk_bytes get_acl(struct pk_in *in)
{
    const uint8_t *start = in->p;
    int32_t n = pk_get_count(in, ACL_MIN);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        pk_get_int(in);
        pk_get_bytes(in);
        pk_get_bytes(in);
    }
    if (in->bad)
        return (struct pk_bytes){NULL, 0};
    return (struct pk_bytes){start, (uint32_t)(in->p - start)};
}

/* Decodes one record into req (op set by the caller, in->p at its start); in->bad on failure. */
static void record_decode(struct pk_in *in, enum pk_record record, struct pk_request *req)
{
    if (record == PK_REC_NONE || record >= PK_REC_MULTI)
        return;
    req->path = pk_get_bytes(in);
    switch (record) {
    case PK_REC_PATH_WATCH:
        req->watch = pk_get_bool(in);
        break;
    case PK_REC_PATH_VERSION:
    case PK_REC_PATH_MODE:
        req->version = pk_get_int(in);
        break;
    case PK_REC_PATH_DATA_VERSION:
        req->data = pk_get_bytes(in);
        req->version = pk_get_int(in);
        break;
    case PK_REC_PATH_ACL_VERSION:
        req->acl = get_acl(in);
        req->version = pk_get_int(in);
        break;
    case PK_REC_CREATE:
    case PK_REC_CREATE_TTL:
        req->data = pk_get_bytes(in);
        req->acl = get_acl(in);
        req->version = pk_get_int(in);
        if (record == PK_REC_CREATE_TTL)
            req->ttl = pk_get_long(in);
        break;
    default:
        break;
    }
}

enum pk_err pk_request_decode(const uint8_t *p, size_t len, struct pk_request *req, bool *well_formed)
{
    struct pk_in in = pk_in(p, len);
    *req = (struct pk_request){0};
    req->xid = pk_get_int(&in);
    req->op = pk_get_int(&in);
    if (in.bad)
        return PK_EMALFORMED;
    req->info = pk_opcode(req->op);
    req->body = (struct pk_bytes){in.p, (uint32_t)pk_in_left(&in)};
    *well_formed = true;
    if (req->info == NULL)
        return PK_OK;
    record_decode(&in, req->info->record, req);
    if (in.bad) {
        *well_formed = false;
        *req = (struct pk_request){.xid = req->xid, .op = req->op, .info = req->info, .body = req->body};
    }
    return PK_OK;
}

static bool multi_accepts(int32_t op)
{
    switch (op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_TTL:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_DELETE:
    case PK_OP_SET_DATA:
    case PK_OP_CHECK:
    case PK_OP_GET_DATA:
    case PK_OP_GET_CHILDREN:
        return true;
    default:
        return false;
    }
}

bool pk_multi_next(struct pk_in *in, struct pk_request *sub)
{
    int32_t type = pk_get_int(in);
    bool done = pk_get_bool(in);
    pk_get_int(in);
    if (in->bad || done)
        return false;
    const struct pk_opcode *info = pk_opcode(type);
    if (info == NULL || !multi_accepts(type)) {
        in->bad = true;
        return false;
    }
    *sub = (struct pk_request){.op = type, .info = info};
    record_decode(in, info->record, sub);
    return !in->bad;
}

void pk_watches_begin(struct pk_watches *w, const struct pk_request *req)
{
    *w = (struct pk_watches){.in = pk_in(req->body.p, req->body.len), .list = -1};
    w->lists = req->op == PK_OP_SET_WATCHES2 ? 5 : 3;
    w->relative_zxid = pk_get_long(&w->in);
}

bool pk_watches_next(struct pk_watches *w, struct pk_bytes *path)
{
    while (w->left <= 0) {
        if (w->in.bad || ++w->list >= w->lists)
            return false;
        w->left = pk_get_count(&w->in, 4);
    }
    w->left--;
    *path = pk_get_bytes(&w->in);
    return !w->in.bad;
}

static const uint8_t open_acl[PK_OPEN_ACL_LEN] = {
    0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 5, 'w', 'o', 'r', 'l', 'd', 0, 0, 0, 6, 'a', 'n', 'y', 'o', 'n', 'e'};

struct pk_bytes pk_open_acl(void)
{
    return (struct pk_bytes){open_acl, sizeof open_acl};
}

bool pk_acl_is_open(struct pk_bytes acl)
{
    return acl.len == sizeof open_acl && memcmp(acl.p, open_acl, sizeof open_acl) == 0;
}

int32_t pk_acl_world_perms(struct pk_bytes acl)
{
    struct pk_in in = pk_in(acl.p, acl.len);
    int32_t permitted = 0, n = pk_get_count(&in, ACL_MIN);
    for (int32_t i = 0; i < n; i++) {
        int32_t perms = pk_get_int(&in);
        struct pk_bytes scheme = pk_get_bytes(&in), id = pk_get_bytes(&in);
        if (pk_bytes_eq(scheme, PK_BYTES("world")) && pk_bytes_eq(id, PK_BYTES("anyone")))
            permitted |= perms;
    }
    return in.bad ? 0 : permitted;
}

uint8_t *pk_put_open_acl(uint8_t *p)
{
    memcpy(p, open_acl, sizeof open_acl);
    return p + sizeof open_acl;
}

uint8_t *pk_put_request(uint8_t *p, size_t body, int32_t xid, int32_t op)
{
    p = pk_put32(p, (uint32_t)(PK_REQUEST_HEADER + body));
    p = pk_put_int(p, xid);
    return pk_put_int(p, op);
}

uint8_t *pk_put_multi(uint8_t *p, int32_t type, bool done, int32_t err)
{
    p = pk_put_int(p, type);
    p = pk_put_bool(p, done);
    return pk_put_int(p, err);
}

enum pk_err pk_connect_request_decode(const uint8_t *p, size_t len, struct pk_connect_request *c)
{
    struct pk_in in = pk_in(p, len);
    *c = (struct pk_connect_request){0};
    pk_get_int(&in);
    c->last_zxid_seen = pk_get_long(&in);
    c->timeout = pk_get_int(&in);
    c->session_id = pk_get_long(&in);
    c->passwd = pk_get_bytes(&in);
    c->has_read_only = !in.bad && pk_in_left(&in) > 0;
    if (c->has_read_only)
        c->read_only = pk_get_bool(&in);
    return in.bad ? PK_EMALFORMED : PK_OK;
}

uint8_t *pk_put_connect_request(uint8_t *p, int64_t last_zxid, int32_t timeout_ms, int64_t session,
                                const uint8_t passwd[PK_PASSWD_LEN])
{
    p = pk_put_int(pk_put32(p, PK_CONNECT_REQUEST_LEN), 0);
    p = pk_put_int(pk_put_long(p, last_zxid), timeout_ms);
    p = pk_put_bytes(pk_put_long(p, session), (struct pk_bytes){passwd, PK_PASSWD_LEN});
    return pk_put_bool(p, false);
}

enum pk_err pk_connect_response_decode(const uint8_t *p, size_t len, struct pk_connect_response *c)
{
    struct pk_in in = pk_in(p, len);
    pk_get_int(&in);
    c->timeout = pk_get_int(&in);
    c->session_id = pk_get_long(&in);
    c->passwd = pk_get_bytes(&in);
    c->read_only = !in.bad && pk_in_left(&in) > 0 && pk_get_bool(&in);
    return in.bad ? PK_EMALFORMED : PK_OK;
}

enum pk_err pk_watcher_event_decode(const uint8_t *p, size_t len, struct pk_watcher_event *e)
{
    struct pk_in in = pk_in(p, len);
    e->type = pk_get_int(&in);
    e->state = pk_get_int(&in);
    e->path = pk_get_bytes(&in);
    return in.bad ? PK_EMALFORMED : PK_OK;
}
