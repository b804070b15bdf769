/*
 * Members' addresses. Happy path: a numeric one needs no lookup, a name is looked up when it is first needed and,
 * beside those who go on with what is known, when that has grown old. Failure modes: a name without addresses, which is
 * tried again with the next connection; more names than any group has.
 */
#include "io/conn/members.h"

#include <stdlib.h>
#include <string.h>

#include "io/upstream/resolve.h"

enum { OLD_US = 5000000, TEXT = PK_HOST_MAX + 8 };

struct pk_member_name {
    struct pk_members *all;
    char text[TEXT];
    struct pk_hostport where;
    struct pk_name name;
    union pk_address addresses[PK_MEMBER_ADDRESSES];
    unsigned n;
    int64_t looked_us; /* when the newest lookup began, 0: none has */
};

static void looked_up(struct pk_name *name, const struct addrinfo *found, const char *failure)
{
    struct pk_member_name *m = name->owner;
    (void)failure; /* who waits finds no address, and the core says that there is no primary */
    if (found != NULL)
        m->n = 0;
    for (; found != NULL && m->n < PK_MEMBER_ADDRESSES; found = found->ai_next)
        if (found->ai_addrlen <= sizeof *m->addresses)
            memcpy(&m->addresses[m->n++], found->ai_addr, found->ai_addrlen);
    pk_waiters_call(&m->all->waiting, false);
    m->all->settled(m->all->owner);
}

static struct pk_member_name *add(struct pk_members *members, const char *text)
{
    const char *why = "";
    struct pk_member_name *m = NULL;
    if (members->n < PK_MEMBER_NAMES && strlen(text) < TEXT)
        m = calloc(1, sizeof *m);
    if (m == NULL || pk_hostport_parse(&m->where, text, strlen(text), -1, &why) != PK_OK) {
        free(m);
        return NULL;
    }
    strcpy(m->text, text);
    m->all = members;
    m->name.owner = m;
    m->name.done = looked_up;
    (void)pk_resolve_init(&m->name, members->uv, &m->where, &m->addresses[0]);
    members->names[members->n++] = m;
    return m;
}

static bool numeric(const char *text, union pk_address *address)
{
    struct pk_hostport where;
    const char *why = "";
    return pk_hostport_parse(&where, text, strlen(text), -1, &why) == PK_OK &&
           (uv_ip4_addr(where.host, where.port, &address->v4) == 0 ||
            uv_ip6_addr(where.host, where.port, &address->v6) == 0);
}

static struct pk_member_name *find(struct pk_members *members, const char *text)
{
    for (size_t i = 0; i < members->n; i++)
        if (strcmp(members->names[i]->text, text) == 0)
            return members->names[i];
    return add(members, text);
}

/* Starts a lookup where what is known is old, or there is nothing. */
static void look_up(struct pk_member_name *m, int64_t now_us)
{
    if (m->name.state != PK_NAME_IDLE || (m->looked_us != 0 && now_us - m->looked_us < OLD_US))
        return;
    if (pk_resolve_start(&m->name))
        m->looked_us = now_us;
}

/* The i-th address of a name. */
static enum pk_member_found find_name(struct pk_members *members, const char *text, unsigned i,
                                      int64_t now_us, union pk_address *address)
{
    struct pk_member_name *m = find(members, text);
    if (m == NULL)
        return PK_MEMBER_NOWHERE;
    look_up(m, now_us);
    if (m->n == 0 && m->name.state == PK_NAME_BUSY && i == 0)
        return PK_MEMBER_WAIT;
    *address = m->addresses[i < m->n ? i : 0];
    return i < m->n ? PK_MEMBER_FOUND : PK_MEMBER_NOWHERE;
}

enum pk_member_found pk_members_find(struct pk_members *members, const char *text, unsigned i, int64_t now_us,
                                     struct pk_waiter *wait, union pk_address *address)
{
    enum pk_member_found found = PK_MEMBER_NOWHERE;
    if (!numeric(text, address))
        found = find_name(members, text, i, now_us, address);
    else if (i == 0)
        found = PK_MEMBER_FOUND;
    bool crowded = found == PK_MEMBER_FOUND && members->openings >= PK_MEMBER_OPENINGS;
    if (found == PK_MEMBER_WAIT || crowded)
        pk_list_add_tail(crowded ? &members->queue : &members->waiting, &wait->list);
    if (crowded)
        return PK_MEMBER_WAIT;
    members->openings += found == PK_MEMBER_FOUND;
    return found;
}

void pk_members_opened(struct pk_members *members)
{
    members->openings--;
    (void)pk_waiters_call_one(&members->queue, false);
}

void pk_members_init(struct pk_members *members, uv_loop_t *uv)
{
    members->uv = uv;
    pk_list_init(&members->waiting);
    pk_list_init(&members->queue);
}

void pk_members_close(struct pk_members *members)
{
    for (size_t i = 0; i < members->n; i++)
        pk_resolve_close(&members->names[i]->name);
}

void pk_members_free(struct pk_members *members)
{
    for (size_t i = 0; i < members->n; i++)
        free(members->names[i]);
}
