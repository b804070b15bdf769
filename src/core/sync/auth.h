/*
 * Credentials that service sessions show the ensemble (addauth).
 */
#ifndef PK_CORE_SYNC_AUTH_H
#define PK_CORE_SYNC_AUTH_H

#include <stddef.h>
#include <stdint.h>

struct core_auth {
    const char *scheme;
    const uint8_t *secret;
    size_t len;
};

#endif
