/*
 * Many sessions of one loop: opened a few at a time (a server's listen queue is short), kept alive, closed
 * together.
 */
#ifndef PK_TOOLS_BENCH_CROWD_H
#define PK_TOOLS_BENCH_CROWD_H

#include "tools/bench/session.h"

struct pk_crowd {
    struct pk_zs_loop *loop;
    void *owner;                             /* the caller's */
    void (*on_all_ready)(struct pk_crowd *); /* once, when the last session is ready */
    void (*on_lost)(struct pk_crowd *, struct pk_zs *, const char *why);
    struct pk_zs *s; /* n sessions; s[i].owner is the crowd, s[i].index is i */
    uint32_t n;
    uint32_t opened, ready, lost;
    bool ending;
    uv_timer_t pinger;
};

/* Begins to open n sessions; loop, owner and the callbacks must be set. False when out of memory. */
bool pk_crowd_open(struct pk_crowd *c, uint32_t n);
/* Sends closeSession where the session is ready, then ends every connection; the loop runs empty afterwards. */
void pk_crowd_close(struct pk_crowd *c);
/* After the loop ran empty. */
void pk_crowd_free(struct pk_crowd *c);

#endif
