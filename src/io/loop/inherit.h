/*
 * Listening sockets that the service manager has opened (sd_listen_fds(3)): while the daemon is restarted clients wait
 * in their queues.
 */
#ifndef PK_IO_LOOP_INHERIT_H
#define PK_IO_LOOP_INHERIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { PK_INHERITED = 32, PK_INHERITED_NAME = 64 };

struct pk_inherited {
    struct {
        int fd;                       /* -1: taken */
        char name[PK_INHERITED_NAME]; /* FileDescriptorName=, "unknown" when there is none */
    } v[PK_INHERITED];
    size_t n;
};

/* Finds what LISTEN_FDS says, where it is meant for this process; the variables are taken out of the environment. */
void pk_inherit(struct pk_inherited *inherited);
/* The socket that listens at this address, which is the caller's from now on; -1 when there is none. */
int pk_inherit_take(struct pk_inherited *inherited, const struct sockaddr *address);
/* The first that nobody has taken; NULL when there is none. */
const char *pk_inherit_left(const struct pk_inherited *inherited, struct sockaddr_storage *address);

#endif
