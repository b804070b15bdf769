/*
 * A member's process and driver (member.h).
 *
 * Happy path: news of the network become events, and after each of them the core's updates are carried out until
 * there is none left. Failure modes: too many connections, or an update for one that is closed, end the test.
 */
#include "member.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/inspect.h"
#include "dial.h"
#include "watchdog.h"

enum { TICK_US = 50000, ALONE_TICK_US = 250000, HANDOVER_US = 2000000, DRAIN_US = 3000000, SETTLE_US = 20 };

struct member_settings member_settings = {.group = true, .hold = true};

static const struct core_mount mounts[] = {
    {.path = "/storm/workerbeats",
     .mode = PK_MODE_PACEMAKER,
     .max_znodes = 100000,
     .max_bytes = 100 << 20,
     .max_znode = 1 << 20},
    {.path = "/wb",
     .mode = PK_MODE_WRITE_BEHIND,
     .max_znodes = 100000,
     .max_bytes = 100 << 20,
     .max_znode = 1 << 20,
     .flush_us = 1500000},
};

/* ---- the core -------------------------------------------------------------------------------------------- */

static int64_t clock_of(const struct world *w, const struct member *me)
{
    return w->now_us + me->skew_us;
}

void member_event(struct world *w, int m, struct pk_id id, struct pk_event e)
{
    struct member *me = &w->members[m];
    e.now_us = clock_of(w, me);
    e.wall_ms = world_wall_ms(w);
    core_step(me->core, id, &e);
    if (member_settings.check)
        core_check(me->core);
}

static struct pair *pair_of(struct member *me, struct pk_id id)
{
    for (int i = 0; i < me->top; i++)
        if (me->pairs[i].known && me->pairs[i].id.slot == id.slot && me->pairs[i].id.gen == id.gen)
            return &me->pairs[i];
    return NULL;
}

struct pair *member_new_pair(struct member *me)
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

static void drop_side(struct world *w, struct member_side *side)
{
    net_close(w, side->end);
    sup_buf_free(&side->in);
    *side = (struct member_side){.end = -1};
}

static void drop_pair(struct world *w, struct pair *p)
{
    drop_side(w, &p->client);
    drop_side(w, &p->uplink);
    uint32_t gen = p->gen;
    *p = (struct pair){.gen = gen, .client.end = -1, .uplink.end = -1};
}

void member_side_drop(struct world *w, struct member_side *side)
{
    drop_side(w, side);
}

/* ---- updates --------------------------------------------------------------------------------------------- */

static size_t write_iov(struct world *w, struct member_side *side, const struct pk_iov *iov, int n)
{
    struct sup_buf all = {0};
    size_t room = net_room(w, side->end);
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
    size_t total = 0, taken = write_iov(w, side, iov, n);
    for (int i = 0; i < n; i++)
        total += iov[i].len;
    *partly |= taken < total ? bit : 0;
    member_event(w, m, p->id,
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
        drop_pair(w, p);
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

static void drain(struct world *w, int m)
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
            p = member_new_pair(me);
            p->known = p->service = true;
            p->id = id;
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
        member_event(w, m, p->id,
                     (struct pk_event){.type = client ? PK_CLIENT_BYTES : PK_UPLINK_BYTES,
                                       .bytes = bytes.p,
                                       .len = bytes.len});
        drain(w, m);
        sup_buf_free(&bytes);
        return p->used && p->gen == gen;
    }
    if (side->in.len == 0 && side->ended) {
        drop_side(w, side);
        if (!client)
            p->dial = DIAL_NOTHING;
        member_event(w, m, p->id, (struct pk_event){.type = client ? PK_CLIENT_EOF : PK_UPLINK_EOF});
        drain(w, m);
    }
    return false;
}

static bool feed_pair(struct world *w, int m, struct pair *p)
{
    bool uplink = feed_side(w, m, p, false);
    return feed_side(w, m, p, true) || uplink;
}

static void feed(struct world *w, int m)
{
    struct member *me = &w->members[m];
    for (bool any = true; any && me->core != NULL;) {
        any = false;
        for (int i = 0; i < me->top; i++)
            if (me->pairs[i].used)
                any |= feed_pair(w, m, &me->pairs[i]);
    }
}

/* An event of the core's own, or of a pair, and all that follows. */
void member_step(struct world *w, int m, const struct pair *p, struct pk_event e)
{
    static const struct pk_id nobody = {UINT32_MAX, 0};
    member_event(w, m, p != NULL ? p->id : nobody, e);
    drain(w, m);
    feed(w, m);
}

static void go_on(struct world *w, int m, int64_t boot)
{
    if (w->hosts[m].boot != (uint32_t)boot || !w->hosts[m].alive)
        return;
    if (!world_runs(w, m)) {
        world_at(w, w->hosts[m].paused_until, go_on, m, boot);
        return;
    }
    w->members[m].continues = false;
    member_step(w, m, NULL, (struct pk_event){.type = PK_CONTINUE});
}

/* ---- news ------------------------------------------------------------------------------------------------ */

static void say_address(struct world *w, int m, const struct pair *p)
{
    int peer = net_peer(w, p->client.end);
    uint8_t address[4] = {10, 0, 0, (uint8_t)(peer + 1)};
    core_client_address(w->members[m].core, p->id, address, sizeof address);
}

static void accepted(struct world *w, int m, const struct net_news *news)
{
    struct member *me = &w->members[m];
    struct pair *p = member_new_pair(me);
    p->client.end = news->end;
    p->client.open = true;
    net_own(w, news->end, (int)(p - me->pairs) * 2 + 1);
    if (news->owner == PORT_MEMBERS) {
        p->proves = true;
        net_write(w, news->end, (const uint8_t *)"?", 1);
        return;
    }
    if (core_open(me->core, clock_of(w, me), &p->id) != PK_OK) {
        drop_pair(w, p);
        return;
    }
    p->known = true;
    say_address(w, m, p);
    drain(w, m);
}

/* What came to the member port says what it is. */
static void proved(struct world *w, int m, struct pair *p)
{
    struct member *me = &w->members[m];
    struct sup_buf *in = &p->client.in;
    if (in->len < DIAL_HELLO)
        return;
    bool link = in->p[0] == PK_TO_MEMBER_LINK;
    int64_t epoch = sup_be64(in->p + 1), silent_us = dial_age(sup_be64(in->p + 9));
    in->len = 0;
    p->proves = false;
    enum pk_err err = link ? core_open_link(me->core, clock_of(w, me), &p->id)
                           : core_open_relayed(me->core, clock_of(w, me), epoch, silent_us, &p->id);
    if (err != PK_OK) {
        drop_pair(w, p);
        return;
    }
    p->known = true;
    if (!link)
        say_address(w, m, p);
    net_write(w, p->client.end, (const uint8_t *)"!", 1);
    drain(w, m);
}

/* A write that is under way goes on; it is reported when the kernel has taken all of it. */
static void room(struct world *w, int m, struct pair *p, struct member_side *side)
{
    while (side->under_way && side->niov > 0) {
        size_t n = write_iov(w, side, side->iov, side->niov);
        if (n == 0)
            return;
        side->taken += n;
        while (side->niov > 0 && n >= side->iov[0].len) {
            n -= side->iov[0].len;
            memmove(side->iov, side->iov + 1, (size_t)--side->niov * sizeof *side->iov);
        }
        if (side->niov > 0) {
            side->iov[0].base = (const uint8_t *)side->iov[0].base + n;
            side->iov[0].len -= n;
        }
    }
    if (!side->under_way)
        return;
    side->under_way = false;
    struct pk_event e = {.type = side == &p->client ? PK_CLIENT_SENT : PK_UPLINK_SENT, .len = side->taken};
    member_step(w, m, p, e);
}

void member_hears(struct world *w, int m, const struct net_news *news)
{
    struct member *me = &w->members[m];
    if (news->what == NET_ACCEPTED) {
        accepted(w, m, news);
        return;
    }
    struct pair *p = &me->pairs[news->owner / 2 % PAIRS];
    bool client = (news->owner & 1) != 0;
    struct member_side *side = client ? &p->client : &p->uplink;
    if (!p->used || side->end != news->end)
        return;
    if (!client && p->dial != DIAL_OPEN) {
        dial_hears(w, m, p, news);
        return;
    }
    int peer = net_peer(w, news->end);
    if (news->what == NET_BYTES && peer >= host_client(0))
        watchdog_reached(w, peer - host_client(0));
    if (news->what == NET_BYTES)
        sup_raw(&side->in, news->p, news->len);
    else if (news->what == NET_END)
        side->ended = true;
    else if (news->what == NET_ROOM)
        room(w, m, p, side);
    if (p->used && p->proves && side->ended)
        drop_pair(w, p);
    else if (p->used && p->proves)
        proved(w, m, p);
    if (me->core != NULL)
        feed(w, m);
}

/* ---- the process ----------------------------------------------------------------------------------------- */

static void tick(struct world *w, int m, int64_t boot);

static void next_tick(struct world *w, int m)
{
    int64_t at = w->now_us + (member_settings.group ? TICK_US : ALONE_TICK_US);
    world_at(w, at, tick, m, w->hosts[m].boot);
}

static void come_back(struct world *w, int m, int64_t boot)
{
    if (!w->hosts[m].alive && w->hosts[m].boot == (uint32_t)boot)
        member_starts(w, m);
}

static void ends(struct world *w, int m)
{
    struct member *me = &w->members[m];
    w->hosts[m].alive = false;
    w->hosts[m].boot++;
    net_process_ends(w, m);
    for (int i = 0; i < PAIRS; i++)
        drop_pair(w, &me->pairs[i]);
    if (me->core != NULL)
        core_free(me->core);
    me->core = NULL;
    assert_int_equal(me->mem.blocks, 0);
}

static void look_at_leaving(struct world *w, int m)
{
    struct member *me = &w->members[m];
    if (!me->drains && (core_handed_over(me->core) || w->now_us >= me->leaves_us)) {
        me->drains = true;
        me->leaves_us = w->now_us + DRAIN_US;
        member_step(w, m, NULL, (struct pk_event){.type = PK_DRAIN});
    } else if (me->drains && (core_idle(me->core) || w->now_us >= me->leaves_us)) {
        world_trace(w, "M%d ends", m);
        ends(w, m);
        world_at(w, w->now_us + me->restart_us, come_back, m, w->hosts[m].boot);
    }
}

static void tick(struct world *w, int m, int64_t boot)
{
    if (w->hosts[m].boot != (uint32_t)boot || !w->hosts[m].alive)
        return;
    if (!world_runs(w, m)) {
        world_at(w, w->hosts[m].paused_until, tick, m, boot);
        return;
    }
    member_step(w, m, NULL, (struct pk_event){.type = PK_TICK});
    dial_tick(w, m);
    if (w->members[m].leaves_us != 0)
        look_at_leaving(w, m);
    if (w->hosts[m].alive && w->hosts[m].boot == (uint32_t)boot)
        next_tick(w, m);
}

void member_starts(struct world *w, int m)
{
    struct member *me = &w->members[m];
    struct host *h = &w->hosts[m];
    bool other = member_settings.other_mounts && m == w->nmembers - 1;
    *me = (struct member){.skew_us = world_between(w, 0, 1000000000)};
    sup_mem_init(&me->mem);
    h->alive = true;
    h->lost = false;
    h->boot++;
    h->paused_until = 0;
    for (int i = 0; i < PAIRS; i++)
        me->pairs[i] = (struct pair){.client.end = -1, .uplink.end = -1};
    for (int i = 0; i < PK_INCARNATION; i++)
        me->incarnation[i] = (uint8_t)sup_rand(&w->rng);
    snprintf(me->address, sizeof me->address, "M%d", m);
    struct core_group group = {.path = "/pacekeeper/group", .address = me->address};
    memcpy(group.incarnation, me->incarnation, PK_INCARNATION);
    group.lag_bytes = member_settings.lag_bytes;
    struct core_config config = {
        .mounts = mounts,
        .nmounts = other ? 1 : 2,
        .max_frame = 0xfffff,
        .client_high_water = 256 * 1024,
        .uplink_high_water = 256 * 1024,
        .max_parked = 64 * 1024,
        .handshake_us = 10 * 1000000,
        .hash_seed = 7,
        .hold = member_settings.hold,
        .group = member_settings.group ? &group : NULL,
    };
    assert_int_equal(core_new(&me->core, &me->mem.mem, &config), PK_OK);
    world_trace(w, "M%d starts, %02x%02x%02x%02x", m, me->incarnation[0], me->incarnation[1],
                me->incarnation[2], me->incarnation[3]);
    watchdog_starts(w, m);
    world_at(w, w->now_us + world_between(w, 0, TICK_US), tick, m, h->boot);
}

void member_killed(struct world *w, int m)
{
    if (w->hosts[m].alive)
        ends(w, m);
}

void member_leaves(struct world *w, int m, int64_t restart_us)
{
    struct member *me = &w->members[m];
    if (!world_runs(w, m) || me->leaves_us != 0)
        return;
    me->leaves_us = w->now_us + HANDOVER_US;
    me->restart_us = restart_us;
    member_step(w, m, NULL, (struct pk_event){.type = PK_HANDOVER});
}

bool member_info(const struct world *w, int m, struct core_group_info *info)
{
    const struct member *me = &w->members[m];
    return me->core != NULL && core_group_info(me->core, info);
}

void members_start(struct world *w)
{
    w->members = calloc(MEMBERS_MAX, sizeof *w->members);
    assert_non_null(w->members);
    for (int m = 0; m < MEMBERS_MAX; m++)
        sup_mem_init(&w->members[m].mem);
    for (int m = 0; m < w->nmembers; m++)
        member_starts(w, m);
}

void members_stop(struct world *w)
{
    for (int m = 0; m < w->nmembers; m++)
        ends(w, m);
    free(w->members);
}
