/*
 * What random clients make of what they hear (servers_hear.h).
 *
 * Happy path: an answer is that to the oldest request, shows what was true at its zxid, and comes after the events of
 * all that it shows; an event is one that a watch waits for.
 * Failure modes: anything else is said.
 */
#include "servers_hear.h"

#include <inttypes.h>

#include "steps.h"
#include "wire.h"

int64_t events_in_all, answers_in_all;

static void welcome(struct sim_ground *g, int who)
{
    struct person *p = &persons[who];
    struct sim_conn *conn = &g->s->conns[p->c];
    if (conn->got.len - conn->got_off < WIRE_CONNECT_REPLY)
        return;
    const uint8_t *r = conn->got.p + conn->got_off;
    conn->got_off += WIRE_CONNECT_REPLY;
    int64_t session = sup_be64(r + 12);
    if (sup_be32(r + 8) == 0) {
        if (ensemble_session(g->ensemble, p->session) != NULL)
            say("told that its session has expired, which lives", who, -1);
        return;
    }
    if (p->session != 0 && session != p->session)
        say("another session", who, -1);
    trace(g, "client %d at server %d, session %" PRIx64, who, g->at[p->c].server, (uint64_t)session);
    p->session = session;
    p->connected = true;
    person_set_watches(g, p);
}

/* A number of its own for each uplink that it had. */
static int uplink_of(const struct person *p, const struct sim_conn *conn)
{
    enum { MANY = 10000 };
    return p->connections * MANY + conn->opened;
}

/* The watch is told of what it should be told, when an answer shows what was true at a zxid. */
static bool is_told(const struct person *p, const struct sim_conn *conn, int path, enum about about,
                    int64_t zxid)
{
    const struct armed *a = &p->armed[path][about];
    if (a->value == UNARMED)
        return true;
    if (a->uplink == uplink_of(p, conn))
        return !oracle_changed(path, about, a->zxid, zxid);
    return oracle_value(path, about, zxid) == a->value;
}

static void all_told(const struct sim_conn *conn, int who, int64_t zxid)
{
    const struct person *p = &persons[who];
    int type;
    for (int i = 0; i < PATHS; i++) {
        for (int about = DATA; about < ABOUTS; about++)
            if (!is_told(p, conn, i, (enum about)about, zxid))
                say("an answer shows a change before its event", who, i);
        int64_t next =
            p->lasting[i].on ? oracle_next_event(i, p->lasting[i].recursive, p->lasting[i].zxid, &type) : 0;
        if (next != 0 && next <= zxid)
            say("an answer shows a change before the event of a lasting watch", who, i);
    }
}

static void arm(struct person *p, const struct sim_conn *conn, int path, enum about about, int64_t value,
                int64_t zxid)
{
    p->armed[path][about] = (struct armed){value, zxid, uplink_of(p, conn)};
}

static void hear_read(const struct sim_conn *conn, int who, const struct ask *a, const struct sim_frame *f)
{
    enum about about = a->op == PK_OP_GET_CHILDREN2 ? CHILD : DATA;
    int64_t shown = GONE;
    if (f->err == PK_Z_OK)
        shown = about == CHILD ? sim_stat(f).pzxid : sim_stat(f).mzxid;
    else if (f->err != PK_Z_NO_NODE)
        say("a read is answered with another error", who, a->path);
    if (shown != oracle_value(a->path, about, f->zxid))
        say("an answer shows what was not true at its zxid", who, a->path);
    if (a->watch && (shown != GONE || a->op == PK_OP_EXISTS))
        arm(&persons[who], conn, a->path, about, shown, f->zxid);
}

static void hear_removed(int who, const struct ask *a, const struct sim_frame *f)
{
    struct person *p = &persons[who];
    bool any = p->armed[a->path][DATA].value != UNARMED || p->armed[a->path][CHILD].value != UNARMED ||
               p->lasting[a->path].on;
    if (any != (f->err == PK_Z_OK))
        say(any ? "the server knows no watch there" : "the server knew a watch there", who, a->path);
    p->armed[a->path][DATA].value = p->armed[a->path][CHILD].value = UNARMED;
    p->lasting[a->path].on = false;
}

/* Its own setWatches is answered: from here on it is as if all had been left now. */
static void hear_set(struct person *p, const struct sim_conn *conn, int64_t zxid)
{
    p->resetting = false;
    memset(p->doubled, 0, sizeof p->doubled);
    for (int i = 0; i < PATHS; i++)
        for (int about = DATA; about < ABOUTS; about++)
            if (p->armed[i][about].value != UNARMED)
                arm(p, conn, i, (enum about)about, p->armed[i][about].value, zxid);
}

static void hear_outside(const struct sim_conn *conn, int who, const struct ask *a, const struct sim_frame *f)
{
    struct person *p = &persons[who];
    if (f->zxid < p->seen)
        say("an answer older than what it had seen", who, a->path);
    p->seen = f->zxid > p->seen ? f->zxid : p->seen;
    all_told(conn, who, f->zxid);
    switch (a->op) {
    case PK_OP_EXISTS:
    case PK_OP_GET_DATA:
    case PK_OP_GET_CHILDREN2:
        hear_read(conn, who, a, f);
        break;
    case PK_OP_REMOVE_WATCHES:
        hear_removed(who, a, f);
        break;
    case PK_OP_SET_WATCHES:
        hear_set(p, conn, f->zxid);
        break;
    case PK_OP_ADD_WATCH:
        p->lasting[a->path].on = true;
        p->lasting[a->path].recursive = a->recursive;
        p->lasting[a->path].zxid = f->zxid;
        break;
    default:
        if (!oracle_wrote(f->zxid, p->session, f->xid))
            say("a write is answered that was not carried out", who, a->path);
    }
}

static void hear_answer(const struct sim_conn *conn, int who, const struct sim_frame *f)
{
    struct person *p = &persons[who];
    if (p->nasks == 0 || p->asks[0].xid != f->xid) {
        say("an answer to something else", who, -1);
        return;
    }
    const struct ask a = p->asks[0];
    memmove(p->asks, p->asks + 1, (size_t)--p->nasks * sizeof *p->asks);
    answers_in_all++;
    p->admitted = true;
    p->last_zxid = f->zxid > 0 ? f->zxid : p->last_zxid;
    if (a.path < PATHS) {
        hear_outside(conn, who, &a, f);
        return;
    }
    if (f->err != PK_Z_OK && (a.op != PK_OP_CREATE || f->err != PK_Z_NODE_EXISTS))
        say("a beat is refused", who, -1);
    p->beats = true;
}

static bool consumes(int type, enum about about)
{
    return type == PK_EVENT_DELETED || (about == CHILD) == (type == PK_EVENT_CHILDREN_CHANGED);
}

/* A one-shot watch that an event is for, and whether it may be. */
static bool hear_once(int who, int path, enum about about, int type, int64_t zxid)
{
    struct armed *a = &persons[who].armed[path][about];
    if (!consumes(type, about) || a->value == UNARMED)
        return false;
    if (!oracle_changed(path, about, a->zxid, oracle_newest()))
        say("an event of what has not happened", who, path);
    if (zxid > 0 && !oracle_changed_by(path, about, zxid, a->value))
        say("an event with another zxid", who, path);
    if (type == PK_EVENT_CREATED && a->value != GONE)
        say("an event of another type", who, path);
    a->value = UNARMED;
    return true;
}

static bool hear_lasting(int who, int path, int type, int64_t zxid)
{
    struct person *p = &persons[who];
    int expected = 0;
    if (!p->lasting[path].on || (p->lasting[path].recursive && type == PK_EVENT_CHILDREN_CHANGED))
        return false;
    int64_t next = oracle_next_event(path, p->lasting[path].recursive, p->lasting[path].zxid, &expected);
    if (next == 0 || type != expected || (zxid > 0 && zxid != next))
        say("an event out of order of a lasting watch", who, path);
    p->lasting[path].zxid = next;
    return true;
}

static void hear_event(struct sim_ground *g, int who, const struct sim_frame *f)
{
    struct person *p = &persons[who];
    struct pk_watcher_event e;
    int path = 0;
    events_in_all++;
    assert_int_equal(pk_watcher_event_decode(f->body, f->len, &e), PK_OK);
    while (path < PATHS && !sup_is(e.path, paths[path]))
        path++;
    if (path == PATHS) {
        say("an event of an unknown path", who, path);
        return;
    }
    trace(g, "client %d: event %d of %s", who, e.type, paths[path]);
    bool any = hear_lasting(who, path, e.type, f->zxid);
    for (int about = DATA; about < ABOUTS; about++)
        any |= hear_once(who, path, (enum about)about, e.type, f->zxid);
    if (!any && !(p->resetting && p->doubled[path] && e.type == PK_EVENT_DELETED))
        say("an event without a watch", who, path);
    p->seen = f->zxid > p->seen ? f->zxid : p->seen;
}

/* Defects of what is between: true when the frame has been dealt with. */
static bool disturb(struct sim_ground *g, int who, const struct sim_frame *f)
{
    static struct sim_frame late;
    static uint8_t kept[300];
    static int late_for = -1;
    bool event = f->xid == PK_XID_NOTIFICATION;
    if (client_fault == EVENT_LATE && late_for == who && f->xid > 0) {
        late_for = -1;
        hear_answer(&g->s->conns[persons[who].c], who, f);
        hear_event(g, who, &late);
        return true;
    }
    if (client_fault_done || (event ? client_fault < EVENT_LOST || client_fault > EVENT_LATE
                                    : client_fault != ANSWER_UNHEARD || f->xid <= 0))
        return false;
    client_fault_done = true;
    if (client_fault == EVENT_TWICE) {
        hear_event(g, who, f);
        hear_event(g, who, f);
    } else if (client_fault == EVENT_LATE && f->len <= sizeof kept) {
        memcpy(kept, f->body, f->len);
        late = *f;
        late.body = kept;
        late_for = who;
    }
    return true;
}

void person_hear(struct sim_ground *g, int who)
{
    struct person *p = &persons[who];
    struct sim_conn *conn = &g->s->conns[p->c];
    struct sim_frame f;
    if (!p->connected)
        welcome(g, who);
    while (p->connected && sim_frame(g->s, p->c, &f)) {
        trace(g, "client %d hears %d, err %d, zxid %" PRIx64 " (server %d)", who, f.xid, f.err,
              (uint64_t)f.zxid, g->at[p->c].server);
        if (disturb(g, who, &f))
            continue;
        if (f.xid == PK_XID_NOTIFICATION)
            hear_event(g, who, &f);
        else if (f.xid > 0)
            hear_answer(conn, who, &f);
    }
}
