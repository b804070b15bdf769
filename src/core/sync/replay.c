/*
 * The steps of a replay.
 *
 * Happy path: version n is n setData after the create.
 * Failure modes: a znode with more than PK_REPLAY_MAX absorbed writes starts at a lower version, which the caller says.
 */
#include "core/sync/replay.h"

static const char dummy_name[] = "/pacekeeper-counts";

struct pk_multi_op pk_replay_create(const struct pk_znode *z)
{
    return (struct pk_multi_op){.type = PK_OP_CREATE, .znode = z, .data = pk_blob_view(z->data)};
}

struct pk_multi_op pk_replay_delete(const struct pk_znode *z)
{
    return (struct pk_multi_op){.type = PK_OP_DELETE, .znode = z, .version = -1};
}

struct pk_multi_op pk_replay_pair(const struct pk_znode *parent, bool create)
{
    return (struct pk_multi_op){.type = create ? PK_OP_CREATE : PK_OP_DELETE,
                                .znode = parent,
                                .suffix = PK_BYTES(dummy_name),
                                .data = PK_BYTES(""),
                                .version = create ? PK_CREATE_PERSISTENT : -1};
}

int32_t pk_replay_steps(const struct pk_znode *z)
{
    int32_t version = z->held.version;
    int64_t steps = 2 * (int64_t)pk_znode_local_deletes(z) + version;
    if (steps < 0 && version >= 0)
        return 0;
    return version < 0 || steps > PK_REPLAY_MAX ? PK_REPLAY_MAX : (int32_t)steps;
}

struct pk_multi_op pk_replay_step(const struct pk_znode *z, int32_t i)
{
    int32_t steps = pk_replay_steps(z), deletes = 2 * pk_znode_local_deletes(z);
    if (deletes > steps - 1 && z->held.version != 0)
        deletes = (steps - 1) & ~1;
    if (i < deletes)
        return pk_replay_pair(z, i % 2 == 0);
    bool last = i == steps - 1;
    return (struct pk_multi_op){.type = PK_OP_SET_DATA,
                                .znode = z,
                                .data = last ? pk_blob_view(z->data) : PK_BYTES(""),
                                .version = i == deletes ? 0 : -1};
}
