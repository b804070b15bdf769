/*
 * The records of ZooKeeper's client protocol (zookeeper.jute) that the proxy reads or writes. Everything here
 * is a pure function on bytes: nothing is allocated, decoded fields borrow from the input.
 */
#ifndef PK_PROTO_RECORDS_H
#define PK_PROTO_RECORDS_H

#include "base/err.h"
#include "proto/jute.h"

enum pk_op {
#define X(number, name, record, route) PK_OP_##name = (number),
#include "proto/opcodes.def"
#undef X
};

enum pk_zerr {
#define X(number, name) PK_Z_##name = (number),
#include "proto/errors.def"
#undef X
};

/* Shape of a request's body. */
enum pk_record {
    PK_REC_NONE,              /* not decoded: empty, or nothing in it matters to the proxy */
    PK_REC_PATH,              /* ustring path */
    PK_REC_PATH_WATCH,        /* ustring path, bool watch */
    PK_REC_PATH_VERSION,      /* ustring path, int version */
    PK_REC_PATH_MODE,         /* ustring path, int mode or watcher type */
    PK_REC_PATH_DATA_VERSION, /* ustring path, buffer data, int version */
    PK_REC_PATH_ACL_VERSION,  /* ustring path, vector<ACL>, int version */
    PK_REC_CREATE,            /* ustring path, buffer data, vector<ACL>, int flags */
    PK_REC_CREATE_TTL,        /* the same and long ttl */
    PK_REC_MULTI,             /* {MultiHeader, record}*, MultiHeader{-1,1,-1}: pk_multi_next */
    PK_REC_SET_WATCHES,       /* long relativeZxid, 3 vectors of paths: pk_watches_begin */
    PK_REC_SET_WATCHES2,      /* the same and 2 more */
};

/* What happens to a request below a mount; outside all mounts everything but REFUSE is relayed. */
enum pk_route {
    PK_ROUTE_RELAY,    /* needs no look at memory */
    PK_ROUTE_READ,     /* answered here for a local znode, when it sets no watch */
    PK_ROUTE_CREATE,   /* may be a local create */
    PK_ROUTE_SET_DATA, /* answered here for a local znode, and for a cached one with a write permit */
    PK_ROUTE_DELETE,   /* answered here for a local znode */
    PK_ROUTE_COUNT,    /* relayed, local descendants added to the reply */
    PK_ROUTE_UNUSUAL,  /* promote what it names, then relay */
    PK_ROUTE_AUTH,     /* auth and sasl: relayed, the reply may overtake; sasl may end here */
    PK_ROUTE_PING,     /* relayed, the reply has xid -2 and may overtake */
    PK_ROUTE_CLOSE,    /* closeSession */
    PK_ROUTE_RECONFIG, /* relayed, client addresses are taken out of the reply */
    PK_ROUTE_REFUSE,   /* answered UNIMPLEMENTED, then closed, as ZooKeeper answers an unknown type */
};

struct pk_opcode {
    int32_t number;
    enum pk_record record;
    enum pk_route route;
    const char *name;
};

/* Table entry of a request type, or NULL for a type that no ZooKeeper up to 3.9 knows. */
const struct pk_opcode *pk_opcode(int32_t number);

/* Special xids (protocol.md 4.1). */
enum { PK_XID_NOTIFICATION = -1, PK_XID_PING = -2, PK_XID_AUTH = -4, PK_XID_SET_WATCHES = -8 };
/* Create flags (CreateMode). */
enum {
    PK_CREATE_PERSISTENT = 0,
    PK_CREATE_EPHEMERAL = 1,
    PK_CREATE_SEQUENTIAL = 2,
    PK_CREATE_EPHEMERAL_SEQUENTIAL = 3,
    PK_CREATE_CONTAINER = 4,
    PK_CREATE_TTL = 5,
    PK_CREATE_TTL_SEQUENTIAL = 6
};
/* Permissions of an ACL. */
enum {
    PK_PERM_READ = 1,
    PK_PERM_WRITE = 2,
    PK_PERM_CREATE = 4,
    PK_PERM_DELETE = 8,
    PK_PERM_ADMIN = 16,
    PK_PERM_ALL = 31
};
/* Event types on the wire. */
enum { PK_EVENT_CREATED = 1, PK_EVENT_DELETED = 2, PK_EVENT_DATA_CHANGED = 3, PK_EVENT_CHILDREN_CHANGED = 4 };
/* Modes of addWatch. */
enum { PK_WATCH_PERSISTENT = 0, PK_WATCH_PERSISTENT_RECURSIVE = 1 };

enum {
    PK_LEN_WORD = 4,       /* the length in front of a frame */
    PK_REQUEST_HEADER = 8, /* int xid, int type */
    PK_REPLY_HEADER = 16,  /* int xid, long zxid, int err */
    PK_STAT_LEN = 68,      /* struct pk_stat on the wire */
    PK_MULTI_HEADER = 9,   /* int type, bool done, int err */
    PK_OPEN_ACL_LEN = 27,  /* vector of one: world:anyone:cdrwa */
    PK_PASSWD_LEN = 16,    /* a session's password */
    PK_CONNECT_REQUEST_LEN = 45,
};

struct pk_stat {
    int64_t czxid, mzxid, ctime, mtime;
    int32_t version, cversion, aversion;
    int64_t ephemeral_owner;
    int32_t data_length, num_children;
    int64_t pzxid;
};

/* p has PK_STAT_LEN bytes. */
void pk_stat_load(struct pk_stat *st, const uint8_t *p);
/* Writes PK_STAT_LEN bytes and returns the end. */
uint8_t *pk_stat_put(uint8_t *p, const struct pk_stat *st);

/* A request: header and the decoded fields that its record has; the others are zero or null. */
struct pk_request {
    int32_t xid, op;
    const struct pk_opcode *info;
    struct pk_bytes path, data;
    struct pk_bytes acl; /* the raw vector<ACL>, count included */
    int32_t version;     /* or mode, watcher type, create flags */
    int64_t ttl;
    bool watch;
    struct pk_bytes body; /* the whole body, for records with an iterator */
};

/*
 * Decodes a frame's payload (without its length word). PK_EMALFORMED: the header is cut short (a server
 * closes then). A body that does not decode is no error here: *well_formed is false, no field of the record
 * is set, and the caller relays the frame, because the ensemble answers MARSHALLINGERROR and keeps the
 * session (protocol.md 1.2).
 */
enum pk_err pk_request_decode(const uint8_t *p, size_t len, struct pk_request *req,
                              bool *well_formed) PK_NODISCARD;

/*
 * Iterates over the operations of a multi or multiRead. Returns true with op and fields in *sub; false at the
 * terminator or, with in->bad set, when the body is malformed or holds a type that the server would not
 * accept there.
 */
bool pk_multi_next(struct pk_in *in, struct pk_request *sub);

/* The lists of setWatches and setWatches2, in wire order. */
enum pk_watch_list {
    PK_WATCHES_DATA,
    PK_WATCHES_EXIST,
    PK_WATCHES_CHILD,
    PK_WATCHES_PERSISTENT,
    PK_WATCHES_RECURSIVE
};
struct pk_watches {
    struct pk_in in;
    int lists;    /* 3 or 5 */
    int list;     /* enum pk_watch_list of the current path */
    int32_t left; /* paths left in the current list */
    int64_t relative_zxid;
};
void pk_watches_begin(struct pk_watches *w, const struct pk_request *req);
/* Next path, its list in w->list; false at the end or when malformed (w->in.bad). */
bool pk_watches_next(struct pk_watches *w, struct pk_bytes *path);

/* True for exactly one entry, world:anyone with all permissions: the only ACL that a local create may have. */
bool pk_acl_is_open(struct pk_bytes acl);
/* Permissions that a vector<ACL> (count included) grants to world:anyone; 0 when malformed. */
int32_t pk_acl_world_perms(struct pk_bytes acl);
/* The vector world:anyone:cdrwa. */
struct pk_bytes pk_open_acl(void);
/* Writes the vector world:anyone:cdrwa, PK_OPEN_ACL_LEN bytes; returns the end. */
uint8_t *pk_put_open_acl(uint8_t *p);

/* Writes the length word and a reply header; body is what follows the header in the frame. Returns the end. */
static inline uint8_t *pk_put_reply(uint8_t *p, size_t body, int32_t xid, int64_t zxid, int32_t err)
{
    p = pk_put32(p, (uint32_t)(PK_REPLY_HEADER + body));
    p = pk_put_int(p, xid);
    p = pk_put_long(p, zxid);
    return pk_put_int(p, err);
}
/* Writes the length word and a request header; body is what follows the header. Returns the end. */
uint8_t *pk_put_request(uint8_t *p, size_t body, int32_t xid, int32_t op);
/* Writes a MultiHeader, PK_MULTI_HEADER bytes. */
uint8_t *pk_put_multi(uint8_t *p, int32_t type, bool done, int32_t err);

struct pk_reply {
    int32_t xid;
    int64_t zxid;
    int32_t err;
};
/* What is counted on from a zxid stays one: its upper half is the epoch, and no ensemble has had that many. */
static inline bool pk_zxid_plausible(int64_t zxid)
{
    return zxid >= -1 && zxid <= INT64_MAX / 2;
}

/* p has PK_REPLY_HEADER bytes. */
static inline void pk_reply_load(struct pk_reply *r, const uint8_t *p)
{
    r->xid = (int32_t)pk_load32(p);
    r->zxid = (int64_t)pk_load64(p + 4);
    r->err = (int32_t)pk_load32(p + 12);
}

/* ConnectRequest, 44 or 45 bytes with a password of 16 (protocol.md 2.1). */
struct pk_connect_request {
    int64_t last_zxid_seen, session_id;
    int32_t timeout; /* ms */
    struct pk_bytes passwd;
    bool has_read_only, read_only;
};
enum pk_err pk_connect_request_decode(const uint8_t *p, size_t len,
                                      struct pk_connect_request *c) PK_NODISCARD;

/*
 * Writes a length word and a connect request; last_zxid is the newest zxid seen, session 0 asks for a new one.
 * PK_LEN_WORD + PK_CONNECT_REQUEST_LEN bytes; returns the end.
 */
uint8_t *pk_put_connect_request(uint8_t *p, int64_t last_zxid, int32_t timeout_ms, int64_t session,
                                const uint8_t passwd[PK_PASSWD_LEN]);

/* ConnectResponse, 36 or 37 bytes; timeout and session id are 0 when the session is not valid. */
struct pk_connect_response {
    int64_t session_id;
    int32_t timeout; /* ms */
    struct pk_bytes passwd;
    bool read_only; /* the server serves reads only; false when the byte is absent */
};
enum pk_err pk_connect_response_decode(const uint8_t *p, size_t len,
                                       struct pk_connect_response *c) PK_NODISCARD;

/* WatcherEvent, the body of a notification. */
struct pk_watcher_event {
    int32_t type, state;
    struct pk_bytes path;
};
enum pk_err pk_watcher_event_decode(const uint8_t *p, size_t len, struct pk_watcher_event *e) PK_NODISCARD;

#endif
