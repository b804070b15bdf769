/*
 * A member of a group, as data: what it knows of the ensemble, of the other members, and of itself. Each part is moved
 * by the file of that name; the whole by member.c.
 */
#ifndef PK_CORE_PEER_SELF_H
#define PK_CORE_PEER_SELF_H

#include "core/conn/gate.h"
#include "core/peer/copy.h"

enum {
    PK_GROUP_MEMBERS = 16,  /* on a list */
    PK_GROUP_ADDRESS = 256, /* bytes of an address and its null */
    PK_HEARTBEAT_US = 200 * 1000,
    PK_LINK_SILENT_US = 1000 * 1000,
    PK_COPY_PATIENCE_US = 600 * 1000,
};

/* What was read of the two znodes. */
struct pk_look {
    bool there; /* `primary` */
    int64_t epoch, owner;
    uint8_t incarnation[PK_INCARNATION];
    char address[PK_GROUP_ADDRESS];
    bool list_there; /* `copies` */
    int32_t list_version;
    uint32_t nlisted;
    uint8_t listed[PK_GROUP_MEMBERS][PK_INCARNATION];
};

/* What is asked about on the service session (pk_entry.part). */
enum pk_group_part {
    PK_PART_NONE,    /* nobody needs the answer */
    PK_PART_PRIMARY, /* getData */
    PK_PART_COPIES,  /* getData */
    PK_PART_TRY,     /* the multi that makes us primary */
    PK_PART_REIGN,   /* exists */
    PK_PART_LIST,    /* setData of the list */
};

/* What an answer of the ensemble means for the role. */
enum pk_news {
    PK_NEWS_NONE,
    PK_NEWS_LOOKED,   /* it is known who is primary (pk_election.look) */
    PK_NEWS_ELECTED,  /* we are */
    PK_NEWS_BEATEN,   /* we are not: another was first, or the list is another than was read */
    PK_NEWS_LISTED,   /* the list is as was asked */
    PK_NEWS_WIPED,    /* what we had made is there no more */
    PK_NEWS_REPLACED, /* another is primary */
};

struct pk_election {
    bool looking, trying;
    int64_t looked_us;    /* when the newest look was begun, 0: one is due at once; */
    int64_t asked_us;     /* and that of `look` */
    int64_t seen_epoch;   /* of the newest `primary` that was there */
    int64_t absent_us;    /* since when nothing keeps us from trying; 0: something does */
    struct pk_look look;  /* the newest whole one; */
    struct pk_look fresh; /* the one under way, */
    int64_t began_us;     /* and since when */
    bool listed;          /* what was read before the newest try said so */
    bool remade;          /* it was our own `primary` that had been wiped */
};

enum pk_link_state {
    PK_LINK_OPENING,  /* outgoing: the connection; incoming: HELLO is awaited */
    PK_LINK_GREETED,  /* HELLO has been sent */
    PK_LINK_RELAYING, /* answered: heartbeats; no copy (yet) */
    PK_LINK_COPYING,  /* the snapshot is under way */
    PK_LINK_WHOLE,
};

/* A link: to the primary, or from a standby. */
struct pk_link {
    struct pk_list list; /* of the primary: in pk_member.links */
    struct pk_uplink *u;
    uint8_t state;
    struct pk_backlog in;
    uint8_t incarnation[PK_INCARNATION];
    char address[PK_GROUP_ADDRESS];
    int32_t version; /* of the link's protocol; of a member that speaks none of ours, its newest */
    int64_t epoch;
    int64_t heard_us,
        beat_us;      /* its newest bytes; the newest heartbeat sent, or that said that the primary reigns */
    int64_t question; /* the newest that was asked, or is to be answered */
    /* Of a primary: */
    struct pk_mate *mate;
    struct pk_cursor cursor; /* of the snapshot */
    int64_t end_position;    /* of its end */
    uint64_t sent_bytes, of_bytes;
    /* Of a standby: */
    bool goodbye;
    int64_t answered; /* the newest question */
    int64_t acked;    /* position that was acknowledged last */
    bool to_ack;
};

/* Another member, as a primary knows it: it has a link, or is on the list. */
struct pk_mate {
    struct pk_list list;
    uint8_t incarnation[PK_INCARNATION];
    char address[PK_GROUP_ADDRESS];
    struct pk_link *link; /* NULL: lost */
    bool waited;          /* nothing leaves that it has not acknowledged */
    int64_t waited_from;  /* the position when that began */
    bool listed;          /* as far as the ensemble has agreed */
    bool wanted;          /* it is to be on the list */
    int64_t acked;
};

/* When positions were reached, for how long a copy has been behind. */
enum { PK_MARKS = 128, PK_MARK_US = 10 * 1000 };
struct pk_marks {
    struct {
        int64_t position, at_us;
    } v[PK_MARKS];
    uint32_t first, n;
};

/* Ends the session of the primary before. */
enum pk_ender_state {
    PK_ENDER_NONE,    /* nothing to end */
    PK_ENDER_WANTED,  /* to be tried */
    PK_ENDER_OPENING, /* a connection is asked for, or waits for the connect response */
    PK_ENDER_CLOSING, /* closeSession has been sent */
    PK_ENDER_EXPIRED, /* it was no more */
    PK_ENDER_CLOSED,  /* it was alive, and is no more */
};
struct pk_ender {
    uint8_t state;
    bool was_alive;
    struct pk_uplink *u;
    int64_t session_id;
    uint8_t passwd[PK_PASSWD_LEN];
    int64_t epoch; /* of that session's `primary` */
    int64_t at_us; /* of the newest attempt, or of the end */
    struct pk_backlog in;
};

/* What the role asks of the core (core/group.h); taken by it at the end of the step. */
enum pk_group_wish {
    PK_WISH_LEAVE = 1,    /* every client's uplink is left: the way has changed */
    PK_WISH_OPEN = 2,     /* there is a way for clients who wait */
    PK_WISH_LANES = 4,    /* lanes end */
    PK_WISH_SERVED = 8,   /* doubts about the primary can be resolved */
    PK_WISH_RELAYED = 16, /* relayed clients are closed */
    PK_WISH_CLOSE = 32,   /* everybody is closed */
};

struct pk_member {
    struct pk_sync *sync;
    struct pk_gates gates;
    struct pk_sync_hook hook;
    char *path, *primary, *copies; /* znodes */
    char address[PK_GROUP_ADDRESS];
    uint8_t incarnation[PK_INCARNATION];
    int32_t timeout_ms; /* asked for */
    size_t lag_bytes;
    int32_t link_version; /* the newest that we speak */

    uint8_t role;       /* enum pk_role */
    bool stirred;       /* something has happened in the group: the next step looks at everything */
    int64_t stepped_us; /* when that was done last */
    unsigned wishes;
    int64_t epoch;      /* our own, as primary */
    int64_t role_us;    /* since when we have this role */
    int64_t refused_us; /* since when nobody is served; 0: they are */
    struct pk_election election;
    int64_t asked_us;          /* the newest question about the reign */
    bool reigned;              /* as said in the log */
    bool holds;                /* memory is ours: it was taken over, or begun */
    struct pk_cursor restored; /* how far the copy has become memory, */
    bool whole;                /* and that all of it has */

    /* A primary's. */
    struct pk_list links, mates;
    struct pk_marks marks;
    bool listing;      /* a change of the list is under way, */
    bool list_unknown; /* or was, and its answer never came; */
    uint32_t nasked;   /* with these on it beside us */
    uint8_t asked[PK_GROUP_MEMBERS][PK_INCARNATION];
    bool leaves;              /* it is to hand over as soon as it is known whether a copy is listed */
    int64_t handing_us;       /* when its session was closed, 0: it was not yet; */
    int64_t handing_position; /* the newest position when it was begun */

    /* A standby's. */
    struct pk_link *link;
    struct pk_copy *copy, *next; /* the whole one, and the one that comes; NULL none */
    int64_t linked_us;           /* when the newest link was tried */
    int64_t lost_us;             /* when the newest link that was up ended */
    bool ended, refused, goodbye,
        reborn; /* of that link: it ended, the port refused, it said goodbye, another process is there */
    int64_t before_epoch;                  /* of the primary that we had a link with, */
    char before_address[PK_GROUP_ADDRESS]; /* and where it is: clients are relayed there */
    struct pk_ender ender;
    bool alone_said, other_said;
};

static inline int64_t pk_member_now(const struct pk_member *m)
{
    return m->sync->conns->now_us;
}

static inline int64_t pk_member_timeout_us(const struct pk_member *m)
{
    const struct pk_uplink *u = m->sync->service.uplink;
    return (int64_t)(u != NULL && u->timeout_ms > 0 ? u->timeout_ms : m->timeout_ms) * 1000;
}

static inline struct pk_bytes pk_text(const char *s)
{
    return (struct pk_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

/* Keeps what a member says of its address, as much as there is room for. */
static inline void pk_address_copy(char to[PK_GROUP_ADDRESS], struct pk_bytes text)
{
    size_t len = text.len < PK_GROUP_ADDRESS - 1 ? text.len : PK_GROUP_ADDRESS - 1;
    if (len > 0)
        memcpy(to, text.p, len);
    to[len] = '\0';
}

/* True when a list of n incarnations has this one. */
static inline bool pk_incarnation_listed(const uint8_t (*list)[PK_INCARNATION], uint32_t n,
                                         const uint8_t incarnation[PK_INCARNATION])
{
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(list[i], incarnation, PK_INCARNATION) == 0)
            return true;
    return false;
}

/* Says something of the group in the log. */
static inline void pk_member_log(struct pk_member *m, enum pk_log_event_kind kind, const char *about,
                                 int64_t number)
{
    pk_conns_log(m->sync->conns, kind, NULL, pk_text(about), number);
}

#endif
