/* Where a SASL exchange stands after a token of the client (core.h, PK_CLIENT_SASL). */
#ifndef PK_CORE_CONN_SASL_H
#define PK_CORE_CONN_SASL_H

enum core_sasl {
    PK_SASL_GOES_ON, /* another token of his is expected */
    PK_SASL_ENDS,    /* he is who he says: his identity has been given */
    PK_SASL_FAILS,   /* he is told so, and the connection ends */
};

/* How Pacemaker's clients log in (pacemaker.auth.method); the answers to their tokens are the driver's. */
enum core_login {
    PK_LOGIN_NONE,
    PK_LOGIN_DIGEST,   /* a client asks for a challenge first */
    PK_LOGIN_KERBEROS, /* it begins with a token of its own */
};

#endif
