/*
 * Known-bad variants (variant.h).
 *
 * Happy path: as it ships, each function here calls the core's own.
 * Failure modes: none.
 */
#include "variant.h"

#include "core/conn/gate.h"
#include "core/conn/hold.h"
#include "core/held.h"
#include "core/peer/copies.h"
#include "core/peer/election.h"
#include "core/peer/ender.h"
#include "core/peer/memory.h"
#include "core/peer/reign.h"
#include "core/peer/rules.h"
#include "core/state.h"
#include "core/sync/plan.h"
#include "dial.h"

/* The function that takes the place of a core's, and the core's own. */
#define WRAP(type, name, ...)                                                                                \
    type __real_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__)

enum variant variant;

const char *const variant_names[] = {
#define X(name, text) #name,
    VARIANTS
#undef X
};
const char *const variant_texts[] = {
#define X(name, text) text,
    VARIANTS
#undef X
};

static const int64_t forever = INT64_MAX / 4;

/* ---- what copies are waited for -------------------------------------------------------------------------- */

static bool counts(const struct pk_mate *mate)
{
    if (variant == VARIANT_ADD_LATE)
        return mate->waited && mate->listed;
    if (variant == VARIANT_DROP_EARLY || variant == VARIANT_NO_DROP)
        return mate->waited && mate->link != NULL;
    return mate->waited && variant != VARIANT_ASYNC;
}

static void count_again(struct pk_member *m)
{
    int64_t acked = INT64_MAX;
    if (variant != VARIANT_ADD_LATE && variant != VARIANT_DROP_EARLY && variant != VARIANT_ASYNC &&
        variant != VARIANT_NO_DROP)
        return;
    for (struct pk_list *at = m->mates.next; at != &m->mates; at = at->next) {
        const struct pk_mate *mate = PK_CONTAINER(at, struct pk_mate, list);
        if (counts(mate) && mate->acked < acked)
            acked = mate->acked;
    }
    m->gates.acked = acked;
}

WRAP(void, pk_copies_bytes, struct pk_member *m, struct pk_link *l, const uint8_t *p, size_t n)
{
    __real_pk_copies_bytes(m, l, p, n);
    count_again(m);
}

WRAP(void, pk_copies_link_ended, struct pk_member *m, struct pk_link *l)
{
    __real_pk_copies_link_ended(m, l);
    count_again(m);
}

WRAP(void, pk_copies_step, struct pk_member *m)
{
    __real_pk_copies_step(m);
    count_again(m);
}

WRAP(void, pk_copies_listed, struct pk_member *m)
{
    __real_pk_copies_listed(m);
    count_again(m);
}

WRAP(bool, pk_rule_too_slow, const struct pk_member *m, const struct pk_mate *mate)
{
    return variant != VARIANT_NO_DROP && __real_pk_rule_too_slow(m, mate);
}

WRAP(void, pk_copies_hear, void *member, const struct pk_change_record *record)
{
    struct pk_member *m = member;
    bool promoting = record->held != NULL && record->held->state == PK_ZNODE_PROMOTING;
    if ((variant == VARIANT_SINK_UNRECORDED && promoting) ||
        (variant == VARIANT_FLUSH_FORGOTTEN && record->value != NULL)) {
        m->gates.position--;
        return;
    }
    __real_pk_copies_hear(member, record);
    if (variant == VARIANT_SUNK_NOACK && record->kind == PK_CHANGE_PROMOTED)
        m->gates.position--;
}

WRAP(struct pk_out *, pk_gate_uplink_out, struct pk_conns *conns, struct pk_uplink *u, enum pk_depends on)
{
    return variant == VARIANT_WORK_UNGATED && u->client == NULL ? &u->out
                                                                : __real_pk_gate_uplink_out(conns, u, on);
}

WRAP(struct pk_out *, pk_gate_client_out, struct pk_conns *conns, struct pk_client *c, enum pk_depends on)
{
    static int64_t shown; /* an answer that follows no change is one to a read */
    struct pk_gates *gates = conns->gates;
    int64_t acked = gates->acked;
    bool read = gates->position == shown;
    shown = gates->position;
    if (variant == VARIANT_NO_FRESH)
        c->came = gates->answered - 1;
    if (variant == VARIANT_READ_UNACKED && read)
        gates->acked = INT64_MAX;
    struct pk_out *out = __real_pk_gate_client_out(conns, c, on);
    gates->acked = acked;
    return out;
}

WRAP(bool, pk_gate_copied, const struct pk_gates *gates, int64_t position)
{
    return variant == VARIANT_HANDOVER_UNACKED || __real_pk_gate_copied(gates, position);
}

WRAP(void, pk_member_hand_over, struct pk_member *m)
{
    struct pk_gates *gates = &m->gates;
    if (variant == VARIANT_HANDOVER_UNACKED && m->role == PK_ROLE_PRIMARY && gates->acked < INT64_MAX) {
        gates->acked = INT64_MAX;
        pk_gates_open(m->sync->conns);
    }
    __real_pk_member_hand_over(m);
}

WRAP(enum pk_err, pk_copy_apply, struct pk_copy *copy, const struct pk_link_record *r)
{
    copy->position = r->position;
    if (variant == VARIANT_ACK_UNREAD && r->position % 7 == 0)
        return PK_OK;
    return __real_pk_copy_apply(copy, r);
}

WRAP(enum pk_err, pk_copy_refresh, struct pk_copy *copy, const struct pk_link_refresh *r)
{
    copy->position = r->position;
    if (variant == VARIANT_ACK_UNREAD && r->position % 7 == 0)
        return PK_OK;
    return __real_pk_copy_refresh(copy, r);
}

/* Whatever the variant: each znode is a piece, so that there are several, and a world between them. */
WRAP(enum pk_err, pk_copy_restore, struct pk_copy *copy, struct pk_sync *sync, struct pk_cursor *cursor,
     int most, bool *whole)
{
    return __real_pk_copy_restore(copy, sync, cursor, most > 0 ? 1 : 0, whole);
}

/* ---- the reign ------------------------------------------------------------------------------------------- */

static int64_t stepped_us; /* of the member whose step is under way */

WRAP(void, pk_member_step, struct pk_member *m)
{
    stepped_us = m->sync->conns->now_us;
    __real_pk_member_step(m);
}

WRAP(int64_t, pk_rule_reign_until, int64_t sent_us, int64_t timeout_us)
{
    if (variant == VARIANT_NO_FENCE)
        return forever;
    int64_t from_us = variant == VARIANT_CONFIRM_BY_RECV && stepped_us > sent_us ? stepped_us : sent_us;
    return __real_pk_rule_reign_until(from_us, timeout_us);
}

WRAP(enum pk_news, pk_reign_answer, struct pk_member *m, const struct pk_entry *e, const struct pk_reply *r,
     struct pk_bytes body)
{
    stepped_us = m->sync->conns->now_us;
    enum pk_news news = __real_pk_reign_answer(m, e, r, body);
    if (variant != VARIANT_SESSION_ONLY || m->role != PK_ROLE_PRIMARY || news == PK_NEWS_NONE)
        return news;
    m->gates.reign_until_us = pk_member_now(m) + pk_member_timeout_us(m) * 2 / 3;
    return PK_NEWS_NONE;
}

WRAP(void, pk_reign_step, struct pk_member *m)
{
    const struct pk_uplink *u = m->sync->service.uplink;
    __real_pk_reign_step(m);
    if (variant != VARIANT_PING_CONFIRM || m->role != PK_ROLE_PRIMARY || u == NULL)
        return;
    int64_t until_us = u->heard_us + pk_member_timeout_us(m) * 2 / 3;
    if (until_us > m->gates.reign_until_us)
        m->gates.reign_until_us = until_us;
}

WRAP(bool, pk_rule_confirms, const struct pk_member *m, const struct pk_stat *st)
{
    return variant == VARIANT_SESSION_ONLY || __real_pk_rule_confirms(m, st);
}

/* ---- who is primary -------------------------------------------------------------------------------------- */

WRAP(bool, pk_rule_may_try, const struct pk_member *m, const struct pk_look *look)
{
    if (variant == VARIANT_NO_WAIT_UNLISTED)
        return !look->there && !pk_rule_hears_reign(m);
    return __real_pk_rule_may_try(m, look);
}

WRAP(bool, pk_rule_is_listed, const struct pk_member *m, const struct pk_look *look)
{
    if (variant == VARIANT_STALE_COPY)
        return m->holds || m->copy != NULL;
    return __real_pk_rule_is_listed(m, look);
}

WRAP(int64_t, pk_rule_serve_us, const struct pk_member *m)
{
    bool at_once =
        variant == VARIANT_FAST_ANY || variant == VARIANT_NO_END || variant == VARIANT_NO_HEARTBEAT;
    return at_once ? m->role_us : __real_pk_rule_serve_us(m);
}

WRAP(bool, pk_rule_ends_primary, const struct pk_member *m)
{
    if (variant == VARIANT_FAST_ANY)
        return m->link == NULL && m->ender.state == PK_ENDER_NONE && m->ender.session_id != 0 &&
               m->election.look.there && m->ender.epoch == m->election.look.epoch;
    return __real_pk_rule_ends_primary(m);
}

WRAP(void, pk_ender_step, struct pk_member *m)
{
    if (variant != VARIANT_NO_END)
        __real_pk_ender_step(m);
}

WRAP(void, pk_memory_drop, struct pk_member *m)
{
    if (variant != VARIANT_KEPT_MEMORY)
        __real_pk_memory_drop(m);
}

WRAP(void, pk_election_list, struct pk_member *m)
{
    if (variant == VARIANT_LIST_UNVERSIONED)
        m->election.look.list_version = -1;
    __real_pk_election_list(m);
}

/* ---- clients --------------------------------------------------------------------------------------------- */

WRAP(bool, pk_rule_takes_relayed, const struct pk_member *m, int64_t epoch)
{
    return variant == VARIANT_ANY_EPOCH ? m->role == PK_ROLE_PRIMARY : __real_pk_rule_takes_relayed(m, epoch);
}

WRAP(bool, pk_rule_is_life, const struct pk_conns *conns, const struct pk_client *c)
{
    return variant == VARIANT_RESENT_IS_LIFE || __real_pk_rule_is_life(conns, c);
}

WRAP(void, pk_held_tick, struct core *core)
{
    for (struct pk_list *at = core->conns.held.next; at != &core->conns.held; at = at->next)
        if (variant == VARIANT_NO_LIFE)
            PK_CONTAINER(at, struct pk_hold, list)->client->heard_us = core->conns.now_us;
    __real_pk_held_tick(core);
}

WRAP(int64_t, dial_age, int64_t said_us)
{
    return variant == VARIANT_NO_AGE ? 0 : __real_dial_age(said_us);
}

WRAP(bool, pk_standing_next, const struct pk_standing *s, uint32_t *at, struct pk_bytes *path, uint8_t *kinds)
{
    return variant != VARIANT_NO_SETWATCHES && __real_pk_standing_next(s, at, path, kinds);
}

/* ---- what a request needs of memory ---------------------------------------------------------------------- */

WRAP(enum pk_err, pk_plan_add, struct pk_store *store, struct pk_plan *plan, const struct pk_target *target,
     struct pk_bytes path, uint8_t scope, bool watch)
{
    enum pk_err err = __real_pk_plan_add(store, plan, target, path, scope, watch);
    if (variant == VARIANT_DELETES_UNCOUNTED)
        plan->pairs.n = 0;
    return err;
}
