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

#include "model_hang.h"
#include "uplink.h"
#include "wire.h"

enum { STEPS = 70, FLUSH_US = 2000000, ROUNDS = 700, LATE_STEPS = 8, LITTLE_ROOM = 1500 };

struct kind {
    const char *name;
    bool foreign, breaks, lags, service_trouble, chunks;
    bool hangs; /* servers; else single connections */
    bool relay; /* nothing is absorbed: what the oracle says then is its own mistake */
};

static struct model m;
static struct {
    int64_t schedules, requests, sets, absorbed, flushes, foreign, services, lost, said;
} sums;

static const struct core_mount mounts[] = {
    {.path = "/wb",
     .mode = PK_MODE_WRITE_BEHIND,
     .max_znodes = 100,
     .max_bytes = 100000,
     .max_znode = 1000,
     .flush_us = FLUSH_US},
    {.path = "/nv", .mode = PK_MODE_WRITE_BEHIND, .max_znodes = 100, .max_bytes = 100000, .max_znode = 1000},
    {.path = "/pm", .mode = PK_MODE_PACEMAKER, .max_znodes = 100, .max_bytes = 100000, .max_znode = 1000},
};
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
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++)
        assert_int_equal(tree_create(&m.s.zk.tree, mounts[i].path, &(struct tree_new){0}, made), TREE_OK);
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

static void start(uint64_t seed, const struct kind *kind)
{
    struct core_config config = sim_default_config;
    struct sup_rng far = {.s = seed}; /* neighbours must not be the same stream, one number further */
    m.rng.s = sup_rand(&far);
    orc_init(&m.o);
    m.o.mzxids_grow = getenv("PK_MZXID") != NULL;
    m.service_may_write = sup_below(&m.rng, 2);
    struct core_mount modes[3];
    memcpy(modes, mounts, sizeof modes);
    for (int i = 0; kind->relay && i < 3; i++)
        modes[i].mode = PK_MODE_RELAY;
    config.mounts = modes;
    config.nmounts = 3;
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

/* With trouble of the service session everything may be lost; ephemerals with any uplink, since their sessions end. */
static void may_drop(bool everything)
{
    for (int path = 0; path < model_npaths; path++)
        if (everything || model_paths[path].ephemeral) {
            orc_drop(&m.o, path);
            m.drops++;
        }
}

static void lose(int a)
{
    int frames = (int)sup_below(&m.rng, 4);
    enum sim_loss how = (enum sim_loss)sup_below(&m.rng, 3);
    model_trace(&m, "actor %d loses its uplink after %d frames, %d", a, frames, (int)how);
    sim_lose(&m.s, m.actors[a].c, frames, how);
    if (how == SIM_LATE)
        actor_abandon(&m, a);
    may_drop(false);
}

static void service_trouble(void)
{
    int service = sim_service(&m.s);
    model_trace(&m, "trouble with service session %d", service);
    may_drop(true);
    if (service < 0)
        m.s.service_fail = (int)sup_below(&m.rng, 3);
    else
        sim_lose(&m.s, service, (int)sup_below(&m.rng, 3), (enum sim_loss)sup_below(&m.rng, 3));
}

static void upset(int a, const struct kind *kind)
{
    struct sim_conn *conn = &m.s.conns[m.actors[a].c];
    switch (sup_below(&m.rng, 12)) {
    case 0:
    case 1:
        conn->hold = !conn->hold;
        break;
    case 2:
        conn->deaf = !conn->deaf;
        break;
    case 3:
        sim_release(&m.s, m.actors[a].c, 1 + (int)sup_below(&m.rng, 3));
        break;
    case 4:
        if (kind->lags)
            model_lag(&m, a);
        break;
    case 5:
        if (kind->breaks)
            lose(a);
        break;
    case 6:
        if (kind->breaks && sup_below(&m.rng, 3) == 0) {
            model_trace(&m, "actor %d leaves", a);
            sim_leave(&m.s, m.actors[a].c);
            m.actors[a].leaving = true;
        }
        break;
    case 7:
        if (kind->breaks && sup_below(&m.rng, 3) == 0)
            actor_close(&m, a);
        break;
    case 8:
        sim_late(&m.s, 1);
        break;
    case 9:
        m.s.service_hold = sup_below(&m.rng, 2);
        for (int service = sim_service(&m.s); service >= 0 && m.s.conns[service].hold != m.s.service_hold;
             service = sim_service(&m.s))
            m.s.conns[service].hold = m.s.service_hold;
        break;
    case 10:
        if (kind->service_trouble && sup_below(&m.rng, 3) == 0)
            service_trouble();
        break;
    default:
        if (kind->chunks)
            conn->client.taking = conn->uplink.taking = sup_below(&m.rng, 2) ? SIM_PARTS : SIM_WHOLE;
        break;
    }
}

static void step(const struct kind *kind)
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
        kind->hangs ? model_hang(&m) : upset(a, kind);
    }
    if (sup_below(&m.rng, 4) > 0)
        sim_pump(&m.s);
    actors_hear(&m);
    if (m.s.late.link >= 0 && ++m.late_steps > LATE_STEPS)
        sim_late(&m.s, 1000);
    if (m.s.late.link < 0)
        m.late_steps = 0;
}

/* Nothing is held back any more, and everybody is answered in a few seconds (service sessions are tried again). */
static void calm(void)
{
    m.s.service_hold = false;
    m.s.service_fail = 0;
    m.s.hanging = 0;
    for (int c = 0; c < SIM_CONNS; c++) {
        m.s.conns[c].hold = m.s.conns[c].deaf = false;
        m.s.conns[c].client.taking = m.s.conns[c].uplink.taking = SIM_WHOLE;
    }
    sim_late(&m.s, 1000);
    sim_pump(&m.s);
    sim_advance(&m.s, 3000000);
    actors_hear(&m);
    for (int a = 0; a < ACTORS; a++)
        if (m.actors[a].c >= 0 && m.actors[a].first != m.actors[a].last && m.o.wrong[0] == 0)
            orc_wrong(&m.o, "actor %d: xid %d was never answered", a,
                      m.actors[a].pending[m.actors[a].first % PENDING].xid);
}

/* What is in the ensemble is what was written last; but of a local znode the proxy may have the newest, and what the
 * service session may not write waits for somebody who may, or for the end. */
static void compare_tree(int last_mount)
{
    for (int path = 0; path < model_npaths && m.o.wrong[0] == 0; path++) {
        int version, value = model_value(&m, model_paths[path].path, &version);
        bool local = false;
        for (int i = 0; i < m.o.n; i++)
            local |= m.o.ops[i].path == path && m.o.ops[i].kind == ORC_CREATE && m.o.ops[i].who >= 0;
        if ((int)model_paths[path].mount > last_mount &&
            (model_paths[path].mount != AT_NOTHING || last_mount == 0))
            continue;
        bool waits = model_paths[path].user != NULL && !m.service_may_write && last_mount != AT_NOTHING;
        if (waits || (model_paths[path].mount == AT_PACEMAKER && local))
            continue;
        orc_final(&m.o, path, value, version);
    }
}

static void watch_all(int a)
{
    struct sup_buf b = {0};
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        wire_add_watch(&b, 1 << 20, mounts[i].path, PK_WATCH_PERSISTENT_RECURSIVE);
    }
    m.actors[a].first = m.actors[a].last = 0;
    sim_send(&m.s, m.actors[a].c, &b);
    sim_pump(&m.s);
    sup_buf_free(&b);
}

/* One of the ways in which all that is dirty gets to the ensemble. */
static void finish(void)
{
    int way = (int)sup_below(&m.rng, 4), a = 0;
    calm();
    if (m.o.wrong[0] != 0)
        return;
    model_trace(&m, "the end, by way %d", way);
    for (int i = 0; i < 10; i++)
        sim_advance(&m.s, FLUSH_US / 8);
    actors_hear(&m);
    compare_tree(AT_WRITE_BEHIND);
    while (a < ACTORS && (m.actors[a].c < 0 || m.actors[a].leaving))
        a++;
    if (way == 0 && a < ACTORS) {
        watch_all(a);
        compare_tree(AT_NOTHING);
    }
    for (a = 0; way == 1 && a < ACTORS; a++)
        if (m.actors[a].c >= 0 && !m.actors[a].leaving)
            actor_close(&m, a);
    for (int c = 0; way < 3 && c < SIM_CONNS; c++)
        m.s.conns[c].client.eof |= m.s.conns[c].used && !m.s.conns[c].service;
    sim_pump(&m.s);
    sim_step(&m.s, -1, PK_DRAIN, NULL, 0);
    sim_pump(&m.s);
    for (int i = 0; i < 12 && !core_idle(m.s.core); i++)
        sim_advance(&m.s, 1000000);
    compare_tree(AT_NOTHING);
    const struct core_stats *st = core_stats(m.s.core);
    if (m.o.wrong[0] == 0 &&
        (!core_idle(m.s.core) || st->queue_depth != 0 || st->connections != 0 || st->uplinks != 0))
        orc_wrong(&m.o, "left over: idle %d, queue %d, connections %d, uplinks %d", core_idle(m.s.core),
                  (int)st->queue_depth, (int)st->connections, (int)st->uplinks);
}

/* False when the oracle found something; m.o.wrong says what. */
static bool run(uint64_t seed, const struct kind *kind)
{
    start(seed, kind);
    model_hang_begin(&m);
    for (int i = 0; i < STEPS && m.o.wrong[0] == 0; i++) {
        step(kind);
        if (kind->hangs)
            model_hang_check(&m);
    }
    if (m.o.wrong[0] == 0)
        finish();
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

static const struct kind kinds[] = {
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

static void all_of(const struct kind *kind)
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
