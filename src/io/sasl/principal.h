/*
 * Kerberos principals as text: service/host@REALM.
 */
#ifndef PK_IO_SASL_PRINCIPAL_H
#define PK_IO_SASL_PRINCIPAL_H

#include <stddef.h>

#include "base/err.h"

enum { PK_PRINCIPAL_PART = 256 };

struct pk_principal {
    char service[PK_PRINCIPAL_PART], host[PK_PRINCIPAL_PART], realm[PK_PRINCIPAL_PART];
};

/* Takes SERVICE/HOST@REALM apart; PK_EMALFORMED for anything else, quoted characters included. */
enum pk_err pk_principal_read(struct pk_principal *p, const char *text) PK_NODISCARD;

/*
 * The short name of a client's principal, as ZooKeeper's servers and Storm make it of one of their realm: alice of
 * alice@REALM and of alice/host@REALM. out has size bytes. PK_ENOENT for one of another realm than `realm`, who is not
 * to be taken for one of ours; PK_ELIMIT when it does not fit.
 */
enum pk_err pk_principal_short(char *out, size_t size, const char *principal, const char *realm) PK_NODISCARD;

#endif
