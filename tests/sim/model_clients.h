/*
 * The clients of the model test: what they send, what comes back, and how they come and go. The oracle hears of each
 * request and answer; everything else that may go wrong (order, number and kind of answers, what an ACL forbids) is
 * checked here.
 */
#ifndef PK_TESTS_SIM_MODEL_CLIENTS_H
#define PK_TESTS_SIM_MODEL_CLIENTS_H

#include "direct.h"
#include "model_oracle.h"

enum { ACTORS = 5, PENDING = 256, MODEL_MOUNTS = 3, MODEL_FLUSH_US = 2000000 };

enum model_mount { AT_WRITE_BEHIND, AT_NEVER, AT_PACEMAKER, AT_NOTHING };

extern const struct core_mount model_mounts[MODEL_MOUNTS];

/* What may be done with a path. */
struct model_path {
    const char *path;
    enum model_mount mount;
    bool there;       /* in the ensemble from the start */
    bool ephemeral;   /* creates of it make one */
    const char *user; /* others have perms only, nobody deletes it; NULL: open */
    int perms;
};
extern const struct model_path model_paths[];
extern const int model_npaths;

/* A deliberate defect between the core and the oracle: proof that it is noticed. */
enum model_fault {
    SOUND,
    STALE_VALUE,
    LOW_VERSION,
    TWICE,
    NEVER_ANSWERED,
    FLUSH_FORGOTTEN,
    ACL_FORGOTTEN,
    HANGS_FOR_OTHERS /* a hanging server's silence is everybody's */
};

struct asked {
    int xid, op;
    int path; /* -1: none that the oracle knows */
    int orc[2], norc;
    int checks; /* of a multi, before its writes */
};

struct actor {
    int c; /* -1: not connected */
    bool connecting, leaving;
    int who; /* number of the session for the oracle */
    int64_t session;
    const char *user;
    bool reads_only;
    int xid;
    struct asked pending[PENDING];
    int first, last, pings;
};

struct model {
    struct sim s;
    struct oracle o;
    struct sup_rng rng;
    struct actor actors[ACTORS];
    int sessions;
    int known[ORC_PATHS];   /* a version seen last */
    bool service_may_write; /* the core has credentials */
    int sets, foreign, drops;
    int late_steps; /* since requests are late */
    enum model_fault fault;
    bool fault_done;
    bool trace;
};

void model_trace(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What a path has in the ensemble, -1 both when it is not there. */
int model_value(const struct model *m, const char *path, int *version);
/* Connects, with the session of before if there is one and it is wanted. */
void actor_connect(struct model *m, int a, bool same);
/* Sends one random request. */
void actor_request(struct model *m, int a);
/* It shows that it lives. */
void actor_ping(struct model *m, int a);
void actor_close(struct model *m, int a);
/* What arrived is compared; those who are gone are forgotten. */
void actors_hear(struct model *m);
/* Somebody who bypasses the proxy writes, creates or deletes. */
void model_bypass(struct model *m);
/* The requests that the actor waits for may be executed although nobody will be told. */
void actor_abandon(struct model *m, int a);
void model_lag(struct model *m, int a);

#endif
