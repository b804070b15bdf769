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
#ifndef PK_TESTS_SUPPORT_CORE_H
#define PK_TESTS_SUPPORT_CORE_H

#include "core/core.h"
#include "support_zk.h"

enum { SIM_CONNS = 40, SIM_SERVERS = 5 };

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
    bool own; /* the core's: it has no client; its place is free again when it ended */
    struct pk_id id;
    struct sim_side client, uplink;
    struct sup_buf got; /* what the client received */
    size_t got_off;
    char word[5];
    enum pk_close why;
    bool opening, up, closing;
    int link;
    struct sup_buf wire; /* what the core wrote upstream */
    size_t wire_off;
    bool hold;       /* the ensemble does not look at requests but auth and SASL */
    bool deaf;       /* the uplink's answers stay on their way */
    int refuse;      /* so many uplinks are closed right after the connect request */
    int fail;        /* so many attempts end in PK_UPLINK_FAILED */
    bool connecting; /* the connect request has passed upstream */
    int64_t session;
    int timeout_ms;
    int32_t xid;
    uint64_t requests; /* frames that reached the ensemble after the connect request */
    uint64_t pings;
    int opened;
};

/* How an uplink breaks: what the ensemble said until then arrives or not; late: the frames on their way are executed
 * after the core saw the break (sim_late). */
enum sim_loss { SIM_ANSWERED, SIM_UNHEARD, SIM_LATE };

struct sim {
    struct sup_mem mem;
    struct core *core;
    struct zk zk;
    struct sim_conn conns[SIM_CONNS];
    int64_t now_us;
    struct sup_rng rng;
    uint32_t chunk; /* bytes reach the core in pieces of 1..chunk, 0: whole */
    int cut_side;   /* 1 client, 2 uplink: one cut at this offset of the stream */
    uint64_t cut_at;
    uint64_t steps;
    int own_opened;
    int own_fail;  /* so many attempts of the core's own connections end in PK_UPLINK_FAILED */
    bool own_hold; /* new ones of them are held */
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
};

struct sim_frame {
    int xid, err;
    int64_t zxid;
    const uint8_t *body;
    size_t len;
};

extern const struct core_config sim_default_config; /* one mount, /storm/workerbeats, pacemaker */

/* config NULL: the default. The core may fail to be made when memory does: core is NULL then. */
void sim_init(struct sim *s, const struct core_config *config);
/* Frees everything and checks that nothing is held. */
void sim_free(struct sim *s);

/* A client arrives; -1 when the core has no memory for it. */
int sim_open(struct sim *s);
/* Arrives and has a session; timeout in ms. -1 when that failed (memory). */
int sim_connect(struct sim *s, int timeout_ms);
void sim_send(struct sim *s, int c, const struct sup_buf *bytes);
void sim_leave(struct sim *s, int c);
/* Makes room for another connection: c must be closed, or have been answered a four-letter word. */
void sim_forget(struct sim *s, int c);
/* Lets everything happen that can without time passing. */
void sim_pump(struct sim *s);
/* Time passes, in steps of at most 250 ms with a tick each. */
void sim_advance(struct sim *s, int64_t us);
/* The ensemble looks at n requests of a held connection. */
void sim_release(struct sim *s, int c, int n);
/* The uplink breaks, after the ensemble looked at that many more requests. */
void sim_lose(struct sim *s, int c, int frames, enum sim_loss how);
/* The ensemble executes n of the requests that were on their way when an uplink broke. */
void sim_late(struct sim *s, int n);
/* The core's own connection that is open, -1 when there is none. */
int sim_service(const struct sim *s);
void sim_step(struct sim *s, int c, enum pk_event_type type, const uint8_t *p, size_t len);

/* The next whole frame that the client received, borrowed; false when there is none. */
bool sim_frame(struct sim *s, int c, struct sim_frame *f);
/* The same; fails the test when there is none, when xid or err differ. */
void sim_expect(struct sim *s, int c, int xid, int err, struct sim_frame *f);
/* Sends one request, pumps and expects its reply. */
void sim_call(struct sim *s, int c, const struct sup_buf *bytes, int err, struct sim_frame *f);

/* Sends the bytes, empties the buffer and pumps. */
void sim_go(struct sim *s, int c, struct sup_buf *bytes);
/* Creates a znode and requires that it is created in memory: not in the ensemble. Its xid is 1. */
void sim_local_create(struct sim *s, int c, const char *path, const char *data);
/* n writes in one pipeline, data "beat 0" onwards, all of which succeed. */
void sim_beats(struct sim *s, int c, const char *path, int n);
/* Sends exists with a watch. */
void sim_watch(struct sim *s, int c, int xid, const char *path);
/* The next frame on the wire of a held connection: its type (0: none), and the path of exists, getACL and sync. */
int sim_peek(const struct sim *s, int c, char path[256]);

/* A request straight at the ensemble, on a session of its own that is made at the first one; the answer is borrowed. */
struct sim_frame sim_direct(struct sim *s, const struct sup_buf *bytes);
/* Creates, writes or deletes a znode that way; returns the error. */
int sim_direct_create(struct sim *s, const char *path, const char *data);
int sim_direct_set(struct sim *s, const char *path, const char *data, int version);
int sim_direct_delete(struct sim *s, const char *path);

/* Whole request frames, appended. data NULL is null data. */
void wire_connect(struct sup_buf *b, int64_t session, int timeout_ms, int64_t zxid, int read_only);
void wire_op(struct sup_buf *b, int xid, int op);
void wire_path(struct sup_buf *b, int xid, int op, const char *path);
void wire_read(struct sup_buf *b, int xid, int op, const char *path, bool watch);
void wire_set(struct sup_buf *b, int xid, const char *path, const char *data, int version);
void wire_create(struct sup_buf *b, int xid, int op, const char *path, const char *data, int flags);
void wire_delete(struct sup_buf *b, int xid, const char *path, int version);
void wire_auth(struct sup_buf *b, int xid);
/* addauth of a digest user. */
void wire_user(struct sup_buf *b, int xid, const char *user);
/* Frames a body: everything appended since mark (the length word is filled in). */
size_t wire_begin(struct sup_buf *b, int xid, int op);
void wire_end(struct sup_buf *b, size_t mark);

/* Between the halves of the driver. */
void sim_uplink_init(struct sim *s);
int sim_free_link(struct sim *s);
bool sim_uplink_open(struct sim *s, int c);
bool sim_uplink_turn(struct sim *s, int c, bool forced);
bool sim_uplink_close(struct sim *s, int c);
void sim_drop_conn(struct sim_conn *c);

#endif
