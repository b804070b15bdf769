/*
 * The seam: the core is a function from events to updates.
 *
 * One struct core holds all client connections of a loop and the held znodes. A driver feeds it events
 * (core_open, core_step) and then carries out what it wants, connection by connection (core_next), until
 * nothing is left. The core calls nobody back, reads no clock, opens no socket; only ids cross the seam, and
 * an id whose connection is gone is ignored.
 *
 *   bytes from a client ──► core_step ──► held znodes, reply queues ──► core_next ──► bytes to client and uplink
 *
 * Output is borrowed: the driver writes what it can at once and reports how much with ..._SENT (0 is fine,
 * and must be reported too unless a write of that side is still under way). What was not taken is copied by
 * the core, so that the next update's iov stays where it is until it is reported as sent; that one may be
 * given to an asynchronous write.
 */
#ifndef PK_CORE_CORE_H
#define PK_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/iov.h"
#include "base/latency.h"
#include "base/mem.h"
#include "core/conn/close.h"
#include "core/conn/log_event.h"
#include "core/conn/sasl.h"
#include "core/conn/where.h"
#include "core/peer/group.h"
#include "core/store/mount.h"
#include "core/store/stats.h"
#include "core/sync/auth.h"

struct core;
struct pk_histogram;

enum pk_event_type {
    PK_CLIENT_BYTES, /* bytes, len: read from the client; they stay where they are until core_next says false */
    PK_CLIENT_EOF,   /* the client closed or reset its connection; no client event follows */
    PK_CLIENT_LEAVE,   /* it is to leave at the end of an answer, as with PK_DRAIN */
    PK_CLIENT_DISMISS, /* its place is needed: it ends, unless its connect request has come */
    PK_CLIENT_SENT,    /* len bytes of the client's output have been taken by the kernel */
    PK_CLIENT_SASL, /* answers PK_SASL_STEP: how sasl goes on; bytes, len: our token, NULL for the null one */
    PK_UPLINK_READY, /* the connection asked for with PK_UPLINK_OPEN is up; len: the server's number, for figures */
    PK_UPLINK_FAILED, /* every server has been tried for this client; there will be no uplink. refused */
    PK_UPLINK_BYTES,  /* as PK_CLIENT_BYTES */
    PK_UPLINK_EOF, /* the uplink closed or broke after PK_UPLINK_READY; no uplink event follows but a new READY */
    PK_UPLINK_LEAVE,  /* the uplink's server is to be left for another, when nothing is in flight there */
    PK_SERVER_SERVES, /* PK_UPLINK_ASK: it serves; zxid is its newest one, 0 when it does not tell */
    PK_SERVER_LOST,   /* PK_UPLINK_ASK: it refuses, is silent, or says that it does not serve */
    PK_UPLINK_SENT,   /* as PK_CLIENT_SENT */
    PK_CONTINUE,      /* id is ignored: go on with what a budget left over (core_pending) */
    PK_TICK,          /* id is ignored: time has passed; at least twice a second */
    PK_RELEASE, /* id is ignored: every mount goes to mode relay, what is held to the ensemble, as fast as it
                         takes it (core_left) */
    PK_HASTEN, /* id is ignored: what is on its way there after core_mount_set or core_mount_remove goes as fast */
    PK_DRAIN,    /* id is ignored: finish what has been received, then close every connection */
    PK_HANDOVER, /* id is ignored: another member of the group is to be primary; PK_DRAIN follows when
                         core_handed_over, or after 2 s */
};

struct pk_event {
    enum pk_event_type type;
    enum core_sasl sasl; /* with PK_CLIENT_SASL */
    const uint8_t *bytes;
    size_t len;
    int64_t now_us;  /* monotonic, microseconds; taken once per read batch */
    int64_t wall_ms; /* Unix time, milliseconds: only for ctime and mtime */
    int64_t zxid;
    bool refused; /* with PK_UPLINK_FAILED of an uplink to a member: its port refuses connections */
};

enum { PK_UPDATE_IOV = 16 };

enum pk_update_flag {
    PK_CLIENT_OUT = 1, /* client/nclient: write, then report PK_CLIENT_SENT */
    PK_UPLINK_OUT = 2, /* uplink/nuplink: write, then report PK_UPLINK_SENT */
    PK_UPLINK_OPEN =
        4, /* connect to a server not tried yet for this client, then PK_UPLINK_READY or _FAILED */
    PK_UPLINK_CLOSE = 8,  /* close the uplink; what was written is out */
    PK_CLIENT_CLOSE = 16, /* close the client's connection; the id is dead after this update */
    PK_FOUR_LETTER = 32,  /* the client sent a four-letter word: answer it in one write and close */
    PK_UPLINK_ASK =
        64, /* ask the uplink's server whether it serves, from now on, then PK_SERVER_SERVES or _LOST */
    PK_SASL_STEP = 128, /* find out what sasl, a token of the client, is answered with, then PK_CLIENT_SASL */
};

struct pk_update {
    unsigned flags;
    struct pk_iov client[PK_UPDATE_IOV], uplink[PK_UPDATE_IOV];
    int nclient, nuplink;
    bool read_client, read_uplink; /* whether the driver should read from that side now */
    /* With PK_UPLINK_OPEN: the session of a client that is held is taken up again, only at a server that has been found
     * to serve by a question asked since lost_us; there are as many attempts as its time allows. */
    bool attach;
    int64_t lost_us;
    int64_t
        due_us; /* the client is closed then: of those that wait for a server, the one with the least is first */
    /* With PK_UPLINK_OPEN: where to; of a member the address, borrowed until the update after this one, and with
     * PK_TO_MEMBER_RELAY the epoch of the primary that is meant and how long ago the client was last heard. */
    enum pk_where where;
    const char *address;
    int64_t epoch, silent_us;
    bool service; /* a session of ours: it has an uplink and no client, and appears with PK_UPLINK_OPEN */
    enum pk_close why;   /* with PK_CLIENT_CLOSE, or with PK_UPLINK_OPEN why the one before was given up */
    char four_letter[5]; /* with PK_FOUR_LETTER, null-terminated */
    struct pk_iov sasl;  /* with PK_SASL_STEP; stays until it is answered, or the connection ends */
};

struct core_config {
    const struct core_mount *mounts; /* copied */
    size_t nmounts;
    uint32_t max_frame;            /* bytes of a client's frame, as jute.maxbuffer */
    size_t client_high_water;      /* bytes waiting for a slow reader before its sources are no longer read */
    size_t uplink_high_water;      /* the same towards the ensemble */
    size_t max_parked;             /* bytes of answers that wait for an earlier one, per connection */
    size_t watch_memory;           /* bytes of paths that one client may watch; 0 means 16 MiB */
    int64_t handshake_us;          /* from core_open to the end of the connect request */
    bool hold;                     /* clients whose server is lost are held */
    size_t hold_watches;           /* bytes of watches that one of them may have; 0 means 1 MiB */
    uint64_t hash_seed;            /* random */
    int64_t keep_promoted_us;      /* how long a promotion is remembered for servers that lag; 0 means 60 s */
    const struct pk_mem *secrets;  /* where credentials are kept, as long as the core is there; NULL: mem */
    const struct core_auth *auths; /* copied */
    size_t nauths;
    const char *pacemaker; /* the mount whose znodes Pacemaker's clients see, NULL: there are none; copied */
    uint32_t max_message;  /* bytes of a message of theirs, as pacemaker.thrift.message.size.max */
    enum core_login
        login;       /* how they log in; what their tokens are answered with the driver says (PK_SASL_STEP) */
    bool sasl_ended; /* the driver answers clients' SASL tokens (PK_SASL_STEP), not the ensemble */
    const struct core_group *group; /* of which we are a member; NULL none. Then now_us counts suspension */
};

/* Makes a core. The memory seam must outlive it. PK_ENOMEM, or PK_EINVAL for a mount that may not be one, or when
 * pacemaker is none. */
enum pk_err core_new(struct core **out, const struct pk_mem *mem,
                     const struct core_config *config) PK_NODISCARD;
/* Frees everything, open connections included; nothing is written any more. */
void core_free(struct core *core);

/* A client connected. PK_ENOMEM: close it. */
enum pk_err core_open(struct core *core, int64_t now_us, struct pk_id *out) PK_NODISCARD;
/* The same for one that speaks Pacemaker's protocol; config.pacemaker says where its pulses are. */
enum pk_err core_open_pacemaker(struct core *core, int64_t now_us, struct pk_id *out) PK_NODISCARD;
/* Another member's link, that has proved the group's secret to the driver; PK_EINVAL: there is no group. */
enum pk_err core_open_link(struct core *core, int64_t now_us, struct pk_id *out) PK_NODISCARD;
/*
 * A standby's client, relayed to us (core_client_address follows, as for any client). epoch: of the primary that it
 * means; silent_us: how long ago its client was last heard; own: it is a session of the standby's own, which has judged
 * by the policies what is asked on it. PK_EINVAL: we are not that primary, close it.
 */
enum pk_err core_open_relayed(struct core *core, int64_t now_us, int64_t epoch, int64_t silent_us, bool own,
                              struct pk_id *out) PK_NODISCARD;
/* There is a mount for them. */
bool core_has_pacemaker(const struct core *core);
/* Where a client comes from, in network order, 4 or 16 bytes: for identities of the scheme ip. */
void core_client_address(struct core *core, struct pk_id id, const uint8_t *address, size_t len);
/*
 * The client has proved who it is, otherwise than to the ensemble: "x509" and the subject of its certificate, "sasl"
 * and the name at the end of an exchange. Both are copied; the identity ends with the connection. PK_ENOMEM: close it.
 */
enum pk_err core_identify(struct core *core, struct pk_id id, const char *scheme,
                          const char *name) PK_NODISCARD;
/* What kind of server a PK_UPLINK_READY that follows is about: its release, 0x0307 for 3.7, 0 when it does not tell. */
void core_uplink_release(struct core *core, struct pk_id id, uint16_t release);
/* Takes one event in. Failures end the connection concerned with a reason, never the core. */
void core_step(struct core *core, struct pk_id id, const struct pk_event *event);
/* Next connection that changed, with what is to be done for it; false when there is none. */
bool core_next(struct core *core, struct pk_id *id, struct pk_update *update);
/* True when PK_CONTINUE should follow soon (a budget ran out), after other events had their turn. */
bool core_pending(const struct core *core);
/* True when no connection is left (after PK_DRAIN). */
bool core_idle(const struct core *core);

/*
 * Changes the i-th mount while clients are served: mode, bounds, flush, absorb_watched; config->path is ignored. What
 * a new mode does not hold goes to the ensemble at a bounded rate (core_mount_info.left). One that leaves begins
 * anew. PK_ENOENT: no such mount.
 */
enum pk_err core_mount_set(struct core *core, size_t i, const struct core_mount *config) PK_NODISCARD;
/*
 * Adds a mount while clients are served. Its mode begins when every request is answered that was asked before, and with
 * the watches that stand there by then (core_mount_info.begins). PK_EINVAL: it may be none, lies at, above or below one
 * that there is or was, or config.hold is false, so that nobody knows which watches stand; PK_ELIMIT: there were
 * PK_STORE_MOUNTS; PK_ENOMEM. Nothing is changed then.
 */
enum pk_err core_mount_add(struct core *core, const struct core_mount *config) PK_NODISCARD;
/* The i-th mount leaves: what it holds goes to the ensemble as for the mode relay; then it is gone, policy and all, and
 * its number is kept for when it is named again (core_mount_set). */
void core_mount_remove(struct core *core, size_t i);
/* The number of the mount of this path, be it gone; false when there was none. */
bool core_mount_find(const struct core *core, const char *path, size_t *i);
/* Other bounds: max_frame, high water marks, max_parked, watch_memory, handshake_us, hold_watches, max_message. They
 * hold from the next frame, byte or watch on; PK_TICK or any other step should follow. */
void core_limits_set(struct core *core, const struct core_config *config);
/* Replaces the credentials of service sessions; those that are open keep theirs. */
enum pk_err core_auth_set(struct core *core, const struct core_auth *auths, size_t n) PK_NODISCARD;
/* How much is still on its way to the ensemble after PK_RELEASE or core_mount_set: znodes and dirty cached znodes. */
int64_t core_left(const struct core *core);

/* Takes the oldest log event out; false when there is none. Those beyond a small number are dropped. */
bool core_take_log_event(struct core *core, struct core_log_event *event);

/* Figures (store/stats.h). */
const struct core_stats *core_stats(const struct core *core);
/* Latency of absorbed beats, from the read to the write of the reply, in microseconds: those of the last 60 to 75 s
 * (base/window.h). */
void core_beats_lately(const struct core *core, struct pk_histogram *out);

/* How long clients were without a server that was lost, in microseconds at a quantile, 0 if none were. */
int64_t core_hold_time(const struct core *core, double quantile);
/* For how many of them it was no longer than so many microseconds, as core_beats_within says it; and all that time. */
uint64_t core_holds_within(const struct core *core, int64_t us);
double core_hold_sum_us(const struct core *core);

/* Latency of absorbed beats since the start: exact, and 0 without beats. */
struct core_beat_times {
    int64_t min_us, max_us;
    double mean_us;
};
struct core_beat_times core_beat_times(const struct core *core);

/* Absorbed beats that took no longer than so many microseconds, within 1.6 %; beyond INT32_MAX: all; and all their
 * time. */
uint64_t core_beats_within(const struct core *core, int64_t us);
double core_beat_sum_us(const struct core *core);
/* How long the ensemble took to answer what clients asked: one server's reads or writes, by its number
 * (PK_UPLINK_READY). NULL beyond the last. */
const struct pk_latency *core_relay_times(const struct core *core, unsigned server, bool writes);
/* What was answered below the i-th mount; beyond the last what was outside all of them. */
const struct pk_tally *core_tally(const struct core *core, size_t i);

/* Of the group; false when there is none. */
bool core_group_info(const struct core *core, struct core_group_info *info);
/* The i-th other member that has a link with us; false beyond the last. */
bool core_group_member(const struct core *core, size_t i, struct core_member_info *info);
/* How long answers waited for copies, in microseconds at a quantile (0..1), 0 if none did. */
int64_t core_copy_wait(const struct core *core, double quantile);
/* The same as a histogram: how many took no longer than so many microseconds, and all of them together. */
uint64_t core_copy_waits_within(const struct core *core, int64_t us);
double core_copy_wait_sum_us(const struct core *core);
/* After PK_HANDOVER: nothing is left to be done. True at once where there is no group, or nobody to take over. */
bool core_handed_over(const struct core *core);

struct core_mount_info {
    const char *path;
    enum pk_mount_mode mode;
    uint64_t znodes, bytes; /* local */
    uint64_t cached_znodes; /* znodes of the ensemble whose refreshes are absorbed */
    uint64_t dirty;         /* of these with writes that have not been flushed */
    uint64_t left;          /* of both, what the mode does not hold: on its way to the ensemble */
    uint64_t max_znodes, max_bytes;
    int64_t flush_us;
    int64_t unflushed_us; /* since when the oldest dirty one that waits for its time is dirty, 0: none */
    uint32_t recursive;   /* recursive watches that keep all of it from being absorbed */
    bool begins;          /* it is new, and relays until its mode can begin */
    bool leaves, gone;    /* it is named no longer; gone: and nothing of it is left */
};
/* The i-th mount; false beyond the last. Those that are gone keep their number. */
bool core_mount_info(const struct core *core, size_t i, struct core_mount_info *info);
/* The same for the first that is not gone, from *i on, which becomes its number. */
bool core_mount_next(const struct core *core, size_t *i, struct core_mount_info *info);

struct core_conn_info {
    int64_t session_id;          /* 0 before the handshake is done */
    int32_t timeout_ms;          /* negotiated */
    uint64_t received, sent;     /* frames */
    uint64_t local;              /* of these answered from memory */
    uint64_t written;            /* of those received the ones that write */
    uint32_t queued;             /* requests without an answer yet */
    int32_t last_xid, last_op;   /* of the newest request */
    int64_t last_zxid;           /* header zxid of the newest answer */
    int64_t opened_us, heard_us; /* heard_us: its client; */
    int64_t server_us;           /* and its server */
    struct pk_bytes writes,
        holds; /* a path that it was seen to write, one that it made as ephemeral; null: none. Borrowed
                                      until the next step */
};
/* False for a stale id. */
bool core_conn_info(struct core *core, struct pk_id id, struct core_conn_info *info);

/*
 * What is known of one path, for people: what memory holds there, and who watches. Borrowed until the next step.
 */
enum { PK_EXPLAIN_WATCHERS = 16 };
struct core_explanation {
    size_t mount;     /* its number; beyond the last: outside all */
    bool below;       /* strictly below it */
    const char *held; /* "local", "promoting", "cached", "promoted", "tracked", or "absent" */
    bool parent_held; /* local children may be created below its parent without a question */
    bool watched, parent_watched, intended, unfit, refused;
    int32_t version;
    int64_t mtime;    /* Unix time in ms of the newest write that memory knows, 0 none */
    uint64_t data;    /* bytes */
    int32_t pending;  /* absorbed writes that the ensemble does not have */
    uint32_t permits; /* connections that may have writes absorbed */
    bool has_writer;
    struct pk_id writer; /* whose absorbed writes are not flushed */
    struct pk_id watchers
        [PK_EXPLAIN_WATCHERS]; /* of the znode and of its parent's children, then of all of the mount */
    size_t nwatchers;
};
void core_explain(const struct core *core, struct pk_bytes path, struct core_explanation *out);

/* One held or cached znode, for people: never its data. */
struct core_znode_info {
    size_t mount;
    const char *held; /* "local", "promoting" or "cached" */
    int32_t version;
    int64_t mtime;
    uint64_t data;
    int32_t pending;
};
/*
 * Calls look for every held or cached znode of a mount, parents first, until it says false or so many znodes have been
 * looked at. The path is borrowed. False when the walk did not come to its end.
 */
bool core_walk(struct core *core, size_t mount, size_t most,
               bool (*look)(void *owner, struct pk_bytes path, const struct core_znode_info *info),
               void *owner);

/*
 * What outlives the process: local znodes, and what is remembered of upstream parents. Records come parents first and
 * must go back in that order, before the first client, into a core with the same mounts. Restored znodes are served at
 * once and compared with the ensemble on a service session: one that exists there too is given up.
 */
struct core_record {
    const uint8_t *path;
    size_t path_len;
    bool local; /* else an upstream parent: czxid (0 unknown), pzxid and cversion (local deletes) count */
    bool has_data;
    const uint8_t *data;
    size_t data_len;
    int64_t czxid, mzxid, pzxid, ctime, mtime;
    int32_t version, cversion;
};
/* The next record: cursor starts at zero. Borrowed until the next call. False at the end. */
struct core_cursor {
    size_t mount;
    void *at;
};
bool core_save_next(struct core *core, struct core_cursor *cursor, struct core_record *record);
/* False when a number of it is one that no znode has, and counting on from there would overflow. */
bool core_record_sane(const struct core_record *record);
/* Zxids given out from here on are above this one. */
void core_restore_zxid(struct core *core, int64_t newest_zxid);
/* Parents first. PK_EINVAL: below no mount, twice, with counters that no znode has, or of the ensemble's below a local
 * one; PK_ELIMIT: a bound of the mount. */
enum pk_err core_restore(struct core *core, const struct core_record *record) PK_NODISCARD;

#endif
