/*
 * File descriptors. Happy path: the soft limit becomes the hard one. Failure modes: a limit too small for
 * max-connections is warned about; accepting pauses there (listener.c).
 */
#include "io/daemon/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "io/loop/loop.h"

enum { KEPT_BACK = 64 };

void pk_limits_count(struct pk_io *io)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and the folder itself */
    if (dir == NULL)
        return;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    io->files = n;
}

void pk_limits_raise(struct pk_io *io)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL, "the limit of file descriptors is unknown: %s",
               strerror(errno));
        io->pair_limit = SIZE_MAX;
        io->max_files = -1;
        return;
    }
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        limit.rlim_cur = before;
    io->max_files = (int64_t)limit.rlim_cur;
    uint64_t files = limit.rlim_cur, kept = files / 4 < KEPT_BACK ? files / 4 : KEPT_BACK;
    io->pair_limit = files - kept > UINT32_MAX ? UINT32_MAX : (size_t)((files - kept) / 2);
    if (io->pair_limit < 1)
        io->pair_limit = 1;
    bool few = io->pair_limit < (size_t)io->config->max_connections;
    pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "file descriptors: %" PRIu64 " (was %" PRIu64 "), room for %zu clients%s", files, (uint64_t)before,
           io->pair_limit, few ? ", less than max-connections (the hard limit: LimitNOFILE, ulimit -n)" : "");
}
