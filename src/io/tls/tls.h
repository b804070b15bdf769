/*
 * One TLS connection without a socket: bytes of the network go in and come out, as those of the peer do.
 *
 *     network ──► pk_tls_take ──► plain bytes            HANDSHAKE ──► OPEN ──► ended, or failed
 *     network ◄── pk_tls_output ◄── pk_tls_put                └────────────────────────┘
 *
 * Whatever is called, there may be output afterwards: answers of the handshake, alerts, tickets.
 */
#ifndef PK_IO_TLS_TLS_H
#define PK_IO_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/iov.h"
#include "io/tls/context.h"

struct pk_tls;

/* RECORD: more than what one record decrypts to. WRITE: as much as one call of pk_tls_put takes. */
enum { PK_TLS_RECORD = 17 * 1024, PK_TLS_WRITE = 64 * 1024 };

enum pk_tls_result {
    PK_TLS_FINE,
    PK_TLS_ENDED,  /* the peer has said that nothing follows */
    PK_TLS_FAILED, /* pk_tls_why; no more of it may be used but its last output */
};

/*
 * A connection in its handshake. name is the server's, a host name or an address, where the context makes connections,
 * and NULL where it accepts them. NULL: memory is short.
 */
struct pk_tls *pk_tls_new(struct pk_tls_context *context, const char *name);
/* NULL is fine. */
void pk_tls_free(struct pk_tls *tls);

/* Begins the handshake of a connection that is made; afterwards there is output. */
enum pk_tls_result pk_tls_begin(struct pk_tls *tls) PK_NODISCARD;
/* The handshake is done: the peer is who he should be. */
bool pk_tls_open(const struct pk_tls *tls);
/* It took an earlier session up. */
bool pk_tls_resumed(const struct pk_tls *tls);
/*
 * Takes n bytes of the network; room is at least n + PK_TLS_RECORD, and *len bytes of the peer are in out afterwards.
 */
enum pk_tls_result pk_tls_take(struct pk_tls *tls, const uint8_t *p, size_t n, uint8_t *out, size_t room,
                               size_t *len) PK_NODISCARD;
/* Encrypts from the head of n parts, when open; *taken bytes, PK_TLS_WRITE at most. */
enum pk_tls_result pk_tls_put(struct pk_tls *tls, const struct pk_iov *iov, int n,
                              size_t *taken) PK_NODISCARD;
/* Tells the peer that nothing follows. */
void pk_tls_close(struct pk_tls *tls);

/* What is to be sent, *len bytes, borrowed until the next call of any of these; NULL for nothing. */
const uint8_t *pk_tls_output(const struct pk_tls *tls, size_t *len);
/* The output is the caller's from now on, to be given to free(3). */
uint8_t *pk_tls_keep_output(struct pk_tls *tls);
/* The output has been sent. */
void pk_tls_drop_output(struct pk_tls *tls);

/* Why it failed, for people. */
const char *pk_tls_why(const struct pk_tls *tls);
/*
 * The subject of the peer's certificate, which was verified, as Java's X500Principal writes it, and with it ZooKeeper's
 * x509 provider; the caller's to be given to free(3). NULL: he showed none.
 */
char *pk_tls_subject(const struct pk_tls *tls);

#endif
