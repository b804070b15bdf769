/*
 * How clients of Pacemaker's protocol log in, as configured (pacemaker.h fills it).
 */
#ifndef PK_IO_CONFIG_LOGIN_H
#define PK_IO_CONFIG_LOGIN_H

#include "core/core.h"
#include "io/config/kerberos.h"
#include "proto/digest.h"

struct pk_pacemaker_login {
    enum core_login method;            /* PK_LOGIN_NONE: nobody does */
    char name[PK_VALUE_TEXT];          /* DIGEST: who everybody is that knows the secret, */
    char secret[PK_DIGEST_SECRET + 1]; /* null-terminated; wiped with the configuration */
    struct pk_kerberos kerberos;       /* KERBEROS: who we are */
};

#endif
