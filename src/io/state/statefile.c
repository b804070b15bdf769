/*
 * The state file's bytes. Happy path: write to FILE.new, put it in its place; map, check the CRC, decode
 * every record once, then give them out. Failure modes: a full disk leaves the old file; bytes that are too few, of
 * another format, with another CRC, a record that does not decode or counters that no znode has give nothing at all.
 */
#include "io/state/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* No clock shows more; ages and sums stay far from overflowing. */
#define LATEST_MS (INT64_C(1) << 53)

static const uint8_t magic[8] = {'P', 'K', 'S', 'T', 'A', 'T', 'E', '\n'};

enum {
    HEAD = sizeof magic + 4 + 3 * 8,
    TAIL = 4,
    NUMBERS = 5 * 8 + 2 * 4,
    RECORD_MIN = 4 + 1 + 4 + NUMBERS,
};

void pk_crc_init(struct pk_crc *crc)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ UINT32_C(0xEDB88320) : c >> 1;
        crc->table[i] = c;
    }
    crc->value = UINT32_MAX;
}

void pk_crc_add(struct pk_crc *crc, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint32_t c = crc->value;
    for (size_t i = 0; i < len; i++)
        c = crc->table[(c ^ p[i]) & 0xff] ^ c >> 8;
    crc->value = c;
}

uint32_t pk_crc_value(const struct pk_crc *crc)
{
    return ~crc->value;
}

static void put(struct pk_state_writer *w, const void *bytes, size_t len)
{
    if (w->error != 0 || len == 0)
        return;
    pk_crc_add(&w->crc, bytes, len);
    if (fwrite(bytes, 1, len, w->out) != len)
        w->error = errno != 0 ? errno : EIO;
}

void pk_state_begin(struct pk_state_writer *w, const char *path, const struct pk_state_head *head)
{
    uint8_t bytes[HEAD], *p = bytes;
    memset(w, 0, sizeof *w);
    snprintf(w->path, sizeof w->path, "%s", path);
    pk_crc_init(&w->crc);
    w->left = head->count;
    /* It holds data of clients, whatever the umask is. */
    int fd = pk_newfile_open(w->path, 0600, w->temporary);
    if (fd < 0 || (w->out = fdopen(fd, "w")) == NULL) {
        w->error = errno;
        if (fd >= 0)
            close(fd);
        return;
    }
    memcpy(p, magic, sizeof magic);
    p = pk_put_int(p + sizeof magic, PK_STATE_VERSION);
    p = pk_put_long(p, head->wall_ms);
    p = pk_put_long(p, head->newest_zxid);
    pk_put_long(p, head->count);
    put(w, bytes, sizeof bytes);
}

void pk_state_add(struct pk_state_writer *w, const struct core_record *r)
{
    uint8_t length[4], middle[1 + 4], numbers[NUMBERS], *p = numbers;
    pk_put_int(length, (int32_t)r->path_len);
    put(w, length, sizeof length);
    put(w, r->path, r->path_len);
    pk_put_int(pk_put_bool(middle, r->local), r->has_data ? (int32_t)r->data_len : -1);
    put(w, middle, sizeof middle);
    put(w, r->data, r->has_data ? r->data_len : 0);
    p = pk_put_long(p, r->czxid);
    p = pk_put_long(p, r->mzxid);
    p = pk_put_long(p, r->pzxid);
    p = pk_put_long(p, r->ctime);
    p = pk_put_long(p, r->mtime);
    p = pk_put_int(p, r->version);
    pk_put_int(p, r->cversion);
    put(w, numbers, sizeof numbers);
    w->left--;
}

enum pk_err pk_state_end(struct pk_state_writer *w, const char **why)
{
    uint8_t tail[TAIL];
    pk_put32(tail, pk_crc_value(&w->crc));
    put(w, tail, sizeof tail);
    if (w->error == 0 && w->left != 0)
        w->error = EINVAL;
    if (w->error == 0 && fflush(w->out) != 0)
        w->error = errno;
    if (w->error == 0)
        w->error = pk_newfile_place(w->temporary, w->path, fileno(w->out));
    else if (w->out != NULL)
        unlink(w->temporary);
    if (w->out != NULL)
        fclose(w->out);
    *why = strerror(w->error);
    return w->error == 0 ? PK_OK : PK_EINVAL;
}

static enum pk_err refuse(const char **why, const char *text)
{
    *why = text;
    return PK_EINVAL;
}

static void get_record(struct pk_in *in, struct core_record *r)
{
    struct pk_bytes path = pk_get_bytes(in);
    bool local = pk_get_bool(in);
    struct pk_bytes data = pk_get_bytes(in);
    *r = (struct core_record){
        .path = path.p,
        .path_len = path.len,
        .local = local,
        .has_data = data.p != NULL,
        .data = data.p,
        .data_len = data.len,
    };
    r->czxid = pk_get_long(in);
    r->mzxid = pk_get_long(in);
    r->pzxid = pk_get_long(in);
    r->ctime = pk_get_long(in);
    r->mtime = pk_get_long(in);
    r->version = pk_get_int(in);
    r->cversion = pk_get_int(in);
    if (path.p == NULL)
        in->bad = true;
}

static bool right_crc(const uint8_t *bytes, size_t len)
{
    struct pk_crc crc;
    pk_crc_init(&crc);
    pk_crc_add(&crc, bytes, len - TAIL);
    return pk_crc_value(&crc) == pk_load32(bytes + len - TAIL);
}

enum pk_err pk_state_open(struct pk_state_reader *reader, struct pk_state_head *head, const uint8_t *bytes,
                          size_t len, const char **why)
{
    struct core_record record;
    if (len < HEAD + TAIL || memcmp(bytes, magic, sizeof magic) != 0)
        return refuse(why, "it is no state file, or only the beginning of one");
    struct pk_in in = pk_in(bytes + sizeof magic, len - sizeof magic - TAIL);
    if (pk_get_int(&in) != PK_STATE_VERSION)
        return refuse(why, "its format is of another version of pacekeeper");
    if (!right_crc(bytes, len))
        return refuse(why, "its checksum is wrong: it is damaged or cut");
    head->wall_ms = pk_get_long(&in);
    head->newest_zxid = pk_get_long(&in);
    head->count = pk_get_long(&in);
    *reader = (struct pk_state_reader){in, head->count};
    if (head->count < 0 || (uint64_t)head->count > pk_in_left(&in) / RECORD_MIN)
        return refuse(why, "its count of znodes is wrong");
    if (head->wall_ms < 0 || head->wall_ms > LATEST_MS || head->newest_zxid < 0)
        return refuse(why, "its time or its zxid is none");
    for (int64_t i = 0; i < head->count && !in.bad; i++) {
        get_record(&in, &record);
        if (!in.bad && !core_record_sane(&record))
            return refuse(why, "a counter in it is none that a znode has");
    }
    if (in.bad || pk_in_left(&in) != 0)
        return refuse(why, "a record in it does not decode");
    return PK_OK;
}

bool pk_state_next(struct pk_state_reader *reader, struct core_record *record)
{
    if (reader->left == 0)
        return false;
    reader->left--;
    get_record(&reader->in, record);
    return true;
}

enum pk_err pk_state_map(struct pk_state_map *map, const char *path, const char **why)
{
    struct stat st;
    *map = (struct pk_state_map){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return PK_ENOENT;
    if (fd < 0)
        return refuse(why, strerror(errno));
    enum pk_err err = PK_OK;
    if (fstat(fd, &st) != 0)
        err = refuse(why, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        err = refuse(why, "it is no regular file");
    else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            err = refuse(why, strerror(errno));
        else
            *map = (struct pk_state_map){p, (size_t)st.st_size};
    }
    close(fd);
    return err;
}

void pk_state_unmap(struct pk_state_map *map)
{
    if (map->bytes != NULL)
        munmap((void *)(uintptr_t)map->bytes, map->len);
}
