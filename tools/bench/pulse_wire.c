/*
 * Thrift's binary protocol, as much as Pacemaker's messages need: a struct is a list of fields (type byte, id of two
 * bytes, value), ended by a zero byte; strings and lists have an int32 length like jute's.
 *
 * Happy path: fields are put one after the other in the order that Storm puts them; reading goes through the fields
 * of each struct, takes those that are known and passes over the others. Failure modes: a value that runs past the
 * end, a type that is none, or structs nested deeper than any message has: no message.
 */
#include "tools/bench/pulse_wire.h"

enum { T_STOP = 0, T_BOOL = 2, T_I32 = 8, T_STRING = 11, T_STRUCT = 12, T_LIST = 15 };
enum { TYPE = 1, DATA = 2, MESSAGE_ID = 3 };   /* fields of HBMessage */
enum { PATH = 1, PULSE = 2, NODES = 5 };       /* of its data */
enum { PULSE_ID = 1, DETAILS = 2, NAMES = 1 }; /* of a pulse; of nodes */
enum { DEPTH_MAX = 4 };

/* ---- writing ---- */

static uint8_t *put_field(uint8_t *p, uint8_t type, uint8_t id)
{
    p[0] = type;
    p[1] = 0;
    p[2] = id;
    return p + 3;
}

static uint8_t *put_begin(uint8_t *p, int32_t type)
{
    p = pk_put_int(put_field(p + 4, T_I32, TYPE), type);
    return put_field(p, T_STRUCT, DATA);
}

static uint8_t *put_end(uint8_t *frame, uint8_t *p, int32_t id)
{
    *p++ = T_STOP;
    p = pk_put_int(put_field(p, T_I32, MESSAGE_ID), id);
    *p++ = T_STOP;
    pk_put_int(frame, (int32_t)(p - frame) - 4);
    return p;
}

uint8_t *pk_pulse_put_send(uint8_t *frame, int32_t id, struct pk_bytes path, struct pk_bytes data)
{
    uint8_t *p = put_field(put_begin(frame, PK_PULSE_SEND), T_STRUCT, PULSE);
    p = pk_put_bytes(put_field(p, T_STRING, PULSE_ID), path);
    p = pk_put_bytes(put_field(p, T_STRING, DETAILS), data);
    *p++ = T_STOP;
    return put_end(frame, p, id);
}

uint8_t *pk_pulse_put_path(uint8_t *frame, int32_t type, int32_t id, struct pk_bytes path)
{
    uint8_t *p = pk_put_bytes(put_field(put_begin(frame, type), T_STRING, PATH), path);
    return put_end(frame, p, id);
}

/* ---- reading ---- */

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

static void pass_over(struct pk_in *in, uint8_t type, int depth)
{
    uint8_t id;
    switch (type) {
    case T_BOOL:
        pk_in_take(in, 1);
        break;
    case T_I32:
        pk_in_take(in, 4);
        break;
    case T_STRING:
        pk_get_bytes(in);
        break;
    case T_STRUCT:
        while (depth < DEPTH_MAX && (type = get_field(in, &id)) != T_STOP)
            pass_over(in, type, depth + 1);
        in->bad |= depth == DEPTH_MAX;
        break;
    default:
        in->bad = true;
    }
}

static void get_pulse(struct pk_in *in, struct pk_pulse *m)
{
    uint8_t type, id;
    while ((type = get_field(in, &id)) != T_STOP) {
        if (type == T_STRING && id == PULSE_ID)
            m->path = pk_get_bytes(in);
        else if (type == T_STRING && id == DETAILS)
            m->data = pk_get_bytes(in);
        else
            pass_over(in, type, 0);
    }
}

static void get_nodes(struct pk_in *in, struct pk_pulse *m)
{
    uint8_t type, id;
    while ((type = get_field(in, &id)) != T_STOP) {
        if (type != T_LIST || id != NAMES) {
            pass_over(in, type, 0);
            continue;
        }
        const uint8_t *of = pk_in_take(in, 1);
        in->bad |= of == NULL || *of != T_STRING;
        m->nnodes = pk_get_count(in, 4);
        m->nodes = *in;
        for (int32_t i = 0; i < m->nnodes && !in->bad; i++)
            pk_get_bytes(in);
    }
}

static void get_data(struct pk_in *in, struct pk_pulse *m)
{
    uint8_t type, id;
    while ((type = get_field(in, &id)) != T_STOP) {
        if (type == T_STRING && id == PATH)
            m->path = pk_get_bytes(in);
        else if (type == T_STRUCT && id == PULSE)
            get_pulse(in, m);
        else if (type == T_STRUCT && id == NODES)
            get_nodes(in, m);
        else
            pass_over(in, type, 0);
    }
}

bool pk_pulse_read(const uint8_t *p, size_t n, struct pk_pulse *m)
{
    struct pk_in in = pk_in(p, n);
    uint8_t type, id;
    *m = (struct pk_pulse){.type = -1, .id = -1};
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
    return !in.bad && pk_in_left(&in) == 0 && m->type >= 0;
}

int32_t pk_pulse_id(const uint8_t *p, size_t n)
{
    struct pk_pulse m;
    return pk_pulse_read(p, n, &m) ? m.id : -1;
}
