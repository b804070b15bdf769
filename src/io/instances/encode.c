/*
 * Requests of our own. Happy path: room for the longest form, then field by field. Failure modes: no memory.
 */
#include "io/instances/encode.h"

#include <stdlib.h>
#include <string.h>

#include "io/config/auth.h"

static struct pk_bytes text(const char *s)
{
    return (struct pk_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

/* world:anyone, with these permissions. */
static uint8_t *put_acl(uint8_t *p, int32_t perms)
{
    uint8_t *end = pk_put_open_acl(p);
    pk_put_int(p + 4, perms);
    return end;
}

static uint8_t *put_create(uint8_t *p, const struct pk_ask *ask)
{
    p = pk_put_bytes(pk_put_bytes(p, text(ask->path)), text(ask->text));
    p = put_acl(p, ask->marker ? PK_PERM_READ : PK_PERM_ALL);
    return pk_put_int(p, ask->marker ? PK_CREATE_EPHEMERAL : PK_CREATE_PERSISTENT);
}

static size_t body_len(const struct pk_ask *ask)
{
    if (ask->op == PK_OP_CLOSE_SESSION)
        return 0;
    size_t len = pk_bytes_len(text(ask->path));
    return ask->op == PK_OP_CREATE ? len + pk_bytes_len(text(ask->text)) + PK_OPEN_ACL_LEN + 4 : len + 1;
}

uint8_t *pk_encode_ask(const struct pk_ask *ask, int32_t xid, size_t *len)
{
    size_t body = body_len(ask);
    *len = PK_LEN_WORD + PK_REQUEST_HEADER + body;
    uint8_t *frame = malloc(*len);
    if (frame == NULL)
        return NULL;
    uint8_t *p = pk_put_request(frame, body, xid, ask->op);
    if (ask->op == PK_OP_CREATE)
        put_create(p, ask);
    else if (body > 0)
        pk_put_bool(pk_put_bytes(p, text(ask->path)), false);
    return frame;
}

uint8_t *pk_encode_auth(const struct pk_auth_entry *entry, size_t *len)
{
    struct pk_bytes secret = {entry->secret, (uint32_t)entry->len};
    size_t body = 4 + pk_bytes_len(text(entry->scheme)) + pk_bytes_len(secret);
    *len = PK_LEN_WORD + PK_REQUEST_HEADER + body;
    uint8_t *frame = malloc(*len);
    if (frame == NULL)
        return NULL;
    uint8_t *p = pk_put_int(pk_put_request(frame, body, PK_XID_AUTH, PK_OP_AUTH), 0);
    pk_put_bytes(pk_put_bytes(p, text(entry->scheme)), secret);
    return frame;
}

uint8_t *pk_encode_connect(int32_t timeout_ms, int64_t session, const uint8_t passwd[PK_PASSWD_LEN],
                           size_t *len)
{
    *len = PK_LEN_WORD + PK_CONNECT_REQUEST_LEN;
    uint8_t *frame = malloc(*len);
    if (frame != NULL)
        pk_put_connect_request(frame, 0, timeout_ms, session, passwd);
    return frame;
}
