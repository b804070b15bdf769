/*
 * The output of TLS, sent over a socket by those who have one of their own, and no libuv's.
 */
#ifndef PK_IO_TLS_SEND_H
#define PK_IO_TLS_SEND_H

#include <stdbool.h>

struct pk_tls;

/* Sends what there is by one send(2) with these flags, SIGPIPE apart, and drops it. False: not all of it went. */
bool pk_tls_send(struct pk_tls *tls, int fd, int flags);

#endif
