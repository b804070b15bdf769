/*
 * The group and its clients.
 *
 * Happy path: clients of a primary have uplinks to the ensemble, those of a standby to the primary.
 * Failure modes: when the way changes every uplink is left; who may be held is, and attached by the new way, anybody
 * else is closed. Without a way new clients are closed after a second.
 */
#include "core/group.h"

#include "base/hex.h"
#include "core/client.h"
#include "core/held.h"
#include "core/peer/copies.h"
#include "core/peer/ender.h"
#include "core/peer/link.h"
#include "core/peer/rules.h"
#include "core/session.h"

enum { WAY_US = 1000 * 1000 };

bool pk_group_forbids(const struct pk_uplink *u)
{
    return u->why == PK_CLOSE_NOT_PRIMARY || u->why == PK_CLOSE_HANDED_OVER;
}

static void set_way(struct core *core)
{
    const struct pk_member *m = core->member;
    bool stands = pk_member_serves(m) || m->election.remade;
    core->conns.way = stands ? PK_WAY_ENSEMBLE : pk_member_relays(m) ? PK_WAY_PRIMARY : PK_WAY_NONE;
}

static void leave(struct core *core, struct pk_client *c)
{
    struct pk_conns *conns = &core->conns;
    if (c->gate != NULL || c->up.gate != NULL) /* nobody knows whether that has happened */
        pk_conn_close(conns, &c->up, PK_CLOSE_NOT_PRIMARY);
    if (c->kind != PK_KIND_ZOOKEEPER || c->state == PK_CLIENT_HANDSHAKE)
        return;
    if (c->relayed || c->state == PK_CLIENT_GONE)
        pk_conn_close(conns, &c->up, PK_CLOSE_NOT_PRIMARY);
    else
        pk_held_regroup(core, c);
}

static void each_client(struct core *core, void (*what)(struct core *core, struct pk_client *c))
{
    for (uint32_t i = 0; i < core->conns.nslots; i++) {
        struct pk_client *c = pk_conns_client(&core->conns, i);
        if (c != NULL && c->state != PK_CLIENT_LAST)
            what(core, c);
    }
}

/* Those that end are not to say what waits. */
static void drop_last_words(struct core *core)
{
    for (uint32_t i = 0; i < core->conns.nslots; i++) {
        struct pk_client *c = pk_conns_client(&core->conns, i);
        if (c != NULL && c->state == PK_CLIENT_LAST)
            pk_gate_drop(&core->conns, &c->gate);
    }
}

static void close_lane(struct core *core, struct pk_client *c)
{
    if (c->kind == PK_KIND_LANE)
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_NOT_PRIMARY);
}

static void close_relayed(struct core *core, struct pk_client *c)
{
    if (c->relayed)
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_NOT_PRIMARY);
}

static void close_any(struct core *core, struct pk_client *c)
{
    pk_conn_close(&core->conns, &c->up, PK_CLOSE_HANDED_OVER);
}

static void open_way(struct core *core, struct pk_client *c)
{
    if (c->up.waits_way && !c->up.ending)
        pk_uplink_want_open(&core->conns, &c->up);
    pk_client_wake(&core->conns, c); /* whatever it was to do while memory was restored */
}

static void carry_out(struct core *core, unsigned wishes)
{
    if (wishes & PK_WISH_CLOSE)
        each_client(core, close_any);
    if (wishes & (PK_WISH_LEAVE | PK_WISH_CLOSE))
        drop_last_words(core);
    if (wishes & PK_WISH_LEAVE)
        each_client(core, leave);
    if ((wishes & PK_WISH_LEAVE) && core->sync.service.uplink != NULL &&
        core->sync.service.uplink->gate != NULL)
        pk_session_move_service(core, PK_CLOSE_NOT_PRIMARY); /* what waits there is never to leave */
    if (wishes & PK_WISH_LANES)
        each_client(core, close_lane);
    if (wishes & PK_WISH_RELAYED)
        each_client(core, close_relayed);
    if (wishes & PK_WISH_SERVED)
        pk_held_link(core);
    if (wishes & PK_WISH_OPEN) {
        each_client(core, open_way);
        pk_held_ways(core);
    }
}

void pk_group_step(struct core *core)
{
    struct pk_member *m = core->member;
    if (core->conns.draining) {
        pk_link_close(m);
        pk_ender_stop(m);
    }
    pk_member_step(m);
    set_way(core);
    unsigned wishes = m->wishes;
    m->wishes = 0;
    if (wishes != 0)
        carry_out(core, wishes);
}

static void give_up(struct core *core, struct pk_client *c)
{
    if (c->up.waits_way && c->hold == NULL && core->conns.now_us - c->up.way_us >= WAY_US)
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_NO_PRIMARY);
}

void pk_group_tick(struct core *core)
{
    if (core->member == NULL)
        return;
    core->member->stirred = true;
    if (core->conns.way == PK_WAY_NONE)
        each_client(core, give_up);
}

static void link_event(struct pk_member *m, const struct pk_event *event)
{
    switch (event->type) {
    case PK_UPLINK_READY:
        pk_link_ready(m);
        break;
    case PK_UPLINK_BYTES:
        pk_link_bytes(m, event->bytes, event->len);
        break;
    case PK_UPLINK_FAILED:
        pk_link_failed(m, event->refused);
        break;
    case PK_UPLINK_EOF:
        pk_link_eof(m);
        break;
    default:
        break;
    }
}

static void ender_event(struct pk_member *m, const struct pk_event *event)
{
    switch (event->type) {
    case PK_UPLINK_READY:
        pk_ender_ready(m);
        break;
    case PK_UPLINK_BYTES:
        pk_ender_bytes(m, event->bytes, event->len);
        break;
    case PK_UPLINK_FAILED:
    case PK_UPLINK_EOF:
        pk_ender_lost(m);
        break;
    default:
        break;
    }
}

void pk_group_uplink(struct core *core, struct pk_uplink *u, const struct pk_event *event)
{
    struct pk_member *m = core->member;
    if (u->ending || u->state == PK_UPLINK_LOST)
        return;
    if (m->link != NULL && m->link->u == u)
        link_event(m, event);
    else if (m->ender.u == u)
        ender_event(m, event);
}

void pk_group_uplink_ended(struct core *core, struct pk_uplink *u)
{
    struct pk_member *m = core->member;
    if (m->link != NULL && m->link->u == u)
        pk_link_ended(m);
    else if (m->ender.u == u)
        pk_ender_ended(m);
    u->address = NULL;
}

void pk_group_link(struct core *core, struct pk_client *c, const struct pk_event *event)
{
    if (event->type == PK_CLIENT_BYTES && c->state == PK_CLIENT_OPEN && !c->up.ending)
        pk_copies_bytes(core->member, c->link, event->bytes, event->len);
    else if (event->type == PK_CLIENT_EOF)
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_LINK_LOST);
}

bool pk_group_link_sent(struct core *core, const struct pk_client *c)
{
    bool copying = c->link != NULL && c->link->state == PK_LINK_COPYING;
    core->member->stirred |= copying;
    return copying;
}

enum pk_err core_open_link(struct core *core, int64_t now_us, struct pk_id *out)
{
    if (core->member == NULL)
        return PK_EINVAL;
    struct pk_client *c = pk_client_open(core, now_us, PK_KIND_LINK);
    if (c == NULL)
        return PK_ENOMEM;
    if (pk_copies_open(core->member, c) != PK_OK) {
        pk_conn_free(&core->conns, &c->up);
        return PK_ENOMEM;
    }
    pk_member_listen(core->member);
    pk_client_move(c, PK_CLIENT_OPEN);
    *out = c->up.id;
    return PK_OK;
}

enum pk_err core_open_relayed(struct core *core, int64_t now_us, int64_t epoch, int64_t silent_us, bool own,
                              struct pk_id *out)
{
    if (core->member == NULL || !pk_rule_takes_relayed(core->member, epoch) || silent_us < 0)
        return PK_EINVAL;
    struct pk_client *c = pk_client_open(core, now_us, PK_KIND_ZOOKEEPER);
    if (c == NULL)
        return PK_ENOMEM;
    c->relayed = true;
    c->judged = own;
    c->heard_us = now_us - silent_us;
    c->up_us = INT64_MAX / 2; /* nothing is a sign of life before its session is confirmed */
    *out = c->up.id;
    return PK_OK;
}

bool core_group_info(const struct core *core, struct core_group_info *info)
{
    const struct pk_member *m = core->member;
    if (m == NULL)
        return false;
    bool primary = m->role >= PK_ROLE_TAKING;
    const struct pk_link *l = m->link;
    *info = (struct core_group_info){
        .role = (enum pk_role)m->role,
        .epoch = primary                  ? m->epoch
                 : m->election.look.there ? m->election.look.epoch
                                          : 0,
        .reigning = primary ? pk_gate_reigns(&m->gates, core->conns.now_us) : pk_rule_hears_reign(m),
        .primary = primary                  ? m->address
                   : m->election.look.there ? m->election.look.address
                                            : "",
        .refused_us = m->refused_us,
        .listed = primary || pk_rule_is_listed(m, &m->election.look),
        .copies = pk_copies_count(m),
        .waiting = m->gates.nwaiting,
        .snapshot_bytes = l != NULL && l->state == PK_LINK_COPYING ? l->sent_bytes : 0,
        .snapshot_of = l != NULL && l->state == PK_LINK_COPYING ? l->of_bytes : 0,
    };
    return true;
}

static void describe(const struct pk_member *m, const struct pk_link *l, struct core_member_info *info)
{
    const struct pk_mate *mate = l->mate;
    *info = (struct core_member_info){.address = l->address,
                                      .listed = mate != NULL && mate->listed,
                                      .version = (uint32_t)l->version,
                                      .snapshot = l->state == PK_LINK_COPYING,
                                      .snapshot_bytes = l->sent_bytes,
                                      .snapshot_of = l->of_bytes};
    pk_put_hex(info->incarnation, l->incarnation, sizeof info->incarnation / 2); /* it is zero behind them */
    if (mate == NULL || l->state != PK_LINK_WHOLE)
        return;
    info->lag_records = (uint64_t)(m->gates.position - mate->acked);
    info->lag_bytes = l->u->client->out.bytes;
    info->lag_us = pk_rule_behind_since_us(m, mate);
}

bool core_group_member(const struct core *core, size_t i, struct core_member_info *info)
{
    const struct pk_member *m = core->member;
    if (m == NULL)
        return false;
    if (m->link != NULL && i == 0) {
        describe(m, m->link, info);
        return true;
    }
    for (const struct pk_list *at = m->links.next; at != &m->links; at = at->next) {
        const struct pk_link *l = PK_CONTAINER(at, struct pk_link, list);
        if (l->state == PK_LINK_OPENING || i-- > 0)
            continue;
        describe(m, l, info);
        return true;
    }
    return false;
}

int64_t core_copy_wait(const struct core *core, double quantile)
{
    return core->member != NULL ? pk_histogram_quantile(&core->member->gates.waits, quantile) : 0;
}

uint64_t core_copy_waits_within(const struct core *core, int64_t us)
{
    return core->member != NULL ? pk_histogram_within(&core->member->gates.waits, us) : 0;
}

double core_copy_wait_sum_us(const struct core *core)
{
    return core->member != NULL ? core->member->gates.waits.sum : 0;
}

bool core_handed_over(const struct core *core)
{
    return core->member == NULL || pk_member_handed_over(core->member);
}
