/*
 * A member begins and ends.
 *
 * Happy path: it is made with the core, and looks who is primary from its first step on. Failure modes: a path or an
 * address that may not be one, and out of memory; what was made is freed by pk_member_free.
 */
#include "core/peer/member.h"

#include <string.h>

#include "core/peer/copies.h"
#include "core/peer/copy.h"
#include "core/peer/memory.h"

enum { TIMEOUT_MS = 4000, LAG_BYTES = 64 << 20 };

static char *join(const struct pk_mem *mem, const char *path, const char *name)
{
    size_t len = strlen(path), more = strlen(name);
    char *s = pk_alloc(mem, len + more + 1);
    if (s == NULL)
        return NULL;
    memcpy(s, path, len);
    memcpy(s + len, name, more + 1);
    return s;
}

static enum pk_err configure(struct pk_member *m, const struct core_group *group)
{
    const struct pk_mem *mem = m->sync->mem;
    size_t len = strlen(group->address);
    if (group->path[0] != '/' || strlen(group->path) > PK_GROUP_ADDRESS * 3 || len == 0 ||
        len >= PK_GROUP_ADDRESS)
        return PK_EINVAL;
    memcpy(m->address, group->address, len + 1);
    memcpy(m->incarnation, group->incarnation, PK_INCARNATION);
    m->timeout_ms = group->timeout_ms > 0 ? group->timeout_ms : TIMEOUT_MS;
    m->lag_bytes = group->lag_bytes > 0 ? group->lag_bytes : LAG_BYTES;
    m->link_version = group->link_version > 0 ? group->link_version : PK_LINK_VERSION;
    m->path = join(mem, group->path, "");
    m->primary = join(mem, group->path, "/primary");
    m->copies = join(mem, group->path, "/copies");
    return m->path != NULL && m->primary != NULL && m->copies != NULL ? PK_OK : PK_ENOMEM;
}

enum pk_err pk_member_new(struct pk_member **out, struct pk_sync *sync, const struct core_group *group)
{
    struct pk_member *m = pk_zalloc(sync->mem, sizeof *m);
    if (m == NULL)
        return PK_ENOMEM;
    m->sync = sync;
    m->role = PK_ROLE_LOOKING;
    m->linked_us = m->election.looked_us = INT64_MIN / 2;
    pk_gates_init(&m->gates);
    pk_list_init(&m->links);
    pk_list_init(&m->mates);
    pk_list_init(&m->restored.list);
    *out = m;
    enum pk_err err = configure(m, group);
    pk_member_hook(m);
    sync->conns->gates = &m->gates;
    sync->store->tap = (struct pk_tap){.context = m, .changes = &m->gates.position};
    pk_memory_sleep(m);
    sync->conns->way = PK_WAY_NONE;
    return err;
}

void pk_member_free(struct pk_member *m)
{
    if (m == NULL)
        return;
    const struct pk_mem *mem = m->sync->mem;
    m->sync->hook = NULL;
    pk_copies_end(m);
    pk_cursor_end(&m->restored);
    pk_copy_drop(&m->copy);
    pk_copy_drop(&m->next);
    pk_wipe(m->ender.passwd, sizeof m->ender.passwd);
    pk_free(mem, m->path);
    pk_free(mem, m->primary);
    pk_free(mem, m->copies);
    pk_free(mem, m);
}
