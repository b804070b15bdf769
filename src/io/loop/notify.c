/*
 * Notifications. Happy path: a datagram for each change. Failure modes: no manager, a socket that cannot be reached, a
 * manager that does not listen: nobody is told, and nothing else changes.
 */
#include "io/loop/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* An abstract address is written with @ in front. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, size) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* WATCHDOG_USEC, where it is meant for this process. */
static int64_t watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    int64_t value = strtoll(usec, NULL, 10);
    return value > 0 ? value / 3 : 0;
}

void pk_notify_open(struct pk_notify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *notify = (struct pk_notify){.fd = path != NULL ? connect_to(path) : -1};
    notify->watchdog_us = notify->fd >= 0 ? watchdog() : 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void pk_notify_send(const struct pk_notify *notify, const char *format, ...)
{
    char text[512];
    va_list args;
    if (notify->fd < 0)
        return;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0 &&
        send(notify->fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, MSG_NOSIGNAL) < 0)
        return;
}

void pk_notify_reloading(const struct pk_notify *notify)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    pk_notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

void pk_notify_tick(struct pk_notify *notify, int64_t now_us)
{
    if (notify->watchdog_us == 0 || now_us - notify->alive_us < notify->watchdog_us)
        return;
    notify->alive_us = now_us;
    pk_notify_send(notify, "WATCHDOG=1");
}

void pk_notify_close(struct pk_notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}
