/*
 * The link's protocol: golden bytes, which the next version has to go on understanding; every frame cut short at every
 * length; a stream cut anywhere. And the records of changes: whole, cut short, and as a copy has them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/support.h"

#include "core/peer/copy.h"
#include "core/peer/frame.h"
#include "core/peer/record.h"

static const uint8_t me[PK_INCARNATION] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t passwd[PK_PASSWD_LEN] = "sixteen bytes---";

static const struct pk_hello hello = {.version = 1,
                                      .incarnation = {me, sizeof me},
                                      .address = {(const uint8_t *)"h:1", 3},
                                      .mounts = {(const uint8_t *)"mm", 2},
                                      .epoch = 0x100000002,
                                      .session_id = 0x55,
                                      .passwd = {passwd, sizeof passwd}};

static void expect(const uint8_t *p, size_t len, const char *hex)
{
    char text[1024];
    assert_true(2 * len < sizeof text);
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    assert_string_equal(text, hex);
}

static void golden_bytes(void **state)
{
    (void)state;
    uint8_t p[256];
    size_t len = (size_t)(pk_hello_put(p, &hello, PK_FRAME_HELLO) - p);
    assert_int_equal(len, pk_hello_len(&hello, PK_FRAME_HELLO));
    expect(p, len,
           "00000026"
           "01"
           "00000001"
           "000000100102030405060708090a0b0c0d0e0f10"
           "00000003683a31"
           "000000026d6d");
    len = (size_t)(pk_hello_put(p, &hello, PK_FRAME_WELCOME) - p);
    assert_int_equal(len, pk_hello_len(&hello, PK_FRAME_WELCOME));
    expect(p, len,
           "0000004a"
           "02"
           "00000001"
           "000000100102030405060708090a0b0c0d0e0f10"
           "00000003683a31"
           "000000026d6d"
           "0000000100000002"
           "0000000000000055"
           "000000107369787465656e2062797465732d2d2d");
    const struct pk_refused r = {PK_REFUSAL_MOUNTS, {me, sizeof me}, {(const uint8_t *)"no", 2}};
    len = (size_t)(pk_refused_put(p, &r) - p);
    assert_int_equal(len, pk_refused_len(&r));
    expect(p, len,
           "0000001f"
           "03"
           "00000003"
           "000000100102030405060708090a0b0c0d0e0f10"
           "000000026e6f");
    const int64_t v[] = {7, 1, 9};
    expect(p, (size_t)(pk_longs_put(p, PK_FRAME_HEARTBEAT, v, 3) - p),
           "00000019"
           "07"
           "0000000000000007"
           "0000000000000001"
           "0000000000000009");
    expect(p, (size_t)(pk_longs_put(p, PK_FRAME_GOODBYE, NULL, 0) - p),
           "00000001"
           "09");
}

/* Each length is an allocation of its own, so that a read past the end is found. */
static bool decodes(const uint8_t *p, size_t len, int kind)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    struct pk_bytes body = {exact, (uint32_t)len};
    struct pk_hello h;
    struct pk_refused r;
    struct pk_link_record rec;
    struct pk_link_refresh refresh;
    memcpy(exact, p, len);
    bool good = kind == PK_FRAME_REFUSED   ? pk_refused_get(body, &r)
                : kind == PK_FRAME_RECORD  ? pk_record_get(body, &rec)
                : kind == PK_FRAME_REFRESH ? pk_refresh_get(body, &refresh)
                                           : pk_hello_get(body, (enum pk_frame_kind)kind, &h);
    free(exact);
    return good;
}

static void cut_short(void **state)
{
    (void)state;
    uint8_t p[256];
    const struct pk_refused r = {PK_REFUSAL_MOUNTS, {me, sizeof me}, {(const uint8_t *)"no", 2}};
    const int kinds[] = {PK_FRAME_HELLO, PK_FRAME_WELCOME, PK_FRAME_REFUSED};
    for (int k = 0; k < 3; k++) {
        uint8_t *end = kinds[k] == PK_FRAME_REFUSED ? pk_refused_put(p, &r)
                                                    : pk_hello_put(p, &hello, (enum pk_frame_kind)kinds[k]);
        size_t body = (size_t)(end - p) - PK_FRAME_HEAD;
        for (size_t len = 0; len < body; len++)
            assert_false(decodes(p + PK_FRAME_HEAD, len, kinds[k]));
        assert_true(decodes(p + PK_FRAME_HEAD, body, kinds[k]));
    }
    int64_t v[PK_FRAME_LONGS];
    assert_false(pk_longs_get((struct pk_bytes){p, 15}, v, 2));
    assert_true(pk_longs_get((struct pk_bytes){p, 16}, v, 2));
    assert_int_equal(v[2], 0);
}

static void any_cut(void **state)
{
    (void)state;
    uint8_t p[256];
    int kind;
    struct pk_bytes body;
    const int64_t v[] = {1, 2};
    size_t len = (size_t)(pk_longs_put(p, PK_FRAME_ACK, v, 2) - p);
    for (size_t n = 0; n < len; n++)
        assert_int_equal(pk_frame_next(p, n, 100, &kind, &body), 0);
    assert_int_equal(pk_frame_next(p, len, 100, &kind, &body), len);
    assert_int_equal(kind, PK_FRAME_ACK);
    assert_int_equal(body.len, 16);
    assert_int_equal(pk_frame_next(p, len, 16, &kind, &body), SIZE_MAX);
    memset(p, 0, 4);
    assert_int_equal(pk_frame_next(p, 4, 100, &kind, &body), SIZE_MAX);
}

/* A store with a local znode, and the record of it. */
struct held {
    struct sup_mem mem;
    struct core_stats stats;
    struct pk_store store;
    struct pk_znode *z;
};

static const struct core_mount mount = {
    .path = "/m", .mode = PK_MODE_PACEMAKER, .max_znodes = 10, .max_bytes = 1000, .max_znode = 100};

static void hold(struct held *h)
{
    sup_mem_init(&h->mem);
    h->stats = (struct core_stats){.newest_zxid = 77};
    pk_store_init(&h->store, &h->mem.mem, &h->stats, 3, sizeof(struct pk_writeback));
    assert_int_equal(pk_store_add_mount(&h->store, &mount), PK_OK);
    h->z = pk_store_track(&h->store, &h->store.mounts[0], PK_BYTES("/m/a"));
    assert_non_null(h->z);
    struct pk_change c = {
        .kind = PK_CHANGE_LOCAL_CREATE, .znode = h->z, .data = PK_BYTES("beat"), .wall_ms = 5};
    assert_int_equal(pk_store_apply(&h->store, &c), PK_OK);
}

static void let_go(struct held *h)
{
    pk_store_drop(&h->store);
    assert_int_equal(h->mem.blocks, 0);
}

static size_t put_record(uint8_t *p, struct held *h)
{
    const struct pk_change_record record = pk_store_record(&h->store, h->z);
    size_t len = pk_record_len(&record);
    assert_int_equal(pk_record_put(p, len, &record, h->stats.newest_zxid, 9) - p, len);
    return len;
}

static void a_record(void **state)
{
    (void)state;
    struct held h;
    uint8_t p[512];
    hold(&h);
    size_t len = put_record(p, &h);
    expect(p, len,
           "0000009c"
           "05"
           "0000000000000009"
           "000000000000004d"
           "01"
           "000000042f6d2f61"
           "000000000000004e"
           "000000000000004e"
           "000000000000004e"
           "0000000000000005"
           "0000000000000005"
           "00000000"
           "00000000"
           "01"
           "0000000462656174"
           "0000000000000000"
           "0000000000000000"
           "00000000"
           "0000000000000000"
           "0000000000000000"
           "000000000000004e"
           "0000000000000000"
           "0000000000000000"
           "00000000"
           "00000000"
           "00"
           "ffffffff");
    for (size_t n = 0; n < len - PK_FRAME_HEAD; n++)
        assert_false(decodes(p + PK_FRAME_HEAD, n, PK_FRAME_RECORD));
    struct pk_link_record r;
    assert_true(pk_record_get((struct pk_bytes){p + PK_FRAME_HEAD, (uint32_t)len - PK_FRAME_HEAD}, &r));
    assert_int_equal(r.position, 9);
    assert_int_equal(r.newest_zxid, 77);
    let_go(&h);
}

/* Memory that is short at any call leaves no copy behind, and nothing else. */
static void a_copy_of_it(void **state)
{
    (void)state;
    struct held h;
    uint8_t p[512];
    hold(&h);
    size_t len = put_record(p, &h);
    int64_t blocks = h.mem.blocks;
    bool done = false;
    for (uint32_t n = 1; !done; n++) {
        struct pk_link_record r;
        assert_true(n < 100);
        sup_mem_fail(&h.mem, n);
        struct pk_copy *copy = pk_copy_new(&h.store, 5);
        assert_true(pk_record_get((struct pk_bytes){p + PK_FRAME_HEAD, (uint32_t)len - PK_FRAME_HEAD}, &r));
        if (copy != NULL && pk_copy_apply(copy, &r) == PK_OK) {
            const struct pk_znode *z = pk_store_find(&copy->store, PK_BYTES("/m/a"));
            assert_true(z != NULL && z->held.state == PK_ZNODE_LOCAL && z->data->len == 4);
            assert_int_equal(copy->position, 9);
            assert_int_equal(copy->stats.newest_zxid, 77);
            done = true;
        }
        sup_mem_fail(&h.mem, 0);
        pk_copy_drop(&copy);
        assert_int_equal(h.mem.blocks, blocks);
    }
    let_go(&h);
}

static size_t put_refresh(uint8_t *p, struct held *h)
{
    struct pk_change c = {.kind = PK_CHANGE_SET, .znode = h->z, .data = PK_BYTES("beat 2"), .wall_ms = 6};
    assert_int_equal(pk_store_apply(&h->store, &c), PK_OK);
    size_t len = pk_refresh_len(h->z);
    assert_int_equal(pk_refresh_put(p, len, h->z, h->stats.newest_zxid, 10) - p, len);
    return len;
}

static void a_refresh(void **state)
{
    (void)state;
    struct held h;
    uint8_t p[512];
    hold(&h);
    size_t len = put_refresh(p, &h);
    expect(p, len,
           "00000037"
           "0a"
           "000000000000000a"
           "000000000000004d"
           "000000000000004f"
           "0000000000000006"
           "00000001"
           "000000042f6d2f61"
           "000000066265617420"
           "32");
    for (size_t n = 0; n < len - PK_FRAME_HEAD; n++)
        assert_false(decodes(p + PK_FRAME_HEAD, n, PK_FRAME_REFRESH));
    struct pk_link_refresh r;
    assert_true(pk_refresh_get((struct pk_bytes){p + PK_FRAME_HEAD, (uint32_t)len - PK_FRAME_HEAD}, &r));
    assert_int_equal(r.position, 10);
    assert_int_equal(r.newest_zxid, 77);
    let_go(&h);
}

/* The copy has the znode as it is; one without the znode is told so, and is no copy. */
static void a_copy_of_a_refresh(void **state)
{
    (void)state;
    struct held h;
    uint8_t record[512], p[512];
    struct pk_link_record r;
    struct pk_link_refresh refresh;
    hold(&h);
    size_t whole = put_record(record, &h), len = put_refresh(p, &h);
    struct pk_copy *copy = pk_copy_new(&h.store, 5);
    assert_non_null(copy);
    assert_true(
        pk_refresh_get((struct pk_bytes){p + PK_FRAME_HEAD, (uint32_t)len - PK_FRAME_HEAD}, &refresh));
    assert_int_equal(pk_copy_refresh(copy, &refresh), PK_EINVAL);
    assert_true(
        pk_record_get((struct pk_bytes){record + PK_FRAME_HEAD, (uint32_t)whole - PK_FRAME_HEAD}, &r));
    assert_int_equal(pk_copy_apply(copy, &r), PK_OK);
    assert_int_equal(pk_copy_refresh(copy, &refresh), PK_OK);
    const struct pk_znode *z = pk_store_find(&copy->store, PK_BYTES("/m/a"));
    assert_memory_equal(&z->held, &h.z->held, sizeof z->held);
    assert_true(pk_bytes_eq(pk_blob_view(z->data), PK_BYTES("beat 2")));
    assert_int_equal(copy->stats.bytes, h.stats.bytes);
    assert_int_equal(copy->position, 10);
    pk_copy_drop(&copy);
    let_go(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes),       cmocka_unit_test(cut_short),    cmocka_unit_test(any_cut),
        cmocka_unit_test(a_record),           cmocka_unit_test(a_copy_of_it), cmocka_unit_test(a_refresh),
        cmocka_unit_test(a_copy_of_a_refresh)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
