/*
 * Pacemaker's messages: the bytes that Storm's own code makes and reads.
 */
#include "proto/pulse.h"
#include "tests/lib/support.h"

/* Captured from Storm 2.8.3: SEND_PULSE, the reply to GET_PULSE of a missing one, a reply without data, a control
 * message. */
static const uint8_t send_pulse[] = {0, 0, 0,  0x29, 8,    0, 1, 0, 0, 0,    4,    12, 0, 2, 12,
                                     0, 2, 11, 0,    1,    0, 0, 0, 2, 0x2f, 0x70, 11, 0, 2, 0,
                                     0, 0, 2,  0x41, 0x42, 0, 0, 8, 0, 3,    0,    0,  0, 0, 0};
static const uint8_t missing_pulse[] = {0, 0, 0, 0x20, 8, 0, 1,    0,    0, 0, 11, 12, 0, 2, 12, 0, 2, 11,
                                        0, 1, 0, 0,    0, 2, 0x2f, 0x70, 0, 0, 8,  0,  3, 0, 0,  0, 1, 0};
static const uint8_t sent[] = {0, 0, 0, 0x0f, 8, 0, 1, 0, 0, 0, 5, 8, 0, 3, 0, 0, 0, 0, 0};
static const uint8_t two_nodes[] = {0, 0,  0,   0x2a, 8,  0, 1, 0, 0, 0, 9, 12, 0, 2,   12, 0,
                                    5, 15, 0,   1,    11, 0, 0, 0, 2, 0, 0, 0,  1, 'a', 0,  0,
                                    0, 2,  'b', 'c',  0,  0, 8, 0, 3, 0, 0, 0,  7, 0};
static const uint8_t asks_for_token[] = {8, 0, 1, 0, 0, 0, 16,   12,   0, 2, 11,
                                         0, 7, 0, 0, 0, 2, 0xff, 0x36, 0, 0};

static void same_bytes(const uint8_t *frame, const uint8_t *end, const uint8_t *golden, size_t len)
{
    assert_int_equal(end - frame, len);
    assert_memory_equal(frame, golden, len);
}

static void a_pulse_is_put_as_storm_puts_it(void **state)
{
    uint8_t frame[sizeof send_pulse + 8];
    (void)state;
    same_bytes(frame, pk_pulse_put_send(frame, 0, PK_BYTES("/p"), PK_BYTES("AB")), send_pulse,
               sizeof send_pulse);
    assert_true(sizeof send_pulse - 4 <= PK_PULSE_ROOM);
}

static void replies_are_put_as_storm_puts_them(void **state)
{
    uint8_t frame[64];
    (void)state;
    same_bytes(frame, pk_pulse_put_reply(frame, 5, 0), sent, sizeof sent);
    assert_int_equal(sizeof sent, PK_PULSE_REPLY_LEN);
    assert_int_equal(sizeof missing_pulse, PK_PULSE_MISSING_LEN + 2);
    assert_int_equal(sizeof two_nodes, PK_PULSE_LISTED_LEN + 11 + PK_PULSE_TAIL_LEN);
    assert_int_equal(pk_pulse_put_exists(frame, 0, true) - frame, PK_PULSE_EXISTS_LEN);
    assert_int_equal(pk_pulse_put_got(frame, PK_BYTES("/p"), 3) - frame, PK_PULSE_GOT_LEN + 2);
    same_bytes(frame, pk_pulse_put_missing(frame, 1, PK_BYTES("/p")), missing_pulse, sizeof missing_pulse);
    uint8_t *p = pk_pulse_put_listed(frame, 2, 11);
    p = pk_put_bytes(pk_put_bytes(p, PK_BYTES("a")), PK_BYTES("bc"));
    same_bytes(frame, pk_pulse_put_tail(p, 7), two_nodes, sizeof two_nodes);
}

/* As captured from Storm: a control message, and a token of two bytes. */
static void logins_are_put_as_storm_puts_them(void **state)
{
    static const uint8_t token[] = {0, 0, 0, 0x1b, 8, 0,    1,    0, 0, 0, 17, 12,  0,   2, 11, 0,
                                    7, 0, 0, 0,    8, 0xfe, 0x0c, 0, 0, 0, 2,  'h', 'i', 0, 0};
    uint8_t frame[64];
    struct pk_pulse m;
    struct pk_bytes read;
    int16_t code = 0;
    (void)state;
    uint8_t *end = pk_pulse_put_control(frame, PK_PULSE_TOKEN_REQUEST);
    assert_int_equal(end - frame, PK_PULSE_CONTROL_LEN);
    same_bytes(frame + 4, end, asks_for_token, sizeof asks_for_token);
    assert_int_equal(pk_pulse_decode(frame + 4, PK_PULSE_CONTROL_LEN - 4, &m), PK_OK);
    assert_true(pk_pulse_get_control(&m, &code) && code == PK_PULSE_TOKEN_REQUEST);
    assert_false(pk_pulse_get_token(&m, &read));
    same_bytes(frame, pk_pulse_put_token(frame, PK_BYTES("hi")), token, sizeof token);
    assert_int_equal(sizeof token, PK_PULSE_TOKEN_LEN + 2);
    assert_int_equal(pk_pulse_decode(token + 4, sizeof token - 4, &m), PK_OK);
    assert_true(pk_pulse_get_token(&m, &read) && pk_bytes_eq(read, PK_BYTES("hi")));
    assert_false(pk_pulse_get_control(&m, &code));
    for (size_t n = 0; n < sizeof token - 4; n++)
        assert_int_equal(pk_pulse_decode(token + 4, n, &m), PK_EMALFORMED);
    assert_int_equal(pk_pulse_put_token(frame, (struct pk_bytes){NULL, 0}) - frame, PK_PULSE_TOKEN_LEN);
}

static void what_was_put_is_read(void **state)
{
    uint8_t frame[PK_PULSE_ROOM + 16];
    struct pk_pulse m;
    (void)state;
    uint8_t *end = pk_pulse_put_path(frame, PK_PULSE_GET, 77, PK_BYTES("/a/b"));
    assert_int_equal(pk_load32(frame), end - frame - 4);
    assert_int_equal(pk_pulse_decode(frame + 4, (size_t)(end - frame) - 4, &m), PK_OK);
    assert_int_equal(m.type, PK_PULSE_GET);
    assert_int_equal(m.id, 77);
    assert_int_equal(m.data, PK_PULSE_PATH);
    assert_true(pk_bytes_eq(m.path, PK_BYTES("/a/b")));
    end = pk_pulse_put_exists(frame, -5, true);
    assert_int_equal(pk_pulse_decode(frame + 4, (size_t)(end - frame) - 4, &m), PK_OK);
    assert_true(m.data == PK_PULSE_BOOL && m.boolval && m.id == -5);
    assert_int_equal(m.type, pk_pulse_answer(PK_PULSE_EXISTS));
    uint8_t *p = pk_pulse_put_got(frame, PK_BYTES("/a"), 3);
    memcpy(p, "xyz", 3);
    end = pk_pulse_put_tail(p + 3, 9);
    assert_int_equal(pk_load32(frame), end - frame - 4);
    assert_int_equal(pk_pulse_decode(frame + 4, (size_t)(end - frame) - 4, &m), PK_OK);
    assert_true(pk_bytes_eq(m.path, PK_BYTES("/a")) && pk_bytes_eq(m.details, PK_BYTES("xyz")) && m.id == 9);
}

static void what_storm_sends_is_read(void **state)
{
    struct pk_pulse m;
    (void)state;
    assert_int_equal(pk_pulse_decode(send_pulse + 4, sizeof send_pulse - 4, &m), PK_OK);
    assert_true(pk_bytes_eq(m.path, PK_BYTES("/p")) && pk_bytes_eq(m.details, PK_BYTES("AB")));
    assert_true(m.id == 0 && m.type == PK_PULSE_SEND && pk_pulse_complete(&m));
    assert_int_equal(pk_pulse_decode(missing_pulse + 4, sizeof missing_pulse - 4, &m), PK_OK);
    assert_true(m.path.len == 2 && m.details.p == NULL && m.id == 1);
    assert_int_equal(pk_pulse_decode(two_nodes + 4, sizeof two_nodes - 4, &m), PK_OK);
    assert_int_equal(m.nnodes, 2);
    assert_true(pk_bytes_eq(pk_get_bytes(&m.nodes), PK_BYTES("a")));
    assert_true(pk_bytes_eq(pk_get_bytes(&m.nodes), PK_BYTES("bc")));
    assert_int_equal(pk_pulse_decode(asks_for_token, sizeof asks_for_token, &m), PK_OK);
    assert_true(m.type == PK_PULSE_CONTROL && m.data == PK_PULSE_BLOB && m.details.len == 2 && m.id == -1);
}

/* What Storm's own client (tests/storm/java/Pulser.java) sends, the same bytes from 1.2.4 and 2.8.3: a pulse, a
 * question for it, and one for the names beside it. */
static void clients_of_both_lines(void **state)
{
    static const uint8_t sends[] = {0,   0,   0,   62, 8,   0,  1,   0,   0,  0,   4,   12,  0,   2,
                                    12,  0,   2,   11, 0,   1,  0,   0,   0,  21,  47,  119, 111, 114,
                                    107, 101, 114, 98, 101, 97, 116, 115, 47, 112, 117, 108, 115, 101,
                                    114, 47,  110, 11, 0,   2,  0,   0,   0,  4,   98,  101, 97,  116,
                                    0,   0,   8,   0,  3,   0,  0,   0,   0,  0};
    static const uint8_t gets[] = {0,   0,   0,   47,  8,  0,   1,   0,  0,   0,   10,  12,  0,
                                   2,   11,  0,   1,   0,  0,   0,   21, 47,  119, 111, 114, 107,
                                   101, 114, 98,  101, 97, 116, 115, 47, 112, 117, 108, 115, 101,
                                   114, 47,  110, 0,   8,  0,   3,   0,  0,   0,   1,   0};
    static const uint8_t lists[] = {0,   0,   0,  45,  8,  0,   1,   0,  0,   0,   8,   12,  0,
                                    2,   11,  0,  1,   0,  0,   0,   19, 47,  119, 111, 114, 107,
                                    101, 114, 98, 101, 97, 116, 115, 47, 112, 117, 108, 115, 101,
                                    114, 0,   8,  0,   3,  0,   0,   0,  2,   0};
    const struct pk_bytes leaf = PK_BYTES("/workerbeats/pulser/n"), parent = PK_BYTES("/workerbeats/pulser");
    uint8_t frame[sizeof sends + PK_PULSE_ROOM];
    struct pk_pulse m;
    (void)state;
    same_bytes(frame, pk_pulse_put_send(frame, 0, leaf, PK_BYTES("beat")), sends, sizeof sends);
    same_bytes(frame, pk_pulse_put_path(frame, PK_PULSE_GET, 1, leaf), gets, sizeof gets);
    same_bytes(frame, pk_pulse_put_path(frame, PK_PULSE_LIST, 2, parent), lists, sizeof lists);
    assert_int_equal(pk_pulse_decode(sends + 4, sizeof sends - 4, &m), PK_OK);
    assert_true(m.type == PK_PULSE_SEND && m.id == 0 && pk_pulse_complete(&m));
    assert_true(pk_bytes_eq(m.path, leaf) && pk_bytes_eq(m.details, PK_BYTES("beat")));
    assert_int_equal(pk_pulse_decode(gets + 4, sizeof gets - 4, &m), PK_OK);
    assert_true(m.type == PK_PULSE_GET && m.id == 1 && pk_pulse_complete(&m) && pk_bytes_eq(m.path, leaf));
    assert_int_equal(pk_pulse_decode(lists + 4, sizeof lists - 4, &m), PK_OK);
    assert_true(m.type == PK_PULSE_LIST && m.id == 2 && pk_pulse_complete(&m) && pk_bytes_eq(m.path, parent));
}

/* Each cut of a message is none; each with one byte changed is read without harm; what follows one is ignored. */
static void a_broken_message_is_none(void **state)
{
    struct pk_pulse m;
    uint8_t bytes[sizeof two_nodes];
    size_t len = sizeof two_nodes - 4;
    (void)state;
    for (size_t n = 0; n < len; n++)
        assert_int_equal(pk_pulse_decode(two_nodes + 4, n, &m), PK_EMALFORMED);
    for (size_t n = 0; n < sizeof send_pulse - 4; n++)
        assert_int_equal(pk_pulse_decode(send_pulse + 4, n, &m), PK_EMALFORMED);
    for (size_t i = 0; i < len; i++) {
        memcpy(bytes, two_nodes + 4, len);
        for (int v = 0; v < 256; v++) {
            bytes[i] = (uint8_t)v;
            (void)!pk_pulse_decode(bytes, len, &m);
        }
    }
    memcpy(bytes, sent + 4, sizeof sent - 4);
    bytes[sizeof sent - 4] = 77;
    assert_int_equal(pk_pulse_decode(bytes, sizeof sent - 3, &m), PK_OK);
}

static enum pk_err decode(const char *bytes, size_t len, struct pk_pulse *m)
{
    return pk_pulse_decode((const uint8_t *)bytes, len, m);
}
#define DECODE(literal) decode(literal, sizeof(literal) - 1, &m)

/* What ends Storm's own daemon: no type, an unknown one, no data or other data than the type has. */
static void a_request_without_its_data_is_not_complete(void **state)
{
    struct pk_pulse m;
    (void)state;
    assert_int_equal(DECODE(""), PK_EMALFORMED);
    assert_int_equal(DECODE("\0"), PK_EMALFORMED);
    assert_int_equal(DECODE("\10\0\1\0\0\0\23\0"), PK_EMALFORMED);
    assert_int_equal(DECODE("\10\0\1\377\377\377\377\0"), PK_EMALFORMED);
    assert_int_equal(DECODE("\10\0\1\0\0\0\12\0"), PK_OK);
    assert_false(pk_pulse_complete(&m));
    assert_int_equal(DECODE("\10\0\1\0\0\0\4\14\0\2\13\0\1\0\0\0\2/p\0\0"),
                     PK_OK); /* SEND_PULSE with a path */
    assert_false(pk_pulse_complete(&m));
    assert_int_equal(DECODE("\10\0\1\0\0\0\4\14\0\2\14\0\2\13\0\1\0\0\0\2/p\0\0\0"), PK_OK); /* no details */
    assert_false(pk_pulse_complete(&m));
    assert_int_equal(DECODE("\10\0\1\0\0\0\12\14\0\2\14\0\2\13\0\1\0\0\0\2/p\0\0\0"),
                     PK_OK); /* GET_PULSE: a pulse */
    assert_false(pk_pulse_complete(&m));
    assert_int_equal(DECODE("\10\0\1\0\0\0\4\14\0\2\14\0\2\13\0\2\0\0\0\2/p\0\0\0"),
                     PK_EMALFORMED);                      /* no id */
    assert_int_equal(DECODE("\10\0\1\0\0\0\5\0"), PK_OK); /* a reply as a request: Storm says nothing */
    assert_true(pk_pulse_complete(&m));
}

/* Fields of later versions, of every type, are passed over. */
static void unknown_fields_are_passed_over(void **state)
{
    struct pk_pulse m;
    (void)state;
    assert_int_equal(DECODE("\2\0\11\1"                               /* bool */
                            "\3\0\11\1"                               /* byte */
                            "\4\0\11\0\0\0\0\0\0\0\0"                 /* double */
                            "\6\0\11\0\1"                             /* i16 */
                            "\12\0\11\0\0\0\0\0\0\0\1"                /* i64 */
                            "\13\0\11\0\0\0\1x"                       /* string */
                            "\14\0\11\10\0\1\0\0\0\1\0"               /* struct */
                            "\15\0\11\13\10\0\0\0\1\0\0\0\1k\0\0\0\1" /* map */
                            "\17\0\11\10\0\0\0\2\0\0\0\1\0\0\0\2"     /* list */
                            "\16\0\11\2\0\0\0\1\1"                    /* set */
                            "\13\0\1\0\0\0\1x"                        /* type, of another type */
                            "\10\1\1\0\0\0\1"                         /* another field with a 1 */
                            "\10\0\1\0\0\0\7\0"),
                     PK_OK);
    assert_int_equal(m.type, 7);
    assert_int_equal(DECODE("\17\0\11\0\177\377\377\377\10\0\1\0\0\0\7\0"),
                     PK_EMALFORMED); /* of nothing, many */
    assert_int_equal(DECODE("\17\0\11\10\377\377\377\377\10\0\1\0\0\0\7\0"), PK_EMALFORMED);
    assert_int_equal(DECODE("\13\0\11\377\377\377\377\10\0\1\0\0\0\7\0"), PK_EMALFORMED);
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
    assert_int_equal(pk_pulse_decode(deep, sizeof deep, &m), PK_EMALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pulse_is_put_as_storm_puts_it),
        cmocka_unit_test(replies_are_put_as_storm_puts_them),
        cmocka_unit_test(logins_are_put_as_storm_puts_them),
        cmocka_unit_test(what_was_put_is_read),
        cmocka_unit_test(what_storm_sends_is_read),
        cmocka_unit_test(clients_of_both_lines),
        cmocka_unit_test(a_broken_message_is_none),
        cmocka_unit_test(a_request_without_its_data_is_not_complete),
        cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(structs_nested_too_deep_are_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
