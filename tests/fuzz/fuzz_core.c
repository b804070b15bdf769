/*
 * Fuzz target: the core as a whole. The input is a script: who comes and goes, what he sends, what the ensemble does,
 * how bytes are cut, when time passes and when memory runs out. The driver and the model ensemble are those of the unit
 * tests. An input that ends with W, N or A has the mount in mode write-behind: flushed every two seconds, never, or with
 * watches that do not end absorbing.
 *
 * At the end memory is there again and everybody leaves: then nothing may be left, no connection, session, uplink,
 * watch or awaited answer, and no byte of memory.
 * Failure: a sanitizer's finding, an assertion of the driver, or something left over.
 */
#include <stdlib.h>

#include "tests/sim/uplink.h"
#include "tests/sim/wire.h"

#define M "/storm/workerbeats"

enum { STEPS = 300, CLIENTS = 6, SESSIONS = 60 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *p, *end;
};

static struct sim s;
static struct sup_buf b;

static uint8_t byte(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static const char *path(struct input *in)
{
    static const char *const paths[] = {
        M "/a", M "/a/x", M "/a/y", M "/a/x/q",          M "/b",  M "/b/x", M, "/storm", "/storm/o", "/",
        "",     M "/",    M "/a/",  "/zookeeper/config", "storm", NULL,
    };
    return paths[byte(in) % 16];
}

static const char *data(struct input *in)
{
    static char room[5001];
    static const size_t lengths[] = {0, 1, 7, 300, 2047, 2100, 5000, 5};
    uint8_t kind = byte(in);
    size_t n = lengths[kind & 7];
    memset(room, 'a' + (kind >> 4), n);
    room[n] = 0;
    return kind == 255 ? NULL : room;
}

static void sub_ops(struct input *in)
{
    static const int ops[] = {1, 2, 5, 13, 15, 4, 8, 21, 19, 3};
    for (uint8_t n = byte(in) % 5; n > 0; n--) {
        int op = ops[byte(in) % 10];
        sup_int(&b, op);
        sup_byte(&b, 0);
        sup_int(&b, -1);
        sup_str(&b, path(in));
        if (op == 1 || op == 15 || op == 21 || op == 19 || op == 5)
            sup_str(&b, data(in));
        if (op == 1 || op == 15 || op == 21 || op == 19) {
            sup_int(&b, 1);
            sup_int(&b, 31);
            sup_str(&b, "world");
            sup_str(&b, "anyone");
        }
        if (op == 4 || op == 8)
            sup_byte(&b, 0);
        else
            sup_int(&b, (int8_t)byte(in));
        if (op == 21)
            sup_long(&b, 1000);
    }
    sup_int(&b, -1);
    sup_byte(&b, 1);
    sup_int(&b, -1);
}

static void watches(struct input *in, int lists)
{
    sup_long(&b, byte(in));
    for (int i = 0; i < lists; i++) {
        uint8_t n = byte(in) % 4;
        sup_int(&b, n == 3 ? -1 : n);
        for (uint8_t k = 0; n < 3 && k < n; k++)
            sup_str(&b, path(in));
    }
}

static void raw(struct input *in)
{
    for (uint8_t n = byte(in) % 64; n > 0; n--)
        sup_byte(&b, byte(in));
}

/* One request of the type chosen, well formed but for what the table of paths has. */
static void request(struct input *in, int xid)
{
    static const int ops[] = {1, 15,  5,   5,   2,   3,  4,  8,  12, 6,  9,   11, 14, 22, 101, 105,  106, 104,
                              7, 100, 102, 103, 107, 19, 21, 16, 17, 18, -11, 13, 0,  20, -10, 4711, 3,   1};
    int op = ops[byte(in) % (sizeof ops / sizeof ops[0])];
    size_t mark = wire_begin(&b, op == 11 ? -2 : op == 100 ? -4 : xid, op);
    switch (op) {
    case 1:
    case 15:
    case 19:
    case 21:
    case 7:
        sup_str(&b, path(in));
        if (op != 7)
            sup_str(&b, data(in));
        sup_int(&b, 1);
        sup_int(&b, byte(in) % 4 ? 31 : byte(in));
        sup_str(&b, "world");
        sup_str(&b, "anyone");
        sup_int(&b, op == 7 ? -1 : byte(in) % 3 ? 0 : byte(in) % 8);
        if (op == 21)
            sup_long(&b, 1000);
        break;
    case 5:
        sup_str(&b, path(in));
        sup_str(&b, data(in));
        sup_int(&b, (int8_t)byte(in) | -(byte(in) & 1));
        break;
    case 14:
    case 22:
        sub_ops(in);
        break;
    case 101:
    case 105:
        watches(in, op == 101 ? 3 : 5);
        break;
    case 11:
    case -11:
        break;
    case 4711:
    case 102:
        raw(in);
        break;
    default:
        sup_str(&b, path(in));
        if (op == 2 || op == 106 || op == 13 || op == 17 || op == 18)
            sup_int(&b, (int8_t)byte(in) % 4);
        else
            sup_byte(&b, byte(in) & 1);
        break;
    }
    wire_end(&b, mark);
}

/* The n-th client that is there, -1 when there is none. */
static int somebody(struct input *in)
{
    int at[CLIENTS], n = 0;
    for (int c = 0; c < CLIENTS; c++)
        if (s.conns[c].used && !s.conns[c].closed && !s.conns[c].client.eof)
            at[n++] = c;
    return n > 0 ? at[byte(in) % n] : -1;
}

static void arrive(struct input *in)
{
    int c = 0;
    while (c < CLIENTS && s.conns[c].used && !s.conns[c].closed)
        c++;
    if (c == CLIENTS || s.zk.nsessions >= SESSIONS)
        return;
    if (s.conns[c].closed)
        sim_forget(&s, c);
    uint8_t how = byte(in);
    c = sim_open(&s);
    if (c < 0 || how == 0)
        return;
    int64_t session = how & 1 && s.zk.nsessions > 0 ? 0x1000 + byte(in) % s.zk.nsessions : 0;
    s.conns[c].refuse = how & 2 ? byte(in) % 3 : 0;
    s.conns[c].fail = how & 4 && byte(in) % 4 == 0;
    wire_connect(&b, session, 100 * byte(in), how & 8 ? byte(in) : 0, (how >> 4) % 3 - 1);
    sim_send(&s, c, &b);
}

/* What somebody who bypasses the proxy does. */
static void foreign(struct input *in)
{
    const char *where = path(in);
    char made[256];
    if (where == NULL)
        return;
    s.zk.tree.zxid++;
    uint8_t what = byte(in);
    if (what % 3 == 0)
        tree_create(&s.zk.tree, where, &(struct tree_new){.flags = 0}, made);
    else if (what % 3 == 1)
        tree_delete(&s.zk.tree, where, -1);
    else
        tree_set(&s.zk.tree, where, &what, 1, -1);
    zk_time(&s.zk, s.zk.now_ms);
    s.zk.tree.nchanges = 0;
}

static void lose(uint8_t how, int c)
{
    if (how % 4 == 0)
        s.conns[c].uplink.eof = s.conns[c].up;
    else if (how % 4 == 1)
        sim_lose(&s, c, how >> 5, (enum sim_loss)(how >> 2) % 3);
}

/* What concerns no client: the service session, requests that are late, modes. */
static void upset(uint8_t what)
{
    int service = sim_service(&s);
    struct core_mount relay = {.mode = PK_MODE_RELAY};
    switch (what) {
    case 250:
        s.service_fail = 2;
        break;
    case 251:
        s.service_hold = !s.service_hold;
        break;
    case 252:
        if (service >= 0)
            sim_lose(&s, service, 1, SIM_UNHEARD);
        break;
    case 253:
        sim_late(&s, 1);
        break;
    case 254:
        if (core_mount_set(s.core, 0, &relay) != PK_OK)
            abort();
        break;
    default:
        sim_step(&s, -1, PK_RELEASE, NULL, 0);
        break;
    }
}

static void one_step(struct input *in, int n)
{
    uint8_t what = byte(in);
    int c = what % 16 != 0 ? somebody(in) : -1;
    sup_buf_reset(&b);
    if (what % 16 != 0 && c < 0)
        what = 0;
    switch (what % 16) {
    case 0:
        arrive(in);
        break;
    case 1:
        raw(in);
        sim_send(&s, c, &b);
        break;
    case 2:
        raw(in);
        if (s.conns[c].up)
            sup_raw(&s.conns[c].uplink.todo, b.p, b.len);
        break;
    case 3:
        sim_leave(&s, c);
        break;
    case 4:
        lose(byte(in), c);
        break;
    case 5:
        sim_advance(&s, (int64_t)byte(in) * 50000);
        break;
    case 6:
        s.conns[c].hold = !s.conns[c].hold;
        break;
    case 7:
        sim_release(&s, c, byte(in) % 4 + 1);
        break;
    case 8:
        s.conns[c].deaf = !s.conns[c].deaf;
        break;
    case 9:
        s.conns[c].client.taking = (enum sim_taking)(byte(in) % 3);
        s.conns[c].uplink.taking = (enum sim_taking)(byte(in) % 3);
        break;
    case 10:
        what = byte(in);
        s.chunk =
            what % 50u * (what % 50u); /* rarely a byte at a time, which costs the most and finds the least */
        if (what >= 250)
            upset(what);
        what = 0;
        break;
    case 11:
        sup_mem_fail(&s.mem, byte(in));
        s.mem.all_after = byte(in) % 8 == 0;
        break;
    case 12:
        foreign(in);
        break;
    default:
        for (int i = what >> 5; i >= 0; i--)
            request(in, n * 10 + i);
        sim_send(&s, c, &b);
        break;
    }
    if (what & 16)
        sim_pump(&s);
}

static void calm_down(void)
{
    sup_mem_fail(&s.mem, 0);
    s.mem.all_after = false;
    s.zk.require_auth = false;
    s.service_fail = 0;
    s.service_hold = false;
    for (int c = 0; c < SIM_CONNS; c++) {
        s.conns[c].hold = s.conns[c].deaf = false;
        s.conns[c].client.taking = s.conns[c].uplink.taking = SIM_WHOLE;
        s.conns[c].client.eof = s.conns[c].used && !s.conns[c].service;
    }
    sim_late(&s, 1000);
    sim_pump(&s);
    for (int i = 0; i < 12; i++) {
        s.now_us += 5000000;
        zk_time(&s.zk, 1000000 + s.now_us / 1000);
        sim_step(&s, -1, i == 6 ? PK_DRAIN : PK_TICK, NULL, 0);
        sim_pump(&s);
    }
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void start(uint8_t kind)
{
    struct core_config config = sim_default_config;
    struct core_mount mount = config.mounts[0];
    config.mounts = &mount;
    mount.mode = kind == 'W' || kind == 'N' || kind == 'A' ? PK_MODE_WRITE_BEHIND : PK_MODE_PACEMAKER;
    mount.flush_us = kind == 'N' ? 0 : 2000000;
    mount.absorb_watched = kind == 'A';
    sim_init(&s, &config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, bytes + size};
    start(size > 0 ? bytes[size - 1] : 0);
    for (int n = 1; n < STEPS && in.p < in.end; n++)
        one_step(&in, n);
    calm_down();
    for (int c = 0; c < CLIENTS; c++)
        must(!s.conns[c].used || s.conns[c].closed);
    const struct core_stats *st = core_stats(s.core);
    must(core_idle(s.core) && st->connections == 0 && st->sessions == 0 && st->uplinks == 0);
    must(st->dirty == 0 && st->write_permits == 0 && core_left(s.core) == 0);
    must(st->queue_depth == 0 && st->watched_paths == 0 && st->recursive_watches == 0);
    must(st->znodes >= 0 && st->bytes >= 0 && (st->znodes + st->cached_znodes > 0 || st->bytes == 0));
    sim_free(&s);
    sup_buf_free(&b);
    return 0;
}
