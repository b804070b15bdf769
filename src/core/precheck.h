/*
 * Asking before a local create: whether the ensemble has the path, and whether its parent lets everybody create and
 * delete.
 *
 *   sync(path) ─ exists(path) ─ getACL(parent)  in one pipeline on the client's uplink; then memory is asked
 * again
 *
 * An ask is spoiled by everything that may have changed its answer meanwhile (intent.h): the create is relayed
 * then.
 */
#ifndef PK_CORE_PRECHECK_H
#define PK_CORE_PRECHECK_H

#include "core/state.h"

enum pk_precheck_part { PK_PRECHECK_SYNC, PK_PRECHECK_EXISTS, PK_PRECHECK_ACL, PK_PRECHECK_PARTS };

/* Membership in the list of asks of a znode, which it keeps known. */
struct pk_precheck_link {
    struct pk_list list;
    struct pk_precheck *ask;
};

struct pk_precheck {
    struct pk_precheck_link of_path, of_parent;
    struct pk_znode *path, *parent;
    uint8_t answered; /* questions */
    bool absent, open, spoiled;
};

/* Sends the questions for a local create at path; the connection's request waits meanwhile. PK_ENOMEM: nothing was
 * sent. */
enum pk_err pk_precheck_begin(struct core *core, struct pk_conn *c, struct pk_mount *mount,
                              struct pk_bytes path) PK_NODISCARD;
/* Takes an answer in (payload behind the length word). */
void pk_precheck_answer(struct core *core, struct pk_conn *c, int part, const struct pk_reply *r,
                        struct pk_bytes body);
/* True once every question is answered. */
bool pk_precheck_done(const struct pk_conn *c);
/* True when the answers allow a local create. */
bool pk_precheck_allows(const struct pk_conn *c);
/* Ends the connection's ask, if there is one. */
void pk_precheck_drop(struct core *core, struct pk_conn *c);
/* Something about the znode changed: prechecks of it have become worthless. */
void pk_prechecks_spoil(struct pk_znode *z);

#endif
