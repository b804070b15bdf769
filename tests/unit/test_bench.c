/*
 * The pure parts of pk-bench: data of beats, workers' names, the tables of Storm's lines.
 */
#include "tests/lib/support.h"
#include "tools/bench/beat.h"
#include "tools/bench/line.h"
#include "tools/bench/paths.h"

static void a_beat_is_known_again(void **state)
{
    uint8_t p[100];
    (void)state;
    for (uint32_t size = PK_BEAT_MIN; size <= sizeof p; size++) {
        pk_beat_fill(p, size, 7, 3);
        assert_int_equal(pk_beat_check((struct pk_bytes){p, size}, size, 7), 3);
    }
}

static void a_changed_beat_is_none(void **state)
{
    uint8_t p[64];
    (void)state;
    pk_beat_fill(p, sizeof p, 7, 3);
    for (size_t i = 0; i < sizeof p; i++) {
        p[i] ^= 1;
        assert_int_equal(pk_beat_check((struct pk_bytes){p, sizeof p}, sizeof p, 7), 0);
        p[i] ^= 1;
    }
    assert_int_equal(pk_beat_check((struct pk_bytes){p, sizeof p}, sizeof p, 8), 0);
    assert_int_equal(pk_beat_check((struct pk_bytes){p, sizeof p - 1}, sizeof p, 7), 0);
    assert_int_equal(pk_beat_check((struct pk_bytes){NULL, 0}, sizeof p, 7), 0);
}

static void a_worker_is_known_by_its_name(void **state)
{
    static const uint32_t numbers[] = {0, 1, 199, 65535, 10000000};
    char name[PK_WORKER_NAME + 1];
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pk_worker_name(name, numbers[i]);
        assert_int_equal(strlen(name), PK_WORKER_NAME);
        assert_int_equal(pk_worker_number((struct pk_bytes){(uint8_t *)name, PK_WORKER_NAME}), numbers[i]);
        name[PK_WORKER_NAME - 1] ^= 1;
        assert_int_equal(pk_worker_number((struct pk_bytes){(uint8_t *)name, PK_WORKER_NAME}), UINT32_MAX);
    }
    assert_int_equal(pk_worker_number(PK_BYTES("somebody-else-6700")), UINT32_MAX);
}

static void paths_have_one_length(void **state)
{
    struct pk_paths p;
    (void)state;
    assert_true(pk_paths_make(&p, "/a/b", 1000));
    for (uint32_t i = 0; i < 1000; i++) {
        struct pk_bytes path = pk_paths_at(&p, i);
        assert_int_equal(path.len, 5 + PK_WORKER_NAME);
        assert_memory_equal(path.p, "/a/b/", 5);
        assert_int_equal(path.p[path.len], 0);
    }
    pk_paths_free(&p);
}

static void a_path_of_a_line_has_its_names(void **state)
{
    char path[32];
    (void)state;
    assert_true(pk_line_path(path, sizeof path, "/storm", "storms/%t", "top-1", "sup"));
    assert_string_equal(path, "/storm/storms/top-1");
    assert_true(pk_line_path(path, sizeof path, "/s", "a/%s/%t-x", "t", "sup"));
    assert_string_equal(path, "/s/a/sup/t-x");
    assert_false(pk_line_path(path, 19, "/storm", "storms/%t", "top-1", "sup"));
    assert_true(pk_line_path(path, 20, "/storm", "storms/%t", "top-1", "sup"));
}

/* A step for each supervisor or topology names one; no data beyond what is kept for it. */
static void check_steps(const struct pk_duty *d)
{
    const struct pk_step *s = d->steps;
    assert_true(s->op != 0);
    for (; s->op != 0; s++) {
        assert_non_null(s->path);
        assert_true(s->path[0] != '/');
        assert_true(s->each != PK_EACH_TOPOLOGY || strstr(s->path, "%t") != NULL);
        assert_true(s->each != PK_EACH_SUPERVISOR || strstr(s->path, "%s") != NULL);
        assert_true(s->size <= 1024);
    }
    assert_true(s->each == PK_ONCE);
}

static void the_lines_are_whole(void **state)
{
    static const char *const names[] = {"1.2", "2.8"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct pk_line *line = pk_line_find(names[i]);
        assert_non_null(line);
        assert_true(line->first_size >= PK_BEAT_MIN);
        check_steps(&line->furnish);
        check_steps(&line->enrol);
        check_steps(&line->clear);
        for (const struct pk_duty *d = line->duties; d->steps != NULL; d++) {
            assert_true(d->period_ms > 0);
            check_steps(d);
        }
    }
    assert_null(pk_line_find("0.9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_beat_is_known_again),          cmocka_unit_test(a_changed_beat_is_none),
        cmocka_unit_test(a_worker_is_known_by_its_name),  cmocka_unit_test(paths_have_one_length),
        cmocka_unit_test(a_path_of_a_line_has_its_names), cmocka_unit_test(the_lines_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
