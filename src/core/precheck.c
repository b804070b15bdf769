/*
 * Asking before a local create.
 *
 * Happy path: three answers, NONODE and an open ACL among them; the request is woken and becomes a local create.
 * Failure modes: any other answer, or a spoiled precheck, and the create is relayed; a lost uplink drops the ask
 * with its request.
 */
#include "core/precheck.h"

#include "core/relay.h"
#include "proto/path.h"

void pk_prechecks_spoil(struct pk_znode *z)
{
    if (z->aux == NULL)
        return;
    for (struct pk_list *at = z->aux->prechecks.next; at != &z->aux->prechecks; at = at->next)
        PK_CONTAINER(at, struct pk_precheck_link, list)->ask->spoiled = true;
}

static struct pk_precheck *make(struct core *core, struct pk_mount *mount, struct pk_bytes path)
{
    struct pk_znode *z = pk_store_track(&core->store, mount, path);
    if (z == NULL)
        return NULL;
    struct pk_precheck *a = pk_zalloc(core->mem, sizeof *a);
    if (a == NULL || pk_store_tracking(&core->store, z) == NULL ||
        pk_store_tracking(&core->store, z->parent) == NULL) {
        pk_free(core->mem, a);
        pk_store_tidy(&core->store, z);
        return NULL;
    }
    a->path = z;
    a->parent = z->parent;
    a->of_path.ask = a->of_parent.ask = a;
    pk_list_add_tail(&z->aux->prechecks, &a->of_path.list);
    pk_list_add_tail(&z->parent->aux->prechecks, &a->of_parent.list);
    return a;
}

enum pk_err pk_precheck_begin(struct core *core, struct pk_conn *c, struct pk_mount *mount,
                              struct pk_bytes path)
{
    c->ask = make(core, mount, path);
    if (c->ask == NULL)
        return PK_ENOMEM;
    core->stats.prechecks++;
    static const int32_t ops[PK_PRECHECK_PARTS] = {PK_OP_SYNC, PK_OP_EXISTS, PK_OP_GET_ACL};
    for (int part = 0; part < PK_PRECHECK_PARTS; part++) {
        struct pk_bytes about = part == PK_PRECHECK_ACL ? pk_path_parent(path) : path;
        struct pk_entry *e = pk_send_internal(core, c, PK_ANSWER_PRECHECK, ops[part], about);
        if (e == NULL)
            return PK_ENOMEM;
        e->part = (uint8_t)part;
    }
    return PK_OK;
}

static void judge_acl(struct pk_precheck *a, struct pk_bytes body)
{
    if (body.len < PK_STAT_LEN)
        return;
    struct pk_bytes acl = {body.p, body.len - PK_STAT_LEN};
    struct pk_stat st;
    pk_stat_load(&st, body.p + acl.len);
    int32_t need = PK_PERM_CREATE | PK_PERM_DELETE;
    a->open = st.ephemeral_owner == 0 && (pk_acl_world_perms(acl) & need) == need;
    pk_store_seen(a->parent, st.czxid);
}

void pk_precheck_answer(struct core *core, struct pk_conn *c, int part, const struct pk_reply *r,
                        struct pk_bytes body)
{
    struct pk_precheck *a = c->ask;
    if (a == NULL)
        return;
    a->answered++;
    if (part == PK_PRECHECK_EXISTS)
        a->absent = r->err == PK_Z_NO_NODE;
    if (part == PK_PRECHECK_ACL && r->err == PK_Z_OK)
        judge_acl(a, body);
    if (pk_precheck_done(c))
        pk_conn_wake(core, c);
}

bool pk_precheck_done(const struct pk_conn *c)
{
    return c->ask != NULL && c->ask->answered == PK_PRECHECK_PARTS;
}

bool pk_precheck_allows(const struct pk_conn *c)
{
    return c->ask->absent && c->ask->open && !c->ask->spoiled;
}

void pk_precheck_drop(struct core *core, struct pk_conn *c)
{
    struct pk_precheck *a = c->ask;
    if (a == NULL)
        return;
    c->ask = NULL;
    for (struct pk_list *at = c->queue.uplink.next; at != &c->queue.uplink; at = at->next) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, uplink);
        if (e->answer == PK_ANSWER_PRECHECK)
            e->answer = PK_ANSWER_DROP;
    }
    pk_list_del(&a->of_path.list);
    pk_list_del(&a->of_parent.list);
    pk_store_tidy(&core->store, a->path);
    pk_free(core->mem, a);
}
