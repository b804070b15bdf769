/*
 * Faults (fault.h).
 *
 * Happy path: each is done at its time, or when the moment that it waits for has come; it ends by itself.
 * Failure modes: one that has no object in this world, because there are too few members, does nothing.
 */
#include "fault.h"

#include <stdlib.h>

#include "client.h"
#include "ensemble.h"
#include "foreign.h"
#include "member.h"
#include "watchdog.h"

const char *const fault_names[] = {
#define X(name, text) text,
    FAULTS
#undef X
};
const char *const moment_names[] = {
#define X(name, text) text,
    MOMENTS
#undef X
};

struct faults {
    struct fault list[FAULTS_MAX];
    int n;
    bool armed[FAULTS_MAX];
    int narmed;
    int passed[FAULTS_MAX];
    int64_t begin_us, over_us, refused_until[MEMBERS_MAX];
    struct {
        const struct fault *fault;
        int64_t from_us, until_us;
    } done[FAULTS_MAX]; /* in the order of their begin */
    int ndone;
};

enum { SETTLED_US = 60000000 /* after a fault's end: nothing that happens then comes from it */ };

/* ---- what each does -------------------------------------------------------------------------------------- */

static void note(struct world *w, const struct fault *fault, int64_t until_us)
{
    struct faults *f = w->faults;
    f->over_us = until_us > f->over_us ? until_us : f->over_us;
    f->done[f->ndone].fault = fault;
    f->done[f->ndone].from_us = w->now_us;
    f->done[f->ndone++].until_us = until_us;
}

static void cut_front(struct world *w, int m, int64_t until)
{
    for (int s = 0; s < SERVERS; s++)
        net_cut(w, host_member(m), host_server(s), until);
}

static void cut_back(struct world *w, int m, int64_t until)
{
    cut_front(w, m, until);
    for (int o = 0; o < w->nmembers; o++)
        if (o != m)
            net_cut(w, host_member(m), host_member(o), until);
}

static void cut_all(struct world *w, int m, int64_t until)
{
    cut_back(w, m, until);
    for (int c = 0; c < w->nclients; c++)
        net_cut(w, host_member(m), host_client(c), until);
}

static void cut_server(struct world *w, int s, int64_t until)
{
    for (int o = 0; o < SERVERS; o++)
        if (o != s)
            net_cut(w, host_server(s), host_server(o), until);
}

static void member_back(struct world *w, int m, int64_t boot)
{
    if (!w->hosts[m].alive && w->hosts[m].boot == (uint32_t)boot)
        member_starts(w, m);
}

static void member_goes(struct world *w, int m, bool host, int64_t until)
{
    if (!w->hosts[m].alive)
        return;
    w->hosts[m].lost = host;
    member_killed(w, m);
    world_at(w, until, member_back, m, w->hosts[m].boot);
}

static void pause(struct world *w, int host, int64_t until)
{
    if (w->hosts[host].alive && w->hosts[host].paused_until < until)
        w->hosts[host].paused_until = until;
}

static void server_back(struct world *w, int s, int64_t boot)
{
    if (!w->hosts[host_server(s)].alive && w->hosts[host_server(s)].boot == (uint32_t)boot)
        ensemble_revive(w, s);
}

static void wipe(struct world *w, bool all)
{
    bool there = ensemble_tree(w) != NULL;
    if (there)
        watchdog_wiped(w);
    (void)ensemble_bypass_delete(w, GROUP_PATH "/primary");
    if (all)
        (void)ensemble_bypass_delete(w, GROUP_PATH "/copies");
}

static void to_member(struct world *w, const struct fault *f, int m, int64_t until)
{
    int other = f->b % w->nmembers;
    other = other == m ? (m + 1) % w->nmembers : other;
    switch (f->kind) {
    case FAULT_KILL:
    case FAULT_HOST_LOST:
        member_goes(w, m, f->kind == FAULT_HOST_LOST, until);
        break;
    case FAULT_PAUSE:
        pause(w, m, until);
        break;
    case FAULT_LEAVE:
        member_leaves(w, m, f->for_us);
        break;
    case FAULT_CUT_MEMBERS:
        net_cut(w, m, other, until);
        watchdog_troubled(w, other, until);
        break;
    case FAULT_CUT_FRONT:
        cut_front(w, m, until);
        break;
    case FAULT_CUT_SERVER:
        net_cut(w, m, host_server(f->b % SERVERS), until);
        break;
    case FAULT_ISOLATE:
        cut_all(w, m, until);
        break;
    case FAULT_CUT_BACK:
        cut_back(w, m, until);
        break;
    case FAULT_SLOW_MEMBERS:
        net_slow(w, m, other, f->delay_us, until);
        break;
    case FAULT_SLOW_FRONT:
        for (int s = 0; s < SERVERS; s++)
            net_slow(w, m, host_server(s), f->delay_us, until);
        break;
    case FAULT_RESET:
        net_reset_between(w, m, other);
        break;
    default:
        net_refuse(w, m, PORT_MEMBERS, until);
        w->faults->refused_until[m] = until;
        break;
    }
    watchdog_troubled(w, m, until);
}

static void to_others(struct world *w, const struct fault *f, int64_t until)
{
    int s = f->a % SERVERS, c = f->a % w->nclients;
    switch (f->kind) {
    case FAULT_CUT_CLIENT:
        net_cut(w, host_client(c), host_member(f->b % w->nmembers), until);
        break;
    case FAULT_NO_QUORUM:
        for (s = 0; s < SERVERS; s++)
            cut_server(w, s, until);
        break;
    case FAULT_SERVER_ALONE:
        cut_server(w, s, until);
        break;
    case FAULT_SERVER_DIES:
        ensemble_kill(w, s);
        world_at(w, until, server_back, s, w->hosts[host_server(s)].boot);
        break;
    case FAULT_SERVER_PAUSE:
        pause(w, host_server(s), until);
        break;
    case FAULT_SERVER_LAGS:
        ensemble_lag(w, s, f->delay_us, until);
        break;
    case FAULT_WIPE_PRIMARY:
    case FAULT_WIPE_ALL:
        wipe(w, f->kind == FAULT_WIPE_ALL);
        break;
    case FAULT_FOREIGN:
        foreign_comes(w, f->a, until);
        break;
    default:
        client_dies(w, c, f->kind == FAULT_CLIENT_LOST, f->for_us);
        break;
    }
}

static bool is_members(enum fault_kind kind)
{
    return kind <= FAULT_REFUSE && kind != FAULT_CUT_CLIENT;
}

static int primary_now(const struct world *w)
{
    int m = 0;
    struct core_group_info info;
    while (m < w->nmembers - 1 && !(member_info(w, m, &info) && info.role == PK_ROLE_PRIMARY))
        m++;
    return m;
}

static bool takes_time(enum fault_kind kind)
{
    return kind != FAULT_RESET && kind != FAULT_WIPE_PRIMARY && kind != FAULT_WIPE_ALL &&
           kind != FAULT_FOREIGN;
}

static void do_to(struct world *w, int i, int64_t m)
{
    const struct fault *f = &w->faults->list[i];
    int64_t until = w->now_us + f->for_us;
    bool members = is_members(f->kind);
    world_trace(w, "*** %s %d %d for %.3f s", fault_names[f->kind], members ? (int)m : f->a, f->b,
                (double)f->for_us / 1e6);
    bool slow = f->kind == FAULT_SLOW_MEMBERS || f->kind == FAULT_SLOW_FRONT;
    note(w, f, !takes_time(f->kind) ? w->now_us : until + (slow ? 2 * f->delay_us : 0));
    if (members)
        to_member(w, f, (int)m, until);
    else
        to_others(w, f, until);
}

static void begin(struct world *w, int i, int64_t unused)
{
    struct fault *f = &w->faults->list[i];
    (void)unused;
    if (f->moment < 0)
        do_to(w, i, f->sender ? primary_now(w) : f->a % w->nmembers);
    else
        w->faults->narmed += w->faults->armed[i] = true;
}

void faults_start(struct world *w, const struct fault *list, int n)
{
    w->faults = calloc(1, sizeof *w->faults);
    assert_non_null(w->faults);
    w->faults->n = n;
    w->faults->begin_us = w->faults->over_us = w->now_us;
    for (int i = 0; i < MEMBERS_MAX; i++)
        w->faults->refused_until[i] = INT64_MIN / 2;
    for (int i = 0; i < n; i++) {
        w->faults->list[i] = list[i];
        world_at(w, w->now_us + list[i].at_us, begin, i, 0);
    }
}

void faults_stop(struct world *w)
{
    free(w->faults);
}

/* ---- moments --------------------------------------------------------------------------------------------- */

static void reach(struct world *w, enum moment moment, int from, int to)
{
    struct faults *f = w->faults;
    for (int i = 0; i < f->n; i++) {
        if (!f->armed[i] || f->list[i].moment != (int)moment || f->passed[i]++ < f->list[i].nth)
            continue;
        f->armed[i] = false;
        f->narmed--;
        int m = f->list[i].sender ? from : to;
        m = m >= 0 && m < w->nmembers ? m : from >= 0 && from < w->nmembers ? from : to;
        if (m >= 0 && m < w->nmembers)
            world_at(w, w->now_us + f->list[i].delay_us, do_to, i, m);
    }
}

void faults_moment(struct world *w, enum moment moment, int member)
{
    reach(w, moment, member, (member + 1) % w->nmembers);
}

static bool has(const uint8_t *p, size_t len, const char *text)
{
    return memmem(p, len, text, strlen(text)) != NULL;
}

static void see_request(struct world *w, int from, const uint8_t *p, size_t len)
{
    int op = (int)sup_be32(p + 4), to = (from + 1) % w->nmembers;
    if (op == PK_OP_CLOSE_SESSION && len == 8)
        reach(w, MOMENT_SESSION_CLOSED, from, to);
    else if (op == PK_OP_MULTI && has(p, len, GROUP_PATH "/primary"))
        reach(w, MOMENT_TRYING, from, to);
    else if ((op == PK_OP_MULTI || op == PK_OP_SET_DATA) && has(p, len, GROUP_PATH "/copies"))
        reach(w, MOMENT_LIST_SENT, from, to);
    else if (op == PK_OP_MULTI && has(p, len, "/storm/workerbeats/"))
        reach(w, MOMENT_PROMOTION_SENT, from, to);
    else if (op == PK_OP_MULTI && has(p, len, "/wb/"))
        reach(w, MOMENT_FLUSH_SENT, from, to);
    else if (op == PK_OP_EXISTS && has(p, len, GROUP_PATH "/primary"))
        reach(w, MOMENT_QUESTION, from, to);
    else if (op == 0 && len >= 28 && sup_be64(p + 16) != 0)
        reach(w, MOMENT_ATTACH, from, to);
}

static void see_link(struct world *w, int from, int to, const uint8_t *p, size_t len)
{
    static const enum moment kinds[] = {
        [1] = MOMENT_HELLO,        [2] = MOMENT_WELCOME, [4] = MOMENT_SNAPSHOT, [5] = MOMENT_RECORD,
        [6] = MOMENT_SNAPSHOT_END, [8] = MOMENT_ACK,     [9] = MOMENT_GOODBYE,  [10] = MOMENT_RECORD,
    };
    if (len >= 1 && p[0] < sizeof kinds / sizeof kinds[0] && kinds[p[0]] != 0)
        reach(w, kinds[p[0]], from, to);
}

void faults_see(struct world *w, int from, int to, enum net_port port, const uint8_t *p, size_t len)
{
    if (w->faults->narmed == 0 || !is_member(from) || len < 12 || port == PORT_PROBE)
        return;
    if (is_member(to) && port == PORT_MEMBERS && len == 17 && p[0] == PK_TO_MEMBER_RELAY)
        reach(w, MOMENT_RELAY, from, to);
    for (size_t at = 0; len - at >= 5 && len - at >= 4 + (size_t)sup_be32(p + at);
         at += 4 + sup_be32(p + at)) {
        if (is_server(to) && sup_be32(p + at) >= 8)
            see_request(w, from, p + at + 4, sup_be32(p + at));
        else if (is_member(to))
            see_link(w, from, to, p + at + 4, sup_be32(p + at));
    }
}

void faults_change(struct world *w, const struct tree_change *c)
{
    int m = primary_now(w);
    if (strcmp(c->path, GROUP_PATH "/copies") == 0 && c->type != PK_EVENT_CHILDREN_CHANGED)
        faults_moment(w, MOMENT_LIST_MADE, m);
    else if (c->type == PK_EVENT_CREATED && strncmp(c->path, "/storm/workerbeats/", 19) == 0)
        faults_moment(w, MOMENT_PROMOTION_MADE, m);
    else if (c->type == PK_EVENT_DATA_CHANGED && strncmp(c->path, "/wb/", 4) == 0)
        faults_moment(w, MOMENT_FLUSH_MADE, m);
}

/* ---- draws ----------------------------------------------------------------------------------------------- */

/* Mostly short, sometimes long. */
static int64_t duration(struct world *w)
{
    int64_t most = INT64_C(60000) << sup_below(&w->rng, 8);
    return 20000 + world_between(w, most / 4, most);
}

struct fault fault_draw(struct world *w)
{
    static const enum fault_kind often[] = {
        FAULT_KILL,        FAULT_KILL,         FAULT_KILL,         FAULT_HOST_LOST,    FAULT_HOST_LOST,
        FAULT_PAUSE,       FAULT_PAUSE,        FAULT_PAUSE,        FAULT_LEAVE,        FAULT_CUT_MEMBERS,
        FAULT_CUT_MEMBERS, FAULT_CUT_FRONT,    FAULT_ISOLATE,      FAULT_CUT_BACK,     FAULT_SLOW_MEMBERS,
        FAULT_CUT_BACK,    FAULT_REFUSE,       FAULT_WIPE_PRIMARY, FAULT_SERVER_ALONE, FAULT_SERVER_ALONE,
        FAULT_SERVER_DIES, FAULT_SERVER_PAUSE, FAULT_FOREIGN,      FAULT_FOREIGN,
    };
    static const enum fault_kind at_moments[] = {FAULT_KILL,      FAULT_KILL,    FAULT_HOST_LOST,
                                                 FAULT_PAUSE,     FAULT_ISOLATE, FAULT_CUT_MEMBERS,
                                                 FAULT_CUT_FRONT, FAULT_RESET,   FAULT_FOREIGN};
    static const enum moment busy[] = {MOMENT_RECORD,         MOMENT_RECORD,         MOMENT_ACK,
                                       MOMENT_PROMOTION_SENT, MOMENT_PROMOTION_MADE, MOMENT_FLUSH_SENT,
                                       MOMENT_FLUSH_MADE};
    struct fault f = {
        .moment = -1, .at_us = world_between(w, FAULTS_FROM_US, FAULTS_UNTIL_US), .for_us = duration(w)};
    f.kind = world_chance(w, 3) ? (enum fault_kind)sup_below(&w->rng, FAULT_COUNT)
                                : often[sup_below(&w->rng, sizeof often / sizeof often[0])];
    f.a = (int)sup_below(&w->rng, 60);
    f.b = (f.a + 1 + (int)sup_below(&w->rng, w->nmembers > 1 ? (uint32_t)w->nmembers - 1 : 1)) % 60;
    f.sender = is_members(f.kind) && world_chance(w, 2);
    f.delay_us = world_between(w, 20000, 900000);
    if (world_chance(w, 3)) {
        f.kind = at_moments[sup_below(&w->rng, sizeof at_moments / sizeof at_moments[0])];
        f.moment = world_chance(w, 2) ? (int)busy[sup_below(&w->rng, sizeof busy / sizeof busy[0])]
                                      : (int)sup_below(&w->rng, MOMENT_COUNT);
        f.nth = world_chance(w, 2) ? 0 : (int)sup_below(&w->rng, 40);
        f.delay_us = world_chance(w, 2) ? 0 : world_between(w, 0, world_chance(w, 2) ? 3000 : 500000);
        f.sender = world_chance(w, 2);
    }
    return f;
}

/* ---- what they excuse ------------------------------------------------------------------------------------ */

int64_t faults_over_us(const struct world *w)
{
    return w->faults->over_us;
}

int64_t faults_begun_us(const struct world *w)
{
    const struct faults *f = w->faults;
    return f->ndone > 0 ? f->done[f->ndone - 1].from_us : f->begin_us;
}

int64_t faults_delay(const struct world *w, int64_t since_us)
{
    const struct faults *f = w->faults;
    int64_t from_us = since_us - SETTLED_US;
    int64_t sum_us = ensemble_leaderless_us(w, from_us);
    for (int i = 0; i < f->ndone; i++)
        if (f->done[i].until_us >= from_us && f->done[i].fault->kind != FAULT_CLIENT_DIES &&
            f->done[i].fault->kind != FAULT_CLIENT_LOST)
            sum_us += f->done[i].until_us - f->done[i].from_us;
    return sum_us + (int64_t)ensemble_elections(w, from_us) * CLIENT_TIMEOUT_MS * 1000;
}

int faults_done(const struct world *w)
{
    return w->faults->ndone;
}

bool faults_refused(const struct world *w, int m)
{
    return w->now_us - w->faults->refused_until[m] < 10000000;
}

/* What may still have consequences is one fault of these kinds. */
static bool only(const struct world *w, uint32_t kinds, int64_t most_us)
{
    const struct faults *f = w->faults;
    int n = 0;
    for (int i = 0; i < f->ndone; i++) {
        const struct fault *fault = f->done[i].fault;
        if (w->now_us - f->done[i].until_us > SETTLED_US)
            continue;
        if ((kinds >> fault->kind & 1) == 0 || fault->for_us > most_us)
            return false;
        n++;
    }
    return n == 1 || (n == 0 && w->now_us - f->begin_us > SETTLED_US);
}

/* A client may have been silent for a third of its timeout before, and believes in its session for two thirds: in the
 * third between them there is a new leader, too, and every server follows it. */
bool faults_spare_connections(const struct world *w)
{
    return only(w, 1u << FAULT_NO_QUORUM, CLIENT_TIMEOUT_MS * 1000 / 5);
}

bool faults_spare_sessions(const struct world *w)
{
    uint32_t kinds =
        1u << FAULT_NO_QUORUM | 1u << FAULT_KILL | 1u << FAULT_LEAVE | 1u << FAULT_RESET | 1u << FAULT_REFUSE;
    return only(w, kinds, INT64_MAX);
}
