/*
 * Asking before a local create.
 *
 * Happy path: three answers, NONODE and an open ACL among them; the request is woken and becomes a local create.
 * Failure modes: any other answer, or anything that touched the znode or its parent meanwhile, and the create is
 * relayed; a lost uplink drops the precheck with its request.
 */
#include "core/sync/precheck.h"

#include "core/sync/parents.h"
#include "proto/path.h"

enum part { SYNC, EXISTS, ACL, PARTS };

/* A znode that a precheck looks at, kept tracked, and how many changes it had seen when the precheck began. */
struct subject {
    struct pk_znode *znode;
    uint32_t changes;
};

struct pk_precheck {
    struct pk_client *client;
    struct subject path, parent;
    uint8_t answered; /* questions */
    bool absent, open;
};

static bool pin(struct pk_sync *sync, struct subject *s, struct pk_znode *z)
{
    if (pk_store_tracking(sync->store, z) == NULL)
        return false;
    z->tracking->pins++;
    *s = (struct subject){z, z->tracking->changes};
    return true;
}

static void unpin(struct subject *s)
{
    if (s->znode != NULL)
        s->znode->tracking->pins--;
}

static bool changed(const struct subject *s)
{
    return s->znode->tracking->changes != s->changes;
}

static void free_precheck(struct pk_sync *sync, struct pk_precheck *p, struct pk_znode *z)
{
    unpin(&p->path);
    unpin(&p->parent);
    pk_store_tidy(sync->store, z);
    pk_free(sync->mem, p);
}

static struct pk_precheck *make(struct pk_sync *sync, struct pk_client *c, struct pk_mount *mount,
                                struct pk_bytes path)
{
    struct pk_znode *z = pk_store_track(sync->store, mount, path);
    if (z == NULL)
        return NULL;
    struct pk_precheck *p = pk_zalloc(sync->mem, sizeof *p);
    if (p == NULL) {
        pk_store_tidy(sync->store, z);
        return NULL;
    }
    p->client = c;
    if (pin(sync, &p->path, z) && pin(sync, &p->parent, z->parent))
        return p;
    free_precheck(sync, p, z);
    return NULL;
}

enum pk_err pk_precheck_begin(struct pk_sync *sync, struct pk_client *c, struct pk_mount *mount,
                              struct pk_bytes path)
{
    static const int32_t ops[PARTS] = {[SYNC] = PK_OP_SYNC, [EXISTS] = PK_OP_EXISTS, [ACL] = PK_OP_GET_ACL};
    struct pk_precheck *p = c->pending->precheck = make(sync, c, mount, path);
    if (p == NULL) {
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return PK_ENOMEM;
    }
    sync->stats->prechecks++;
    for (int part = 0; part < PARTS; part++) {
        struct pk_bytes about = part == ACL ? pk_path_parent(path) : path;
        struct pk_entry *e = pk_send_internal(sync->conns, &c->up, PK_ANSWER_PRECHECK, ops[part], about, p);
        if (e == NULL)
            return PK_ENOMEM;
        e->part = (uint8_t)part;
    }
    return PK_OK;
}

/* With the mount's policy in place the policy has let the client in already. */
static bool lets_create(const struct pk_sync *sync, const struct pk_znode *parent, struct pk_bytes acl)
{
    int32_t need = PK_PERM_CREATE | PK_PERM_DELETE;
    return (pk_acl_world_perms(acl) & need) == need ||
           pk_bytes_eq(acl, pk_store_acl(sync->store, parent, false)) ||
           pk_bytes_eq(acl, pk_store_acl(sync->store, parent, true));
}

static void judge_acl(struct pk_sync *sync, struct pk_precheck *p, struct pk_bytes body)
{
    if (body.len < PK_STAT_LEN)
        return;
    struct pk_bytes acl = {body.p, body.len - PK_STAT_LEN};
    struct pk_stat st;
    pk_stat_load(&st, body.p + acl.len);
    p->open = st.ephemeral_owner == 0 && lets_create(sync, p->parent.znode, acl);
    struct pk_change seen = {.kind = PK_CHANGE_SHARE_SEEN, .znode = p->parent.znode, .zxid = st.czxid};
    pk_parents_seen(sync, p->parent.znode, acl);
    (void)!pk_store_apply(sync->store, &seen); /* cannot fail */
}

void pk_precheck_answer(struct pk_sync *sync, void *owner, int part, const struct pk_reply *r,
                        struct pk_bytes body)
{
    struct pk_precheck *p = owner;
    p->answered++;
    if (part == EXISTS)
        p->absent = r->err == PK_Z_NO_NODE;
    if (part == ACL && r->err == PK_Z_OK)
        judge_acl(sync, p, body);
    if (pk_precheck_done(p))
        pk_client_wake(sync->conns, p->client);
}

bool pk_precheck_done(const struct pk_precheck *p)
{
    return p->answered == PARTS;
}

bool pk_precheck_allows(const struct pk_precheck *p)
{
    return p->absent && p->open && !changed(&p->path) && !changed(&p->parent);
}

enum pk_reason pk_precheck_reason(const struct pk_precheck *p)
{
    if (!p->absent)
        return PK_REASON_UPSTREAM;
    return p->open ? PK_REASON_BUSY : PK_REASON_ACL;
}

void pk_precheck_drop(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_precheck *p = c->pending->precheck;
    if (p == NULL)
        return;
    c->pending->precheck = NULL;
    for (struct pk_list *at = c->up.awaited.entries.next; at != &c->up.awaited.entries; at = at->next) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, uplink);
        if (e->owner == p) {
            e->answer = PK_ANSWER_DROP;
            e->owner = NULL;
        }
    }
    free_precheck(sync, p, p->path.znode);
}
