/*
 * Heartbeats that fill a frame. A promotion is longer than the request that made its znode: what memory takes must be
 * what the ensemble takes, too, and where it takes less nobody is closed for it over and over.
 */
#include "tests/sim/core_fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 3000, HEADER = PK_REQUEST_HEADER + 4 + sizeof M "/00" - 1 + 4 };
/* What a create and a setData have beside their data. */
enum { CREATE = HEADER + PK_OPEN_ACL_LEN + 4, SET = HEADER + 4 };

/* A proxy and an ensemble with these longest frames. */
static void with_frames(uint32_t ours, size_t theirs)
{
    struct core_config config = sim_default_config;
    (void)core_teardown(NULL);
    config.max_frame = ours;
    sim_init(&s, &config);
    s.zk.max_frame = theirs;
    c = sim_connect(&s, 30000);
    other = sim_connect(&s, 30000);
}

static char *text_of(size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

static void create(const char *path, size_t data)
{
    char *text = text_of(data);
    wire_create(&b, 1, path, text);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    free(text);
}

static void set(const char *path, size_t data)
{
    char *text = text_of(data);
    wire_set(&b, 2, path, text, -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    free(text);
}

/* Somebody asks for a watch; whether he is answered, and with so much data. */
static bool is_answered(int who, const char *path, size_t data)
{
    struct sim_frame f;
    wire_read(&b, 3, PK_OP_GET_DATA, path, true);
    sim_go(&s, who, &b);
    sim_advance(&s, 8000000);
    return sim_frame(&s, who, &f) && f.xid == 3 && !s.conns[who].closed && sup_be32(f.body) == data;
}

static bool was_said(enum pk_log_event_kind kind)
{
    struct core_log_event event;
    bool said = false;
    while (core_take_log_event(s.core, &event))
        said |= event.kind == kind;
    return said;
}

static void expect_promoted(const char *path, size_t data)
{
    assert_true(is_answered(other, path, data));
    assert_non_null(upstream(path));
    assert_int_equal(upstream(path)->len, data);
    assert_false(was_said(PK_LOG_EVENT_PROMOTE_UNFIT));
    assert_int_equal(st()->promote_failures, 0);
}

/* Once what was within 18 bytes of max-frame was taken, and broke each connection on which it was to be promoted. */
static void a_create_that_fills_a_frame(void **state)
{
    (void)state;
    char path[64];
    with_frames(MOST, MOST);
    for (size_t i = 0; i < 60; i++) {
        snprintf(path, sizeof path, M "/%02zu", i);
        create(path, MOST - CREATE - i);
        expect_promoted(path, MOST - CREATE - i);
    }
    assert_int_equal(st()->bound_local_creates, 18);
}

/* The same by a setData; many versions and deletes below take room, too: fewer of them are replayed then. */
static void a_beat_that_fills_a_frame(void **state)
{
    (void)state;
    char path[64];
    with_frames(MOST, MOST);
    for (size_t i = 0; i < 90; i++) {
        snprintf(path, sizeof path, M "/%02zu", i);
        sim_local_create(&s, c, path, "");
        for (size_t n = 0; n < i % 3 * 20; n++)
            set(path, 10);
        set(path, MOST - SET - i);
        expect_promoted(path, MOST - SET - i);
    }
    assert_true(st()->bound_size > 0);
}

static void what_came_and_went_below_takes_room(void **state)
{
    (void)state;
    with_frames(MOST, MOST);
    sim_local_create(&s, c, M "/00", "");
    for (int i = 0; i < 30; i++) {
        sim_local_create(&s, c, M "/00/x", "");
        wire_delete(&b, 4, M "/00/x", -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        set(M "/00", 10);
    }
    set(M "/00", MOST - 300);
    assert_true(is_answered(other, M "/00", MOST - 300));
    assert_non_null(upstream(M "/00"));
    assert_true(was_said(PK_LOG_EVENT_COUNTERS_CUT));
    assert_int_equal(st()->promote_failures, 0);
}

/* Once a znode whose promotion is longer than what the ensemble takes closed each reader that asked for a watch. */
static void what_the_ensemble_does_not_take_closes_nobody(void **state)
{
    (void)state;
    with_frames(sim_default_config.max_frame, MOST);
    create(M "/large", 2 * MOST);
    assert_true(is_answered(other, M "/large", 2 * MOST));
    assert_null(upstream(M "/large"));
    assert_true(was_said(PK_LOG_EVENT_PROMOTE_UNFIT));
    create(M "/small", 10);
    assert_true(is_answered(other, M "/small", 10));
    assert_non_null(upstream(M "/small"));
}

/* The same where readers' own connections have to do it: it is known after two of them. */
static void what_breaks_readers_is_left_alone(void **state)
{
    (void)state;
    enum { READERS = 6 };
    int closed = 0, answered = 0;
    with_frames(sim_default_config.max_frame, MOST);
    create(M "/large", 2 * MOST);
    s.service_fail = 1 << 20;
    for (int i = 0; i < READERS; i++) {
        int reader = sim_connect(&s, 30000);
        answered += is_answered(reader, M "/large", 2 * MOST);
        closed += s.conns[reader].closed;
    }
    assert_in_range(closed, 1, 2);
    assert_int_equal(answered, READERS - closed);
    assert_true(was_said(PK_LOG_EVENT_PROMOTE_UNFIT));
    s.service_fail = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_create_that_fills_a_frame),         CASE(a_beat_that_fills_a_frame),
        CASE(what_came_and_went_below_takes_room), CASE(what_the_ensemble_does_not_take_closes_nobody),
        CASE(what_breaks_readers_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
