/*
 * A small file, read at once.
 */
#ifndef PK_IO_CONFIG_READFILE_H
#define PK_IO_CONFIG_READFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/config/error.h"

/* Storm's own files are far smaller. */
enum { PK_FILE_MAX = 4 << 20 };

/* The bytes of a file, with a zero byte behind them; bytes is the caller's to free(3). */
struct pk_file {
    uint8_t *bytes;
    size_t len;
};

/*
 * Reads a regular file of at most PK_FILE_MAX bytes; never waits, as a fifo would have it. PK_EINVAL with file and
 * reason in error, and nothing to be freed.
 */
enum pk_err pk_file_read(struct pk_file *out, const char *path, struct pk_config_error *error) PK_NODISCARD;

/* The same for a file with secrets, which others than its owner may not use; to be given to pk_file_wipe. */
enum pk_err pk_file_read_secret(struct pk_file *out, const char *path,
                                struct pk_config_error *error) PK_NODISCARD;
/*
 * Reads what two share: the first line of such a file, 16 bytes at least and less than size. what: "a token". PK_EINVAL
 * with file and reason in error.
 */
enum pk_err pk_file_read_line(char *out, size_t size, const char *path, const char *what,
                              struct pk_config_error *error) PK_NODISCARD;
/* Wipes and frees. */
void pk_file_wipe(struct pk_file *file);
/* Refuses an open file with secrets that is no regular one, or that others may use; says the chmod that helps. */
enum pk_err pk_file_check_secret(int fd, const char *path, struct pk_config_error *error) PK_NODISCARD;

#endif
