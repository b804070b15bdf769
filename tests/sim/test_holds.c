/*
 * Held clients against an oracle: random clients leave watches and read, somebody else writes, servers are lost in
 * every way, find others or do not, in virtual time and in pieces.
 *
 *   test_holds                       some thousand schedules, then one run with each deliberate defect (must be found)
 *   PK_ROUNDS=100000 ...             that many schedules
 *   PK_SEED=77 PK_ROUNDS=1 ...       from that seed on
 *
 * The oracle knows what each answer showed, which watches it left, and what is in the ensemble in the end. No event may
 * come that no watch is for; none twice; an answer that shows a change comes after its event; and in the end, when
 * everybody is served, no watch may stand at something that has changed. Nobody is held beyond the deadline.
 */
#include "tests/sim/core_fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { CLIENTS = 3, PATHS = 6, STEPS = 120, ROUNDS = 1500, T_MS = 10000, GONE = -1, UNARMED = -2 };
enum fault { SOUND, EVENT_LOST, EVENT_TWICE, WATCHES_FORGOTTEN };

static const char *const paths[PATHS] = {"/a", "/b", "/c", "/c/d", M "/x", M "/x/y"};

/* What a client has been shown of a path where it left a watch: a zxid, GONE, or UNARMED. */
struct person {
    int c, xid;
    int64_t data[PATHS], child[PATHS];
    int asked[1 << 12]; /* of each xid: the path, and 100 more for children */
};

static struct person persons[CLIENTS];
static struct sup_rng rng;
static enum fault fault;
static bool fault_done;
static char wrong[200];
static int64_t held_in_all, events_in_all;

static void say(const char *what, int who, int path)
{
    if (wrong[0] == 0)
        snprintf(wrong, sizeof wrong, "client %d, %s: %s", who, path >= 0 ? paths[path] : "", what);
}

static void arrive(int who)
{
    struct person *p = &persons[who];
    *p = (struct person){.c = sim_connect(&s, T_MS)};
    for (int i = 0; i < PATHS; i++)
        p->data[i] = p->child[i] = UNARMED;
}

static int path_of(const uint8_t *body)
{
    for (int i = 0; i < PATHS; i++)
        if (sup_be32(body + 8) == strlen(paths[i]) && memcmp(body + 12, paths[i], strlen(paths[i])) == 0)
            return i;
    return -1;
}

static void hear_event(int who, const struct sim_frame *f)
{
    struct person *p = &persons[who];
    int type = (int)sup_be32(f->body), path = path_of(f->body);
    events_in_all++;
    if (path < 0) {
        say("an event of an unknown path", who, path);
        return;
    }
    bool data = p->data[path] != UNARMED && type != PK_EVENT_CHILDREN_CHANGED;
    bool child = p->child[path] != UNARMED && (type == PK_EVENT_CHILDREN_CHANGED || type == PK_EVENT_DELETED);
    if (!data && !child)
        say("an event without a watch", who, path);
    if (type != PK_EVENT_CHILDREN_CHANGED)
        p->data[path] = UNARMED;
    if (type == PK_EVENT_CHILDREN_CHANGED || type == PK_EVENT_DELETED)
        p->child[path] = UNARMED;
}

static void hear_answer(int who, const struct sim_frame *f)
{
    struct person *p = &persons[who];
    int path = p->asked[f->xid] % 100;
    int64_t *at = p->asked[f->xid] >= 100 ? &p->child[path] : &p->data[path];
    int64_t shown = GONE;
    if (f->err == PK_Z_OK) {
        struct pk_stat st = sim_stat(f);
        shown = p->asked[f->xid] >= 100 ? st.pzxid : st.mzxid;
    } else if (at == &p->child[path]) {
        return; /* no watch on children that are not there */
    }
    if (*at != UNARMED && *at != shown)
        say("an answer shows a change before its event", who, path);
    *at = shown;
}

static void hear(int who)
{
    struct sim_frame f;
    while (persons[who].c >= 0 && sim_frame(&s, persons[who].c, &f)) {
        bool event = f.xid == PK_XID_NOTIFICATION;
        if (event && fault == EVENT_LOST && !fault_done) {
            fault_done = true;
            continue;
        }
        if (event)
            hear_event(who, &f);
        else if (f.xid > 0)
            hear_answer(who, &f);
        if (event && fault == EVENT_TWICE && !fault_done) {
            fault_done = true;
            hear_event(who, &f);
        }
    }
}

/* Who was closed comes back as somebody else. */
static void look_after(int who)
{
    static const enum pk_close good[] = {PK_CLOSE_HOLD_DEADLINE, PK_CLOSE_NOT_HELD_PART, PK_CLOSE_UPLINK_LOST,
                                         PK_CLOSE_UPLINK_SILENT, PK_CLOSE_SESSION_INVALID};
    struct person *p = &persons[who];
    hear(who);
    if (p->c >= 0 && !s.conns[p->c].closed)
        return;
    bool known = p->c < 0;
    for (size_t i = 0; p->c >= 0 && i < sizeof good / sizeof good[0]; i++)
        known |= s.conns[p->c].why == good[i];
    if (!known)
        say("closed for a reason that is none", who, -1);
    if (p->c >= 0)
        sim_forget(&s, p->c);
    arrive(who);
}

static void ask(int who)
{
    struct person *p = &persons[who];
    int path = (int)sup_below(&rng, PATHS);
    bool child = sup_below(&rng, 3) == 0;
    if (p->xid + 1 >= (int)(sizeof p->asked / sizeof p->asked[0]))
        return;
    p->asked[++p->xid] = path + (child ? 100 : 0);
    wire_read(&b, p->xid, child ? PK_OP_GET_CHILDREN2 : PK_OP_EXISTS, paths[path], true);
    sim_send(&s, p->c, &b);
    sup_buf_reset(&b);
}

static void somebody_writes(void)
{
    const char *path = paths[sup_below(&rng, PATHS)];
    switch (sup_below(&rng, 3)) {
    case 0:
        (void)sim_direct_create(&s, path, "");
        break;
    case 1:
        (void)sim_direct_delete(&s, path);
        break;
    default:
        (void)sim_direct_set(&s, path, "x", -1);
        break;
    }
}

static void one_step(void)
{
    int who = (int)sup_below(&rng, CLIENTS), at = persons[who].c;
    if (at < 0)
        return;
    switch (sup_below(&rng, 10)) {
    case 0:
    case 1:
    case 2:
        ask(who);
        break;
    case 3:
    case 4:
        somebody_writes();
        break;
    case 5:
        sim_lose(&s, at, (int)sup_below(&rng, 3), sup_below(&rng, 2) ? SIM_ANSWERED : SIM_UNHEARD);
        break;
    case 6:
        s.none_serves = sup_below(&rng, 3) == 0;
        s.conns[at].refuse = (int)sup_below(&rng, 3);
        break;
    case 7:
        s.conns[at].hold = !s.conns[at].hold;
        break;
    case 8:
        wire_ping(&b);
        sim_send(&s, at, &b);
        sup_buf_reset(&b);
        break;
    default:
        sim_advance(&s, 1000 * (int64_t)sup_below(&rng, 900));
        break;
    }
    if (sup_below(&rng, 2))
        sim_pump(&s);
}

/* Everybody is served, and heard: what is watched must be what was shown. */
static void compare(void)
{
    s.none_serves = false;
    for (int who = 0; who < CLIENTS; who++) {
        struct sim_conn *conn = &s.conns[persons[who].c];
        conn->hold = false;
        conn->refuse = 0;
        wire_ping(&b);
        sim_send(&s, persons[who].c, &b);
        sup_buf_reset(&b);
    }
    sim_pump(&s);
    sim_advance(&s, 1000000);
    for (int who = 0; who < CLIENTS; who++) {
        struct person *p = &persons[who];
        hear(who);
        for (int i = 0; i < PATHS && !s.conns[p->c].closed; i++) {
            const struct tree_node *z = upstream(paths[i]);
            if (p->data[i] != UNARMED && p->data[i] != (z != NULL ? z->mzxid : GONE))
                say("the event of a data watch is lost", who, i);
            if (p->child[i] != UNARMED && (z == NULL || p->child[i] != z->pzxid))
                say("the event of a child watch is lost", who, i);
        }
    }
}

static void schedule(uint64_t seed)
{
    struct core_config config = sim_default_config;
    config.hold = true;
    rng = (struct sup_rng){seed + 1};
    sim_init(&s, &config);
    s.server = SIM_GONE;
    s.rng.s = seed + 1;
    s.chunk = sup_below(&rng, 4) == 0 ? 1 + sup_below(&rng, 50) : 0;
    s.zk.forget_watches = fault == WATCHES_FORGOTTEN;
    for (int who = 0; who < CLIENTS; who++)
        arrive(who);
    for (int step = 0; step < STEPS && wrong[0] == 0; step++) {
        one_step();
        for (int who = 0; who < CLIENTS; who++)
            look_after(who);
    }
    if (wrong[0] == 0)
        compare();
    held_in_all += st()->holds;
    sup_buf_free(&b);
    sim_free(&s);
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
    fault = SOUND;
    for (int i = 0; i < rounds; i++) {
        wrong[0] = 0;
        schedule((uint64_t)(from + i));
        if (wrong[0] != 0)
            fail_msg("PK_SEED=%d: %s", from + i, wrong);
    }
    assert_true(held_in_all >= rounds && events_in_all >= rounds);
}

static void each_defect_is_found(void **state)
{
    (void)state;
    for (fault = EVENT_LOST; fault <= WATCHES_FORGOTTEN; fault++) {
        wrong[0] = 0;
        for (uint64_t seed = 1; seed < 50 && wrong[0] == 0; seed++) {
            fault_done = false;
            schedule(seed);
        }
        if (wrong[0] == 0)
            fail_msg("defect %d is not found", (int)fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(schedules), cmocka_unit_test(each_defect_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
