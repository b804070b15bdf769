/*
 * A driver for the core without sockets: clients whose bytes the test writes and reads, virtual time, and the
 * model ensemble at the other end of every uplink.
 *
 *   test ──sim_send──► [todo] ──cut──► core ──► [wire] ──frames, when not held──► model ensemble
 *   test ◄─sim_frame── [got] ◄── taken whole, in parts or late ◄── core ◄──cut── [todo] ◄── model
 *
 * Every byte range given to the core is an exact allocation that is freed as soon as the core may not use it
 * any more, and what the core lends is compared with what it was when it was lent.
 */
#ifndef PK_TESTS_SIM_DRIVER_H
#define PK_TESTS_SIM_DRIVER_H

#include "core/core.h"
#include "zk.h"

enum { SIM_CONNS = 40, SIM_SERVERS = 5, SIM_TRIO = 3 };

/* How a side of a connection takes what the core wants written. */
enum sim_taking { SIM_WHOLE, SIM_PARTS, SIM_NOTHING };

/* Bytes on their way to the core, and a write that has not been reported as sent. */
struct sim_side {
    struct sup_buf todo;
    size_t off;
    uint64_t fed;
    bool eof; /* after todo */
    bool eof_fed;
    bool reading;
    enum sim_taking taking;
    struct pk_iov iov[PK_UPDATE_IOV];
    int niov;
    struct sup_buf lent; /* what iov held when it was lent */
    bool under_way;
};

struct sim_conn {
    bool used, closed;
    bool service; /* of the core itself: it has no client; its place is free again when it ended */
    struct pk_id id;
    struct sim_side client, uplink;
    struct sup_buf got; /* what the client received */
    size_t got_off;
    char word[5];
    enum pk_close why;
    int tokens;           /* SASL tokens of the client that the core wants answered, so far */
    struct sup_buf token; /* the newest */
    bool opening, up, closing;
    bool asked;          /* the core wants to know whether its server serves */
    bool attach;         /* what is opened is for a session that is held */
    enum pk_where where; /* it leads there */
    int link;
    struct sup_buf wire; /* what the core wrote upstream */
    size_t wire_off;
    bool hold;           /* the ensemble does not look at requests but auth and SASL */
    bool deaf;           /* the uplink's answers stay on their way */
    bool mute;           /* the ensemble does not look even at a connect request */
    uint64_t deaf_after; /* so many bytes of a new uplink's answers arrive, and no more; 0: all */
    int refuse;          /* so many uplinks are closed right after the connect request */
    int fail;            /* so many attempts end in PK_UPLINK_FAILED */
    bool connecting;     /* the connect request has passed upstream */
    int64_t session;
    int timeout_ms;
    int32_t xid;
    uint64_t requests; /* frames that reached the ensemble after the connect request */
    uint64_t pings;
    uint64_t updates; /* times that core_next named it */
    int opened;
};

/* How an uplink breaks: what the ensemble said until then arrives or not; late: the frames on their way are executed
 * after the core saw the break (sim_late). */
enum sim_loss { SIM_ANSWERED, SIM_UNHEARD, SIM_LATE };

/* What a server says when the core has it asked. */
enum sim_server { SIM_SERVES, SIM_GONE, SIM_QUIET };

struct sim;

/* What is behind the uplinks. Each does one thing, if there is one to be done now, and says whether there was. */
struct sim_behind {
    bool (*open)(struct sim *s, int c);     /* an uplink that the core asked for comes up, or fails */
    bool (*turn)(struct sim *s, int c);     /* what the core wrote is looked at */
    bool (*close)(struct sim *s, int c);    /* an uplink that the core gave up ends */
    bool (*question)(struct sim *s, int c); /* whether the server serves, when the core asked that */
    void (*time)(struct sim *s);            /* it is sim_wall_ms */
};
extern const struct sim_behind sim_one_ensemble; /* of one model, zk: uplink.h */

struct sim {
    const struct sim_behind *behind;
    void *ground; /* of what is behind */
    struct sup_mem mem;
    struct core *core;
    struct sim_conn conns[SIM_CONNS]; /* clients from the front, the core's own from the back */
    int clients_end, service_begin;   /* what lies between has never been used */
    int64_t now_us;
    int64_t wall_jump_ms; /* how far the core's wall clock is ahead of the ensemble's */
    struct sup_rng rng;
    uint32_t chunk; /* bytes reach the core in pieces of 1..chunk, 0: whole */
    int cut_side;   /* 1 client, 2 uplink: one cut at this offset of the stream */
    uint64_t cut_at;
    enum sim_server server; /* the one whose uplink broke, or that owes an answer */
    int64_t server_zxid;    /* and its newest zxid, 0: it does not tell */
    bool none_serves;       /* sessions that are held find no server */
    int asks;               /* questions so far */
    int service_opened;
    uint16_t release;  /* that servers tell; 0: none */
    int service_fail;  /* so many attempts of the service sessions end in PK_UPLINK_FAILED */
    bool service_hold; /* new ones of them are held */
    bool unchecked;    /* the test calls core_check when it wants, not the driver after each event */
    int hanging;       /* the server of this number takes connections and is silent (sim_server); 0: none */
    struct {
        int link; /* -1: nothing late */
        struct sup_buf frames;
    } late;
    struct {
        int link; /* -1: not there */
        int64_t session;
        int32_t xid;
        struct sup_buf got;
    } direct; /* somebody who bypasses the proxy */
    struct sup_buf scratch;
    void (*stepped)(const struct sim *); /* hears of each sim_step; NULL: nobody */
    struct zk zk;
};

extern const struct core_config sim_default_config; /* one mount, /storm/workerbeats, pacemaker */

/* config NULL: the default. The core may fail to be made when memory does: core is NULL then. */
void sim_init(struct sim *s, const struct core_config *config);
/* Frees everything and checks that nothing is held. */
void sim_free(struct sim *s);

/* A client arrives; -1 when the core has no memory for it. */
int sim_open(struct sim *s);
/* The same, one that speaks Pacemaker's protocol. */
int sim_open_pacemaker(struct sim *s);
/* The same, another member's link. */
int sim_open_link(struct sim *s);
/* The same, as the core is told by this. */
int sim_open_by(struct sim *s, enum pk_err (*open)(struct core *, int64_t, struct pk_id *));
void sim_send(struct sim *s, int c, const struct sup_buf *bytes);
void sim_leave(struct sim *s, int c);
/* Makes room for another connection: c must be closed, or have been answered a four-letter word. */
void sim_forget(struct sim *s, int c);
/* Lets everything happen that can without time passing. */
void sim_pump(struct sim *s);
/* Time passes, in steps of at most 250 ms with a tick each. */
void sim_advance(struct sim *s, int64_t us);
/* Which of SIM_TRIO servers, from 1 on, the connection's uplink is at: another one with each attempt. */
int sim_server(const struct sim *s, int c);
/* The connection of the service session, -1 when there is none. */
int sim_service(const struct sim *s);
/* The wall clock of the ensemble, and the core's but for wall_jump_ms. */
int64_t sim_wall_ms(const struct sim *s);
/* The place after c that may be used, -1 before the first one; SIM_CONNS after the last one. */
int sim_after(const struct sim *s, int c);
/* An event of a connection, -1 for none, and all that follows from it. */
void sim_step(struct sim *s, int c, enum pk_event_type type, const uint8_t *p, size_t len);
/* The driver has found out what the client's token is answered with; NULL is the null token. */
void sim_token(struct sim *s, int c, enum core_sasl how, const char *token);
/* The one way by which events reach the core; times are filled in, and what follows is left to core_next. */
void sim_event(struct sim *s, struct pk_id id, struct pk_event e);

/* Forgets what a connection holds; its place is free. Between the halves of the driver. */
void sim_drop_conn(struct sim_conn *c);
/* What the server of a connection says to the core's question. */
void sim_server_says(struct sim *s, int c, bool serves, int64_t zxid);

#endif
