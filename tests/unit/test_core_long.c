/* Requests that are longer than a turn: read in pieces, and judged in turns of their own. */
#include "core/conn/conns.h"
#include "core/inspect.h"
#include "tests/sim/core_fixture.h"

/* Once a driver that had a megabyte of one request read all of it before anybody else. */
static void a_long_request_is_read_in_pieces(void **state)
{
    (void)state;
    enum { PART = 64 * 1024, PARTS = 15 };
    static char data[PART * PARTS - 128];
    int rests = 0, parts = 0;
    memset(data, 'x', sizeof data - 1);
    wire_set(&b, 3, "/storm", data, -1);
    for (size_t off = 0; off < b.len; off += PART) {
        assert_true(s.conns[c].client.reading);
        sim_step(&s, c, PK_CLIENT_BYTES, b.p + off, b.len - off < PART ? b.len - off : PART);
        bool rested = !s.conns[c].client.reading;
        assert_true(rested || ++parts < 4);
        if (!rested)
            continue;
        rests++;
        parts = 0;
        assert_true(core_pending(s.core));
        sim_step(&s, -1, PK_CONTINUE, NULL, 0);
    }
    sup_buf_reset(&b);
    assert_in_range(rests, 4, 5);
    sim_pump(&s);
    sim_expect(&s, c, 3, PK_Z_OK, NULL);
}

/* A frame arrives in two reads, as one that is longer than a read does. */
static void two_reads(int from)
{
    size_t half = b.len / 2;
    sim_step(&s, from, PK_CLIENT_BYTES, b.p, half);
    sim_step(&s, from, PK_CLIENT_BYTES, b.p + half, b.len - half);
    sup_buf_reset(&b);
}

/* Once as many were judged between two looks at who else has sent something as had come to their ends by then. */
static void huge_requests_have_turns_of_their_own(void **state)
{
    (void)state;
    enum { HUGE = 3, OPS = 40000 };
    struct sim_frame f;
    int who[HUGE], turns = 0;
    for (int i = 0; i < HUGE; i++)
        who[i] = sim_connect(&s, 10000);
    for (int i = 0; i < HUGE; i++) {
        size_t mark = wire_multi(&b, 7, PK_OP_MULTI);
        for (int k = 0; k < OPS; k++)
            wire_multi_check(&b, "/storm", -1);
        wire_multi_end(&b, mark);
        uint64_t before = core_worked(s.core);
        two_reads(who[i]);
        assert_true(core_worked(s.core) - before < PK_TURN_WORK);
    }
    for (; core_pending(s.core); turns++) {
        uint64_t before = core_worked(s.core);
        sim_step(&s, -1, PK_CONTINUE, NULL, 0);
        assert_in_range(core_worked(s.core) - before, OPS, 25 * OPS); /* two take 36 */
    }
    assert_int_equal(turns, HUGE);
    sim_pump(&s);
    for (int i = 0; i < HUGE; i++) {
        sim_expect(&s, who[i], 7, PK_Z_OK, NULL);
        assert_false(sim_frame(&s, who[i], &f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_long_request_is_read_in_pieces),
        CASE(huge_requests_have_turns_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
