/*
 * A client connection with its uplink: two sides that are opened and closed on their own, freed together. A session of
 * our own is a pair whose client side is never there.
 *
 *   pk_pair_open ──► client OPEN, uplink NONE
 *        the core wants an uplink: pick a server ──► (wait for names or a probe) ──► CONNECTING ──► OPEN
 *        the core ends the client: both sides close; the last close callback frees the pair
 */
#ifndef PK_IO_CONN_PAIR_H
#define PK_IO_CONN_PAIR_H

#include "base/list.h"
#include "io/config/hostport.h"
#include "io/conn/side.h"

struct pk_io;

struct pk_pair {
    struct pk_io *io;
    struct pk_id id;
    struct pk_side client, uplink;
    struct pk_list all;     /* io->pairs */
    struct pk_list waiting; /* io->connecting, .nameless, .answering, or a server's lists */
    int64_t deadline_us;    /* of what it waits for */
    uint64_t tried;         /* bit i: server i has been tried for this client */
    int server;             /* the uplink's, -1 none */
    bool known;             /* to the core: id is alive */
    bool own;               /* no client: a service session of the core */
    bool arriving;          /* it has a place among those on their way to the server */
    bool reopen;            /* another server is to be tried when the uplink has closed */
    char *answer;           /* of a four-letter word, while it is being written */
    int64_t session;        /* for the log, 0 before there is one */
    union pk_address peer;
};

/* Takes an accepted socket over. Closes it when memory is short. */
void pk_pair_open(struct pk_io *io, int fd, const union pk_address *peer);
/* A session of the core's own begins: makes its pair, or tells the core that there will be no uplink. */
struct pk_pair *pk_pair_service(struct pk_io *io, struct pk_id id);
/* Who it is, for the log: the client's address, or that it is our own. */
const char *pk_pair_name(const struct pk_pair *pair, char text[PK_ADDRESS_TEXT]);
/* Does what the core wants. */
void pk_pair_update(struct pk_pair *pair, const struct pk_update *update);
/* Ends both sides without asking the core. */
void pk_pair_abandon(struct pk_pair *pair);
/* Frees the pair when the core has let go of it and both sides are closed. */
void pk_pair_maybe_free(struct pk_pair *pair);

/* The uplink's part (dial.c). */

/* Looks for a server not tried yet; reports PK_UPLINK_FAILED to the core when there is none. */
void pk_pair_uplink_open(struct pk_pair *pair);
/* Ends what the uplink is or waits for. */
void pk_pair_uplink_close(struct pk_pair *pair);
/* The server that the pair waits for has been probed, or names have been resolved; pump afterwards. */
void pk_pair_uplink_retry(struct pk_pair *pair);
/* Gives up connects and waits that have lasted too long; arms the timer for the next one. */
void pk_pair_uplink_timeouts(struct pk_io *io);
/* Callbacks that both files use. */
void pk_pair_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
void pk_pair_uplink_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);
void pk_pair_uplink_written(uv_write_t *request, int status);

#endif
