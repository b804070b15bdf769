/*
 * A model of a ZooKeeper ensemble over the naive tree: sessions, watches, every request type that the tests
 * use, answered at once and in order. Time is what the caller says it is. It serves the core as the ensemble
 * behind it, and the same requests without the core between as the reference.
 */
#ifndef PK_TESTS_SIM_ZK_H
#define PK_TESTS_SIM_ZK_H

#include "tree.h"

enum { ZK_LINKS = 128, ZK_SESSIONS = 1024, ZK_WATCHES = 512, ZK_TICK_MS = 500, ZK_LEAST_MS = 4000 };

struct zk_link {
    bool open;
    int64_t session;
    char user[16]; /* who addauth said it is */
    char name[16]; /* who SASL said it is */
    bool lags;     /* its server has not yet seen what came after zk_lag; until a sync, a write or a watch */
};

struct zk_session {
    int64_t id;
    int timeout_ms;
    int64_t touched_ms;
    bool alive;
};

enum zk_watch_kind { ZK_DATA, ZK_CHILD, ZK_PERSISTENT, ZK_RECURSIVE };

struct zk_watch {
    int link; /* -1: free */
    enum zk_watch_kind kind;
    char path[256];
};

struct zk {
    struct tree tree;
    struct zk_link links[ZK_LINKS];
    int nsessions, nwatches; /* so many places of the arrays below have been used */
    int64_t now_ms;
    bool require_auth; /* everything but auth and SASL is refused and closes */
    bool refuse_auth;  /* addauth fails, which closes */
    bool read_only;
    size_t max_frame;       /* jute.maxbuffer: what is longer closes its link; 0: any length */
    bool exists_needs_read; /* as from 3.8.4 on */
    bool forget_flushes;    /* defects: a multi of setData is answered, and forgotten; ACLs are */
    bool forget_acls;
    bool forget_watches; /* setWatches is answered, and sets none */
    bool events_tell;    /* events carry the zxid of what they tell, as from 3.9.0 on */
    bool events_lie;     /* defect: and it is another one */
    int64_t event_zxid;  /* of the event that is written, 0: it tells none */
    struct tree older;   /* what the server that lags has seen */
    bool has_older;
    /* A frame (length word included) or the end of the connection, towards the other side of a link. Only zk_feed and
     * zk_time hang up. */
    void (*emit)(void *ctx, int link, const uint8_t *p, size_t len);
    void (*hangup)(void *ctx, int link);
    /* Every change of the tree, before anybody hears of it; actor is the link, -1 a session's end. NULL: none. */
    void (*spy)(void *ctx, int actor, const struct tree_change *change);
    void *ctx;
    int actor;
    uint64_t writes;  /* transactions of clients: what an ensemble is spared */
    uint64_t refused; /* requests of a type that it does not know */
    struct sup_buf frame;
    struct zk_session sessions[ZK_SESSIONS];
    struct zk_watch watches[ZK_WATCHES];
};

/* The tree has /zookeeper, /zookeeper/config, /storm and /storm/workerbeats. */
void zk_init(struct zk *zk);
void zk_free(struct zk *zk);
/* A frame's payload from a link: the first one is the connect request. */
void zk_feed(struct zk *zk, int link, const uint8_t *p, size_t len);
/* The other side closed. */
void zk_eof(struct zk *zk, int link);
/* Time has come: sessions that were not heard of expire. */
void zk_time(struct zk *zk, int64_t now_ms);
/* From now on the link's server does not see more. No effect on one with watches, nor while others lag behind less. */
void zk_lag(struct zk *zk, int link);
struct zk_session *zk_session(struct zk *zk, int64_t id);

#endif
