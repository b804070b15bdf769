/*
 * SASL exchanges that end here, on threads: GSSAPI with a key that no KDC knows, so that nobody is let in (real tickets
 * are the integration test's), and what the library itself refuses.
 */
#include <stdlib.h>

#include "sasl_fixture.h"

enum { MANY = 40 };

struct waiter {
    struct pk_sasl_exchange *exchange;
    int answers;
    struct pk_sasl_answer answer;
};

static void answered(void *owner, const struct pk_sasl_answer *answer)
{
    struct waiter *w = owner;
    w->answers++;
    w->answer = *answer;
}

static void begin_gssapi(struct waiter *w)
{
    *w = (struct waiter){0};
    w->exchange = pk_sasl_begin(sasl, &service, answered, w);
    assert_non_null(w->exchange);
    assert_false(pk_sasl_step(w->exchange, (const uint8_t *)"\x60\x03garbage", 9, &w->answer));
    assert_int_equal(w->answer.state, PK_SASL_ON_A_THREAD);
}

static void garbage_of_gssapi_is_refused_on_a_thread(void **state)
{
    static struct waiter w[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++)
        begin_gssapi(&w[i]);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(w[i].answers, 1);
        assert_int_equal(w[i].answer.state, PK_SASL_REFUSED);
        assert_int_equal(w[i].answer.mechanism, PK_SASL_GSSAPI);
        assert_null(w[i].answer.token);
        assert_true(pk_sasl_step(w[i].exchange, (const uint8_t *)"", 0, &w[i].answer));
        assert_int_equal(w[i].answer.state, PK_SASL_REFUSED);
        pk_sasl_end(w[i].exchange);
    }
}

/* Those whose owner is gone are never told of, wherever they are: on a thread, or on their way to one. */
static void who_is_gone_is_not_called(void **state)
{
    static struct waiter w[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++)
        begin_gssapi(&w[i]);
    for (int i = 0; i < MANY; i++)
        if (i % 3 != 0)
            pk_sasl_end(w[i].exchange);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(w[i].answers, i % 3 == 0);
        if (i % 3 == 0)
            pk_sasl_end(w[i].exchange);
    }
}

static void gssapi_alone_wants_a_token(void **state)
{
    struct waiter w = {0};
    struct pk_sasl_service alone = service;
    (void)state;
    alone.mechanisms = PK_SASL_GSSAPI;
    w.exchange = pk_sasl_begin(sasl, &alone, answered, &w);
    assert_true(pk_sasl_step(w.exchange, (const uint8_t *)"", 0, &w.answer));
    assert_int_equal(w.answer.state, PK_SASL_REFUSED);
    pk_sasl_end(w.exchange);
}

static void a_token_may_not_be_endless(void **state)
{
    struct waiter w = {0};
    uint8_t *token = calloc(1, 70000);
    (void)state;
    w.exchange = pk_sasl_begin(sasl, &service, answered, &w);
    assert_true(pk_sasl_step(w.exchange, token, 70000, &w.answer));
    assert_int_equal(w.answer.state, PK_SASL_REFUSED);
    pk_sasl_end(w.exchange);
    free(token);
}

static void what_is_not_there_is_said(void **state)
{
    struct pk_sasl *none = NULL;
    char why[200];
    (void)state;
    const struct pk_sasl_setup setup = {.mechanisms = PK_SASL_GSSAPI, .keytab = "/nowhere/at/all"};
    assert_int_equal(pk_sasl_open(&none, &loop, &setup, why, sizeof why), PK_ENOENT);
    assert_non_null(strstr(why, "/nowhere/at/all"));
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_of_gssapi_is_refused_on_a_thread),
        cmocka_unit_test(who_is_gone_is_not_called),
        cmocka_unit_test(gssapi_alone_wants_a_token),
        cmocka_unit_test(a_token_may_not_be_endless),
        cmocka_unit_test(what_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, open_library, close_library);
}
