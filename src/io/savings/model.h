/*
 * What pacekeeper would leave of a log's transactions, for several ways of configuring it at once.
 *
 *   create ──plain, pacemaker──► local: its writes and its delete cost nothing
 *   setData ──by another session than before──► relayed; by the same one ──► absorbed: pending ──┐
 *                              one transaction for all that a writer has pending:  flush ◄───────┘
 *                              after `flush`, at its 500th pending write, before anything unusual, with its session
 *
 * It is the design's sections 5 and 7, without what a log does not show: reads and watches, and what was local before
 * the log began. Time is the log's. Memory is bounded: of znodes and of sessions beyond the bounds everything counts as
 * relayed.
 */
#ifndef PK_IO_SAVINGS_MODEL_H
#define PK_IO_SAVINGS_MODEL_H

#include "base/list.h"
#include "base/map.h"
#include "io/savings/classes.h"
#include "proto/txnlog.h"

/* The ways that are compared. */
enum pk_way {
    PK_WAY_TODAY,           /* ZooKeeper alone */
    PK_WAY_PACEMAKER,       /* every mount in the mode pacemaker */
    PK_WAY_WRITE_BEHIND,    /* every mount in write-behind,flush=10s */
    PK_WAY_WRITE_BEHIND_60, /* the same with flush=60s */
    PK_WAY_STORM, /* what --storm-yaml configures: beats in pacemaker, supervisors in write-behind,flush=60s */
    PK_WAYS
};

enum { PK_MODEL_ZNODES = 500000, PK_MODEL_WRITERS = 200000 };

/* What is left for the ensemble. */
struct pk_cost {
    uint64_t txns, bytes;
};

/* The whole of it, by time. Transactions of the same millisecond share an fsync, as they do when a server is loaded. */
struct pk_course {
    uint64_t fsyncs;
    uint64_t peak;                      /* most transactions in one second */
    int64_t last_ms, second, in_second; /* of the newest transaction */
};

struct pk_model {
    struct pk_mem mem;
    struct pk_classes *classes;
    struct pk_map znodes, writers;
    struct pk_list due[PK_WAYS]; /* pending writes, by the time of their flush */
    struct pk_cost by_class[PK_CLASSES][PK_WAYS];
    struct pk_course course[PK_WAYS];
    int64_t now_ms;
    uint64_t batches; /* made so far: their names */
    uint64_t beyond;  /* writes for which there was no room */
};

void pk_model_init(struct pk_model *model, const struct pk_mem *mem, struct pk_classes *classes);
/* One transaction of a log: its time, not before the one before, and its bytes in the file. Its cursor is consumed. */
void pk_model_add(struct pk_model *model, struct pk_txn *txn, int64_t time_ms, size_t bytes);
/* The log has ended: what is pending is flushed. */
void pk_model_end(struct pk_model *model);
void pk_model_free(struct pk_model *model);

/* "pacemaker", "write-behind,flush=10s": for people, and as mode of a mount where there is one. */
const char *pk_way_name(enum pk_way way);
/* All classes together. */
struct pk_cost pk_model_total(const struct pk_model *model, enum pk_way way);

#endif
