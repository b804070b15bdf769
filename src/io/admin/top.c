/*
 * What is going on now. Happy path: rates of the last seconds, mounts, the busiest clients, late beats. Failure
 * modes: a daemon that has just started has no rates yet, and shows zeros.
 */
#include "io/admin/top.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/histogram.h"
#include "io/admin/lists.h"
#include "io/conn/pairs.h"

enum { RATE_SECONDS = 5, TALKERS = 10, SHOWN = 5, LATE = 5 };

struct now {
    struct pk_rate rate;
    double spared; /* of all writes that clients made and memory or flushes took, 0..1 */
    int64_t p50, p99;
    int64_t late;
    bool late_known;
    const struct core_stats *s;
};

static struct now look(struct pk_admin *admin, unsigned seconds)
{
    struct core_mount_info info;
    struct pk_histogram beats;
    const struct core *core = admin->conns->loop.core;
    struct now now = {
        .rate = pk_rates_over(&admin->rates, seconds), .s = core_stats(core), .late_known = true};
    double saved = now.rate.absorbed - now.rate.flushes;
    now.spared = now.rate.absorbed > 0 && saved > 0 ? saved / now.rate.absorbed : 0;
    core_beats_lately(core, &beats);
    now.p50 = pk_histogram_quantile(&beats, 0.5);
    now.p99 = pk_histogram_quantile(&beats, 0.99);
    pk_late_look(&admin->late, &admin->conns->loop);
    for (size_t i = 0; core_mount_next(core, &i, &info); i++) {
        now.late += admin->late.mounts[i].late;
        now.late_known &= admin->late.mounts[i].whole;
    }
    return now;
}

static void state_line(struct pk_admin *admin, struct pk_text *out)
{
    const char *why = pk_admin_unready(admin);
    struct pk_ensemble_state state = pk_upstream_state(admin->conns->upstream);
    int64_t up = (admin->conns->loop.now_us - admin->conns->loop.started_us) / 1000000;
    pk_text_add(out, "pacekeeper %s, %s%s; up %" PRId64 "d %02d:%02d:%02d; servers %d of %d\n",
                PACKAGE_VERSION, why == NULL ? "ready" : "not ready: ", why == NULL ? "" : why, up / 86400,
                (int)(up / 3600 % 24), (int)(up / 60 % 60), (int)(up % 60), state.up, state.servers);
}

static void section(struct pk_text *out, const char *title, struct pk_table *table)
{
    if (table->n > 0) {
        pk_text_add(out, "\n%s\n", title);
        pk_table_plain(table, out);
    }
    pk_table_free(table);
}

static void talkers(struct pk_admin *admin, struct pk_text *out)
{
    struct pk_table table = {0};
    pk_list_writers(admin, &table, SHOWN);
    section(out, "busiest writers", &table);
    table = (struct pk_table){0};
    pk_list_readers(admin, &table, SHOWN);
    section(out, "busiest readers", &table);
}

void pk_top_text(struct pk_admin *admin, struct pk_text *out)
{
    struct pk_table table = {0};
    struct now now = look(admin, RATE_SECONDS);
    state_line(admin, out);
    pk_text_add(
        out,
        "requests/s  memory %.0f  relayed %.0f    writes/s  absorbed %.0f  flushed %.0f  spared %.1f %%\n",
        now.rate.local, now.rate.relayed, now.rate.absorbed, now.rate.flushes, 100 * now.spared);
    pk_text_add(out,
                "clients %" PRId64 "  sessions %" PRId64 "  queued %" PRId64 "    beats p50 %" PRId64
                " us, p99 %" PRId64 " us  late %s%" PRId64 "\n",
                now.s->connections, now.s->sessions, now.s->queue_depth, now.p50, now.p99,
                now.late_known ? "" : ">=", now.late);
    pk_list_mounts(admin, &table, PK_MAX_MOUNTS);
    section(out, "mounts", &table);
    table = (struct pk_table){0};
    pk_list_servers(admin, &table, PK_MAX_ADDRESSES);
    section(out, "servers", &table);
    talkers(admin, out);
    table = (struct pk_table){0};
    pk_list_late(admin, &table, LATE);
    section(out, "late beats", &table);
}

void pk_top_line(struct pk_admin *admin, struct pk_text *out)
{
    struct now now = look(admin, 1);
    pk_text_add(out,
                "memory/s=%.0f relayed/s=%.0f absorbed/s=%.0f flushed/s=%.0f spared=%.1f%% clients=%" PRId64
                " queued=%" PRId64 " beat_p99_us=%" PRId64 " late=%" PRId64 "\n",
                now.rate.local, now.rate.relayed, now.rate.absorbed, now.rate.flushes, 100 * now.spared,
                now.s->connections, now.s->queue_depth, now.p99, now.late);
}

void pk_top_json(struct pk_admin *admin, struct pk_text *out)
{
    struct now now = look(admin, RATE_SECONDS);
    struct pk_table table = {0};
    const char *why = pk_admin_unready(admin);
    pk_text_add(out, "{\"ready\": %s, \"why\": ", why == NULL ? "true" : "false");
    pk_json_string(out, why == NULL ? "" : why);
    pk_text_add(
        out,
        ", \"from_memory_per_second\": %.3f, \"relayed_per_second\": %.3f, \"absorbed_per_second\": %.3f, "
        "\"flushed_per_second\": %.3f, \"spared\": %.4f, \"clients\": %" PRId64 ", \"queued\": %" PRId64
        ", \"beat_p50_us\": %" PRId64 ", \"beat_p99_us\": %" PRId64 ", \"late_beats\": %" PRId64
        ",\n\"busiest\": ",
        now.rate.local, now.rate.relayed, now.rate.absorbed, now.rate.flushes, now.spared, now.s->connections,
        now.s->queue_depth, now.p50, now.p99, now.late);
    pk_list_clients(admin, &table, TALKERS);
    pk_table_json(&table, out);
    pk_table_free(&table);
    pk_text_add(out, "}\n");
}
