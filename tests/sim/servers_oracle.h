/*
 * What is true, for the test of held clients on several servers: every state that a few paths have had, by zxid, and
 * who wrote what. Filled from the ensemble's log; the product is never asked.
 */
#ifndef PK_TESTS_SIM_SERVERS_ORACLE_H
#define PK_TESTS_SIM_SERVERS_ORACLE_H

#include "ensemble.h"

enum { PATHS = 5, GONE = -1 };
/* What a watch may be on: for a state, mzxid or pzxid, or GONE. */
enum about { DATA, CHILD, ABOUTS };

extern const char *const paths[PATHS];

void oracle_init(void);
void oracle_free(void);
/* ensemble.committed. What it finds wrong is in oracle_wrong. */
void oracle_committed(void *ctx, const struct ensemble_txn *txn);
extern const char *oracle_wrong;

int64_t oracle_newest(void);
/* What was true at a zxid. */
int64_t oracle_value(int path, enum about about, int64_t zxid);
/* It was another one at some moment after from, until to included. */
bool oracle_changed(int path, enum about about, int64_t from, int64_t to);
/* The zxid itself changed it, from this value. */
bool oracle_changed_by(int path, enum about about, int64_t zxid, int64_t from_value);
/* The first zxid after from at which a lasting watch has an event, 0: none; *type is it. */
int64_t oracle_next_event(int path, bool recursive, int64_t from, int *type);
/* The zxid is that of this request. */
bool oracle_wrote(int64_t zxid, int64_t session, int xid);

#endif
