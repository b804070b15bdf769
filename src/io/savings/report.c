/*
 * The report. Happy path: what the log is, its transactions by path class, then what each way would leave. Failure
 * modes: a log of one moment has no rates; it is taken as a millisecond long, and says how long it is.
 */
#include "io/savings/report.h"

#include <inttypes.h>
#include <time.h>

enum { SHOWN = 15, TIME_TEXT = 24 };

static double seconds(const struct pk_files *files)
{
    double s = (double)(files->last_ms - files->first_ms) / 1000;
    return s > 0.001 ? s : 0.001;
}

static const char *time_text(int64_t ms, char out[TIME_TEXT])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&s, &tm) == NULL || strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, TIME_TEXT, "?");
    return out;
}

/* Bytes for people, in at most 10 characters. */
static const char *bytes_text(double bytes, char out[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    for (; bytes >= 1000 && i < 4; i++)
        bytes /= 1024;
    snprintf(out, 16, bytes < 10 && i > 0 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
    return out;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

/* The classes by their transactions, most first. */
static size_t sorted(const struct pk_model *m, size_t order[PK_CLASSES])
{
    size_t n = 0;
    for (size_t i = 0; i < m->classes->n; i++) {
        uint64_t txns = m->by_class[i][PK_WAY_TODAY].txns;
        size_t at = n;
        if (txns == 0)
            continue;
        for (; at > 0 && m->by_class[order[at - 1]][PK_WAY_TODAY].txns < txns; at--)
            order[at] = order[at - 1];
        order[at] = i;
        n++;
    }
    return n;
}

static void head(FILE *out, const struct pk_files *f)
{
    char from[TIME_TEXT], to[TIME_TEXT], size[16];
    fprintf(out, "%zu file%s, %s, %" PRIu64 " transactions", f->n, f->n == 1 ? "" : "s",
            bytes_text((double)f->size, size), f->txns);
    if (f->txns > 0)
        fprintf(out, ", %s to %s (%.0f s)", time_text(f->first_ms, from), time_text(f->last_ms, to),
                seconds(f));
    fputc('\n', out);
    if (f->repeated > 0)
        fprintf(out,
                "%" PRIu64 " transactions were there twice (logs of several servers) and are counted once\n",
                f->repeated);
}

static void class_rows(FILE *out, const struct pk_files *f, const struct pk_model *m)
{
    size_t order[PK_CLASSES], n = sorted(m, order);
    char rate[16];
    uint64_t all = pk_model_total(m, PK_WAY_TODAY).txns;
    fprintf(out, "\n%-40s %12s %8s %10s %10s\n", "transactions by path", "a second", "share", "bytes/s",
            "bytes each");
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        const struct pk_cost *c = &m->by_class[order[i]][PK_WAY_TODAY];
        fprintf(out, "%-40s %12.2f %6.1f %% %10s %10" PRIu64 "\n", m->classes->v[order[i]].name,
                (double)c->txns / seconds(f), share(c->txns, all),
                bytes_text((double)c->bytes / seconds(f), rate), c->bytes / c->txns);
    }
    if (n > SHOWN)
        fprintf(out, "and %zu paths more (--json lists all)\n", n - SHOWN);
}

static void way_rows(FILE *out, const struct pk_files *f, const struct pk_model *m)
{
    char rate[16];
    uint64_t all = pk_model_total(m, PK_WAY_TODAY).txns;
    fprintf(out, "\n%-40s %12s %8s %10s %10s %10s\n", "left for the ensemble", "a second", "spared",
            "bytes/s", "fsyncs/s", "peak/s");
    for (int way = 0; way < PK_WAYS; way++) {
        struct pk_cost c = pk_model_total(m, (enum pk_way)way);
        fprintf(out, "%-40s %12.2f %6.1f %% %10s %10.2f %10" PRIu64 "\n", pk_way_name((enum pk_way)way),
                (double)c.txns / seconds(f), all > c.txns ? share(all - c.txns, all) : 0,
                bytes_text((double)c.bytes / seconds(f), rate), (double)m->course[way].fsyncs / seconds(f),
                m->course[way].peak);
    }
}

static bool has_beats(const struct pk_model *m)
{
    bool found = false;
    for (size_t i = 0; i < m->classes->n; i++)
        found = found || (m->classes->v[i].beats != PK_BEATS_NONE && m->by_class[i][PK_WAY_TODAY].txns > 0);
    return found;
}

void pk_report_text(FILE *out, const struct pk_files *files, const struct pk_model *model)
{
    head(out, files);
    if (files->txns == 0)
        return;
    class_rows(out, files, model);
    way_rows(out, files, model);
    fputs("\nstorm-yaml: workerbeats in pacemaker, supervisors in write-behind,flush=60s, as --storm-yaml "
          "configures.\n"
          "Each server of the ensemble writes all of it, and syncs its disk for it. A log shows no reads and "
          "no "
          "watches: what is watched is not absorbed.\n",
          out);
    if (!has_beats(model))
        fputs("No path here ends in /workerbeats or /supervisors: name what is written most with --mount "
              "PATH.\n",
              out);
    if (model->beyond > 0)
        fprintf(out,
                "%" PRIu64 " writes were on more znodes than are kept track of, and count as not spared.\n",
                model->beyond);
}

static void json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void json_cost(FILE *out, const struct pk_cost *c)
{
    fprintf(out, "\"transactions\": %" PRIu64 ", \"bytes\": %" PRIu64, c->txns, c->bytes);
}

static void json_class(FILE *out, const struct pk_model *m, size_t i)
{
    fputs("\n  {\"path\": ", out);
    json_text(out, m->classes->v[i].name);
    fprintf(out, ", \"mount\": %s", m->classes->v[i].beats != PK_BEATS_NONE ? "true" : "false");
    for (int way = 0; way < PK_WAYS; way++) {
        fprintf(out, ", \"%s\": {", pk_way_name((enum pk_way)way));
        json_cost(out, &m->by_class[i][way]);
        fputc('}', out);
    }
    fputc('}', out);
}

static void json_ways(FILE *out, const struct pk_model *m)
{
    for (int way = 0; way < PK_WAYS; way++) {
        struct pk_cost c = pk_model_total(m, (enum pk_way)way);
        fprintf(out, "%s\n  \"%s\": {", way > 0 ? "," : "", pk_way_name((enum pk_way)way));
        json_cost(out, &c);
        fprintf(out, ", \"fsyncs\": %" PRIu64 ", \"peak_per_second\": %" PRIu64 "}", m->course[way].fsyncs,
                m->course[way].peak);
    }
}

void pk_report_json(FILE *out, const struct pk_files *files, const struct pk_model *model)
{
    size_t order[PK_CLASSES], n = sorted(model, order);
    fprintf(out,
            "{\"files\": %zu, \"bytes\": %" PRIu64 ", \"transactions\": %" PRIu64 ", \"repeated\": %" PRIu64
            ", \"torn\": %" PRIu64 ",\n \"first_ms\": %" PRId64 ", \"last_ms\": %" PRId64
            ", \"untracked\": %" PRIu64 ",\n \"damaged\": [",
            files->n, files->size, files->txns, files->repeated, files->torn, files->first_ms, files->last_ms,
            model->beyond);
    for (size_t i = 0; i < files->nnotes; i++) {
        fputs(i > 0 ? ", " : "", out);
        json_text(out, files->notes[i]);
    }
    fputs("],\n \"paths\": [", out);
    for (size_t i = 0; i < n; i++) {
        fputs(i > 0 ? "," : "", out);
        json_class(out, model, order[i]);
    }
    fputs("],\n \"ways\": {", out);
    json_ways(out, model);
    fputs("}}\n", out);
}
