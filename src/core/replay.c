/*
 * The multis of a promotion.
 *
 * Happy path: a batch of creates in one multi, then a multi of at most 500 replayed steps at a time.
 * Failure modes: out of memory closes the connection; a znode with more than 1000 absorbed writes starts at a
 * lower version, which is noted.
 */
#include "core/replay.h"

#include "core/relay.h"

enum { MULTI_BYTES = 256 * 1024 };

static const char dummy_name[] = "/pacekeeper-counts";

/* One operation of a multi, so that sizing and writing cannot disagree. */
struct op {
    int32_t type;
    const struct pk_znode *znode;
    struct pk_bytes suffix; /* the path is the znode's and this */
    struct pk_bytes data;
    int32_t version;
};

static size_t op_len(const struct op *o)
{
    size_t len = PK_MULTI_HEADER + 4 + pk_znode_path_len(o->znode) + o->suffix.len + 4;
    if (o->type == PK_OP_CREATE)
        len += pk_bytes_len(o->data) + PK_OPEN_ACL_LEN;
    else if (o->type == PK_OP_SET_DATA)
        len += pk_bytes_len(o->data);
    return len;
}

static uint8_t *op_put(uint8_t *p, const struct op *o)
{
    p = pk_put_multi(p, o->type, false, -1);
    p = pk_put32(p, (uint32_t)pk_znode_path_len(o->znode) + o->suffix.len);
    p = pk_znode_path_put(p, o->znode);
    if (o->suffix.len > 0)
        memcpy(p, o->suffix.p, o->suffix.len);
    p += o->suffix.len;
    if (o->type != PK_OP_DELETE)
        p = pk_put_bytes(p, o->data);
    if (o->type == PK_OP_CREATE)
        p = pk_put_open_acl(p);
    return pk_put_int(p, o->version); /* of a create: flags, persistent */
}

static struct pk_bytes data_of(const struct pk_znode *z)
{
    return z->data != NULL ? (struct pk_bytes){z->data->bytes, z->data->len} : (struct pk_bytes){NULL, 0};
}

static struct op create_op(const struct pk_znode *z)
{
    return (struct op){.type = PK_OP_CREATE, .znode = z, .data = data_of(z)};
}

static struct op delete_op(const struct pk_znode *z)
{
    return (struct op){.type = PK_OP_DELETE, .znode = z, .version = -1};
}

static struct op dummy_op(const struct pk_znode *parent, bool create)
{
    return (struct op){.type = create ? PK_OP_CREATE : PK_OP_DELETE,
                       .znode = parent,
                       .suffix = PK_BYTES(dummy_name),
                       .data = PK_BYTES(""),
                       .version = create ? PK_CREATE_PERSISTENT : -1};
}

/* The i-th step of a flush: the first finds a foreign write, the last brings the newest data. */
static struct op flush_op(const struct pk_cached *l, int32_t i, int32_t steps)
{
    struct pk_bytes data = PK_BYTES("");
    if (i == steps - 1)
        data = l->data != NULL ? (struct pk_bytes){l->data->bytes, l->data->len} : (struct pk_bytes){NULL, 0};
    return (struct op){
        .type = PK_OP_SET_DATA, .znode = l->znode, .data = data, .version = i == 0 ? l->base.version : -1};
}

size_t pk_replay_flush_len(const struct pk_cached *l)
{
    size_t len = 0;
    int32_t steps = pk_cached_pending(l);
    for (int32_t i = 0; i < steps; i++) {
        struct op o = flush_op(l, i, steps);
        len += op_len(&o);
    }
    return len;
}

uint8_t *pk_replay_flush_put(uint8_t *p, const struct pk_cached *l)
{
    int32_t steps = pk_cached_pending(l);
    for (int32_t i = 0; i < steps; i++) {
        struct op o = flush_op(l, i, steps);
        p = op_put(p, &o);
    }
    return p;
}

bool pk_multi_first_error(struct pk_bytes body, uint32_t *at, int32_t *code)
{
    struct pk_in in = pk_in(body.p, body.len);
    for (*at = 0;; ++*at) {
        int32_t type = pk_get_int(&in);
        bool done = pk_get_bool(&in);
        pk_get_int(&in);
        if (in.bad || done || type != -1)
            return false;
        *code = pk_get_int(&in);
        if (*code != PK_Z_OK && *code != PK_Z_RUNTIME_INCONSISTENCY)
            return true;
    }
}

bool pk_multi_succeeded(const struct pk_reply *r, struct pk_bytes body)
{
    return r->err == PK_Z_OK && body.len >= 4 && (int32_t)pk_load32(body.p) != -1;
}

size_t pk_multi_room(const struct core *core)
{
    const size_t headers = PK_REQUEST_HEADER + PK_MULTI_HEADER;
    return core->config.max_frame < MULTI_BYTES ? core->config.max_frame - headers : MULTI_BYTES;
}

uint32_t pk_replay_creates(struct core *core, struct pk_conn *c, struct pk_promotion *s)
{
    size_t len = PK_MULTI_HEADER;
    uint32_t n = 0;
    struct pk_znode *const *v = s->what.v + s->next;
    for (; s->next + n < s->what.n && n < PK_MULTI_OPS; n++) {
        struct op create = create_op(v[n]), del = delete_op(v[n]);
        size_t more = op_len(&create) + (v[n]->replace ? op_len(&del) : 0);
        if (n > 0 && len + more > pk_multi_room(core))
            break;
        len += more;
    }
    uint8_t *p;
    if (pk_send_internal_body(core, c, PK_ANSWER_PROMOTION, PK_OP_MULTI, len, &p) == NULL)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        struct op create = create_op(v[i]), del = delete_op(v[i]);
        if (v[i]->replace)
            p = op_put(p, &del);
        p = op_put(p, &create);
    }
    pk_put_multi(p, -1, true, -1);
    return n;
}

/* 2 for each absorbed child local delete, 1 for each absorbed setData, at most PK_REPLAY_MAX. */
static int32_t steps_of(const struct pk_znode *z)
{
    int64_t steps = 2 * (int64_t)pk_znode_local_deletes(z) + z->version;
    if (steps < 0 && z->version >= 0)
        return 0;
    return z->version < 0 || steps > PK_REPLAY_MAX ? PK_REPLAY_MAX : (int32_t)steps;
}

/* The i-th step: first the local deletes, then the writes, the last of which brings the newest data. */
static struct op step_op(const struct pk_znode *z, int32_t i)
{
    int32_t steps = steps_of(z), local_deletes = 2 * pk_znode_local_deletes(z);
    if (local_deletes > steps - 1 && z->version != 0)
        local_deletes = (steps - 1) & ~1;
    if (i < local_deletes)
        return dummy_op(z, i % 2 == 0);
    bool last = i == steps - 1;
    return (struct op){.type = PK_OP_SET_DATA,
                       .znode = z,
                       .data = last ? data_of(z) : PK_BYTES(""),
                       .version = i == local_deletes ? 0 : -1};
}

bool pk_replay_send(struct core *core, struct pk_conn *c, struct pk_promotion *s)
{
    struct pk_znode *const *v = s->what.v + s->next;
    size_t len = PK_MULTI_HEADER;
    uint32_t ops = 0, at = s->at;
    int32_t done = s->done;
    while (at < s->batch) {
        if (done == steps_of(v[at])) {
            at++;
            done = 0;
            continue;
        }
        struct op o = step_op(v[at], done);
        if (ops > 0 && (ops == PK_MULTI_OPS || len + op_len(&o) > pk_multi_room(core)))
            break;
        len += op_len(&o);
        ops++;
        done++;
    }
    uint8_t *p;
    if (ops == 0 || pk_send_internal_body(core, c, PK_ANSWER_PROMOTION, PK_OP_MULTI, len, &p) == NULL)
        return false;
    for (uint32_t i = 0; i < ops;) {
        if (s->done == steps_of(v[s->at])) {
            s->at++;
            s->done = 0;
            continue;
        }
        struct op o = step_op(v[s->at], s->done++);
        p = op_put(p, &o);
        i++;
    }
    pk_put_multi(p, -1, true, -1);
    return true;
}

void pk_replay_pairs(struct core *core, struct pk_conn *c, const struct pk_znode *parent, int32_t pairs)
{
    struct op make = dummy_op(parent, true), drop = dummy_op(parent, false);
    size_t len = PK_MULTI_HEADER + (size_t)pairs * (op_len(&make) + op_len(&drop));
    uint8_t *p;
    if (pk_send_internal_body(core, c, PK_ANSWER_PROMOTION, PK_OP_MULTI, len, &p) == NULL)
        return;
    for (int32_t i = 0; i < pairs; i++)
        p = op_put(op_put(p, &make), &drop);
    pk_put_multi(p, -1, true, -1);
}
