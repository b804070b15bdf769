/*
 * Reading transaction logs.
 *
 * Happy path: the files of a folder in order of their zxid; a window of a megabyte slides over each, and grows to the
 * longest record. Failure modes: a last record that is not whole is how a crash, or a copy of a log in use, looks:
 * counted as torn, and the next file follows; a wrong checksum with more behind it is damage, which is noted, since
 * nothing tells where the next record begins; a file that cannot be read ends it all.
 */
#include "io/savings/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 1 << 20, PATH = 4096 };

/* The part of a file that is in memory: p[at..end). */
struct window {
    int fd;
    uint8_t *p;
    size_t size, at, end;
    uint64_t offset; /* of p in the file */
    bool over;       /* the file has no more, */
    int failed;      /* or cannot be read further: errno */
};

static enum pk_err fail(char why[PK_FILES_WHY], const char *path, const char *what)
{
    snprintf(why, PK_FILES_WHY, "%.300s: %.80s", path, what);
    return PK_EINVAL;
}

static enum pk_err add_file(struct pk_files *files, const char *path, uint64_t size, char why[PK_FILES_WHY])
{
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    struct pk_files_file *v = realloc(files->v, (files->n + 1) * sizeof *v);
    if (v == NULL)
        return fail(why, path, strerror(ENOMEM));
    files->v = v;
    v[files->n] = (struct pk_files_file){.path = strdup(path), .size = size};
    if (v[files->n].path == NULL)
        return fail(why, path, strerror(ENOMEM));
    if (strncmp(name, "log.", 4) == 0)
        v[files->n].first = strtoull(name + 4, NULL, 16);
    files->size += size;
    files->n++;
    return PK_OK;
}

static bool is_log_name(const char *name)
{
    return strncmp(name, "log.", 4) == 0 && name[4] != '\0' &&
           name[4 + strspn(name + 4, "0123456789abcdefABCDEF")] == '\0';
}

static enum pk_err add_folder(struct pk_files *files, const char *path, char why[PK_FILES_WHY])
{
    struct stat st;
    size_t before = files->n;
    enum pk_err err = PK_OK;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return fail(why, path, strerror(errno));
    for (struct dirent *e = readdir(dir); e != NULL && err == PK_OK; e = readdir(dir)) {
        char file[PATH];
        snprintf(file, sizeof file, "%.*s/%s", PATH - 300, path, e->d_name);
        if (is_log_name(e->d_name) && stat(file, &st) == 0 && S_ISREG(st.st_mode))
            err = add_file(files, file, (uint64_t)st.st_size, why);
    }
    closedir(dir);
    return err == PK_OK && files->n == before ? fail(why, path, "no transaction logs (log.ZXID) there") : err;
}

enum pk_err pk_files_add(struct pk_files *files, const char *path, char why[PK_FILES_WHY])
{
    struct stat st;
    char below[PATH];
    if (stat(path, &st) != 0)
        return fail(why, path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return add_file(files, path, (uint64_t)st.st_size, why);
    snprintf(below, sizeof below, "%s/version-2", path);
    return add_folder(files, stat(below, &st) == 0 && S_ISDIR(st.st_mode) ? below : path, why);
}

/* Reads until `need` bytes are there from `at` on; false when the file ends before. */
static bool fill(struct window *w, size_t need)
{
    if (w->at + need > w->size) {
        memmove(w->p, w->p + w->at, w->end - w->at);
        w->offset += w->at;
        w->end -= w->at;
        w->at = 0;
    }
    if (need > w->size) {
        uint8_t *p = realloc(w->p, need);
        if (p == NULL)
            return false;
        w->p = p;
        w->size = need;
    }
    while (w->end - w->at < need && !w->over) {
        ssize_t got = read(w->fd, w->p + w->end, w->size - w->end);
        if (got < 0 && errno != EINTR)
            w->failed = errno;
        w->over = got == 0 || w->failed != 0;
        w->end += got > 0 ? (size_t)got : 0;
    }
    return w->end - w->at >= need;
}

/* Whether anything but zeros follows a place: then the record there is damaged, and not merely the last. */
static bool more_follows(struct window *w, size_t after)
{
    w->at += after;
    while (fill(w, 1)) {
        for (; w->at < w->end; w->at++)
            if (w->p[w->at] != 0)
                return true;
    }
    return false;
}

static void note(struct pk_files *files, const char *path, uint64_t at, uint64_t size)
{
    if (files->nnotes == PK_FILES_NOTES)
        return;
    snprintf(files->notes[files->nnotes++], PK_FILES_WHY,
             "%.250s: damaged at byte %" PRIu64 ": the %" PRIu64 " bytes from there on are not counted", path,
             at, size > at ? size - at : 0);
}

static void give(struct pk_files *files, const struct pk_files_taker *taker, struct pk_bytes payload,
                 size_t bytes)
{
    struct pk_txn txn;
    if (pk_txn_open(&txn, payload) != PK_OK)
        return;
    if (files->txns > 0 && txn.zxid <= files->last_zxid) {
        files->repeated++;
        return;
    }
    /* Of another leader the clock may be behind. */
    int64_t ms = files->txns > 0 && txn.time < files->last_ms ? files->last_ms : txn.time;
    if (files->txns++ == 0)
        files->first_ms = ms;
    files->last_ms = ms;
    files->last_zxid = txn.zxid;
    taker->txn(taker->owner, &txn, ms, bytes);
}

static void read_records(struct pk_files *files, const struct pk_files_file *file, struct window *w,
                         const struct pk_files_taker *taker)
{
    struct pk_bytes payload;
    uint64_t before = files->done;
    for (;;) {
        size_t need = 0;
        enum pk_txnlog_found found = pk_txnlog_record(w->p + w->at, w->end - w->at, &payload, &need);
        if (found == PK_TXNLOG_MORE && fill(w, need))
            continue;
        if (found == PK_TXNLOG_FOUND) {
            give(files, taker, payload, need);
            w->at += need;
            files->done = before + w->offset + w->at;
            taker->progress(taker->owner, files);
            continue;
        }
        uint64_t at = w->offset + w->at;
        bool begun = w->end > w->at && found != PK_TXNLOG_END;
        if (found == PK_TXNLOG_DAMAGED && more_follows(w, need < w->end - w->at ? need : w->end - w->at))
            note(files, file->path, at, file->size);
        else
            files->torn += begun;
        return;
    }
}

static enum pk_err read_file(struct pk_files *files, const struct pk_files_file *file, struct window *w,
                             const struct pk_files_taker *taker, char why[PK_FILES_WHY])
{
    uint64_t before = files->done;
    enum pk_err err = PK_OK;
    *w = (struct window){.p = w->p, .size = w->size};
    w->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (w->fd < 0)
        return fail(why, file->path, strerror(errno));
    if (!fill(w, PK_TXNLOG_HEAD)) {
        files->torn += w->failed == 0; /* made, and not begun */
    } else if (!pk_txnlog_is(w->p)) {
        err = fail(why, file->path, "this is no transaction log of ZooKeeper");
    } else {
        w->at = PK_TXNLOG_HEAD;
        read_records(files, file, w, taker);
    }
    if (w->failed != 0)
        err = fail(why, file->path, strerror(w->failed));
    close(w->fd);
    files->done = before + file->size;
    return err;
}

static int by_zxid(const void *one, const void *another)
{
    const struct pk_files_file *a = one, *b = another;
    int order = (a->first > b->first) - (a->first < b->first);
    return order != 0 ? order : strcmp(a->path, b->path);
}

enum pk_err pk_files_read(struct pk_files *files, const struct pk_files_taker *taker, char why[PK_FILES_WHY])
{
    struct window w = {.p = malloc(WINDOW), .size = WINDOW};
    enum pk_err err = PK_OK;
    files->notes = calloc(PK_FILES_NOTES, sizeof *files->notes);
    if (w.p == NULL || files->notes == NULL)
        err = fail(why, "memory", strerror(ENOMEM));
    qsort(files->v, files->n, sizeof *files->v, by_zxid);
    for (size_t i = 0; i < files->n && err == PK_OK; i++)
        err = read_file(files, &files->v[i], &w, taker, why);
    free(w.p);
    return err;
}

void pk_files_free(struct pk_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->v[i].path);
    free(files->v);
    free(files->notes);
}
