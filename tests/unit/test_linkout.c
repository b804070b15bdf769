/*
 * The end of the loop's round, for what leaves on links: at once when nobody else is ready, with the next rounds, a few
 * at most, when somebody is.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/lib/support.h"

#include "io/conn/linkout.h"

enum { ROUNDS_MOST = 100 };

static uv_loop_t loop;
static struct pk_linkout out;
static struct pk_list node;
static int fd, rounds, left;
static bool drains; /* whoever is ready is heard whole */

static void leave(struct pk_linkout *o)
{
    left++;
    pk_list_del(&node);
    assert_true(pk_list_empty(&o->waiting));
}

static void ready(uv_poll_t *handle, int status, int events)
{
    uint64_t count;
    (void)handle;
    assert_true(status == 0 && events == UV_READABLE);
    if (drains)
        assert_int_equal(read(fd, &count, sizeof count), sizeof count);
    rounds++;
    pk_linkout_wait(&out, &node, leave);
}

static void run(bool drain)
{
    static const uint64_t one = 1;
    uv_poll_t polled;
    rounds = left = 0;
    drains = drain;
    assert_int_equal(uv_loop_init(&loop), 0);
    pk_linkout_init(&out, &loop);
    pk_list_init(&node);
    fd = eventfd(0, EFD_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(uv_poll_init(&loop, &polled, fd), 0);
    assert_int_equal(uv_poll_start(&polled, UV_READABLE, ready), 0);
    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
    for (int i = 0; i < ROUNDS_MOST && left == 0; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(left, 1);
    pk_linkout_close(&out);
    uv_close((uv_handle_t *)&polled, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    close(fd);
}

static void nobody_else_is_ready(void **state)
{
    (void)state;
    run(true);
    assert_int_equal(rounds, 1);
}

static void somebody_always_is(void **state)
{
    (void)state;
    run(false);
    assert_in_range(rounds, 2, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_else_is_ready),
                                       cmocka_unit_test(somebody_always_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
