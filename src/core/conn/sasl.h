/* Where a SASL exchange stands after a token of the client (core.h, PK_CLIENT_SASL). */
#ifndef PK_CORE_CONN_SASL_H
#define PK_CORE_CONN_SASL_H

enum core_sasl {
    PK_SASL_GOES_ON, /* another token of his is expected */
    PK_SASL_ENDS,    /* he is who he says: his identity has been given */
    PK_SASL_FAILS,   /* he is told so, and the connection ends */
};

#endif
