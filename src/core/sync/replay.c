/*
 * The steps of a replay.
 *
 * Happy path: version n is n setData behind the create.
 * Failure modes: a znode with more steps than its bound starts at a lower version, which the caller says.
 */
#include "core/sync/replay.h"

struct pk_multi_op pk_replay_pair(const struct pk_znode *parent, bool create, struct pk_bytes dummy)
{
    return (struct pk_multi_op){.type = create ? PK_OP_CREATE : PK_OP_DELETE,
                                .znode = parent,
                                .suffix = dummy,
                                .data = PK_BYTES(""),
                                .acl = pk_open_acl(),
                                .version = create ? PK_CREATE_PERSISTENT : -1};
}

static int32_t bound_of(const struct pk_znode *z)
{
    int32_t share = z->tracking != NULL ? z->tracking->replay_share : 0;
    return share > 0 && share <= PK_REPLAY_MAX ? share - 1 : PK_REPLAY_MAX;
}

int32_t pk_replay_steps(const struct pk_znode *z)
{
    int32_t version = z->held.version, bound = bound_of(z);
    int64_t steps = 2 * (int64_t)pk_znode_local_deletes(z) + version;
    return version < 0 || steps > bound ? bound : (int32_t)steps;
}

/* Of the steps so many are for local deletes: pairs, and none in place of the last write. */
static int32_t delete_steps(const struct pk_znode *z)
{
    int32_t steps = pk_replay_steps(z), writes = z->held.version != 0;
    int64_t deletes = 2 * (int64_t)pk_znode_local_deletes(z);
    if (deletes <= steps - writes)
        return (int32_t)deletes;
    return steps > writes ? (steps - writes) & ~1 : 0;
}

int32_t pk_replay_version(const struct pk_znode *z)
{
    return z->held.version != 0 ? pk_replay_steps(z) - delete_steps(z) : 0;
}

int32_t pk_replay_ops(const struct pk_znode *z)
{
    return 1 + delete_steps(z) + pk_replay_version(z);
}

struct pk_multi_op pk_replay_op(const struct pk_znode *z, int32_t i, struct pk_bytes acl,
                                struct pk_bytes dummy)
{
    int32_t deletes = delete_steps(z), writes = pk_replay_version(z);
    if (i > 0 && i <= deletes)
        return pk_replay_pair(z, i % 2 == 1, dummy);
    bool first = i == 0 || i == deletes + 1; /* flags of a plain create, and the version that it left */
    bool last = i == 0 ? writes == 0 : i == deletes + writes;
    return (struct pk_multi_op){.type = i == 0 ? PK_OP_CREATE : PK_OP_SET_DATA,
                                .znode = z,
                                .data = last ? pk_blob_view(z->data) : PK_BYTES(""),
                                .acl = acl,
                                .version = first ? 0 : -1};
}

static size_t op_len(const struct pk_znode *z, int32_t i, struct pk_bytes acl, struct pk_bytes dummy)
{
    struct pk_multi_op o = pk_replay_op(z, i, acl, dummy);
    return pk_multi_op_len(&o);
}

/* Steps of one kind are of one length, but for the data that the last one brings. */
size_t pk_replay_len(const struct pk_znode *z, struct pk_bytes acl, struct pk_bytes dummy)
{
    int32_t deletes = delete_steps(z), writes = pk_replay_version(z);
    size_t len = op_len(z, 0, acl, dummy);
    if (deletes > 0)
        len += (size_t)deletes / 2 * (op_len(z, 1, acl, dummy) + op_len(z, 2, acl, dummy));
    if (writes > 0)
        len += (size_t)(writes - 1) * op_len(z, deletes + 1, acl, dummy) +
               op_len(z, deletes + writes, acl, dummy);
    return len;
}

void pk_replay_cut(struct pk_znode *z, size_t most, struct pk_bytes acl, struct pk_bytes dummy)
{
    for (int32_t n = pk_replay_steps(z); n > 0 && pk_replay_len(z, acl, dummy) > most; n--)
        z->tracking->replay_share = n; /* that is n - 1 steps */
}
