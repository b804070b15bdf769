/*
 * A socket that listens.
 */
#ifndef PK_IO_LOOP_LISTEN_H
#define PK_IO_LOOP_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * Binds a stream socket and listens, non-blocking. dual: one of IPv6 takes IPv4 as well. backlog: connections that the
 * kernel keeps until they are accepted. The socket is the caller's; -1 with errno.
 */
int pk_listen_on(const struct sockaddr *address, socklen_t len, bool dual, int backlog);

#endif
