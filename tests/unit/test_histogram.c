/*
 * The histogram: quantiles within a step, every value in a bucket.
 */
#include "base/histogram.h"
#include "base/window.h"

#include "tests/lib/support.h"

static void quantiles_are_within_a_step(void **state)
{
    static struct pk_histogram h;
    static const double q[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    (void)state;
    assert_int_equal(pk_histogram_quantile(&h, 0.5), 0);
    assert_true(pk_histogram_mean(&h) == 0);
    for (int64_t v = 1; v <= 100000; v++)
        pk_histogram_add(&h, v, 1);
    for (size_t i = 0; i < sizeof q / sizeof *q; i++) {
        double exact = q[i] * 100000, got = (double)pk_histogram_quantile(&h, q[i]);
        assert_true(got >= exact && got <= exact * 1.017 + 1);
    }
    assert_int_equal(pk_histogram_quantile(&h, 1), 100000);
    assert_true(pk_histogram_mean(&h) == 50000.5);
    assert_true(h.min == 1 && h.max == 100000);
}

static void every_value_has_a_bucket(void **state)
{
    static struct pk_histogram h;
    (void)state;
    for (unsigned bit = 0; bit < 63; bit++) {
        pk_histogram_add(&h, INT64_C(1) << bit, 1);
        pk_histogram_add(&h, (INT64_C(1) << bit) - 1, 1);
    }
    pk_histogram_add(&h, INT64_MAX, 1);
    pk_histogram_add(&h, -5, 1);
    assert_int_equal(h.total, 128);
    assert_true(h.max == INT64_MAX);
    assert_int_equal(pk_histogram_quantile(&h, 0), 0);
}

/* A value far beyond the range used to be given back as the end of the last bucket, below what was seen. */
static void the_last_bucket_ends_with_the_highest_value(void **state)
{
    static struct pk_histogram h;
    (void)state;
    pk_histogram_add(&h, INT64_C(1) << 50, 1);
    assert_true(pk_histogram_quantile(&h, 0.5) == INT64_C(1) << 50);
}

static void one_value_is_every_quantile(void **state)
{
    static struct pk_histogram h;
    (void)state;
    pk_histogram_add(&h, 12345, 3);
    assert_int_equal(pk_histogram_quantile(&h, 0), 12345);
    assert_int_equal(pk_histogram_quantile(&h, 1), 12345);
}

static void values_are_added_by_number(void **state)
{
    static struct pk_histogram h;
    (void)state;
    pk_histogram_add(&h, 10, 99);
    pk_histogram_add(&h, 1000, 1);
    pk_histogram_add(&h, 1 << 20, 0);
    assert_int_equal(pk_histogram_quantile(&h, 0.98), 10);
    assert_int_equal(pk_histogram_quantile(&h, 0.995), 1000);
    assert_int_equal(h.max, 1000);
}

/* Each second a value, which is 1000 in the first 100 s and 10 then. */
static void a_window_forgets_what_is_older_than_a_minute(void **state)
{
    static struct pk_histogram h, seen;
    static struct pk_window w;
    (void)state;
    pk_window_view(&w, &h, 0, &seen);
    assert_true(seen.total == 0 && seen.max == 0);
    for (int64_t second = 1; second <= 300; second++) {
        int64_t now_us = second * 1000000;
        pk_window_tick(&w, &h, now_us);
        pk_histogram_add(&h, second <= 100 ? 1000 : 10, 1);
        pk_window_view(&w, &h, now_us, &seen);
        assert_in_range(seen.total, second < 60 ? second : 60, second < 76 ? second : 76);
        assert_in_range(seen.max, second <= 160 ? 1000 : 10, second < 176 ? 1000 : 10);
        assert_in_range(seen.min, second <= 100 ? 985 : 10, second <= 100 ? 1000 : 10);
        int64_t median = pk_histogram_quantile(&seen, 0.5);
        assert_in_range(median, second < 130 ? 1000 : 10, second < 140 ? 1000 : 10);
    }
    assert_true(pk_histogram_mean(&seen) == 10);
    assert_int_equal(h.total, 300);
}

static void a_window_after_time_stood_still(void **state)
{
    static struct pk_histogram h, seen;
    static struct pk_window w;
    (void)state;
    pk_window_tick(&w, &h, 5);
    pk_histogram_add(&h, INT64_C(1) << 50, 2);
    pk_window_view(&w, &h, INT64_C(1) << 40, &seen);
    assert_int_equal(seen.total, 2);
    assert_true(seen.max == INT64_C(1) << 50);
    pk_window_tick(&w, &h, INT64_C(1) << 40);
    pk_window_view(&w, &h, INT64_C(1) << 41, &seen);
    assert_true(seen.total == 0 && seen.min == 0 && seen.max == 0 && pk_histogram_quantile(&seen, 0.99) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_a_step),
        cmocka_unit_test(every_value_has_a_bucket),
        cmocka_unit_test(the_last_bucket_ends_with_the_highest_value),
        cmocka_unit_test(one_value_is_every_quantile),
        cmocka_unit_test(values_are_added_by_number),
        cmocka_unit_test(a_window_forgets_what_is_older_than_a_minute),
        cmocka_unit_test(a_window_after_time_stood_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
