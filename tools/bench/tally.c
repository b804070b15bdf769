/*
 * Counts of a simulated cluster.
 *
 * Happy path: restarted when the measured stretch begins, fed by workers and Nimbus, reported at the end.
 * Failure modes: what must not happen is counted by kind, and makes the run fail.
 */
#include "tools/bench/tally.h"

#include <stdio.h>

void pk_tally_restart(struct pk_tally *t)
{
    t->beats = t->reads = t->scans = 0;
    t->beat = t->request = t->read = t->scan = (struct pk_histogram){0};
}

uint64_t pk_tally_errors(const struct pk_tally *t, const struct pk_bench *b)
{
    return t->lost + t->refused + t->corrupt + t->older + t->missing + b->zl.broken;
}

void pk_tally_beat(struct pk_tally *t, struct pk_beater *w, uint64_t now)
{
    w->acked = w->sent;
    t->beats++;
    pk_bench_time(&t->beat, w->due, now);
}

bool pk_tally_value(struct pk_tally *t, struct pk_beater *w, uint64_t seq, bool last)
{
    if (seq == 0 || seq > w->sent) {
        t->corrupt++;
        return false;
    }
    t->older += seq < w->seen;
    if (seq < w->known)
        *(last ? &t->missing : &t->stale) += 1;
    w->seen = seq > w->seen ? seq : w->seen;
    return true;
}

static void count(struct pk_bench *b, const char *key, const char *label, uint64_t value)
{
    pk_bench_value(b, key, label, "%.0f", (double)value);
}

static void report_work(struct pk_bench *b, const struct pk_tally *t, const struct pk_tally_words *words)
{
    char label[64];
    snprintf(label, sizeof label, "%ss", words->beat);
    count(b, "beats", label, t->beats);
    snprintf(label, sizeof label, "%ss a second", words->beat);
    pk_bench_value(b, "beats_per_s", label, "%.0f", (double)t->beats / pk_bench_seconds(b));
    if (words->znodes)
        count(b, "creates", "  of them creates", t->creates);
    count(b, "reads", "Nimbus: reads", t->reads);
    count(b, "scans", "Nimbus: scans of all workers", t->scans);
    snprintf(label, sizeof label, "%s, since due,", words->beat);
    pk_bench_latency(b, "beat", label, &t->beat);
    if (words->znodes)
        pk_bench_latency(b, "req", "request of a worker", &t->request);
    pk_bench_latency(b, "read", "request of Nimbus", &t->read);
    pk_bench_value(b, "scan_p50_ms", "scan p50, ms", "%.1f", pk_bench_us(&t->scan, 0.5) / 1000);
}

void pk_tally_report(struct pk_bench *b, const struct pk_tally *t, const struct pk_tally_words *words)
{
    char missing[64], lost[64];
    snprintf(missing, sizeof missing, "confirmed %ss that were not found", words->beat);
    snprintf(lost, sizeof lost, "%s lost", words->party);
    pk_bench_value(b, "seconds", "seconds", "%.2f", pk_bench_seconds(b));
    report_work(b, t, words);
    count(b, "corrupt", "values that were never written", t->corrupt);
    count(b, "older", "values older than one read before", t->older);
    count(b, "missing", missing, t->missing);
    count(b, "stale", "values older than confirmed when asked", t->stale);
    if (words->znodes)
        count(b, "version_off", "versions that are not the writes' count", t->version_off);
    count(b, "refused", "unexpected answers", t->refused);
    count(b, "lost", lost, t->lost);
    count(b, "errors", "errors in all", pk_tally_errors(t, b));
}
