/*
 * Nimbus of a cluster that beats at Storm's Pacemaker: every so often it lists all topologies and their workers and
 * reads every pulse, one request at a time.
 *
 * Happy path: each value read is one that its worker has sent, and none is older than what was confirmed before.
 * Failure modes: what is missing, older, stale or not ours is counted; a lost connection ends the run (pulse.c).
 */
#include "tools/bench/pulse_state.h"

#include "tools/bench/beat.h"
#include "tools/bench/paths.h"

static void list_topology(struct pk_pulses *ps, uint64_t now);

static void end_scan(struct pk_pulses *ps, uint64_t now)
{
    ps->tally.scans++;
    pk_bench_time(&ps->tally.scan, ps->scan_from, now);
    ps->scanning = false;
    pk_pulses_idle(ps);
}

static void read_next(struct pk_pulses *ps, uint64_t now);

static void check_value(struct pk_pulses *ps, uint32_t i, struct pk_bytes data)
{
    struct pk_beater *w = &ps->w[i];
    uint64_t seq = pk_beat_check(data, (size_t)ps->b->opt.size, i);
    if (data.p == NULL)
        ps->tally.missing++;
    else
        pk_tally_value(&ps->tally, w, seq, ps->phase == PK_PULSES_CHECKING);
}

/* False: the connection went before the answer came. */
static bool count_read(struct pk_pulses *ps, const struct pk_zs_reply *r)
{
    if (r->err == PK_ZS_LOST)
        return false;
    ps->tally.reads++;
    pk_bench_time(&ps->tally.read, r->asked, r->answered);
    return true;
}

static void on_value(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_pulses *ps = pk_pulses_of(s);
    struct pk_pulse m;
    if (!count_read(ps, r))
        return;
    if (pk_pulses_reply_is(ps, r, pk_pulse_answer(PK_PULSE_GET), &m))
        check_value(ps, ps->list[ps->at], m.details);
    ps->at++;
    read_next(ps, r->answered);
}

static void read_next(struct pk_pulses *ps, uint64_t now)
{
    char key[PK_KEY_MAX];
    if (ps->at < ps->listed) {
        uint32_t i = ps->list[ps->at];
        ps->w[i].known = ps->w[i].acked;
        pk_pulses_key(ps, key, i);
        pk_pulses_ask(pk_pulses_nimbus(ps), PK_PULSE_GET, key, on_value, now);
    } else if (++ps->topology < ps->topologies) {
        list_topology(ps, now);
    } else {
        end_scan(ps, now);
    }
}

/* The workers of this topology that are listed, and that those are all that have beaten when it was asked. */
static void take_listing(struct pk_pulses *ps, struct pk_pulse *m)
{
    uint32_t confirmed = 0, expected = 0;
    ps->listed = 0;
    for (int32_t k = 0; k < m->nnodes; k++) {
        uint32_t i = pk_worker_number(pk_get_bytes(&m->nodes));
        if (i >= ps->workers || i % ps->topologies != ps->topology || ps->listed == ps->workers) {
            ps->tally.corrupt++;
            continue;
        }
        ps->list[ps->listed++] = i;
        confirmed += ps->w[i].known > 0;
    }
    for (uint32_t i = ps->topology; i < ps->workers; i += ps->topologies)
        expected += ps->w[i].known > 0;
    ps->tally.missing += expected > confirmed ? expected - confirmed : 0;
}

static void on_topology_listed(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_pulses *ps = pk_pulses_of(s);
    struct pk_pulse m;
    if (!count_read(ps, r))
        return;
    ps->at = ps->listed = 0;
    if (pk_pulses_reply_is(ps, r, pk_pulse_answer(PK_PULSE_LIST), &m))
        take_listing(ps, &m);
    read_next(ps, r->answered);
}

static void list_topology(struct pk_pulses *ps, uint64_t now)
{
    char path[PK_KEY_MAX];
    for (uint32_t i = ps->topology; i < ps->workers; i += ps->topologies)
        ps->w[i].known = ps->w[i].acked;
    pk_pulses_topology(ps, path, ps->topology);
    pk_pulses_ask(pk_pulses_nimbus(ps), PK_PULSE_LIST, path, on_topology_listed, now);
}

static void on_root_listed(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_pulses *ps = pk_pulses_of(s);
    struct pk_pulse m;
    if (!count_read(ps, r))
        return;
    if (pk_pulses_reply_is(ps, r, pk_pulse_answer(PK_PULSE_LIST), &m) && ps->phase == PK_PULSES_CHECKING)
        ps->tally.missing += m.nnodes < (int32_t)ps->topologies;
    list_topology(ps, r->answered);
}

void pk_pulses_scan(struct pk_pulses *ps)
{
    ps->busy++;
    ps->scanning = true;
    ps->topology = 0;
    ps->scan_from = uv_hrtime();
    pk_pulses_ask(pk_pulses_nimbus(ps), PK_PULSE_LIST, PK_PULSES_ROOT, on_root_listed, ps->scan_from);
    pk_zs_flush(&ps->b->zl);
}

void pk_pulses_on_scan(uv_timer_t *t)
{
    struct pk_pulses *ps = t->data;
    if (!ps->scanning)
        pk_pulses_scan(ps);
}
