/*
 * The link between two members: what each of its versions says, both ways, as recorded in tests/golden/link-N.hex;
 * members of another version; and copies that are behind.
 *
 * A later version speaks an earlier one with a member that has no other: what is recorded is played to either role, and
 * is said again when one of the two is of that version. For the record of a new one: LINK_RECORD=FILE
 * tests/unit/test_core_link recorded.
 */
#include <stdio.h>
#include <stdlib.h>

#include "link_fixture.h"

/* What the primary shows of a copy that is behind; the standby's process ends, and nobody waits any more. */
static void behind_and_gone(void **state)
{
    (void)state;
    converse_until_listed();
    assert_int_equal(mate(&s).lag_us, 0);
    change(0);
    int64_t since_us = s.now_us;
    sim_advance(&s, 400000);
    assert_int_equal(mate(&s).lag_records, 1);
    assert_in_range(mate(&s).lag_us, since_us - 10000, since_us + 10000);
    assert_int_equal(info(&s).waiting, 1);
    assert_int_equal(info(&s).copies, 1);
    sim_step(&s, link_at, PK_CLIENT_EOF, NULL, 0);
    sim_pump(&s);
    assert_int_equal(info(&s).copies, 0);
    expect_changed(1);
}

/* A standby that takes nothing costs the primary the buffer, and the time until it is full: then its link ends, and it
 * has to begin anew. */
static void slow_standby(void **state)
{
    (void)state;
    enum { DATA = 1000, MOST = 2 * LAG_BYTES / DATA };
    char data[DATA + 1];
    uint64_t before;
    int n = 0;
    memset(data, 'x', DATA);
    data[DATA] = '\0';
    converse_until_listed();
    before = s.mem.bytes;
    s.conns[link_at].client.taking = SIM_NOTHING;
    while (info(&s).copies == 1 && n++ < MOST) {
        wire_set(&b, 5, M "/a", data, -1);
        sim_go(&s, c, &b);
        assert_true(s.mem.bytes < before + 2 * LAG_BYTES);
    }
    assert_in_range(n, LAG_BYTES / DATA / 2, LAG_BYTES / DATA + 1);
    assert_int_equal(info(&s).waiting, 0);
    sim_advance(&s, 10000000);
    sim_expect_closed(&s, link_at, PK_CLOSE_LINK_SLOW);
    assert_true(s.mem.bytes < before + LAG_BYTES / 10);
}

/* SIGTERM comes while the ensemble is being told that the copy is whole: the primary does not know whether it is
 * listed. */
static void told_to_leave_while_a_copy_is_being_listed(void)
{
    start_primary();
    start_standby(info(&s).epoch);
    s.conns[sim_service(&s)].hold = true;
    for (int i = 0; i < 10; i++) {
        carry();
        sim_advance(&s, 50000);
        sim_advance(&standby, 50000);
    }
    assert_int_equal(info(&s).copies, 0);
    sim_step(&s, -1, PK_HANDOVER, NULL, 0);
    assert_false(core_handed_over(s.core));
    assert_int_equal(info(&s).role, PK_ROLE_PRIMARY);
}

/* Once it was closed at once, as there was nobody to hand over to, while the standby was listed and took over. */
static void leaves_while_a_copy_is_being_listed(void **state)
{
    (void)state;
    told_to_leave_while_a_copy_is_being_listed();
    s.conns[sim_service(&s)].hold = false;
    sim_pump(&s);
    carry();
    for (int i = 0; i < 10 && !core_handed_over(s.core); i++)
        sim_advance(&s, 50000);
    assert_int_equal(info(&s).role, PK_ROLE_LEFT);
}

/* The ensemble does not answer before the stop has to go on: nothing of memory is shown any more. */
static void ends_while_a_copy_is_being_listed(void **state)
{
    (void)state;
    told_to_leave_while_a_copy_is_being_listed();
    assert_true(info(&s).reigning);
    sim_step(&s, -1, PK_DRAIN, NULL, 0);
    sim_advance(&s, 50000);
    assert_false(info(&s).role == PK_ROLE_PRIMARY && info(&s).reigning);
}

static const char *name_of(int kind)
{
    switch (kind) {
#define X(name, number)                                                                                      \
    case number:                                                                                             \
        return #name;
#include "core/peer/frames.def"
#undef X
    default:
        return "?";
    }
}

static void write_record(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "# The link between two members, version %d: what a standby (>) and a primary (<) say while a "
            "copy is\n"
            "# made and kept. Recorded by tests/unit/test_core_link.c.\n",
            PK_LINK_VERSION);
    for (size_t i = 0; i < nsaid; i++) {
        fprintf(f, "%c %s | ", said[i].mark, name_of(said[i].bytes.p[PK_LEN_WORD]));
        for (size_t k = 0; k < said[i].bytes.len; k++)
            fprintf(f, "%02x", said[i].bytes.p[k]);
        fputc('\n', f);
    }
    assert_int_equal(fclose(f), 0);
}

static size_t record_of(int32_t version, struct sup_golden **lines)
{
    char name[16];
    snprintf(name, sizeof name, "link-%d", version);
    return sup_golden(name, lines);
}

/* What was said is what was recorded; but for the version that HELLO names, which may be later. */
static void expect_recorded(int32_t version)
{
    struct sup_golden *lines;
    size_t n = record_of(version, &lines);
    assert_int_equal(n, nsaid);
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = said[i].bytes.p;
        if (p[PK_LEN_WORD] == PK_FRAME_HELLO)
            pk_put32(p + PK_FRAME_HEAD, (uint32_t)version);
        assert_int_equal(lines[i].mark, said[i].mark);
        assert_int_equal(lines[i].len, said[i].bytes.len);
        assert_memory_equal(lines[i].bytes, p, lines[i].len);
    }
    free(lines);
}

static void recorded(void **state)
{
    (void)state;
    converse();
    expect_taken_over();
    if (getenv("LINK_RECORD") != NULL)
        write_record(getenv("LINK_RECORD"));
    else
        expect_recorded(PK_LINK_VERSION);
}

static void recorded_with_a_standby_of_the_first(void **state)
{
    (void)state;
    standby_speaks = 1;
    converse();
    assert_int_equal(mate(&s).version, 1);
    expect_taken_over();
    expect_recorded(1);
}

static void recorded_with_a_primary_of_the_first(void **state)
{
    (void)state;
    primary_speaks = 1;
    converse();
    assert_int_equal(mate(&standby).version, 1);
    expect_taken_over();
    expect_recorded(1);
}

/* What a standby of an earlier version, or of ours, says, to a primary; it is answered as it was. */
static void play_to_primary(int32_t version)
{
    struct sup_golden *lines;
    struct pk_bytes body;
    struct pk_hello h;
    bool welcomed = false;
    size_t n = record_of(version, &lines), heartbeats = 0;
    start_primary();
    int step = 0;
    for (size_t i = 0; i < n; i++) {
        int kind = lines[i].bytes[PK_LEN_WORD];
        bool record = kind == PK_FRAME_RECORD || kind == PK_FRAME_REFRESH;
        if (lines[i].mark == '>') {
            to_primary(lines[i].bytes, lines[i].len);
            struct pk_bytes got = from_primary();
            if (!welcomed && find_frame(got, PK_FRAME_WELCOME, &body)) {
                welcomed = pk_hello_get(body, PK_FRAME_WELCOME, &h);
                assert_int_equal(h.version, version);
                assert_true(find_frame(got, PK_FRAME_SNAPSHOT_END, &body));
            }
        } else if (kind == PK_FRAME_HEARTBEAT) {
            heartbeats++;
            sim_advance(&s, 200000);
        } else if (record && info(&s).copies == 1 && step < 3) {
            change(step++);
        }
    }
    assert_true(welcomed && heartbeats > 1);
    assert_int_equal(step, 3);
    assert_int_equal(info(&s).copies, 1);
    assert_int_equal(mate(&s).version, version);
    assert_int_equal(mate(&s).lag_records, 0);
    expect_changed(3);
    free(lines);
}

static void a_standby_of_the_first(void **state)
{
    (void)state;
    play_to_primary(1);
}

static void a_standby_of_the_second(void **state)
{
    (void)state;
    play_to_primary(2);
}

/* Plays what the primary said. version: it says that it speaks this one; more: bytes that a later one has added behind
 * its fields. */
static void play_to_standby(int32_t record, int32_t version, size_t more)
{
    struct sup_golden *lines;
    struct pk_hello h;
    size_t n = record_of(record, &lines);
    static const uint8_t added[16] = {0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    for (size_t i = 0; i < n && link_of_standby() >= 0; i++) {
        uint8_t frame[sizeof lines->bytes + sizeof added];
        size_t len = lines[i].len;
        if (lines[i].mark == '>')
            continue;
        memcpy(frame, lines[i].bytes, len);
        memcpy(frame + len, added, more);
        pk_put32(frame, (uint32_t)(len + more - PK_LEN_WORD));
        if (frame[PK_LEN_WORD] == PK_FRAME_WELCOME) {
            assert_true(
                pk_hello_get((struct pk_bytes){frame + PK_FRAME_HEAD, (uint32_t)(len - PK_FRAME_HEAD)},
                             PK_FRAME_WELCOME, &h));
            pk_put32(frame + PK_FRAME_HEAD, (uint32_t)version);
        }
        to_standby(frame, len + more);
    }
    free(lines);
}

/* The epoch that was recorded. */
static int64_t recorded_epoch(int32_t record)
{
    struct sup_golden *lines;
    struct pk_hello h = {0};
    size_t n = record_of(record, &lines);
    for (size_t i = 0; i < n; i++)
        if (lines[i].bytes[PK_LEN_WORD] == PK_FRAME_WELCOME)
            assert_true(pk_hello_get(
                (struct pk_bytes){lines[i].bytes + PK_FRAME_HEAD, (uint32_t)(lines[i].len - PK_FRAME_HEAD)},
                PK_FRAME_WELCOME, &h));
    free(lines);
    assert_true(h.epoch > 0);
    return h.epoch;
}

/* What a primary of each version says, to a standby: its copy is good enough to take over with. */
static void a_primary_of_the_first(void **state)
{
    (void)state;
    start_standby(recorded_epoch(1));
    play_to_standby(1, 1, 0);
    assert_int_equal(mate(&standby).version, 1);
    expect_taken_over();
}

static void a_primary_of_the_second(void **state)
{
    (void)state;
    start_standby(recorded_epoch(2));
    play_to_standby(2, 2, 0);
    assert_int_equal(mate(&standby).version, 2);
    expect_taken_over();
}

/* One of a later version that speaks ours with us: what it has added is not read, frames that are unknown are none. */
static void a_primary_that_says_more(void **state)
{
    (void)state;
    static const uint8_t unknown[] = {0, 0, 0, 3, 99, 1, 2};
    start_standby(recorded_epoch(2));
    to_standby(unknown, sizeof unknown);
    play_to_standby(2, 2, 16);
    assert_int_equal(mate(&standby).version, 2);
    expect_taken_over();
}

/* A refresh of what the copy does not have: it is no copy, and a new link begins another one. */
static void a_refresh_of_nothing(void **state)
{
    (void)state;
    static const uint8_t path[] = M "/none";
    uint8_t frame[128], *p = pk_frame_put(frame, PK_FRAME_REFRESH, 4 * 8 + 4 + 4 + sizeof path - 1 + 4);
    converse_until_listed();
    int link = link_of_standby();
    memset(p, 0, 4 * 8 + 4);
    p = pk_put_bytes(p + 4 * 8 + 4, (struct pk_bytes){path, sizeof path - 1});
    p = pk_put_bytes(p, (struct pk_bytes){path, 0});
    to_standby(frame, (size_t)(p - frame));
    assert_int_not_equal(link_of_standby(), link);
    assert_int_equal(info(&standby).role, PK_ROLE_STANDBY);
}

/* One that does not ask what we speak is no primary. */
static void a_primary_that_speaks_another(void **state)
{
    (void)state;
    static const int32_t others[] = {0, -1, PK_LINK_VERSION + 1};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        start_standby(recorded_epoch(1));
        play_to_standby(1, others[i], 0);
        assert_int_equal(link_of_standby(), -1);
        assert_int_not_equal(info(&standby).role, PK_ROLE_PRIMARY);
        sim_free(&standby);
        standby = (struct sim){.core = NULL};
    }
}

static struct pk_bytes hello_of(uint8_t *p, int32_t version, const char *more)
{
    uint8_t mounts[64];
    struct pk_mount own = {.path = PK_BYTES(M), .wanted = PK_MODE_PACEMAKER, .config.max_znode = 1 << 20};
    size_t len = strlen(more);
    const struct pk_hello h = {.version = version,
                               .incarnation = {standby_group.incarnation, PK_INCARNATION},
                               .address = sup_bytes(standby_group.address),
                               .mounts = {mounts, (uint32_t)(pk_hello_mounts_put(mounts, &own, 1) - mounts)}};
    uint8_t *end = pk_hello_put(p, &h, PK_FRAME_HELLO);
    memcpy(end, more, len);
    pk_put32(p, (uint32_t)((size_t)(end - p) + len - PK_LEN_WORD));
    return (struct pk_bytes){p, (uint32_t)((size_t)(end - p) + len)};
}

/* A standby that speaks a later version, and has added fields, is answered with ours, and has a copy. */
static void a_later_standby(void **state)
{
    (void)state;
    uint8_t p[256];
    struct pk_bytes body;
    struct pk_hello h;
    start_primary();
    struct pk_bytes hello = hello_of(p, PK_LINK_VERSION + 1, "added");
    to_primary(hello.p, hello.len);
    struct pk_bytes got = from_primary();
    assert_true(find_frame(got, PK_FRAME_WELCOME, &body));
    assert_true(pk_hello_get(body, PK_FRAME_WELCOME, &h));
    assert_int_equal(h.version, PK_LINK_VERSION);
    assert_true(find_frame(got, PK_FRAME_SNAPSHOT_END, &body));
    assert_int_equal(mate(&s).version, PK_LINK_VERSION);
}

/* One with which we have none in common has no copy; it hears heartbeats, and relays. */
static void an_earlier_standby(void **state)
{
    (void)state;
    uint8_t p[256];
    struct pk_bytes body;
    struct pk_refused r;
    start_primary();
    struct pk_bytes hello = hello_of(p, PK_LINK_OLDEST - 1, "");
    to_primary(hello.p, hello.len);
    struct pk_bytes got = from_primary();
    assert_true(find_frame(got, PK_FRAME_REFUSED, &body) && pk_refused_get(body, &r));
    assert_int_equal(r.why, PK_REFUSAL_VERSION);
    assert_false(find_frame(got, PK_FRAME_RECORD, &body));
    sim_advance(&s, 250000);
    assert_true(find_frame(from_primary(), PK_FRAME_HEARTBEAT, &body));
    assert_int_equal(mate(&s).version, PK_LINK_OLDEST - 1);
    change(0); /* nobody is waited for */
    expect_changed(1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {LINKED(recorded),
                                       LINKED(recorded_with_a_standby_of_the_first),
                                       LINKED(recorded_with_a_primary_of_the_first),
                                       LINKED(a_standby_of_the_first),
                                       LINKED(a_standby_of_the_second),
                                       LINKED(a_primary_of_the_first),
                                       LINKED(a_primary_of_the_second),
                                       LINKED(a_refresh_of_nothing),
                                       LINKED(a_primary_that_says_more),
                                       LINKED(a_primary_that_speaks_another),
                                       LINKED(a_later_standby),
                                       LINKED(an_earlier_standby),
                                       LINKED(behind_and_gone),
                                       LINKED(slow_standby),
                                       LINKED(leaves_while_a_copy_is_being_listed),
                                       LINKED(ends_while_a_copy_is_being_listed)};
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
