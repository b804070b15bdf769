/*
 * How clients of Pacemaker's protocol log in: with auth of their mount, as its readers do, in Pacemaker's own way.
 */
#ifndef PK_IO_CONFIG_PACEMAKER_H
#define PK_IO_CONFIG_PACEMAKER_H

#include "io/config/config.h"

/* User and password of the section PacemakerDigest, "user:password", which the caller wipes. */
struct pk_pacemaker_user {
    char text[PK_AUTH_SECRET + 1];
    size_t len, user; /* user: characters in front of the colon */
};

/* Reads them from a JAAS file. PK_EINVAL. */
enum pk_err pk_pacemaker_user_read(struct pk_pacemaker_user *user, const char *file,
                                   struct pk_config_error *error) PK_NODISCARD;

/* Fills config->pacemaker_login; once, when every source has been read and sasl too. PK_EINVAL. */
enum pk_err pk_pacemaker_login_read(struct pk_config *config, struct pk_config_error *error) PK_NODISCARD;
/* Whether a name that Kerberos has proved is Nimbus', or one that the policy of the mount names. owner: the struct
 * pk_config in use (pk_sasl_here.admits). */
bool pk_pacemaker_admits(void *owner, const char *name);
/* The password of whoever logs in by DIGEST, whatever he calls himself. login: a struct pk_pacemaker_login
 * (pk_sasl_service.password). */
const char *pk_pacemaker_password(void *login, const char *user);

#endif
