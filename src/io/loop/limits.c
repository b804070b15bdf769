/*
 * File descriptors. Happy path: the soft limit becomes the hard one. Failure modes: a limit too small for
 * max-connections is warned about; accepting pauses there (listener.c).
 */
#include "io/loop/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

enum { KEPT_BACK = 96 };

void pk_file_limits_count(struct pk_file_limits *limits)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and the folder itself */
    if (dir == NULL)
        return;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    limits->files = n;
}

void pk_file_limits_raise(struct pk_file_limits *limits, struct pk_log *log, size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        pk_log(log, PK_LOG_WARN, PK_LOG_START, NULL, "the limit of file descriptors is unknown: %s",
               strerror(errno));
        *limits = (struct pk_file_limits){.pairs = SIZE_MAX, .max_files = -1};
        return;
    }
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        limit.rlim_cur = before;
    uint64_t files = limit.rlim_cur, kept = files / 4 < KEPT_BACK ? files / 4 : KEPT_BACK;
    size_t room = files - kept > UINT32_MAX ? UINT32_MAX : (size_t)((files - kept) / 2);
    *limits = (struct pk_file_limits){.pairs = room > 0 ? room : 1, .max_files = (int64_t)files};
    pk_log(log, PK_LOG_INFO, PK_LOG_START, NULL,
           "file descriptors: %" PRIu64 " (was %" PRIu64 "), room for %zu clients%s", files, (uint64_t)before,
           limits->pairs,
           limits->pairs < wanted ? ", less than max-connections (the hard limit: LimitNOFILE, ulimit -n)"
                                  : "");
}
