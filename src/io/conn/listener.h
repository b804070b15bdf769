/*
 * Listening sockets. Accepting is our own and not libuv's, because libuv closes waiting clients when
 * descriptors run out; ours leaves them in the kernel's queue and goes on when descriptors are free again.
 */
#ifndef PK_IO_CONN_LISTENER_H
#define PK_IO_CONN_LISTENER_H

#include <uv.h>

#include "base/err.h"
#include "io/config/hostport.h"

struct pk_io;

struct pk_listener {
    struct pk_io *io;
    uv_poll_t poll;
    int fd; /* -1 when closed */
};

/* Binds and listens on every configured address; says why in the log and returns PK_EINVAL when one fails. */
enum pk_err pk_listeners_open(struct pk_io *io) PK_NODISCARD;
/* Starts accepting and says on which ports. */
enum pk_err pk_listeners_start(struct pk_io *io) PK_NODISCARD;
/* Accepts again after a pause when there is room; cheap when there was none. */
void pk_listeners_resume(struct pk_io *io);
/* Closes all. */
void pk_listeners_close(struct pk_io *io);

#endif
