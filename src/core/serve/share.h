/*
 * What memory adds to a parent of the ensemble: its local children, and the absorbed deletes below it. Which of them a
 * server has seen follows from the zxid of its answer (design.md 7.5).
 */
#ifndef PK_CORE_SERVE_SHARE_H
#define PK_CORE_SERVE_SHARE_H

#include "core/sync/sync.h"

/* As the server at an answer's zxid sees it. */
struct pk_share {
    int32_t children, cversion;
    struct pk_znode *unsure; /* a child, or a parent whose local deletes are being promoted; NULL: sure */
};

/* True when the server at zxid has not got this child of a parent of its own. */
bool pk_share_counts(const struct pk_znode *child, int64_t zxid);
/* What memory adds to z for the server at zxid. */
struct pk_share pk_share_of(struct pk_sync *sync, struct pk_znode *z, int64_t zxid);
/* Adds it to the Stat of z that the server has shown, with so many of the children. */
void pk_share_add(struct pk_sync *sync, struct pk_znode *z, const struct pk_share *share, int32_t children,
                  struct pk_stat *st);
/* The client's answer waits for the end of this znode's promotion, or of the replay below it. Out of memory: the client
 * is to end. */
void pk_share_wait(struct pk_sync *sync, struct pk_client *c, struct pk_znode *unsure);

#endif
