/*
 * Lines of figures. Happy path: what was counted since the line before. Failure modes: none; one that a reload turned
 * on counts from the line before, else from the start.
 */
#include "io/daemon/figures.h"

#include <inttypes.h>

#include "io/config/config.h"
#include "io/daemon/daemon.h"
#include "io/upstream/upstream.h"

enum { TELL_US = 5000000 };

static void write_line(struct pk_daemon *daemon, const struct core_stats *now)
{
    struct pk_figures *before = &daemon->figures;
    const struct pk_loop *loop = &daemon->conns.loop;
    struct pk_ensemble_state ensemble = pk_upstream_state(daemon->conns.upstream);
    uint64_t local = (uint64_t)now->requests_local - before->local;
    uint64_t all = local + (uint64_t)now->requests_relayed - before->relayed;
    pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "figures: %zu clients; in %.0f s %" PRIu64 " requests, %.1f %% from memory, %" PRIu64
           " transactions spared; %" PRId64 " znodes held; %d of %d servers serve",
           pk_pairs_clients(&daemon->conns), (double)(loop->now_us - before->since_us) / 1e6, all,
           all > 0 ? 100 * (double)local / (double)all : 0, (uint64_t)now->beats_absorbed - before->absorbed,
           (int64_t)now->znodes, ensemble.up, ensemble.servers);
}

static void say(struct pk_daemon *daemon)
{
    const struct core_stats *now = core_stats(daemon->conns.loop.core);
    struct pk_figures *f = &daemon->figures;
    int64_t period_us = daemon->config->log_figures * 1000, now_us = daemon->conns.loop.now_us;
    if (period_us == 0 || now_us - f->since_us < period_us)
        return;
    write_line(daemon, now);
    f->since_us = now_us;
    f->local = (uint64_t)now->requests_local;
    f->relayed = (uint64_t)now->requests_relayed;
    f->absorbed = (uint64_t)now->beats_absorbed;
}

static void tell(struct pk_daemon *daemon)
{
    int64_t now_us = daemon->conns.loop.now_us;
    pk_notify_tick(&daemon->notify, now_us);
    if (daemon->stage != PK_SERVING || now_us - daemon->figures.told_us < TELL_US)
        return;
    daemon->figures.told_us = now_us;
    struct pk_ensemble_state ensemble = pk_upstream_state(daemon->conns.upstream);
    pk_notify_send(&daemon->notify, "STATUS=%zu clients, %" PRId64 " znodes held, %d of %d servers serve",
                   pk_pairs_clients(&daemon->conns), (int64_t)core_stats(daemon->conns.loop.core)->znodes,
                   ensemble.up, ensemble.servers);
}

void pk_figures_tick(struct pk_daemon *daemon)
{
    say(daemon);
    tell(daemon);
}
