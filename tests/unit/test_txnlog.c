/*
 * Transaction logs: known bytes give known transactions, cut anywhere they ask for more, and changed anywhere they are
 * found damaged.
 */
#include "proto/txnlog.h"

#include "proto/records.h"
#include "tests/lib/support.h"

/* One setData that a ZooKeeper 3.8.0 has logged: checksum, length, payload with a digest at its end, mark. */
static const uint8_t golden[] = {
    0x00, 0x00, 0x00, 0x00, 0xc3, 0x01, 0x07, 0xab, 0x00, 0x00, 0x00, 0x3e, /* checksum, length */
    0x01, 0x00, 0x00, 0xe6, 0x22, 0x22, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, /* session, cxid */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x01, 0xa2,
    0x22, 0x98, 0x4b, 0x59,                                                 /* zxid, time */
    0x00, 0x00, 0x00, 0x05,                                                 /* type */
    0x00, 0x00, 0x00, 0x02, 0x2f, 0x61,                                     /* path */
    0x00, 0x00, 0x00, 0x04, 0x62, 0x65, 0x61, 0x74,                         /* data */
    0x00, 0x00, 0x00, 0x01,                                                 /* version */
    0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x62, 0xfb, 0x3a, 0xa8, /* digest */
    0x42,                                                                   /* mark */
};

static void record(struct sup_buf *out, const struct sup_buf *payload)
{
    sup_long(out, pk_adler32(payload->p, payload->len));
    sup_int(out, (int64_t)payload->len);
    sup_raw(out, payload->p, payload->len);
    sup_byte(out, 'B');
}

static void header(struct sup_buf *b, int64_t session, int64_t zxid, int32_t type)
{
    sup_long(b, session);
    sup_int(b, 1);
    sup_long(b, zxid);
    sup_long(b, 1700000000000);
    sup_int(b, type);
}

static void acl(struct sup_buf *b, const char *scheme)
{
    sup_int(b, 1);
    sup_int(b, PK_PERM_ALL);
    sup_str(b, scheme);
    sup_str(b, "anyone");
}

static void create(struct sup_buf *b, const char *path, const char *data, const char *scheme, bool ephemeral)
{
    sup_str(b, path);
    sup_str(b, data);
    acl(b, scheme);
    sup_byte(b, ephemeral);
    sup_int(b, 1);
}

static void test_adler(void **state)
{
    (void)state;
    static uint8_t ones[200000];
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(pk_adler32((const uint8_t *)"", 0), 1);
    assert_int_equal(pk_adler32((const uint8_t *)"Wikipedia", 9), 0x11e60398);
    /* zlib.adler32(b'\xff' * 200000): no sum overflows */
    assert_int_equal(pk_adler32(ones, sizeof ones), 0x14d06057);
}

static void test_head(void **state)
{
    (void)state;
    static const uint8_t head[PK_TXNLOG_HEAD] = "ZKLG\0\0\0\2";
    uint8_t other[PK_TXNLOG_HEAD];
    assert_true(pk_txnlog_is(head));
    for (size_t i = 0; i < 8; i++) {
        memcpy(other, head, sizeof other);
        other[i] ^= 1;
        assert_false(pk_txnlog_is(other));
    }
}

static void test_golden(void **state)
{
    (void)state;
    struct pk_bytes payload;
    struct pk_txn txn;
    struct pk_txn_op op;
    size_t need;
    assert_int_equal(pk_txnlog_record(golden, sizeof golden, &payload, &need), PK_TXNLOG_FOUND);
    assert_int_equal(need, sizeof golden);
    assert_int_equal(pk_txn_open(&txn, payload), PK_OK);
    assert_int_equal(txn.session, 0x010000e622220000);
    assert_int_equal(txn.cxid, 2);
    assert_int_equal(txn.zxid, 3);
    assert_int_equal(txn.time, 0x1a222984b59);
    assert_true(pk_txn_next(&txn, &op));
    assert_int_equal(op.type, PK_OP_SET_DATA);
    assert_true(sup_is(op.path, "/a"));
    assert_true(sup_is(op.data, "beat"));
    assert_false(pk_txn_next(&txn, &op));
}

/* A file that ends anywhere: more is asked for, never beyond the record, and nothing behind the end is read. */
static void test_truncated(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof golden; len++) {
        struct pk_bytes payload;
        size_t need;
        uint8_t *p = sup_fence(golden, len);
        assert_int_equal(pk_txnlog_record(p, len, &payload, &need), PK_TXNLOG_MORE);
        assert_true(need > len && need <= sizeof golden);
        sup_unfence(p, len);
    }
}

static void test_changed(void **state)
{
    (void)state;
    struct pk_bytes payload;
    size_t need;
    for (size_t i = 0; i < sizeof golden; i++) {
        uint8_t copy[sizeof golden];
        memcpy(copy, golden, sizeof copy);
        copy[i] ^= 0x40;
        enum pk_txnlog_found found = pk_txnlog_record(copy, sizeof copy, &payload, &need);
        assert_true(found == PK_TXNLOG_DAMAGED || (found == PK_TXNLOG_MORE && i >= 8 && i < 12));
    }
}

static void test_padding(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    struct pk_bytes payload;
    size_t need;
    assert_int_equal(pk_txnlog_record(zeros, 11, &payload, &need), PK_TXNLOG_MORE);
    assert_int_equal(need, 12);
    assert_int_equal(pk_txnlog_record(zeros, 12, &payload, &need), PK_TXNLOG_END);
}

/* Opens a payload behind an unreadable page; ended by close_txn. */
static uint8_t *open_txn(struct pk_txn *txn, const struct sup_buf *b)
{
    uint8_t *p = sup_fence(b->p, b->len);
    assert_int_equal(pk_txn_open(txn, (struct pk_bytes){p, (uint32_t)b->len}), PK_OK);
    return p;
}

static void test_creates(void **state)
{
    (void)state;
    static const struct {
        int32_t type;
        const char *scheme;
        bool ephemeral, plain;
    } cases[] = {
        {PK_OP_CREATE, "world", false, true},      {PK_OP_CREATE2, "world", false, true},
        {PK_OP_CREATE, "world", true, false},      {PK_OP_CREATE, "digest", false, false},
        {PK_OP_CREATE_TTL, "world", false, false}, {PK_OP_CREATE_CONTAINER, "world", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sup_buf b = {0};
        struct pk_txn txn;
        struct pk_txn_op op;
        header(&b, 7, 9, cases[i].type);
        create(&b, "/m/a", "xyz", cases[i].scheme, cases[i].ephemeral);
        uint8_t *p = open_txn(&txn, &b);
        assert_true(pk_txn_next(&txn, &op));
        assert_true(sup_is(op.path, "/m/a"));
        assert_int_equal(op.data.len, 3);
        assert_int_equal(op.plain, cases[i].plain);
        sup_unfence(p, b.len);
        sup_buf_free(&b);
    }
}

static void multi_part(struct sup_buf *b, int32_t type, const char *path)
{
    struct sup_buf part = {0};
    sup_str(&part, path);
    sup_str(&part, "d");
    sup_int(&part, 0);
    sup_int(b, type);
    sup_int(b, (int64_t)part.len);
    sup_raw(b, part.p, part.len);
    sup_buf_free(&part);
}

/* A multi gives its parts, also those that were refused, and ends where it is cut. */
static void test_multi(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    header(&b, 7, 9, PK_OP_MULTI);
    sup_int(&b, 3);
    multi_part(&b, PK_OP_SET_DATA, "/m/a");
    sup_int(&b, PK_TXN_ERROR);
    sup_int(&b, 4);
    sup_int(&b, -110);
    multi_part(&b, PK_OP_DELETE, "/m/b");
    for (size_t len = PK_TXNLOG_TXN_HEADER; len <= b.len; len++) {
        struct sup_buf cut = {b.p, len, b.cap};
        struct pk_txn txn;
        struct pk_txn_op op;
        int parts = 0;
        uint8_t *p = open_txn(&txn, &cut);
        for (; pk_txn_next(&txn, &op); parts++)
            assert_true(sup_is(op.path, parts == 0 ? "/m/a" : parts == 2 ? "/m/b" : NULL));
        assert_true(len < b.len ? parts < 3 : parts == 3);
        sup_unfence(p, cut.len);
    }
    sup_buf_free(&b);
}

/* From 3.6 on the end of a session names its ephemerals; before, or without any, nothing follows, or a digest does. */
static void test_close_session(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    struct pk_txn txn;
    struct pk_txn_op op;
    header(&b, 7, 9, PK_OP_CLOSE_SESSION);
    uint8_t *p = open_txn(&txn, &b);
    assert_false(pk_txn_next(&txn, &op));
    sup_unfence(p, b.len);
    sup_int(&b, 2);
    sup_str(&b, "/e/1");
    sup_str(&b, "/e/2");
    p = open_txn(&txn, &b);
    assert_true(pk_txn_next(&txn, &op) && sup_is(op.path, "/e/1"));
    assert_true(pk_txn_next(&txn, &op) && sup_is(op.path, "/e/2"));
    assert_false(pk_txn_next(&txn, &op));
    sup_unfence(p, b.len);
    b.len = PK_TXNLOG_TXN_HEADER;
    sup_int(&b, 2); /* a digest: its version, and the sum */
    sup_long(&b, 0x1122334455667788);
    p = open_txn(&txn, &b);
    assert_false(pk_txn_next(&txn, &op));
    sup_unfence(p, b.len);
    sup_buf_free(&b);
}

static void test_lengths(void **state)
{
    (void)state;
    struct sup_buf b = {0}, out = {0};
    struct pk_bytes payload;
    size_t need;
    header(&b, 7, 9, PK_OP_SET_DATA);
    record(&out, &b);
    assert_int_equal(pk_txnlog_record(out.p, out.len, &payload, &need), PK_TXNLOG_FOUND);
    struct pk_txn txn;
    assert_int_equal(pk_txn_open(&txn, (struct pk_bytes){payload.p, payload.len - 1}), PK_EMALFORMED);
    sup_buf_reset(&out);
    sup_long(&out, 1);
    sup_int(&out, PK_TXNLOG_MAX + 1);
    assert_int_equal(pk_txnlog_record(out.p, out.len, &payload, &need), PK_TXNLOG_DAMAGED);
    sup_buf_reset(&out);
    sup_long(&out, 1);
    sup_int(&out, -1);
    assert_int_equal(pk_txnlog_record(out.p, out.len, &payload, &need), PK_TXNLOG_DAMAGED);
    sup_buf_free(&b);
    sup_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adler),         cmocka_unit_test(test_head),
        cmocka_unit_test(test_golden),        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_changed),       cmocka_unit_test(test_padding),
        cmocka_unit_test(test_creates),       cmocka_unit_test(test_multi),
        cmocka_unit_test(test_close_session), cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
