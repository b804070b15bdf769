/*
 * Users and their passwords, for DIGEST-MD5. What is here is wiped when it goes; nothing shows it.
 */
#ifndef PK_IO_CONFIG_USERS_H
#define PK_IO_CONFIG_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pk_user {
    char *name, *password;
};

/* Zero is no user. */
struct pk_users {
    struct pk_user *v;
    size_t n;
};

/* Copies both; the newer password of a name counts. PK_ENOMEM. */
enum pk_err pk_users_add(struct pk_users *users, const char *name, const char *password) PK_NODISCARD;
/* NULL when there is no such user. users is a struct pk_users (pk_sasl_service.password). */
const char *pk_users_password(void *users, const char *name);
bool pk_users_same(const struct pk_users *a, const struct pk_users *b);
void pk_users_free(struct pk_users *users);

#endif
