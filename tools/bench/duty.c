/*
 * Duties at work.
 *
 * Happy path: a duty's schedule says that a party is due; its steps are sent one after the other, each when the one
 * before has been answered, neighbouring steps of the same kind of repetition for each topology or supervisor; after
 * the last one the party waits for its next time. A step that looks for a znode, or lists one, may find none; a step
 * that makes one may find it there.
 * Failure modes: any other error counts in st->tally.refused and ends the sequence; so does a lost session, which is
 * counted elsewhere. A party that is due while it is still busy passes that time over, as Storm's timers do; it is
 * counted.
 */
#include "tools/bench/duty.h"

#include <stdlib.h>

#include "proto/records.h"
#include "tools/bench/request.h"
#include "tools/bench/storm.h"

enum { DATA_MAX = 1024 };
static const uint8_t data[DATA_MAX];

static void send_step(struct pk_chain *c, uint64_t now);

static uint32_t parties_of(const struct pk_storm *st, enum pk_party party)
{
    switch (party) {
    case PK_PARTY_WORKER:
        return st->workers;
    case PK_PARTY_NIMBUS:
        return 1;
    default:
        return st->supervisors;
    }
}

static struct pk_zs *session_of(const struct pk_chain *c)
{
    struct pk_storm *st = c->round->st;
    switch (c->round->duty->party) {
    case PK_PARTY_WORKER:
        return &st->crowd.s[c->party];
    case PK_PARTY_SUPERVISOR:
        return pk_storm_supervisor(st, c->party);
    case PK_PARTY_LEADER:
        return pk_storm_leader(st);
    default:
        return pk_storm_reader(st);
    }
}

static uint32_t items_of(const struct pk_storm *st, enum pk_each each)
{
    return each == PK_EACH_TOPOLOGY ? st->topologies : each == PK_EACH_SUPERVISOR ? st->supervisors : 1;
}

static void step_path(const struct pk_chain *c, const struct pk_step *step, char *path, size_t cap)
{
    const struct pk_storm *st = c->round->st;
    enum pk_party party = c->round->duty->party;
    uint32_t t = step->each == PK_EACH_TOPOLOGY ? c->item
                 : party == PK_PARTY_WORKER     ? st->w[c->party].topology
                                                : 0;
    uint32_t s = step->each == PK_EACH_SUPERVISOR ? c->item : party == PK_PARTY_SUPERVISOR ? c->party : 0;
    char name[PK_SUPERVISOR_NAME];
    pk_storm_supervisor_name(name, s);
    pk_line_path(path, cap, st->b->opt.root, step->path, st->topology[t] + strlen(st->beats_root) + 1, name);
}

/* ---- one sequence ---- */

static void end_chain(struct pk_chain *c)
{
    c->busy = false;
    pk_storm_idle(c->round->st);
}

/* Passes over steps for each of none; false at the end of the sequence. */
static bool find_step(struct pk_chain *c)
{
    const struct pk_step *steps = c->round->duty->steps;
    while (items_of(c->round->st, steps[c->step].each) == 0)
        c->step++;
    return steps[c->step].op != 0;
}

/* Moves on to the next step; false at the end of the sequence. */
static bool advance(struct pk_chain *c)
{
    const struct pk_step *steps = c->round->duty->steps;
    enum pk_each each = steps[c->step].each;
    c->step++;
    if (each != PK_ONCE && steps[c->step].each != each) {
        if (++c->item < items_of(c->round->st, each)) {
            while (c->step > 0 && steps[c->step - 1].each == each)
                c->step--;
        } else {
            c->item = 0;
        }
    }
    return find_step(c);
}

static bool is_expected(const struct pk_step *step, int32_t err)
{
    switch (err) {
    case PK_Z_OK:
        return true;
    case PK_Z_NO_NODE:
        return step->op == PK_OP_EXISTS || step->op == PK_OP_GET_CHILDREN2;
    case PK_Z_NODE_EXISTS:
        return step->op == PK_OP_CREATE || step->op == PK_OP_CREATE2;
    default:
        return false;
    }
}

static void on_answer(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_chain *c = s->task;
    struct pk_storm *st = c->round->st;
    bool good = is_expected(&c->round->duty->steps[c->step], r->err);
    if (r->err != PK_ZS_LOST) {
        st->duties.requests++;
        pk_bench_time(&st->duties.latency, r->asked, r->answered);
        st->tally.refused += !good;
    }
    if (good && advance(c))
        send_step(c, r->answered);
    else
        end_chain(c);
}

static void send_step(struct pk_chain *c, uint64_t now)
{
    const struct pk_step *step = &c->round->duty->steps[c->step];
    struct pk_zs *s = session_of(c);
    struct pk_bytes payload = {data, step->size};
    char path[PK_PATH_MAX];
    step_path(c, step, path, sizeof path);
    s->task = c;
    switch (step->op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
        pk_zs_create_as(s, step->op, step->ephemeral ? PK_CREATE_EPHEMERAL : PK_CREATE_PERSISTENT,
                        pk_zs_path(path), payload, on_answer, now);
        break;
    case PK_OP_SET_DATA:
        pk_zs_set(s, pk_zs_path(path), payload, on_answer, now);
        break;
    case PK_OP_DELETE:
        pk_zs_delete(s, pk_zs_path(path), on_answer, now);
        break;
    default:
        pk_zs_ask(s, step->op, pk_zs_path(path), step->watch, on_answer, now);
    }
}

static void begin_chain(struct pk_chain *c)
{
    if (session_of(c)->state != PK_ZS_READY)
        return;
    c->step = c->item = 0;
    if (!find_step(c))
        return;
    c->busy = true;
    c->round->st->busy++;
    send_step(c, uv_hrtime());
}

/* ---- rounds ---- */

static void on_due(struct pk_pace *p, uint32_t party, uint64_t due)
{
    struct pk_round *round = p->owner;
    (void)due;
    if (round->chains[party].busy)
        round->st->duties.late++;
    else
        begin_chain(&round->chains[party]);
    pk_zs_flush(&round->st->b->zl);
}

static bool make_round(struct pk_storm *st, struct pk_round *round, const struct pk_duty *duty)
{
    free(round->chains);
    *round = (struct pk_round){.st = st, .duty = duty, .parties = parties_of(st, duty->party)};
    round->pace.fd = -1;
    round->chains = calloc(round->parties > 0 ? round->parties : 1, sizeof *round->chains);
    for (uint32_t i = 0; round->chains != NULL && i < round->parties; i++)
        round->chains[i] = (struct pk_chain){.round = round, .party = i};
    return round->chains != NULL;
}

bool pk_duties_make(struct pk_storm *st)
{
    struct pk_duties *d = &st->duties;
    bool good = true;
    while (st->line->duties[d->nrounds].steps != NULL)
        d->nrounds++;
    d->rounds = calloc(d->nrounds, sizeof *d->rounds);
    for (uint32_t i = 0; d->rounds != NULL && i < d->nrounds; i++)
        good = make_round(st, &d->rounds[i], &st->line->duties[i]) && good;
    return d->rounds != NULL && good;
}

void pk_duties_free(struct pk_storm *st)
{
    struct pk_duties *d = &st->duties;
    for (uint32_t i = 0; d->rounds != NULL && i < d->nrounds; i++)
        free(d->rounds[i].chains);
    free(d->rounds);
    free(d->once.chains);
}

void pk_duty_once(struct pk_storm *st, const struct pk_duty *duty)
{
    struct pk_round *round = &st->duties.once;
    st->busy++;
    if (make_round(st, round, duty))
        for (uint32_t i = 0; i < round->parties; i++)
            begin_chain(&round->chains[i]);
    pk_zs_flush(&st->b->zl);
    pk_storm_idle(st);
}

bool pk_duties_start(struct pk_storm *st)
{
    for (uint32_t i = 0; i < st->duties.nrounds; i++) {
        struct pk_round *round = &st->duties.rounds[i];
        if (round->parties == 0)
            continue;
        round->pace = (struct pk_pace){.owner = round,
                                       .on_due = on_due,
                                       .parties = round->parties,
                                       .interval_ns = round->duty->period_ms * 1e6 / round->parties};
        if (!pk_pace_start(&round->pace, st->b->zl.uv))
            return false;
    }
    st->duties.requests = 0;
    return true;
}

void pk_duties_stop(struct pk_storm *st)
{
    for (uint32_t i = 0; i < st->duties.nrounds; i++)
        pk_pace_stop(&st->duties.rounds[i].pace);
}
