/*
 * The records of changes: a store that is told of nothing else ends up with what the core holds, znode by znode, for
 * random histories: creates, sets and deletes absorbed and relayed, promotions, cached znodes, flushes, handovers,
 * restored znodes, somebody who bypasses the proxy, servers that lag, lost uplinks, memory that is short.
 *
 *   PK_ROUNDS=10000 PK_SEED=1 test_changes     that many histories from that seed on
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "copy.h"
#include "direct.h"
#include "uplink.h"
#include "wire.h"

enum { STEPS = 120, CLIENTS = 3, ROUNDS = 1000 };

static const char *const paths[] = {"/pm/a",     "/pm/b",   "/pm/a/c", "/pm/a/d", "/pm/b/c", "/pm/a/c/e",
                                    "/pm/a/c/f", "/pm/own", "/wb/a",   "/wb/b",   "/wb/a/x", "/pm"};
enum { PATHS = sizeof paths / sizeof paths[0] };

static const struct core_mount mounts[] = {
    {.path = "/pm", .mode = PK_MODE_PACEMAKER, .max_znodes = 8, .max_bytes = 2000, .max_znode = 1000},
    {.path = "/wb",
     .mode = PK_MODE_WRITE_BEHIND,
     .max_znodes = 100,
     .max_bytes = 100000,
     .max_znode = 1000,
     .flush_us = 2000000},
};
enum { MOUNTS = sizeof mounts / sizeof mounts[0] };

static struct sim s;
static struct sim_copy copy;
static struct sup_rng rng;
static struct sup_buf b;
static int clients[CLIENTS], xid;

/* Drawn one at a time, not among the arguments of a call, whose order is the compiler's: the same history with any. */
static uint32_t below(uint32_t n)
{
    return sup_below(&rng, n);
}

static const char *any_path(void)
{
    return paths[below(PATHS)];
}

static const char *any_data(void)
{
    static char text[64];
    if (below(12) == 0)
        return NULL;
    snprintf(text, sizeof text, "%.*s%d", (int)below(40), "0123456789012345678901234567890123456789", xid);
    return text;
}

static void add_multi(void)
{
    size_t mark = wire_multi(&b, ++xid, PK_OP_MULTI);
    for (int i = 0; i < 2; i++) {
        const char *data = any_data(), *path = any_path();
        wire_multi_set(&b, path, data, -1);
    }
    wire_multi_end(&b, mark);
}

static void add_unusual(void)
{
    char name[64];
    uint32_t dice = below(7);
    const char *data = dice == 5 ? any_data() : "", *path = dice != 0 ? any_path() : NULL;
    switch (dice) {
    case 0:
        add_multi();
        break;
    case 1:
        snprintf(name, sizeof name, "%s/s-", path);
        wire_create_as(&b, ++xid, PK_OP_CREATE, PK_CREATE_SEQUENTIAL, name, data);
        break;
    case 2:
        wire_set_acl(&b, ++xid, path, -1);
        break;
    case 3:
        wire_path(&b, ++xid, PK_OP_SYNC, path);
        break;
    case 4:
        wire_read(&b, ++xid, below(2) ? PK_OP_GET_DATA : PK_OP_GET_CHILDREN, path, true);
        break;
    case 5:
        wire_create_as(&b, ++xid, PK_OP_CREATE, PK_CREATE_EPHEMERAL, path, data);
        break;
    default:
        wire_create_as(&b, ++xid, PK_OP_CREATE_CONTAINER, PK_CREATE_CONTAINER, path, data);
        break;
    }
}

static void add_request(void)
{
    static const int reads[] = {PK_OP_EXISTS, PK_OP_GET_DATA, PK_OP_GET_CHILDREN2};
    uint32_t dice = below(100);
    if (dice >= 94) {
        add_unusual();
        return;
    }
    const char *data = dice < 65 ? any_data() : NULL, *path = any_path();
    if (dice < 30)
        wire_create(&b, ++xid, path, data);
    else if (dice < 65)
        wire_set(&b, ++xid, path, data, -1);
    else if (dice < 80)
        wire_delete(&b, ++xid, path, -1);
    else
        wire_read(&b, ++xid, reads[below(3)], path, false);
}

static void bypass(void)
{
    const char *path = any_path();
    uint32_t dice = below(5);
    if (dice < 2)
        (void)sim_direct_set(&s, path, any_data(), -1);
    else if (dice < 4)
        (void)sim_direct_delete(&s, path);
    else
        (void)sim_direct_create(&s, path, any_data());
}

static void other_modes(void)
{
    struct core_mount m = mounts[below(MOUNTS)];
    size_t i = m.mode == PK_MODE_PACEMAKER ? 0 : 1;
    m.mode = (enum pk_mount_mode)below(3);
    if (below(4) == 0)
        core_mount_remove(s.core, i);
    else
        assert_int_equal(core_mount_set(s.core, i, &m), PK_OK);
    sim_step(&s, -1, PK_CONTINUE, NULL, 0);
}

static void upset(int c)
{
    struct sim_conn *conn = &s.conns[c];
    enum sim_loss how;
    switch (below(8)) {
    case 0:
        conn->hold = !conn->hold;
        break;
    case 1:
        conn->deaf = !conn->deaf;
        break;
    case 2:
        sim_release(&s, c, 1 + (int)below(3));
        break;
    case 3:
        how = (enum sim_loss)below(3);
        sim_lose(&s, c, (int)below(4), how);
        break;
    case 4:
        sim_leave(&s, c);
        break;
    case 5:
        if (conn->link >= 0 && s.zk.links[conn->link].open)
            zk_lag(&s.zk, conn->link);
        break;
    case 6:
        other_modes();
        break;
    default:
        sup_mem_fail(&s.mem, 1 + below(30));
        break;
    }
}

static void connect_all(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i] >= 0 && s.conns[clients[i]].closed) {
            sim_forget(&s, clients[i]);
            clients[i] = -1;
        }
        if (clients[i] < 0) {
            wire_connect(&b, 0, 30000, 0, 0);
            clients[i] = sim_open(&s);
            if (clients[i] >= 0)
                sim_send(&s, clients[i], &b);
            sup_buf_reset(&b);
        }
    }
}

static void step(void)
{
    connect_all();
    int c = clients[below(CLIENTS)];
    uint32_t dice = below(20);
    if (dice < 14 && c >= 0) {
        for (uint32_t n = 1 + below(4); n > 0; n--)
            add_request();
        sim_send(&s, c, &b);
        sup_buf_reset(&b);
    } else if (dice < 16) {
        int64_t part = below(8);
        sim_advance(&s, part * below(2000000));
    } else if (dice < 17) {
        bypass();
    } else if (c >= 0) {
        upset(c);
    }
    sim_late(&s, (int)below(2));
    if (below(4) > 0)
        sim_pump(&s);
    sup_mem_fail(&s.mem, 0);
}

/* What a state file has. */
static void restore(void)
{
    const struct core_record records[] = {
        {.path = (const uint8_t *)"/pm", .path_len = 3, .czxid = 3, .pzxid = 9, .cversion = 2},
        {.path = (const uint8_t *)"/pm/a",
         .path_len = 5,
         .local = true,
         .czxid = 5,
         .mzxid = 6,
         .pzxid = 7,
         .ctime = 1,
         .mtime = 2,
         .version = 3,
         .cversion = 2},
        {.path = (const uint8_t *)"/pm/a/c",
         .path_len = 7,
         .local = true,
         .has_data = true,
         .data = (const uint8_t *)"old",
         .data_len = 3,
         .czxid = 7,
         .mzxid = 7,
         .pzxid = 7},
    };
    for (uint32_t i = 0, n = below(4); i < n; i++)
        assert_int_equal(core_restore(s.core, &records[i]), PK_OK);
}

static void start(uint64_t seed)
{
    struct core_config config = sim_default_config;
    struct sup_rng far = {.s = seed};
    char made[256];
    config.mounts = mounts;
    config.nmounts = MOUNTS;
    config.keep_promoted_us = 5000000;
    config.watch_memory = seed % 3 == 0 ? 1500 : 0; /* of a few paths, then the mount is watched whole */
    rng.s = sup_rand(&far);
    xid = 0;
    sim_init(&s, &config);
    s.rng.s = seed;
    sim_copy_start(&copy, s.core, &config);
    static const char *const there[] = {"/pm", "/wb", "/wb/a", "/pm/own"};
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        assert_int_equal(tree_create(&s.zk.tree, there[i], &(struct tree_new){0}, made), TREE_OK);
    s.zk.tree.nchanges = 0;
    restore();
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = -1;
}

/* NULL: the copy is what the core holds, after each step. */
static const char *history(uint64_t seed, int deaf)
{
    static char differs[sizeof copy.differs];
    const char *found = NULL;
    copy.deaf = deaf;
    start(seed);
    for (int i = 0; i < STEPS && found == NULL; i++) {
        step();
        found = sim_copy_differs(&copy);
    }
    if (found != NULL)
        found = memcpy(differs, found, sizeof differs);
    sim_free(&s);
    sim_copy_free(&copy);
    sup_buf_free(&b);
    return found;
}

static uint64_t number(const char *name, uint64_t usually)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : usually;
}

static void copies_are_equal(void **state)
{
    (void)state;
    uint64_t seed = number("PK_SEED", 1), end = seed + number("PK_ROUNDS", ROUNDS);
    bool enough = end - seed >= ROUNDS;
    memset(copy.kinds, 0, sizeof copy.kinds);
    for (; seed < end; seed++) {
        const char *differs = history(seed, -1);
        if (differs != NULL)
            fail_msg("seed %" PRIu64 ": %s", seed, differs);
    }
    for (int kind = 0; kind < PK_CHANGE_KINDS; kind++) {
        print_message("kind %d: %" PRId64 " records\n", kind, copy.kinds[kind]);
        assert_true(copy.kinds[kind] > 0 || !enough);
    }
}

/* A copy that does not hear one kind of record is found to differ. */
static void a_missing_kind_is_found(void **state)
{
    (void)state;
    for (int kind = 0; kind < PK_CHANGE_KINDS; kind++) {
        uint64_t seed = 1;
        if (kind == PK_CHANGE_SENT) /* says how a value is on its way: the value stays as it is */
            continue;
        while (seed < ROUNDS && history(seed, kind) == NULL)
            seed++;
        if (seed == ROUNDS)
            fail_msg("without records of kind %d the copy is the same", kind);
    }
}

/* Once what is noted of a znode was let go when nobody waited for it any more, and its batch wrote there when done. */
static void a_batch_outlives_who_wanted_it(void **state)
{
    (void)state;
    assert_null(history(1082, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_batch_outlives_who_wanted_it),
                                       cmocka_unit_test(copies_are_equal),
                                       cmocka_unit_test(a_missing_kind_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
