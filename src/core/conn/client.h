/*
 * A client's connection. It contains its uplink, whose state is its own matter: a client may be without one for a
 * while.
 *
 *   HANDSHAKE ──connect request──► OPEN ──EOF──► GONE (its last words are finished)
 *       │                            │              │
 *       └──────────reason────────────┴──────────────┴──► LAST (its last replies are flushed) ──► closed
 *
 * A client of Pacemaker's protocol is OPEN from its first message on.
 */
#ifndef PK_CORE_CONN_CLIENT_H
#define PK_CORE_CONN_CLIENT_H

#include "core/conn/backlog.h"
#include "core/conn/identity.h"
#include "core/conn/uplink.h"
#include "core/conn/wait.h"
#include "core/store/standing.h"
#include "core/store/watch.h"

enum pk_client_kind {
    PK_KIND_ZOOKEEPER,
    PK_KIND_PACEMAKER, /* it speaks Pacemaker's protocol and has no uplink */
    PK_KIND_LINK,      /* another member of the group, for a copy of memory */
    PK_KIND_LANE,      /* of ours: no socket, but an uplink on which Pacemaker's clients ask the ensemble */
};

enum pk_client_state {
    PK_CLIENT_HANDSHAKE,
    PK_CLIENT_OPEN,
    PK_CLIENT_GONE,
    PK_CLIENT_LAST,
    PK_CLIENT_STATES
};

/* How far a request has come for which something has been begun. */
enum pk_stage {
    PK_STAGE_BUSY,     /* a znode that it names is being promoted for somebody else */
    PK_STAGE_PRECHECK, /* the ensemble is asked whether memory may create the znode */
    PK_STAGE_PROMOTE,  /* what it names is being promoted */
    PK_STAGE_FLUSH,    /* what it names is being flushed, and nothing is absorbed there meanwhile */
    PK_STAGE_UPSTREAM, /* the ensemble is to decide it, when it is its turn */
    PK_STAGE_TOKEN,    /* the driver finds out what the client's SASL token is answered with */
};

/* A request for which something has been begun: taken out of the backlog, and judged again when what it waits for is
 * over. One that only waits for its turn has none and stays in the backlog. */
struct pk_pending {
    enum pk_stage stage;
    uint8_t promotions; /* attempts for it that brought it no nearer, and 1; 0: none yet */
    int64_t promotes;   /* znodes and local deletes that were to be promoted at the newest attempt */
    int64_t replayed;   /* steps of those that it has wanted so far */
    bool own;           /* the service session may not promote what it names: on the client's own uplink */
    uint32_t refusals;  /* by the ensemble, when the newest promotion began */
    bool flushed;       /* counted as one that needed a flush */
    uint8_t why;        /* enum pk_reason: why it is upstream */
    uint8_t flushes;    /* begun for it on the client's own uplink */
    bool
        upstream; /* memory could have taken it, but for a bound or a precheck: it is the ensemble's for good */
    bool token_wanted; /* with PK_STAGE_TOKEN: an update not yet taken by the driver */
    struct pk_blob *frame;
    struct pk_request req; /* decoded from frame */
    struct pk_wait wait;   /* on what the stage says */
    struct pk_precheck *precheck;
    struct pk_cached **holds; /* cached znodes that are to be clean and kept so */
    uint32_t nholds, holds_cap;
};

/* A request that sets many watches, sent in parts (serve/watch_parts.h). */
struct pk_watch_parts {
    struct pk_blob *frame; /* all of it, */
    struct pk_request req; /* decoded, */
    struct pk_watches at;  /* and what follows the part that is pending */
    size_t below;          /* paths below mounts that the parts before have named */
    bool last, relayed;    /* the part that is pending */
};

/* In order of use: a beat meets the first part only, which keeps the work on thousands of connections in cache. */
struct pk_client {
    struct pk_uplink up;
    uint8_t kind;     /* enum pk_client_kind */
    uint8_t state;    /* enum pk_client_state */
    bool leaving;     /* to be closed when nothing is under way */
    bool want_close;  /* an update not yet taken by the driver */
    bool blocked;     /* the first frame of the backlog waits for something */
    bool awaits_turn; /* that frame waits for its turn and nothing else: it is not looked at before */
    bool denied;      /* said in the log: the policy of a mount does not let it do what it asks for */
    bool resting;     /* its turn was over before its work was: it is runnable, and goes on in the next one */
    bool sasl;        /* it has shown its server SASL tokens */
    bool may_hold;    /* what takes its session up elsewhere is known: id, password, credentials */
    bool relayed; /* it is a standby's client: what it sends in the first moment after up_us is sent again */
    bool judged;  /* it is a lane of a standby's, which has judged what comes over it */
    bool token_wanted; /* an update with token that the driver has not taken yet */
    uint8_t login;     /* of a Pacemaker's client: enum pk_login_state */
    char four_letter[5];
    int32_t refusal; /* error to answer the request that waits with, 0 none */
    int32_t last_xid, last_op;
    uint32_t came;  /* questions about the reign that had been asked when its session was confirmed */
    uint32_t beats; /* whose replies are not out yet */
    uint32_t last_freed_epoch; /* `last` is valid while the store's counter is this */
    uint32_t
        invalidations_seen; /* pk_store.invalidations when all queued local reads could still be answered */
    struct pk_out out;
    struct pk_gate *gate; /* NULL: nothing waits there (gate.h) */
    struct pk_queue queue;
    struct pk_backlog backlog;
    struct pk_pending *pending;   /* NULL: the oldest request not taken, if any, is in the backlog */
    struct pk_watch_parts *parts; /* of which the pending request is one; NULL: it is none */
    struct pk_list permits;       /* struct pk_permit.of_client */
    struct pk_list dirty;         /* struct pk_writeback.of_writer */
    struct pk_znode *last;        /* the znode of the newest local request, where last_freed_epoch says so */
    int64_t beats_us;             /* arrival of the oldest of `beats` */
    int64_t emitted_zxid;         /* highest header zxid of the answers sent to the client */
    int64_t shown_zxid;           /* the same of everything sent to it, and what it said that it had seen */
    int64_t heard_us;
    int64_t blocked_us; /* since when the backlog has held a whole frame */
    uint64_t received, sent, local;
    uint64_t written; /* of those received the ones that write */

    struct pk_wait answer_wait; /* the head's answer waits for a promotion that it may or may not show */
    struct pk_watcher watcher;
    struct pk_job *job; /* of a Pacemaker's client: the message for which the ensemble is asked; NULL none */
    struct pk_link *link;  /* of one that is another member */
    int64_t up_us;         /* when its session was confirmed */
    struct pk_blob *token; /* of its login, while the driver finds out the answer; NULL none */
    struct pk_lane *lane;  /* what a lane has beside its uplink */
    struct pk_identities identities;
    struct pk_blob
        *writes;           /* what it was seen to write: its newest local create, else the first; NULL none */
    struct pk_blob *holds; /* the same of what it created as ephemeral */
    struct pk_standing *standing; /* its watches; NULL none */
    struct pk_hold *hold;         /* NULL: nothing is the matter with its server */
    struct pk_shown_auths *auths; /* NULL none */
    uint8_t passwd[PK_PASSWD_LEN];
};

static inline bool pk_client_is_head(const struct pk_client *c)
{
    return pk_list_empty(&c->queue.entries);
}

/* Moves the client to a state that the drawing allows; anything else ends the process. */
void pk_client_move(struct pk_client *c, enum pk_client_state to);

#endif
