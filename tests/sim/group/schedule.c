/*
 * Schedules (schedule.h).
 *
 * Happy path: the world is built, its events happen until the end or the first finding, and it is taken down.
 * Failure modes: a script that does not parse is said.
 */
#include "schedule.h"

#include <stdlib.h>

#include "arena.h"
#include "ensemble.h"
#include "foreign.h"
#include "oracle.h"
#include "plot.h"

enum {
    DENSE_US = 70000000,
    DENSE_TICK_US = 50000,
    STEADY_US = 600000000,
    STEADY_TICK_US = 200000,
    BEAT_US = 3000000,
    SETTLE_US = 60000000, /* after the last fault */
};

static void draw_dense(struct world *w, struct schedule *s)
{
    s->n = 1 + (int)sup_below(&w->rng, 6);
    for (int i = 0; i < s->n; i++)
        s->faults[i] = fault_draw(w);
}

static void draw_plot(struct world *w, struct schedule *s)
{
    s->n = plot_draw(w, world_between(w, FAULTS_FROM_US, FAULTS_UNTIL_US / 2), s->faults);
    if (world_chance(w, 3))
        s->faults[s->n++] = fault_draw(w);
}

/* Each half a minute to two minutes after the one before; every third one has another close behind it. */
static void draw_steady(struct world *w, struct schedule *s)
{
    s->length_us = STEADY_US;
    s->beat_us = BEAT_US;
    s->settings.tick_us = STEADY_TICK_US;
    for (int64_t at = 0; s->n < FAULTS_MAX; s->n++) {
        bool close = s->n > 0 && world_chance(w, 3);
        at += close ? world_between(w, 0, 6000000) : world_between(w, 30000000, 120000000);
        if (at > STEADY_US - SETTLE_US)
            break;
        s->faults[s->n] = fault_draw(w);
        s->faults[s->n].at_us = at;
    }
}

/* What holds where nothing else is said. */
static struct schedule plain(uint64_t seed, int members)
{
    struct schedule s = {.seed = seed, .members = members, .clients = CLIENTS_PLAIN, .length_us = DENSE_US};
    s.settings = (struct member_settings){.group = true, .hold = true, .tick_us = DENSE_TICK_US};
    return s;
}

void schedule_draw(struct schedule *s, enum profile profile, uint64_t seed, int members)
{
    struct world w;
    world_init(&w, seed ^ 0x5eed);
    w.nmembers = members;
    *s = plain(seed, members);
    w.nclients = s->clients;
    s->settings.other_mounts = members > 1 && world_chance(&w, 8);
    s->settings.bounded = world_chance(&w, 6);
    s->settings.mixed = members > 1 && seed % 3 == 0;
    if (profile == STEADY)
        draw_steady(&w, s);
    else if (profile == PLOTTED)
        draw_plot(&w, s);
    else
        draw_dense(&w, s);
    s->insists = world_chance(&w, 4);
    if (world_chance(&w, 2))
        s->clients = CLIENTS_WIDE;
    s->varied = world_chance(&w, 3);
    world_free(&w);
}

static void gather(const struct world *w, struct outcome *o)
{
    memcpy(o->wrong, w->wrong, sizeof o->wrong);
    o->at_us = w->now_us;
    o->simulated_us = w->now_us - 1000000;
    o->events = w->events;
    for (int c = 0; c < w->nclients; c++)
        o->answers += w->clients[c].answers;
    o->writes = oracle_writes(w);
    o->ensemble_writes = ensemble_writes(w);
    o->faults = faults_done(w);
    o->figures = watchdog_figures(w);
}

static bool has(const struct schedule *s, enum fault_kind kind)
{
    for (int i = 0; i < s->n; i++)
        if (s->faults[i].kind == kind)
            return true;
    return false;
}

struct outcome schedule_run(const struct schedule *s, int trace)
{
    struct world w;
    struct outcome o = {.wrong = ""};
    arena_begin();
    world_init(&w, s->seed);
    member_settings = s->settings;
    w.nmembers = s->members;
    w.nclients = s->clients;
    w.wide = s->clients == CLIENTS_WIDE;
    w.follows = s->seed % 4 > 1 ? FOLLOWS_PATHS : s->seed % 8 < 4 ? FOLLOWS_LIST : FOLLOWS_ALL;
    w.lagging = s->settings.bounded || has(s, FAULT_FOREIGN);
    w.trace = trace > 0;
    w.trace_all = trace > 1;
    w.insists = s->insists;
    w.varied = s->varied;
    w.beat_us = s->beat_us;
    w.end_us = w.now_us + s->length_us;
    faults_start(&w, s->faults, s->n);
    foreign_start(&w);
    net_start(&w);
    watchdog_start(&w);
    oracle_start(&w);
    ensemble_start(&w);
    members_start(&w);
    clients_start(&w);
    while (world_next(&w))
        continue;
    if (w.wrong[0] == 0)
        watchdog_ends(&w);
    gather(&w, &o);
    w.wrong[0] = 0;
    members_stop(&w);
    clients_stop(&w);
    ensemble_stop(&w);
    oracle_stop(&w);
    watchdog_stop(&w);
    net_stop(&w);
    foreign_stop(&w);
    faults_stop(&w);
    world_free(&w);
    return o;
}

/* ---- shrinking ------------------------------------------------------------------------------------------- */

/* The letter of the invariant. */
static char kind_of(const struct outcome *o)
{
    return o->wrong[0] == '(' ? o->wrong[1] : o->wrong[0];
}

static bool still(const struct schedule *s, char kind)
{
    struct outcome o = schedule_run(s, 0);
    return kind_of(&o) == kind;
}

static bool without(struct schedule *s, int i, char kind)
{
    struct schedule less = *s;
    memmove(&less.faults[i], &less.faults[i + 1], (size_t)(--less.n - i) * sizeof *less.faults);
    if (!still(&less, kind))
        return false;
    *s = less;
    return true;
}

static void shorter(struct schedule *s, int i, char kind)
{
    for (int tries = 0; tries < 4; tries++) {
        struct schedule less = *s;
        less.faults[i].for_us /= 2;
        if (!still(&less, kind))
            return;
        *s = less;
    }
}

void schedule_shrink(struct schedule *s)
{
    struct outcome o = schedule_run(s, 0);
    char kind = kind_of(&o);
    for (bool any = true; any;) {
        any = false;
        for (int i = s->n - 1; i >= 0; i--)
            any |= without(s, i, kind);
    }
    for (int i = 0; i < s->n; i++)
        shorter(s, i, kind);
}

/* ---- scripts --------------------------------------------------------------------------------------------- */

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

void schedule_print(const struct schedule *s, const struct outcome *o, FILE *to)
{
    fprintf(to, "# %s\nseed %llu members %d clients %d%s%s%s%s%s%s", o->wrong, (unsigned long long)s->seed,
            s->members, s->clients, s->settings.group ? "" : " alone",
            s->settings.other_mounts ? " other-mounts" : "", s->settings.bounded ? " bounded" : "",
            s->settings.mixed ? " mixed" : "", s->insists ? " insists" : "", s->varied ? " varied" : "");
    if (s->beat_us > 0)
        fprintf(to, " length %.6f beat %.6f tick %.6f", seconds(s->length_us), seconds(s->beat_us),
                seconds(s->settings.tick_us));
    fputc('\n', to);
    for (int i = 0; i < s->n; i++) {
        const struct fault *f = &s->faults[i];
        fprintf(to, "%s", fault_names[f->kind]);
        if (f->moment >= 0)
            fprintf(to, " when %s after %d", moment_names[f->moment], f->nth);
        fprintf(to, " at %.6f for %.6f a %d b %d delay %.6f%s\n", seconds(f->at_us), seconds(f->for_us), f->a,
                f->b, seconds(f->delay_us),
                !f->sender       ? ""
                : f->moment >= 0 ? " sender"
                                 : " primary");
    }
}

static int index_of(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static bool wrong_word(const char *word)
{
    fprintf(stderr, "schedule: what is \"%s\"?\n", word);
    return false;
}

static int64_t micros(const char *text)
{
    return (int64_t)(strtod(text, NULL) * 1e6 + 0.5);
}

/* "key value" of a line; false for a key that is none. */
static bool set_value(struct schedule *s, struct fault *f, const char *key, const char *value)
{
    if (strcmp(key, "seed") == 0)
        s->seed = strtoull(value, NULL, 10);
    else if (strcmp(key, "members") == 0)
        s->members = atoi(value);
    else if (strcmp(key, "clients") == 0)
        s->clients = atoi(value);
    else if (strcmp(key, "length") == 0)
        s->length_us = micros(value);
    else if (strcmp(key, "beat") == 0)
        s->beat_us = micros(value);
    else if (strcmp(key, "tick") == 0)
        s->settings.tick_us = micros(value);
    else if (strcmp(key, "at") == 0)
        f->at_us = micros(value);
    else if (strcmp(key, "for") == 0)
        f->for_us = micros(value);
    else if (strcmp(key, "delay") == 0)
        f->delay_us = micros(value);
    else if (strcmp(key, "a") == 0)
        f->a = atoi(value);
    else if (strcmp(key, "b") == 0)
        f->b = atoi(value);
    else if (strcmp(key, "after") == 0)
        f->nth = atoi(value);
    else if (strcmp(key, "when") == 0)
        f->moment = index_of(moment_names, MOMENT_COUNT, value);
    else
        return wrong_word(key);
    return true;
}

static bool parse_line(struct schedule *s, char *line)
{
    static struct fault nothing;
    char *rest = NULL;
    struct fault *f = &nothing;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        int kind = index_of(fault_names, FAULT_COUNT, word);
        if (word[0] == '#')
            return true;
        if (kind >= 0 && s->n < FAULTS_MAX) {
            f = &s->faults[s->n++];
            *f = (struct fault){.kind = (enum fault_kind)kind, .moment = -1};
        } else if (strcmp(word, "sender") == 0 || strcmp(word, "primary") == 0) {
            f->sender = true;
        } else if (strcmp(word, "alone") == 0) {
            s->settings.group = false;
        } else if (strcmp(word, "other-mounts") == 0) {
            s->settings.other_mounts = true;
        } else if (strcmp(word, "mixed") == 0) {
            s->settings.mixed = true;
        } else if (strcmp(word, "insists") == 0) {
            s->insists = true;
        } else if (strcmp(word, "varied") == 0) {
            s->varied = true;
        } else if (strcmp(word, "bounded") == 0) {
            s->settings.bounded = true;
        } else {
            char *value = strtok_r(NULL, " ", &rest);
            if (value == NULL || !set_value(s, f, word, value))
                return false;
        }
    }
    return true;
}

bool schedule_parse(struct schedule *s, const char *text)
{
    *s = plain(0, 2);
    char *copy = strdup(text), *rest = NULL;
    bool fine = copy != NULL;
    for (char *line = strtok_r(copy, "\n", &rest); fine && line != NULL; line = strtok_r(NULL, "\n", &rest))
        fine = parse_line(s, line);
    free(copy);
    return fine;
}
