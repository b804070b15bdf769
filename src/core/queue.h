/*
 * The reply queue: what a connection owes its client, in request order, and what its uplink owes us, in the
 * order in which it was asked. An entry may be in both lists, in one (a local read; an internal request),
 * and is freed when it is in neither.
 *
 *   client order:  [ r7 awaited ][ r8 local ][ r9 awaited ][ r10 parked ] ◄── head is on the left
 *   uplink order:  [ r7 ][ our exists ][ r9 ]
 */
#ifndef PK_CORE_QUEUE_H
#define PK_CORE_QUEUE_H

#include "base/blob.h"
#include "base/list.h"
#include "base/pool.h"
#include "proto/records.h"

/* What is done with the ensemble's answer. */
enum pk_answer {
    PK_ANSWER_FORWARD,   /* byte for byte */
    PK_ANSWER_READ,      /* forward, but for what memory knows of the path: names and counters added, or asked
                          again */
    PK_ANSWER_COUNT,     /* local descendants added */
    PK_ANSWER_CONFIG,    /* client addresses taken out of /zookeeper/config */
    PK_ANSWER_CONFIGS,   /* the same within a multiRead */
    PK_ANSWER_AUTH,      /* forward; may overtake */
    PK_ANSWER_CLOSE,     /* forward, then close */
    PK_ANSWER_EVENT,     /* a notification that waits behind a parked answer */
    PK_ANSWER_DROP,      /* ours: swallow */
    PK_ANSWER_ADMIT,     /* ours: tells whether the session may be served at all */
    PK_ANSWER_PRECHECK,  /* ours: one of the questions before a local create */
    PK_ANSWER_PROMOTION, /* ours: a step of a promotion */
    PK_ANSWER_FLUSH,     /* ours: absorbed writes of cached znodes */
    PK_ANSWER_LOOK,      /* ours: exists of a cached or restored znode */
    PK_ANSWER_LEAVE,     /* ours: closeSession of the service session */
};

enum pk_entry_state {
    PK_ENTRY_LOCAL,   /* a read to be executed from memory when it is the head */
    PK_ENTRY_AWAITED, /* the uplink has been asked */
    PK_ENTRY_PARKED,  /* the answer is here and waits for earlier ones */
};

struct pk_entry {
    struct pk_list client, uplink; /* self-linked when not in that list */
    int32_t xid, op;
    uint8_t answer, state;
    uint8_t part;           /* which question of a precheck, which step of a promotion */
    bool watch;             /* the request sets a watch */
    bool retried;           /* asked again once already */
    bool overtook;          /* its answer came before those of requests that were sent earlier */
    struct pk_blob *path;   /* for answers that need it, and for local reads */
    struct pk_blob *parked; /* the whole frame, length word included */
    struct pk_blob *data;   /* of a setData below a mount; NULL is null data */
    struct pk_flush *flush; /* of PK_ANSWER_FLUSH */
    struct pk_intent *intents;
};

struct pk_queue {
    struct pk_list client, uplink;
    uint32_t depth;  /* entries in the client list */
    uint32_t locals; /* of these PK_ENTRY_LOCAL */
    uint32_t nparked;
    size_t parked_bytes;
    uint64_t pings; /* outstanding pings, oldest in bit 0: 1 is ours, 0 the client's */
    uint8_t npings;
};

enum { PK_QUEUE_MAX = 4096, PK_PINGS_MAX = 64 };

void pk_queue_init(struct pk_queue *q);

/* The entry whose answer a reply header announces, or NULL when it can be nobody's (design: auth, SASL and
 * header-only error replies may overtake). header_only: nothing follows the reply header. */
struct pk_entry *pk_queue_match(const struct pk_queue *q, const struct pk_reply *r, bool header_only);

static inline struct pk_entry *pk_queue_head(const struct pk_queue *q)
{
    return pk_list_empty(&q->client) ? NULL : PK_CONTAINER(q->client.next, struct pk_entry, client);
}

/* True when the connection waits for something from its uplink. */
static inline bool pk_queue_outstanding(const struct pk_queue *q)
{
    return !pk_list_empty(&q->uplink) || q->npings > 0;
}

/* Remembers a ping sent upstream; at most PK_PINGS_MAX may be outstanding. */
void pk_queue_ping(struct pk_queue *q, bool ours);
/* Takes the oldest ping out: 1 ours, 0 the client's, -1 none was outstanding. */
int pk_queue_pong(struct pk_queue *q);

#endif
