/*
 * The role machine.
 *
 * Happy path: read who is primary; nobody, and it is our turn: try, take over, reign.
 * Failure modes: the session expires: memory sleeps as a copy, which the list may still name; another epoch is shown:
 * it is dropped. Then it begins again. A state that does not follow from the one before is a bug and ends the process.
 */
#include "core/peer/member.h"

#include <string.h>

#include "base/check.h"
#include "core/peer/copies.h"
#include "core/peer/election.h"
#include "core/peer/ender.h"
#include "core/peer/link.h"
#include "core/peer/memory.h"
#include "core/peer/reign.h"
#include "core/peer/rules.h"
#include "core/sync/service.h"

enum {
    STEP_US = 1000,
    LOOK_US = 50 * 1000, /* how often it is read who is primary while that is not known from a link, */
    LOOK_SOON_US = 500,  /* and while one hands over */
};

#define BIT(role) (1u << PK_ROLE_##role)

/* Moves to a role that the drawing allows; anything else ends the process. */
static void move(struct pk_member *m, enum pk_role to)
{
    static const uint8_t edges[PK_ROLES] = {
        [PK_ROLE_LOOKING] = BIT(STANDBY) | BIT(TRYING),
        [PK_ROLE_STANDBY] = BIT(LOOKING) | BIT(TRYING),
        [PK_ROLE_TRYING] = BIT(LOOKING) | BIT(TAKING),
        [PK_ROLE_TAKING] = BIT(LOOKING) | BIT(PRIMARY),
        [PK_ROLE_PRIMARY] = BIT(LOOKING) | BIT(HANDING),
        [PK_ROLE_HANDING] = BIT(LEFT),
        [PK_ROLE_LEFT] = 0,
    };
    if (m->role == to)
        return;
    PK_BUG_ON((edges[m->role] >> to & 1) == 0);
    m->role = (uint8_t)to;
    m->role_us = pk_member_now(m);
}

/* The ensemble has agreed, as far as we know, that we are primary. */
static bool is_elected(const struct pk_member *m)
{
    return m->role >= PK_ROLE_TAKING && m->role <= PK_ROLE_HANDING;
}

/* The same, and memory is ours to change: there are copies, and a list. */
static bool stands(const struct pk_member *m)
{
    return m->role == PK_ROLE_PRIMARY || m->role == PK_ROLE_HANDING;
}

bool pk_member_pending(const struct pk_member *m)
{
    return pk_memory_restoring(m);
}

bool pk_member_serves(const struct pk_member *m)
{
    return m->role == PK_ROLE_PRIMARY;
}

bool pk_member_relays(const struct pk_member *m)
{
    return m->role == PK_ROLE_STANDBY && m->link != NULL && m->link->state >= PK_LINK_RELAYING &&
           !m->link->u->ending && !m->link->goodbye;
}

static void begin_looking(struct pk_member *m)
{
    struct pk_election *e = &m->election;
    move(m, PK_ROLE_LOOKING);
    e->looking = e->trying = false;
    e->looked_us = 0;
    e->absent_us = 0;
}

/* We are primary no more. Unless another is known to be, what we hold is kept as a copy: the list says whether it still
 * is one when it is our turn again. */
static void deposed(struct pk_member *m, bool replaced)
{
    if (m->role == PK_ROLE_HANDING) {
        move(m, PK_ROLE_LEFT);
        m->wishes |= PK_WISH_CLOSE;
    } else {
        pk_member_log(m, PK_LOG_EVENT_GROUP_REPLACED, "", m->epoch);
        begin_looking(m);
        m->wishes |= PK_WISH_LEAVE | PK_WISH_LANES;
    }
    pk_reign_begin(m);
    pk_copies_end(m);
    m->epoch = 0;
    m->reigned = false;
    if (!replaced && m->role != PK_ROLE_LEFT)
        pk_memory_keep(m);
    pk_memory_drop(m);
    pk_memory_sleep(m);
}

/* `primary`, or the list, was wiped while we stood. */
static void wiped(struct pk_member *m)
{
    if (m->role != PK_ROLE_PRIMARY || !pk_gate_reigns(&m->gates, pk_member_now(m))) {
        deposed(m, false);
        return;
    }
    pk_member_log(m, PK_LOG_EVENT_GROUP_WIPED, "", m->epoch);
    pk_reign_begin(m);
    pk_copies_end(m);
    m->wishes |= PK_WISH_RELAYED;
    m->epoch = 0;
    m->election.remade = true;
    begin_looking(m);
}

/* The ensemble has agreed that we are primary, in this epoch. */
static void elected(struct pk_member *m, int64_t epoch)
{
    struct pk_ender *e = &m->ender;
    bool ours = m->before_epoch == m->election.seen_epoch;
    move(m, PK_ROLE_TAKING);
    m->epoch = epoch;
    m->goodbye = m->goodbye && ours;
    m->reborn = m->reborn && ours;
    if (e->epoch != m->election.seen_epoch || m->election.remade || m->goodbye)
        pk_ender_stop(m);
    else if (e->session_id != 0 && e->state == PK_ENDER_NONE)
        e->state = PK_ENDER_WANTED;
    if (e->epoch != m->election.seen_epoch || m->election.remade)
        e->state = PK_ENDER_NONE;
    pk_reign_begin(m);
    pk_link_close(m);
    m->wishes |= m->election.remade ? 0 : PK_WISH_LEAVE;
}

/* One heartbeat after the election, or when the one before has ended, and when the ensemble has confirmed us. */
static void take(struct pk_member *m)
{
    if (pk_member_now(m) < pk_rule_serve_us(m) || !pk_gate_reigns(&m->gates, pk_member_now(m)))
        return;
    move(m, PK_ROLE_PRIMARY);
    pk_memory_take_over(m);
    m->wishes |= m->election.remade ? PK_WISH_OPEN : PK_WISH_OPEN | PK_WISH_LANES;
    m->election.remade = false;
    m->election.seen_epoch = m->epoch;
    m->ender = (struct pk_ender){.state = PK_ENDER_NONE, .u = m->ender.u, .in = m->ender.in};
    m->ended = m->refused = m->goodbye = m->reborn = false;
    m->refused_us = 0;
    pk_member_log(m, PK_LOG_EVENT_GROUP_PRIMARY, m->address, m->epoch);
}

/* Somebody else is primary; or we are, and did not hear of it. */
static void follow(struct pk_member *m, const struct pk_look *look)
{
    struct pk_election *e = &m->election;
    bool own = memcmp(look->incarnation, m->incarnation, PK_INCARNATION) == 0;
    e->absent_us = 0;
    if (own && look->owner == m->sync->service.session_id && m->role == PK_ROLE_TRYING) {
        elected(m, look->epoch);
        return;
    }
    if (m->role == PK_ROLE_TRYING)
        move(m, PK_ROLE_LOOKING);
    if (own) /* of a session of ours that has ended, or will */
        return;
    if (e->remade) { /* another was first */
        e->remade = false;
        pk_memory_drop(m);
        pk_memory_sleep(m);
        m->wishes |= PK_WISH_LEAVE | PK_WISH_LANES;
    }
    if (e->seen_epoch != look->epoch)
        pk_member_log(m, PK_LOG_EVENT_GROUP_STANDBY, look->address, look->epoch);
    e->seen_epoch = look->epoch;
    move(m, PK_ROLE_STANDBY);
}

/* Whether a change of the list was carried out whose answer never came: nobody else may change it while we stand. */
static void learn_list(struct pk_member *m, const struct pk_look *look)
{
    m->list_unknown = false;
    if (!stands(m))
        return;
    if (!look->there || look->epoch != m->epoch || !look->list_there) {
        deposed(m, look->there);
        return;
    }
    m->nasked = look->nlisted;
    memcpy(m->asked, look->listed, sizeof m->asked);
    pk_copies_listed(m);
}

/* It is known who is primary. */
static void looked(struct pk_member *m)
{
    struct pk_election *e = &m->election;
    if (m->list_unknown) {
        learn_list(m, &e->look);
        return;
    }
    if (m->role > PK_ROLE_TRYING)
        return;
    if (e->look.there) {
        follow(m, &e->look);
        return;
    }
    if (m->role == PK_ROLE_TRYING)
        move(m, PK_ROLE_LOOKING);
    if (pk_rule_hears_reign(m))
        e->absent_us = 0;
    else if (e->absent_us == 0)
        e->absent_us = pk_member_now(m);
    if (pk_rule_may_try(m, &e->look)) {
        move(m, PK_ROLE_TRYING);
        pk_election_try(m);
    }
}

/* How often it is read who is primary. */
static int64_t look_every(const struct pk_member *m)
{
    if (m->goodbye && (m->link != NULL || pk_member_now(m) - m->lost_us < PK_LINK_SILENT_US))
        return LOOK_SOON_US;
    return m->role == PK_ROLE_STANDBY && pk_rule_hears_reign(m) ? pk_rule_question_us(pk_member_timeout_us(m))
                                                                : LOOK_US;
}

static void look(struct pk_member *m)
{
    const struct pk_uplink *u = m->sync->service.uplink;
    struct pk_election *e = &m->election;
    if (u != NULL && pk_uplink_usable(u) && !e->looking && !e->trying &&
        pk_member_now(m) - e->looked_us >= look_every(m))
        pk_election_look(m);
}

/* Since when nobody is served here, and that it is said once. */
static void note_refused(struct pk_member *m)
{
    bool served = pk_member_serves(m) || pk_member_relays(m);
    if (served) {
        m->refused_us = 0;
        return;
    }
    if (m->refused_us == 0)
        m->refused_us = pk_member_now(m);
    int64_t since_us = m->refused_us > m->role_us ? m->refused_us : m->role_us;
    if (m->role == PK_ROLE_STANDBY && !m->alone_said && pk_member_now(m) - since_us >= PK_LINK_SILENT_US) {
        m->alone_said = true;
        pk_member_log(m, PK_LOG_EVENT_GROUP_ALONE, m->election.look.address, m->election.look.epoch);
    }
}

/* Everybody's copy has what anybody was told: nothing has been since we let another one take over. */
static bool all_acked(const struct pk_member *m)
{
    return pk_gate_copied(&m->gates, m->handing_position);
}

static void hand_over(struct pk_member *m)
{
    if (!all_acked(m) || m->listing || m->list_unknown || m->handing_us != 0)
        return;
    m->handing_us = pk_member_now(m);
    pk_service_leave(m->sync);
}

/*
 * Who is to leave hands over where a copy is listed, and else has nobody to hand over to. While a change of the list is
 * under way nobody knows which of the two it is: that is waited for, and who has to end before does not reign any more,
 * since a standby that finds itself listed, its link ended and our port closed takes over at once.
 */
static void leave(struct pk_member *m)
{
    bool certain = !m->listing && !m->list_unknown;
    if (!m->leaves || (!certain && !m->sync->conns->draining))
        return;
    m->leaves = false;
    if (certain && pk_copies_count(m) == 0)
        return;
    move(m, PK_ROLE_HANDING);
    pk_member_log(m, PK_LOG_EVENT_GROUP_HANDING, "", m->epoch);
    m->gates.reign_until_us = 0;
    m->handing_us = 0;
    m->handing_position = m->gates.position;
    pk_copies_goodbye(m);
}

static void step_standby(struct pk_member *m)
{
    look(m);
    pk_link_step(m);
    if (pk_rule_ends_primary(m))
        m->ender.state = PK_ENDER_WANTED;
    note_refused(m);
}

void pk_member_listen(struct pk_member *m)
{
    struct pk_tap *tap = &m->sync->store->tap;
    bool needed = !pk_list_empty(&m->links); /* without a link nobody needs records */
    tap->hear = needed ? pk_copies_hear : NULL;
    tap->refresh = needed ? pk_copies_hear_refresh : NULL;
}

static void step_role(struct pk_member *m)
{
    switch ((enum pk_role)m->role) {
    case PK_ROLE_LOOKING:
    case PK_ROLE_STANDBY:
    case PK_ROLE_TRYING:
        step_standby(m);
        break;
    case PK_ROLE_TAKING:
        pk_reign_step(m);
        if (pk_memory_restore(m))
            take(m);
        note_refused(m);
        break;
    case PK_ROLE_PRIMARY:
        pk_reign_step(m);
        pk_copies_step(m);
        if (m->list_unknown)
            look(m);
        leave(m);
        break;
    case PK_ROLE_HANDING:
        if (m->list_unknown)
            look(m);
        pk_copies_step(m);
        hand_over(m);
        break;
    default:
        break;
    }
}

/* What a primary does since time has passed is done once a millisecond, and not with each request of a client. */
static bool is_due(const struct pk_member *m)
{
    return m->stirred || m->role != PK_ROLE_PRIMARY || m->gates.wants_answer ||
           pk_member_now(m) - m->stepped_us >= STEP_US;
}

void pk_member_step(struct pk_member *m)
{
    if (is_due(m)) {
        m->stirred = false;
        m->stepped_us = pk_member_now(m);
        step_role(m);
        pk_ender_step(m);
        pk_member_listen(m);
        m->gates.apply = is_elected(m) || m->election.remade;
    }
    if (m->gates.apply) /* else those who have something waiting are closed */
        pk_gates_open(m->sync->conns);
}

void pk_member_hand_over(struct pk_member *m)
{
    m->stirred = true;
    m->leaves = m->role == PK_ROLE_PRIMARY;
    leave(m);
}

bool pk_member_handed_over(const struct pk_member *m)
{
    return m->role != PK_ROLE_HANDING && !(m->role == PK_ROLE_PRIMARY && m->leaves);
}

/* Something that was asked, by what it was about. */
static void unanswered(struct pk_member *m, const struct pk_entry *e)
{
    switch ((enum pk_group_part)e->part) {
    case PK_PART_PRIMARY:
    case PK_PART_COPIES:
        m->election.looking = false;
        m->election.looked_us = 0;
        break;
    case PK_PART_TRY: /* what is there will say whether it was carried out */
        m->election.trying = false;
        m->election.looked_us = 0;
        break;
    case PK_PART_REIGN:
        pk_reign_lost(m);
        break;
    case PK_PART_LIST: /* nobody knows which of the two stands */
        m->listing = false;
        m->list_unknown = true;
        break;
    default:
        break;
    }
}

/* What was found out. */
static void take_news(struct pk_member *m, enum pk_news news)
{
    switch (news) {
    case PK_NEWS_LOOKED:
        looked(m);
        break;
    case PK_NEWS_ELECTED:
        if (m->role == PK_ROLE_TRYING)
            elected(m, m->election.look.epoch);
        break;
    case PK_NEWS_BEATEN:
        if (m->role == PK_ROLE_TRYING)
            move(m, PK_ROLE_LOOKING);
        break;
    case PK_NEWS_LISTED:
        if (stands(m))
            pk_copies_listed(m);
        break;
    case PK_NEWS_WIPED:
        if (is_elected(m))
            wiped(m);
        break;
    case PK_NEWS_REPLACED:
        deposed(m, true);
        break;
    default:
        break;
    }
}

static void answered(void *member, const struct pk_entry *e, const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_member *m = member;
    m->stirred = true;
    if (r == NULL)
        unanswered(m, e);
    else if (e->part == PK_PART_REIGN)
        take_news(m, pk_reign_answer(m, e, r, body));
    else
        take_news(m, pk_election_answer(m, e, r, body));
}

/* What was asked, or was about to be when memory was short, will not be answered. */
static void forget_asked(struct pk_member *m)
{
    struct pk_election *e = &m->election;
    m->list_unknown = m->list_unknown || m->listing;
    m->listing = e->looking = e->trying = false;
    e->looked_us = 0;
    pk_reign_lost(m);
}

static void session_ended(void *member, bool over)
{
    struct pk_member *m = member;
    m->stirred = true;
    forget_asked(m);
    if (!over)
        return;
    if (m->role == PK_ROLE_PRIMARY && m->sync->conns->draining) { /* it was we; memory may be saved */
        pk_reign_begin(m);
        pk_copies_end(m);
        return;
    }
    if (is_elected(m))
        deposed(m, false);
    else if (m->role == PK_ROLE_TRYING)
        begin_looking(m);
}

void pk_member_hook(struct pk_member *m)
{
    m->hook = (struct pk_sync_hook){m, m->timeout_ms, answered, session_ended};
    m->sync->hook = &m->hook;
}
