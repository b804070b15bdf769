/*
 * The state file: known records give known bytes and come back; every cut and every changed byte is refused; bytes made
 * to fit their checksum, but wrong inside, too.
 */
#include "io/state/statefile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/support.h"

static char folder[] = "/tmp/pk-state-XXXXXX", path[64];
static const char *why;

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static const struct core_record records[] = {
    {.path = (const uint8_t *)"/m/t", .path_len = 4, .local = false, .czxid = 7, .pzxid = 9, .cversion = 3},
    {.path = (const uint8_t *)"/m/t/a",
     .path_len = 6,
     .local = true,
     .has_data = true,
     .data = (const uint8_t *)"xyz",
     .data_len = 3,
     .czxid = 0x100000001,
     .mzxid = 0x100000002,
     .pzxid = 0x100000003,
     .ctime = 1700000000000,
     .mtime = 1700000000001,
     .version = 5,
     .cversion = 1},
    {.path = (const uint8_t *)"/m/t/b",
     .path_len = 6,
     .local = true,
     .has_data = true,
     .data = (const uint8_t *)""},
};

enum { RECORDS = sizeof records / sizeof *records };

static const struct pk_state_head head = {1700000000123, 0x100000004, RECORDS};

static const uint8_t golden[] = {
    'P',  'K', 'S', 'T',  'A',  'T',  'E',  '\n', 0,    0,    0,    1,          /* magic, version */
    0,    0,   1,   0x8b, 0xcf, 0xe5, 0x68, 0x7b,                               /* wall */
    0,    0,   0,   1,    0,    0,    0,    4,                                  /* newest zxid */
    0,    0,   0,   0,    0,    0,    0,    3,                                  /* count */
    0,    0,   0,   4,    '/',  'm',  '/',  't',  0,    0xff, 0xff, 0xff, 0xff, /* a parent without data */
    0,    0,   0,   0,    0,    0,    0,    7,    0,    0,    0,    0,    0,    0, 0,   0, /* czxid, mzxid */
    0,    0,   0,   0,    0,    0,    0,    9,    0,    0,    0,    0,    0,    0, 0,   0, /* pzxid, ctime */
    0,    0,   0,   0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,   3, /* mtime, versions */
    0,    0,   0,   6,    '/',  'm',  '/',  't',  '/',  'a',  1,    0,    0,    0, 3,   'x', 'y',  'z', /* local */
    0,    0,   0,   1,    0,    0,    0,    1,    0,    0,    0,    1,    0,    0, 0,   2,   0,    0,    0,
    1,    0,   0,   0,    3,    0,    0,    1,    0x8b, 0xcf, 0xe5, 0x68, 0,    0, 0,   1,   0x8b, 0xcf, 0xe5,
    0x68, 1,   0,   0,    0,    5,    0,    0,    0,    1,    0,    0,    0,    6, '/', 'm', '/',  't',  '/',
    'b',  1,   0,   0,    0,    0, /* one with empty data */
    0,    0,   0,   0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,   0,   0,    0,    0,
    0,    0,   0,   0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,   0,   0,    0,    0,
    0,    0,   0,   0,    0,    0,    0,    0,    0,    0,
};

/* Where the numbers of the second record begin: the head, the first record, path, local, data. */
enum { SECOND = 36 + 61 + 10 + 1 + 7 };

static enum pk_err write_records(const char *where, size_t n)
{
    struct pk_state_writer w;
    pk_state_begin(&w, where, &head);
    for (size_t i = 0; i < n; i++)
        pk_state_add(&w, &records[i]);
    return pk_state_end(&w, &why);
}

/* The file's bytes in memory of exactly their size, so that a sanitizer sees a read past the end. */
static uint8_t *file_bytes(size_t *len)
{
    struct pk_state_map map;
    assert_int_equal(pk_state_map(&map, path, &why), PK_OK);
    uint8_t *copy = malloc(map.len);
    assert_non_null(copy);
    memcpy(copy, map.bytes, map.len);
    *len = map.len;
    pk_state_unmap(&map);
    return copy;
}

static enum pk_err check(const uint8_t *bytes, size_t len)
{
    struct pk_state_reader reader;
    struct pk_state_head got;
    return pk_state_open(&reader, &got, bytes, len, &why);
}

static void known_crc(void **state)
{
    struct pk_crc crc;
    (void)state;
    pk_crc_init(&crc);
    assert_int_equal(pk_crc_value(&crc), 0);
    pk_crc_add(&crc, "1234", 4);
    pk_crc_add(&crc, "56789", 5);
    assert_int_equal(pk_crc_value(&crc), 0xCBF43926);
}

static void known_bytes(void **state)
{
    struct pk_crc crc;
    size_t len = 0;
    struct stat st;
    (void)state;
    assert_int_equal(write_records(path, RECORDS), PK_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    uint8_t *bytes = file_bytes(&len);
    assert_int_equal(len, sizeof golden + 4);
    assert_memory_equal(bytes, golden, sizeof golden);
    pk_crc_init(&crc);
    pk_crc_add(&crc, golden, sizeof golden);
    assert_int_equal(pk_load32(bytes + sizeof golden), pk_crc_value(&crc));
    free(bytes);
}

static void same_record(const struct core_record *a, const struct core_record *b)
{
    assert_int_equal(a->path_len, b->path_len);
    assert_memory_equal(a->path, b->path, a->path_len);
    assert_int_equal(a->local, b->local);
    assert_int_equal(a->has_data, b->has_data);
    assert_int_equal(a->data_len, b->data_len);
    if (a->data_len > 0)
        assert_memory_equal(a->data, b->data, a->data_len);
    assert_true(a->czxid == b->czxid && a->mzxid == b->mzxid && a->pzxid == b->pzxid);
    assert_true(a->ctime == b->ctime && a->mtime == b->mtime);
    assert_true(a->version == b->version && a->cversion == b->cversion);
}

static void round_trip(void **state)
{
    struct pk_state_reader reader;
    struct pk_state_head got;
    struct core_record record;
    size_t len = 0;
    (void)state;
    assert_int_equal(write_records(path, RECORDS), PK_OK);
    uint8_t *bytes = file_bytes(&len);
    assert_int_equal(pk_state_open(&reader, &got, bytes, len, &why), PK_OK);
    assert_memory_equal(&got, &head, sizeof head);
    for (size_t i = 0; i < RECORDS; i++) {
        assert_true(pk_state_next(&reader, &record));
        same_record(&record, &records[i]);
    }
    assert_false(pk_state_next(&reader, &record));
    free(bytes);
}

static void every_cut_is_refused(void **state)
{
    size_t len = 0;
    (void)state;
    assert_int_equal(write_records(path, RECORDS), PK_OK);
    uint8_t *bytes = file_bytes(&len);
    for (size_t n = 0; n < len; n++) {
        uint8_t *cut = malloc(n > 0 ? n : 1);
        assert_non_null(cut);
        memcpy(cut, bytes, n);
        assert_int_equal(check(cut, n), PK_EINVAL);
        free(cut);
    }
    assert_int_equal(check(bytes, len), PK_OK);
    free(bytes);
}

static void every_changed_byte_is_refused(void **state)
{
    size_t len = 0;
    (void)state;
    assert_int_equal(write_records(path, RECORDS), PK_OK);
    uint8_t *bytes = file_bytes(&len);
    for (size_t at = 0; at < len; at++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1 << bit);
            assert_int_equal(check(bytes, len), PK_EINVAL);
            bytes[at] ^= (uint8_t)(1 << bit);
        }
    free(bytes);
}

static void seal(uint8_t *bytes, size_t len)
{
    struct pk_crc crc;
    pk_crc_init(&crc);
    pk_crc_add(&crc, bytes, len - 4);
    pk_put32(bytes + len - 4, pk_crc_value(&crc));
}

/* Wrong inside with a right checksum, at random: never a read beyond the end, and what is accepted can be read. */
static void damage_with_a_right_checksum(void **state)
{
    struct pk_state_reader reader;
    struct pk_state_head got;
    struct core_record record;
    size_t len = 0, accepted = 0, sum = 0;
    uint64_t x = 88172645463325252u;
    (void)state;
    assert_int_equal(write_records(path, RECORDS), PK_OK);
    uint8_t *bytes = file_bytes(&len);
    for (int round = 0; round < 200000; round++) {
        size_t n = len;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        if (x % 7 == 0)
            n = 40 + (x >> 8) % (len - 40);
        uint8_t *bad = malloc(n);
        assert_non_null(bad);
        memcpy(bad, bytes, n);
        for (uint64_t k = 0; k < 1 + (x >> 40) % 3; k++)
            bad[12 + (x >> (8 * k)) % (n - 12)] = (uint8_t)(k == 0 && x % 3 == 0 ? 0xff : x >> 56);
        seal(bad, n);
        if (pk_state_open(&reader, &got, bad, n, &why) == PK_OK) {
            accepted++;
            while (pk_state_next(&reader, &record))
                for (size_t i = 0; i < record.path_len + record.data_len; i++)
                    sum += i < record.path_len ? record.path[i] : record.data[i - record.path_len];
        }
        free(bad);
    }
    assert_true(accepted > 1000 && accepted < 190000 && sum > 0);
    free(bytes);
}

static void named_reasons(void **state)
{
    uint8_t bytes[sizeof golden + 4];
    (void)state;
    memcpy(bytes, golden, sizeof golden);
    bytes[11] = 2;
    seal(bytes, sizeof bytes);
    assert_int_equal(check(bytes, sizeof bytes), PK_EINVAL);
    assert_non_null(strstr(why, "another version"));
    bytes[11] = 1;
    bytes[35] = 200;
    seal(bytes, sizeof bytes);
    assert_int_equal(check(bytes, sizeof bytes), PK_EINVAL);
    assert_non_null(strstr(why, "count"));
    bytes[35] = 2;
    seal(bytes, sizeof bytes);
    assert_int_equal(check(bytes, sizeof bytes), PK_EINVAL);
    assert_non_null(strstr(why, "does not decode"));
}

/* Once a file with a right checksum could have a counter overflow later, or the age of the file at once. */
static void counters_that_no_znode_has(void **state)
{
    static const struct {
        size_t at; /* of the second record's numbers, or of the head's */
        uint8_t bytes[8];
        size_t n;
        const char *why;
    } all[] = {
        {12, {0x80}, 1, "its time"},
        {12, {0x7f}, 1, "its time"},
        {20, {0xff}, 1, "its zxid"},
        {SECOND, {0x7f, 0xff}, 2, "a counter"},      /* czxid */
        {SECOND + 8, {0x80}, 1, "a counter"},        /* mzxid */
        {SECOND + 16, {0x41}, 1, "a counter"},       /* pzxid */
        {SECOND + 24, {0xff}, 1, "a counter"},       /* ctime */
        {SECOND + 32, {0x7f}, 1, "a counter"},       /* mtime */
        {SECOND + 40, {0xff}, 1, "a counter"},       /* version */
        {SECOND + 44, {0x7f, 0xff}, 2, "a counter"}, /* cversion */
        {SECOND + 44, {0xff}, 1, "a counter"},
    };
    uint8_t bytes[sizeof golden + 4];
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        memcpy(bytes, golden, sizeof golden);
        memcpy(bytes + all[i].at, all[i].bytes, all[i].n);
        seal(bytes, sizeof bytes);
        assert_int_equal(check(bytes, sizeof bytes), PK_EINVAL);
        if (strstr(why, all[i].why) == NULL)
            fail_msg("%zu: expected \"%s\" in: %s", i, all[i].why, why);
    }
}

/* A failure leaves the old file and nothing beside it. */
static void failures_leave_the_old_file(void **state)
{
    char inside[80], beside[80];
    size_t len = 0;
    (void)state;
    assert_int_equal(write_records(path, RECORDS), PK_OK);
    assert_int_equal(write_records(path, RECORDS - 1), PK_EINVAL);
    snprintf(beside, sizeof beside, "%s.new", path);
    assert_int_equal(access(beside, F_OK), -1);
    uint8_t *bytes = file_bytes(&len);
    assert_int_equal(check(bytes, len), PK_OK);
    free(bytes);
    snprintf(inside, sizeof inside, "%s/none/state", folder);
    assert_int_equal(write_records(inside, RECORDS), PK_EINVAL);
    assert_non_null(strstr(why, "No such file"));
    assert_int_equal(mkdir(beside, 0700), 0);
    assert_int_equal(write_records(path, RECORDS), PK_EINVAL);
    assert_int_equal(rmdir(beside), 0);
}

/* Once FILE.new was opened over whatever stood there: a fifo hung the stop, a hard link was written through. */
static void leftovers_are_neither_followed_nor_waited_for(void **state)
{
    char beside[80], victim[80], text[8] = "";
    struct stat st;
    (void)state;
    snprintf(beside, sizeof beside, "%s.new", path);
    snprintf(victim, sizeof victim, "%s.victim", path);
    for (int kind = 0; kind < 4; kind++) {
        int fd = open(victim, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        assert_int_equal(write(fd, "victim", 6), 6);
        close(fd);
        assert_int_equal(kind == 0   ? mkfifo(beside, 0666)
                         : kind == 1 ? link(victim, beside)
                         : kind == 2 ? symlink(victim, beside)
                                     : rename(victim, beside),
                         0);
        assert_int_equal(write_records(path, RECORDS), PK_OK);
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600 && st.st_nlink == 1);
        assert_int_equal(access(beside, F_OK), -1);
        if (kind == 3)
            break;
        fd = open(victim, O_RDONLY);
        assert_int_equal(read(fd, text, sizeof text), 6);
        assert_memory_equal(text, "victim", 6);
        close(fd);
        assert_int_equal(unlink(victim), 0);
    }
}

static void what_is_no_file(void **state)
{
    struct pk_state_map map;
    (void)state;
    assert_int_equal(pk_state_map(&map, "/nonexistent/state", &why), PK_ENOENT);
    assert_int_equal(pk_state_map(&map, folder, &why), PK_EINVAL);
    int fd = open(path, O_WRONLY | O_TRUNC);
    close(fd);
    assert_int_equal(pk_state_map(&map, path, &why), PK_OK);
    assert_int_equal(check(map.bytes, map.len), PK_EINVAL);
    pk_state_unmap(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_crc),
        cmocka_unit_test(known_bytes),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(damage_with_a_right_checksum),
        cmocka_unit_test(named_reasons),
        cmocka_unit_test(counters_that_no_znode_has),
        cmocka_unit_test(failures_leave_the_old_file),
        cmocka_unit_test(leftovers_are_neither_followed_nor_waited_for),
        cmocka_unit_test(what_is_no_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
