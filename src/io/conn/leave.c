/*
 * Leaving. Happy path: each client at a server that was left is attached to another one, at a moment when nothing is in
 * flight. Failure modes: those that still connect there try the next server at once; who cannot be held is closed and
 * comes back; the service session goes on elsewhere as if the server had closed it.
 */
#include "io/conn/leave.h"

#include "io/conn/dial.h"
#include "io/conn/pairs.h"
#include "io/upstream/servers.h"

static bool must_leave(const struct pk_pair *pair)
{
    return pair->state == PK_PAIR_KNOWN && pair->server >= 0 &&
           pk_upstream_was_left(pair->conns->upstream, pair->server);
}

static void leave(struct pk_pair *pair)
{
    if (pair->uplink.state == PK_SIDE_CONNECTING || pair->uplink.state == PK_SIDE_OPENING) {
        pk_list_del(&pair->wait.list);
        pk_dial_open(pair);
    } else if (pair->uplink.state == PK_SIDE_OPEN && pair->service) {
        pk_side_ended(&pair->uplink);
        pk_dial_close(pair);
        pk_loop_step(&pair->conns->loop, pair->id, PK_UPLINK_EOF, NULL, 0);
    } else if (pair->uplink.state == PK_SIDE_OPEN) {
        pk_loop_step(&pair->conns->loop, pair->id, PK_UPLINK_LEAVE, NULL, 0);
    }
}

void pk_pairs_leave(struct pk_pairs *conns)
{
    if (!conns->upstream->leaving)
        return;
    conns->upstream->leaving = false;
    PK_LIST_EACH(node, tmp, &conns->pairs) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, all);
        if (must_leave(pair))
            leave(pair);
    }
}
