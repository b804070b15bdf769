/*
 * What a simulated cluster has counted, whatever it beats at: beats sent and confirmed, values read, what was wrong
 * with them, and latencies; and its report.
 */
#ifndef PK_TOOLS_BENCH_TALLY_H
#define PK_TOOLS_BENCH_TALLY_H

#include "tools/bench/run.h"

/* One who beats on a schedule, and whose beats are read. */
struct pk_beater {
    bool busy;            /* a beat is in flight */
    uint64_t begun;       /* beats begun on the schedule */
    uint64_t due;         /* ns, of the beat in work */
    uint64_t sent, acked; /* numbers of the newest beat sent and confirmed */
    uint64_t known;       /* confirmed at the moment that Nimbus asked */
    uint64_t seen;        /* newest that Nimbus has read */
};

struct pk_tally {
    uint64_t beats, creates, reads, scans;
    uint64_t lost, refused; /* connections lost; requests answered in a way that Storm would not expect */
    uint64_t corrupt, older, missing, stale, version_off; /* of values read: see pk_tally_value */
    struct pk_histogram beat, request, read, scan;        /* ns; request: of a worker */
};

/* How the report names what is counted. */
struct pk_tally_words {
    const char *beat;  /* "beat" or "pulse" */
    const char *party; /* whose connections were lost */
    bool znodes;       /* creates and versions are counted */
};

/* Beats, reads and scans count from here on; creates and errors do from the start. */
void pk_tally_restart(struct pk_tally *t);
/* All that must not happen. */
uint64_t pk_tally_errors(const struct pk_tally *t, const struct pk_bench *b);
/* The beat in work was confirmed. */
void pk_tally_beat(struct pk_tally *t, struct pk_beater *w, uint64_t now);
/*
 * The beat with this number was read, 0: none of ours. corrupt: it was never written, and false is returned; older:
 * below one read before; missing: below what was confirmed when the read was asked, and that was the last one; stale:
 * the same before that.
 */
bool pk_tally_value(struct pk_tally *t, struct pk_beater *w, uint64_t seq, bool last);
/* Rows and keys of all counts and latencies. */
void pk_tally_report(struct pk_bench *b, const struct pk_tally *t, const struct pk_tally_words *words);

#endif
