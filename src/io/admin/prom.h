/*
 * Figures in Prometheus' text format: a family with its HELP and TYPE, then its samples with their labels.
 */
#ifndef PK_IO_ADMIN_PROM_H
#define PK_IO_ADMIN_PROM_H

#include "base/latency.h"
#include "io/loop/text.h"

struct pk_prom_label {
    const char *name, *value; /* the value as it is: it is escaped here */
};

struct pk_prom {
    struct pk_text *out;
    const char *name; /* of the family, with its prefix */
    const char *help, *type;
    bool begun; /* HELP and TYPE are written: with the first sample */
};

#define PK_PROM_LABELS(...)                                                                                  \
    (const struct pk_prom_label[]){__VA_ARGS__},                                                             \
        sizeof((const struct pk_prom_label[]){__VA_ARGS__}) / sizeof(struct pk_prom_label)

/* Samples of the family that prom names. */
void pk_prom_number(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, int64_t value);
void pk_prom_real(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, double value);
/* A histogram in seconds, with at most one label. */
void pk_prom_latency(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n,
                     const struct pk_latency *latency);
/* One bucket of a histogram that is put together by hand: at most so many microseconds, below 0 for all; then sum and
 * count. */
void pk_prom_bucket(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, int64_t us,
                    uint64_t within);
void pk_prom_sum(struct pk_prom *prom, const struct pk_prom_label *labels, size_t n, double seconds,
                 uint64_t count);

#endif
