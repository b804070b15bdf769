/*
 * The answers to a multi.
 *
 * Happy path: the first result is not an error, so none is.
 * Failure modes: an answer that does not decode has no first error; the caller treats it as a refusal of the whole.
 */
#include "proto/multi.h"

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
