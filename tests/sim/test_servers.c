/*
 * Held clients on an ensemble of several servers (ensemble.h) that lag, die, hang, come back and elect, against an
 * oracle that knows only the ensemble's log: random clients with every kind of watch, in virtual time and in pieces.
 *
 *   test_servers                     some hundred schedules, then one run with each deliberate defect (must be found)
 *   PK_ROUNDS=20000 ...              that many schedules, of some 400 steps each
 *   PK_SEED=77 PK_ROUNDS=1 ...       from that seed on; PK_TRACE=1 says what happens to the servers
 *
 * No event is lost, none comes twice, none after an answer that shows what it tells, its zxid is right; no answer is
 * older than one before; no write is carried out twice, or answered and not carried out; beats are answered meanwhile;
 * no session is kept alive without a sign of life; nobody believes in one for longer than the ensemble's last word
 * allows; nobody is closed without a reason; and when all is well again, everybody is served.
 */
#include "servers_clients.h"
#include "servers_hear.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/inspect.h"
#include "wire.h"

enum { STEPS = 400, ROUNDS = 100, SERVERS = 3, STEP_US = 250000 };
enum fault {
    SOUND,
    CLIENT_FAULTS = ANSWER_UNHEARD, /* those of enum client_fault come first */
    WATCHES_FORGOTTEN,
    OLD_ANSWERS,
    WRITTEN_TWICE,
    OTHER_ZXIDS,
    PROLONGED,
    FAULTS
};

static struct sim s;
static struct ensemble e;
static struct sim_ground g;
static struct sup_rng rng;
static enum fault fault;
static int64_t good_since_ms[SERVERS];
static int64_t held_in_all, attached_in_all;

int64_t servers_good_ms(int server)
{
    return good_since_ms[server] == 0 ? 0 : e.now_ms - good_since_ms[server];
}

static void look_at_servers(void)
{
    for (int i = 0; i < SERVERS; i++) {
        const struct ensemble_server *server = &e.servers[i];
        bool good =
            server->state == ENSEMBLE_SERVING && !server->frozen && !server->lags && ensemble_commits(&e);
        if (!good)
            good_since_ms[i] = 0;
        else if (good_since_ms[i] == 0)
            good_since_ms[i] = e.now_ms;
    }
}

static void tend(void)
{
    for (int who = 0; who < CLIENTS; who++)
        person_tend(&g, who);
}

static void pass(int64_t us)
{
    while (us > 0 && wrong[0] == 0) {
        sim_advance(&s, us < STEP_US ? us : STEP_US);
        us -= STEP_US;
        look_at_servers();
        tend();
    }
}

static void wrote(void *ctx, int c, const uint8_t *p, size_t len)
{
    (void)ctx;
    person_life(&g, c, p, len);
}

/* Something else keeps a sleeping client's session alive. */
static void prolong(int who)
{
    struct sup_buf b = {0};
    if (fault != PROLONGED || !persons[who].connected || s.conns[persons[who].c].closed)
        return;
    wire_ping(&b);
    sim_send(&s, persons[who].c, &b);
    sup_buf_free(&b);
}

static void disturb_server(void)
{
    int i = (int)sup_below(&rng, SERVERS), n = (int)sup_below(&rng, 4);
    bool coin = sup_below(&rng, 2) != 0;
    switch (sup_below(&rng, 8)) {
    case 0:
        trace(&g, "kill %d (leader %d)", i, e.leader);
        ensemble_kill(&e, i, coin);
        break;
    case 1:
        trace(&g, "freeze %d (leader %d)", i, e.leader);
        ensemble_freeze(&e, i);
        break;
    case 2:
        trace(&g, "lag %d %d", i, n > 0);
        e.servers[i].lags = n > 0;
        break;
    case 3:
        ensemble_apply(&e, i, n);
        break;
    case 4:
        trace(&g, "restart %d (leader %d)", i, e.leader);
        ensemble_kill(&e, i, coin);
        ensemble_start(&e, i);
        break;
    case 5:
        trace(&g, "thaw %d", i);
        ensemble_thaw(&e, i, coin);
        break;
    default:
        trace(&g, "start %d", i);
        ensemble_thaw(&e, i, coin);
        ensemble_start(&e, i);
        e.servers[i].lags &= coin;
        break;
    }
    look_at_servers();
}

static void one_step(void)
{
    int who = (int)sup_below(&rng, CLIENTS);
    uint32_t what = sup_below(&rng, 100);
    if (what < 60)
        person_ask(&g, who, &rng);
    else if (what < 72)
        disturb_server();
    else if (what < 73)
        person_sleep(&g, who, 1000 * (int64_t)sup_below(&rng, 2 * T_MS));
    else if (what < 95)
        pass(1000 * (int64_t)sup_below(&rng, 300));
    else
        pass(1000 * (int64_t)sup_below(&rng, 4000));
    if (g.s->now_us < persons[who].asleep_until_us)
        prolong(who);
    if (sup_below(&rng, 2))
        sim_pump(&s);
    tend();
}

static void heal(void)
{
    trace(&g, "all is well");
    for (int i = 0; i < SERVERS; i++) {
        ensemble_thaw(&e, i, false);
        ensemble_start(&e, i);
        e.servers[i].lags = false;
    }
    for (int who = 0; who < CLIENTS; who++)
        persons[who].asleep_until_us = 0;
    pass(4 * (int64_t)T_MS * 1000);
}

/* Everybody is served, and has heard everything. */
static void judge_end(void)
{
    struct sup_rng plain = {1};
    for (int who = 0; who < CLIENTS && wrong[0] == 0; who++) {
        struct person *p = &persons[who];
        if (!p->connected || s.conns[p->c].closed)
            say("is not served in the end", who, -1);
        else if (p->nasks > 0)
            say("waits for an answer in the end", who, p->asks[0].path);
    }
    for (int i = 0; i < 30 * CLIENTS && wrong[0] == 0; i++)
        person_ask(&g, i % CLIENTS, &plain);
    sim_pump(&s);
    pass(1000000);
}

static void begin(uint64_t seed)
{
    struct core_config config = sim_default_config;
    config.hold = true;
    rng = (struct sup_rng){seed * 2654435761u + 1};
    wrong[0] = 0;
    client_fault_done = false;
    client_fault = fault <= CLIENT_FAULTS ? (enum client_fault)fault : CLIENTS_SOUND;
    memset(good_since_ms, 0, sizeof good_since_ms);
    sim_init(&s, &config);
    s.rng.s = seed + 1;
    s.chunk = sup_below(&rng, 4) == 0 ? 1 + sup_below(&rng, 60) : 0;
    ensemble_init(&e, SERVERS, sup_below(&rng, 2) != 0 || fault == OTHER_ZXIDS);
    e.takes_old = e.forgets_sync = fault == OLD_ANSWERS;
    e.writes_twice = fault == WRITTEN_TWICE;
    for (int i = 0; i < SERVERS; i++) {
        e.servers[i].zk.forget_watches = fault == WATCHES_FORGOTTEN;
        e.servers[i].zk.events_lie = fault == OTHER_ZXIDS;
    }
    oracle_init();
    e.committed = oracle_committed;
    e.ctx = &e;
    sim_ground_init(&g, &s, &e);
    g.wrote = wrote;
    ensemble_time(&e, sim_wall_ms(&s));
    for (int who = 0; who < CLIENTS; who++)
        person_arrive(&g, who);
    sim_pump(&s);
    tend();
}

static void schedule(uint64_t seed)
{
    begin(seed);
    for (int step = 0; step < STEPS && wrong[0] == 0; step++)
        one_step();
    if (wrong[0] == 0)
        heal();
    if (wrong[0] == 0)
        judge_end();
    if (wrong[0] == 0 && oracle_wrong != NULL)
        say(oracle_wrong, 0, -1);
    held_in_all += core_stats(s.core)->holds;
    attached_in_all += core_stats(s.core)->attaches;
    sim_free(&s);
    ensemble_free(&e);
    oracle_free();
}

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? atoi(text) : otherwise;
}

static void schedules(void **state)
{
    int from = number("PK_SEED", 1), rounds = number("PK_ROUNDS", ROUNDS);
    (void)state;
    tracing = number("PK_TRACE", 0) != 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    fault = SOUND;
    for (int i = 0; i < rounds; i++) {
        schedule((uint64_t)(from + i));
        if (wrong[0] != 0)
            fail_msg("PK_SEED=%d: %s", from + i, wrong);
    }
    print_message("%d schedules: %lld holds, %lld attached, %lld events, %lld answers\n", rounds,
                  (long long)held_in_all, (long long)attached_in_all, (long long)events_in_all,
                  (long long)answers_in_all);
    assert_true(rounds < 20 ||
                (held_in_all >= rounds && events_in_all >= rounds && attached_in_all >= rounds));
}

static void each_defect_is_found(void **state)
{
    (void)state;
    tracing = false;
    for (fault = SOUND + 1; fault < FAULTS; fault++) {
        wrong[0] = 0;
        for (uint64_t seed = 1; seed < 200 && wrong[0] == 0; seed++)
            schedule(seed);
        if (wrong[0] == 0)
            fail_msg("defect %d is not found", (int)fault);
        print_message("defect %d: %s\n", (int)fault, wrong);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(schedules), cmocka_unit_test(each_defect_is_found)};
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
