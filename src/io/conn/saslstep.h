/*
 * SASL exchanges of clients that end here: what a token of a client is answered with, for the core that wants to know
 * (PK_SASL_STEP), be it in a request of ZooKeeper's protocol or in a message of Pacemaker's.
 */
#ifndef PK_IO_CONN_SASLSTEP_H
#define PK_IO_CONN_SASLSTEP_H

#include "base/iov.h"
#include "io/loop/loop.h"
#include "io/sasl/exchange.h"

/* How clients of one protocol are authenticated here; library NULL: the exchanges of ZooKeeper's are relayed. */
struct pk_sasl_here {
    struct pk_sasl *library; /* borrowed */
    struct pk_sasl_service service;
    const char
        *everybody; /* DIGEST-MD5: who everybody is that knows the secret; NULL: the user that he names */
    /* GSSAPI: whether he may log in by this name, the whole one or the short one of our realm; NULL: everybody may */
    bool (*admits)(void *owner, const char *name);
    void *owner;
};

/* Of one client. */
struct pk_saslstep {
    struct pk_sasl_exchange *exchange; /* under way */
    bool over;                         /* one has ended, well or not */
};

/* As pk_sasl_step: true when *answer is there, else done(owner, answer) is called on the loop. */
bool pk_saslstep_ask(struct pk_saslstep *step, const struct pk_sasl_here *here, const struct pk_iov *token,
                     void (*done)(void *owner, const struct pk_sasl_answer *answer), void *owner,
                     struct pk_sasl_answer *answer);
/* Gives the answer to the core, and the client its identities when it has proved them. who: for the log. */
void pk_saslstep_tell(struct pk_saslstep *step, const struct pk_sasl_here *here, struct pk_loop *loop,
                      struct pk_id id, const struct pk_log_who *who, const struct pk_sasl_answer *answer);
/* The client is gone: done is never called. */
void pk_saslstep_end(struct pk_saslstep *step);

#endif
