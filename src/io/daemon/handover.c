/*
 * Handing a mount over. Happy path: what the new mode does not hold goes to the ensemble bit by bit until nothing is
 * left. Failure modes: another reload changes the mode back, and the end is not said; the ensemble refuses some, which
 * stay here.
 */
#include "io/daemon/handover.h"

#include <inttypes.h>

#include "io/config/mounts.h"
#include "io/daemon/daemon.h"

void pk_handover_begin(struct pk_daemon *daemon, size_t i)
{
    struct core_mount_info info;
    if (!core_mount_info(daemon->conns.loop.core, i, &info))
        return;
    daemon->handovers[i].left = (int64_t)info.left;
    daemon->handovers[i].since_us = daemon->conns.loop.now_us;
    daemon->handovers[i].begins = false;
    if (info.left > 0)
        pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
               "reload: mount %s: %" PRIu64
               " znodes and refreshes go to the ensemble, bit by bit (mntr: pk_left)",
               info.path, info.left);
}

void pk_handover_new(struct pk_daemon *daemon, size_t i)
{
    daemon->handovers[i].left = 0;
    daemon->handovers[i].begins = true;
}

static void begun(struct pk_daemon *daemon, size_t i, const struct core_mount_info *info)
{
    daemon->handovers[i].begins = false;
    pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "mount %s: begins, %s", info->path,
           pk_config_mode_name(info->mode));
}

static void look(struct pk_daemon *daemon, size_t i, const struct core_mount_info *info)
{
    double seconds = (double)(daemon->conns.loop.now_us - daemon->handovers[i].since_us) / 1e6;
    if (info->left == 0)
        pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
               "mount %s: handed over, all of %" PRId64 " are the ensemble's after %.1f s", info->path,
               daemon->handovers[i].left, seconds);
    else
        pk_log(&daemon->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "mount %s: %" PRIu64 " of %" PRId64
               " stay here after %.1f s, because the ensemble refuses them",
               info->path, info->left, daemon->handovers[i].left, seconds);
    daemon->handovers[i].left = 0;
}

void pk_handover_tick(struct pk_daemon *daemon)
{
    struct core_mount_info info;
    if (pk_daemon_stopping(daemon))
        return;
    for (size_t i = 0; core_mount_info(daemon->conns.loop.core, i, &info); i++) {
        if (daemon->handovers[i].begins && !info.begins)
            begun(daemon, i, &info);
        if (daemon->handovers[i].left > 0 && (info.left == 0 || core_left(daemon->conns.loop.core) == 0))
            look(daemon, i, &info);
    }
}
