/*
 * The files of transaction logs, read as a stream.
 */
#ifndef PK_IO_SAVINGS_FILES_H
#define PK_IO_SAVINGS_FILES_H

#include "proto/txnlog.h"

enum { PK_FILES_WHY = 400, PK_FILES_NOTES = 16 };

struct pk_files_file {
    char *path;
    uint64_t first; /* zxid in its name, else 0 */
    uint64_t size;
};

struct pk_files {
    struct pk_files_file *v; /* in order of their first zxid */
    size_t n;
    uint64_t size, done; /* bytes of all of them, and how many are read */
    uint64_t txns, repeated, torn;
    int64_t first_ms, last_ms;
    int64_t last_zxid;
    char (*notes)[PK_FILES_WHY]; /* PK_FILES_NOTES: damage that was passed over */
    size_t nnotes;
};

/* Who takes the transactions: time_ms never falls, bytes are those in the file. progress is called now and then. */
struct pk_files_taker {
    void (*txn)(void *owner, struct pk_txn *txn, int64_t time_ms, size_t bytes);
    void (*progress)(void *owner, const struct pk_files *files);
    void *owner;
};

/*
 * A file, or a folder: its files log.ZXID, or those of its version-2. *files is zero before the first; pk_files_free
 * afterwards in any case.
 * PK_EINVAL: why says what is wrong.
 */
enum pk_err pk_files_add(struct pk_files *files, const char *path, char why[PK_FILES_WHY]) PK_NODISCARD;
/*
 * Reads all of them in order; a transaction whose zxid was there already (the log of another server) is counted as
 * repeated and not given. PK_EINVAL, why: a file cannot be read, or is no transaction log.
 */
enum pk_err pk_files_read(struct pk_files *files, const struct pk_files_taker *taker,
                          char why[PK_FILES_WHY]) PK_NODISCARD;
void pk_files_free(struct pk_files *files);

#endif
