/*
 * Asking before a birth: whether the ensemble has the path, and whether its parent lets everybody create and
 * delete.
 *
 *   sync(path) ─ exists(path) ─ getACL(parent)  in one pipeline on the client's uplink; then memory is asked
 * again
 *
 * An ask is spoiled by everything that may have changed its answer meanwhile (touch.h): the create is relayed
 * then.
 */
#ifndef PK_CORE_ASK_H
#define PK_CORE_ASK_H

#include "core/state.h"

enum pk_ask_part { PK_ASK_SYNC, PK_ASK_EXISTS, PK_ASK_ACL, PK_ASK_PARTS };

/* Membership in the list of asks of a znode, which it keeps known. */
struct pk_ask_link {
    struct pk_list list;
    struct pk_ask *ask;
};

struct pk_ask {
    struct pk_ask_link of_path, of_parent;
    struct pk_znode *path, *parent;
    uint8_t answered; /* questions */
    bool absent, open, spoiled;
};

/* Sends the questions for a birth at path; the connection's request waits meanwhile. PK_ENOMEM: nothing was
 * sent. */
enum pk_err pk_ask_begin(struct core *core, struct pk_conn *c, struct pk_mount *mount,
                         struct pk_bytes path) PK_NODISCARD;
/* Takes an answer in (payload behind the length word). */
void pk_ask_answer(struct core *core, struct pk_conn *c, int part, const struct pk_reply *r,
                   struct pk_bytes body);
/* True once every question is answered. */
bool pk_ask_done(const struct pk_conn *c);
/* True when the answers allow a birth. */
bool pk_ask_allows(const struct pk_conn *c);
/* Ends the connection's ask, if there is one. */
void pk_ask_drop(struct core *core, struct pk_conn *c);
/* Something about the znode changed: asks about it have become worthless. */
void pk_asks_spoil(struct pk_znode *z);

#endif
