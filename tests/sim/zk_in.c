/*
 * Numbers, strings and buffers of a request's body, and a connect request whole (zk_in.h).
 *
 * Happy path: each call takes its bytes off the front.
 * Failure modes: what is not there, or does not fit, sets bad; from then on everything reads as nothing.
 */
#include "zk_in.h"

#include <stdio.h>
#include <string.h>

int64_t zk_in_long(struct zk_in *in)
{
    int64_t high = zk_in_int(in), low = zk_in_int(in);
    return high * ((int64_t)1 << 32) + (low & 0xffffffff);
}

int64_t zk_in_int(struct zk_in *in)
{
    int64_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v * 256 + zk_in_byte(in);
    return v > INT32_MAX ? v - ((int64_t)1 << 32) : v;
}

int zk_in_byte(struct zk_in *in)
{
    if (in->bad || in->p == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->p++;
}

const uint8_t *zk_in_buf(struct zk_in *in, int *len)
{
    *len = (int)zk_in_int(in);
    if (in->bad || *len < -1 || *len > in->end - in->p) {
        in->bad = true;
        *len = -1;
    }
    const uint8_t *p = in->p;
    in->p += *len > 0 ? *len : 0;
    return p;
}

bool zk_in_str(struct zk_in *in, char *room, size_t size)
{
    int len;
    const uint8_t *p = zk_in_buf(in, &len);
    if (in->bad || len < 0 || (size_t)len >= size) {
        in->bad = true;
        room[0] = 0;
        return false;
    }
    if (len > 0)
        memcpy(room, p, (size_t)len);
    room[len] = 0;
    return true;
}

bool zk_in_connect(struct zk_in *in, struct zk_connect *c)
{
    zk_in_int(in);
    c->seen = zk_in_long(in);
    c->timeout_ms = (int)zk_in_int(in);
    c->session = zk_in_long(in);
    c->passwd = zk_in_buf(in, &c->passwd_len);
    c->read_only_byte = in->p < in->end;
    return !in->bad;
}
