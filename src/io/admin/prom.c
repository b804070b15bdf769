/*
 * Prometheus' text format. Happy path: a line for each sample. Failure modes: memory runs out, which the text knows.
 */
#include "io/admin/prom.h"

#include <inttypes.h>
#include <stdio.h>

static void begin(struct pk_prom *prom)
{
    if (prom->begun)
        return;
    prom->begun = true;
    pk_text_add(prom->out, "# HELP %s %s\n# TYPE %s %s\n", prom->name, prom->help, prom->name, prom->type);
}

static void escaped(struct pk_text *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            pk_text_add(out, "\\n");
        else
            pk_text_add(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
    }
}

static void head(struct pk_prom *prom, const char *suffix, const struct pk_prom_label *labels, size_t n,
                 const char *le)
{
    struct pk_text *out = prom->out;
    begin(prom);
    pk_text_add(out, "%s%s", prom->name, suffix);
    if (n == 0 && le == NULL)
        return;
    pk_text_add(out, "{");
    for (size_t i = 0; i < n; i++) {
        pk_text_add(out, "%s%s=\"", i > 0 ? "," : "", labels[i].name);
        escaped(out, labels[i].value);
        pk_text_add(out, "\"");
    }
    if (le != NULL)
        pk_text_add(out, "%sle=\"%s\"", n > 0 ? "," : "", le);
    pk_text_add(out, "}");
}

void pk_prom_number(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, int64_t value)
{
    head(prom, "", labels, n, NULL);
    pk_text_add(prom->out, " %" PRId64 "\n", value);
}

void pk_prom_real(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, double value)
{
    head(prom, "", labels, n, NULL);
    pk_text_add(prom->out, " %.9g\n", value);
}

void pk_prom_bucket(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, int64_t us,
                    uint64_t within)
{
    char le[32] = "+Inf";
    if (us >= 0)
        snprintf(le, sizeof le, "%g", (double)us / 1e6);
    head(prom, "_bucket", labels, n, le);
    pk_text_add(prom->out, " %" PRIu64 "\n", within);
}

void pk_prom_sum(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, double seconds,
                 uint64_t count)
{
    head(prom, "_sum", labels, n, NULL);
    pk_text_add(prom->out, " %.9g\n", seconds);
    head(prom, "_count", labels, n, NULL);
    pk_text_add(prom->out, " %" PRIu64 "\n", count);
}

void pk_prom_latency(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n,
                     const struct pk_latency *latency)
{
    uint64_t within = 0;
    for (unsigned i = 0; i < PK_LATENCY_STEPS; i++) {
        within += latency->count[i];
        pk_prom_bucket(prom, labels, n, pk_latency_step(i), within);
    }
    pk_prom_bucket(prom, labels, n, -1, latency->total);
    pk_prom_sum(prom, labels, n, (double)latency->sum_us / 1e6, latency->total);
}
