/*
 * Pacemaker's messages: the bytes that Storm's own code makes and reads.
 */
#include "tests/lib/support.h"
#include "tools/bench/pulse_wire.h"

static const uint8_t send_pulse[] = {0, 0, 0,  0x29, 8,    0, 1, 0, 0, 0,    4,    12, 0, 2, 12,
                                     0, 2, 11, 0,    1,    0, 0, 0, 2, 0x2f, 0x70, 11, 0, 2, 0,
                                     0, 0, 2,  0x41, 0x42, 0, 0, 8, 0, 3,    0,    0,  0, 0, 0};
static const uint8_t missing_pulse[] = {8, 0, 1, 0, 0,    0,    11, 12, 0, 2, 12, 0, 2, 11, 0, 1,
                                        0, 0, 0, 2, 0x2f, 0x70, 0,  0,  8, 0, 3,  0, 0, 0,  1, 0};
static const uint8_t sent[] = {8, 0, 1, 0, 0, 0, 5, 8, 0, 3, 0, 0, 0, 0, 0};
static const uint8_t two_nodes[] = {8, 0, 1, 0, 0,   0, 9, 12, 0, 2,   12,  0, 5, 15, 0, 1, 11, 0, 0, 0, 2,
                                    0, 0, 0, 1, 'a', 0, 0, 0,  2, 'b', 'c', 0, 0, 8,  0, 3, 0,  0, 0, 7, 0};

static void a_pulse_is_put_as_storm_puts_it(void **state)
{
    uint8_t frame[sizeof send_pulse + 8];
    uint8_t *end = pk_pulse_put_send(frame, 0, PK_BYTES("/p"), PK_BYTES("AB"));
    (void)state;
    assert_int_equal(end - frame, sizeof send_pulse);
    assert_memory_equal(frame, send_pulse, sizeof send_pulse);
    assert_true(sizeof send_pulse - 4 <= PK_PULSE_ROOM);
}

static void what_was_put_is_read(void **state)
{
    uint8_t frame[PK_PULSE_ROOM + 16];
    struct pk_pulse m;
    (void)state;
    uint8_t *end = pk_pulse_put_path(frame, PK_PULSE_GET, 77, PK_BYTES("/a/b"));
    assert_int_equal(pk_load32(frame), end - frame - 4);
    assert_true(pk_pulse_read(frame + 4, (size_t)(end - frame) - 4, &m));
    assert_int_equal(m.type, PK_PULSE_GET);
    assert_int_equal(m.id, 77);
    assert_true(pk_bytes_eq(m.path, PK_BYTES("/a/b")));
    assert_null(m.data.p);
    assert_true(pk_pulse_read(send_pulse + 4, sizeof send_pulse - 4, &m));
    assert_true(pk_bytes_eq(m.path, PK_BYTES("/p")) && pk_bytes_eq(m.data, PK_BYTES("AB")));
}

static void replies_are_read(void **state)
{
    struct pk_pulse m;
    (void)state;
    assert_true(pk_pulse_read(sent, sizeof sent, &m));
    assert_int_equal(m.type, PK_PULSE_SENT);
    assert_true(pk_pulse_read(missing_pulse, sizeof missing_pulse, &m));
    assert_int_equal(m.type, PK_PULSE_GOT);
    assert_int_equal(pk_pulse_id(missing_pulse, sizeof missing_pulse), 1);
    assert_true(m.path.len == 2 && m.data.p == NULL);
    assert_true(pk_pulse_read(two_nodes, sizeof two_nodes, &m));
    assert_int_equal(m.nnodes, 2);
    assert_true(pk_bytes_eq(pk_get_bytes(&m.nodes), PK_BYTES("a")));
    assert_true(pk_bytes_eq(pk_get_bytes(&m.nodes), PK_BYTES("bc")));
}

/* Each cut of a message, and each with one byte changed, is read without harm; a cut one is none. */
static void a_broken_message_is_none(void **state)
{
    struct pk_pulse m;
    uint8_t bytes[sizeof two_nodes];
    (void)state;
    for (size_t n = 0; n < sizeof two_nodes; n++)
        assert_false(pk_pulse_read(two_nodes, n, &m));
    assert_int_equal(pk_pulse_id(two_nodes, sizeof two_nodes - 1), -1);
    for (size_t i = 0; i < sizeof two_nodes; i++) {
        memcpy(bytes, two_nodes, sizeof bytes);
        for (int v = 0; v < 256; v++) {
            bytes[i] = (uint8_t)v;
            pk_pulse_read(bytes, sizeof bytes, &m);
        }
    }
}

static void structs_nested_too_deep_are_no_message(void **state)
{
    uint8_t deep[3 * 1000];
    struct pk_pulse m;
    (void)state;
    for (size_t i = 0; i < sizeof deep; i += 3) {
        deep[i] = 12;
        deep[i + 1] = 0;
        deep[i + 2] = 9;
    }
    assert_false(pk_pulse_read(deep, sizeof deep, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pulse_is_put_as_storm_puts_it),
        cmocka_unit_test(what_was_put_is_read),
        cmocka_unit_test(replies_are_read),
        cmocka_unit_test(a_broken_message_is_none),
        cmocka_unit_test(structs_nested_too_deep_are_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
