/*
 * Where Pacemaker's paths lie.
 *
 * Happy path: the root is put in front of an id: /workerbeats/T/N is /storm/workerbeats/T/N.
 * Failure modes: what is no path of a znode below the mount is nowhere.
 */
#include "core/pulse/pacemaker.h"

#include "proto/path.h"

enum pk_err pk_pacemaker_init(struct pk_pacemaker *pm, struct pk_sync *sync, const char *mount,
                              uint32_t max_message, enum core_login login)
{
    pm->sync = sync;
    pm->max_message = max_message;
    pm->login = login;
    if (mount == NULL)
        return PK_OK;
    struct pk_bytes path = {(const uint8_t *)mount, (uint32_t)strlen(mount)};
    for (size_t i = 0; i < sync->store->nmounts; i++)
        if (pk_bytes_eq(sync->store->mounts[i].path, path))
            pm->mount = &sync->store->mounts[i];
    if (pm->mount == NULL || path.len >= PK_PULSE_PATH_MAX)
        return PK_EINVAL;
    pm->root = path.len - pk_path_name(path).len - 1;
    return PK_OK;
}

enum pk_pulse_place pk_pulse_place(struct pk_pacemaker *pm, struct pk_bytes id, bool subtree,
                                   struct pk_bytes *path)
{
    struct pk_bytes root = pk_pulse_root_id(pm);
    if (subtree && id.len > 1 && id.p[id.len - 1] == '/')
        id.len--;
    *path = pm->mount->path;
    if (id.len == 0 || (id.len == 1 && id.p[0] == '/'))
        return PK_PULSE_ABOVE;
    if (pk_bytes_eq(id, root))
        return PK_PULSE_ROOT;
    if (!pk_path_below(id, root) || pm->root + (size_t)id.len > PK_PULSE_PATH_MAX)
        return PK_PULSE_NOWHERE;
    memcpy(pm->path, pm->mount->path.p, pm->root);
    memcpy(pm->path + pm->root, id.p, id.len);
    *path = (struct pk_bytes){pm->path, pm->root + id.len};
    return pk_path_valid(*path) ? PK_PULSE_BELOW : PK_PULSE_NOWHERE;
}
