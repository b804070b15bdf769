/*
 * The age of beats. Happy path: one walk over what is held, every few seconds at most. Failure modes: more is held than
 * a walk may take time for; such a mount says nothing instead of something wrong.
 */
#include "io/admin/late.h"

#include <stdio.h>
#include <string.h>

enum { AGAIN_US = 4000000, MOST = 200000 };

struct look {
    struct pk_late *late;
    int64_t now_ms;
};

/* Puts a late one where it belongs, if it is among the latest. */
static void keep(struct pk_late *late, struct pk_bytes path, const struct core_znode_info *info)
{
    size_t at = late->nbeats < PK_LATE_SHOWN ? late->nbeats : PK_LATE_SHOWN - 1;
    if (late->nbeats == PK_LATE_SHOWN && late->beats[at].mtime <= info->mtime)
        return;
    for (; at > 0 && late->beats[at - 1].mtime > info->mtime; at--)
        late->beats[at] = late->beats[at - 1];
    late->nbeats += late->nbeats < PK_LATE_SHOWN;
    size_t cut = path.len >= PK_LATE_PATH ? path.len - PK_LATE_PATH + 1 : 0;
    late->beats[at].mount = info->mount;
    late->beats[at].mtime = info->mtime;
    snprintf(late->beats[at].path, PK_LATE_PATH, "%.*s", (int)(path.len - cut), (const char *)path.p + cut);
}

static bool look_at(void *owner, struct pk_bytes path, const struct core_znode_info *info)
{
    struct look *look = owner;
    struct pk_late_mount *m = &look->late->mounts[info->mount];
    if (m->oldest_ms == 0 || info->mtime < m->oldest_ms)
        m->oldest_ms = info->mtime;
    if (look->now_ms - info->mtime < PK_LATE_AFTER_MS || info->data == 0)
        return true;
    m->late++;
    keep(look->late, path, info);
    return true;
}

void pk_late_look(struct pk_late *late, const struct pk_loop *loop)
{
    struct core_mount_info info;
    if (late->looked_us != 0 && loop->now_us - late->looked_us < AGAIN_US)
        return;
    *late = (struct pk_late){.looked_us = loop->now_us};
    struct look look = {late, loop->wall_ms};
    for (size_t i = 0; core_mount_info(loop->core, i, &info); i++)
        late->mounts[i].whole =
            info.znodes + info.cached_znodes <= MOST && core_walk(loop->core, i, 2 * MOST, look_at, &look);
}
