/*
 * A session of our own with the ensemble, for the marker and the survey: one connection in the loop, one request at a
 * time. A connection that breaks leaves the session alive: the next one takes it up again, at any server.
 *
 *   CLOSED ──► CONNECTING ──► GREETING ──► READY ◄──► ASKING                    connecting includes TLS
 *     ▲            │              │          │          │ └──► LEAVING         its end, with closeSession
 *     └── CLOSING ◄┴──────────────┴──────────┴──────────┴───────┘
 *
 * Whatever a server sends, the worst that follows is an error and a closed connection.
 */
#ifndef PK_IO_INSTANCES_ENSEMBLE_H
#define PK_IO_INSTANCES_ENSEMBLE_H

#include <stdbool.h>

#include "proto/records.h"

struct pk_ask;
struct pk_auth;
struct pk_loop;
struct pk_ensemble;
struct sockaddr;

/* How a request ended: an error of the ensemble, which is below zero, or one of these. */
enum {
    PK_ENSEMBLE_OK,
    PK_ENSEMBLE_LOST,     /* no connection, or it broke */
    PK_ENSEMBLE_LATE,     /* no answer in time */
    PK_ENSEMBLE_EXPIRED,  /* the session is over, with its ephemeral znodes */
    PK_ENSEMBLE_NONSENSE, /* the server does not speak the protocol */
    PK_ENSEMBLE_TLS,      /* no handshake, or a certificate that is refused */
    PK_ENSEMBLE_MEMORY,
};

/*
 * The end of what was begun, once, and never from within the call that began it. The body is borrowed; it is empty
 * with an error. Another request may be begun from within, also the end.
 */
typedef void pk_ensemble_done(void *owner, int error, struct pk_in body);

/*
 * No connection yet. auth is borrowed for as long as it lives; ended is called when it is gone. NULL: memory
 * is short.
 */
struct pk_ensemble *pk_ensemble_new(struct pk_loop *loop, const struct pk_auth *auth,
                                    void (*ended)(void *owner), void *owner);
/*
 * Connects, with TLS where the configuration says so and then to a server whose certificate has that name; takes up or
 * begins the session and shows the credentials. Not while a connection is there.
 */
void pk_ensemble_open(struct pk_ensemble *ensemble, const struct sockaddr *server, const char *name,
                      pk_ensemble_done *done, void *owner);
/* A request may be begun. */
bool pk_ensemble_ready(const struct pk_ensemble *ensemble);
/* The same, or a connection may be opened. */
bool pk_ensemble_idle(const struct pk_ensemble *ensemble);
/* The id of the session, 0 when there is none. */
int64_t pk_ensemble_session(const struct pk_ensemble *ensemble);

/* Begins a request, when ready; nothing of it is needed afterwards. */
void pk_ensemble_ask(struct pk_ensemble *ensemble, const struct pk_ask *ask, pk_ensemble_done *done,
                     void *owner);
/* From within done: the memory in which body is becomes the caller's to free(3). */
uint8_t *pk_ensemble_keep(struct pk_ensemble *ensemble);
/* Ends the session, within two seconds; what was begun is not reported any more. Once. */
void pk_ensemble_end(struct pk_ensemble *ensemble);

/* What an error means, for people. */
const char *pk_ensemble_error(int error);

#endif
