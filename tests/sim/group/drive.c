/*
 * A member's core and what it wants done (drive.h).
 *
 * Happy path: after each event the core's updates are carried out until there is none left, then bytes that came
 * meanwhile are fed. Failure modes: too many connections, or an update for one that is closed, end the test.
 */
#include "drive.h"

#include "core/inspect.h"
#include "dial.h"
#include "watchdog.h"

enum { SETTLE_US = 20 };

/* ---- the core -------------------------------------------------------------------------------------------- */

int64_t drive_clock(const struct world *w, const struct member *me)
{
    return w->now_us + me->skew_us;
}

void drive_event(struct world *w, int m, struct pk_id id, struct pk_event e)
{
    struct member *me = &w->members[m];
    e.now_us = drive_clock(w, me);
    e.wall_ms = world_wall_ms(w);
    core_step(me->core, id, &e);
    if (member_settings.check)
        core_check(me->core);
}

static struct pair *pair_of(struct member *me, struct pk_id id)
{
    struct pair *p = id.slot < SLOTS ? &me->pairs[me->by_slot[id.slot]] : NULL;
    return p != NULL && p->known && p->id.slot == id.slot && p->id.gen == id.gen ? p : NULL;
}

void drive_known(struct member *me, struct pair *p)
{
    assert_true(p->id.slot < SLOTS);
    p->known = true;
    me->by_slot[p->id.slot] = (uint8_t)(p - me->pairs);
}

void drive_hungry(struct member *me, const struct pair *p)
{
    size_t i = (size_t)(p - me->pairs);
    me->hungry[i / 64] |= UINT64_C(1) << i % 64;
}

struct pair *drive_new_pair(struct member *me)
{
    int i = 0;
    while (i < PAIRS && me->pairs[i].used)
        i++;
    assert_true(i < PAIRS);
    me->top = i + 1 > me->top ? i + 1 : me->top;
    struct pair *p = &me->pairs[i];
    uint32_t gen = p->gen + 1;
    *p = (struct pair){.used = true, .gen = gen, .server = -1, .client.end = -1, .uplink.end = -1};
    return p;
}

void drive_drop_side(struct world *w, struct member_side *side)
{
    net_close(w, side->end);
    sup_buf_free(&side->in);
    *side = (struct member_side){.end = -1};
}

void drive_drop_pair(struct world *w, struct pair *p)
{
    drive_drop_side(w, &p->client);
    drive_drop_side(w, &p->uplink);
    uint32_t gen = p->gen;
    *p = (struct pair){.gen = gen, .client.end = -1, .uplink.end = -1};
}

/* ---- updates --------------------------------------------------------------------------------------------- */

size_t drive_write(struct world *w, struct member_side *side, const struct pk_iov *iov, int n)
{
    struct sup_buf all = {0};
    size_t room = net_room(w, side->end);
    if (n == 1 && iov[0].len <= room) {
        net_write(w, side->end, iov[0].base, iov[0].len);
        return iov[0].len;
    }
    for (int i = 0; i < n; i++)
        sup_raw(&all, iov[i].base, iov[i].len);
    size_t len = all.len < room ? all.len : room;
    net_write(w, side->end, all.p, len);
    sup_buf_free(&all);
    return len;
}

static void offered(struct world *w, int m, struct pair *p, bool client, const struct pk_update *u,
                    unsigned *partly)
{
    struct member_side *side = client ? &p->client : &p->uplink;
    const struct pk_iov *iov = client ? u->client : u->uplink;
    int n = client ? u->nclient : u->nuplink;
    unsigned bit = 1u << client;
    if (side->under_way)
        return;
    if (*partly & bit) {
        memcpy(side->iov, iov, (size_t)n * sizeof *iov);
        side->niov = n;
        side->taken = 0;
        side->under_way = true;
        return;
    }
    size_t total = 0, taken = drive_write(w, side, iov, n);
    for (int i = 0; i < n; i++)
        total += iov[i].len;
    *partly |= taken < total ? bit : 0;
    drive_event(w, m, p->id,
                (struct pk_event){.type = client ? PK_CLIENT_SENT : PK_UPLINK_SENT, .len = taken});
}

static void carry_out(struct world *w, int m, struct pair *p, const struct pk_update *u, unsigned *partly)
{
    p->client.reading = u->read_client;
    p->uplink.reading = u->read_uplink;
    if (u->flags & PK_UPLINK_OUT)
        offered(w, m, p, false, u, partly);
    if (u->flags & PK_CLIENT_OUT)
        offered(w, m, p, true, u, partly);
    if (u->flags & (PK_UPLINK_CLOSE | PK_UPLINK_OPEN | PK_CLIENT_CLOSE))
        dial_close(w, m, p);
    if (u->flags & PK_CLIENT_CLOSE) {
        world_trace(w, "M%d closes %s%d: %d", m, p->service ? "service " : "pair ",
                    (int)(p - w->members[m].pairs), (int)u->why);
        drive_drop_pair(w, p);
        return;
    }
    if (u->flags & PK_UPLINK_ASK)
        dial_ask(w, m, p);
    if (u->flags & PK_UPLINK_OPEN)
        dial_open(w, m, p, u);
}

static void say_log_events(struct world *w, int m)
{
    static const char *const names[] = {
#define X(name, level, text) #name,
#include "core/conn/log_events.def"
#undef X
    };
    struct core_log_event event;
    while (core_take_log_event(w->members[m].core, &event))
        world_trace(w, "M%d says %s %s %lld", m, names[event.kind], event.path, (long long)event.number);
}

static void go_on(struct world *w, int m, int64_t boot);

void drive_drain(struct world *w, int m)
{
    struct member *me = &w->members[m];
    struct pk_id id;
    struct pk_update u;
    unsigned partly[PAIRS] = {0};
    for (int n = 0; core_next(me->core, &id, &u); n++) {
        struct pair *p = pair_of(me, id);
        assert_true(n < 100000);
        if (p == NULL) {
            assert_true(u.service);
            p = drive_new_pair(me);
            p->service = true;
            p->id = id;
            drive_known(me, p);
        }
        carry_out(w, m, p, &u, &partly[p - me->pairs]);
    }
    say_log_events(w, m);
    watchdog_looks(w, m);
    if (core_pending(me->core) && !me->continues) {
        me->continues = true;
        world_at(w, w->now_us + SETTLE_US, go_on, m, w->hosts[m].boot);
    }
}

static bool feed_side(struct world *w, int m, struct pair *p, bool client)
{
    struct member_side *side = client ? &p->client : &p->uplink;
    if (!p->known || side->end < 0 || (!client && p->dial != DIAL_OPEN))
        return false;
    if (side->in.len > 0 && side->reading) {
        struct sup_buf bytes = side->in;
        uint32_t gen = p->gen;
        side->in = (struct sup_buf){0};
        drive_event(w, m, p->id,
                    (struct pk_event){.type = client ? PK_CLIENT_BYTES : PK_UPLINK_BYTES,
                                      .bytes = bytes.p,
                                      .len = bytes.len});
        drive_drain(w, m);
        sup_buf_free(&bytes);
        return p->used && p->gen == gen;
    }
    if (side->in.len == 0 && side->ended) {
        drive_drop_side(w, side);
        if (!client)
            p->dial = DIAL_NOTHING;
        drive_event(w, m, p->id, (struct pk_event){.type = client ? PK_CLIENT_EOF : PK_UPLINK_EOF});
        drive_drain(w, m);
    }
    return false;
}

static bool is_hungry(const struct member_side *side)
{
    return side->in.len > 0 || side->ended;
}

static bool feed_pair(struct world *w, int m, struct pair *p)
{
    bool uplink = feed_side(w, m, p, false);
    return feed_side(w, m, p, true) || uplink;
}

/* Each of 64 pairs that has something. */
static bool feed_some(struct world *w, int m, int word)
{
    struct member *me = &w->members[m];
    bool any = false;
    for (uint64_t left = me->hungry[word]; left != 0 && me->core != NULL; left &= left - 1) {
        int bit = __builtin_ctzll(left);
        struct pair *p = &me->pairs[word * 64 + bit];
        any |= p->used && feed_pair(w, m, p);
        if (!p->used || (!is_hungry(&p->client) && !is_hungry(&p->uplink)))
            me->hungry[word] &= ~(UINT64_C(1) << bit);
    }
    return any;
}

void drive_feed(struct world *w, int m)
{
    const struct member *me = &w->members[m];
    for (bool any = true; any && me->core != NULL;) {
        any = false;
        for (int word = 0; word < PAIRS / 64; word++)
            any |= feed_some(w, m, word);
    }
}

void drive_step(struct world *w, int m, const struct pair *p, struct pk_event e)
{
    static const struct pk_id nobody = {UINT32_MAX, 0};
    drive_event(w, m, p != NULL ? p->id : nobody, e);
    drive_drain(w, m);
    drive_feed(w, m);
}

static void go_on(struct world *w, int m, int64_t boot)
{
    if (w->hosts[m].boot != (uint32_t)boot || !w->hosts[m].alive)
        return;
    if (!world_runs_now(w, m, go_on, m, boot))
        return;
    w->members[m].continues = false;
    drive_step(w, m, NULL, (struct pk_event){.type = PK_CONTINUE});
}
