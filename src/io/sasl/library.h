/*
 * What the exchanges of one process share, for the files of this folder.
 */
#ifndef PK_IO_SASL_LIBRARY_H
#define PK_IO_SASL_LIBRARY_H

#include <sasl/sasl.h>
#include <stdbool.h>

#include "base/list.h"
#include "io/sasl/sasl.h"

enum { PK_SASL_CALLBACKS = 4 };

/* A function as the library takes them all. */
#define PK_SASL_PROC(function) ((int (*)(void))(void (*)(void))(function))

struct pk_sasl {
    uv_loop_t *loop;
    unsigned mechanisms;
    char *keytab;
    sasl_callback_t callbacks[PK_SASL_CALLBACKS + 1];
    struct pk_list waiting; /* exchanges whose step waits for a thread, oldest first */
    unsigned on_threads;    /* steps that are there now */
    bool ready;             /* the library has been initialised */
};

/* What a context of the library calls back for: the id by which ours are found again from inside of it. */
enum { PK_SASL_CB_OWNER = SASL_CB_PROXY_POLICY };

/* The password that the exchange of this context is to be compared with, NULL: none. */
const char *pk_sasl_password(void *exchange);

#endif
