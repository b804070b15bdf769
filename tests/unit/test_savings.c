/*
 * What savings computes, in the log's own time: path classes, what each way leaves of creates, refreshes, deletes and
 * sessions, and that a log cut anywhere, or without memory, still adds up.
 */
#include "io/savings/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/savings/files.h"
#include "proto/records.h"
#include "tests/lib/support.h"

static struct sup_mem memory;
static struct pk_classes classes;
static struct pk_model model;
static int64_t zxid;

static int setup(void **state)
{
    (void)state;
    sup_mem_init(&memory);
    pk_classes_init(&classes);
    pk_model_init(&model, &memory.mem, &classes);
    zxid = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pk_model_free(&model);
    return memory.blocks == 0 ? 0 : -1;
}

static void head(struct sup_buf *b, int64_t session, int64_t ms, int32_t type)
{
    sup_long(b, session);
    sup_int(b, 1);
    sup_long(b, ++zxid);
    sup_long(b, ms);
    sup_int(b, type);
}

static void give(struct sup_buf *b, int64_t ms)
{
    struct pk_txn txn;
    assert_int_equal(pk_txn_open(&txn, (struct pk_bytes){b->p, (uint32_t)b->len}), PK_OK);
    pk_model_add(&model, &txn, ms, b->len + PK_TXNLOG_RECORD + 1);
    sup_buf_free(b);
}

static void create_as(int64_t session, int64_t ms, const char *path, bool ephemeral)
{
    struct sup_buf b = {0};
    head(&b, session, ms, PK_OP_CREATE);
    sup_str(&b, path);
    sup_str(&b, "data");
    sup_int(&b, 1);
    sup_int(&b, PK_PERM_ALL);
    sup_str(&b, "world");
    sup_str(&b, "anyone");
    sup_byte(&b, ephemeral);
    sup_int(&b, 1);
    give(&b, ms);
}

static void set(int64_t session, int64_t ms, const char *path)
{
    struct sup_buf b = {0};
    head(&b, session, ms, PK_OP_SET_DATA);
    sup_str(&b, path);
    sup_str(&b, "data");
    sup_int(&b, 1);
    give(&b, ms);
}

static void delete (int64_t session, int64_t ms, const char *path)
{
    struct sup_buf b = {0};
    head(&b, session, ms, PK_OP_DELETE);
    sup_str(&b, path);
    give(&b, ms);
}

static void end_session(int64_t session, int64_t ms)
{
    struct sup_buf b = {0};
    head(&b, session, ms, PK_OP_CLOSE_SESSION);
    give(&b, ms);
}

static void set_acl(int64_t session, int64_t ms, const char *path)
{
    struct sup_buf b = {0};
    head(&b, session, ms, PK_OP_SET_ACL);
    sup_str(&b, path);
    give(&b, ms);
}

static uint64_t left(enum pk_way way)
{
    return pk_model_total(&model, way).txns;
}

static size_t class_of(const char *path)
{
    return pk_classes_of(&classes, sup_bytes(path));
}

static void test_classes(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        bool held;
    } cases[] = {
        {"/storm/workerbeats/t-1/n-6700", "/storm/workerbeats", true},
        {"/storm/workerbeats", "/storm/workerbeats", false},
        {"/a/b/storm/supervisors/id", "/a/b/storm/supervisors", true},
        {"/storm/assignments/t-1", "/storm/assignments", false},
        {"/leader", "/leader", false},
        {"/workerbeats/x", "/workerbeats/x", false},
        {"/named/deep/x", "/named/deep", true},
        {"/", "/", false},
    };
    assert_int_equal(pk_classes_name(&classes, "/named/deep"), PK_OK);
    assert_int_equal(pk_classes_name(&classes, "named"), PK_EINVAL);
    assert_int_equal(pk_classes_name(&classes, "/"), PK_EINVAL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t class = class_of(cases[i].path);
        assert_string_equal(classes.v[class].name, cases[i].name);
        assert_int_equal(pk_classes_held(&classes, class, sup_bytes(cases[i].path)), cases[i].held);
    }
    assert_int_equal(class_of("no path"), PK_CLASS_OTHER);
    for (int i = 0; i < 2 * PK_CLASSES; i++) {
        char path[32];
        snprintf(path, sizeof path, "/many/%d", i);
        class_of(path);
    }
    assert_int_equal(classes.n, PK_CLASSES);
    assert_int_equal(class_of("/one/more"), PK_CLASS_OTHER);
}

/* A worker's life: a local create, its beats and its end cost nothing in pacemaker; in write-behind a beat in ten
 * seconds reaches the ensemble, and the first one, which is relayed. */
static void test_worker(void **state)
{
    (void)state;
    create_as(7, 0, "/storm/workerbeats/t/w", false);
    for (int i = 1; i <= 100; i++)
        set(7, i * 1000, "/storm/workerbeats/t/w");
    delete (7, 101000, "/storm/workerbeats/t/w");
    pk_model_end(&model);
    assert_int_equal(left(PK_WAY_TODAY), 102);
    assert_int_equal(left(PK_WAY_PACEMAKER), 0);
    assert_int_equal(left(PK_WAY_STORM), 0);
    /* create, the first, a flush in each ten seconds from the second one on, one before the delete */
    assert_int_equal(left(PK_WAY_WRITE_BEHIND), 1 + 1 + 9 + 1 + 1);
    assert_int_equal(left(PK_WAY_WRITE_BEHIND_60), 1 + 1 + 1 + 1 + 1);
    assert_int_equal(model.course[PK_WAY_TODAY].fsyncs, 102);
    assert_int_equal(model.course[PK_WAY_TODAY].peak, 1);
}

/* A supervisor's ephemeral is never local; its refreshes are absorbed, and the last ones go with its session. */
static void test_supervisor(void **state)
{
    (void)state;
    create_as(7, 0, "/storm/supervisors/s", true);
    for (int i = 1; i <= 24; i++)
        set(7, i * 5000, "/storm/supervisors/s");
    assert_int_equal(left(PK_WAY_PACEMAKER), 2);
    /* every sixty seconds: one at 70 s is out, the next is due at 135 s */
    assert_int_equal(left(PK_WAY_STORM), 3);
    end_session(7, 121000);
    assert_int_equal(left(PK_WAY_PACEMAKER), 4);
    assert_int_equal(left(PK_WAY_STORM), 5);
    assert_int_equal(left(PK_WAY_TODAY), 26);
}

/* Another session's write is relayed, behind a flush of what the first one has pending. */
static void test_two_writers(void **state)
{
    (void)state;
    set(1, 0, "/storm/workerbeats/t/w");
    set(1, 1, "/storm/workerbeats/t/w");
    assert_int_equal(left(PK_WAY_WRITE_BEHIND), 1);
    set(2, 2, "/storm/workerbeats/t/w");
    assert_int_equal(left(PK_WAY_WRITE_BEHIND), 3);
    set(2, 3, "/storm/workerbeats/t/w");
    pk_model_end(&model);
    assert_int_equal(left(PK_WAY_WRITE_BEHIND), 4);
    assert_int_equal(model.course[PK_WAY_TODAY].fsyncs, 4);
}

/* A writer's znodes leave together; 128 of them in one transaction. */
static void test_one_flush_for_all(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 200; i++) {
            char path[40];
            snprintf(path, sizeof path, "/storm/workerbeats/t/%d", i);
            set(1, round, path);
        }
    assert_int_equal(left(PK_WAY_WRITE_BEHIND), 200);
    assert_int_equal(model.course[PK_WAY_TODAY].fsyncs, 2);
    set(2, 10002, "/elsewhere");
    assert_int_equal(left(PK_WAY_WRITE_BEHIND), 200 + 2 + 1);
}

/* The 500th pending write is not waited for. */
static void test_hurried(void **state)
{
    (void)state;
    for (int i = 0; i <= 500; i++)
        set(1, i, "/storm/supervisors/s");
    assert_int_equal(left(PK_WAY_PACEMAKER), 2);
    set(1, 501, "/storm/supervisors/s");
    assert_int_equal(left(PK_WAY_PACEMAKER), 2);
}

/* Something unusual promotes a local znode, and from then on it is the ensemble's. */
static void test_promoted(void **state)
{
    (void)state;
    create_as(1, 0, "/storm/workerbeats/t/w", false);
    set_acl(1, 1, "/storm/workerbeats/t/w");
    assert_int_equal(left(PK_WAY_PACEMAKER), 2);
    set(1, 2, "/storm/workerbeats/t/w");
    assert_int_equal(left(PK_WAY_PACEMAKER), 3);
    set(1, 3, "/storm/workerbeats/t/w");
    assert_int_equal(left(PK_WAY_PACEMAKER), 3);
    delete (1, 4, "/storm/workerbeats/t/w");
    assert_int_equal(left(PK_WAY_PACEMAKER), 5);
}

/* What the ensemble has to write shrinks by what is spared, and is never nothing while something is left. */
static void test_bytes(void **state)
{
    (void)state;
    set(1, 0, "/storm/supervisors/s");
    uint64_t one = pk_model_total(&model, PK_WAY_TODAY).bytes;
    set(1, 1, "/storm/supervisors/s");
    pk_model_end(&model);
    /* a multi of one setData: type, length and a count more */
    assert_int_equal(pk_model_total(&model, PK_WAY_WRITE_BEHIND).bytes, one + one + 12);
}

static void everything(void)
{
    create_as(1, 0, "/storm/workerbeats/t/w", false);
    create_as(2, 0, "/storm/supervisors/s", true);
    for (int i = 1; i < 6; i++) {
        set(1, i * 4000, "/storm/workerbeats/t/w");
        set(2, i * 4000, "/storm/supervisors/s");
        set(3, i * 4000, "/storm/workerbeats/t/w");
    }
    set_acl(1, 21000, "/storm/workerbeats/t/w");
    end_session(2, 22000);
}

/* Without memory nothing is spared that cannot be kept track of, and everything is still counted. */
static void test_no_memory(void **state)
{
    (void)state;
    everything();
    uint64_t calls = memory.calls;
    for (uint64_t i = 1; i <= calls; i++) {
        assert_int_equal(teardown(NULL), 0);
        setup(NULL);
        sup_mem_fail(&memory, i);
        everything();
        assert_int_equal(left(PK_WAY_TODAY), 2 + 15 + 2);
        for (int way = 1; way < PK_WAYS; way++)
            assert_true(left((enum pk_way)way) <= 2 + 15 + 2 + 5);
    }
}

struct seen {
    uint64_t txns, bytes;
};

static void see(void *owner, struct pk_txn *txn, int64_t time_ms, size_t bytes)
{
    struct seen *seen = owner;
    (void)txn;
    assert_true(time_ms >= 0);
    seen->txns++;
    seen->bytes += bytes;
}

static void no_progress(void *owner, const struct pk_files *files)
{
    (void)owner;
    assert_true(files->done <= files->size);
}

static void record(struct sup_buf *out, int64_t number, size_t data)
{
    struct sup_buf b = {0};
    char *text = calloc(1, data + 1);
    memset(text, 'x', data);
    sup_long(&b, 1);
    sup_int(&b, 1);
    sup_long(&b, number);
    sup_long(&b, 1000 * number);
    sup_int(&b, PK_OP_SET_DATA);
    sup_str(&b, "/a");
    sup_str(&b, text);
    sup_int(&b, 1);
    sup_long(out, pk_adler32(b.p, b.len));
    sup_int(out, (int64_t)b.len);
    sup_raw(out, b.p, b.len);
    sup_byte(out, 'B');
    sup_buf_free(&b);
    free(text);
}

static void log_head(struct sup_buf *out)
{
    sup_raw(out, "ZKLG\0\0\0\2", 8);
    sup_long(out, 0);
}

static void put(const char *path, const struct sup_buf *b, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b->p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static enum pk_err read_path(const char *path, struct pk_files *files, struct seen *seen)
{
    const struct pk_files_taker taker = {see, no_progress, seen};
    char why[PK_FILES_WHY];
    *files = (struct pk_files){0};
    *seen = (struct seen){0};
    enum pk_err err = pk_files_add(files, path, why);
    return err == PK_OK ? pk_files_read(files, &taker, why) : err;
}

/* A file cut anywhere: the whole records count, the rest is a torn end and no damage. */
static void test_torn(void **state)
{
    (void)state;
    char path[SUP_PATH];
    struct sup_buf b = {0};
    size_t ends[4] = {PK_TXNLOG_HEAD};
    log_head(&b);
    for (int i = 1; i <= 3; i++) {
        record(&b, i, 10 * (size_t)i);
        ends[i] = b.len;
    }
    sup_file(path, "");
    for (size_t len = 0; len <= b.len; len++) {
        struct pk_files files;
        struct seen seen;
        uint64_t whole = 0;
        while (whole < 3 && ends[whole + 1] <= len)
            whole++;
        put(path, &b, len);
        assert_int_equal(read_path(path, &files, &seen), PK_OK);
        assert_int_equal(seen.txns, whole);
        assert_int_equal(files.nnotes, 0);
        assert_int_equal(files.torn, len != ends[whole]);
        pk_files_free(&files);
    }
    unlink(path);
    sup_buf_free(&b);
}

/* Zeros end a file; a wrong byte with more behind it is damage, and said with its place. */
static void test_padding_and_damage(void **state)
{
    (void)state;
    char path[SUP_PATH];
    struct sup_buf b = {0};
    struct pk_files files;
    struct seen seen;
    log_head(&b);
    record(&b, 1, 100);
    size_t second = b.len;
    record(&b, 2, 3 << 20); /* longer than the window */
    record(&b, 3, 100);
    for (int i = 0; i < 3000; i++)
        sup_byte(&b, 0);
    sup_file(path, "");
    put(path, &b, b.len);
    assert_int_equal(read_path(path, &files, &seen), PK_OK);
    assert_int_equal(seen.txns, 3);
    assert_int_equal(files.torn + files.nnotes, 0);
    assert_int_equal(files.last_ms - files.first_ms, 2000);
    pk_files_free(&files);
    b.p[second + 200] ^= 1;
    put(path, &b, b.len);
    assert_int_equal(read_path(path, &files, &seen), PK_OK);
    assert_int_equal(seen.txns, 1);
    assert_int_equal(files.nnotes, 1);
    char place[40];
    snprintf(place, sizeof place, "damaged at byte %zu:", second);
    assert_non_null(strstr(files.notes[0], place));
    pk_files_free(&files);
    unlink(path);
    sup_buf_free(&b);
}

/* Logs of two servers: what is in both counts once. A clock that goes back stands still. */
static void test_several(void **state)
{
    (void)state;
    char folder[] = "/tmp/pk-savings-XXXXXX", one[64], two[64];
    struct sup_buf b = {0};
    struct pk_files files;
    struct seen seen;
    assert_non_null(mkdtemp(folder));
    snprintf(one, sizeof one, "%s/log.1", folder);
    snprintf(two, sizeof two, "%s/log.a", folder);
    log_head(&b);
    for (int i = 1; i <= 12; i++)
        record(&b, i, 5);
    put(two, &b, b.len); /* by name the later one */
    put(one, &b, PK_TXNLOG_HEAD + 8 * (b.len - PK_TXNLOG_HEAD) / 12);
    assert_int_equal(read_path(folder, &files, &seen), PK_OK);
    assert_int_equal(seen.txns, 12);
    assert_int_equal(files.repeated, 8);
    pk_files_free(&files);
    unlink(one);
    unlink(two);
    assert_int_equal(read_path(folder, &files, &seen), PK_EINVAL);
    pk_files_free(&files);
    rmdir(folder);
    assert_int_equal(read_path(folder, &files, &seen), PK_EINVAL);
    pk_files_free(&files);
    sup_file(one, "this is no log, but long enough");
    assert_int_equal(read_path(one, &files, &seen), PK_EINVAL);
    pk_files_free(&files);
    unlink(one);
    sup_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(test_supervisor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_writers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_flush_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hurried, setup, teardown),
        cmocka_unit_test_setup_teardown(test_promoted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_padding_and_damage),
        cmocka_unit_test(test_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
