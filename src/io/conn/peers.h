/*
 * Where clients come from: how many hold a place from each address, and which of them have not sent a connect request.
 *
 *   accepted ──► UNFINISHED ──connect request──► settled ──► left
 *                    └──────others need the room──────────────┘
 */
#ifndef PK_IO_CONN_PEERS_H
#define PK_IO_CONN_PEERS_H

#include "base/list.h"
#include "base/map.h"
#include "io/config/hostport.h"

struct pk_peer;

struct pk_peers {
    struct pk_map addresses;   /* of struct pk_peer */
    struct pk_list unfinished; /* of struct pk_place, oldest first */
    size_t places;             /* that are taken */
    uint64_t seed;             /* random */
};

/* A client's; zero before it is taken. */
struct pk_place {
    struct pk_peer *peer;      /* its address; NULL: no place is taken */
    struct pk_list unfinished; /* in pk_peers.unfinished, */
    struct pk_list of_peer;    /* and among those of its address, until its connect request has come */
};

void pk_peers_init(struct pk_peers *peers);
/* Every place has been left. */
void pk_peers_free(struct pk_peers *peers);

/* Takes a place for a client from there, whatever its port. PK_ENOMEM. */
enum pk_err pk_place_take(struct pk_peers *peers, struct pk_place *place,
                          const union pk_address *from) PK_NODISCARD;
/* Its connect request has come: the place is its own. */
void pk_place_settle(struct pk_place *place);
/* Gives the place up; without one nothing happens. */
void pk_place_leave(struct pk_peers *peers, struct pk_place *place);

/* How many have a place from there. */
size_t pk_peers_from(const struct pk_peers *peers, const union pk_address *from);
/* The oldest without a connect request from there, or from anywhere (NULL); NULL when there is none. */
struct pk_place *pk_peers_oldest(const struct pk_peers *peers, const union pk_address *from);

#endif
