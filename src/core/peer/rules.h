/*
 * The rules of a group, one function each (design.md 16). Functions of what is known; nothing is changed here.
 */
#ifndef PK_CORE_PEER_RULES_H
#define PK_CORE_PEER_RULES_H

#include "core/peer/self.h"

/* How long a question that was sent at sent_us and answered lets a primary reign. */
int64_t pk_rule_reign_until(int64_t sent_us, int64_t timeout_us);
/* How often the question is asked. */
int64_t pk_rule_question_us(int64_t timeout_us);
/* The answer to `exists primary` confirms the reign: it shows our epoch, made by our session. */
bool pk_rule_confirms(const struct pk_member *m, const struct pk_stat *st);

/* Its link brings heartbeats of a reigning primary: it does not try. */
bool pk_rule_hears_reign(const struct pk_member *m);
/* What was read lists us, and memory is whole: we may go on with it. */
bool pk_rule_is_listed(const struct pk_member *m, const struct pk_look *look);
/* Nothing is there, and it is our turn to try. */
bool pk_rule_may_try(const struct pk_member *m, const struct pk_look *look);
/* How long a member without a whole copy lets others go first. */
int64_t pk_rule_wait_us(int64_t timeout_us);

/* From when on one that has just become primary serves. */
int64_t pk_rule_serve_us(const struct pk_member *m);
/* The session of the primary is to be ended, although `primary` stands: its process is gone. */
bool pk_rule_ends_primary(const struct pk_member *m);

/* The copy is whole: from now on nothing leaves that it has not acknowledged. */
bool pk_rule_is_waited_for(const struct pk_link *link);
/* The copy has everything that was answered before it was waited for: it may be listed. */
bool pk_rule_may_list(const struct pk_link *link);
/* A copy that owes an acknowledgement for long is too slow. One whose link has ended is so at once: its process is
 * gone, or needs a new snapshot anyway. */
bool pk_rule_too_slow(const struct pk_member *m, const struct pk_mate *mate);

/* Since when a copy has been behind, 0: it is not known to be. */
int64_t pk_rule_behind_since_us(const struct pk_member *m, const struct pk_mate *mate);
/* A relayed client of this epoch is taken. */
bool pk_rule_takes_relayed(const struct pk_member *m, int64_t epoch);
/* What a relayed client sends now is a sign of life; up_us: when its session was confirmed. */
bool pk_rule_is_life(const struct pk_conns *conns, const struct pk_client *c);

#endif
