/*
 * A slow disk, preloaded: each fsync and fdatasync takes $SLOW_DISK_MS milliseconds, and does nothing else.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int wait_for_it(void)
{
    const char *text = getenv("SLOW_DISK_MS");
    long ms = text != NULL ? atol(text) : 0;
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return wait_for_it();
}

int fdatasync(int fd)
{
    (void)fd;
    return wait_for_it();
}
