/*
 * One event loop with its core: what every driver above shares.
 *
 *   sockets, timers, threads ──events──► pk_loop_step ──► core        updates come back through the pump (conn/pump.h)
 *
 * Nothing here is global: a second loop needs a second struct pk_loop.
 */
#ifndef PK_IO_LOOP_LOOP_H
#define PK_IO_LOOP_LOOP_H

#include <uv.h>

#include "core/core.h"
#include "io/loop/log.h"
#include "io/loop/secret.h"

/* PLAIN_BUFFER: more than what the bytes of one read decrypt to. */
enum { PK_READ_BUFFER = 64 * 1024, PK_PLAIN_BUFFER = PK_READ_BUFFER + 20 * 1024, PK_INSTANCE_TEXT = 33 };

/* How long handshakes of TLS may take of one round of the loop, which others wait for; one more than that is begun. */
enum { PK_SHAKE_US = 2000 };

struct pk_config;

struct pk_loop {
    uv_loop_t uv;
    struct core *core;
    /* The process's, borrowed. */
    const struct pk_config *config; /* changed by a reload only */
    struct pk_log *log;
    const char *instance; /* random, in our own srvr */

    uint8_t *buffer;               /* where every read goes */
    uint8_t *plain;                /* where what is encrypted comes out */
    struct pk_secret_heap secrets; /* of the core's */
    int64_t now_us, wall_ms;       /* of the newest read batch or timer */
    int64_t started_us;
    uint64_t shake_round; /* the round, as uv_now, of which handshakes have taken */
    int64_t shake_us;     /* so much */
};

/* Makes libuv's loop and the buffer and takes the time; the rest is the caller's to set. PK_ENOMEM. */
enum pk_err pk_loop_init(struct pk_loop *loop) PK_NODISCARD;
/* Frees core and buffer, after uv_loop_close. */
void pk_loop_free(struct pk_loop *loop);

/* Microseconds since the boot, time in which the machine was suspended included: that passes for others, too. */
int64_t pk_loop_now(void);
/* Takes the time for events that follow. */
void pk_loop_clock(struct pk_loop *loop);
/*
 * Whether the log is to hear something again of which it last heard at *said_us (0: never): once a minute. If so,
 * *said_us is now.
 */
bool pk_loop_say_again(const struct pk_loop *loop, int64_t *said_us);
/* Whether this round of the loop has time for another step of a handshake. */
bool pk_loop_may_shake(struct pk_loop *loop);
/* A step of a handshake took so long. */
void pk_loop_shook(struct pk_loop *loop, int64_t us);
/* Feeds one event; bytes may be NULL. */
void pk_loop_step(struct pk_loop *loop, struct pk_id id, enum pk_event_type type, const void *bytes,
                  size_t len);
/* Feeds what a server said that the core wanted to have asked: PK_SERVER_SERVES or _LOST. */
void pk_loop_server(struct pk_loop *loop, struct pk_id id, enum pk_event_type type, int64_t zxid);
/* Feeds PK_UPLINK_FAILED of an uplink to a member; refused: its port refuses connections. */
void pk_loop_failed(struct pk_loop *loop, struct pk_id id, bool refused);
/* Feeds an event that is nobody's: PK_TICK, PK_CONTINUE, PK_RELEASE, PK_HASTEN, PK_DRAIN. */
void pk_loop_tell(struct pk_loop *loop, enum pk_event_type type);

#endif
