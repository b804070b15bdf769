/*
 * What the fuzz targets of the core share (script.h).
 *
 * Happy path: requests of every type, well formed but for what the table of paths has.
 * Failure modes: bytes that are missing are zero; something left over at the end aborts.
 */
#include "script.h"

#include "core/inspect.h"
#include "tests/fuzz/must.h"
#include "tests/sim/uplink.h"
#include "tests/sim/wire.h"

#define M "/storm/workerbeats"

enum { SESSIONS = 60 };

struct sim s;
struct sup_buf b;

uint8_t fuzz_byte(struct fuzz_input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

const char *fuzz_path(struct fuzz_input *in)
{
    static const char *const paths[] = {
        M "/a", M "/a/x", M "/a/y", M "/a/x/q",          M "/b",  M "/b/x", M, "/storm", "/storm/o", "/",
        "",     M "/",    M "/a/",  "/zookeeper/config", "storm", NULL,
    };
    return paths[fuzz_byte(in) % 16];
}

static const char *data(struct fuzz_input *in)
{
    static char room[5001];
    static const size_t lengths[] = {0, 1, 7, 300, 2047, 2100, 5000, 5};
    uint8_t kind = fuzz_byte(in);
    size_t n = lengths[kind & 7];
    memset(room, 'a' + (kind >> 4), n);
    room[n] = 0;
    return kind == 255 ? NULL : room;
}

static void sub_ops(struct fuzz_input *in)
{
    static const int ops[] = {1, 2, 5, 13, 15, 4, 8, 21, 19, 3};
    for (uint8_t n = fuzz_byte(in) % 5; n > 0; n--) {
        int op = ops[fuzz_byte(in) % 10];
        sup_int(&b, op);
        sup_byte(&b, 0);
        sup_int(&b, -1);
        sup_str(&b, fuzz_path(in));
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
            sup_int(&b, (int8_t)fuzz_byte(in));
        if (op == 21)
            sup_long(&b, 1000);
    }
    sup_int(&b, -1);
    sup_byte(&b, 1);
    sup_int(&b, -1);
}

static void watches(struct fuzz_input *in, int lists)
{
    sup_long(&b, fuzz_byte(in));
    for (int i = 0; i < lists; i++) {
        uint8_t n = fuzz_byte(in) % 4;
        sup_int(&b, n == 3 ? -1 : n);
        for (uint8_t k = 0; n < 3 && k < n; k++)
            sup_str(&b, fuzz_path(in));
    }
}

void fuzz_raw(struct fuzz_input *in)
{
    for (uint8_t n = fuzz_byte(in) % 64; n > 0; n--)
        sup_byte(&b, fuzz_byte(in));
}

/* One request of the type chosen, well formed but for what the table of paths has. */
void fuzz_request(struct fuzz_input *in, int xid)
{
    static const int ops[] = {1, 15,  5,   5,   2,   3,  4,  8,  12, 6,  9,   11, 14, 22, 101, 105,  106, 104,
                              7, 100, 102, 103, 107, 19, 21, 16, 17, 18, -11, 13, 0,  20, -10, 4711, 3,   1};
    int op = ops[fuzz_byte(in) % (sizeof ops / sizeof ops[0])];
    size_t mark = wire_begin(&b, op == 11 ? -2 : op == 100 ? -4 : xid, op);
    switch (op) {
    case 1:
    case 15:
    case 19:
    case 21:
    case 7:
        sup_str(&b, fuzz_path(in));
        if (op != 7)
            sup_str(&b, data(in));
        sup_int(&b, 1);
        sup_int(&b, fuzz_byte(in) % 4 ? 31 : fuzz_byte(in));
        sup_str(&b, "world");
        sup_str(&b, "anyone");
        sup_int(&b, op == 7 ? -1 : fuzz_byte(in) % 3 ? 0 : fuzz_byte(in) % 8);
        if (op == 21)
            sup_long(&b, 1000);
        break;
    case 5:
        sup_str(&b, fuzz_path(in));
        sup_str(&b, data(in));
        sup_int(&b, (int8_t)fuzz_byte(in) | -(fuzz_byte(in) & 1));
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
        fuzz_raw(in);
        break;
    default:
        sup_str(&b, fuzz_path(in));
        if (op == 2 || op == 106 || op == 13 || op == 17 || op == 18)
            sup_int(&b, (int8_t)fuzz_byte(in) % 4);
        else
            sup_byte(&b, fuzz_byte(in) & 1);
        break;
    }
    wire_end(&b, mark);
}

/* The n-th client that is there, -1 when there is none. */
int fuzz_somebody(struct fuzz_input *in)
{
    int at[FUZZ_CLIENTS], n = 0;
    for (int c = 0; c < FUZZ_CLIENTS; c++)
        if (s.conns[c].used && !s.conns[c].closed && !s.conns[c].client.eof)
            at[n++] = c;
    return n > 0 ? at[fuzz_byte(in) % n] : -1;
}

void fuzz_arrive(struct fuzz_input *in)
{
    int c = 0;
    while (c < FUZZ_CLIENTS && s.conns[c].used && !s.conns[c].closed)
        c++;
    if (c == FUZZ_CLIENTS || s.zk.nsessions >= SESSIONS)
        return;
    if (s.conns[c].closed)
        sim_forget(&s, c);
    uint8_t how = fuzz_byte(in);
    c = sim_open(&s);
    if (c < 0 || how == 0)
        return;
    int64_t session = how & 1 && s.zk.nsessions > 0 ? 0x1000 + fuzz_byte(in) % s.zk.nsessions : 0;
    s.conns[c].refuse = how & 2 ? fuzz_byte(in) % 3 : 0;
    s.conns[c].fail = how & 4 && fuzz_byte(in) % 4 == 0;
    wire_connect(&b, session, 100 * fuzz_byte(in), how & 8 ? fuzz_byte(in) : 0, (how >> 4) % 3 - 1);
    sim_send(&s, c, &b);
}

/* What somebody who bypasses the proxy does. */
void fuzz_foreign(struct fuzz_input *in)
{
    const char *where = fuzz_path(in);
    char made[256];
    if (where == NULL)
        return;
    s.zk.tree.zxid++;
    uint8_t what = fuzz_byte(in);
    if (what % 3 == 0)
        tree_create(&s.zk.tree, where, &(struct tree_new){.flags = 0}, made);
    else if (what % 3 == 1)
        tree_delete(&s.zk.tree, where, -1);
    else
        tree_set(&s.zk.tree, where, &what, 1, -1);
    zk_time(&s.zk, s.zk.now_ms);
    s.zk.tree.nchanges = 0;
}

void fuzz_start(const uint8_t *bytes, size_t size)
{
    uint8_t kind = size > 0 ? bytes[size - 1] : 0;
    struct core_config config = sim_default_config;
    struct core_mount mount = config.mounts[0];
    config.mounts = &mount;
    mount.mode = kind == 'W' || kind == 'N' || kind == 'A' ? PK_MODE_WRITE_BEHIND : PK_MODE_PACEMAKER;
    mount.flush_us = kind == 'N' ? 0 : 2000000;
    mount.absorb_watched = kind == 'A';
    sim_init(&s, &config);
    s.unchecked = true;
}

static void calm_down(void)
{
    sup_mem_fail(&s.mem, 0);
    s.mem.all_after = false;
    s.zk.require_auth = s.zk.read_only = false;
    s.service_fail = 0;
    s.service_hold = false;
    for (int c = 0; c < SIM_CONNS; c++) {
        s.conns[c].hold = s.conns[c].deaf = false;
        s.conns[c].client.taking = s.conns[c].uplink.taking = SIM_WHOLE;
        s.conns[c].client.eof = s.conns[c].used && !s.conns[c].service;
    }
    sim_late(&s, 1000);
    sim_pump(&s);
    for (int i = 0; i < 12 && (i <= 6 || !core_idle(s.core)); i++) {
        s.now_us += 5000000;
        zk_time(&s.zk, 1000000 + s.now_us / 1000);
        sim_step(&s, -1, i == 6 ? PK_DRAIN : PK_TICK, NULL, 0);
        sim_pump(&s);
        if (i < 6 && core_idle(s.core)) /* nobody is left for whom time could bring something */
            i = 5;
    }
    core_check(s.core);
}

void fuzz_end(void)
{
    calm_down();
    for (int c = 0; c < FUZZ_CLIENTS; c++)
        must(!s.conns[c].used || s.conns[c].closed);
    const struct core_stats *st = core_stats(s.core);
    must(core_idle(s.core) && st->connections == 0 && st->sessions == 0 && st->uplinks == 0);
    must(st->dirty == 0 && st->write_permits == 0 && core_left(s.core) == 0);
    must(st->queue_depth == 0 && st->watched_paths == 0 && st->recursive_watches == 0);
    must(st->znodes >= 0 && st->bytes >= 0 && (st->znodes + st->cached_znodes > 0 || st->bytes == 0));
    sim_free(&s);
    sup_buf_free(&b);
}
