/*
 * The SASL library (cyrus-sasl), of which there can be one in a process, and the loop on whose thread pool its slow
 * steps run. Its own configuration files are not read, and of its plugins only those of the mechanisms that are asked
 * for are loaded.
 */
#ifndef PK_IO_SASL_SASL_H
#define PK_IO_SASL_SASL_H

#include <uv.h>

#include "base/err.h"

struct pk_sasl;

struct pk_sasl_setup {
    unsigned mechanisms; /* enum pk_sasl_mechanism, or-ed: of all services together */
    const char
        *keytab; /* of GSSAPI: one file for the whole process, which may hold several principals; copied */
};

/* Makes the library ready. PK_ENOMEM; PK_ENOENT with the reason in why, which has size bytes: a mechanism's plugin is
 * not installed, or the keytab cannot be read. */
enum pk_err pk_sasl_open(struct pk_sasl **out, uv_loop_t *loop, const struct pk_sasl_setup *setup, char *why,
                         size_t size) PK_NODISCARD;
/* After the loop has been closed: no exchange is left, nor a step on a thread. sasl may be NULL. */
void pk_sasl_free(struct pk_sasl *sasl);

#endif
