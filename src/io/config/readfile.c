/*
 * Reading a file. Happy path: open, ask what it is and how long, read to the end. Failure modes: it cannot be read, is
 * a folder, a fifo or a device, is larger than any configuration, or memory is short; each is said with the file's
 * name.
 */
#include "io/config/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_LEAST = 16 };

static enum pk_err what_it_is(int fd, const char *path, struct pk_config_error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return pk_config_fail(error, path, 0, "cannot be read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return pk_config_fail(error, path, 0, "is a folder: name a file in it");
    if (!S_ISREG(st.st_mode))
        return pk_config_fail(error, path, 0, "is no regular file");
    if (st.st_size > PK_FILE_MAX)
        return pk_config_fail(error, path, 0, "is larger than %d MiB", PK_FILE_MAX >> 20);
    return PK_OK;
}

/* It may grow while it is read: one byte more than allowed tells. */
static enum pk_err read_all(struct pk_file *out, int fd, const char *path, struct pk_config_error *error)
{
    size_t room = PK_FILE_MAX + 1;
    out->bytes = malloc(room + 1);
    if (out->bytes == NULL)
        return pk_config_fail(error, path, 0, "out of memory");
    ssize_t n = 1;
    while (n > 0 && out->len < room) {
        n = read(fd, out->bytes + out->len, room - out->len);
        out->len += n > 0 ? (size_t)n : 0;
    }
    out->bytes[out->len] = '\0';
    if (n >= 0 && out->len < room)
        return PK_OK;
    const char *why = n < 0 ? strerror(errno) : "it grows while it is read";
    free(out->bytes);
    return pk_config_fail(error, path, 0, "cannot be read: %s", why);
}

static enum pk_err read_file(struct pk_file *out, const char *path, bool secret,
                             struct pk_config_error *error)
{
    *out = (struct pk_file){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return pk_config_fail(error, path, 0, "cannot be read: %s", strerror(errno));
    enum pk_err err = what_it_is(fd, path, error);
    if (err == PK_OK && secret)
        err = pk_file_check_secret(fd, path, error);
    if (err == PK_OK)
        err = read_all(out, fd, path, error);
    close(fd);
    return err;
}

enum pk_err pk_file_read(struct pk_file *out, const char *path, struct pk_config_error *error)
{
    return read_file(out, path, false, error);
}

enum pk_err pk_file_read_secret(struct pk_file *out, const char *path, struct pk_config_error *error)
{
    return read_file(out, path, true, error);
}

enum pk_err pk_file_read_line(char *out, size_t size, const char *path, const char *what,
                              struct pk_config_error *error)
{
    struct pk_file file;
    if (pk_file_read_secret(&file, path, error) != PK_OK)
        return PK_EINVAL;
    size_t len = strcspn((const char *)file.bytes, "\r\n");
    bool fits = len >= SECRET_LEAST && len < size;
    if (fits)
        snprintf(out, size, "%.*s", (int)len, (const char *)file.bytes);
    pk_file_wipe(&file);
    return fits ? PK_OK
                : pk_config_fail(error, path, 1,
                                 "%s has at least %d bytes, and less than %zu (openssl rand -hex 24)", what,
                                 SECRET_LEAST, size);
}

void pk_file_wipe(struct pk_file *file)
{
    if (file->bytes != NULL)
        explicit_bzero(file->bytes, file->len);
    free(file->bytes);
    *file = (struct pk_file){NULL, 0};
}

/* As ssh and PostgreSQL do with keys: the owner alone, or root's file for a group. */
enum pk_err pk_file_check_secret(int fd, const char *path, struct pk_config_error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return pk_config_fail(error, path, 0, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return pk_config_fail(error, path, 0, "is no regular file");
    mode_t allowed = st.st_uid == 0 ? 0750 : 0700;
    if ((st.st_mode & 0777 & ~allowed) != 0)
        return pk_config_fail(
            error, path, 0,
            "it holds secrets, and others than its owner may use it (mode %03o): chmod %s %.200s",
            (unsigned)(st.st_mode & 0777), st.st_uid == 0 ? "640" : "600", path);
    return PK_OK;
}
