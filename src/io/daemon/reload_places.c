/*
 * A reload of where clients and operators are listened for.
 *
 * Happy path: what is new is opened before anything is changed, then accepts; what is named no longer closes, and who
 * came there stays. Failure modes: an address in use, or one that this machine has not: said, and the reload is none.
 */
#include <string.h>

#include "io/daemon/daemon.h"
#include "io/daemon/reloading.h"
#include "io/http/server.h"

bool pk_reload_same_addresses(const struct pk_hostport *a, size_t na, const struct pk_hostport *b, size_t nb)
{
    bool same = na == nb;
    for (size_t i = 0; same && i < na; i++)
        same = a[i].port == b[i].port && strcmp(a[i].host, b[i].host) == 0;
    return same;
}

/* One of the lists of addresses, in both configurations. */
struct addresses {
    const char *key;
    struct pk_hostport *old, *new;
    size_t *nold, *nnew;
};

enum { PLAIN, SECURE, PACEMAKER, LISTS };

static void lists_of(struct reload *r, struct addresses lists[LISTS])
{
    struct pk_config *old = r->old, *new = r->new;
    lists[PLAIN] = (struct addresses){"listen", old->listens, new->listens, &old->nlistens, &new->nlistens};
    lists[SECURE] = (struct addresses){"tls.listen", old->tls_listens, new->tls_listens, &old->ntls_listens,
                                       &new->ntls_listens};
    lists[PACEMAKER] = (struct addresses){"pacemaker.listen", old->pacemaker_listens, new->pacemaker_listens,
                                          &old->npacemaker_listens, &new->npacemaker_listens};
}

static bool same(const struct addresses *list)
{
    return pk_reload_same_addresses(list->old, *list->nold, list->new, *list->nnew);
}

static void leave_as_it_is(struct reload *r, const struct addresses *list, const char *why)
{
    pk_reload_keep(r, list->key, why);
    memcpy(list->new, list->old, PK_MAX_LISTENS * sizeof *list->new);
    *list->nnew = *list->nold;
}

/* What cannot be changed now is as it was. */
static void narrow(struct reload *r)
{
    struct addresses lists[LISTS];
    lists_of(r, lists);
    for (int i = 0; i < LISTS; i++)
        if (!same(&lists[i]) && r->daemon->drain.on)
            leave_as_it_is(r, &lists[i], "an operator drains it: other addresses take a restart");
    if (*lists[PACEMAKER].nnew > 0 && !core_has_pacemaker(r->daemon->conns.loop.core))
        leave_as_it_is(r, &lists[PACEMAKER],
                       "without pacemaker.mount at the start its first address takes a restart");
}

enum pk_err pk_reload_places_prepare(struct reload *r)
{
    const char *listen[PK_MAX_ADMIN_LISTENS];
    narrow(r);
    enum pk_err err = r->daemon->drain.on ? PK_OK : pk_listeners_prepare(&r->daemon->listeners, r->new);
    if (err != PK_OK)
        return err;
    err = pk_http_prepare(r->daemon->admin.http, listen, pk_config_admin_texts(r->new, listen));
    if (err != PK_OK)
        pk_listeners_forget(&r->daemon->listeners);
    return err;
}

static bool has(const struct pk_hostport *list, size_t n, const struct pk_hostport *where)
{
    for (size_t i = 0; i < n; i++)
        if (pk_reload_same_addresses(&list[i], 1, where, 1))
            return true;
    return false;
}

/* Says which of a list the other one has not. */
static void say_missing(struct reload *r, const char *key, const struct pk_hostport *of, size_t n,
                        const struct pk_hostport *other, size_t nother, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!has(other, nother, &of[i]))
            pk_reload_done(r, key, "%s:%u %s", of[i].host[0] != '\0' ? of[i].host : "*", of[i].port, what);
}

static void take_list(struct reload *r, const struct addresses *list)
{
    say_missing(r, list->key, list->new, *list->nnew, list->old, *list->nold, "is listened on from now on");
    say_missing(r, list->key, list->old, *list->nold, list->new, *list->nnew,
                "is closed, who came there stays");
    memcpy(list->old, list->new, PK_MAX_LISTENS * sizeof *list->old);
    *list->nold = *list->nnew;
}

static void say_doors(struct reload *r, const char *const *of, size_t n, const char *const *other,
                      size_t nother, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        while (at < nother && strcmp(of[i], other[at]) != 0)
            at++;
        if (at == nother)
            pk_reload_done(r, "admin.listen", "%s %s", of[i], what);
    }
}

static void doors(struct reload *r)
{
    const char *before[PK_MAX_ADMIN_LISTENS], *after[PK_MAX_ADMIN_LISTENS];
    size_t nbefore = pk_config_admin_texts(r->old, before), nafter = pk_config_admin_texts(r->new, after);
    say_doors(r, after, nafter, before, nbefore, "answers from now on");
    say_doors(r, before, nbefore, after, nafter, "is closed");
    pk_http_change(r->daemon->admin.http, after, nafter);
    memcpy(r->old->admin_listens, r->new->admin_listens, sizeof r->old->admin_listens);
    r->old->nadmin_listens = r->new->nadmin_listens;
    r->old->admin_listens_from = r->new->admin_listens_from;
}

void pk_reload_places(struct reload *r)
{
    struct addresses lists[LISTS];
    lists_of(r, lists);
    for (int i = 0; i < LISTS; i++)
        take_list(r, &lists[i]);
    r->old->listens_from = r->new->listens_from;
    r->old->tls_listens_from = r->new->tls_listens_from;
    r->old->pacemaker_listens_from = r->new->pacemaker_listens_from;
    if (!r->daemon->drain.on)
        pk_listeners_change(&r->daemon->listeners, r->old);
    doors(r);
}
