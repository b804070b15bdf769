/* Iterators and ACLs on input that lies: bad counts and lengths, foreign types, missing ends, random bytes. */
#include "proto/records.h"
#include "tests/sim/wire.h"

enum { ROUNDS = 20000 };

/* Walks a multi body; returns the number of operations, -1 when malformed. */
static int walk_multi(const struct sup_buf *b)
{
    uint8_t *p = sup_fence(b->p, b->len);
    struct pk_in in = pk_in(p, b->len);
    struct pk_request sub;
    int n = 0;
    while (pk_multi_next(&in, &sub))
        assert_true((size_t)++n <= b->len / PK_MULTI_HEADER);
    sup_unfence(p, b->len);
    return in.bad ? -1 : n;
}

/* Walks a setWatches (2 when lists is 5) body; returns the number of paths, -1 when malformed. */
static int walk_watches(const struct sup_buf *b, int lists)
{
    uint8_t *p = sup_fence(b->p, b->len);
    struct pk_request req = {.op = lists == 5 ? PK_OP_SET_WATCHES2 : PK_OP_SET_WATCHES,
                             .body = {p, (uint32_t)b->len}};
    struct pk_watches w;
    struct pk_bytes path;
    int n = 0, last = 0;
    pk_watches_begin(&w, &req);
    while (pk_watches_next(&w, &path)) {
        assert_true(w.list >= last && w.list < lists);
        assert_true((size_t)++n <= b->len / 4);
        last = w.list;
    }
    sup_unfence(p, b->len);
    return w.in.bad ? -1 : n;
}

static void header(struct sup_buf *b, int type, int done)
{
    sup_int(b, type);
    sup_byte(b, done);
    sup_int(b, -1);
}

/* Whether the type may be in a multi or multiRead with a body that is not a create's. */
static bool in_multi(int type)
{
    static const int types[] = {PK_OP_DELETE,       PK_OP_GET_DATA, PK_OP_SET_DATA,
                                PK_OP_GET_CHILDREN, PK_OP_CHECK,    PK_OP_CREATE_TTL};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i] == type)
            return true;
    return false;
}

static void multi_shapes(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    assert_int_equal(walk_multi(&b), -1);
    header(&b, -1, true);
    assert_int_equal(walk_multi(&b), 0);
    sup_buf_reset(&b);
    header(&b, -1, 7);
    sup_raw(&b, "trailing", 8);
    assert_int_equal(walk_multi(&b), 0);
    for (int type = -20; type < 120; type++) {
        bool taken = type == PK_OP_CREATE || type == PK_OP_CREATE2 || type == PK_OP_CREATE_CONTAINER;
        sup_buf_reset(&b);
        header(&b, type, false);
        sup_str(&b, "/a");
        sup_str(&b, NULL);
        wire_open_acl(&b);
        sup_int(&b, 0);
        header(&b, -1, true);
        if (taken)
            assert_int_equal(walk_multi(&b), 1);
        else if (!in_multi(type))
            assert_int_equal(walk_multi(&b), -1);
        else
            walk_multi(&b);
    }
    sup_buf_reset(&b);
    header(&b, PK_OP_DELETE, false);
    sup_str(&b, "/a");
    sup_int(&b, -1);
    assert_int_equal(walk_multi(&b), -1);
    header(&b, PK_OP_CHECK, false);
    sup_str(&b, NULL);
    sup_int(&b, 3);
    header(&b, -1, true);
    assert_int_equal(walk_multi(&b), 2);
    sup_buf_free(&b);
}

static void watches_shapes(void **state)
{
    (void)state;
    static const int64_t bad[] = {2, 0x7fffffff, 0x40000000, 0x3fffffff};
    struct sup_buf b = {0};
    assert_int_equal(walk_watches(&b, 3), -1);
    sup_long(&b, 5);
    assert_int_equal(walk_watches(&b, 3), -1);
    for (int i = 0; i < 3; i++)
        sup_int(&b, i == 1 ? -1 : 0);
    assert_int_equal(walk_watches(&b, 3), 0);
    assert_int_equal(walk_watches(&b, 5), -1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sup_buf_reset(&b);
        sup_long(&b, 5);
        sup_int(&b, 0);
        sup_int(&b, bad[i]);
        sup_str(&b, "/a");
        assert_int_equal(walk_watches(&b, 3), -1);
    }
    sup_buf_reset(&b);
    sup_long(&b, 5);
    for (int i = 0; i < 5; i++) {
        sup_int(&b, 2);
        sup_str(&b, "/a");
        sup_str(&b, NULL);
    }
    assert_int_equal(walk_watches(&b, 5), 10);
    assert_int_equal(walk_watches(&b, 3), 6);
    sup_buf_free(&b);
}

static void acl_forms(void **state)
{
    (void)state;
    static const struct {
        int perms;
        const char *scheme, *id;
        bool open;
        int world;
    } one[] = {
        {PK_PERM_ALL, "world", "anyone", true, PK_PERM_ALL},
        {30, "world", "anyone", false, 30},
        {63, "world", "anyone", false, 63},
        {PK_PERM_ALL, "world", "bob", false, 0},
        {PK_PERM_ALL, "auth", "", false, 0},
        {PK_PERM_ALL, "digest", "u:p", false, 0},
        {PK_PERM_ALL, NULL, "anyone", false, 0},
        {PK_PERM_ALL, "world", NULL, false, 0},
        {PK_PERM_ALL, "World", "anyone", false, 0},
        {PK_PERM_ALL, "world", "anyonf", false, 0},
        {0, "world", "anyone", false, 0},
        {PK_PERM_ALL, "worl", "danyone", false, 0},
    };
    struct sup_buf b = {0};
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        sup_buf_reset(&b);
        sup_int(&b, 1);
        sup_int(&b, one[i].perms);
        sup_str(&b, one[i].scheme);
        sup_str(&b, one[i].id);
        struct pk_bytes acl = {b.p, (uint32_t)b.len};
        assert_int_equal(pk_acl_is_open(acl), one[i].open);
        assert_int_equal(pk_acl_world_perms(acl), one[i].world);
        for (uint32_t cut = 0; cut < b.len; cut++) {
            uint8_t *p = sup_fence(b.p, cut);
            assert_false(pk_acl_is_open((struct pk_bytes){p, cut}));
            assert_int_equal(pk_acl_world_perms((struct pk_bytes){p, cut}), 0);
            sup_unfence(p, cut);
        }
    }
    sup_buf_reset(&b);
    sup_int(&b, 3);
    for (int perms = PK_PERM_CREATE; perms <= PK_PERM_DELETE; perms += PK_PERM_CREATE) {
        sup_int(&b, perms);
        sup_str(&b, "world");
        sup_str(&b, "anyone");
    }
    sup_int(&b, PK_PERM_ALL);
    sup_str(&b, "sasl");
    sup_str(&b, "bob");
    assert_int_equal(pk_acl_world_perms((struct pk_bytes){b.p, (uint32_t)b.len}),
                     PK_PERM_CREATE | PK_PERM_DELETE);
    assert_false(pk_acl_is_open((struct pk_bytes){b.p, (uint32_t)b.len}));
    sup_buf_free(&b);
    assert_false(pk_acl_is_open((struct pk_bytes){NULL, 0}));
    assert_int_equal(pk_acl_world_perms((struct pk_bytes){NULL, 0}), 0);
    static const uint8_t empty[4], null[4] = {255, 255, 255, 255}, huge[4] = {0x7f, 255, 255, 255};
    assert_int_equal(pk_acl_world_perms((struct pk_bytes){empty, 4}), 0);
    assert_int_equal(pk_acl_world_perms((struct pk_bytes){null, 4}), 0);
    assert_int_equal(pk_acl_world_perms((struct pk_bytes){huge, 4}), 0);
}

/* A body that does not decode leaves the request without fields, and is no error: the ensemble answers it. */
static void bad_bodies(void **state)
{
    (void)state;
    static const int64_t lengths[] = {-2, INT32_MIN, 100, 0x7fffffff};
    struct sup_buf b = {0};
    struct pk_request req;
    bool ok;
    for (size_t i = 0; i < 4; i++) {
        sup_buf_reset(&b);
        sup_int(&b, 77);
        sup_int(&b, PK_OP_SET_DATA);
        sup_str(&b, "/a");
        sup_int(&b, lengths[i]);
        sup_raw(&b, "12345678", 8);
        assert_int_equal(pk_request_decode(b.p, b.len, &req, &ok), PK_OK);
        assert_false(ok);
        assert_int_equal(req.xid, 77);
        assert_null(req.path.p);
        assert_int_equal(req.body.len, b.len - 8);
    }
    sup_buf_reset(&b);
    sup_int(&b, 1);
    sup_int(&b, 4711);
    sup_raw(&b, "anything", 8);
    assert_int_equal(pk_request_decode(b.p, b.len, &req, &ok), PK_OK);
    assert_true(ok);
    assert_null(req.info);
    assert_int_equal(req.op, 4711);
    sup_buf_reset(&b);
    sup_int(&b, 1);
    sup_int(&b, PK_OP_GET_DATA);
    sup_str(&b, "/a");
    sup_byte(&b, 9);
    sup_raw(&b, "trailing", 8);
    assert_int_equal(pk_request_decode(b.p, b.len, &req, &ok), PK_OK);
    assert_true(ok && req.watch && sup_is(req.path, "/a"));
    sup_buf_free(&b);
}

static void random_bytes(void **state)
{
    (void)state;
    struct sup_rng rng = {99};
    uint8_t bytes[96];
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t len = sup_below(&rng, sizeof bytes);
        for (uint32_t i = 0; i < len; i++)
            bytes[i] = sup_below(&rng, 3) > 0 ? (uint8_t)sup_below(&rng, 4) : (uint8_t)sup_rand(&rng);
        struct sup_buf b = {bytes, len, len};
        walk_multi(&b);
        walk_watches(&b, 3 + 2 * (round & 1));
        struct pk_request req;
        bool ok;
        if (pk_request_decode(bytes, len, &req, &ok) == PK_OK && ok && req.path.p != NULL)
            assert_true(req.path.p >= bytes && req.path.p + req.path.len <= bytes + len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(multi_shapes), cmocka_unit_test(watches_shapes),
                                       cmocka_unit_test(acl_forms), cmocka_unit_test(bad_bodies),
                                       cmocka_unit_test(random_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
