/* A state machine takes the edges of its table; any other ends the process before anything is done in that state. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop/move.h"
#include "tests/lib/support.h"

enum { SHUT, OPEN, GONE };

static const uint8_t edges[] = {[SHUT] = PK_TO(OPEN) | PK_TO(GONE), [OPEN] = PK_TO(SHUT), [GONE] = 0};

static void edges_of_the_table(void **state)
{
    (void)state;
    assert_int_equal(pk_move("a door", edges, SHUT, OPEN), OPEN);
    assert_int_equal(pk_move("a door", edges, OPEN, SHUT), SHUT);
    assert_int_equal(pk_move("a door", edges, SHUT, GONE), GONE);
}

/* Moves in a process of its own, which is silent; true when that ends by abort(3). */
static bool ends(unsigned from, unsigned to)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        pk_move("a door", edges, from, to);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void others_end_the_process(void **state)
{
    (void)state;
    assert_false(ends(SHUT, OPEN));
    assert_true(ends(OPEN, GONE));
    assert_true(ends(GONE, SHUT));
    assert_true(ends(OPEN, OPEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_of_the_table),
        cmocka_unit_test(others_end_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
