/*
 * Identities of a client. Happy path: few, compared as bytes. Failure modes: out of memory is the caller's to handle;
 * what is beyond the bounds is not remembered.
 */
#include "core/conn/identity.h"

#include "proto/digest.h"

struct pk_blob *pk_identity_new(const struct pk_mem *mem, struct pk_bytes scheme, struct pk_bytes id)
{
    struct pk_blob *b = pk_blob_room(mem, (size_t)scheme.len + 1 + id.len);
    if (b == NULL)
        return NULL;
    if (scheme.len > 0)
        memcpy(b->bytes, scheme.p, scheme.len);
    b->bytes[scheme.len] = ':';
    if (id.len > 0)
        memcpy(b->bytes + scheme.len + 1, id.p, id.len);
    return b;
}

struct pk_blob *pk_identity_of_digest(const struct pk_mem *mem, struct pk_bytes user_password)
{
    static const char scheme[] = "digest:";
    struct pk_blob *b = pk_blob_room(mem, sizeof scheme - 1 + pk_digest_id_len(user_password));
    if (b == NULL)
        return NULL;
    memcpy(b->bytes, scheme, sizeof scheme - 1);
    pk_digest_id(b->bytes + sizeof scheme - 1, user_password);
    return b;
}

bool pk_identities_have(const struct pk_identities *ids, struct pk_bytes identity)
{
    for (uint32_t i = 0; i < ids->n; i++)
        if (pk_bytes_eq((struct pk_bytes){ids->v[i]->bytes, ids->v[i]->len}, identity))
            return true;
    return false;
}

enum pk_err pk_identities_add(const struct pk_mem *mem, struct pk_identities *ids, struct pk_blob *identity)
{
    if (pk_identities_have(ids, (struct pk_bytes){identity->bytes, identity->len}))
        return PK_OK;
    if (identity->len > PK_IDENTITY_LEN || ids->n == PK_IDENTITIES_MAX)
        return PK_ELIMIT;
    struct pk_blob **v = pk_resize(mem, ids->v, (ids->n + 1) * sizeof(struct pk_blob *));
    if (v == NULL)
        return PK_ENOMEM;
    ids->v = v;
    v[ids->n++] = pk_blob_ref(identity);
    return PK_OK;
}

void pk_identities_address(struct pk_identities *ids, const uint8_t *address, size_t len)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (len == PK_ADDRESS_BYTES_MAX && memcmp(address, mapped, sizeof mapped) == 0) {
        address += sizeof mapped;
        len -= sizeof mapped;
    }
    if (len != 4 && len != PK_ADDRESS_BYTES_MAX)
        len = 0;
    ids->address_len = (uint8_t)len;
    if (len > 0)
        memcpy(ids->address, address, len);
}

static bool is_at(const struct pk_identities *ids, const struct core_who *at)
{
    uint32_t whole = at->prefix / 8, rest = at->prefix % 8;
    if (at->address_len == 0 || ids->address_len != at->address_len ||
        memcmp(ids->address, at->address, whole) != 0)
        return false;
    return rest == 0 || ((ids->address[whole] ^ at->address[whole]) >> (8 - rest)) == 0;
}

bool pk_identities_allowed(const struct pk_identities *ids, const struct pk_policy *policy, int32_t perms)
{
    if (policy == NULL)
        return true;
    for (size_t i = 0; i < policy->n; i++) {
        const struct pk_policy_entry *e = &policy->entries[i];
        if ((e->perms & perms) == 0)
            continue;
        if (e->anyone || is_at(ids, &e->at) ||
            pk_identities_have(ids, (struct pk_bytes){e->who->bytes, e->who->len}))
            return true;
    }
    return false;
}

void pk_identities_drop(const struct pk_mem *mem, struct pk_identities *ids)
{
    for (uint32_t i = 0; i < ids->n; i++)
        pk_blob_unref(mem, ids->v[i]);
    pk_free(mem, ids->v);
    *ids = (struct pk_identities){0};
}
