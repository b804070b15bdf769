/*
 * Two cores in one process share nothing: the same script on both, interleaved step by step, gives what one alone
 * gives. And two of them as loops of one proxy before the same ensemble stay out of each other's way.
 */
#include "tests/sim/steps.h"
#include "tests/sim/wire.h"

#define M "/storm/workerbeats"

static struct sim one, two, alone;

static void part(struct sup_buf *b, int n)
{
    char path[64];
    static const char *const names[] = {"a", "b", "c"};
    strcpy(path, M "/");
    strcat(path, names[n % 3]);
    switch (n % 5) {
    case 0:
        wire_create(b, n, path, "x");
        break;
    case 1:
        wire_set(b, n, path, "y", -1);
        break;
    case 2:
        wire_read(b, n, PK_OP_GET_CHILDREN2, M, false);
        break;
    case 3:
        wire_read(b, n, PK_OP_GET_DATA, path, n % 7 == 0);
        break;
    default:
        wire_delete(b, n, path, -1);
        break;
    }
}

static void interleaved(void **state)
{
    (void)state;
    struct sim *all[] = {&one, &two, &alone};
    struct sup_buf b = {0};
    int c[3];
    for (int i = 0; i < 3; i++) {
        sim_init(all[i], NULL);
        c[i] = sim_connect(all[i], 10000);
    }
    for (int n = 1; n < 200; n++) {
        part(&b, n);
        sim_send(&one, c[0], &b);
        sim_send(&two, c[1], &b);
        one.chunk = two.chunk = 7;
        sim_pump(&one);
        sim_pump(&two);
        sup_buf_reset(&b);
    }
    for (int n = 1; n < 200; n++)
        part(&b, n);
    sim_send(&alone, c[2], &b);
    sim_pump(&alone);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(all[i]->conns[c[i]].got.len, alone.conns[c[2]].got.len);
        assert_memory_equal(all[i]->conns[c[i]].got.p, alone.conns[c[2]].got.p, alone.conns[c[2]].got.len);
        const struct core_stats *x = core_stats(all[i]->core), *y = core_stats(alone.core);
        assert_true(x->local_creates == y->local_creates && x->local_deletes == y->local_deletes &&
                    x->beats_absorbed == y->beats_absorbed);
    }
    sup_buf_free(&b);
    for (int i = 0; i < 3; i++)
        sim_free(all[i]);
}

/* What one frees the other keeps. */
static void one_ends(void **state)
{
    (void)state;
    sim_init(&one, NULL);
    sim_init(&two, NULL);
    int a = sim_connect(&one, 10000), b = sim_connect(&two, 10000);
    sim_local_create(&one, a, M "/a", "x");
    sim_local_create(&two, b, M "/a", "y");
    sim_free(&one);
    sim_beats(&two, b, M "/a", 10);
    assert_int_equal(core_stats(two.core)->local_creates, 1);
    sim_free(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(interleaved), cmocka_unit_test(one_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
