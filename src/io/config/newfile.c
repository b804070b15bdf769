/*
 * Writing a file anew. Happy path: create exclusively, write, fsync, rename, fsync the folder. Failure modes: leftovers
 * are removed first, a folder of that name is not; whatever fails afterwards leaves the old file as it was.
 */
#include "io/config/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 3 };

int pk_newfile_open(const char *path, mode_t mode, char temporary[PK_NEWFILE_PATH])
{
    int fd = -1;
    if (snprintf(temporary, PK_NEWFILE_PATH, "%s.new", path) >= PK_NEWFILE_PATH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (int i = 0; fd < 0 && i < TRIES; i++) {
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd < 0 && (errno != EEXIST || unlink(temporary) != 0))
            return -1;
    }
    if (fd >= 0 && fchmod(fd, mode) != 0) {
        int why = errno;
        close(fd);
        unlink(temporary);
        errno = why;
        return -1;
    }
    return fd;
}

static int sync_folder(const char *path)
{
    char folder[PK_NEWFILE_PATH];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return error;
}

int pk_newfile_place(const char *temporary, const char *path, int fd)
{
    if (fsync(fd) == 0 && rename(temporary, path) == 0)
        return sync_folder(path);
    int why = errno;
    unlink(temporary);
    return why;
}
