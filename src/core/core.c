/*
 * The seam's beginning and end: a core, its clients as they come, what may be set while they are served. Events are
 * taken in by step.c, updates handed out by next.c.
 *
 * Happy path: made, opened, configured anew, freed. Failure modes: an id whose connection is gone is ignored; out of
 * memory leaves nothing behind.
 */
#include "core/core.h"

#include <string.h>

#include "base/check.h"
#include "core/client.h"
#include "core/conn/vouch.h"
#include "core/end.h"
#include "core/group.h"
#include "core/pulse/lane.h"
#include "core/sync/parts.h"
#include "core/sync/service.h"
#include "core/sync/writeback.h"

enum { KEEP_PROMOTED_US = 60 * 1000 * 1000, WATCH_MEMORY = 16 << 20, HOLD_WATCHES = 1 << 20 };

static struct pk_limits limits_of(const struct core_config *config)
{
    return (struct pk_limits){.max_frame = config->max_frame,
                              .client_high_water = config->client_high_water,
                              .uplink_high_water = config->uplink_high_water,
                              .max_parked = config->max_parked,
                              .handshake_us = config->handshake_us,
                              .hold = config->hold || config->group != NULL,
                              .hold_watches = config->hold_watches > 0 ? config->hold_watches : HOLD_WATCHES,
                              .hash_seed = config->hash_seed};
}

static size_t watch_memory(const struct core_config *config)
{
    return config->watch_memory > 0 ? config->watch_memory : WATCH_MEMORY;
}

enum pk_err core_new(struct core **out, const struct pk_mem *mem, const struct core_config *config)
{
    struct core *core = pk_zalloc(mem, sizeof *core);
    if (core == NULL)
        return PK_ENOMEM;
    struct pk_limits limits = limits_of(config);
    core->mem = mem;
    core->keep_promoted_us = config->keep_promoted_us > 0 ? config->keep_promoted_us : KEEP_PROMOTED_US;
    pk_store_init(&core->store, mem, &core->stats, config->hash_seed, sizeof(struct pk_writeback));
    pk_conns_init(&core->conns, mem, &core->stats, &limits);
    core->conns.sasl_ended = config->sasl_ended;
    if (config->secrets != NULL)
        core->conns.secrets = config->secrets;
    pk_sync_init(&core->sync, &core->store, &core->conns);
    core->store.watch_memory = watch_memory(config);
    enum pk_err err = PK_OK;
    for (size_t i = 0; i < config->nmounts && err == PK_OK; i++)
        err = pk_store_add_mount(&core->store, &config->mounts[i]);
    core->conns.nmounts = (uint8_t)core->store.nmounts;
    if (err == PK_OK)
        err = core_auth_set(core, config->auths, config->nauths);
    if (err == PK_OK && config->group != NULL)
        err = pk_member_new(&core->member, &core->sync, config->group);
    if (err == PK_OK)
        err = pk_pacemaker_init(&core->pacemaker, &core->sync, config->pacemaker, config->max_message,
                                config->login);
    if (err != PK_OK) {
        core_free(core);
        return err;
    }
    *out = core;
    return PK_OK;
}

void core_free(struct core *core)
{
    if (core == NULL)
        return;
    core->store.tap = (struct pk_tap){.hear = NULL};
    pk_lanes_drop(&core->pacemaker);
    for (uint32_t i = 0; i < core->conns.nslots; i++)
        if (core->conns.slots[i] != NULL)
            pk_end_free(core, core->conns.slots[i]);
    pk_cached_drop_all(&core->sync);
    pk_member_free(core->member);
    pk_sync_drop(&core->sync);
    pk_conns_drop(&core->conns);
    pk_store_drop(&core->store);
    pk_free(core->mem, core);
}

static enum pk_err open_client(struct core *core, int64_t now_us, enum pk_client_kind kind, struct pk_id *out)
{
    struct pk_client *c = pk_client_open(core, now_us, kind);
    if (c == NULL)
        return PK_ENOMEM;
    c->came = core->conns.gates != NULL ? core->conns.gates->asked : 0;
    *out = c->up.id;
    return PK_OK;
}

enum pk_err core_open(struct core *core, int64_t now_us, struct pk_id *out)
{
    return open_client(core, now_us, PK_KIND_ZOOKEEPER, out);
}

enum pk_err core_open_pacemaker(struct core *core, int64_t now_us, struct pk_id *out)
{
    PK_BUG_ON(core->pacemaker.mount == NULL);
    return open_client(core, now_us, PK_KIND_PACEMAKER, out);
}

static struct pk_client *find_client(struct core *core, struct pk_id id)
{
    struct pk_uplink *u = pk_conns_find(&core->conns, id);
    return u != NULL ? u->client : NULL;
}

void core_client_address(struct core *core, struct pk_id id, const uint8_t *address, size_t len)
{
    struct pk_client *c = find_client(core, id);
    if (c != NULL)
        pk_identities_address(&c->identities, address, len);
}

enum pk_err core_identify(struct core *core, struct pk_id id, const char *scheme, const char *name)
{
    struct pk_client *c = find_client(core, id);
    if (c == NULL)
        return PK_OK;
    struct pk_blob *identity =
        pk_identity_new(core->mem, (struct pk_bytes){(const uint8_t *)scheme, (uint32_t)strlen(scheme)},
                        (struct pk_bytes){(const uint8_t *)name, (uint32_t)strlen(name)});
    if (identity == NULL)
        return PK_ENOMEM;
    enum pk_err err = pk_identities_add(core->mem, &c->identities, identity);
    if (err == PK_OK)
        err = pk_vouch(&core->conns, &c->up, identity);
    pk_blob_unref(core->mem, identity);
    return err == PK_ENOMEM ? err : PK_OK;
}

void core_uplink_release(struct core *core, struct pk_id id, uint16_t release)
{
    struct pk_uplink *u = pk_conns_find(&core->conns, id);
    if (u != NULL)
        u->release = release;
}

bool core_pending(const struct core *core)
{
    return !pk_list_empty(&core->conns.runnable) || !pk_list_empty(&core->conns.resting) ||
           pk_paths_ended(&core->conns.paths) || (core->member != NULL && pk_member_pending(core->member));
}

bool core_idle(const struct core *core)
{
    return core->conns.nconns == 0 && pk_list_empty(&core->sync.orphans) &&
           pk_list_empty(&core->sync.refused);
}

/* Who was held back by a bound goes on when the new one lets him. */
void core_limits_set(struct core *core, const struct core_config *config)
{
    struct pk_limits limits = limits_of(config);
    limits.hold = core->conns.limits.hold;
    limits.hash_seed = core->conns.limits.hash_seed;
    core->conns.limits = limits;
    core->store.watch_memory = watch_memory(config);
    core->pacemaker.max_message = config->max_message;
    for (uint32_t i = 0; i < core->conns.nslots; i++) {
        struct pk_uplink *u = core->conns.slots[i];
        if (u == NULL)
            continue;
        pk_conn_changed(&core->conns, u);
        if (u->client != NULL)
            pk_client_wake(&core->conns, u->client);
    }
}

enum pk_err core_auth_set(struct core *core, const struct core_auth *auths, size_t n)
{
    return pk_service_set_auths(&core->sync, auths, n);
}
