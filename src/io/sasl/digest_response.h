/*
 * A client's response to a DIGEST-MD5 challenge (RFC 2831, 2.1.2): a list of name=value and name="value". Only what a
 * server has to compare is read; whether the response is right the library computes.
 */
#ifndef PK_IO_SASL_DIGEST_RESPONSE_H
#define PK_IO_SASL_DIGEST_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PK_DIGEST_VALUE = 256 };

struct pk_digest_response {
    char user[PK_DIGEST_VALUE]; /* UTF-8 */
    char realm[PK_DIGEST_VALUE];
    char uri[PK_DIGEST_VALUE];
};

/* PK_EMALFORMED: no such list; one of the three is missing, is longer than PK_DIGEST_VALUE or holds a zero byte; a name
 * stands twice; a user in other letters than ASCII without charset=utf-8, whom Java's servers do not know either. */
enum pk_err pk_digest_response_read(struct pk_digest_response *r, const uint8_t *p, size_t len) PK_NODISCARD;

#endif
