/*
 * While clients wait and no server serves. Happy path: every server is asked every 100 ms, and the first that answers
 * has those who wait. Failure modes: a server that was starting when it was asked may never answer that question, so
 * the next one does not wait for it; nobody serves in time, and whoever waits leaves the list (io/conn/dial.c).
 */
#include "io/upstream/urgent.h"

#include "io/loop/loop.h"
#include "io/upstream/learn.h"

enum { AGAIN_MS = 100 };

static bool somebody_waits(const struct pk_upstream *upstream)
{
    bool waits = !pk_list_empty(&upstream->unserved) || !pk_list_empty(&upstream->homeless);
    for (int i = 0; i < upstream->nservers && !waits; i++)
        waits = !pk_list_empty(&upstream->servers[i].waiters);
    return waits;
}

static void again(uv_timer_t *timer)
{
    struct pk_upstream *upstream = timer->data;
    bool served = pk_upstream_state(upstream).up > 0 && pk_list_empty(&upstream->homeless);
    if (!somebody_waits(upstream) || served) {
        uv_timer_stop(timer);
        return;
    }
    pk_loop_clock(upstream->loop);
    for (int i = 0; i < upstream->nservers; i++)
        if (pk_server_usable(&upstream->servers[i]))
            pk_server_probe_again(&upstream->servers[i]);
}

void pk_urgent_init(struct pk_upstream *upstream)
{
    pk_list_init(&upstream->unserved);
    uv_timer_init(&upstream->loop->uv, &upstream->urgent);
    upstream->urgent.data = upstream;
}

void pk_urgent_close(struct pk_upstream *upstream)
{
    uv_close((uv_handle_t *)&upstream->urgent, NULL);
}

void pk_urgent_begin(struct pk_upstream *upstream)
{
    if (upstream->closing || uv_is_active((uv_handle_t *)&upstream->urgent))
        return;
    uv_update_time(&upstream->loop->uv);
    uv_timer_start(&upstream->urgent, again, AGAIN_MS, AGAIN_MS);
}

void pk_upstream_wait_served(struct pk_upstream *upstream, struct pk_waiter *wait)
{
    pk_list_add_tail(&upstream->unserved, &wait->list);
    pk_urgent_begin(upstream);
}
