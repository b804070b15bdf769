/*
 * Cached znodes against an oracle: random schedules of several clients, the model ensemble, somebody who bypasses the
 * proxy, flush timers, lost uplinks, service sessions and servers that lag, in virtual time.
 *
 *   test_model                  a few thousand schedules, then one run with each deliberate defect (must be found)
 *   test_model everything       one kind of schedules only
 *   PK_ROUNDS=1000000 ...            that many schedules of each kind
 *   PK_SEED=77 PK_ROUNDS=1 ...       from that seed on; with PK_TRACE=1 each event is printed
 *
 * What must hold is in model_oracle.h. In the end all that is dirty is made to be flushed (by time, by a watch, by the
 * end of the clients or of the proxy), and the ensemble must have what the clients saw.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "model_end.h"
#include "model_hang.h"
#include "model_trouble.h"
#include "uplink.h"
#include "wire.h"

enum { STEPS = 70, ROUNDS = 700, LATE_STEPS = 8, LITTLE_ROOM = 1500 };

static struct model m;
static struct {
    int64_t schedules, requests, sets, absorbed, flushes, foreign, services, lost, said;
} sums;

static const struct core_auth credentials = {.scheme = "digest", .secret = (const uint8_t *)"u:p", .len = 3};

/* Writes that the core says it gave up. */
static int64_t said_lost(void)
{
    return core_stats(m.s.core)->writes_dropped;
}

/* Ephemerals end with their sessions; what clients wrote arrives. */
static void spy(void *ctx, int actor, const struct tree_change *change)
{
    int version;
    (void)ctx;
    for (int path = 0; path < model_npaths; path++) {
        if (strcmp(model_paths[path].path, change->path) != 0)
            continue;
        int value = model_value(&m, change->path, &version);
        model_trace(&m, "      ensemble, link %d, zxid %#llx: change %d of %s, value %d version %d", actor,
                    (long long)m.s.zk.tree.zxid, change->type, change->path, value, version);
        if (actor == -1 && change->type == PK_EVENT_DELETED) {
            orc_foreign(&m.o, orc_send(&m.o, ORC_DELETE, path, -1, -1), 0);
            m.drops++;
        } else if (actor != m.s.direct.link &&
                   (change->type == PK_EVENT_CREATED || change->type == PK_EVENT_DATA_CHANGED)) {
            orc_upstream(&m.o, path, value);
        }
    }
}

/* The user may do all, others what the path says. */
static void put_acl(struct sup_buf *acl, const struct model_path *p)
{
    sup_int(acl, p->perms != 0 ? 2 : 1);
    wire_acl_entry(acl, PK_PERM_ALL, "digest", "u:x");
    if (p->perms != 0)
        wire_acl_entry(acl, p->perms, "world", "anyone");
}

static void make_tree(void)
{
    char data[16], made[256];
    struct sup_buf acl = {0};
    for (int i = 0; i < MODEL_MOUNTS; i++)
        assert_int_equal(tree_create(&m.s.zk.tree, model_mounts[i].path, &(struct tree_new){0}, made),
                         TREE_OK);
    for (int i = 0; i < model_npaths; i++) {
        const struct model_path *p = &model_paths[i];
        m.o.czxids_move[i] = p->mount == AT_PACEMAKER;
        int op = p->there ? orc_send(&m.o, ORC_CREATE, i, -1, -1) : 0;
        struct tree_new what = {.data = (const uint8_t *)data, .len = snprintf(data, sizeof data, "v%d", op)};
        sup_buf_reset(&acl);
        if (p->user != NULL)
            put_acl(&acl, p);
        what.acl = acl.p;
        what.acl_len = (int)acl.len;
        m.s.zk.tree.zxid++;
        if (p->there) {
            assert_int_equal(tree_create(&m.s.zk.tree, p->path, &what, made), TREE_OK);
            orc_foreign(&m.o, op, 0);
            m.o.ops[op].settled = m.o.now;
        }
    }
    sup_buf_free(&acl);
    m.s.zk.tree.nchanges = 0;
}

/* What the service session may not write may be lost with any connection that breaks. */
static void may_drop_protected(void)
{
    for (int path = 0; path < model_npaths; path++)
        if (model_paths[path].user != NULL && !m.service_may_write) {
            orc_drop(&m.o, path);
            m.drops++;
        }
}

static void start(uint64_t seed, const struct model_kind *kind)
{
    struct core_config config = sim_default_config;
    struct sup_rng far = {.s = seed}; /* neighbours must not be the same stream, one number further */
    m.rng.s = sup_rand(&far);
    orc_init(&m.o);
    m.o.mzxids_grow = getenv("PK_MZXID") != NULL;
    m.service_may_write = sup_below(&m.rng, 2);
    struct core_mount modes[MODEL_MOUNTS];
    memcpy(modes, model_mounts, sizeof modes);
    for (int i = 0; kind->relay && i < MODEL_MOUNTS; i++)
        modes[i].mode = PK_MODE_RELAY;
    config.mounts = modes;
    config.nmounts = MODEL_MOUNTS;
    config.auths = m.service_may_write ? &credentials : NULL;
    config.nauths = m.service_may_write;
    config.watch_memory = seed % 3 == 0 ? LITTLE_ROOM : 0;
    sim_init(&m.s, &config);
    assert_non_null(m.s.core);
    m.s.rng.s = seed;
    m.s.chunk = kind->chunks ? 1 + sup_below(&m.rng, 60) : 0;
    m.s.zk.exists_needs_read = sup_below(&m.rng, 2);
    m.s.zk.spy = spy;
    m.s.zk.forget_flushes = m.fault == FLUSH_FORGOTTEN;
    m.s.zk.forget_acls = m.fault == ACL_FORGOTTEN;
    m.late_steps = 0;
    m.sessions = m.sets = m.foreign = m.drops = 0;
    m.fault_done = false;
    memset(m.known, 0, sizeof m.known);
    make_tree();
    for (int a = 0; a < ACTORS; a++) {
        m.actors[a] = (struct actor){.c = -1, .user = a < 2 ? "u" : NULL};
        m.actors[a].reads_only = kind->lags && a == ACTORS - 1;
        actor_connect(&m, a, false);
    }
    sim_pump(&m.s);
    actors_hear(&m);
    if (kind->breaks)
        may_drop_protected();
}

static void step(const struct model_kind *kind)
{
    int a = (int)sup_below(&m.rng, ACTORS), dice = (int)sup_below(&m.rng, 20);
    struct actor *actor = &m.actors[a];
    if (actor->c >= 0 && kind->breaks && sup_below(&m.rng, 150) == 0)
        actor->c = -1 - actor->c; /* reattaches while the older connection stands */
    if (actor->c < 0) {
        int older = actor->c < -1 ? -1 - actor->c : -1;
        actor_connect(&m, a, older >= 0 || sup_below(&m.rng, 3) > 0);
        if (older >= 0)
            m.s.conns[older].client.eof = sup_below(&m.rng, 2);
    } else if (dice < 13 && !actor->leaving) {
        for (uint32_t n = 1 + sup_below(&m.rng, 4); n > 0; n--)
            actor_request(&m, a);
    } else if (dice < 15) {
        int64_t us = (int64_t)sup_below(&m.rng, 5) * sup_below(&m.rng, 500000);
        model_trace(&m, "%" PRId64 " us pass", us);
        sim_advance(&m.s, us);
    } else if (dice < 16 && kind->foreign) {
        model_bypass(&m);
    } else if (dice < 19) {
        kind->hangs ? model_hang(&m) : model_upset(&m, a, kind);
    }
    if (sup_below(&m.rng, 4) > 0)
        sim_pump(&m.s);
    actors_hear(&m);
    if (m.s.late.link >= 0 && ++m.late_steps > LATE_STEPS)
        sim_late(&m.s, 1000);
    if (m.s.late.link < 0)
        m.late_steps = 0;
}

/* False when the oracle found something; m.o.wrong says what. */
static bool run(uint64_t seed, const struct model_kind *kind)
{
    start(seed, kind);
    model_hang_begin(&m);
    for (int i = 0; i < STEPS && m.o.wrong[0] == 0; i++) {
        step(kind);
        if (kind->hangs)
            model_hang_check(&m);
    }
    if (m.o.wrong[0] == 0)
        model_end(&m);
    int lost = orc_lost(&m.o);
    if (m.o.wrong[0] == 0 && lost > said_lost())
        orc_wrong(&m.o, "%d writes were lost, the last is %d, but %" PRId64 " are said to be", lost,
                  orc_last_lost(&m.o), said_lost());
    if (m.o.wrong[0] == 0 && said_lost() > 0 && m.foreign + m.drops == 0)
        orc_wrong(&m.o, "%" PRId64 " cached znodes are said to be lost, without a reason", said_lost());
    sums.schedules++;
    sums.requests += m.o.n;
    sums.sets += m.sets;
    sums.absorbed += core_stats(m.s.core)->refreshes;
    sums.flushes += core_stats(m.s.core)->flushes;
    sums.foreign += m.foreign;
    sums.services += m.s.service_opened;
    sums.lost += lost;
    sums.said += said_lost();
    sim_free(&m.s);
    return m.o.wrong[0] == 0;
}

static uint64_t number(const char *name, uint64_t usually)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : usually;
}

static const struct model_kind kinds[] = {
    {.name = "relayed", .foreign = true, .breaks = true, .lags = true, .chunks = true, .relay = true},
    {.name = "quiet"},
    {.name = "bypassed", .foreign = true},
    {.name = "breaking", .breaks = true},
    {.name = "lagging", .lags = true, .foreign = true},
    {.name = "everything",
     .foreign = true,
     .breaks = true,
     .lags = true,
     .service_trouble = true,
     .chunks = true},
    {.name = "hanging", .hangs = true, .foreign = true},
};

static void all_of(const struct model_kind *kind)
{
    uint64_t seed = number("PK_SEED", 1), end = seed + number("PK_ROUNDS", ROUNDS);
    memset(&sums, 0, sizeof sums);
    m.fault = SOUND;
    m.trace = getenv("PK_TRACE") != NULL;
    for (; seed < end; seed++)
        if (!run(seed, kind))
            fail_msg("%s, seed %" PRIu64 ": %s", kind->name, seed, m.o.wrong);
    print_message("%s: %" PRId64 " schedules, %" PRId64 " requests, %" PRId64 " of %" PRId64
                  " setData absorbed, %" PRId64 " flushes, %" PRId64 " past the proxy, %" PRId64
                  " service sessions, %" PRId64 " writes lost, %" PRId64 " said\n",
                  kind->name, sums.schedules, sums.requests, sums.absorbed, sums.sets, sums.flushes,
                  sums.foreign, sums.services, sums.lost, sums.said);
    /* worth nothing when hardly anything was absorbed */
    assert_true(kind->relay ? sums.absorbed == 0
                            : sums.schedules < 100 || sums.absorbed > 8 * sums.schedules);
    assert_true(kind->relay || sums.schedules < 100 || sums.flushes > 3 * sums.schedules);
}

static void relayed(void **state)
{
    (void)state;
    all_of(&kinds[0]);
}

static void quiet(void **state)
{
    (void)state;
    all_of(&kinds[1]);
}

static void bypassed(void **state)
{
    (void)state;
    all_of(&kinds[2]);
}

static void breaking(void **state)
{
    (void)state;
    all_of(&kinds[3]);
}

static void lagging(void **state)
{
    (void)state;
    all_of(&kinds[4]);
}

static void everything(void **state)
{
    (void)state;
    all_of(&kinds[5]);
}

static void hanging(void **state)
{
    (void)state;
    all_of(&kinds[6]);
}

/* Each defect must be found in a few schedules. */
static void defects(void **state)
{
    (void)state;
    m.trace = false;
    for (int fault = STALE_VALUE; fault <= HANGS_FOR_OTHERS; fault++) {
        uint64_t seed = 1;
        m.fault = (enum model_fault)fault;
        while (seed < 200 && run(seed, fault == HANGS_FOR_OTHERS ? &kinds[6] : &kinds[1]))
            seed++;
        if (seed == 200)
            fail_msg("defect %d was not found", fault);
        print_message("defect %d: seed %" PRIu64 ", %s\n", fault, seed, m.o.wrong);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(relayed),  cmocka_unit_test(quiet),
                                       cmocka_unit_test(bypassed), cmocka_unit_test(breaking),
                                       cmocka_unit_test(lagging),  cmocka_unit_test(everything),
                                       cmocka_unit_test(hanging),  cmocka_unit_test(defects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
