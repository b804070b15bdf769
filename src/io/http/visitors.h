/*
 * Who is at the admin side: a connection each, oldest first, in two shares of places (TCP, and paths of the file
 * system). Knows no HTTP.
 */
#ifndef PK_IO_HTTP_VISITORS_H
#define PK_IO_HTTP_VISITORS_H

#include "io/http/door.h"

struct pk_tunnel;

struct pk_visitor {
    struct pk_list all; /* pk_visitors.all: whose time is over first stands first */
    struct pk_door *door;
    struct pk_tunnel *tunnel; /* with TLS, until it is over; else NULL */
    int fd;                   /* libmicrohttpd's, -1 when it has closed that */
    union pk_address from;    /* with TCP */
    int64_t since_us;         /* when it came, or had its newest answer */
    bool dismissed;           /* its socket is shut down */
    uint64_t body;            /* bytes that its request announces */
    uint64_t received;        /* and brought so far */
};

struct pk_visitors {
    struct pk_list all;
    size_t n, places; /* places: of each share */
    size_t at_paths;  /* of n those from a path */
    int64_t patience_us;
};

void pk_visitors_init(struct pk_visitors *visitors, size_t places, int64_t patience_ms);
/* One more may come through this door. */
bool pk_visitors_room(const struct pk_visitors *visitors, const struct pk_door *door);
/* A share is full. */
bool pk_visitors_full(const struct pk_visitors *visitors);
/* Comes; NULL when memory is short. fd, which stays the caller's, and tunnel are to be set. */
struct pk_visitor *pk_visitor_come(struct pk_visitors *visitors, struct pk_door *door, int64_t now_us);
/* Has its answer: its time begins anew. */
void pk_visitor_again(struct pk_visitors *visitors, struct pk_visitor *visitor, int64_t now_us);
/* libmicrohttpd's socket is shut down; it stays until its owner has met the end. */
void pk_visitor_dismiss(struct pk_visitor *visitor);
/* Frees it. */
void pk_visitor_leave(struct pk_visitors *visitors, struct pk_visitor *visitor);
/* The oldest, not dismissed yet, whose time is over; NULL when there is none. */
struct pk_visitor *pk_visitors_late(const struct pk_visitors *visitors, int64_t now_us);
/* The oldest of this door's share, not dismissed, that has been there since before; NULL when there is none. */
struct pk_visitor *pk_visitors_oldest(const struct pk_visitors *visitors, const struct pk_door *door,
                                      int64_t before_us);

#endif
