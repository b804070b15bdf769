/*
 * One client connection: two state machines, the client's and the uplink's, and between them the reply queue.
 *
 *   client:  HANDSHAKE ──connect request──► OPEN ──EOF──► GONE (its last words are finished)
 *                                            └──reason──► LAST (its last replies are flushed) ──► closed
 *   uplink:  NONE ──► OPENING ──► GREETED ──connect response──► UP ──► LOST
 *                        ▲            │ closed at once: another server
 *                        └────────────┘
 */
#ifndef PK_CORE_CONN_H
#define PK_CORE_CONN_H

#include "core/out.h"
#include "core/queue.h"
#include "core/store.h"

enum pk_client_state { PK_CLIENT_HANDSHAKE, PK_CLIENT_OPEN, PK_CLIENT_GONE, PK_CLIENT_LAST };
enum pk_uplink_state { PK_UPLINK_NONE, PK_UPLINK_OPENING, PK_UPLINK_HANDSHAKE, PK_UPLINK_UP, PK_UPLINK_LOST };

/* Bytes received that could not be judged yet: a partial frame, or frames behind one that waits. */
struct pk_backlog {
    uint8_t *p;
    size_t off, len, cap; /* p[off..len) */
};

/* Where the parser of the uplink's bytes stands within a frame. */
struct pk_incoming {
    enum { PK_IN_HEAD, PK_IN_PASS, PK_IN_COLLECT } mode;
    uint8_t head[PK_LEN_WORD + PK_REPLY_HEADER];
    uint32_t nhead;
    uint32_t left; /* bytes of the frame still to come */
    struct pk_blob *frame;
    struct pk_entry *entry; /* whose answer it is; NULL for events, pings and the connect response */
};

/* Cached znodes that a request which waits wants clean and kept so. */
struct pk_holds {
    struct pk_cached **v;
    uint32_t n, cap;
};

/* In order of use: a beat intents the first part only, which keeps the work on thousands of connections in cache. */
struct pk_conn {
    struct pk_id id;
    enum pk_client_state client;
    enum pk_uplink_state uplink;
    enum pk_close why;                            /* NONE while open */
    bool ending;                                  /* in core.ending: torn down at the end of the step (end.h) */
    bool client_close, uplink_close, uplink_open; /* updates not yet taken by the driver */
    bool admitted; /* upstream has answered an ordinary request: it does not insist on authentication first */
    bool probing;  /* the request that finds that out is under way */
    bool read_only;   /* the server serves reads only */
    bool closing;     /* closeSession has been relayed */
    bool own;         /* a service session, without a client (service.h) */
    bool blocked;     /* the first frame of the backlog waits for something */
    bool marked;      /* in core.changed */
    uint8_t attempts; /* promotions made for the request that waits */
    int32_t refusal;  /* error to answer the request that waits with, 0 none */
    int32_t timeout_ms;
    struct pk_list changed; /* in core.changed */
    struct pk_out client_out, uplink_out;
    struct pk_queue queue;
    struct pk_backlog backlog;
    struct pk_precheck *ask;        /* of the request that waits */
    struct pk_promotion *promotion; /* of the request that waits */
    struct pk_holds holds;          /* of the request that waits */
    struct pk_list permits;         /* struct pk_permit.of_conn */
    struct pk_list dirty;           /* struct pk_cached.of_writer */
    struct pk_znode *last;          /* the znode of the newest local request, */
    uint32_t last_freed_epoch;      /* valid while the store's counter is this */
    uint32_t
        invalidations_seen; /* pk_store.losses when all queued local reads could still be answered from memory */
    uint32_t beats;
    int64_t beats_us; /* arrival of the oldest beat whose reply is not out yet */
    int64_t session_id;
    int64_t emitted_zxid; /* highest header zxid sent to the client */
    int64_t heard_us, uplink_wrote_us;
    int64_t blocked_us; /* since when the backlog has held a whole frame */
    uint64_t received, sent, local;
    int32_t last_xid, last_op;

    int64_t uplink_zxid; /* highest header zxid that this uplink has shown */
    int64_t opened_us, uplink_heard_us;
    int64_t timed_us; /* since when it is in the list of `timed` */
    struct pk_incoming in;
    struct pk_list runnable; /* in core.runnable: its backlog may be judged again; or in core.ending */
    struct pk_list waiting;  /* in core.waiting: for the end of some promotion */
    struct pk_list timed;    /* in core.handshaking, .greeting, .outstanding or .lasting */
    struct pk_list watches;  /* struct pk_watch.of_conn */
    struct pk_map_node by_session;
    struct pk_blob *connect_request; /* the connect request, for another server */
    char word[5];
};

#endif
