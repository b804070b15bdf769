/*
 * Handing a mount over. Happy path: what the new mode does not hold goes to the ensemble bit by bit until nothing is left.
 * Failure modes: another reload changes the mode back, and the end is not said; the ensemble refuses some, which stay here.
 */
#include "io/daemon/handover.h"

#include <inttypes.h>

#include "io/loop/loop.h"

void pk_handover_begin(struct pk_io *io, size_t i)
{
    struct core_mount_info info;
    if (!core_mount_info(io->core, i, &info))
        return;
    io->handovers[i].left = (int64_t)info.left;
    io->handovers[i].since_us = io->now_us;
    if (info.left > 0)
        pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL,
               "reload: mount %s: %" PRIu64
               " znodes and refreshes go to the ensemble, bit by bit (mntr: pk_left)",
               info.path, info.left);
}

static void look(struct pk_io *io, size_t i, const struct core_mount_info *info)
{
    double seconds = (double)(io->now_us - io->handovers[i].since_us) / 1e6;
    if (info->left == 0)
        pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL,
               "mount %s: handed over, all of %" PRId64 " are the ensemble's after %.1f s", info->path,
               io->handovers[i].left, seconds);
    else
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "mount %s: %" PRIu64 " of %" PRId64
               " stay here after %.1f s, because the ensemble refuses them",
               info->path, info->left, io->handovers[i].left, seconds);
    io->handovers[i].left = 0;
}

void pk_handover_tick(struct pk_io *io)
{
    struct core_mount_info info;
    if (pk_io_stopping(io))
        return;
    for (size_t i = 0; core_mount_info(io->core, i, &info); i++)
        if (io->handovers[i].left > 0 && (info.left == 0 || core_left(io->core) == 0))
            look(io, i, &info);
}
