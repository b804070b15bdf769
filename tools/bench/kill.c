/*
 * Tearing topologies down, as Nimbus does through Curator: exists, delete (NOTEMPTY), getChildren, for each
 * child getChildren and delete, delete; then a look whether it is gone.
 *
 * Happy path: topology after topology, one request at a time, on Nimbus' writing session; the last look is a
 * synced one on the reading session. Failure modes: an unexpected code counts in `refused` and the next
 * topology's turn comes.
 */
#include "proto/records.h"
#include "tools/bench/paths.h"
#include "tools/bench/request.h"
#include "tools/bench/storm.h"

static void kill_next(struct pk_storm *st, uint64_t now);
static void delete_topology(struct pk_zs *s, uint64_t now);

static struct pk_bytes topology(struct pk_storm *st)
{
    return pk_zs_path(st->topology[st->nimbus.topology]);
}

static void unexpected(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    st->tally.refused++;
    if (r->err != PK_ZS_LOST) {
        st->nimbus.topology++;
        kill_next(st, r->answered);
    }
}

static void on_gone(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_NO_NODE) {
        unexpected(s, r);
        return;
    }
    st->nimbus.topology++;
    kill_next(st, r->answered);
}

static void on_synced(struct pk_zs *s, const struct pk_zs_reply *r)
{
    if (r->err != PK_Z_OK)
        unexpected(s, r);
    else
        pk_zs_read(s, PK_OP_EXISTS, topology(pk_storm_of(s)), on_gone, r->answered);
}

static void next_child(struct pk_zs *s, uint64_t now);

static void on_child_deleted(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_OK) {
        unexpected(s, r);
        return;
    }
    st->nimbus.at++;
    next_child(s, r->answered);
}

static void on_grandchildren(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    struct pk_in in = pk_in(r->body, r->len);
    if (r->err != PK_Z_OK || pk_get_int(&in) > 0)
        unexpected(s, r);
    else
        pk_zs_delete(s, pk_zs_path(st->w[st->nimbus.list[st->nimbus.at]].path), on_child_deleted,
                     r->answered);
}

static void next_child(struct pk_zs *s, uint64_t now)
{
    struct pk_storm *st = pk_storm_of(s);
    if (st->nimbus.at < st->nimbus.listed)
        pk_zs_read(s, PK_OP_GET_CHILDREN, pk_zs_path(st->w[st->nimbus.list[st->nimbus.at]].path),
                   on_grandchildren, now);
    else
        delete_topology(s, now);
}

static void on_children(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    struct pk_in in = pk_in(r->body, r->len);
    int32_t count = r->err == PK_Z_OK ? pk_get_count(&in, 4) : 0;
    st->nimbus.at = 0;
    st->nimbus.listed = 0;
    for (int32_t k = 0; k < count && st->nimbus.listed < st->workers; k++) {
        uint32_t i = pk_worker_number(pk_get_bytes(&in));
        if (i < st->workers)
            st->nimbus.list[st->nimbus.listed++] = i;
    }
    if (st->nimbus.listed == 0)
        unexpected(s, r);
    else
        next_child(s, r->answered);
}

static void on_topology_deleted(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err == PK_Z_NOT_EMPTY) {
        pk_zs_read(s, PK_OP_GET_CHILDREN, topology(st), on_children, r->answered);
    } else if (r->err == PK_Z_OK) {
        pk_zs_read(pk_storm_reader(st), PK_OP_SYNC, topology(st), on_synced, r->answered);
    } else {
        unexpected(s, r);
    }
}

static void delete_topology(struct pk_zs *s, uint64_t now)
{
    pk_zs_delete(s, topology(pk_storm_of(s)), on_topology_deleted, now);
}

static void on_exists(struct pk_zs *s, const struct pk_zs_reply *r)
{
    if (r->err == PK_Z_OK)
        delete_topology(s, r->answered);
    else
        unexpected(s, r);
}

static void kill_next(struct pk_storm *st, uint64_t now)
{
    if (st->nimbus.topology < st->topologies)
        pk_zs_read(pk_storm_writer(st), PK_OP_EXISTS, topology(st), on_exists, now);
    else
        pk_storm_enter(st, PK_STORM_CLEARING);
}

void pk_nimbus_kill(struct pk_storm *st)
{
    st->nimbus.topology = 0;
    kill_next(st, uv_hrtime());
    pk_zs_flush(&st->b->zl);
}
