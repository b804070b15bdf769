/*
 * A client that is held: its server is lost, and it is told nothing until another one has taken its session up, or the
 * moment at which it would have given its session up itself (design.md 9.1). There is one of these only while something
 * is the matter with the server.
 *
 *   SERVED ──the uplink owes an answer for too long, and its server is asked──► answered: nothing is the matter
 *     │ lost by silence                                      │ the uplink closed
 *     ▼                                                      ▼
 *   WAITING ◄────────── the server is lost ───────────── DOUBTED ──it lives──► the client is closed
 *     │ ▲ the session may be on its way elsewhere            ▲
 *     ▼ │                                                    │ the uplink closed
 *   ATTACHING ──connect response──► CATCHING_UP ─────────────┘
 *                                        └──last answer to setWatches──► nothing is the matter
 */
#ifndef PK_CORE_CONN_HOLD_H
#define PK_CORE_CONN_HOLD_H

#include "core/conn/conns.h"

enum pk_hold_state {
    PK_HOLD_SERVED,    /* its uplink is up */
    PK_HOLD_DOUBTED,   /* its uplink is gone, and the server is asked whether it is lost */
    PK_HOLD_WAITING,   /* the server is lost: for the moment at which the session may be taken up elsewhere */
    PK_HOLD_ATTACHING, /* its uplink is opening, or waits for the connect response */
    PK_HOLD_CATCHING_UP, /* its uplink is up, and its watches are being set */
    PK_HOLD_STATES
};

struct pk_hold {
    struct pk_client *client;
    struct pk_list list; /* in conns.held */
    uint8_t state;       /* enum pk_hold_state */
    bool asked;          /* the server is being asked */
    bool ripe;           /* it was heard anew, and all that was readable then has been read */
    bool prepares;       /* what it needs of memory is on its way to the ensemble, before it attaches */
    bool yields;         /* its session is being taken up on a newer connection: it attaches no more */
    uint32_t replies;    /* to setWatches, that are awaited before every watch is set again */
    int64_t question;    /* of the link: the one that was asked for it */
    int64_t asked_us;    /* when the server was asked last */
    int64_t lost_us;     /* when the uplink was lost */
    int64_t deadline_us; /* the client is closed then */
    int64_t leave_us;    /* since when it is to leave its server; 0: it is not */
};

/* Credentials that a client has shown its server (addauth), in their order, whole frames. */
struct pk_shown_auths {
    uint32_t n, cap;
    struct pk_blob **v;
    size_t bytes;
};

/* Makes the hold of a client that has none, in this state; NULL when memory is short. */
struct pk_hold *pk_hold_new(struct pk_conns *conns, struct pk_client *c,
                            enum pk_hold_state state) PK_NODISCARD;
/* Moves it to a state that the drawing allows; anything else ends the process. */
void pk_hold_move(struct pk_conns *conns, struct pk_hold *h, enum pk_hold_state to);
/* Nothing is the matter any more, or the client ends. NULL in c->hold is allowed. */
void pk_hold_drop(struct pk_conns *conns, struct pk_client *c);

/* True when the server is lost, and nothing else is known of the session than that somebody may have it. */
static inline bool pk_hold_is_held(const struct pk_client *c)
{
    return c->hold != NULL && (c->hold->state == PK_HOLD_WAITING || c->hold->state == PK_HOLD_ATTACHING);
}

/* An answer to setWatches has come in that was sent when the session was taken up. */
void pk_hold_replied(struct pk_conns *conns, struct pk_client *c);

/* Why a client may not be held when its server is lost: NONE when it may. */
enum pk_close pk_hold_forbidden(const struct pk_conns *conns, const struct pk_client *c);
/* True for a request that may be asked twice. */
bool pk_hold_asks_again(int32_t op);

/* Answers a ping of the client; what it shows has been shown before. */
void pk_hold_pong(struct pk_conns *conns, struct pk_client *c);
/* Answers those that the lost uplink owes. */
void pk_hold_pongs(struct pk_conns *conns, struct pk_client *c);

/* Keeps credentials that the server has taken. PK_ENOMEM, and PK_ELIMIT beyond what is kept for a client: it can be
 * held no more. */
enum pk_err pk_hold_keep_auth(struct pk_conns *conns, struct pk_client *c,
                              struct pk_blob *frame) PK_NODISCARD;
/* Wipes and frees what is kept. */
void pk_hold_wipe(struct pk_conns *conns, struct pk_client *c);

#endif
