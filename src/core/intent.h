/*
 * Intents and watches: what a relayed request may change or watch below a mount, remembered from the moment
 * it is sent.
 *
 * A intent ties an entry of the reply queue to a znode. While it stands, local creates at that path and directly
 * below it are relayed (the ensemble decides who comes first), and prechecks of it that are under way are
 * spoiled. Intents that watch become standing watches with a good reply. A watched path is never absorbed;
 * over-approximation costs speed only.
 */
#ifndef PK_CORE_INTENT_H
#define PK_CORE_INTENT_H

#include "core/state.h"

enum pk_intent_kind {
    PK_INTENT_WRITE = 1,     /* may create, write, delete or protect the znode */
    PK_INTENT_DELETE = 2,    /* a success means that it is gone: local deletes below it are forgotten */
    PK_INTENT_TRANSIENT = 4, /* a success makes it a container or TTL znode: no local creates below it */
    PK_INTENT_DATA = 8,      /* a one-shot data or exists watch */
    PK_INTENT_CHILD = 16,    /* a one-shot child watch */
    PK_INTENT_PERSISTENT = 32,
    PK_INTENT_RECURSIVE = 64,
    PK_INTENT_SHOW =
        128, /* the answer shows the znode and is not brought up to date: nothing is absorbed meanwhile */
    PK_INTENT_WATCHES = 8 | 16 | 32 | 64,
};

struct pk_intent {
    struct pk_intent *next;
    struct pk_znode *znode;
    uint8_t kinds;
};

struct pk_watch {
    struct pk_list of_conn, of_znode;
    struct pk_conn *conn;
    struct pk_znode *znode;
    uint8_t standing;     /* PK_INTENT_WATCHES bits */
    uint16_t inflight[4]; /* per bit, in order */
};

/* Adds a intent to an entry and counts it at the znode. */
enum pk_err pk_intent(struct core *core, struct pk_conn *c, struct pk_entry *e, struct pk_znode *z,
                      uint8_t kinds) PK_NODISCARD;
/* How a request ended that touched something. */
enum pk_outcome { PK_OUTCOME_OK, PK_OUTCOME_FAILED, PK_OUTCOME_UNKNOWN };
/* The answer is here (or never comes): the intents end; with success watches stand and deletes forget; cached znodes end that
 * the request may have changed. watches_stand: watch bits that stand although the request failed (an exists watch on a
 * missing znode). */
void pk_intents_end(struct core *core, struct pk_conn *c, struct pk_entry *e, enum pk_outcome outcome,
                    uint8_t watches_stand);
/* A notification: one-shot watches that it consumes are cleared. */
void pk_watches_fired(struct core *core, struct pk_conn *c, const struct pk_watcher_event *event);
/* The connection ends, and its watches with it. */
void pk_watches_end(struct core *core, struct pk_conn *c);

/* True when a local create at path would be seen by a watch, now or in flight: at the znode, as a child of its
 * parent, or through a recursive watch above. */
bool pk_watched(const struct core *core, const struct pk_mount *mount, struct pk_bytes path);
/* True when a watch may depend on the data of a znode below a mount. */
bool pk_data_watched(const struct core *core, const struct pk_znode *z);
/* True when a relayed request is under way that may create, write, delete or protect the znode, or shows it. NULL is
 * allowed. */
bool pk_intended(const struct pk_znode *z);

#endif
