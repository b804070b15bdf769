/*
 * Places of the admin side. Happy path: they come, are answered within their time, and leave. Failure modes: memory is
 * short, and nobody comes.
 */
#include "io/http/visitors.h"

#include <stdlib.h>
#include <sys/socket.h>

void pk_visitors_init(struct pk_visitors *visitors, size_t places, int64_t patience_ms)
{
    *visitors = (struct pk_visitors){.places = places, .patience_us = patience_ms * 1000};
    pk_list_init(&visitors->all);
}

static size_t taken(const struct pk_visitors *visitors, bool at_path)
{
    return at_path ? visitors->at_paths : visitors->n - visitors->at_paths;
}

bool pk_visitors_room(const struct pk_visitors *visitors, const struct pk_door *door)
{
    return taken(visitors, door->local) < visitors->places;
}

bool pk_visitors_full(const struct pk_visitors *visitors)
{
    return taken(visitors, true) >= visitors->places || taken(visitors, false) >= visitors->places;
}

struct pk_visitor *pk_visitor_come(struct pk_visitors *visitors, struct pk_door *door, int64_t now_us)
{
    struct pk_visitor *visitor = calloc(1, sizeof *visitor);
    if (visitor == NULL)
        return NULL;
    *visitor = (struct pk_visitor){.door = door, .fd = -1, .since_us = now_us};
    pk_list_add_tail(&visitors->all, &visitor->all);
    visitors->n++;
    visitors->at_paths += door->local;
    door->visitors++;
    return visitor;
}

void pk_visitor_again(struct pk_visitors *visitors, struct pk_visitor *visitor, int64_t now_us)
{
    visitor->since_us = now_us;
    visitor->body = visitor->received = 0;
    pk_list_del(&visitor->all);
    pk_list_add_tail(&visitors->all, &visitor->all);
}

void pk_visitor_dismiss(struct pk_visitor *visitor)
{
    visitor->dismissed = true;
    if (visitor->fd >= 0)
        shutdown(visitor->fd, SHUT_RDWR);
}

void pk_visitor_leave(struct pk_visitors *visitors, struct pk_visitor *visitor)
{
    pk_list_del(&visitor->all);
    visitors->n--;
    visitors->at_paths -= visitor->door->local;
    visitor->door->visitors--;
    free(visitor);
}

static struct pk_visitor *at(const struct pk_list *list)
{
    return PK_CONTAINER(list, struct pk_visitor, all);
}

struct pk_visitor *pk_visitors_late(const struct pk_visitors *visitors, int64_t now_us)
{
    for (struct pk_list *l = visitors->all.next; l != &visitors->all; l = l->next)
        if (!at(l)->dismissed && at(l)->since_us + visitors->patience_us <= now_us)
            return at(l);
    return NULL;
}

struct pk_visitor *pk_visitors_oldest(const struct pk_visitors *visitors, const struct pk_door *door,
                                      int64_t before_us)
{
    for (struct pk_list *l = visitors->all.next; l != &visitors->all; l = l->next)
        if (!at(l)->dismissed && at(l)->door->local == door->local && at(l)->since_us <= before_us)
            return at(l);
    return NULL;
}
