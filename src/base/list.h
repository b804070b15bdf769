/*
 * Intrusive doubly linked list. A node that is in no list points at itself, so pk_list_del is always safe on
 * an initialised node.
 */
#ifndef PK_BASE_LIST_H
#define PK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct pk_list {
    struct pk_list *next, *prev;
};

#define PK_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Visits every node; the current node may be deleted while visiting, no other. */
#define PK_LIST_EACH(pos, tmp, head)                                                                         \
    for (struct pk_list *pos = (head)->next, *tmp = pos->next; pos != (head); pos = tmp, tmp = tmp->next)

static inline void pk_list_init(struct pk_list *l)
{
    l->next = l->prev = l;
}

static inline bool pk_list_empty(const struct pk_list *l)
{
    return l->next == l;
}

/* Inserts node before pos; with the head as pos that is the tail of the list. */
static inline void pk_list_add_before(struct pk_list *pos, struct pk_list *node)
{
    node->next = pos;
    node->prev = pos->prev;
    pos->prev->next = node;
    pos->prev = node;
}

static inline void pk_list_add_tail(struct pk_list *head, struct pk_list *node)
{
    pk_list_add_before(head, node);
}

static inline void pk_list_add_head(struct pk_list *head, struct pk_list *node)
{
    pk_list_add_before(head->next, node);
}

static inline void pk_list_del(struct pk_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    pk_list_init(node);
}

/* Moves all nodes of one list to a head that need not be initialised; the first list is empty then. */
static inline void pk_list_take(struct pk_list *from, struct pk_list *to)
{
    pk_list_init(to);
    if (pk_list_empty(from))
        return;
    *to = *from;
    to->next->prev = to->prev->next = to;
    pk_list_init(from);
}

#endif
