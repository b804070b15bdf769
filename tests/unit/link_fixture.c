/*
 * Two members with a link between them (link_fixture.h).
 *
 * Happy path: a primary and a standby start, frames go over, a copy is made and kept.
 * Failure modes: a step that does not come to pass fails the test.
 */
#include "link_fixture.h"

enum { LINK = 1000 };

static const struct core_group primary_group = {
    .path = "/pacekeeper/storm",
    .incarnation = {0x11, 0x22, 0x33, 0x44, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .address = "10.0.0.1:2185",
    .lag_bytes = LAG_BYTES,
};
const struct core_group standby_group = {
    .path = "/pacekeeper/storm",
    .incarnation = {0x21, 0x22, 0x23, 0x24, 5, 6, 7, 8, 9},
    .address = "10.0.0.2:2185",
};
#define PRIMARY_DATA "1122334405060708090a0b0c0d0e0f10 10.0.0.1:2185"
#define LISTED                                                                                               \
    "1122334405060708090a0b0c0d0e0f10\n"                                                                     \
    "21222324050607080900000000000000\n"

struct sim standby;
int32_t primary_speaks, standby_speaks;
int link_at;

struct said said[SAID_MOST];
size_t nsaid;

static void say(char mark, const uint8_t *p, size_t n)
{
    int kind;
    struct pk_bytes body;
    while (n > 0) {
        size_t len = pk_frame_next(p, n, SIZE_MAX - 1, &kind, &body);
        assert_true(len > 0 && len != SIZE_MAX && nsaid < SAID_MOST);
        said[nsaid].mark = mark;
        sup_raw(&said[nsaid++].bytes, p, len);
        p += len;
        n -= len;
    }
}

struct core_group_info info(const struct sim *of)
{
    struct core_group_info i;
    assert_true(core_group_info(of->core, &i));
    return i;
}

struct core_member_info mate(const struct sim *of)
{
    struct core_member_info i = {.address = ""};
    (void)core_group_member(of->core, 0, &i);
    return i;
}

/* ---- the primary ---- */

void start_primary(void)
{
    struct core_config config = sim_default_config;
    struct core_group group = primary_group;
    struct sim_frame f;
    group.link_version = primary_speaks;
    config.group = &group;
    sim_init(&s, &config);
    link_at = -1;
    assert_int_equal(sim_direct_create(&s, M "/e", "theirs"), 0);
    for (int i = 0; i < 20; i++) /* its epoch is later than what start_standby makes */
        assert_int_equal(sim_direct_set(&s, "/storm", "", -1), 0);
    for (int i = 0; i < 40 && info(&s).role != PK_ROLE_PRIMARY; i++)
        sim_advance(&s, 250000);
    c = sim_connect(&s, 60000);
    sim_local_create(&s, c, M "/a", "1");
    sim_beats(&s, c, M "/a", 3);
    wire_create(&b, 2, M "/a/below", "2");
    sim_call(&s, c, &b, 0, &f);
    wire_set(&b, 3, M "/e", "relayed", -1);
    sim_call(&s, c, &b, 0, &f);
    wire_set(&b, 4, M "/e", "cached", -1);
    sim_call(&s, c, &b, 0, &f);
    expect_upstream(M "/e", "relayed", 1);
    link_at = sim_open_link(&s);
    assert_true(link_at >= 0);
}

void to_primary(const uint8_t *p, size_t n)
{
    sup_raw(&s.conns[link_at].client.todo, p, n);
    sim_pump(&s);
}

/* The frames that the primary has sent since the last call; they stay until the next one. */
struct pk_bytes from_primary(void)
{
    struct sim_conn *conn = &s.conns[link_at];
    struct pk_bytes got = {conn->got.p + conn->got_off, (uint32_t)(conn->got.len - conn->got_off)};
    conn->got_off = conn->got.len;
    return got;
}

/* The first frame of a kind among these. */
bool find_frame(struct pk_bytes frames, int kind, struct pk_bytes *body)
{
    int is;
    for (size_t at = 0, len; at < frames.len; at += len) {
        len = pk_frame_next(frames.p + at, frames.len - at, SIZE_MAX - 1, &is, body);
        assert_true(len > 0 && len != SIZE_MAX);
        if (is == kind)
            return true;
    }
    return false;
}

/* Changes while there is a copy: they are the same each time. */
void change(int step)
{
    if (step == 0)
        wire_set(&b, 5, M "/a", "beat 3", -1);
    else if (step == 1)
        wire_delete(&b, 6, M "/a/below", -1);
    else
        wire_set(&b, 7, M "/e", "newest", -1);
    sim_go(&s, c, &b);
}

/* The copy has acknowledged them, or nobody is waited for: all are answered. */
void expect_changed(int steps)
{
    struct sim_frame f;
    for (int step = 0; step < steps; step++)
        sim_expect(&s, c, 5 + step, 0, &f);
    assert_int_equal(info(&s).waiting, 0);
}

/* ---- the standby ---- */

int link_of_standby(void)
{
    for (int i = sim_after(&standby, -1); i < SIM_CONNS; i = sim_after(&standby, i))
        if (standby.conns[i].used && !standby.conns[i].closed && standby.conns[i].link == LINK)
            return i;
    return -1;
}

static bool open_way(struct sim *of, int at)
{
    struct sim_conn *conn = &of->conns[at];
    if (conn->where != PK_TO_MEMBER_LINK)
        return sim_one_ensemble.open(of, at);
    if (!conn->opening || conn->closed || conn->closing)
        return false;
    conn->opening = false;
    sim_uplink_up(of, at, LINK);
    return true;
}

static bool look_at(struct sim *of, int at)
{
    return of->conns[at].link != LINK && sim_one_ensemble.turn(of, at);
}

static bool close_way(struct sim *of, int at)
{
    if (of->conns[at].link != LINK)
        return sim_one_ensemble.close(of, at);
    if (!of->conns[at].closing)
        return false;
    sim_uplink_ended(&of->conns[at]);
    return true;
}

static bool ask(struct sim *of, int at)
{
    return sim_one_ensemble.question(of, at);
}

static void pass_time(struct sim *of)
{
    sim_one_ensemble.time(of);
}

static const struct sim_behind with_a_link = {open_way, look_at, close_way, ask, pass_time};

/* One that finds a primary of this epoch, which lists it, and has a link with it. */
void start_standby(int64_t epoch)
{
    struct core_config config = sim_default_config;
    struct core_group group = standby_group;
    group.link_version = standby_speaks;
    config.group = &group;
    sim_init(&standby, &config);
    standby.behind = &with_a_link;
    assert_int_equal(sim_direct_create(&standby, M "/e", "theirs"), 0);
    assert_int_equal(sim_direct_set(&standby, M "/e", "relayed", -1), 0);
    assert_int_equal(sim_direct_create(&standby, "/pacekeeper", ""), 0);
    assert_int_equal(sim_direct_create(&standby, "/pacekeeper/storm", ""), 0);
    assert_int_equal(sim_direct_create(&standby, "/pacekeeper/storm/copies", LISTED), 0);
    assert_true(standby.zk.tree.zxid < epoch);
    standby.zk.tree.zxid = epoch - 1;
    assert_int_equal(sim_direct_create(&standby, "/pacekeeper/storm/primary", PRIMARY_DATA), 0);
    for (int i = 0; i < 8 && link_of_standby() < 0; i++)
        sim_advance(&standby, 250000);
    assert_true(link_of_standby() >= 0);
    assert_int_equal(info(&standby).epoch, epoch);
}

void to_standby(const uint8_t *p, size_t n)
{
    sup_raw(&standby.conns[link_of_standby()].uplink.todo, p, n);
    sim_pump(&standby);
}

static struct pk_bytes from_standby(void)
{
    struct sim_conn *conn = &standby.conns[link_of_standby()];
    struct pk_bytes got = {conn->wire.p + conn->wire_off, (uint32_t)(conn->wire.len - conn->wire_off)};
    conn->wire_off = conn->wire.len;
    return got;
}

/* The primary lets it take over, and is no more: its memory is what was recorded. */
void expect_taken_over(void)
{
    struct sim_frame f;
    assert_int_equal(sim_direct_delete(&standby, "/pacekeeper/storm/primary"), 0);
    for (int i = 0; i < 40 && info(&standby).role != PK_ROLE_PRIMARY; i++)
        sim_advance(&standby, 250000);
    assert_int_equal(info(&standby).role, PK_ROLE_PRIMARY);
    assert_int_equal(core_stats(standby.core)->group_losses, 0);
    int client = sim_connect(&standby, 10000);
    wire_read(&b, 1, PK_OP_GET_DATA, M "/a", false);
    sim_call(&standby, client, &b, 0, &f);
    sim_expect_data(&f, "beat 3");
    assert_int_equal(sim_stat(&f).version, 4);
    wire_read(&b, 2, PK_OP_GET_DATA, M "/e", false);
    sim_call(&standby, client, &b, 0, &f);
    sim_expect_data(&f, "newest");
    assert_int_equal(sim_stat(&f).version, 3);
    wire_read(&b, 3, PK_OP_EXISTS, M "/a/below", false);
    sim_call(&standby, client, &b, PK_Z_NO_NODE, &f);
}

/* ---- both ---- */

static void exchange(bool recorded)
{
    for (bool any = true; any;) {
        struct pk_bytes up = from_standby();
        if (recorded)
            say('>', up.p, up.len);
        if (up.len > 0)
            to_primary(up.p, up.len);
        struct pk_bytes down = from_primary();
        if (recorded)
            say('<', down.p, down.len);
        if (down.len > 0)
            to_standby(down.p, down.len);
        any = up.len > 0 || down.len > 0;
    }
}

static void talk(void)
{
    exchange(true);
}

void carry(void)
{
    exchange(false);
}

static void time_passes(int64_t us)
{
    for (; us > 0; us -= 50000) {
        sim_advance(&s, 50000);
        sim_advance(&standby, 50000);
        talk();
    }
}

void converse_until_listed(void)
{
    start_primary();
    start_standby(info(&s).epoch);
    talk();
    time_passes(250000);
    assert_int_equal(info(&s).copies, 1);
}

/* A copy is made and kept; the primary hands over. */
void converse(void)
{
    converse_until_listed();
    for (int step = 0; step < 3; step++) {
        change(step);
        assert_int_equal(info(&s).waiting, 1);
        talk();
    }
    expect_changed(3);
    time_passes(250000);
    sim_step(&s, -1, PK_HANDOVER, NULL, 0);
    talk();
}

int link_setup(void **state)
{
    (void)state;
    s = standby = (struct sim){.core = NULL};
    primary_speaks = standby_speaks = 0;
    return 0;
}

int link_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < nsaid; i++)
        sup_buf_free(&said[i].bytes);
    nsaid = 0;
    sup_buf_free(&b);
    if (s.core != NULL)
        sim_free(&s);
    if (standby.core != NULL)
        sim_free(&standby);
    return 0;
}
