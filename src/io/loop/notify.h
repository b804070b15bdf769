/*
 * What the service manager is told, as sd_notify(3) describes it: datagrams to the socket that $NOTIFY_SOCKET names.
 */
#ifndef PK_IO_LOOP_NOTIFY_H
#define PK_IO_LOOP_NOTIFY_H

#include <stdint.h>

struct pk_notify {
    int fd;              /* -1: nobody wants to hear */
    int64_t watchdog_us; /* how often it wants to hear that we live, with something to spare; 0 never */
    int64_t alive_us;    /* when it last heard */
};

/* Connects to the manager, where there is one; the variables are taken out of the environment. */
void pk_notify_open(struct pk_notify *notify);
/* Sends lines like READY=1, with newlines between. */
void pk_notify_send(const struct pk_notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A reload begins; its end is READY=1. */
void pk_notify_reloading(const struct pk_notify *notify);
/* Time has passed: says that we live, as often as is wanted. */
void pk_notify_tick(struct pk_notify *notify, int64_t now_us);
void pk_notify_close(struct pk_notify *notify);

#endif
