/*
 * The section admin: addresses where the admin side listens, and how long the token may be that protects it.
 */
#ifndef PK_IO_CONFIG_ADMIN_H
#define PK_IO_CONFIG_ADMIN_H

#include <stdbool.h>

#include "io/config/error.h"

enum { PK_ADMIN_LISTEN = 300, PK_ADMIN_TOKEN = 256 };

/* Checks HOST:PORT, tls:HOST:PORT or unix:/PATH. PK_EINVAL with *why. */
enum pk_err pk_admin_address(const char *text, const char **why) PK_NODISCARD;
/* True when the text names a socket file or an address that only this machine reaches: 127.*, ::1, localhost. */
bool pk_admin_is_near(const char *text);
/* The path of unix:/PATH, NULL for others. */
const char *pk_admin_path(const char *text);
/* True of tls:HOST:PORT, where TLS is spoken. */
bool pk_admin_is_tls(const char *text);
/* HOST:PORT of tls:HOST:PORT; others are as they are. */
const char *pk_admin_bare(const char *text);

#endif
