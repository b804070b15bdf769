/*
 * Thrift's binary protocol, as much as Pacemaker's messages need: a struct is a list of fields (type byte, id of two
 * bytes, value), ended by a zero byte; strings and lists have an int32 length as jute's, but none is null.
 *
 * Happy path: fields are put in the order in which Storm puts them; reading goes through the fields of each struct,
 * takes those that are known and passes over the others. Failure modes: a value that runs past the end, a type that is
 * none, a union with two members, structs nested deeper than any message has: malformed.
 */
#include "proto/pulse.h"

enum {
    T_STOP = 0,
    T_BOOL = 2,
    T_BYTE = 3,
    T_DOUBLE = 4,
    T_I16 = 6,
    T_I32 = 8,
    T_I64 = 10,
    T_STRING = 11,
    T_STRUCT = 12,
    T_MAP = 13,
    T_SET = 14,
    T_LIST = 15
};
enum { TYPE = 1, DATA = 2, MESSAGE_ID = 3 };                    /* fields of HBMessage */
enum { PATH = 1, PULSE = 2, BOOLVAL = 3, NODES = 5, BLOB = 7 }; /* of its data */
enum { PULSE_ID = 1, DETAILS = 2, NAMES = 1 };                  /* of a pulse; of nodes */
enum { DEPTH_MAX = 8, NO_TYPE = -1 };
enum { CODE_LEN = 2, TOKEN_CODE = -500, TOKEN_HEAD = CODE_LEN + 4 }; /* of blobs */

/* ---- writing ---- */

static uint8_t *put_field(uint8_t *p, uint8_t type, uint8_t id)
{
    p[0] = type;
    p[1] = 0;
    p[2] = id;
    return p + 3;
}

/* What all messages begin with, behind the length word. */
static uint8_t *put_type(uint8_t *frame, int32_t type)
{
    return pk_put_int(put_field(frame + 4, T_I32, TYPE), type);
}

static uint8_t *put_data(uint8_t *frame, int32_t type)
{
    return put_field(put_type(frame, type), T_STRUCT, DATA);
}

static uint8_t *put_id(uint8_t *p, int32_t id)
{
    p = pk_put_int(put_field(p, T_I32, MESSAGE_ID), id);
    *p++ = T_STOP;
    return p;
}

/* Writes the length word of what is there, and `more` bytes that follow. */
static uint8_t *close_frame(uint8_t *frame, uint8_t *p, size_t more)
{
    pk_put32(frame, (uint32_t)((size_t)(p - frame) - 4 + more));
    return p;
}

static uint8_t *put_end(uint8_t *frame, uint8_t *p, int32_t id)
{
    *p++ = T_STOP;
    return close_frame(frame, put_id(p, id), 0);
}

/* A pulse up to its id. */
static uint8_t *put_pulse(uint8_t *frame, int32_t type, struct pk_bytes path)
{
    uint8_t *p = put_field(put_data(frame, type), T_STRUCT, PULSE);
    return pk_put_bytes(put_field(p, T_STRING, PULSE_ID), path);
}

uint8_t *pk_pulse_put_send(uint8_t *frame, int32_t id, struct pk_bytes path, struct pk_bytes details)
{
    uint8_t *p = put_pulse(frame, PK_PULSE_SEND, path);
    p = pk_put_bytes(put_field(p, T_STRING, DETAILS), details);
    *p++ = T_STOP;
    return put_end(frame, p, id);
}

uint8_t *pk_pulse_put_path(uint8_t *frame, enum pk_pulse_type type, int32_t id, struct pk_bytes path)
{
    return put_end(frame, pk_put_bytes(put_field(put_data(frame, (int32_t)type), T_STRING, PATH), path), id);
}

uint8_t *pk_pulse_put_reply(uint8_t *frame, int32_t type, int32_t id)
{
    return close_frame(frame, put_id(put_type(frame, type), id), 0);
}

uint8_t *pk_pulse_put_exists(uint8_t *frame, int32_t id, bool exists)
{
    uint8_t *p = put_field(put_data(frame, pk_pulse_answer(PK_PULSE_EXISTS)), T_BOOL, BOOLVAL);
    return put_end(frame, pk_put_bool(p, exists), id);
}

uint8_t *pk_pulse_put_missing(uint8_t *frame, int32_t id, struct pk_bytes path)
{
    uint8_t *p = put_pulse(frame, pk_pulse_answer(PK_PULSE_GET), path);
    *p++ = T_STOP;
    return put_end(frame, p, id);
}

uint8_t *pk_pulse_put_got(uint8_t *frame, struct pk_bytes path, uint32_t details)
{
    uint8_t *p = put_pulse(frame, pk_pulse_answer(PK_PULSE_GET), path);
    p = pk_put32(put_field(p, T_STRING, DETAILS), details);
    return close_frame(frame, p, (size_t)details + PK_PULSE_TAIL_LEN);
}

uint8_t *pk_pulse_put_listed(uint8_t *frame, int32_t count, size_t names)
{
    uint8_t *p = put_field(put_data(frame, pk_pulse_answer(PK_PULSE_LIST)), T_STRUCT, NODES);
    p = put_field(p, T_LIST, NAMES);
    *p++ = T_STRING;
    return close_frame(frame, pk_put_int(p, count), names + PK_PULSE_TAIL_LEN);
}

uint8_t *pk_pulse_put_tail(uint8_t *p, int32_t id)
{
    *p++ = T_STOP;
    *p++ = T_STOP;
    return put_id(p, id);
}

/* A message that consists of a blob of so many bytes, up to them. */
static uint8_t *put_blob(uint8_t *frame, int32_t type, size_t len)
{
    return pk_put32(put_field(put_data(frame, type), T_STRING, BLOB), (uint32_t)len);
}

static uint8_t *end_blob(uint8_t *frame, uint8_t *p)
{
    *p++ = T_STOP;
    *p++ = T_STOP;
    return close_frame(frame, p, 0);
}

uint8_t *pk_pulse_put_control(uint8_t *frame, enum pk_pulse_control code)
{
    return end_blob(frame, pk_put16(put_blob(frame, PK_PULSE_CONTROL, CODE_LEN), (uint16_t)code));
}

uint8_t *pk_pulse_put_token(uint8_t *frame, struct pk_bytes token)
{
    uint8_t *p =
        pk_put16(put_blob(frame, PK_PULSE_SASL, TOKEN_HEAD + (size_t)token.len), (uint16_t)TOKEN_CODE);
    p = pk_put32(p, token.len);
    if (token.len > 0)
        memcpy(p, token.p, token.len);
    return end_blob(frame, p + token.len);
}

/* ---- reading ---- */

bool pk_pulse_get_control(const struct pk_pulse *m, int16_t *code)
{
    if (m->type != PK_PULSE_CONTROL || m->data != PK_PULSE_BLOB || m->details.len < CODE_LEN)
        return false;
    *code = (int16_t)pk_load16(m->details.p);
    return true;
}

bool pk_pulse_get_token(const struct pk_pulse *m, struct pk_bytes *token)
{
    const struct pk_bytes *blob = &m->details;
    if (m->type != PK_PULSE_SASL || m->data != PK_PULSE_BLOB || blob->len < TOKEN_HEAD ||
        (int16_t)pk_load16(blob->p) != TOKEN_CODE)
        return false;
    *token = (struct pk_bytes){blob->p + TOKEN_HEAD, pk_load32(blob->p + CODE_LEN)};
    return token->len <= blob->len - TOKEN_HEAD;
}

/* The next field's type, T_STOP at the end of the struct or when the bytes are used up; *id is its number. */
static uint8_t get_field(struct pk_in *in, uint8_t *id)
{
    const uint8_t *p = pk_in_take(in, 1);
    uint8_t type = p != NULL ? *p : T_STOP;
    if (type == T_STOP)
        return T_STOP;
    p = pk_in_take(in, 2);
    *id = p != NULL && p[0] == 0 ? p[1] : 0;
    return p != NULL ? type : T_STOP;
}

/* A string or binary: never null. */
static struct pk_bytes get_string(struct pk_in *in)
{
    struct pk_bytes b = pk_get_bytes(in);
    in->bad |= b.p == NULL;
    return b;
}

static void pass_over(struct pk_in *in, uint8_t type, int depth);

/* A list, a set, or the two columns of a map. Every element has a byte at least. */
static void pass_elements(struct pk_in *in, int columns, int depth)
{
    const uint8_t *types = pk_in_take(in, (size_t)columns);
    int32_t n = pk_get_count(in, 1);
    in->bad |= types == NULL || n < 0;
    for (int32_t i = 0; i < n && !in->bad; i++)
        for (int column = 0; column < columns; column++)
            pass_over(in, types[column], depth);
}

static void pass_struct(struct pk_in *in, int depth)
{
    uint8_t type, id;
    while ((type = get_field(in, &id)) != T_STOP)
        pass_over(in, type, depth);
}

static void pass_over(struct pk_in *in, uint8_t type, int depth)
{
    in->bad |= depth == DEPTH_MAX;
    if (in->bad)
        return;
    switch (type) {
    case T_BOOL:
    case T_BYTE:
        pk_in_take(in, 1);
        break;
    case T_I16:
        pk_in_take(in, 2);
        break;
    case T_I32:
        pk_in_take(in, 4);
        break;
    case T_I64:
    case T_DOUBLE:
        pk_in_take(in, 8);
        break;
    case T_STRING:
        get_string(in);
        break;
    case T_STRUCT:
        pass_struct(in, depth + 1);
        break;
    case T_LIST:
    case T_SET:
        pass_elements(in, 1, depth + 1);
        break;
    case T_MAP:
        pass_elements(in, 2, depth + 1);
        break;
    default:
        in->bad = true;
    }
}

static void get_pulse(struct pk_in *in, struct pk_pulse *m)
{
    uint8_t type, id;
    m->data = PK_PULSE_DETAILS;
    while ((type = get_field(in, &id)) != T_STOP) {
        if (type == T_STRING && id == PULSE_ID)
            m->path = get_string(in);
        else if (type == T_STRING && id == DETAILS)
            m->details = get_string(in);
        else
            pass_over(in, type, 0);
    }
    in->bad |= m->path.p == NULL; /* a required field */
}

static void get_nodes(struct pk_in *in, struct pk_pulse *m)
{
    uint8_t type, id;
    m->data = PK_PULSE_NODES;
    while ((type = get_field(in, &id)) != T_STOP) {
        if (type != T_LIST || id != NAMES) {
            pass_over(in, type, 0);
            continue;
        }
        const uint8_t *of = pk_in_take(in, 1);
        in->bad |= of == NULL || *of != T_STRING;
        m->nnodes = pk_get_count(in, 4);
        in->bad |= m->nnodes < 0;
        m->nodes = *in;
        for (int32_t i = 0; i < m->nnodes && !in->bad; i++)
            get_string(in);
    }
}

static void get_member(struct pk_in *in, struct pk_pulse *m, uint8_t type, uint8_t id)
{
    if (type == T_STRING && (id == PATH || id == BLOB)) {
        m->data = id == PATH ? PK_PULSE_PATH : PK_PULSE_BLOB;
        *(id == PATH ? &m->path : &m->details) = get_string(in);
    } else if (type == T_STRUCT && id == PULSE) {
        get_pulse(in, m);
    } else if (type == T_BOOL && id == BOOLVAL) {
        m->data = PK_PULSE_BOOL;
        m->boolval = pk_get_bool(in);
    } else if (type == T_STRUCT && id == NODES) {
        get_nodes(in, m);
    } else {
        m->data = PK_PULSE_OTHERS;
        pass_over(in, type, 0);
    }
}

static void get_data(struct pk_in *in, struct pk_pulse *m)
{
    uint8_t type, id;
    in->bad |= m->data != PK_PULSE_NOTHING;
    type = get_field(in, &id);
    if (type != T_STOP)
        get_member(in, m, type, id);
    in->bad |= type == T_STOP || get_field(in, &id) != T_STOP;
}

enum pk_err pk_pulse_decode(const uint8_t *p, size_t len, struct pk_pulse *m)
{
    struct pk_in in = pk_in(p, len);
    uint8_t type, id;
    *m = (struct pk_pulse){.type = NO_TYPE, .id = -1};
    while ((type = get_field(&in, &id)) != T_STOP) {
        if (type == T_I32 && id == TYPE)
            m->type = pk_get_int(&in);
        else if (type == T_I32 && id == MESSAGE_ID)
            m->id = pk_get_int(&in);
        else if (type == T_STRUCT && id == DATA)
            get_data(&in, m);
        else
            pass_over(&in, type, 0);
    }
    return in.bad || m->type < 0 || m->type >= PK_PULSE_TYPES ? PK_EMALFORMED : PK_OK;
}

bool pk_pulse_complete(const struct pk_pulse *m)
{
    switch (m->type) {
    case PK_PULSE_CREATE_PATH:
    case PK_PULSE_EXISTS:
    case PK_PULSE_GET_ALL:
    case PK_PULSE_LIST:
    case PK_PULSE_GET:
    case PK_PULSE_DELETE:
    case PK_PULSE_DELETE_ID:
        return m->data == PK_PULSE_PATH;
    case PK_PULSE_SEND:
        return m->data == PK_PULSE_DETAILS && m->details.p != NULL;
    case PK_PULSE_CONTROL:
    case PK_PULSE_SASL:
        return m->data == PK_PULSE_BLOB;
    default:
        return true;
    }
}
