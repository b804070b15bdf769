/*
 * Sending the output. Happy path: the kernel takes all of it, or there is none.
 * Failure modes: it takes less, or nothing: false, and the connection is good for nothing any more.
 */
#include "io/tls/send.h"

#include <sys/socket.h>

#include "io/tls/tls.h"

bool pk_tls_send(struct pk_tls *tls, int fd, int flags)
{
    size_t len = 0;
    const uint8_t *p = pk_tls_output(tls, &len);
    bool sent = p == NULL || send(fd, p, len, MSG_NOSIGNAL | flags) == (ssize_t)len;
    pk_tls_drop_output(tls);
    return sent;
}
