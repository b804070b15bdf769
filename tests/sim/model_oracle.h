/*
 * An oracle of what clients may see: it knows when each request was sent and answered, and nothing of how. Every value
 * that is written is the number of its write, so that a read names the write it saw.
 *
 * A read is stale when a write that was acknowledged before the read was sent had itself been sent after the write seen
 * was acknowledged. Versions do not go back, and no two writes get the same. Writes may be lost where somebody bypassed
 * the proxy meanwhile, or where the core could not flush (orc_drop); how many is counted, to be compared with what the
 * core says.
 */
#ifndef PK_TESTS_SIM_MODEL_ORACLE_H
#define PK_TESTS_SIM_MODEL_ORACLE_H

#include "proto/records.h"
#include "tests/lib/support.h"

enum { ORC_PATHS = 12, ORC_OPS = 1200 };
static const int64_t ORC_NEVER = INT64_MAX;

/* DATA reads what was written, STAT its version only; DROP is no request: from then on writes may be lost. */
enum orc_kind { ORC_SET, ORC_CREATE, ORC_DELETE, ORC_DATA, ORC_STAT, ORC_DROP };

struct orc_op {
    enum orc_kind kind;
    int path, who; /* the session, -1 who bypasses the proxy */
    int asked;     /* the version of a conditional write, -1 any */
    int64_t sent, acked, settled;
    int err;
    bool lags; /* read from a server that lags: others' writes may not be there yet */
    bool lost, abandoned, relayed;
    int value, version; /* what the answer showed, -1 nothing */
    int64_t czxid, mzxid;
};

struct oracle {
    struct orc_op ops[ORC_OPS];
    int n;
    int64_t now;
    bool czxids_move[ORC_PATHS]; /* of a local znode: it gets another one when it is promoted */
    bool mistaken[ORC_PATHS];    /* one of its znodes may be taken for another one */
    bool mzxids_grow; /* with every version; what is flushed or relayed after absorbing may fall behind */
    char wrong[500];  /* the first finding, "" while there is none */
};

void orc_init(struct oracle *o);
/* A request is sent; returns its number, which is also the value that it writes. */
int orc_send(struct oracle *o, enum orc_kind kind, int path, int who, int asked);
/* It was answered: err, and of DATA, STAT and SET the Stat (PK_STAT_LEN bytes), of DATA the value. */
void orc_answer(struct oracle *o, int op, int err, const uint8_t *stat, int value);
/* A write that went past the proxy, done. */
void orc_foreign(struct oracle *o, int op, int err);
/* A write of clients arrived in the ensemble: when it is answered, what was written past the proxy before is known. */
void orc_upstream(struct oracle *o, int path, int value);
/* From now on what was written to the path may be lost. */
void orc_drop(struct oracle *o, int path);
/* The same, and the core may not know of it: what is lost is not counted. */
void orc_mistaken(struct oracle *o, int path);
/* Its connection is lost, and it may yet be executed: then it is like a write past the proxy. */
void orc_abandon(struct oracle *o, int op);
/* The requests of a session that are under way read from a server that lags. */
void orc_lags(struct oracle *o, int op);
/* The end: what is in the ensemble; value and version -1 when the path is not there. */
void orc_final(struct oracle *o, int path, int value, int version);
/* Writes that were acknowledged and seen to be lost, where that may happen. */
int orc_lost(const struct oracle *o);
int orc_last_lost(const struct oracle *o);
void orc_wrong(struct oracle *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
