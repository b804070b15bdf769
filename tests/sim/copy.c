/*
 * The copy (copy.h).
 *
 * Happy path: each record is replayed as it comes; between steps every znode of either store is looked up in the other.
 * Failure modes: a record that cannot be replayed ends the test.
 */
#include "copy.h"

#include <stdio.h>

#include "core/store/record.h"

/* Nothing is held here, nothing remembered: a store may have it or not. */
static bool is_bare(const struct pk_znode *z)
{
    return z->held.state == PK_ZNODE_TRACKED && z->held.nlocal == 0 && z->held.cversion == 0 &&
           z->cached == NULL;
}

static bool same_data(const struct pk_blob *a, const struct pk_blob *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Of what is not held only some fields mean anything (znode.h). */
static const char *held_differs(const struct pk_znode *a, const struct pk_znode *b)
{
    const struct pk_held *x = &a->held, *y = &b->held;
    bool promoted = x->state == PK_ZNODE_PROMOTED;
    if (x->state != y->state)
        return "state";
    if (x->nlocal != y->nlocal || x->cversion != y->cversion)
        return "counts of children";
    if (x->czxid != y->czxid || x->pzxid != y->pzxid)
        return "czxid or pzxid";
    if ((pk_znode_held(a) || promoted) && x->mzxid != y->mzxid)
        return "mzxid";
    if (pk_znode_held(a) && (x->version != y->version || x->ctime != y->ctime || x->mtime != y->mtime))
        return "version or times";
    return same_data(a->data, b->data) ? NULL : "data";
}

static const char *value_differs(const struct pk_cached *a, const struct pk_cached *b)
{
    if (a == NULL || b == NULL)
        return a == b ? NULL : "whether it is cached";
    const struct pk_value *x = &a->value, *y = &b->value;
    if (!same_data(x->data, y->data))
        return "cached data";
    if (memcmp(&x->base, &y->base, sizeof x->base) != 0)
        return "the ensemble's Stat";
    if (x->version != y->version || x->mzxid != y->mzxid || x->mtime != y->mtime)
        return "cached version, mzxid or mtime";
    bool same = x->shown_zxid == y->shown_zxid && x->changed_zxid == y->changed_zxid &&
                x->suspect_zxid == y->suspect_zxid && x->retired == y->retired;
    return same ? NULL : "what is known of the cached value";
}

/* Compares a znode of one store with what the other has of its path. */
static const char *znode_differs(struct sim_copy *copy, const struct pk_znode *z,
                                 const struct pk_store *other)
{
    uint8_t path[1024];
    assert_true(pk_znode_path_len(z) <= sizeof path);
    uint32_t len = (uint32_t)(pk_znode_path_put(path, z) - path);
    const struct pk_znode *k = pk_store_find(other, (struct pk_bytes){path, len});
    const char *what = k == NULL ? "whether it is there" : held_differs(z, k);
    if (what == NULL)
        what = value_differs(z->cached, k->cached);
    if (what == NULL)
        return NULL;
    snprintf(copy->differs, sizeof copy->differs,
             "%s of %.*s: state %d and %d, czxid %llx and %llx, pzxid %llx and %llx, cversion %d and %d",
             what, (int)len, path, z->held.state, k != NULL ? k->held.state : -1, (long long)z->held.czxid,
             k != NULL ? (long long)k->held.czxid : -1, (long long)z->held.pzxid,
             k != NULL ? (long long)k->held.pzxid : -1, z->held.cversion, k != NULL ? k->held.cversion : -1);
    return copy->differs;
}

static bool refreshed(void *context, const struct pk_znode *z)
{
    struct sim_copy *copy = context;
    uint8_t path[1024];
    assert_true(pk_znode_path_len(z) <= sizeof path);
    const struct pk_bytes at = {path, (uint32_t)(pk_znode_path_put(path, z) - path)};
    const struct pk_change change = {.kind = PK_CHANGE_SET,
                                     .znode = pk_store_find(&copy->store, at),
                                     .data = pk_blob_view(z->data),
                                     .held = &z->held};
    copy->kinds[PK_CHANGE_SET]++;
    if (copy->deaf != PK_CHANGE_SET) {
        assert_true(pk_znode_held(change.znode));
        assert_int_equal(pk_store_apply(&copy->store, &change), PK_OK);
    }
    if (copy->differs[0] == 0)
        (void)znode_differs(copy, z, &copy->store);
    return true;
}

/* The znode is as the core has it at once; what another record is to say of others is compared between steps. */
static void heard(void *context, const struct pk_change_record *record)
{
    struct sim_copy *copy = context;
    copy->kinds[record->kind]++;
    if ((int)record->kind != copy->deaf)
        assert_int_equal(pk_store_replay(&copy->store, record), PK_OK);
    const struct pk_znode *z = pk_store_find(core_store(copy->core), record->path);
    if (copy->differs[0] == 0 && !is_bare(z))
        (void)znode_differs(copy, z, &copy->store);
}

void sim_copy_start(struct sim_copy *copy, struct core *core, const struct core_config *config)
{
    sup_mem_init(&copy->mem);
    copy->core = core;
    copy->stats = (struct core_stats){0};
    copy->differs[0] = 0;
    pk_store_init(&copy->store, &copy->mem.mem, &copy->stats, 11, sizeof(struct pk_cached));
    for (size_t i = 0; i < config->nmounts; i++)
        assert_int_equal(pk_store_add_mount(&copy->store, &config->mounts[i]), PK_OK);
    core_tap(core, &(struct pk_tap){.hear = heard, .refresh = refreshed, .context = copy});
}

void sim_copy_free(struct sim_copy *copy)
{
    pk_store_drop(&copy->store);
    assert_int_equal(copy->mem.blocks, 0);
}

static const char *store_differs(struct sim_copy *copy, const struct pk_store *a, const struct pk_store *b)
{
    for (size_t i = 0; i < a->nmounts; i++) {
        struct pk_znode *root = a->mounts[i].root;
        for (struct pk_znode *z = root; z != NULL; z = pk_znode_walk(root, z)) {
            const char *differs = is_bare(z) ? NULL : znode_differs(copy, z, b);
            if (differs != NULL)
                return differs;
        }
    }
    return NULL;
}

const char *sim_copy_differs(struct sim_copy *copy)
{
    const struct pk_store *store = core_store(copy->core);
    if (copy->differs[0] != 0)
        return copy->differs;
    pk_store_check(&copy->store);
    const char *differs = store_differs(copy, store, &copy->store);
    return differs != NULL ? differs : store_differs(copy, &copy->store, store);
}
