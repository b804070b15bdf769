/*
 * The rules. Each is what a sentence of design.md 16 says. A rule left out or bent has cost clients or writes in a
 * simulation (tests/sim/group): none is for show.
 */
#include "core/peer/rules.h"

int64_t pk_rule_reign_until(int64_t sent_us, int64_t timeout_us)
{
    return sent_us + timeout_us * 2 / 3;
}

int64_t pk_rule_question_us(int64_t timeout_us)
{
    return timeout_us / 6;
}

bool pk_rule_confirms(const struct pk_member *m, const struct pk_stat *st)
{
    return st->czxid == m->epoch && st->ephemeral_owner == m->sync->service.session_id;
}

bool pk_rule_hears_reign(const struct pk_member *m)
{
    const struct pk_link *l = m->link;
    return l != NULL && l->state >= PK_LINK_RELAYING && !l->goodbye && l->beat_us != 0 &&
           pk_member_now(m) - l->beat_us < PK_LINK_SILENT_US;
}

bool pk_rule_is_listed(const struct pk_member *m, const struct pk_look *look)
{
    if (m->election.remade && !look->list_there) /* it was wiped, too, while we stood */
        return m->holds;
    return pk_incarnation_listed(look->listed, look->nlisted, m->incarnation) &&
           (m->holds || m->copy != NULL);
}

int64_t pk_rule_wait_us(int64_t timeout_us)
{
    return timeout_us * 3 / 4;
}

bool pk_rule_may_try(const struct pk_member *m, const struct pk_look *look)
{
    const struct pk_election *e = &m->election;
    if (look->there || pk_rule_hears_reign(m) || e->absent_us == 0)
        return false;
    return pk_rule_is_listed(m, look) ||
           pk_member_now(m) - e->absent_us >= pk_rule_wait_us(pk_member_timeout_us(m));
}

int64_t pk_rule_serve_us(const struct pk_member *m)
{
    const struct pk_ender *e = &m->ender;
    if (m->goodbye || m->reborn)
        return m->role_us;
    if (e->state == PK_ENDER_NONE || e->state == PK_ENDER_EXPIRED)
        return m->role_us + PK_HEARTBEAT_US;
    if (e->state == PK_ENDER_CLOSED && e->at_us < m->role_us) /* before: by one whose port refused us */
        return m->role_us + PK_HEARTBEAT_US;
    return e->state == PK_ENDER_CLOSED ? pk_rule_reign_until(e->at_us, pk_member_timeout_us(m))
                                       : m->role_us + pk_member_timeout_us(m);
}

bool pk_rule_ends_primary(const struct pk_member *m)
{
    return m->ended && (m->refused || m->reborn) && m->ender.state == PK_ENDER_NONE &&
           m->ender.session_id != 0 && m->election.asked_us >= m->lost_us &&
           m->ender.epoch == m->election.look.epoch && m->election.look.there &&
           pk_rule_is_listed(m, &m->election.look);
}

bool pk_rule_is_waited_for(const struct pk_link *link)
{
    return link->state == PK_LINK_WHOLE && link->mate->acked >= link->end_position;
}

bool pk_rule_may_list(const struct pk_link *link)
{
    return link->mate->waited && link->mate->acked >= link->mate->waited_from;
}

/* When what follows a position was reached; most often that is one of the newest marks. */
static int64_t passed_us(const struct pk_marks *marks, int64_t position)
{
    int64_t at_us = INT64_MAX;
    for (uint32_t i = marks->n; i > 0; i--) {
        uint32_t at = (marks->first + i - 1) % PK_MARKS;
        if (marks->v[at].position <= position)
            break;
        at_us = marks->v[at].at_us;
    }
    return at_us;
}

int64_t pk_rule_behind_since_us(const struct pk_member *m, const struct pk_mate *mate)
{
    int64_t since_us = mate->acked < m->gates.position ? passed_us(&m->marks, mate->acked) : INT64_MAX;
    return since_us != INT64_MAX ? since_us : 0;
}

bool pk_rule_too_slow(const struct pk_member *m, const struct pk_mate *mate)
{
    int64_t since_us = pk_rule_behind_since_us(m, mate);
    return mate->link == NULL || (since_us != 0 && pk_member_now(m) - since_us >= PK_COPY_PATIENCE_US);
}

bool pk_rule_takes_relayed(const struct pk_member *m, int64_t epoch)
{
    return m->role == PK_ROLE_PRIMARY && epoch == m->epoch;
}

bool pk_rule_is_life(const struct pk_conns *conns, const struct pk_client *c)
{
    return !c->relayed || conns->now_us - c->up_us >= PK_HEARTBEAT_US;
}
