/*
 * The link between two members: what its first version says, both ways, as recorded in tests/golden/link-1.hex; and
 * members of another version.
 *
 *   primary ──frames──► [conversation] ──► standby        each a core of its own, before an ensemble of its own
 *           ◄──────────                ◄──
 *
 * A later version speaks the first one with a member that has no other: what is recorded is played to either role. For
 * the record of a new version: LINK_RECORD=FILE tests/unit/test_core_link recorded.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/peer/frame.h"

#include "../sim/core_fixture.h"

enum { FRAMES = 64, LINK = 1000, LAG_BYTES = 100 * 1000 };

static const struct core_group primary_group =
                                   {
                                       .path = "/pacekeeper/storm",
                                       .incarnation = {0x11, 0x22, 0x33, 0x44, 5, 6, 7, 8, 9, 10, 11, 12, 13,
                                                       14, 15, 16},
                                       .address = "10.0.0.1:2185",
                                       .lag_bytes = LAG_BYTES,
},
                               standby_group = {
                                   .path = "/pacekeeper/storm",
                                   .incarnation = {0x21, 0x22, 0x23, 0x24, 5, 6, 7, 8, 9},
                                   .address = "10.0.0.2:2185",
};
#define PRIMARY_DATA "1122334405060708090a0b0c0d0e0f10 10.0.0.1:2185"
#define LISTED                                                                                               \
    "1122334405060708090a0b0c0d0e0f10\n"                                                                     \
    "21222324050607080900000000000000\n"

static struct sim standby; /* the primary is `s` */
static int link_at;        /* of the primary's */

/* What was said, frame by frame. */
static struct said {
    char mark; /* '>' by the standby */
    struct sup_buf bytes;
} said[FRAMES];
static size_t nsaid;

static const char *name_of(int kind)
{
    switch (kind) {
#define X(name, number)                                                                                      \
    case number:                                                                                             \
        return #name;
#include "core/peer/frames.def"
#undef X
    default:
        return "?";
    }
}

static void say(char mark, const uint8_t *p, size_t n)
{
    int kind;
    struct pk_bytes body;
    while (n > 0) {
        size_t len = pk_frame_next(p, n, SIZE_MAX - 1, &kind, &body);
        assert_true(len > 0 && len != SIZE_MAX && nsaid < FRAMES);
        said[nsaid].mark = mark;
        sup_raw(&said[nsaid++].bytes, p, len);
        p += len;
        n -= len;
    }
}

static struct core_group_info info(const struct sim *of)
{
    struct core_group_info i;
    assert_true(core_group_info(of->core, &i));
    return i;
}

static struct core_member_info mate(const struct sim *of)
{
    struct core_member_info i = {.address = ""};
    (void)core_group_member(of->core, 0, &i);
    return i;
}

/* ---- the primary ---- */

static void start_primary(void)
{
    struct core_config config = sim_default_config;
    struct sim_frame f;
    config.group = &primary_group;
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

static void to_primary(const uint8_t *p, size_t n)
{
    sup_raw(&s.conns[link_at].client.todo, p, n);
    sim_pump(&s);
}

/* The frames that the primary has sent since the last call; they stay until the next one. */
static struct pk_bytes from_primary(void)
{
    struct sim_conn *conn = &s.conns[link_at];
    struct pk_bytes got = {conn->got.p + conn->got_off, (uint32_t)(conn->got.len - conn->got_off)};
    conn->got_off = conn->got.len;
    return got;
}

/* The first frame of a kind among these. */
static bool find_frame(struct pk_bytes frames, int kind, struct pk_bytes *body)
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
static void change(int step)
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
static void expect_changed(int steps)
{
    struct sim_frame f;
    for (int step = 0; step < steps; step++)
        sim_expect(&s, c, 5 + step, 0, &f);
    assert_int_equal(info(&s).waiting, 0);
}

/* ---- the standby ---- */

static int link_of_standby(void)
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
static void start_standby(int64_t epoch)
{
    struct core_config config = sim_default_config;
    config.group = &standby_group;
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

static void to_standby(const uint8_t *p, size_t n)
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
static void expect_taken_over(void)
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

static void talk(void)
{
    for (bool any = true; any;) {
        struct pk_bytes up = from_standby();
        say('>', up.p, up.len);
        if (up.len > 0)
            to_primary(up.p, up.len);
        struct pk_bytes down = from_primary();
        say('<', down.p, down.len);
        if (down.len > 0)
            to_standby(down.p, down.len);
        any = up.len > 0 || down.len > 0;
    }
}

static void time_passes(int64_t us)
{
    for (; us > 0; us -= 50000) {
        sim_advance(&s, 50000);
        sim_advance(&standby, 50000);
        talk();
    }
}

static void converse_until_listed(void)
{
    start_primary();
    start_standby(info(&s).epoch);
    talk();
    time_passes(250000);
    assert_int_equal(info(&s).copies, 1);
}

/* A copy is made and kept; the primary hands over. */
static void converse(void)
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

/* What the primary shows of a copy that is behind; the standby's process ends, and nobody waits any more. */
static void behind_and_gone(void **state)
{
    (void)state;
    converse_until_listed();
    assert_int_equal(mate(&s).lag_us, 0);
    change(0);
    int64_t since_us = s.now_us;
    sim_advance(&s, 400000);
    assert_int_equal(mate(&s).lag_records, 1);
    assert_in_range(mate(&s).lag_us, since_us - 10000, since_us + 10000);
    assert_int_equal(info(&s).waiting, 1);
    assert_int_equal(info(&s).copies, 1);
    sim_step(&s, link_at, PK_CLIENT_EOF, NULL, 0);
    sim_pump(&s);
    assert_int_equal(info(&s).copies, 0);
    expect_changed(1);
}

/* A standby that takes nothing costs the primary the buffer, and the time until it is full: then its link ends, and it
 * has to begin anew. */
static void slow_standby(void **state)
{
    (void)state;
    enum { DATA = 1000, MOST = 2 * LAG_BYTES / DATA };
    char data[DATA + 1];
    uint64_t before;
    int n = 0;
    memset(data, 'x', DATA);
    data[DATA] = '\0';
    converse_until_listed();
    before = s.mem.bytes;
    s.conns[link_at].client.taking = SIM_NOTHING;
    while (info(&s).copies == 1 && n++ < MOST) {
        wire_set(&b, 5, M "/a", data, -1);
        sim_go(&s, c, &b);
        assert_true(s.mem.bytes < before + 2 * LAG_BYTES);
    }
    assert_in_range(n, LAG_BYTES / DATA / 2, LAG_BYTES / DATA + 1);
    assert_int_equal(info(&s).waiting, 0);
    sim_advance(&s, 10000000);
    sim_expect_closed(&s, link_at, PK_CLOSE_LINK_SLOW);
    assert_true(s.mem.bytes < before + LAG_BYTES / 10);
}

static void write_record(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "# The link between two members, version %d: what a standby (>) and a primary (<) say while a "
            "copy is\n"
            "# made and kept. Recorded by tests/unit/test_core_link.c.\n",
            PK_LINK_VERSION);
    for (size_t i = 0; i < nsaid; i++) {
        fprintf(f, "%c %s | ", said[i].mark, name_of(said[i].bytes.p[PK_LEN_WORD]));
        for (size_t k = 0; k < said[i].bytes.len; k++)
            fprintf(f, "%02x", said[i].bytes.p[k]);
        fputc('\n', f);
    }
    assert_int_equal(fclose(f), 0);
}

static void recorded(void **state)
{
    (void)state;
    struct sup_golden *lines;
    converse();
    expect_taken_over();
    if (getenv("LINK_RECORD") != NULL) {
        write_record(getenv("LINK_RECORD"));
        return;
    }
    size_t n = sup_golden("link-1", &lines);
    for (size_t i = 0; i < n && i < nsaid; i++) {
        assert_int_equal(lines[i].mark, said[i].mark);
        assert_int_equal(lines[i].len, said[i].bytes.len);
        assert_memory_equal(lines[i].bytes, said[i].bytes.p, lines[i].len);
    }
    assert_int_equal(n, nsaid);
    free(lines);
}

/* What a standby of the first version says, to a primary; it is answered as it was. */
static void a_standby_of_the_first(void **state)
{
    (void)state;
    struct sup_golden *lines;
    struct pk_bytes body;
    struct pk_hello h;
    bool welcomed = false;
    size_t n = sup_golden("link-1", &lines), heartbeats = 0;
    start_primary();
    int step = 0;
    for (size_t i = 0; i < n; i++) {
        bool record = lines[i].bytes[PK_LEN_WORD] == PK_FRAME_RECORD;
        if (lines[i].mark == '>') {
            to_primary(lines[i].bytes, lines[i].len);
            struct pk_bytes got = from_primary();
            if (!welcomed && find_frame(got, PK_FRAME_WELCOME, &body)) {
                welcomed = pk_hello_get(body, PK_FRAME_WELCOME, &h);
                assert_int_equal(h.version, 1);
                assert_true(find_frame(got, PK_FRAME_SNAPSHOT_END, &body));
            }
        } else if (lines[i].bytes[PK_LEN_WORD] == PK_FRAME_HEARTBEAT) {
            heartbeats++;
            sim_advance(&s, 200000);
        } else if (record && info(&s).copies == 1 && step < 3) {
            change(step++);
        }
    }
    assert_true(welcomed && heartbeats > 1);
    assert_int_equal(step, 3);
    assert_int_equal(info(&s).copies, 1);
    assert_int_equal(mate(&s).version, 1);
    assert_int_equal(mate(&s).lag_records, 0);
    expect_changed(3);
    free(lines);
}

/* Plays what the primary said. more: bytes that a later version has added behind its fields. */
static void play_to_standby(int32_t version, size_t more)
{
    struct sup_golden *lines;
    struct pk_hello h;
    size_t n = sup_golden("link-1", &lines);
    static const uint8_t added[16] = {0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    for (size_t i = 0; i < n && link_of_standby() >= 0; i++) {
        uint8_t frame[sizeof lines->bytes + sizeof added];
        size_t len = lines[i].len;
        if (lines[i].mark == '>')
            continue;
        memcpy(frame, lines[i].bytes, len);
        memcpy(frame + len, added, more);
        pk_put32(frame, (uint32_t)(len + more - PK_LEN_WORD));
        if (frame[PK_LEN_WORD] == PK_FRAME_WELCOME) {
            assert_true(
                pk_hello_get((struct pk_bytes){frame + PK_FRAME_HEAD, (uint32_t)(len - PK_FRAME_HEAD)},
                             PK_FRAME_WELCOME, &h));
            pk_put32(frame + PK_FRAME_HEAD, (uint32_t)version);
        }
        to_standby(frame, len + more);
    }
    free(lines);
}

/* The epoch that was recorded. */
static int64_t recorded_epoch(void)
{
    struct sup_golden *lines;
    struct pk_hello h = {0};
    size_t n = sup_golden("link-1", &lines);
    for (size_t i = 0; i < n; i++)
        if (lines[i].bytes[PK_LEN_WORD] == PK_FRAME_WELCOME)
            assert_true(pk_hello_get(
                (struct pk_bytes){lines[i].bytes + PK_FRAME_HEAD, (uint32_t)(lines[i].len - PK_FRAME_HEAD)},
                PK_FRAME_WELCOME, &h));
    free(lines);
    assert_true(h.epoch > 0);
    return h.epoch;
}

/* What a primary of the first version says, to a standby: its copy is good enough to take over with. */
static void a_primary_of_the_first(void **state)
{
    (void)state;
    start_standby(recorded_epoch());
    play_to_standby(1, 0);
    assert_int_equal(mate(&standby).version, 1);
    expect_taken_over();
}

/* One of a later version that speaks ours with us: what it has added is not read, frames that are unknown are none. */
static void a_primary_that_says_more(void **state)
{
    (void)state;
    static const uint8_t unknown[] = {0, 0, 0, 3, 99, 1, 2};
    start_standby(recorded_epoch());
    to_standby(unknown, sizeof unknown);
    play_to_standby(1, 16);
    assert_int_equal(mate(&standby).version, 1);
    expect_taken_over();
}

/* One that does not ask what we speak is no primary. */
static void a_primary_that_speaks_another(void **state)
{
    (void)state;
    static const int32_t others[] = {0, -1, PK_LINK_VERSION + 1};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        start_standby(recorded_epoch());
        play_to_standby(others[i], 0);
        assert_int_equal(link_of_standby(), -1);
        assert_int_not_equal(info(&standby).role, PK_ROLE_PRIMARY);
        sim_free(&standby);
        standby = (struct sim){.core = NULL};
    }
}

static struct pk_bytes hello_of(uint8_t *p, int32_t version, const char *more)
{
    uint8_t mounts[64];
    struct pk_mount own = {.path = PK_BYTES(M), .wanted = PK_MODE_PACEMAKER, .config.max_znode = 1 << 20};
    size_t len = strlen(more);
    const struct pk_hello h = {.version = version,
                               .incarnation = {standby_group.incarnation, PK_INCARNATION},
                               .address = sup_bytes(standby_group.address),
                               .mounts = {mounts, (uint32_t)(pk_hello_mounts_put(mounts, &own, 1) - mounts)}};
    uint8_t *end = pk_hello_put(p, &h, PK_FRAME_HELLO);
    memcpy(end, more, len);
    pk_put32(p, (uint32_t)((size_t)(end - p) + len - PK_LEN_WORD));
    return (struct pk_bytes){p, (uint32_t)((size_t)(end - p) + len)};
}

/* A standby that speaks a later version, and has added fields, is answered with ours, and has a copy. */
static void a_later_standby(void **state)
{
    (void)state;
    uint8_t p[256];
    struct pk_bytes body;
    struct pk_hello h;
    start_primary();
    struct pk_bytes hello = hello_of(p, PK_LINK_VERSION + 1, "added");
    to_primary(hello.p, hello.len);
    struct pk_bytes got = from_primary();
    assert_true(find_frame(got, PK_FRAME_WELCOME, &body));
    assert_true(pk_hello_get(body, PK_FRAME_WELCOME, &h));
    assert_int_equal(h.version, PK_LINK_VERSION);
    assert_true(find_frame(got, PK_FRAME_SNAPSHOT_END, &body));
    assert_int_equal(mate(&s).version, PK_LINK_VERSION);
}

/* One with which we have none in common has no copy; it hears heartbeats, and relays. */
static void an_earlier_standby(void **state)
{
    (void)state;
    uint8_t p[256];
    struct pk_bytes body;
    struct pk_refused r;
    start_primary();
    struct pk_bytes hello = hello_of(p, PK_LINK_OLDEST - 1, "");
    to_primary(hello.p, hello.len);
    struct pk_bytes got = from_primary();
    assert_true(find_frame(got, PK_FRAME_REFUSED, &body) && pk_refused_get(body, &r));
    assert_int_equal(r.why, PK_REFUSAL_VERSION);
    assert_false(find_frame(got, PK_FRAME_RECORD, &body));
    sim_advance(&s, 250000);
    assert_true(find_frame(from_primary(), PK_FRAME_HEARTBEAT, &body));
    assert_int_equal(mate(&s).version, PK_LINK_OLDEST - 1);
    change(0); /* nobody is waited for */
    expect_changed(1);
}

static int setup(void **state)
{
    (void)state;
    s = standby = (struct sim){.core = NULL};
    return 0;
}

static int teardown(void **state)
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

#define LINKED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {LINKED(recorded),
                                       LINKED(a_standby_of_the_first),
                                       LINKED(a_primary_of_the_first),
                                       LINKED(a_primary_that_says_more),
                                       LINKED(a_primary_that_speaks_another),
                                       LINKED(a_later_standby),
                                       LINKED(an_earlier_standby),
                                       LINKED(behind_and_gone),
                                       LINKED(slow_standby)};
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
