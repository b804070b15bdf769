/* Between the halves of the ensemble (ensemble.h): who leads, what is committed and applied. */
#ifndef PK_TESTS_SIM_ENSEMBLE_QUORUM_H
#define PK_TESTS_SIM_ENSEMBLE_QUORUM_H

#include "ensemble.h"

static inline int ensemble_link_number(const struct ensemble_server *s, int link)
{
    return (int)(s - s->ensemble->servers) * ZK_LINKS + link;
}

/* The server can ask its leader. */
bool ensemble_follows(const struct ensemble_server *s);
/* Puts a transaction into the log (its bytes are owned by it from then on); returns its place there, from 1 on. */
size_t ensemble_commit(struct ensemble *e, const struct ensemble_txn *txn);
/* The server hangs up. */
void ensemble_drop(struct ensemble_server *s, int link);
/* It looks at the next frame of a connection; false: there is none, or it has to wait. */
bool ensemble_link_turn(struct ensemble_server *s, int link);

#endif
