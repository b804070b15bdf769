/*
 * Openings between members: known bytes, whose macs another implementation of HMAC made; any cut gives the same; who
 * has not the secret, or changes a bit of what was said, gets nowhere.
 */
#include "proto/member.h"
#include "tests/lib/support.h"

static uint8_t nonce_s[PK_MEMBER_NONCE], nonce_c[PK_MEMBER_NONCE];

static const struct pk_member_claim link_claim = {.kind = PK_MEMBER_LINK},
                                    relay_claim = {.kind = PK_MEMBER_RELAY,
                                                   .epoch = 0x100000007,
                                                   .silent_us = 1500000,
                                                   .family = PK_PROXY_IPV4,
                                                   .address = {10, 1, 2, 3},
                                                   .port = 43302};

/* Made with Python's hmac module. */
#define HEAD                                                                                                 \
    "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"                                       \
    "\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f"
static const char relay_bytes[] = "\0\1\2" HEAD "\0\0\0\1\0\0\0\7\0\0\0\0\0\x16\xe3\x60\0\x1c\r\n\r\n\0\r\nQU"
                                  "IT\n\x21\x11\0\x0c\x0a\1\2\3\0\0\0\0\xa9\x26\0\0"
                                  "\x5c\x61\x3a\x08\x33\x53\x27\x14\x30\xb8\xa5\x51\xfb\x91\x7c\x58\xd5\x93"
                                  "\x53\xb7\x3b\xee\xa7\xde\x1f\x38\xf2\xd1\x4d\x1f\xd9\x9d",
                  link_bytes[] = "\0\1\1" HEAD "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                 "\x44\x7a\x8a\xd3\xae\xff\x79\xaa\xec\x7d\x5d\x90\xc2\x16\x5f\x0a\x9e\xf9"
                                 "\x24\x01\x2d\x02\x66\xf4\xad\x49\xe8\xe0\x3e\xde\xd8\x52",
                  taken_bytes[] = "\x01\x4d\xfd\x4b\xeb\x3c\x83\x02\xfb\x83\xc5\x65\xa6\x83\xb5\x31\xdf\xd9"
                                  "\x74\xf5\xd5\x78\x76\xa5\x53\xaa\x0d\xee\x0d\x30\x55\xc8\x6e",
                  refused_bytes[] = "\x00\x7f\xe4\xb7\x06\xdf\x81\x33\x7d\x31\xc9\x23\xe1\x06\x05\x57\x5b\xed"
                                    "\x6c\x6b\xa1\x69\xf6\xeb\xc5\xe7\x3d\x70\x7f\x2a\x4a\x33\x63";

static struct pk_bytes secret(void)
{
    return sup_bytes("0123456789abcdef0123456789");
}

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < PK_MEMBER_NONCE; i++) {
        nonce_s[i] = (uint8_t)i;
        nonce_c[i] = (uint8_t)(0x80 + i);
    }
    return 0;
}

static void same_bytes(struct pk_bytes got, const char *wanted, size_t len)
{
    assert_int_equal(got.len, len);
    assert_memory_equal(got.p, wanted, len);
}

/* Gives a message in pieces of so many bytes, with three more behind it, to one of the takers below. */
typedef enum pk_member_part taker(const uint8_t **p, size_t *n);

static struct pk_member_opening server, client;
static struct pk_member_claim claimed;
static struct pk_bytes key;

static enum pk_member_part greeting(const uint8_t **p, size_t *n)
{
    return pk_member_take_greeting(&client, p, n);
}

static enum pk_member_part claim(const uint8_t **p, size_t *n)
{
    return pk_member_take_claim(&server, key, p, n, &claimed);
}

static enum pk_member_part answer(const uint8_t **p, size_t *n)
{
    return pk_member_take_answer(&client, key, p, n);
}

static enum pk_member_part in_pieces(taker *take, struct pk_bytes message, size_t piece)
{
    uint8_t bytes[300] = {0};
    size_t at = 0, all = message.len + 3;
    enum pk_member_part part = PK_MEMBER_MORE;
    memcpy(bytes, message.p, message.len);
    while (part == PK_MEMBER_MORE && at < all) {
        size_t n = at + piece > all ? all - at : piece, left = n;
        uint8_t *fenced = sup_fence(bytes + at, n);
        const uint8_t *p = fenced;
        if (take == claim)
            assert_in_range(pk_member_wanted(&server), 1, message.len - at);
        part = take(&p, &left);
        assert_int_equal(p - fenced, n - left);
        at += n - left;
        sup_unfence(fenced, n);
    }
    if (part == PK_MEMBER_WHOLE)
        assert_int_equal(at, message.len); /* not a byte of what follows */
    return part;
}

/* Both ends, in pieces: what the client learns. */
static enum pk_member_part opened(const struct pk_member_claim *wanted, bool taken, size_t piece)
{
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    key = secret();
    assert_int_equal(in_pieces(greeting, pk_member_greet(&server, nonce_s), piece), PK_MEMBER_WHOLE);
    assert_int_equal(in_pieces(claim, pk_member_claim(&client, key, nonce_c, wanted), piece),
                     PK_MEMBER_WHOLE);
    assert_int_equal(claimed.kind, wanted->kind);
    assert_int_equal(claimed.epoch, wanted->epoch);
    assert_int_equal(claimed.silent_us, wanted->silent_us);
    assert_int_equal(claimed.family, wanted->family);
    assert_int_equal(claimed.port, wanted->port);
    assert_memory_equal(claimed.address, wanted->address, sizeof claimed.address);
    return in_pieces(answer, pk_member_answer(&server, key, taken), piece);
}

static void any_cut_opens(void **state)
{
    static const struct pk_member_claim v6 = {.kind = PK_MEMBER_RELAY,
                                              .epoch = INT64_MAX,
                                              .family = PK_PROXY_IPV6,
                                              .address = {0x20, 1, 0xd, 0xb8, [15] = 7},
                                              .port = 1},
                                        nobody = {.kind = PK_MEMBER_RELAY, .epoch = -1},
                                        own = {.kind = PK_MEMBER_OWN, .epoch = 7, .silent_us = 1};
    (void)state;
    for (size_t piece = 1; piece < 260; piece++) {
        assert_int_equal(opened(&link_claim, true, piece), PK_MEMBER_WHOLE);
        assert_int_equal(opened(&relay_claim, true, piece), PK_MEMBER_WHOLE);
        assert_int_equal(opened(&v6, true, piece), PK_MEMBER_WHOLE);
        assert_int_equal(opened(&nobody, true, piece), PK_MEMBER_WHOLE);
        assert_int_equal(opened(&own, true, piece), PK_MEMBER_WHOLE);
        assert_int_equal(opened(&relay_claim, false, piece), PK_MEMBER_REFUSED);
    }
}

static void known_bytes(void **state)
{
    (void)state;
    assert_int_equal(opened(&relay_claim, true, 300), PK_MEMBER_WHOLE);
    assert_memory_equal(server.bytes, "PKMB\0\1", 6);
    assert_memory_equal(server.bytes + 6, nonce_s, sizeof nonce_s);
    same_bytes((struct pk_bytes){server.bytes + PK_MEMBER_GREETING, sizeof relay_bytes - 1}, relay_bytes,
               sizeof relay_bytes - 1);
    same_bytes((struct pk_bytes){server.bytes + server.said - PK_MEMBER_ANSWER, PK_MEMBER_ANSWER},
               taken_bytes, sizeof taken_bytes - 1);
    assert_int_equal(opened(&link_claim, false, 300), PK_MEMBER_REFUSED);
    same_bytes((struct pk_bytes){server.bytes + PK_MEMBER_GREETING, sizeof link_bytes - 1}, link_bytes,
               sizeof link_bytes - 1);
    same_bytes((struct pk_bytes){server.bytes + server.said - PK_MEMBER_ANSWER, PK_MEMBER_ANSWER},
               refused_bytes, sizeof refused_bytes - 1);
    assert_memory_equal(server.bytes, client.bytes, server.said);
}

static void half_a_message_waits_for_more(void **state)
{
    (void)state;
    key = secret();
    for (uint32_t len = 0; len < sizeof relay_bytes - 1; len++) {
        struct pk_member_opening o = {0};
        (void)pk_member_greet(&o, nonce_s);
        uint8_t *fenced = sup_fence(relay_bytes, len);
        const uint8_t *p = fenced;
        size_t n = len;
        assert_int_equal(pk_member_take_claim(&o, key, &p, &n, &claimed), PK_MEMBER_MORE);
        assert_int_equal(n, 0);
        sup_unfence(fenced, len);
    }
}

static void another_secret_proves_nothing(void **state)
{
    (void)state;
    (void)opened(&relay_claim, true, 300);
    struct pk_member_opening o = {0};
    (void)pk_member_greet(&o, nonce_s);
    server = o;
    key = sup_bytes("0123456789abcdef0123456788");
    assert_int_equal(
        in_pieces(claim, (struct pk_bytes){(const uint8_t *)relay_bytes, sizeof relay_bytes - 1}, 300),
        PK_MEMBER_WRONG);
    /* a server that has it not */
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
    assert_int_equal(in_pieces(greeting, pk_member_greet(&server, nonce_s), 300), PK_MEMBER_WHOLE);
    (void)pk_member_claim(&client, secret(), nonce_c, &link_claim);
    key = secret();
    assert_int_equal(
        in_pieces(answer, pk_member_answer(&server, sup_bytes("another of 16 bytes"), true), 300),
        PK_MEMBER_WRONG);
    /* one that shows the client its own mac */
    client.said = client.begun;
    uint8_t echo[PK_MEMBER_ANSWER] = {1};
    memcpy(echo + 1, client.bytes + client.said - PK_MEMBER_MAC, PK_MEMBER_MAC);
    assert_int_equal(in_pieces(answer, (struct pk_bytes){echo, sizeof echo}, 300), PK_MEMBER_WRONG);
}

/* Every bit of the client's message and of the server's counts. */
static void a_changed_bit_opens_nothing(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * (sizeof relay_bytes - 1); bit++) {
        uint8_t bytes[sizeof relay_bytes];
        memcpy(bytes, relay_bytes, sizeof relay_bytes);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(&server, 0, sizeof server);
        key = secret();
        (void)pk_member_greet(&server, nonce_s);
        enum pk_member_part part = in_pieces(claim, (struct pk_bytes){bytes, sizeof relay_bytes - 1}, 300);
        assert_true(part == PK_MEMBER_WRONG || part == PK_MEMBER_BAD || part == PK_MEMBER_MORE);
    }
    for (size_t bit = 0; bit < 8 * PK_MEMBER_ANSWER; bit++) {
        uint8_t bytes[PK_MEMBER_ANSWER];
        memcpy(bytes, taken_bytes, sizeof bytes);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        (void)opened(&relay_claim, true, 300);
        client.said = client.begun;
        assert_int_equal(in_pieces(answer, (struct pk_bytes){bytes, sizeof bytes}, 300), PK_MEMBER_WRONG);
    }
    /* what was said on another connection, whose server had another nonce */
    memset(&server, 0, sizeof server);
    (void)pk_member_greet(&server, nonce_c);
    assert_int_equal(
        in_pieces(claim, (struct pk_bytes){(const uint8_t *)relay_bytes, sizeof relay_bytes - 1}, 300),
        PK_MEMBER_WRONG);
}

static void what_no_member_says_is_refused(void **state)
{
    (void)state;
    memset(&client, 0, sizeof client);
    assert_int_equal(in_pieces(greeting, sup_bytes("imok"), 1), PK_MEMBER_BAD);
    memset(&client, 0, sizeof client);
    assert_int_equal(in_pieces(greeting, (struct pk_bytes){(const uint8_t *)"PKMB\0\0" HEAD, 38}, 300),
                     PK_MEMBER_BAD);
    /* a newer server speaks our version, too */
    memset(&client, 0, sizeof client);
    assert_int_equal(in_pieces(greeting, (struct pk_bytes){(const uint8_t *)"PKMB\0\2" HEAD, 38}, 300),
                     PK_MEMBER_WHOLE);
    static const char *const bad[] = {"\0\2\1", "\0\0\1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[sizeof link_bytes];
        memcpy(bytes, link_bytes, sizeof bytes);
        memcpy(bytes, bad[i], 3);
        memset(&server, 0, sizeof server);
        (void)pk_member_greet(&server, nonce_s);
        assert_int_equal(in_pieces(claim, (struct pk_bytes){bytes, sizeof bytes - 1}, 300), PK_MEMBER_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_opens),
        cmocka_unit_test(known_bytes),
        cmocka_unit_test(half_a_message_waits_for_more),
        cmocka_unit_test(another_secret_proves_nothing),
        cmocka_unit_test(a_changed_bit_opens_nothing),
        cmocka_unit_test(what_no_member_says_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
