/*
 * One ZooKeeper session of the load generator: a nonblocking connection, the handshake, requests in order and
 * their replies matched to them. Thousands of these live in one loop; nothing here blocks, a connection at
 * rest holds no buffer.
 *
 * A request names the function that takes its reply, so a sequence of requests is a chain of functions.
 * Requests made inside such a function leave in one write after it returned.
 */
#ifndef PK_TOOLS_BENCH_SESSION_H
#define PK_TOOLS_BENCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "proto/records.h"

struct pk_zs;

/* A reply, valid during the call that gets it. */
struct pk_zs_reply {
    int32_t op;   /* of the request */
    int32_t err;  /* ZooKeeper's error code, 0: none; PK_ZS_LOST: the connection ended before the reply */
    int64_t zxid; /* of the reply header */
    const uint8_t *body; /* the record after the header */
    size_t len;          /* of body, bytes */
    uint64_t asked;      /* uv_hrtime() at which the request was due, ns */
    uint64_t answered;   /* uv_hrtime() at which the reply was read, ns */
};

enum { PK_ZS_LOST = -4 };

typedef void (*pk_zs_fn)(struct pk_zs *, const struct pk_zs_reply *);

/* What all sessions of a loop share. */
struct pk_zs_loop {
    uv_loop_t *uv;
    const struct sockaddr_storage *servers; /* tried round robin by session index */
    unsigned nservers;
    int32_t timeout_ms; /* asked for at connect */
    bool raw;           /* no handshake, no pings, no checks of replies: the other side is no ZooKeeper */
    int32_t (*id_of)(const uint8_t *p,
                     size_t n); /* raw: the id in a frame of another protocol; NULL: an xid at
                                                     its start, as in ZooKeeper's */
    uint64_t frames;            /* requests sent, pings excluded */
    uint64_t broken;            /* replies out of order, going back in zxid, or undecodable */
    struct pk_zs *writer;       /* whose requests `out` holds */
    uint8_t *out;
    size_t out_len, out_cap;
    uint8_t *in;
    size_t in_cap;
};

struct pk_zs_call {
    pk_zs_fn fn;
    void *task; /* the session's at the time of asking; it is the session's again when the reply comes */
    uint64_t asked;
    int32_t xid, op;
};

enum pk_zs_state { PK_ZS_IDLE, PK_ZS_CONNECTING, PK_ZS_HANDSHAKE, PK_ZS_READY, PK_ZS_CLOSING };

struct pk_zs {
    struct pk_zs_loop *loop;
    void *owner;    /* the caller's */
    void *task;     /* the caller's: what the present chain of requests is about */
    uint32_t index; /* the caller's; also chooses the server */
    uint32_t tries; /* the caller's: how many servers further on */
    void (*on_ready)(struct pk_zs *);
    void (*on_lost)(struct pk_zs *, const char *why); /* after every open call was answered PK_ZS_LOST; never
                                                         after pk_zs_end */
    uv_tcp_t tcp;
    uv_connect_t connect;
    enum pk_zs_state state;
    int32_t timeout_ms; /* negotiated */
    int32_t xid;        /* last used */
    int64_t id, zxid;   /* session id; highest zxid seen; pk_zs_open takes a session up that has an id */
    uint8_t passwd[PK_PASSWD_LEN];
    bool refused;             /* the server answered that there is no such session */
    uint64_t written;         /* ns, last time that anything was sent */
    struct pk_zs_call *calls; /* ring of requests that await replies */
    uint32_t first, count, cap;
    uint8_t *part; /* beginning of a frame that was cut, NULL when none */
    size_t part_len, part_cap;
};

/* Allocates the shared buffers; false when out of memory. Fill uv, servers, timeout_ms and raw yourself. */
bool pk_zs_loop_init(struct pk_zs_loop *loop);
void pk_zs_loop_free(struct pk_zs_loop *loop);

/* Connects. loop, index, on_ready and on_lost must be set, all else zero, or as it was when the state became
 * PK_ZS_IDLE: then the session is taken up again. Failures come through on_lost. */
void pk_zs_open(struct pk_zs *s);

/* Begins a request frame: returns room for max bytes of record after the header, to be given to pk_zs_send
 * with the end of what was written. The frame leaves when the present callback returns, or with pk_zs_flush.
 */
uint8_t *pk_zs_begin(struct pk_zs *s, size_t max);
/* end: one past the record's last byte; fn gets the reply; asked: when the request was due (uv_hrtime(), ns). */
void pk_zs_send(struct pk_zs *s, int32_t op, const uint8_t *end, pk_zs_fn fn, uint64_t asked);
/* The same for a whole frame of another protocol, from its length word on; id: what id_of will find in the reply. */
uint8_t *pk_zs_begin_frame(struct pk_zs *s, size_t max);
void pk_zs_send_frame(struct pk_zs *s, int32_t id, const uint8_t *end, pk_zs_fn fn, uint64_t asked);
/* The id that the session's next request will have. */
int32_t pk_zs_next_id(const struct pk_zs *s);
/* Sends what is buffered: needed after requests made outside of on_ready and of reply functions. */
void pk_zs_flush(struct pk_zs_loop *loop);

/* A ping when nothing was sent for a third of the timeout. */
void pk_zs_keep_alive(struct pk_zs *s, uint64_t now);

/* Ends the connection without a word; frees what it holds once libuv lets go. Idempotent. */
void pk_zs_end(struct pk_zs *s);

#endif
