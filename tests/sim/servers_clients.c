/*
 * Random clients (servers_clients.h): what they do. What they make of what they hear is in servers_hear.c.
 *
 * Happy path: a session, requests, answers.
 * Failure modes: closed, it comes back with its session; told that this has expired, as somebody new.
 */
#include "servers_clients.h"

#include <stdio.h>

#include "servers_hear.h"
#include "steps.h"
#include "wire.h"

enum { THIRD_US = T_MS * 1000 / 3, SLACK_US = 600000, ANY_WATCH = 3, MOUNT_PATH = PATHS };

struct person persons[CLIENTS];
char wrong[200];
enum client_fault client_fault;
bool client_fault_done;
bool tracing;
static struct sup_buf b;

void say(const char *what, int who, int path)
{
    if (wrong[0] == 0)
        snprintf(wrong, sizeof wrong, "client %d, %s: %s", who, path >= 0 && path < PATHS ? paths[path] : "-",
                 what);
}

void trace(const struct sim_ground *g, const char *format, ...)
{
    va_list args;
    if (!tracing)
        return;
    printf("%8.3f ", (double)g->s->now_us / 1e6);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

static void speak(struct sim_ground *g, struct person *p)
{
    sim_send(g->s, p->c, &b);
    sup_buf_free(&b);
    p->spoke_us = g->s->now_us;
}

static void connect(struct sim_ground *g, struct person *p)
{
    struct sim *s = g->s;
    p->c = sim_open(s);
    p->connections++;
    p->connected = p->admitted = p->resetting = false;
    p->nasks = 0;
    p->fed = 0;
    p->seen = p->last_zxid; /* what events told is not what a library connects with */
    p->fed_us = p->awake_us = s->now_us;
    memset(p->lasting, 0, sizeof p->lasting);
    wire_connect(&b, p->session, T_MS, p->last_zxid, 0);
    speak(g, p);
}

void person_arrive(struct sim_ground *g, int who)
{
    struct person *p = &persons[who];
    *p = (struct person){0};
    for (int i = 0; i < PATHS; i++)
        p->armed[i][DATA].value = p->armed[i][CHILD].value = UNARMED;
    connect(g, p);
}

static void note(struct sim_ground *g, struct person *p, struct ask a)
{
    a.xid = p->xid;
    trace(g, "client %d asks %d: %d of %s%s", (int)(p - persons), a.xid, a.op,
          a.path >= 0 && a.path < PATHS ? paths[a.path] : "-", a.watch ? ", with a watch" : "");
    p->asks[p->nasks++] = a;
}

static void read_something(struct sim_ground *g, struct person *p, int path, bool watch, uint32_t which)
{
    static const int ops[] = {PK_OP_EXISTS, PK_OP_GET_DATA, PK_OP_GET_CHILDREN2};
    int op = ops[which % 3];
    wire_read(&b, p->xid, op, paths[path], watch);
    note(g, p, (struct ask){.op = op, .path = path, .watch = watch});
}

static void write_something(struct sim_ground *g, struct person *p, int path, uint32_t which)
{
    static const int ops[] = {PK_OP_CREATE, PK_OP_DELETE, PK_OP_SET_DATA};
    int op = ops[which % 3];
    if (op == PK_OP_CREATE)
        wire_create(&b, p->xid, paths[path], "x");
    else if (op == PK_OP_DELETE)
        wire_delete(&b, p->xid, paths[path], -1);
    else
        wire_set(&b, p->xid, paths[path], "y", -1);
    note(g, p, (struct ask){.op = op, .path = path});
}

static void beat(struct sim_ground *g, struct person *p, int who)
{
    char path[64];
    snprintf(path, sizeof path, "/storm/workerbeats/%d", who);
    if (p->beats)
        wire_set(&b, p->xid, path, "beat", -1);
    else
        wire_create(&b, p->xid, path, "beat");
    note(g, p, (struct ask){.op = p->beats ? PK_OP_SET_DATA : PK_OP_CREATE, .path = MOUNT_PATH});
}

static void end_watches(struct sim_ground *g, struct person *p, int path)
{
    size_t mark = wire_begin(&b, p->xid, PK_OP_REMOVE_WATCHES);
    sup_str(&b, paths[path]);
    sup_int(&b, ANY_WATCH);
    wire_end(&b, mark);
    note(g, p, (struct ask){.op = PK_OP_REMOVE_WATCHES, .path = path});
}

static void lasting_watch(struct sim_ground *g, struct person *p, int path, bool recursive)
{
    static const int plain[] = {0, 1, 3,
                                4}; /* without children, so that a recursive one is about itself alone */
    path = recursive ? plain[path % 4] : path;
    wire_add_watch(&b, p->xid, paths[path], recursive ? PK_WATCH_PERSISTENT_RECURSIVE : PK_WATCH_PERSISTENT);
    note(g, p, (struct ask){.op = PK_OP_ADD_WATCH, .path = path, .recursive = recursive});
}

/* Nothing was asked before it: when its znode is local, memory answers, whatever is with the servers; but for the
 * moment in which nobody knows whether its server let the session go. */
static void judge_beat(struct sim_ground *g, int who)
{
    char path[64];
    snprintf(path, sizeof path, "/storm/workerbeats/%d", who);
    sim_pump(g->s);
    person_hear(g, who);
    bool sure = tree_find(ensemble_tree(g->ensemble), path) == NULL && !g->s->conns[persons[who].c].asked;
    if (sure && persons[who].nasks > 0 && !g->s->conns[persons[who].c].closed &&
        client_fault != ANSWER_UNHEARD)
        say("a beat waits", who, -1);
}

void person_ask(struct sim_ground *g, int who, struct sup_rng *rng)
{
    struct person *p = &persons[who];
    int path = (int)sup_below(rng, PATHS);
    uint32_t which = sup_below(rng, 60);
    if (!p->connected || p->nasks >= ASKS - 2 || g->s->now_us < p->asleep_until_us ||
        g->s->conns[p->c].closed)
        return;
    p->xid++;
    if (which < 33)
        read_something(g, p, path, sup_below(rng, 3) != 0, which);
    else if (which < 45)
        write_something(g, p, path, which);
    else if (which < 55)
        beat(g, p, who);
    else if (which < 59)
        end_watches(g, p, path);
    else
        lasting_watch(g, p, path, sup_below(rng, 2));
    speak(g, p);
    if (p->nasks == 1 && p->beats && p->admitted && p->asks[0].path == MOUNT_PATH)
        judge_beat(g, who);
}

void person_sleep(struct sim_ground *g, int who, int64_t us)
{
    persons[who].asleep_until_us = persons[who].awake_us = g->s->now_us + us;
}

static void list(const struct person *p, enum about about, bool gone)
{
    int n = 0;
    for (int i = 0; i < PATHS; i++)
        n += p->armed[i][about].value != UNARMED && (p->armed[i][about].value == GONE) == gone;
    sup_int(&b, n);
    for (int i = 0; i < PATHS; i++)
        if (p->armed[i][about].value != UNARMED && (p->armed[i][about].value == GONE) == gone)
            sup_str(&b, paths[i]);
}

/* As libraries do: every watch that it believes in. */
void person_set_watches(struct sim_ground *g, struct person *p)
{
    bool any = false;
    for (int i = 0; i < PATHS; i++) {
        bool data = p->armed[i][DATA].value != UNARMED, child = p->armed[i][CHILD].value != UNARMED;
        p->doubled[i] = data && child;
        any |= data || child;
    }
    if (!any)
        return;
    size_t mark = wire_begin(&b, ++p->xid, PK_OP_SET_WATCHES);
    sup_long(&b, p->last_zxid);
    list(p, DATA, false);
    list(p, DATA, true);
    list(p, CHILD, false);
    wire_end(&b, mark);
    note(g, p, (struct ask){.op = PK_OP_SET_WATCHES, .path = -1});
    p->resetting = true;
    speak(g, p);
}

static bool writes_under_way(const struct person *p)
{
    for (int i = 0; i < p->nasks; i++)
        if (p->asks[i].op == PK_OP_ADD_WATCH || zk_is_write(p->asks[i].op))
            return true;
    return false;
}

static bool lasting_under_way(const struct person *p)
{
    for (int i = 0; i < PATHS; i++)
        if (p->lasting[i].on)
            return true;
    return false;
}

/* A server has served for so long without a break that everybody who waits should be there. */
static bool nobody_serves(const struct sim_ground *g)
{
    for (int i = 0; i < g->ensemble->n; i++)
        if (servers_good_ms(i) >= 3000)
            return false;
    return true;
}

/* Nothing went upstream until too late for a question whether its server serves. */
static bool asked_late(const struct sim_ground *g, const struct person *p)
{
    enum { QUESTION_US = 2500000 }; /* a twelfth of the timeout, a tick, and the question's own patience */
    return g->s->now_us - p->upward_us < QUESTION_US;
}

/* What a close may be for. */
static bool is_good_reason(const struct sim_ground *g, const struct person *p)
{
    int64_t zxid;
    enum ensemble_says says = ensemble_ask(g->ensemble, g->at[p->c].server, &zxid);
    bool alive = ensemble_session(g->ensemble, p->session) != NULL;
    bool slept = g->s->now_us - p->awake_us < 2 * T_MS * 1000;
    switch (g->s->conns[p->c].why) {
    case PK_CLOSE_NOT_HELD_WRITE:
        return writes_under_way(p);
    case PK_CLOSE_NOT_HELD_LASTING:
        return lasting_under_way(p);
    case PK_CLOSE_HOLD_DEADLINE:
        return slept || nobody_serves(g);
    case PK_CLOSE_UPLINK_SILENT:
        return slept || writes_under_way(p) || lasting_under_way(p) || nobody_serves(g) || asked_late(g, p) ||
               g->ensemble->servers[g->at[p->c].server].lags; /* slow is not lost */
    case PK_CLOSE_UPLINK_LOST:
        return !alive || (says == ENSEMBLE_SERVES || says == ENSEMBLE_NOT_SERVING);
    case PK_CLOSE_SESSION_INVALID:
        return !alive;
    case PK_CLOSE_NOT_HELD_PART:
        return true;
    case PK_CLOSE_UPLINK_CLOSED_AT_ONCE:
    case PK_CLOSE_CONNECT_UNANSWERED:
    case PK_CLOSE_NO_UPSTREAM:
        return !p->connected;
    default:
        return false;
    }
}

static void come_back(struct sim_ground *g, int who)
{
    struct person *p = &persons[who];
    if (!is_good_reason(g, p)) {
        char text[80];
        snprintf(text, sizeof text, "closed for the reason %d", (int)g->s->conns[p->c].why);
        say(text, who, -1);
    }
    trace(g, "client %d closed: %d", who, (int)g->s->conns[p->c].why);
    sim_forget(g->s, p->c);
    if (p->session != 0 && !p->connected && ensemble_session(g->ensemble, p->session) == NULL)
        person_arrive(g, who);
    else
        connect(g, p);
}

/* Nobody who is awake may believe in a session for longer than two thirds of its timeout after the ensemble's last
 * word. */
static void judge_deadline(struct sim_ground *g, int who)
{
    struct person *p = &persons[who];
    const struct sim_conn *conn = &g->s->conns[p->c];
    int64_t now_us = g->s->now_us;
    if (conn->uplink.fed != p->fed) {
        p->fed = conn->uplink.fed;
        p->fed_us = now_us;
    }
    bool closed = conn->closed && client_fault != CLOSE_UNHEARD;
    bool awake = now_us > p->asleep_until_us && p->awake_us <= p->fed_us;
    if (p->connected && !closed && awake && now_us - p->fed_us > 2 * THIRD_US + SLACK_US)
        say("believes in its session for too long", who, -1);
}

void person_tend(struct sim_ground *g, int who)
{
    struct person *p = &persons[who];
    struct sim *s = g->s;
    bool asleep = s->now_us < p->asleep_until_us;
    if (!asleep)
        person_hear(g, who);
    judge_deadline(g, who);
    if (asleep || (client_fault == CLOSE_UNHEARD && p->connected))
        return;
    if (s->conns[p->c].closed) {
        come_back(g, who);
    } else if (p->connected && s->now_us - p->spoke_us >= THIRD_US - 250000) {
        wire_ping(&b);
        speak(g, p);
    }
}

static void note_upward(const struct sim_ground *g, struct person *p)
{
    enum { PAUSE_US = 2000000 };
    if (g->s->now_us - p->up_us > PAUSE_US)
        p->upward_us = g->s->now_us;
    p->up_us = g->s->now_us;
}

void person_life(struct sim_ground *g, int c, const uint8_t *f, size_t len)
{
    bool connects = !g->s->conns[c].connecting, pings = len >= 4 && (int)sup_be32(f) == PK_XID_PING;
    for (int who = 0; who < CLIENTS; who++) {
        struct person *p = &persons[who];
        int64_t bound_us = p->nasks > 0 ? 2 * THIRD_US : THIRD_US;
        if (p->c != c || !p->connected)
            continue;
        note_upward(g, p);
        if (!connects && !pings)
            continue;
        trace(g, "client %d is alive upstream, %.3f s after it spoke", who,
              (double)(g->s->now_us - p->spoke_us) / 1e6);
        if (g->s->now_us - p->spoke_us > bound_us + SLACK_US)
            say("its session is kept alive without a sign of life", who, -1);
    }
}
