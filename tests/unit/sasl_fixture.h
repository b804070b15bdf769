/* What the tests of SASL that ends here share: the library with a keytab that no KDC knows, and users with their
 * passwords. */
#ifndef PK_TESTS_UNIT_SASL_FIXTURE_H
#define PK_TESTS_UNIT_SASL_FIXTURE_H

#include "io/sasl/exchange.h"
#include "io/sasl/sasl.h"
#include "tests/lib/support.h"

#define HOST "zk-sasl-md5"

enum { SASL_USERS = 6 };

struct sasl_user {
    const char *name, *password;
};

extern const struct sasl_user users[SASL_USERS];
extern uv_loop_t loop;
extern struct pk_sasl *sasl;
/* DIGEST-MD5 and GSSAPI. */
extern const struct pk_sasl_service service;

/* Setup and teardown of a group of tests. */
int open_library(void **state);
int close_library(void **state);

#endif
