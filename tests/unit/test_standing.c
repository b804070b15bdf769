/* The standing watches of several clients against plain arrays, what they take in memory, and when that is short. */
#include "core/store/standing.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/records.h"
#include "tests/lib/support.h"

enum { PATHS = 300, CLIENTS = 3, STEPS = 60000 };

static struct sup_mem mem;
static struct pk_paths paths;
static struct pk_standing *clients[CLIENTS];
static uint8_t expected[CLIENTS][PATHS];
static struct sup_rng rng;

static int setup(void **state)
{
    (void)state;
    sup_mem_init(&mem);
    pk_paths_init(&paths, &mem.mem, 7);
    memset(expected, 0, sizeof expected);
    rng = (struct sup_rng){1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < CLIENTS; i++)
        pk_standing_end(&paths, &clients[i]);
    pk_paths_drop(&paths);
    assert_int_equal(mem.blocks, 0);
    return 0;
}

static struct pk_bytes path_of(uint32_t i)
{
    static char text[64];
    int n = snprintf(text, sizeof text, "/some/where/%u", i * 7919);
    return (struct pk_bytes){(const uint8_t *)text, (uint32_t)n};
}

static void expect_add(uint8_t *at, uint8_t kinds)
{
    if (kinds & (PK_STAND_DATA | PK_STAND_EXIST))
        *at &= (uint8_t) ~(PK_STAND_DATA | PK_STAND_EXIST);
    *at |= kinds;
}

static void expect_answered(uint8_t *at, uint8_t kind)
{
    if ((*at & kind << PK_STAND_ASKED) == 0)
        return;
    *at &= (uint8_t) ~(kind << PK_STAND_ASKED);
    expect_add(at, kind);
}

static void one_step(void)
{
    static const uint8_t once[] = {PK_STAND_DATA, PK_STAND_EXIST, PK_STAND_CHILD};
    uint32_t who = sup_below(&rng, CLIENTS), i = sup_below(&rng, PATHS);
    uint8_t kind = once[sup_below(&rng, 3)], *at = &expected[who][i];
    int32_t event = 1 + (int32_t)sup_below(&rng, 4);
    struct pk_bytes path = path_of(i);
    uint32_t step = sup_below(&rng, 6);
    switch (step) {
    case 0:
    case 1:
        kind = step == 0 ? PK_STAND_LASTING : kind;
        assert_int_equal(pk_standing_add(&paths, &clients[who], path, kind), PK_OK);
        expect_add(at, kind);
        break;
    case 2:
        kind = (uint8_t)(kind << PK_STAND_ASKED);
        assert_int_equal(pk_standing_add(&paths, &clients[who], path, kind), PK_OK);
        expect_add(at, kind);
        break;
    case 3:
        pk_standing_answered(&paths, clients[who], path, kind);
        expect_answered(at, kind);
        break;
    case 4:
        pk_standing_take(&paths, &clients[who], path, pk_standing_of_event(event));
        *at &= (uint8_t)~pk_standing_of_event(event);
        break;
    default:
        pk_standing_take(&paths, &clients[who], path, UINT8_MAX);
        *at = 0;
        break;
    }
    assert_int_equal(pk_standing_at(&paths, clients[who], path), *at);
}

static void compare(void)
{
    for (uint32_t who = 0; who < CLIENTS; who++) {
        uint32_t at = 0, n = 0, lasting = 0;
        struct pk_bytes path;
        uint8_t kinds;
        while (pk_standing_next(clients[who], &at, &path, &kinds))
            n += kinds != 0;
        for (uint32_t i = 0; i < PATHS; i++) {
            assert_int_equal(pk_standing_at(&paths, clients[who], path_of(i)), expected[who][i]);
            n -= expected[who][i] != 0;
            lasting += (expected[who][i] & PK_STAND_LASTING) != 0;
        }
        assert_int_equal(n, 0);
        assert_int_equal(clients[who] != NULL ? clients[who]->lasting : 0, lasting);
    }
}

static void random_operations(void **state)
{
    (void)state;
    for (int step = 0; step < STEPS; step++) {
        one_step();
        if (step % 500 == 0)
            compare();
    }
    compare();
}

static void nobody_watches_nothing(void **state)
{
    (void)state;
    size_t before = mem.bytes;
    struct pk_bytes path = path_of(1);
    assert_int_equal(pk_standing_add(&paths, &clients[0], path, PK_STAND_DATA), PK_OK);
    assert_int_equal(pk_standing_add(&paths, &clients[1], path, PK_STAND_CHILD), PK_OK);
    assert_int_equal(paths.slots.n, 1);
    pk_standing_take(&paths, &clients[0], path, PK_STAND_ONCE);
    assert_null(clients[0]);
    pk_standing_end(&paths, &clients[1]);
    assert_int_equal(mem.bytes, before);
}

/* Once the end of a client that watched 60,000 paths took 25 ms of everybody's time. */
static void many_paths_go_piece_by_piece(void **state)
{
    enum { MANY = 20000 };
    (void)state;
    size_t before = mem.bytes;
    int pieces = 0;
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(pk_standing_add(&paths, &clients[0], path_of(i), PK_STAND_DATA), PK_OK);
    assert_int_equal(pk_standing_add(&paths, &clients[1], path_of(MANY - 1), PK_STAND_CHILD), PK_OK);
    pk_standing_end(&paths, &clients[0]);
    assert_null(clients[0]);
    assert_in_range(paths.slots.n, MANY - 1000, MANY - 1);
    for (; pk_paths_ended(&paths); pieces++)
        assert_in_range(pk_paths_sweep(&paths), 1, 1000);
    assert_in_range(pieces, MANY / 1000, MANY);
    assert_int_equal(paths.slots.n, 1);
    pk_standing_end(&paths, &clients[1]);
    assert_int_equal(mem.bytes, before);
}

static void forty_bytes_beyond_the_path(void **state)
{
    enum { MANY = 3000 };
    (void)state;
    size_t lengths = 0, before = mem.bytes;
    for (uint32_t i = 0; i < MANY; i++) {
        struct pk_bytes path = path_of(i);
        lengths += path.len;
        assert_int_equal(pk_standing_add(&paths, &clients[0], path, PK_STAND_DATA), PK_OK);
        if (i > 100)
            assert_true(mem.bytes - before <= lengths + 40 * (i + 1));
    }
    size_t one = mem.bytes;
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(pk_standing_add(&paths, &clients[1], path_of(i), PK_STAND_CHILD), PK_OK);
    assert_true(mem.bytes - one <= 17 * MANY); /* paths are shared */
    assert_true(clients[0]->bytes >= one - before);
}

static void short_of_memory(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t nth = 1 + i % 4;
        sup_mem_fail(&mem, nth);
        enum pk_err err = pk_standing_add(&paths, &clients[0], path_of(i), PK_STAND_EXIST);
        sup_mem_fail(&mem, 0);
        assert_int_equal(pk_standing_at(&paths, clients[0], path_of(i)), err == PK_OK ? PK_STAND_EXIST : 0);
        expected[0][i] = err == PK_OK ? PK_STAND_EXIST : 0;
    }
    compare();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {CASE(random_operations), CASE(nobody_watches_nothing),
                                       CASE(many_paths_go_piece_by_piece), CASE(forty_bytes_beyond_the_path),
                                       CASE(short_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
