/*
 * What each mode would spare, from what clients have asked so far.
 *
 * Happy path: with a mount in the mode relay every write below it is counted and changes nothing: a row for each mount,
 * one for what is outside, one for all. Failure modes: none; the figures are bounds, since watches, ACLs and the first
 * write of a znode keep some in the ensemble.
 */
#include "io/admin/lists.h"
#include "io/config/mounts.h"
#include "io/conn/pairs.h"

struct writes {
    int64_t all, memory, sets, plain; /* plain: creates, sets and deletes */
};

static int64_t answered(const struct pk_tally *t, enum pk_operation op)
{
    return t->answers[op][PK_OUTCOME_MEMORY] + t->answers[op][PK_OUTCOME_RELAYED] +
           t->answers[op][PK_OUTCOME_MERGED];
}

static void add(struct writes *w, const struct pk_tally *t)
{
    static const enum pk_operation plain[] = {PK_OPERATION_CREATE, PK_OPERATION_SET_DATA,
                                              PK_OPERATION_DELETE};
    w->sets += answered(t, PK_OPERATION_SET_DATA);
    w->all += answered(t, PK_OPERATION_MULTI);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        w->plain += answered(t, plain[i]);
        w->all += answered(t, plain[i]);
        w->memory += t->answers[plain[i]][PK_OUTCOME_MEMORY];
    }
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

static void row(struct pk_table *table, const char *name, const char *mode, const struct writes *w,
                double seconds)
{
    pk_table_text(table, "%s", name);
    pk_table_text(table, "%s", mode);
    pk_table_number(table, w->all);
    pk_table_real(table, seconds > 0 ? (double)w->all / seconds : 0);
    pk_table_real(table, percent(w->memory, w->all));
    pk_table_real(table, percent(w->plain, w->all));
    pk_table_real(table, percent(w->sets, w->all));
}

void pk_list_savings(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {{"mount", "MOUNT"},
                                               {"mode", "MODE"},
                                               {"writes", "WRITES"},
                                               {"writes_per_second", "WRITES/S"},
                                               {"spared_percent", "SPARED %"},
                                               {"pacemaker_percent", "PACEMAKER AT MOST %"},
                                               {"write_behind_percent", "WRITE-BEHIND AT MOST %"}};
    const struct pk_loop *loop = &admin->conns->loop;
    double seconds = (double)(loop->now_us - loop->started_us) / 1e6;
    struct core_mount_info info;
    struct writes outside = {0}, all = {0};
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    size_t i = 0;
    for (; core_mount_info(loop->core, i, &info); i++) {
        struct writes w = {0};
        add(&w, core_tally(loop->core, i));
        add(info.gone ? &outside : &all, core_tally(loop->core, i));
        if (!info.gone && table->n < most)
            row(table, info.path, pk_config_mode_name(info.mode), &w, seconds);
    }
    add(&outside, core_tally(loop->core, i));
    all.all += outside.all;
    outside.plain = outside.sets = 0; /* no mount, no mode */
    if (table->n < most)
        row(table, "outside", "", &outside, seconds);
    if (table->n < most)
        row(table, "all", "", &all, seconds);
}
