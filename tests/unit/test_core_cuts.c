/*
 * The same bytes in other pieces give the same output: every single cut of either stream, random pieces of
 * both, and output that is taken in parts and late.
 */
#include "tests/sim/steps.h"
#include "tests/sim/wire.h"

#include <stdio.h>

#define M "/storm/workerbeats"

/* Local creates, beats, reads of every kind, misses, deletes, relayed requests between, events, a watch, a multi
 * that promotes. */
static void script(struct sup_buf *b)
{
    int xid = 0;
    wire_connect(b, 0, 10000, 0, 0);
    wire_create(b, ++xid, M "/t", "");
    wire_create_as(b, ++xid, PK_OP_CREATE2, PK_CREATE_PERSISTENT, M "/t/w", "one");
    wire_read(b, ++xid, PK_OP_EXISTS, M "/t/w", false);
    wire_set(b, ++xid, M "/t/w", "two", 0);
    wire_read(b, ++xid, PK_OP_GET_DATA, "/storm", false);
    wire_set(b, ++xid, M "/t/w", "three", 0);
    wire_ping(b);
    wire_read(b, ++xid, PK_OP_GET_DATA, M "/t/w", false);
    wire_read(b, ++xid, PK_OP_GET_DATA, M "/t/none", false);
    wire_create(b, ++xid, "/storm/x", "x");
    wire_read(b, ++xid, PK_OP_GET_CHILDREN2, M, false);
    wire_read(b, ++xid, PK_OP_EXISTS, "/storm/x", true);
    wire_set(b, ++xid, "/storm/x", "y", -1);
    wire_auth(b, PK_XID_AUTH);
    wire_path(b, ++xid, PK_OP_SYNC, M "/t");
    wire_create(b, ++xid, M "/t/v", NULL);
    wire_read(b, ++xid, PK_OP_GET_DATA, M "/t/v", false);
    wire_delete(b, ++xid, M "/t/v", -1);
    wire_read(b, ++xid, PK_OP_GET_CHILDREN2, M "/t", false);
    wire_path(b, ++xid, PK_OP_GET_ACL, M "/t/w");
    size_t mark = wire_multi(b, ++xid, PK_OP_MULTI);
    wire_multi_check(b, M "/t/w", 2);
    wire_multi_end(b, mark);
    wire_read(b, ++xid, PK_OP_GET_DATA, M "/t/w", false);
    wire_read(b, ++xid, PK_OP_GET_CHILDREN, M, false);
    wire_read(b, ++xid, PK_OP_GET_DATA, "/zookeeper/config", false);
    wire_path(b, ++xid, PK_OP_GET_ALL_CHILDREN_NUMBER, "/storm");
    wire_op(b, ++xid, PK_OP_CLOSE_SESSION);
}

struct shape {
    int cut_side;
    uint64_t cut_at;
    uint32_t chunk;
    enum sim_taking taking;
    uint64_t seed;
};

/* Runs the script in that shape; *out is everything that the client received. */
static void run(const struct sup_buf *bytes, const struct shape *shape, struct sup_buf *out)
{
    static struct sim s;
    sim_init(&s, NULL);
    s.cut_side = shape->cut_side;
    s.cut_at = shape->cut_at;
    s.chunk = shape->chunk;
    s.rng.s = shape->seed;
    int c = sim_open(&s);
    s.conns[c].client.taking = s.conns[c].uplink.taking = shape->taking;
    sim_send(&s, c, bytes);
    sim_pump(&s);
    sim_expect_closed(&s, c, PK_CLOSE_SESSION_CLOSED);
    sup_buf_reset(out);
    sup_raw(out, s.conns[c].got.p, s.conns[c].got.len);
    sim_free(&s);
}

/* The answers in the order that no server promises are told apart by their header: events and pings. */
static size_t frame_len(const uint8_t *p)
{
    return PK_LEN_WORD + (size_t)sup_be32(p);
}

static bool floating(const uint8_t *p)
{
    return (int)sup_be32(p + PK_LEN_WORD) == PK_XID_PING;
}

/* Moves pings to the end. */
static void pings_last(struct sup_buf *b)
{
    struct sup_buf fixed = {0}, moved = {0};
    size_t at = WIRE_CONNECT_REPLY;
    sup_raw(&fixed, b->p, at);
    for (; at < b->len; at += frame_len(b->p + at))
        sup_raw(floating(b->p + at) ? &moved : &fixed, b->p + at, frame_len(b->p + at));
    assert_int_equal(at, b->len);
    sup_buf_reset(b);
    sup_raw(b, fixed.p, fixed.len);
    sup_raw(b, moved.p, moved.len);
    sup_buf_free(&fixed);
    sup_buf_free(&moved);
}

static void compare(const struct sup_buf *want, struct sup_buf *got, const struct shape *shape)
{
    pings_last(got);
    size_t at = 0;
    while (at < want->len && at < got->len && want->p[at] == got->p[at])
        at++;
    if (at < want->len || want->len != got->len)
        fail_msg(
            "side %d cut at %llu, chunk %u, taking %d, seed %llu: %zu bytes instead of %zu, different at %zu",
            shape->cut_side, (unsigned long long)shape->cut_at, shape->chunk, (int)shape->taking,
            (unsigned long long)shape->seed, got->len, want->len, at);
}

static struct sup_buf bytes, want;

static int setup(void **state)
{
    (void)state;
    script(&bytes);
    run(&bytes, &(struct shape){0}, &want);
    pings_last(&want);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sup_buf_free(&bytes);
    sup_buf_free(&want);
    return 0;
}

static void every_cut(void **state)
{
    (void)state;
    struct sup_buf got = {0};
    for (int side = 1; side <= 2; side++) {
        size_t end = side == 1 ? bytes.len : want.len + 200;
        for (uint64_t at = 1; at < end; at++) {
            struct shape shape = {.cut_side = side, .cut_at = at};
            run(&bytes, &shape, &got);
            compare(&want, &got, &shape);
        }
    }
    sup_buf_free(&got);
}

static void random_pieces(void **state)
{
    (void)state;
    static const uint32_t chunks[] = {1, 2, 3, 7, 20, 100};
    struct sup_buf got = {0};
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct shape shape = {
            .chunk = chunks[seed % 6], .seed = seed, .taking = seed % 2 ? SIM_PARTS : SIM_WHOLE};
        run(&bytes, &shape, &got);
        compare(&want, &got, &shape);
    }
    sup_buf_free(&got);
}

static void taken_in_parts(void **state)
{
    (void)state;
    struct sup_buf got = {0};
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct shape shape = {.taking = SIM_PARTS, .seed = seed};
        run(&bytes, &shape, &got);
        compare(&want, &got, &shape);
    }
    sup_buf_free(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cut), cmocka_unit_test(random_pieces),
                                       cmocka_unit_test(taken_in_parts)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
