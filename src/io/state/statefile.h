/*
 * The state file: what outlives the process, in one file.
 *
 *   magic (8 bytes) | int format version | long wall ms | long newest zxid | long count | records | int CRC-32
 *   record: ustring path, bool local, buffer data (null: none), long czxid mzxid pzxid ctime mtime, int version
 *   cversion
 *
 * Fields are jute's (proto/jute.h), the CRC is zlib's and covers all before it. A writer puts the file under another
 * name until it is whole and on the disk; a reader checks everything before it gives anything out.
 */
#ifndef PK_IO_STATE_STATEFILE_H
#define PK_IO_STATE_STATEFILE_H

#include <stdio.h>

#include "core/core.h"
#include "io/config/newfile.h"
#include "proto/jute.h"

enum { PK_STATE_VERSION = 1, PK_STATE_PATH = 600 };

struct pk_state_head {
    int64_t wall_ms;     /* when it was written */
    int64_t newest_zxid; /* of the ensemble's, as far as we had seen */
    int64_t count;       /* of records */
};

struct pk_crc {
    uint32_t table[256], value;
};
void pk_crc_init(struct pk_crc *crc);
void pk_crc_add(struct pk_crc *crc, const void *bytes, size_t len);
uint32_t pk_crc_value(const struct pk_crc *crc);

/* Writing: begin, add each record, end. Failures are remembered until the end. */
struct pk_state_writer {
    FILE *out;
    char path[PK_STATE_PATH], temporary[PK_NEWFILE_PATH];
    struct pk_crc crc;
    int64_t left; /* records still to come */
    int error;    /* errno of the first failure */
};
void pk_state_begin(struct pk_state_writer *writer, const char *path, const struct pk_state_head *head);
void pk_state_add(struct pk_state_writer *writer, const struct core_record *record);
/* Puts the file in its place; on PK_EINVAL there is none, the one before is untouched, and *why says why. */
enum pk_err pk_state_end(struct pk_state_writer *writer, const char **why) PK_NODISCARD;

/* Reading: open checks the whole; next gives record by record, which point into bytes. */
struct pk_state_reader {
    struct pk_in in;
    int64_t left;
};
enum pk_err pk_state_open(struct pk_state_reader *reader, struct pk_state_head *head, const uint8_t *bytes,
                          size_t len, const char **why) PK_NODISCARD;
bool pk_state_next(struct pk_state_reader *reader, struct core_record *record);

/* A file's bytes, mapped. PK_ENOENT when there is none; PK_EINVAL when *why says so. An empty file has bytes NULL. */
struct pk_state_map {
    const uint8_t *bytes;
    size_t len;
};
enum pk_err pk_state_map(struct pk_state_map *map, const char *path, const char **why) PK_NODISCARD;
void pk_state_unmap(struct pk_state_map *map);

#endif
