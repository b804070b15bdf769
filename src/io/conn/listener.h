/*
 * Listening sockets. Accepting is our own and not libuv's, because libuv closes waiting clients when
 * descriptors run out; ours leaves them in the kernel's queue and goes on when descriptors are free again.
 */
#ifndef PK_IO_CONN_LISTENER_H
#define PK_IO_CONN_LISTENER_H

#include <uv.h>

#include "base/err.h"
#include "io/config/config.h"
#include "io/conn/guests.h"
#include "io/loop/text.h"
#include "io/loop/wait.h"

struct pk_inherited;
struct pk_pairs;
struct pk_listeners;

enum { PK_MAX_SOCKETS = 3 * PK_MAX_LISTENS + 8 };

struct pk_listeners {
    struct pk_pairs *conns;         /* where clients go, borrowed */
    size_t pair_limit;              /* as many as descriptors allow */
    struct pk_inherited *inherited; /* sockets that the service manager has opened, borrowed */
    struct pk_list open;            /* struct pk_listener.list */
    struct pk_list fresh;           /* the same, of a change that is being prepared */
    size_t n;                       /* of both, and of those that are being closed */
    struct pk_guests guests;        /* of the member port */
    struct pk_waiter paused;        /* in conns->room while accepting pauses */
    int64_t pauses;                 /* how often accepting has paused */
    int64_t pause_said_us;          /* when the log last heard of that */
    int64_t rejected; /* clients closed at once because of max-connections or its like for one address, */
    int64_t rejected_per_address; /* of these for one address */
    int64_t made_room; /* clients closed before their connect request because others needed the room */
};

/*
 * Binds and listens on every configured address, or takes the socket that the service manager has opened there; says
 * why in the log and returns PK_EINVAL when one fails, or when a socket of the manager is at no configured address.
 */
enum pk_err pk_listeners_open(struct pk_listeners *listeners, struct pk_pairs *conns,
                              size_t pair_limit) PK_NODISCARD;
/*
 * Another configuration: opens what it names and is not open yet, and says why in the log when that fails; then nothing
 * is changed. pk_listeners_change or pk_listeners_forget is due after success, before the loop goes on.
 */
enum pk_err pk_listeners_prepare(struct pk_listeners *listeners, const struct pk_config *config) PK_NODISCARD;
/* Accepts there, and closes what is not named any more; clients stay. */
void pk_listeners_change(struct pk_listeners *listeners, const struct pk_config *config);
void pk_listeners_forget(struct pk_listeners *listeners);
/* Starts accepting and says on which ports. */
enum pk_err pk_listeners_start(struct pk_listeners *listeners) PK_NODISCARD;
/* Accepts again after a pause when there is room; cheap when there was none. */
void pk_listeners_resume(struct pk_listeners *listeners);
/* Closes all that are open, after pk_listeners_open whatever came of it; may be called again. */
void pk_listeners_close(struct pk_listeners *listeners);
/* Appends the addresses where ZooKeeper's clients are listened for, with commas between. */
void pk_listeners_text(const struct pk_listeners *listeners, struct pk_text *out);

#endif
