/* Frames of our own sessions: however a stream is cut, the same frames; lengths that no answer has are refused. */
#include <stdlib.h>

#include "io/instances/framing.h"
#include "tests/lib/support.h"

static enum pk_framing_part take(struct pk_framing *frame, const void *bytes, size_t n, size_t *left)
{
    const uint8_t *p = bytes;
    *left = n;
    return pk_framing_take(frame, &p, left);
}

static void any_cut_gives_the_same(void **state)
{
    static const uint8_t stream[] = {0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 0, 1, 'd'};
    (void)state;
    for (size_t step = 1; step <= sizeof stream; step++) {
        struct pk_framing frame = {0};
        char found[16] = "";
        for (size_t at = 0; at < sizeof stream; at += step) {
            const uint8_t *p = stream + at;
            size_t n = at + step > sizeof stream ? sizeof stream - at : step;
            while (n > 0 && pk_framing_take(&frame, &p, &n) == PK_FRAMING_WHOLE) {
                strncat(found, frame.len > 0 ? (const char *)frame.bytes : "", frame.len);
                strcat(found, ";");
                pk_framing_clear(&frame);
            }
        }
        assert_string_equal(found, "abc;;d;");
        assert_int_equal(frame.nword, 0);
    }
}

static void lengths_that_no_answer_has(void **state)
{
    static const uint8_t bad[][4] = {
        {0xff, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, {0x7f, 0xff, 0xff, 0xff}, {0, 0x40, 0, 1}};
    size_t left;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pk_framing frame = {0};
        assert_int_equal(take(&frame, bad[i], 4, &left), PK_FRAMING_BAD);
        pk_framing_clear(&frame);
    }
}

static void a_promise_takes_no_memory(void **state)
{
    static const uint8_t word[] = {0, 0x40, 0, 0}, some[5000];
    struct pk_framing frame = {0};
    size_t left;
    (void)state;
    assert_int_equal(take(&frame, word, 4, &left), PK_FRAMING_MORE);
    assert_in_range(frame.room, 0, 1024);
    assert_int_equal(take(&frame, some, sizeof some, &left), PK_FRAMING_MORE);
    assert_int_equal(left, 0);
    assert_in_range(frame.room, 5000, 10000);
    pk_framing_clear(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(lengths_that_no_answer_has),
        cmocka_unit_test(a_promise_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
