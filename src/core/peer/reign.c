/*
 * The reign.
 *
 * Happy path: a question each sixth of the timeout.
 * Failure modes: no answer, no reign; nothing is undone by that, and what waited leaves when an answer comes. Another
 * epoch, or nothing there: it is said to the role machine.
 */
#include "core/peer/reign.h"

#include "core/peer/election.h"
#include "core/peer/rules.h"

void pk_reign_begin(struct pk_member *m)
{
    m->gates.reign_until_us = 0;
    m->gates.answered = m->gates.asked; /* of the epochs before */
    m->gates.fence = m->gates.asked;
    m->asked_us = INT64_MIN / 2;
}

static void ask(struct pk_member *m)
{
    m->asked_us = pk_member_now(m);
    m->gates.wants_answer = false;
    m->gates.asked++;
    if (pk_election_ask(m, PK_OP_SYNC, pk_text(m->primary), PK_PART_NONE, 0))
        (void)pk_election_ask(m, PK_OP_EXISTS, pk_text(m->primary), PK_PART_REIGN, (int32_t)m->gates.asked);
}

static void say(struct pk_member *m)
{
    bool reigns = pk_gate_reigns(&m->gates, pk_member_now(m));
    if (reigns == m->reigned)
        return;
    m->reigned = reigns;
    pk_member_log(m, reigns ? PK_LOG_EVENT_GROUP_REIGNS : PK_LOG_EVENT_GROUP_UNCONFIRMED, "", m->epoch);
}

void pk_reign_step(struct pk_member *m)
{
    const struct pk_uplink *u = m->sync->service.uplink;
    bool due = pk_member_now(m) - m->asked_us >= pk_rule_question_us(pk_member_timeout_us(m));
    bool wanted = m->gates.wants_answer && m->gates.wanted == m->gates.asked;
    if (m->role == PK_ROLE_PRIMARY)
        say(m);
    if (u != NULL && pk_uplink_usable(u) && (due || wanted))
        ask(m);
}

void pk_reign_lost(struct pk_member *m)
{
    m->asked_us = INT64_MIN / 2;
}

enum pk_news pk_reign_answer(struct pk_member *m, const struct pk_entry *e, const struct pk_reply *r,
                             struct pk_bytes body)
{
    struct pk_stat st;
    if (m->role != PK_ROLE_TAKING && m->role != PK_ROLE_PRIMARY)
        return PK_NEWS_NONE;
    if ((int32_t)((uint32_t)e->xid - m->gates.fence) <= 0) /* asked in another epoch */
        return PK_NEWS_NONE;
    if (r->err == PK_Z_NO_NODE)
        return PK_NEWS_WIPED;
    if (r->err != PK_Z_OK || body.len != PK_STAT_LEN)
        return PK_NEWS_NONE;
    pk_stat_load(&st, body.p);
    if (!pk_rule_confirms(m, &st))
        return PK_NEWS_REPLACED;
    m->gates.answered = (uint32_t)e->xid;
    m->gates.reign_until_us = pk_rule_reign_until(e->sent_us, pk_member_timeout_us(m));
    return PK_NEWS_NONE;
}
