/*
 * The choice of a server. Happy path: clients are spread at random over the servers that did not fail lately. Failure
 * modes: a server that fails is tried last for a while, and who waits in its queue goes elsewhere; when clients find
 * none, names are looked up again.
 */
#include "io/upstream/choose.h"

#include "io/loop/loop.h"
#include "io/upstream/arrive.h"
#include "io/upstream/learn.h"
#include "io/upstream/names.h"
#include "io/upstream/urgent.h"

enum pk_pick pk_upstream_pick(struct pk_upstream *upstream, uint64_t tried, int *server)
{
    int chosen = -1, best = 0;
    uint64_t candidates = 0;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (!pk_server_usable(s) || (tried >> i & 1))
            continue;
        int rank = s->retry_us <= upstream->loop->now_us ? 2 : 1;
        if (rank > best)
            candidates = 0;
        if (rank < best)
            continue;
        best = rank;
        if (pk_upstream_roll(upstream) % ++candidates == 0)
            chosen = i;
    }
    if (chosen < 0 && upstream->lookups > 0)
        return PK_PICK_NAMES;
    if (chosen < 0) {
        pk_upstream_resolve_again(upstream);
        return PK_PICK_NONE;
    }
    *server = chosen;
    return pk_server_told(&upstream->servers[chosen]) ? PK_PICK_SERVER : PK_PICK_PROBE;
}

void pk_upstream_wait(struct pk_upstream *upstream, int server, struct pk_waiter *wait)
{
    struct pk_server *s = &upstream->servers[server];
    pk_list_add_tail(&s->waiters, &wait->list);
    pk_server_probe(s);
    pk_urgent_begin(upstream);
    if (pk_list_empty(&s->probes))
        pk_server_probed(s, PK_PROBE_FAILED, "no probe could be made", upstream->loop->now_us);
}

void pk_upstream_wait_names(struct pk_upstream *upstream, struct pk_waiter *wait)
{
    pk_list_add_tail(&upstream->nameless, &wait->list);
}

void pk_upstream_failed(struct pk_upstream *upstream, int server, const char *why)
{
    struct pk_server *s = &upstream->servers[server];
    pk_server_fail(s, why);
    pk_server_narrow(s);
    pk_entrants_turn_away(&s->queue);
}

void pk_upstream_left(struct pk_upstream *upstream, int server, enum pk_close why)
{
    struct pk_server *s = &upstream->servers[server];
    if (why == PK_CLOSE_NONE)
        return;
    pk_server_back_off(s);
    pk_server_narrow(s);
    pk_log(upstream->loop->log, PK_LOG_WARN, PK_LOG_ATTEMPT, NULL, "server %s left for another: %s", s->name,
           pk_log_close_text(why));
    if (why == PK_CLOSE_CONNECT_UNANSWERED)
        pk_entrants_turn_away(&s->queue);
}
