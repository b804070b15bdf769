/*
 * What a simulated worker sends, one request at a time, as Storm's state storage does.
 *
 * Happy path of a beat: exists, setData(-1). The first one: exists says NONODE, exists of the parent,
 * create2. Failure modes: a code that Storm would not expect is counted in `refused`; the beat is over and
 * the next one begins anew, as in Storm.
 */
#include "proto/records.h"
#include "tools/bench/beat.h"
#include "tools/bench/request.h"
#include "tools/bench/storm.h"

static struct pk_worker *worker_of(struct pk_zs *s)
{
    return &pk_storm_of(s)->w[s->index];
}

static struct pk_bytes fresh_beat(struct pk_storm *st, uint32_t i)
{
    uint32_t size = pk_storm_beat_size(st, st->w[i].beat.sent);
    pk_beat_fill(st->data, size, i, st->w[i].beat.sent);
    return (struct pk_bytes){st->data, size};
}

/* ---- start-up ---- */

static void on_dir(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_OK)
        st->tally.refused++;
    if (r->err != PK_ZS_LOST && worker_of(s)->step < pk_storm_ndirs)
        pk_worker_start(st, s->index);
    else
        pk_storm_idle(st);
}

void pk_worker_start(struct pk_storm *st, uint32_t i)
{
    char path[PK_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", st->b->opt.root, pk_storm_dirs[st->w[i].step++]);
    pk_zs_read(&st->crowd.s[i], PK_OP_EXISTS, pk_zs_path(path), on_dir, uv_hrtime());
}

/* ---- a beat ---- */

static void begin_beat(struct pk_storm *st, uint32_t i, uint64_t now);

static void end_beat(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    struct pk_worker *w = worker_of(s);
    pk_bench_time(&st->tally.request, r->asked, r->answered);
    w->beat.busy = false;
    if (r->err == PK_Z_OK) {
        pk_tally_beat(&st->tally, &w->beat, r->answered);
    } else {
        st->tally.refused++;
    }
    if (r->err != PK_ZS_LOST && st->phase == PK_STORM_BEATING &&
        pk_pace_due(&st->pace, s->index, w->beat.begun) <= r->answered)
        begin_beat(st, s->index, r->answered);
    else
        pk_storm_idle(st);
}

static void on_created(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_NODE_EXISTS) {
        st->tally.creates += r->err == PK_Z_OK;
        end_beat(s, r);
        return;
    }
    pk_bench_time(&st->tally.request, r->asked, r->answered);
    pk_zs_set(s, pk_zs_path(worker_of(s)->path), fresh_beat(st, s->index), end_beat, r->answered);
}

static void create(struct pk_zs *s, uint64_t now)
{
    struct pk_storm *st = pk_storm_of(s);
    worker_of(s)->beat.sent++;
    pk_zs_create_as(s, st->line != NULL ? st->line->create_op : PK_OP_CREATE2, PK_CREATE_PERSISTENT,
                    pk_zs_path(worker_of(s)->path), fresh_beat(st, s->index), on_created, now);
}

static void on_parent_created(struct pk_zs *s, const struct pk_zs_reply *r)
{
    if (r->err == PK_Z_OK || r->err == PK_Z_NODE_EXISTS)
        create(s, r->answered);
    else
        end_beat(s, r);
}

static void on_parent(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    pk_bench_time(&st->tally.request, r->asked, r->answered);
    if (r->err == PK_Z_OK)
        create(s, r->answered);
    else if (r->err == PK_Z_NO_NODE)
        pk_zs_create(s, pk_zs_path(st->topology[worker_of(s)->topology]), PK_BYTES("\x07"), on_parent_created,
                     r->answered);
    else
        end_beat(s, r);
}

static void on_exists(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    struct pk_worker *w = worker_of(s);
    if (r->err == PK_Z_NO_NODE) {
        pk_bench_time(&st->tally.request, r->asked, r->answered);
        pk_zs_read(s, PK_OP_EXISTS, pk_zs_path(st->topology[w->topology]), on_parent, r->answered);
    } else if (r->err == PK_Z_OK) {
        pk_bench_time(&st->tally.request, r->asked, r->answered);
        w->beat.sent++;
        pk_zs_set(s, pk_zs_path(w->path), fresh_beat(st, s->index), end_beat, r->answered);
    } else {
        end_beat(s, r);
    }
}

static void begin_beat(struct pk_storm *st, uint32_t i, uint64_t now)
{
    struct pk_worker *w = &st->w[i];
    w->beat.due = pk_pace_due(&st->pace, i, w->beat.begun++);
    w->beat.busy = true;
    pk_zs_read(&st->crowd.s[i], PK_OP_EXISTS, pk_zs_path(w->path), on_exists, now);
}

void pk_worker_due(struct pk_storm *st, uint32_t i)
{
    if (st->w[i].beat.busy || st->crowd.s[i].state != PK_ZS_READY)
        return;
    st->busy++;
    begin_beat(st, i, uv_hrtime());
    pk_zs_flush(&st->b->zl);
}

/* ---- clean shutdown ---- */

static void on_left(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_storm *st = pk_storm_of(s);
    if (r->err != PK_Z_OK)
        st->tally.refused++;
    pk_storm_idle(st);
}

static void on_leaving(struct pk_zs *s, const struct pk_zs_reply *r)
{
    if (r->err == PK_Z_OK)
        pk_zs_delete(s, pk_zs_path(worker_of(s)->path), on_left, r->answered);
    else
        on_left(s, r);
}

void pk_worker_leave(struct pk_storm *st, uint32_t i)
{
    pk_zs_read(&st->crowd.s[i], PK_OP_EXISTS, pk_zs_path(st->w[i].path), on_leaving, uv_hrtime());
}
