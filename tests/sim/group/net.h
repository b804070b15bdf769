/*
 * The network between the hosts of a world: connections as TCP makes them, in virtual time.
 *
 * Bytes arrive in order, some tenths of a millisecond later, more on a slow path. While a path is cut they wait, and
 * arrive some time after its end. A process that is stopped receives nothing, its kernel takes it in. One that ends
 * closes its connections; a host that is lost says nothing, and whoever writes to it hears nothing until it is back.
 * Each end is known to its owner by a number, which is never given twice.
 */
#ifndef PK_TESTS_SIM_GROUP_NET_H
#define PK_TESTS_SIM_GROUP_NET_H

#include "world.h"

/* Which port of a host. */
enum net_port { PORT_CLIENTS, PORT_MEMBERS, PORT_PROBE, PORTS };

enum net_what {
    NET_ACCEPTED, /* somebody has connected to this host; owner is the port */
    NET_OPENED,   /* what net_connect began is there */
    NET_REFUSED,  /* nobody listens */
    NET_BYTES,
    NET_ROOM, /* there is room again after net_room had said less than was wanted */
    NET_END   /* the other end has closed, or is gone; the number is dead */
};

struct net_news {
    enum net_what what;
    int end, owner;
    const uint8_t *p;
    size_t len;
};

/* Who is at the other end of a connection, and how far. */
void net_start(struct world *w);
void net_stop(struct world *w);

/* The number of our end; owner comes back with the news of it. */
int net_connect(struct world *w, int from, int to, enum net_port port, int owner);
void net_own(struct world *w, int end, int owner);
void net_write(struct world *w, int end, const uint8_t *p, size_t len);
/* How much the kernel would take. */
size_t net_room(struct world *w, int end);
/* No news come any more; what was written arrives. A number that is dead is ignored. */
void net_close(struct world *w, int end);
int net_peer(struct world *w, int end);
/* Every connection of the host's process ends, silently when the host is lost. */
void net_process_ends(struct world *w, int host);
/* Those between two hosts are reset. */
void net_reset_between(struct world *w, int x, int y);

/* Faults of paths and ports, both ways, until a time. */
void net_cut(struct world *w, int x, int y, int64_t until_us);
void net_slow(struct world *w, int x, int y, int64_t extra_us, int64_t until_us);
void net_refuse(struct world *w, int host, enum net_port port, int64_t until_us);
bool net_is_cut(const struct world *w, int x, int y);

#endif
