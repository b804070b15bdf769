/*
 * Where clients come from. Happy path: an address is kept as long as somebody from there has a place. Failure modes: no
 * memory for one more address.
 */
#include "io/conn/peers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* IPv4 as IPv6 writes it, so that it does not matter which socket a client came through. */
struct address {
    uint8_t bytes[16];
};

struct pk_peer {
    struct pk_map_node by_address;
    struct address address;
    size_t places;
    struct pk_list unfinished; /* of struct pk_place, oldest first */
};

static struct address plain(const union pk_address *from)
{
    struct address a = {.bytes = {[10] = 0xff, [11] = 0xff}};
    if (from->any.sa_family == AF_INET6)
        memcpy(a.bytes, &from->v6.sin6_addr, sizeof a.bytes);
    else
        memcpy(a.bytes + 12, &from->v4.sin_addr, 4);
    return a;
}

void pk_peers_init(struct pk_peers *peers)
{
    pk_list_init(&peers->unfinished);
    if (getrandom(&peers->seed, sizeof peers->seed, 0) != sizeof peers->seed)
        peers->seed = (uintptr_t)peers;
}

void pk_peers_free(struct pk_peers *peers)
{
    pk_map_free(&pk_mem_libc, &peers->addresses);
}

static struct pk_peer *find(const struct pk_peers *peers, const struct address *a, uint32_t hash)
{
    for (struct pk_map_node *n = pk_map_chain(&peers->addresses, hash); n != NULL; n = n->next) {
        struct pk_peer *peer = PK_CONTAINER(n, struct pk_peer, by_address);
        if (memcmp(&peer->address, a, sizeof *a) == 0)
            return peer;
    }
    return NULL;
}

static struct pk_peer *peer_of(const struct pk_peers *peers, const union pk_address *from)
{
    struct address a = plain(from);
    return find(peers, &a, pk_hash(peers->seed, &a, sizeof a));
}

static struct pk_peer *add(struct pk_peers *peers, const union pk_address *from)
{
    struct pk_peer *peer = NULL;
    if (pk_map_reserve(&pk_mem_libc, &peers->addresses) == PK_OK)
        peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    peer->address = plain(from);
    pk_list_init(&peer->unfinished);
    pk_map_put(&peers->addresses, &peer->by_address,
               pk_hash(peers->seed, &peer->address, sizeof peer->address));
    return peer;
}

enum pk_err pk_place_take(struct pk_peers *peers, struct pk_place *place, const union pk_address *from)
{
    struct pk_peer *peer = peer_of(peers, from);
    if (peer == NULL)
        peer = add(peers, from);
    if (peer == NULL)
        return PK_ENOMEM;
    place->peer = peer;
    peer->places++;
    peers->places++;
    pk_list_add_tail(&peers->unfinished, &place->unfinished);
    pk_list_add_tail(&peer->unfinished, &place->of_peer);
    return PK_OK;
}

void pk_place_settle(struct pk_place *place)
{
    if (place->peer == NULL)
        return;
    pk_list_del(&place->unfinished);
    pk_list_del(&place->of_peer);
}

void pk_place_leave(struct pk_peers *peers, struct pk_place *place)
{
    struct pk_peer *peer = place->peer;
    if (peer == NULL)
        return;
    pk_place_settle(place);
    place->peer = NULL;
    peers->places--;
    if (--peer->places > 0)
        return;
    pk_map_del(&peers->addresses, &peer->by_address);
    free(peer);
}

size_t pk_peers_from(const struct pk_peers *peers, const union pk_address *from)
{
    const struct pk_peer *peer = peer_of(peers, from);
    return peer != NULL ? peer->places : 0;
}

struct pk_place *pk_peers_oldest(const struct pk_peers *peers, const union pk_address *from)
{
    if (from == NULL)
        return pk_list_empty(&peers->unfinished)
                   ? NULL
                   : PK_CONTAINER(peers->unfinished.next, struct pk_place, unfinished);
    const struct pk_peer *peer = peer_of(peers, from);
    return peer == NULL || pk_list_empty(&peer->unfinished)
               ? NULL
               : PK_CONTAINER(peer->unfinished.next, struct pk_place, of_peer);
}
