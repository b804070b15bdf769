/*
 * Vouching. Happy path: nobody has proved anything, and nothing is sent. Failure modes: out of memory, which ends the
 * client: without its identities it would be refused what it may do.
 */
#include "core/conn/vouch.h"

#include "proto/member.h"

static enum pk_err send(struct pk_conns *conns, struct pk_uplink *u, const struct pk_blob *identity)
{
    uint8_t *p = pk_out_room(&conns->out, &u->out, PK_LEN_WORD + (size_t)identity->len);
    if (p == NULL)
        return PK_ENOMEM;
    memcpy(pk_put32(p, PK_MEMBER_VOUCHES | identity->len), identity->bytes, identity->len);
    return PK_OK;
}

enum pk_err pk_vouch_all(struct pk_conns *conns, struct pk_uplink *u)
{
    enum pk_err err = PK_OK;
    if (u->client == NULL || u->where != PK_TO_MEMBER_RELAY)
        return PK_OK;
    const struct pk_identities *ids = &u->client->identities;
    for (uint32_t i = 0; i < ids->n && err == PK_OK; i++)
        err = send(conns, u, ids->v[i]);
    return err;
}

enum pk_err pk_vouch(struct pk_conns *conns, struct pk_uplink *u, const struct pk_blob *identity)
{
    bool begun = u->state == PK_UPLINK_HANDSHAKE || u->state == PK_UPLINK_UP;
    if (u->where != PK_TO_MEMBER_RELAY || !begun || u->ending)
        return PK_OK;
    pk_conn_changed(conns, u);
    return send(conns, u, identity);
}

bool pk_vouch_is(const struct pk_client *c, uint32_t word)
{
    return c->relayed && (word & PK_MEMBER_VOUCHES) != 0;
}

uint32_t pk_vouch_len(uint32_t word)
{
    return word & ~PK_MEMBER_VOUCHES;
}

void pk_vouch_taken(struct pk_conns *conns, struct pk_client *c, const uint8_t *frame)
{
    struct pk_blob *identity = pk_blob_new(conns->mem, frame + PK_LEN_WORD, pk_vouch_len(pk_load32(frame)));
    enum pk_err err = PK_ENOMEM;
    if (identity != NULL)
        err = pk_identities_add(conns->mem, &c->identities, identity);
    pk_blob_unref(conns->mem, identity);
    if (err == PK_ENOMEM)
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
}
