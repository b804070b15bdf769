/*
 * Touches and watches: what a relayed request may change or watch below a mount, remembered from the moment
 * it is sent.
 *
 * A touch ties an entry of the reply queue to a znode. While it stands, births at that path and directly
 * below it are relayed (the ensemble decides who comes first), and asks about it that are under way are
 * spoiled. Touches that watch become standing watches with a good reply. A watched path is never absorbed;
 * over-approximation costs speed only.
 */
#ifndef PK_CORE_TOUCH_H
#define PK_CORE_TOUCH_H

#include "core/state.h"

enum pk_touch_kind {
    PK_TOUCH_WRITE = 1,     /* may create, write, delete or protect the znode */
    PK_TOUCH_DELETE = 2,    /* a success means that it is gone: absorbed deaths below it are forgotten */
    PK_TOUCH_TRANSIENT = 4, /* a success makes it a container or TTL znode: no births below it */
    PK_TOUCH_DATA = 8,      /* a one-shot data or exists watch */
    PK_TOUCH_CHILD = 16,    /* a one-shot child watch */
    PK_TOUCH_PERSISTENT = 32,
    PK_TOUCH_RECURSIVE = 64,
    PK_TOUCH_SHOW =
        128, /* the answer shows the znode and is not brought up to date: nothing is absorbed meanwhile */
    PK_TOUCH_WATCHES = 8 | 16 | 32 | 64,
};

struct pk_touch {
    struct pk_touch *next;
    struct pk_znode *znode;
    uint8_t kinds;
};

struct pk_watch {
    struct pk_list of_conn, of_znode;
    struct pk_conn *conn;
    struct pk_znode *znode;
    uint8_t standing;     /* PK_TOUCH_WATCHES bits */
    uint16_t inflight[4]; /* per bit, in order */
};

/* Adds a touch to an entry and counts it at the znode. */
enum pk_err pk_touch(struct core *core, struct pk_conn *c, struct pk_entry *e, struct pk_znode *z,
                     uint8_t kinds) PK_NODISCARD;
/* How a request ended that touched something. */
enum pk_outcome { PK_OUTCOME_OK, PK_OUTCOME_FAILED, PK_OUTCOME_UNKNOWN };
/* The answer is here (or never comes): the touches end; with success watches stand and deletes forget; leases end that
 * the request may have changed. watches_stand: watch bits that stand although the request failed (an exists watch on a
 * missing znode). */
void pk_touches_end(struct core *core, struct pk_conn *c, struct pk_entry *e, enum pk_outcome outcome,
                    uint8_t watches_stand);
/* A notification: one-shot watches that it consumes are cleared. */
void pk_watches_fired(struct core *core, struct pk_conn *c, const struct pk_watcher_event *event);
/* The connection ends, and its watches with it. */
void pk_watches_end(struct core *core, struct pk_conn *c);

/* True when a birth at path would be seen by a watch, now or in flight: at the znode, as a child of its
 * parent, or through a recursive watch above. */
bool pk_watched(const struct core *core, const struct pk_mount *mount, struct pk_bytes path);
/* True when a watch may depend on the data of a znode below a mount. */
bool pk_data_watched(const struct core *core, const struct pk_znode *z);
/* True when a relayed request is under way that may create, write, delete or protect the znode, or shows it. NULL is
 * allowed. */
bool pk_touched(const struct pk_znode *z);

#endif
