/*
 * What the parties of a Storm cluster send besides heartbeats, by line of Storm: tables of duties, each a sequence of
 * requests that a party repeats, taken from running clusters of 2.8.3 and 1.2.4.
 */
#ifndef PK_TOOLS_BENCH_LINE_H
#define PK_TOOLS_BENCH_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who does a duty, and on which session: each worker and each supervisor on its own, Nimbus on its reading one, and
 * Nimbus as the one that is asked by each supervisor who leads, on one more. */
enum pk_party { PK_PARTY_WORKER, PK_PARTY_SUPERVISOR, PK_PARTY_NIMBUS, PK_PARTY_LEADER };

/* Neighbouring steps with the same value other than PK_ONCE are repeated together, for each of these. */
enum pk_each { PK_ONCE, PK_EACH_TOPOLOGY, PK_EACH_SUPERVISOR };

struct pk_step {
    int32_t op;       /* of ZooKeeper; 0 ends the sequence */
    const char *path; /* below Storm's root; %t: topology's name, %s: supervisor's */
    bool watch;
    enum pk_each each;
    uint16_t size; /* bytes of data that are written */
    bool ephemeral;
};

struct pk_duty {
    enum pk_party party;
    uint32_t period_ms; /* 0: once */
    const struct pk_step *steps;
};

struct pk_line {
    const char *name;
    int period_ms;       /* of the beats, by default */
    uint32_t first_size; /* bytes of a worker's first beat, which says nothing yet */
    int32_t create_op;
    struct pk_duty furnish, enrol,
        clear;                    /* once: what topologies need; supervisors' znodes; topologies' end */
    const struct pk_duty *duties; /* ended by one without steps */
};

/* NULL when there is no such line. */
const struct pk_line *pk_line_find(const char *name);

/* Puts together a step's path; false when it is longer than cap - 1. */
bool pk_line_path(char *out, size_t cap, const char *root, const char *path, const char *topology,
                  const char *supervisor);

#endif
