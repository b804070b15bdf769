/*
 * What is counted about requests and their answers: by mount, kind and outcome, why the ensemble was asked, and how
 * long it took.
 */
#ifndef PK_CORE_SERVE_COUNT_H
#define PK_CORE_SERVE_COUNT_H

#include "core/serve/pending.h"

/* Where its path lies, as figures name it; and the number of the mount and 1, 0 outside. */
struct pk_tally *pk_count_tally(struct pk_judged *j);
uint8_t pk_count_number(const struct pk_judged *j);
/* A request that is relayed as an entry. why: only asked where its path lies below a mount that absorbs. */
void pk_count_relayed(struct pk_judged *j, struct pk_entry *e, enum pk_reason why);
/* Why the ensemble is asked about the request, as far as memory knows before anything is begun for it. */
enum pk_reason pk_count_why(const struct pk_judged *j);
/* The answer to an entry leaves. */
void pk_count_answer(struct pk_sync *sync, const struct pk_entry *e, enum pk_outcome outcome);
/* The ensemble has answered an entry of a client. */
void pk_count_time(struct pk_conns *conns, const struct pk_uplink *u, const struct pk_entry *e);

#endif
