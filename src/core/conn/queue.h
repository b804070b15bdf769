/*
 * The reply queue: what a client is owed, in request order, and what its uplink owes us, in the order in which it was
 * asked. An entry may be in both lists, in one (a local read; an internal request), and is freed when it is in neither
 * (design.md 6).
 *
 *   client order:  [ r7 awaited ][ r8 local ][ r9 awaited ][ r10 parked ] ◄── head is on the left
 *   uplink order:  [ r7 ][ our exists ][ r9 ]
 */
#ifndef PK_CORE_CONN_QUEUE_H
#define PK_CORE_CONN_QUEUE_H

#include "base/blob.h"
#include "base/list.h"
#include "proto/records.h"

/* What is done with the ensemble's answer. */
enum pk_answer {
    PK_ANSWER_FORWARD, /* byte for byte */
    PK_ANSWER_READ, /* forward, but for what memory knows of the path: names and counters added, or asked again */
    PK_ANSWER_COUNT,      /* local descendants added */
    PK_ANSWER_CONFIG,     /* client addresses taken out of /zookeeper/config */
    PK_ANSWER_MULTI_READ, /* of a multiRead: the same, and what memory knows is put in */
    PK_ANSWER_AUTH,       /* forward; may overtake */
    PK_ANSWER_CLOSE,      /* forward, then close */
    PK_ANSWER_PART,       /* of one of the parts in which a request was sent, not the last: swallowed */
    PK_ANSWER_EVENT,      /* a notification that waits behind a parked answer */
    /* Internal: nobody is forwarded these (pk_answer_is_internal). */
    PK_ANSWER_DROP,      /* swallow */
    PK_ANSWER_ADMIT,     /* tells whether the session may be served at all */
    PK_ANSWER_PRECHECK,  /* one of the questions before a local create */
    PK_ANSWER_PROMOTION, /* a step of a promotion */
    PK_ANSWER_FLUSH,     /* absorbed writes of cached znodes */
    PK_ANSWER_VERIFY,    /* what the ensemble has of a cached znode */
    PK_ANSWER_COMPARE,   /* whether the ensemble has a restored znode */
    PK_ANSWER_WHO_AM_I,  /* who the ensemble thinks that a client is */
    PK_ANSWER_LEAVE,     /* closeSession of the service session */
    PK_ANSWER_WATCHES,   /* a held client's watches, set on another server */
    PK_ANSWER_GROUP,     /* a question of ours about the group */
};

static inline bool pk_answer_is_internal(uint8_t answer)
{
    return answer >= PK_ANSWER_DROP;
}

enum pk_entry_state {
    PK_ENTRY_LOCAL,   /* a read to be executed from memory when it is the head */
    PK_ENTRY_AWAITED, /* the uplink has been asked */
    PK_ENTRY_PARKED,  /* the answer is here and waits for earlier ones */
};

struct pk_entry {
    struct pk_list client, uplink; /* self-linked when not in that list */
    int32_t xid, op;
    int32_t
        asked_xid; /* with which the ensemble is asked: xid, but for those that would make its answer another's */
    uint8_t answer, state;
    uint8_t part;           /* which question of a precheck */
    bool below;             /* it is about a path of a mount */
    uint8_t gated;          /* its request has not left: in which generation of the uplink's gate it waits */
    uint8_t mount;          /* where it is counted: the number of a mount and 1, or 0 */
    uint8_t nmounts;        /* how many mounts there were when it was made */
    bool watch;             /* the request sets a watch */
    bool retried;           /* asked again once already */
    bool overtook;          /* its answer came before those of requests that were sent earlier */
    bool resumed;           /* setWatches, sent again when the session was taken up elsewhere */
    struct pk_blob *path;   /* for answers that need it, and for local reads */
    struct pk_blob *parked; /* the whole frame, length word included */
    struct pk_blob *data;   /* of a setData below a mount, NULL is null data; of an addauth, what it proves */
    struct pk_blob *request; /* the whole frame, where it may be asked again elsewhere, or concerns watches */
    void *owner; /* of an internal request: whoever is told of its answer, or that there will be none */
    struct pk_intent *intents;
    int64_t sent_us; /* when the uplink was asked */
};

/* The client's side. */
struct pk_queue {
    struct pk_list entries;
    uint32_t depth;  /* entries */
    uint32_t locals; /* of these PK_ENTRY_LOCAL */
    uint32_t parked_bytes;
    uint32_t kept_bytes; /* of requests that may be asked again */
};

/* The uplink's side. */
struct pk_awaited {
    struct pk_list entries;
    uint64_t pings; /* outstanding pings, oldest in bit 0: 1 is ours, 0 the client's */
    uint8_t npings;
};

/* Requests kept beyond these bytes are not joined by more. */
enum { PK_QUEUE_MAX = 4096, PK_QUEUE_KEPT_MAX = 1 << 20, PK_PINGS_MAX = 64 };

void pk_queue_init(struct pk_queue *q);
void pk_awaited_init(struct pk_awaited *a);

/* The entry whose answer a reply header announces, or NULL when it can be nobody's (auth, SASL and header-only error
 * replies may overtake: protocol.md 4.3). header_only: nothing follows the reply header. */
struct pk_entry *pk_awaited_match(const struct pk_awaited *a, const struct pk_reply *r, bool header_only);

/* Its answer has another xid than the client is to be given. */
static inline bool pk_entry_renamed(const struct pk_entry *e)
{
    return e->asked_xid != e->xid;
}

static inline struct pk_bytes pk_entry_path(const struct pk_entry *e)
{
    return (struct pk_bytes){e->path->bytes, e->path->len};
}

static inline struct pk_entry *pk_queue_head(const struct pk_queue *q)
{
    return pk_list_empty(&q->entries) ? NULL : PK_CONTAINER(q->entries.next, struct pk_entry, client);
}

/* True when something is awaited from the uplink. */
static inline bool pk_awaited_any(const struct pk_awaited *a)
{
    return !pk_list_empty(&a->entries) || a->npings > 0;
}

/* Remembers a ping sent upstream; at most PK_PINGS_MAX may be outstanding. */
void pk_awaited_ping(struct pk_awaited *a, bool ours);
/* Takes the oldest ping out: 1 ours, 0 the client's, -1 none was outstanding. */
int pk_awaited_pong(struct pk_awaited *a);

#endif
