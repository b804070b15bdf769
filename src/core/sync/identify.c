/*
 * Learning who a client is. Happy path: an identity is remembered as soon as the ensemble accepts what proves it.
 * Failure modes: credentials that are refused, of another scheme, or that do not decode prove nothing; a server that is
 * older, or does not tell its release, is not asked, and a relayed SASL exchange proves nothing there.
 */
#include "core/sync/identify.h"

static const struct pk_bytes sasl_scheme = {(const uint8_t *)"sasl", 4};

static void no_memory(struct pk_sync *sync, struct pk_client *c)
{
    pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
}

void pk_identify_claim(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e, struct pk_bytes body)
{
    struct pk_in in = pk_in(body.p, body.len);
    pk_get_int(&in); /* AuthPacket.type, which means nothing */
    struct pk_bytes scheme = pk_get_bytes(&in), secret = pk_get_bytes(&in);
    if (e->op != PK_OP_AUTH || in.bad || secret.p == NULL || !pk_bytes_eq(scheme, PK_BYTES("digest")))
        return;
    e->data = pk_identity_of_digest(sync->mem, secret);
    if (e->data == NULL)
        no_memory(sync, c);
}

static void add(struct pk_sync *sync, struct pk_client *c, struct pk_blob *identity)
{
    if (identity == NULL || pk_identities_add(sync->mem, &c->identities, identity) == PK_ENOMEM)
        no_memory(sync, c);
}

/* GSSAPI ends with a null token, DIGEST-MD5 with this one. */
static bool ends_exchange(struct pk_bytes body)
{
    const struct pk_bytes last = PK_BYTES("rspauth=");
    struct pk_in in = pk_in(body.p, body.len);
    struct pk_bytes token = pk_get_bytes(&in);
    if (in.bad)
        return false;
    return token.p == NULL || (token.len > last.len && memcmp(token.p, last.p, last.len) == 0);
}

void pk_identify_answered(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                          const struct pk_reply *r, struct pk_bytes body)
{
    uint8_t *none;
    if (r->err != PK_Z_OK)
        return;
    if (e->op == PK_OP_AUTH && e->data != NULL)
        add(sync, c, e->data);
    if (e->op == PK_OP_SASL && ends_exchange(body) && c->up.release >= PK_RELEASE_WHO_AM_I)
        (void)!pk_send_internal_body(sync->conns, &c->up, PK_ANSWER_WHO_AM_I, PK_OP_WHO_AM_I, 0, NULL, &none);
}

void pk_identify_told(struct pk_sync *sync, struct pk_client *c, const struct pk_reply *r,
                      struct pk_bytes body)
{
    struct pk_in in = pk_in(body.p, body.len);
    for (int32_t n = r->err == PK_Z_OK ? pk_get_count(&in, 8) : 0; n > 0 && !in.bad; n--) {
        struct pk_bytes scheme = pk_get_bytes(&in), id = pk_get_bytes(&in);
        if (in.bad || id.p == NULL || !pk_bytes_eq(scheme, sasl_scheme))
            continue;
        struct pk_blob *identity = pk_identity_new(sync->mem, scheme, id);
        add(sync, c, identity);
        pk_blob_unref(sync->mem, identity);
    }
    pk_client_wake(sync->conns, c);
}

bool pk_identify_pending(const struct pk_client *c)
{
    const struct pk_list *entries = &c->up.awaited.entries;
    for (const struct pk_list *at = entries->next; at != entries; at = at->next)
        if (PK_CONTAINER(at, struct pk_entry, uplink)->answer == PK_ANSWER_WHO_AM_I)
            return true;
    return false;
}
