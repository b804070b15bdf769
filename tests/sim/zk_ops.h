/* Between the halves of the model ensemble: one request, and what both halves use. */
#ifndef PK_TESTS_SIM_ZK_OPS_H
#define PK_TESTS_SIM_ZK_OPS_H

#include "zk.h"
#include "zk_in.h"

/* The timeout that a server grants. */
int zk_granted(int asked_ms, int least_ms);

/* Errors that the product does not name, and a header zxid that is 0. */
enum { ZK_NO_WATCHER = -121, ZK_RECONFIG_DISABLED = -123, ZK_ZXID_ZERO = -2 };

struct zk_request {
    int link, xid, op, err;
    int64_t session;
    int64_t zxid; /* of the reply header: 0 the tree's, or ZK_ZXID_ZERO */
    struct zk_in in;
    struct sup_buf body;
};

/* Executes a request; true when the connection ends after its reply. */
bool zk_answer(struct zk *zk, struct zk_request *r);
void zk_send(struct zk *zk, int link, const struct sup_buf *b);
void zk_event(struct zk *zk, int link, int type, const char *path);
void zk_fire(struct zk *zk);
void zk_watch(struct zk *zk, int link, enum zk_watch_kind kind, const char *path);
/* A request's reply, as zk_reply sends it. */
void zk_put_reply(const struct zk *zk, struct zk_request *r, struct sup_buf *b);
/* The events of what the request changed, and its reply; r->body is freed. */
void zk_reply(struct zk *zk, struct zk_request *r);
/* The connect response; session 0: there is none of that number. */
void zk_welcome(struct zk *zk, int link, int64_t session, int timeout_ms, bool tell_read_only);
/* A session's ephemerals go. */
void zk_end_session(struct zk *zk, int64_t id);
bool zk_is_write(int op);

#endif
