/*
 * The admin side's listening sockets: TCP addresses and paths of the file system. Each has its own share of
 * connections, so that strangers on a port do not keep an operator from the socket.
 */
#ifndef PK_IO_HTTP_DOOR_H
#define PK_IO_HTTP_DOOR_H

#include <uv.h>

#include "base/err.h"
#include "base/list.h"
#include "io/config/hostport.h"
#include "io/loop/log.h"

enum { PK_DOOR_PATH = 108 };

struct pk_door {
    struct pk_list list;
    const char *text;        /* as it is configured, without tls:; owned */
    size_t visitors;         /* who came through it and are here */
    bool closed;             /* nobody comes any more; freed when the last one has gone */
    int fd;                  /* -1 when closed */
    bool local;              /* a path of the file system */
    bool loopback;           /* an address that only this machine reaches */
    bool tls;                /* TLS is spoken with who comes */
    char name[PK_DOOR_PATH]; /* "127.0.0.1:9181", or the path */
    uv_poll_t poll;          /* started while there is room */
    void *owner;             /* poll's */
};

/*
 * Binds and listens, at HOST:PORT or unix:/PATH. A socket file that nobody listens on any more is replaced, one in use
 * is not. PK_EINVAL, and why in the log. Changes fd, local, loopback and name.
 */
enum pk_err pk_door_open(struct pk_door *door, const char *text, struct pk_log *log) PK_NODISCARD;
/* Closes it and removes its file. The poll handle has been stopped. */
void pk_door_close(struct pk_door *door);

#endif
