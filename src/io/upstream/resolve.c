/*
 * Names. Happy path: getaddrinfo in a thread, all its addresses reported in the loop. Failure modes: a name that cannot
 * be resolved is reported with the reason; no thread can be had, and it is tried again later; a lookup that hangs is
 * left to itself when nobody waits for it any more, and its thread frees what it was given.
 */
#include "io/upstream/resolve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its thread's and its name's: the last of both frees it. */
struct pk_lookup {
    pthread_mutex_t lock;
    struct pk_name *name; /* NULL: nobody waits any more */
    bool answered;
    char host[PK_HOST_MAX], port[8];
    struct addrinfo *found;
    char failure[128]; /* why nothing was found, else empty */
};

static void free_lookup(struct pk_lookup *lookup)
{
    if (lookup->found != NULL)
        freeaddrinfo(lookup->found);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void *look_up(void *argument)
{
    struct pk_lookup *lookup = argument;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    int error = getaddrinfo(lookup->host, lookup->port, &hints, &lookup->found);
    if (error != 0) {
        lookup->found = NULL;
        snprintf(lookup->failure, sizeof lookup->failure, "%s",
                 error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    }
    pthread_mutex_lock(&lookup->lock);
    lookup->answered = true;
    bool awaited = lookup->name != NULL;
    if (awaited)
        uv_async_send(&lookup->name->answered);
    pthread_mutex_unlock(&lookup->lock);
    if (!awaited)
        free_lookup(lookup);
    return NULL;
}

/* Signals are the loop's. */
static bool start_thread(struct pk_lookup *lookup)
{
    sigset_t all, before;
    pthread_t thread;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attr, look_up, lookup) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return started;
}

/* The thread has let go of it. */
static bool is_answered(struct pk_lookup *lookup)
{
    pthread_mutex_lock(&lookup->lock);
    bool answered = lookup->answered;
    pthread_mutex_unlock(&lookup->lock);
    return answered;
}

static void answered(uv_async_t *async)
{
    struct pk_name *name = async->data;
    struct pk_lookup *lookup = name->lookup;
    if (name->state != PK_NAME_BUSY || !is_answered(lookup))
        return;
    name->lookup = NULL;
    name->state = PK_NAME_IDLE;
    name->asked = true;
    name->done(name, lookup->found, lookup->found == NULL ? lookup->failure : NULL);
    free_lookup(lookup);
}

/* Has the thread free it, or does so when that has ended. */
static void leave(struct pk_lookup *lookup)
{
    pthread_mutex_lock(&lookup->lock);
    bool answered = lookup->answered;
    lookup->name = NULL;
    pthread_mutex_unlock(&lookup->lock);
    if (answered)
        free_lookup(lookup);
}

bool pk_resolve_init(struct pk_name *name, uv_loop_t *loop, const struct pk_hostport *where,
                     union pk_address *address)
{
    bool numeric = uv_ip4_addr(where->host, where->port, &address->v4) == 0 ||
                   uv_ip6_addr(where->host, where->port, &address->v6) == 0;
    name->where = where;
    name->state = numeric ? PK_NAME_NUMERIC : PK_NAME_IDLE;
    name->asked = numeric;
    if (numeric)
        return true;
    uv_async_init(loop, &name->answered, answered);
    uv_unref((uv_handle_t *)&name->answered);
    name->answered.data = name;
    return false;
}

bool pk_resolve_start(struct pk_name *name)
{
    if (name->state != PK_NAME_IDLE)
        return false;
    struct pk_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL)
        return false;
    pthread_mutex_init(&lookup->lock, NULL);
    lookup->name = name;
    strcpy(lookup->host, name->where->host);
    snprintf(lookup->port, sizeof lookup->port, "%u", name->where->port);
    if (!start_thread(lookup)) {
        free_lookup(lookup);
        return false;
    }
    name->lookup = lookup;
    name->state = PK_NAME_BUSY;
    return true;
}

void pk_resolve_close(struct pk_name *name)
{
    if (name->state == PK_NAME_BUSY)
        leave(name->lookup);
    if (name->state == PK_NAME_IDLE || name->state == PK_NAME_BUSY)
        uv_close((uv_handle_t *)&name->answered, NULL);
    name->lookup = NULL;
    name->state = PK_NAME_CLOSED;
}
