/*
 * Fuzz target: state files whose checksum is right. The input is a file; its last four bytes become the checksum of
 * what is before them.
 *
 * Happy path: the reader refuses it, or all records go into a core. What that core saves makes a second one that saves
 * the same. Then, by the lowest bit of the last byte, clients write, create and delete at what was restored, or one
 * watches it and all of it is released: the ensemble has then what was in the file. Everybody leaves.
 * Failure: a sanitizer's finding, a saved file that is refused or does not come back, a restored znode that is not
 * served, or that the ensemble has otherwise than it was, or something left over at the end.
 */
#include <stdlib.h>

#include "io/state/statefile.h"
#include "proto/records.h"
#include "script.h"
#include "tests/fuzz/must.h"
#include "tests/sim/steps.h"
#include "tests/sim/wire.h"

/* STEPS: of a replay; more of them find nothing more. */
enum { CRC = 4, PATHS = 4, RECORDS = 200, STEPS = 300, SECONDS = 40 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bounds within the reach of an input. */
static const struct core_mount mounts[] = {
    {.path = "/storm/workerbeats",
     .mode = PK_MODE_PACEMAKER,
     .max_znodes = 8,
     .max_bytes = 600,
     .max_znode = 200},
    {.path = "/w", .mode = PK_MODE_PACEMAKER, .max_znodes = 8, .max_bytes = 600, .max_znode = 200},
};

static void correct(uint8_t *file, size_t size)
{
    struct pk_crc crc;
    pk_crc_init(&crc);
    pk_crc_add(&crc, file, size - CRC);
    pk_put32(file + size - CRC, pk_crc_value(&crc));
}

static enum pk_err load(struct core *core, const uint8_t *file, size_t size)
{
    struct pk_state_reader reader;
    struct pk_state_head head;
    struct core_record record;
    const char *why;
    enum pk_err err = pk_state_open(&reader, &head, file, size, &why);
    if (err != PK_OK)
        return err;
    core_restore_zxid(core, head.newest_zxid);
    while (pk_state_next(&reader, &record))
        err = core_restore(core, &record) != PK_OK ? PK_ELIMIT : err;
    return err;
}

static void put_record(struct sup_buf *out, const struct core_record *r)
{
    sup_int(out, (int64_t)r->path_len);
    sup_raw(out, r->path, r->path_len);
    sup_byte(out, r->local);
    sup_int(out, r->has_data ? (int64_t)r->data_len : -1);
    sup_raw(out, r->data, r->has_data ? r->data_len : 0);
    sup_long(out, r->czxid);
    sup_long(out, r->mzxid);
    sup_long(out, r->pzxid);
    sup_long(out, r->ctime);
    sup_long(out, r->mtime);
    sup_int(out, r->version);
    sup_int(out, r->cversion);
}

/* By path, so that parents are first; siblings have no order. */
static int by_path(const void *one, const void *another)
{
    const struct core_record *a = one, *other = another;
    int order = memcmp(a->path, other->path, a->path_len < other->path_len ? a->path_len : other->path_len);
    return order != 0 ? order : (a->path_len > other->path_len) - (a->path_len < other->path_len);
}

/* The file that a stop would write, but for the order of siblings and the time. */
static struct sup_buf save(struct core *core)
{
    struct core_record records[RECORDS];
    struct sup_buf file = {0};
    struct core_cursor cursor = {0, NULL};
    size_t n = 0;
    for (; core_save_next(core, &cursor, &records[n]); n++) {
        must(n < RECORDS - 1);
        uint8_t *path = malloc(records[n].path_len);
        must(path != NULL);
        records[n].path = memcpy(path, records[n].path, records[n].path_len);
    }
    qsort(records, n, sizeof records[0], by_path);
    sup_raw(&file, "PKSTATE\n", 8);
    sup_int(&file, PK_STATE_VERSION);
    sup_long(&file, 0);
    sup_long(&file, core_stats(core)->newest_zxid);
    sup_long(&file, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        put_record(&file, &records[i]);
        free((void *)(uintptr_t)records[i].path);
    }
    sup_int(&file, 0);
    correct(file.p, file.len);
    return file;
}

/* A second core takes all of it, and saves the same. */
static void comes_back(const struct core_config *config, const struct sup_buf *file)
{
    struct sup_mem mem;
    struct core *core;
    sup_mem_init(&mem);
    must(core_new(&core, &mem.mem, config) == PK_OK);
    must(load(core, file->p, file->len) == PK_OK);
    struct sup_buf again = save(core);
    must(again.len == file->len && memcmp(again.p, file->p, file->len) == 0);
    sup_buf_free(&again);
    core_free(core);
    must(mem.blocks == 0);
}

/* The paths of the first local znodes, as strings. */
static int held(struct core *core, char path[PATHS][256])
{
    struct core_cursor cursor = {0, NULL};
    struct core_record record;
    int n = 0;
    while (n < PATHS && core_save_next(core, &cursor, &record)) {
        if (!record.local || record.path_len >= sizeof path[0])
            continue;
        memcpy(path[n], record.path, record.path_len);
        path[n++][record.path_len] = 0;
    }
    return n;
}

/* Beats, creates and deletes at what was restored: its counters go on from where they were. */
static void use(void)
{
    char path[PATHS][256], child[sizeof path + 8];
    int n = held(s.core, path), c = sim_connect(&s, 10000);
    must(c >= 0);
    for (int i = 0; i < n; i++) {
        wire_set(&b, 10 * i + 1, path[i], "beat", -1);
        wire_read(&b, 10 * i + 2, PK_OP_EXISTS, path[i], false);
        snprintf(child, sizeof child, "%s/child", path[i]);
        wire_create(&b, 10 * i + 3, child, "");
        wire_delete(&b, 10 * i + 4, child, -1);
        wire_delete(&b, 10 * i + 5, path[i], -1);
    }
    sim_go(&s, c, &b);
    sim_advance(&s, 2000000);
}

/* A znode of the file. */
struct was {
    char path[256];
    struct sup_buf data;
    bool local, has_data;
    int version;
};

static void put_upstream(const char *path)
{
    char made[256];
    tree_create(&s.zk.tree, path, &(struct tree_new){.flags = 0}, made);
    s.zk.tree.nchanges = 0;
}

/* What is held, and in the ensemble what stands above it; how many, -1: their counters take too many steps. */
static int note(struct was was[RECORDS])
{
    struct core_cursor cursor = {0, NULL};
    struct core_record r;
    int64_t steps = 0;
    int n = 0;
    for (; core_save_next(s.core, &cursor, &r); n++) {
        must(n < RECORDS - 1);
        was[n] = (struct was){.local = r.local, .has_data = r.has_data, .version = r.version};
        steps += r.path_len < sizeof was[n].path ? (int64_t)r.version + r.cversion : STEPS;
        memcpy(was[n].path, r.path, r.path_len < sizeof was[n].path ? r.path_len : 0);
        sup_raw(&was[n].data, r.data, r.data_len);
    }
    for (int i = 0; i < n && steps < STEPS; i++)
        if (!was[i].local)
            put_upstream(was[i].path);
    return steps < STEPS ? n : -1 - n;
}

static void same(const struct was *was)
{
    const struct tree_node *z = tree_find(&s.zk.tree, was->path);
    must(z != NULL && z->version == was->version && (z->len >= 0) == was->has_data);
    must(z->len <= 0 ||
         ((size_t)z->len == was->data.len && memcmp(z->data, was->data.p, was->data.len) == 0));
    must(z->len != 0 || was->data.len == 0);
}

/* A watch at the first of them, then all go to the ensemble as a release takes them there. */
static void move_over(const struct was *was, int n)
{
    struct sim_frame f;
    int first = 0, c = sim_connect(&s, 10000);
    must(c >= 0);
    while (first < n && !was[first].local)
        first++;
    if (first < n) {
        sim_watch(&s, c, 3, was[first].path);
        must(sim_frame(&s, c, &f) && f.xid == 3 && f.err == PK_Z_OK);
        same(&was[first]);
    }
    sim_step(&s, -1, PK_RELEASE, NULL, 0);
    for (int i = 0; i < SECONDS && core_left(s.core) > 0; i++)
        sim_advance(&s, 1000000);
    must(core_left(s.core) == 0);
    for (int i = 0; i < n; i++)
        if (was[i].local)
            same(&was[i]);
}

static void promote(void)
{
    static struct was was[RECORDS];
    int n = note(was), all = n < 0 ? -1 - n : n;
    if (n > 0)
        move_over(was, n);
    for (int i = 0; i < all; i++)
        sup_buf_free(&was[i].data);
}

static void run(const uint8_t *bytes, size_t size)
{
    struct core_config config = sim_default_config;
    uint8_t *file = malloc(size);
    must(file != NULL);
    memcpy(file, bytes, size);
    correct(file, size);
    config.mounts = mounts;
    config.nmounts = sizeof mounts / sizeof *mounts;
    sim_init(&s, &config);
    if (load(s.core, file, size) != PK_EINVAL) {
        struct sup_buf saved = save(s.core);
        comes_back(&config, &saved);
        sup_buf_free(&saved);
        if (bytes[size - 1] & 1)
            promote();
        else
            use();
    }
    free(file);
    fuzz_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size >= CRC)
        run(bytes, size);
    return 0;
}
