/*
 * Waiting for a place. Happy path: one list a second of deadlines, a ring of them, so that to come and to go costs the
 * same however many wait. Failure modes: whose deadline has passed comes last of those that have one: it is closed
 * soon.
 */
#include "io/upstream/entrants.h"

enum { SECOND_US = 1000000 };

void pk_entrants_init(struct pk_entrants *entrants)
{
    for (int i = 0; i < PK_ENTRANTS_SECONDS; i++)
        pk_list_init(&entrants->due[i]);
    pk_list_init(&entrants->others);
}

bool pk_entrants_empty(const struct pk_entrants *entrants)
{
    for (int i = 0; i < PK_ENTRANTS_SECONDS; i++)
        if (!pk_list_empty(&entrants->due[i]))
            return false;
    return pk_list_empty(&entrants->others);
}

void pk_entrants_add(struct pk_entrants *entrants, struct pk_waiter *wait, int64_t due_us, int64_t now_us)
{
    int64_t now = now_us / SECOND_US, due = due_us / SECOND_US;
    due = due < now ? now : due > now + PK_ENTRANTS_SECONDS - 1 ? now + PK_ENTRANTS_SECONDS - 1 : due;
    pk_list_add_tail(due_us == 0 ? &entrants->others : &entrants->due[due % PK_ENTRANTS_SECONDS],
                     &wait->list);
}

bool pk_entrants_call_one(struct pk_entrants *entrants, int64_t now_us)
{
    for (int i = 0; i < PK_ENTRANTS_SECONDS; i++)
        if (pk_waiters_call_one(&entrants->due[(now_us / SECOND_US + i) % PK_ENTRANTS_SECONDS], false))
            return true;
    return pk_waiters_call_one(&entrants->others, false);
}

void pk_entrants_turn_away(struct pk_entrants *entrants)
{
    for (int i = 0; i < PK_ENTRANTS_SECONDS; i++)
        pk_waiters_call(&entrants->due[i], true);
    pk_waiters_call(&entrants->others, true);
}
