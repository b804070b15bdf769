/*
 * What the simulated Nimbus does while topologies run: make Storm's directories, submit topologies, and read
 * every beat again and again, one request at a time, checking what it reads.
 *
 * Happy path of a scan: list the topologies, list each one's workers, exists and getData of every worker.
 * Failure modes: values that are wrong are counted by kind (storm.h); a code that Storm would not
 * expect counts in `refused`.
 */
#include "proto/records.h"
#include "tools/bench/beat.h"
#include "tools/bench/paths.h"
#include "tools/bench/request.h"
#include "tools/bench/storm.h"

/* ---- submitting ---- */

static void submit_next(struct pk_storm *st);

static void on_topology_created(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_OK) {
        pk_storm_fail(st, "a topology's directory could not be created");
        return;
    }
    if (++st->nimbus.topology < st->topologies)
        submit_next(st);
    else
        pk_storm_enter(st, PK_STORM_FURNISHING);
}

static void on_topology_absent(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_NO_NODE)
        pk_storm_fail(st, "a new topology's directory is already there");
    else
        pk_zs_create(s, pk_zs_path(st->topology[st->nimbus.topology]), PK_BYTES("\x07"), on_topology_created,
                     r->answered);
}

static void on_beats_root(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_OK)
        pk_storm_fail(st, "workerbeats is not there");
    else
        pk_zs_read(s, PK_OP_EXISTS, pk_zs_path(st->topology[st->nimbus.topology]), on_topology_absent,
                   r->answered);
}

static void submit_next(struct pk_storm *st)
{
    pk_zs_read(pk_storm_writer(st), PK_OP_EXISTS, pk_zs_path(st->beats_root), on_beats_root, uv_hrtime());
}

static void make_dir(struct pk_storm *st);

static void on_dir_made(struct pk_zs *s, int err)
{
    struct pk_storm *st = pk_storm_of(s);
    if (err != PK_Z_OK)
        pk_storm_fail(st, "one of Storm's directories could not be created");
    else if (++st->nimbus.at < pk_storm_ndirs)
        make_dir(st);
    else
        submit_next(st);
}

static void make_dir(struct pk_storm *st)
{
    char path[PK_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", st->b->opt.root, pk_storm_dirs[st->nimbus.at]);
    pk_mkdirs(&st->mkdirs, pk_storm_writer(st), path, on_dir_made);
}

void pk_nimbus_submit(struct pk_storm *st)
{
    st->nimbus.topology = 0;
    st->nimbus.at = 0;
    make_dir(st);
    pk_zs_flush(&st->b->zl);
}

/* ---- scanning ---- */

static void list_topology(struct pk_storm *st, uint64_t now);
static void read_worker(struct pk_storm *st, uint64_t now);

static void count_read(struct pk_storm *st, const struct pk_zs_reply *r)
{
    st->tally.reads++;
    pk_bench_time(&st->tally.read, r->asked, r->answered);
}

static void next_worker(struct pk_storm *st, uint64_t now)
{
    struct pk_nimbus *n = &st->nimbus;
    if (++n->at < n->listed) {
        read_worker(st, now);
    } else if (++n->topology < st->topologies) {
        list_topology(st, now);
    } else {
        st->tally.scans++;
        pk_bench_time(&st->tally.scan, n->scan_from, now);
        n->busy = false;
        pk_storm_idle(st);
    }
}

static void check_value(struct pk_storm *st, uint32_t i, const struct pk_zs_reply *r)
{
    struct pk_worker *w = &st->w[i];
    struct pk_in in = pk_in(r->body, r->len);
    struct pk_bytes data = pk_get_bytes(&in);
    const uint8_t *p = pk_in_take(&in, PK_STAT_LEN);
    uint64_t seq = pk_beat_check(data, data.len, i);
    struct pk_stat stat;
    if (p == NULL || data.len != pk_storm_beat_size(st, seq))
        seq = 0;
    if (!pk_tally_value(&st->tally, &w->beat, seq, st->phase == PK_STORM_CHECKING))
        return;
    pk_stat_load(&stat, p);
    st->tally.version_off += (uint64_t)stat.version != seq - 1 || (size_t)stat.data_length != data.len;
}

static void on_value(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    uint32_t i = st->nimbus.list[st->nimbus.at];
    count_read(st, r);
    if (r->err == PK_ZS_LOST)
        return;
    if (r->err == PK_Z_OK)
        check_value(st, i, r);
    else if (r->err == PK_Z_NO_NODE)
        st->tally.missing++;
    else
        st->tally.refused++;
    next_worker(st, r->answered);
}

static void on_worker(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    struct pk_worker *w = &st->w[st->nimbus.list[st->nimbus.at]];
    count_read(st, r);
    if (r->err == PK_ZS_LOST)
        return;
    if (r->err != PK_Z_OK) {
        st->tally.missing++;
        next_worker(st, r->answered);
        return;
    }
    w->beat.known = w->beat.acked;
    pk_zs_read(s, PK_OP_GET_DATA, pk_zs_path(w->path), on_value, r->answered);
}

static void read_worker(struct pk_storm *st, uint64_t now)
{
    const struct pk_worker *w = &st->w[st->nimbus.list[st->nimbus.at]];
    pk_zs_read(pk_storm_reader(st), PK_OP_EXISTS, pk_zs_path(w->path), on_worker, now);
}

/* Takes the workers of this run from a listing; others do not belong into a topology that this run submitted. */
static void take_listing(struct pk_storm *st, const struct pk_zs_reply *r)
{
    struct pk_nimbus *n = &st->nimbus;
    struct pk_in in = pk_in(r->body, r->len);
    int32_t count = pk_get_count(&in, 4);
    n->listed = 0;
    for (int32_t k = 0; k < count; k++) {
        uint32_t i = pk_worker_number(pk_get_bytes(&in));
        if (i >= st->workers || st->w[i].topology != n->topology || st->w[i].listed) {
            st->tally.corrupt++;
            continue;
        }
        st->w[i].listed = true;
        n->list[n->listed++] = i;
    }
    st->tally.corrupt += in.bad;
    for (uint32_t i = 0; i < st->workers; i++)
        if (st->w[i].topology == n->topology)
            st->tally.missing += st->w[i].beat.known > 0 && !st->w[i].listed;
}

static void on_topology_listed(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    count_read(st, r);
    if (r->err == PK_ZS_LOST)
        return;
    st->nimbus.listed = 0;
    if (r->err == PK_Z_OK)
        take_listing(st, r);
    else
        st->tally.missing++;
    st->nimbus.at = UINT32_MAX;
    next_worker(st, r->answered);
}

static void list_topology(struct pk_storm *st, uint64_t now)
{
    for (uint32_t i = 0; i < st->workers; i++) {
        st->w[i].listed = false;
        st->w[i].beat.known = st->w[i].beat.acked;
    }
    pk_zs_read(pk_storm_reader(st), PK_OP_GET_CHILDREN2, pk_zs_path(st->topology[st->nimbus.topology]),
               on_topology_listed, now);
}

static void on_topologies_listed(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    uint32_t found = 0;
    count_read(st, r);
    if (r->err == PK_ZS_LOST)
        return;
    struct pk_in in = pk_in(r->body, r->len);
    int32_t count = r->err == PK_Z_OK ? pk_get_count(&in, 4) : 0;
    for (int32_t k = 0; k < count; k++) {
        struct pk_bytes name = pk_get_bytes(&in);
        for (uint32_t t = 0; t < st->topologies; t++)
            found += pk_bytes_eq(name, pk_zs_path(st->topology[t] + strlen(st->beats_root) + 1));
    }
    st->tally.missing += found != st->topologies;
    list_topology(st, r->answered);
}

static void on_synced(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_OK)
        st->tally.refused++;
    st->nimbus.scan_from = r->answered;
    pk_zs_read(s, PK_OP_GET_CHILDREN2, pk_zs_path(st->beats_root), on_topologies_listed, r->answered);
}

void pk_nimbus_scan(struct pk_storm *st)
{
    struct pk_zs *s = pk_storm_reader(st);
    uint64_t now = uv_hrtime();
    st->busy++;
    st->nimbus.busy = true;
    st->nimbus.topology = 0;
    st->nimbus.scan_from = now;
    if (st->phase == PK_STORM_CHECKING)
        pk_zs_read(s, PK_OP_SYNC, pk_zs_path(st->beats_root), on_synced, now);
    else
        pk_zs_read(s, PK_OP_GET_CHILDREN2, pk_zs_path(st->beats_root), on_topologies_listed, now);
    pk_zs_flush(&st->b->zl);
}
