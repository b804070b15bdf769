/*
 * /zookeeper/config without client addresses.
 *
 * Happy path: each "server." line is copied up to its ';', everything else as it is.
 * Failure modes: an answer that does not decode is reported with 0 and forwarded untouched.
 */
#include "proto/ensemble_config.h"

const struct pk_bytes pk_config_path = {(const uint8_t *)"/zookeeper/config", 17};

/* Copies data to `to` (room for data.len bytes) without the client addresses; returns the length. */
static size_t filter(uint8_t *to, struct pk_bytes data)
{
    static const char server[] = "server.";
    size_t out = 0;
    for (size_t i = 0; i < data.len;) {
        const uint8_t *line = data.p + i, *nl = memchr(line, '\n', data.len - i);
        size_t len = nl != NULL ? (size_t)(nl - line) : data.len - i, keep = len;
        if (len >= sizeof server - 1 && memcmp(line, server, sizeof server - 1) == 0) {
            const uint8_t *semicolon = memchr(line, ';', len);
            if (semicolon != NULL)
                keep = (size_t)(semicolon - line);
        }
        memcpy(to + out, line, keep);
        out += keep;
        if (nl != NULL)
            to[out++] = '\n';
        i += len + (nl != NULL);
    }
    return out;
}

/* Buffer and Stat from in to p; returns the end, or NULL. */
static uint8_t *filter_one(uint8_t *p, struct pk_in *in, bool ours)
{
    struct pk_bytes data = pk_get_bytes(in);
    const uint8_t *stat = pk_in_take(in, PK_STAT_LEN);
    if (stat == NULL)
        return NULL;
    struct pk_stat st;
    pk_stat_load(&st, stat);
    if (data.p == NULL || !ours) {
        p = pk_put_bytes(p, data);
    } else {
        size_t n = filter(p + 4, data);
        pk_put32(p, (uint32_t)n);
        p += 4 + n;
        st.data_length = (int32_t)n;
    }
    return pk_stat_put(p, &st);
}

size_t pk_config_answer(uint8_t *to, struct pk_bytes body)
{
    struct pk_in in = pk_in(body.p, body.len);
    const uint8_t *end = filter_one(to, &in, true);
    return end != NULL && pk_in_left(&in) == 0 ? (size_t)(end - to) : 0;
}

static bool prechecks_config(const struct pk_request *sub)
{
    return sub->op == PK_OP_GET_DATA && pk_bytes_eq(sub->path, pk_config_path);
}

bool pk_config_in_multi(struct pk_bytes asked)
{
    struct pk_in in = pk_in(asked.p, asked.len);
    struct pk_request sub;
    while (pk_multi_next(&in, &sub))
        if (prechecks_config(&sub))
            return true;
    return false;
}

/* One result of a multiRead: error code, children, or data. */
static uint8_t *copy_result(uint8_t *p, struct pk_in *in, int32_t type, bool ours)
{
    if (type == PK_OP_GET_DATA)
        return filter_one(p, in, ours);
    const uint8_t *start = in->p;
    if (type == -1) {
        pk_get_int(in);
    } else if (type == PK_OP_GET_CHILDREN) {
        for (int32_t n = pk_get_count(in, 4); n > 0 && !in->bad; n--)
            pk_get_bytes(in);
    } else {
        return NULL;
    }
    if (in->bad)
        return NULL;
    memcpy(p, start, (size_t)(in->p - start));
    return p + (in->p - start);
}

size_t pk_config_multi_answer(uint8_t *to, struct pk_bytes body, struct pk_bytes asked)
{
    struct pk_in in = pk_in(body.p, body.len), ops = pk_in(asked.p, asked.len);
    struct pk_request sub;
    uint8_t *p = to;
    for (;;) {
        const uint8_t *head = pk_in_take(&in, PK_MULTI_HEADER);
        if (head == NULL)
            return 0;
        memcpy(p, head, PK_MULTI_HEADER);
        p += PK_MULTI_HEADER;
        if (head[4] != 0)
            return pk_in_left(&in) == 0 ? (size_t)(p - to) : 0;
        if (!pk_multi_next(&ops, &sub))
            return 0;
        p = copy_result(p, &in, (int32_t)pk_load32(head), prechecks_config(&sub));
        if (p == NULL)
            return 0;
    }
}
