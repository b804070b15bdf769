/*
 * Server exchanges of SASL: the tokens of one client go in, ours come out, and at the end there is a name. Whose
 * protocol carries the tokens is the caller's matter: ZooKeeper's request type 102, or Pacemaker's messages.
 *
 *   BEGUN ──step──► (on a thread) ──► CONTINUE ──step──► ... ──► DONE      who it is
 *     └──────────────────────────────────┴─────────────────────► REFUSED   why, for the log; any step after an end
 *
 * DIGEST-MD5 is a matter of microseconds and answers at once. GSSAPI reads files, takes file locks and may ask DNS: its
 * steps run on libuv's thread pool, a few at a time, and the owner is called back on the loop.
 *
 * A server that expects more of a DIGEST-MD5 response than the library does is imitated here: the digest-uri, the
 * realm, and the one name that the password belongs to (respond.h). What the client calls itself beside that, its
 * authorization id, is ignored, as ZooKeeper ignores it.
 */
#ifndef PK_IO_SASL_EXCHANGE_H
#define PK_IO_SASL_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pk_sasl;

enum pk_sasl_mechanism { PK_SASL_DIGEST_MD5 = 1, PK_SASL_GSSAPI = 2 };

/*
 * Who we are to clients, and which mechanisms they may take; the wire names none. With both, a first token that begins
 * as a GSS-API token does is GSSAPI's. Strings and users are borrowed: they stay until the exchanges that were begun
 * with them have been freed, users may change between steps.
 */
struct pk_sasl_service {
    unsigned mechanisms; /* enum pk_sasl_mechanism, or-ed */
    /* DIGEST-MD5: "zookeeper", "zk-sasl-md5" is ZooKeeper's; "null", "default" Pacemaker's. Host and realm are one. */
    const char *digest_service, *digest_realm;
    /* The password of a user (UTF-8, null-terminated), NULL when there is none. Called on the loop alone. */
    const char *(*password)(void *users, const char *user);
    void *users;
    /* GSSAPI: the principal SERVICE/HOST@REALM, which must be in the keytab of pk_sasl_open. */
    const char *gss_service, *gss_host, *gss_realm;
};

enum pk_sasl_state { PK_SASL_BEGUN, PK_SASL_ON_A_THREAD, PK_SASL_CONTINUE, PK_SASL_DONE, PK_SASL_REFUSED };

struct pk_sasl_answer {
    enum pk_sasl_state state;
    enum pk_sasl_mechanism mechanism; /* 0 before the first token */
    const uint8_t *token;             /* for the client; NULL is none: ZooKeeper's null buffer */
    size_t len;
    const char *name; /* DONE: the user of DIGEST-MD5; of GSSAPI the principal, alice@REALM or a/host@REALM */
    const char *why;  /* REFUSED: for the log; holds no secret */
};

struct pk_sasl_exchange;

/* done: called on the loop when a step that went to a thread is answered. NULL: memory is short. */
struct pk_sasl_exchange *pk_sasl_begin(struct pk_sasl *sasl, const struct pk_sasl_service *service,
                                       void (*done)(void *owner, const struct pk_sasl_answer *answer),
                                       void *owner);
/*
 * Takes the client's next token; it is borrowed for the call alone. Not while a step is on its way. True when it is
 * answered: *answer, whose pointers stay until the next step or the end. False when done will be called.
 */
bool pk_sasl_step(struct pk_sasl_exchange *x, const uint8_t *token, size_t len,
                  struct pk_sasl_answer *answer);
/* Ends it in any state, also while a step is on a thread: done is never called then. x may be NULL. */
void pk_sasl_end(struct pk_sasl_exchange *x);

#endif
