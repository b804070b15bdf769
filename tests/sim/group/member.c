/*
 * A member's process, and what its network tells it (member.h).
 *
 * Happy path: news of the network become events for the core (drive.h); a tick comes every 50 ms; SIGTERM hands
 * over, drains and ends. Failure modes: a process that is killed leaves nothing in memory; who does not say what he
 * wants at the member port is closed.
 */
#include "member.h"

#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "dial.h"
#include "drive.h"
#include "watchdog.h"

enum { ALONE_TICK_US = 250000, HANDOVER_US = 2000000, DRAIN_US = 3000000 };

struct member_settings member_settings;

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

/* What is configured: with bounds, the third worker's znode finds no room, or the data of those that did. */
static void configured(struct core_mount own[2])
{
    memcpy(own, mounts, sizeof mounts);
    for (int i = 0; i < 2 && member_settings.bounded; i++) {
        own[i].max_znodes = 3;
        own[i].max_bytes = 1200;
    }
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
    struct pair *p = drive_new_pair(me);
    p->client.end = news->end;
    p->client.open = true;
    net_own(w, news->end, (int)(p - me->pairs) * 2 + 1);
    if (news->owner == PORT_MEMBERS) {
        p->proves = true;
        net_write(w, news->end, (const uint8_t *)"?", 1);
        return;
    }
    if (core_open(me->core, drive_clock(w, me), &p->id) != PK_OK) {
        drive_drop_pair(w, p);
        return;
    }
    drive_known(me, p);
    say_address(w, m, p);
    drive_drain(w, m);
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
    enum pk_err err = link ? core_open_link(me->core, drive_clock(w, me), &p->id)
                           : core_open_relayed(me->core, drive_clock(w, me), epoch, silent_us, false, &p->id);
    if (err != PK_OK) {
        drive_drop_pair(w, p);
        return;
    }
    drive_known(me, p);
    if (!link)
        say_address(w, m, p);
    net_write(w, p->client.end, (const uint8_t *)"!", 1);
    drive_drain(w, m);
}

/* A write that is under way goes on; it is reported when the kernel has taken all of it. */
static void room(struct world *w, int m, struct pair *p, struct member_side *side)
{
    while (side->under_way && side->niov > 0) {
        size_t n = drive_write(w, side, side->iov, side->niov);
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
    drive_step(w, m, p, e);
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
    if (p->used)
        drive_hungry(me, p);
    if (p->used && p->proves && side->ended)
        drive_drop_pair(w, p);
    else if (p->used && p->proves)
        proved(w, m, p);
    if (me->core != NULL)
        drive_feed(w, m);
}

/* ---- the process ----------------------------------------------------------------------------------------- */

static void tick(struct world *w, int m, int64_t boot);

static void next_tick(struct world *w, int m)
{
    int64_t at = w->now_us + (member_settings.group ? member_settings.tick_us : ALONE_TICK_US);
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
    for (int i = 0; i < me->top; i++)
        drive_drop_pair(w, &me->pairs[i]);
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
        drive_step(w, m, NULL, (struct pk_event){.type = PK_DRAIN});
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
    if (!world_runs_now(w, m, tick, m, boot))
        return;
    drive_step(w, m, NULL, (struct pk_event){.type = PK_TICK});
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
    memset(me, 0, offsetof(struct member, top));
    me->skew_us = world_between(w, 0, 1000000000);
    arena_mem(&me->mem);
    h->alive = true;
    h->lost = h->deaf = false;
    h->boot++;
    h->paused_until = 0;
    for (int i = 0; i < PK_INCARNATION; i++)
        me->incarnation[i] = (uint8_t)sup_rand(&w->rng);
    snprintf(me->address, sizeof me->address, "M%d", m);
    struct core_group group = {.path = "/pacekeeper/group", .address = me->address};
    memcpy(group.incarnation, me->incarnation, PK_INCARNATION);
    group.lag_bytes = member_settings.lag_bytes;
    group.link_version = member_settings.mixed && ((uint32_t)m + h->boot) % 2 == 0 ? 1 : 0;
    struct core_mount own[2];
    configured(own);
    struct core_config config = {
        .mounts = own,
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
    world_at(w, w->now_us + world_between(w, 0, member_settings.tick_us), tick, m, h->boot);
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
    w->hosts[m].deaf = true;
    drive_step(w, m, NULL, (struct pk_event){.type = PK_HANDOVER});
}

bool member_info(const struct world *w, int m, struct core_group_info *info)
{
    const struct member *me = &w->members[m];
    return me->core != NULL && core_group_info(me->core, info);
}

void members_start(struct world *w)
{
    w->members = calloc((size_t)w->nmembers, sizeof *w->members);
    assert_non_null(w->members);
    for (int m = 0; m < w->nmembers; m++)
        for (int i = 0; i < PAIRS; i++)
            w->members[m].pairs[i].client.end = w->members[m].pairs[i].uplink.end = -1;
    for (int m = 0; m < w->nmembers; m++)
        member_starts(w, m);
}

void members_stop(struct world *w)
{
    for (int m = 0; m < w->nmembers; m++)
        ends(w, m);
    free(w->members);
}
