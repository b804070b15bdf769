/*
 * The simulation of a group: N members with the core that ships, a model ensemble of three servers, links and
 * clients, in virtual time from one seed, with random faults. What must hold is looked at all the while (oracle.h,
 * watchdog.h).
 *
 *   tests/sim/group/test_group                     what make check runs
 *   GROUP_SEED=7 GROUP_SCHEDULES=1000 GROUP_MEMBERS=3 tests/sim/group/test_group random
 *   GROUP_HOURS=1000 GROUP_PROFILE=steady GROUP_SEED=7 tests/sim/group/test_group many_hours
 *   GROUP_SCRIPT=FILE GROUP_TRACE=1 tests/sim/group/test_group a_script
 */
#include <stdio.h>
#include <stdlib.h>

#include "schedule.h"
#include "scripts.h"

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

struct sum {
    long schedules, faults;
    double hours, answers, writes, ensemble_writes;
    struct watchdog_figures figures;
};

static void add(struct sum *sum, const struct outcome *o)
{
    sum->schedules++;
    sum->faults += o->faults;
    sum->hours += (double)o->simulated_us / 3.6e9;
    sum->answers += (double)o->answers;
    sum->writes += (double)o->writes;
    sum->ensemble_writes += (double)o->ensemble_writes;
    sum->figures.takeovers += o->figures.takeovers;
    sum->figures.without_copy += o->figures.without_copy;
    sum->figures.list_changes += o->figures.list_changes;
    sum->figures.disconnects += o->figures.disconnects;
    sum->figures.expired += o->figures.expired;
}

static void say(const struct sum *sum)
{
    print_message(
        "%ld schedules, %.1f hours, %ld faults (%.0f an hour), %.0f answers, %.0f writes acknowledged, %.0f "
        "transactions; %d takeovers, %d without a copy, %d changes of the list, %d disconnects, %d sessions "
        "expired\n",
        sum->schedules, sum->hours, sum->faults, sum->hours > 0 ? (double)sum->faults / sum->hours : 0,
        sum->answers, sum->writes, sum->ensemble_writes, sum->figures.takeovers, sum->figures.without_copy,
        sum->figures.list_changes, sum->figures.disconnects, sum->figures.expired);
}

/* A finding is shrunk, printed and traced as far as it is wanted. */
static bool try_one(struct schedule *s, struct sum *sum)
{
    struct outcome o = schedule_run(s, (int)number("GROUP_TRACE", 0));
    add(sum, &o);
    if (o.wrong[0] == 0)
        return true;
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)s->seed, o.wrong);
    if (number("GROUP_SHRINK", 1) != 0) {
        schedule_shrink(s);
        o = schedule_run(s, 0);
    }
    schedule_print(s, &o, stderr);
    return false;
}

static enum profile profile_named(enum profile otherwise)
{
    static const char *const names[] = {[DENSE] = "dense", [PLOTTED] = "plotted", [STEADY] = "steady"};
    const char *name = getenv("GROUP_PROFILE");
    enum profile profile = DENSE;
    if (name == NULL)
        return otherwise;
    while (profile < STEADY && strcmp(name, names[profile]) != 0)
        profile++;
    return profile;
}

static void alone(struct schedule *s)
{
    s->settings.group = false;
    for (int i = 0; i < s->n; i++)
        if (s->faults[i].kind == FAULT_KILL || s->faults[i].kind == FAULT_HOST_LOST ||
            s->faults[i].kind == FAULT_LEAVE)
            s->faults[i].kind = FAULT_RESET;
}

static void run_many(uint64_t seed, long n, int members, bool group)
{
    struct sum sum = {0};
    int wrong = 0;
    long most = number("GROUP_FINDINGS", 1);
    for (long i = 0; i < n && wrong < most; i++) {
        struct schedule s;
        schedule_draw(&s, profile_named(DENSE), seed + (uint64_t)i, members);
        if (!group)
            alone(&s);
        wrong += !try_one(&s, &sum);
    }
    say(&sum);
    assert_int_equal(wrong, 0);
}

/* One member without a group: what the clients, the ensemble and the oracle are worth by themselves. */
static void nothing_is_wrong_without_a_group(void **state)
{
    (void)state;
    run_many((uint64_t)number("GROUP_SEED", 1), number("GROUP_SCHEDULES", 10), 1, false);
}

static void random_faults(void **state)
{
    (void)state;
    run_many((uint64_t)number("GROUP_SEED", 1), number("GROUP_SCHEDULES", 120),
             (int)number("GROUP_MEMBERS", 2), true);
}

/* Schedules until a variant is found; -1: it is not within so many. */
static long find(enum variant v, uint64_t seed, long n, int members, struct schedule *out, struct outcome *o)
{
    long found = -1;
    variant = v;
    for (long i = 0; i < n && found < 0; i++) {
        schedule_draw(out, profile_named(DENSE), seed + (uint64_t)i, members);
        *o = schedule_run(out, 0);
        if (o->wrong[0] != 0)
            found = i + 1;
    }
    if (found > 0) {
        schedule_shrink(out);
        *o = schedule_run(out, 0);
    }
    variant = VARIANT_AS_IT_SHIPS;
    return found;
}

/* Schedules that variants shrank to: found with the variant, and nothing without. */
static void scripts_tell_variants(void **state)
{
    (void)state;
    for (int i = 0; i < nscripts; i++) {
        struct schedule s;
        assert_true(schedule_parse(&s, scripts[i].text));
        struct outcome ships = schedule_run(&s, 0);
        variant = scripts[i].variant;
        struct outcome bad = schedule_run(&s, 0);
        variant = VARIANT_AS_IT_SHIPS;
        bool found = bad.wrong[0] != 0 || scripts[i].variant == VARIANT_AS_IT_SHIPS;
        if (ships.wrong[0] != 0 || !found)
            fail_msg("%s: as it ships: %s; the variant: %s\n%s", variant_names[scripts[i].variant],
                     ships.wrong, bad.wrong[0] != 0 ? bad.wrong : "not found", scripts[i].text);
    }
}

/* On demand: GROUP_SCHEDULES of each, GROUP_VARIANT for one alone. */
static void variants_are_found(void **state)
{
    (void)state;
    const char *only = getenv("GROUP_VARIANT");
    for (int v = 1; v < VARIANT_COUNT && number("GROUP_VARIANTS", 0) + (only != NULL) > 0; v++) {
        struct schedule s;
        struct outcome o;
        if (only != NULL ? strcmp(only, variant_names[v]) != 0 : v % 2 == number("GROUP_HALF", -1))
            continue;
        long n = find((enum variant)v, (uint64_t)number("GROUP_SEED", 1), number("GROUP_SCHEDULES", 300),
                      (int)number("GROUP_MEMBERS", 2), &s, &o);
        fprintf(stderr, "== %s: %s\n", variant_names[v], variant_texts[v]);
        if (n < 0)
            fprintf(stderr, "not found\n");
        else
            fprintf(stderr, "found after %ld\n", n);
        if (n > 0)
            schedule_print(&s, &o, stderr);
    }
}

static void three_members(void **state)
{
    (void)state;
    run_many((uint64_t)number("GROUP_SEED", 1000), number("GROUP_SCHEDULES", 40), 3, true);
}

/* Of a seed: two members most often, three, four. */
static int members_of(uint64_t seed)
{
    uint64_t n = seed * 0x9e3779b97f4a7c15u >> 61;
    return n < 5 ? 2 : n < 7 ? 3 : 4;
}

/* On demand: GROUP_HOURS of a profile, from GROUP_SEED on. All findings are printed, and what there is so far. */
static void many_hours(void **state)
{
    (void)state;
    enum profile profile = profile_named(STEADY);
    double hours = (double)number("GROUP_HOURS", 0), said = 0;
    struct sum sum = {0};
    int wrong = 0;
    for (uint64_t seed = (uint64_t)number("GROUP_SEED", 1); sum.hours < hours; seed++) {
        struct schedule s;
        schedule_draw(&s, profile, seed, (int)number("GROUP_MEMBERS", members_of(seed)));
        wrong += !try_one(&s, &sum);
        if (sum.hours < said + 100 && sum.hours < hours)
            continue;
        said = sum.hours;
        say(&sum);
    }
    assert_int_equal(wrong, 0);
}

static void a_script(void **state)
{
    (void)state;
    char text[8192] = "";
    struct schedule s;
    struct sum sum = {0};
    const char *name = getenv("GROUP_SCRIPT");
    if (name == NULL)
        return;
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    assert_true(schedule_parse(&s, text));
    bool fine = try_one(&s, &sum);
    say(&sum);
    assert_true(fine);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_wrong_without_a_group),
        cmocka_unit_test(random_faults),
        cmocka_unit_test(three_members),
        cmocka_unit_test(scripts_tell_variants),
        cmocka_unit_test(variants_are_found),
        cmocka_unit_test(many_hours),
        cmocka_unit_test(a_script),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
