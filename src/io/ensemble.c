/*
 * Our own session. Happy path: libzookeeper's threads answer, the calling thread waits on a condition.
 * Failure modes: a wait that is over, or stopped, leaves the answer to arrive later in a request that is then
 * freed there.
 */
#include "io/ensemble.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

enum { SESSION_MS = 10000, STEP_MS = 50 };

struct pk_ensemble {
    zhandle_t *zh;
    atomic_bool *stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int state; /* of the session */
};

/* One request; shared by the waiting thread and libzookeeper's, the last of both frees it. */
struct request {
    struct pk_ensemble *ensemble;
    bool answered, abandoned;
    int error, children;
    struct String_vector names;
    bool want_names;
};

static void free_request(struct request *r)
{
    deallocate_String_vector(&r->names);
    free(r);
}

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct pk_ensemble *ensemble = context;
    (void)zh;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        return;
    pthread_mutex_lock(&ensemble->lock);
    ensemble->state = state;
    pthread_cond_broadcast(&ensemble->changed);
    pthread_mutex_unlock(&ensemble->lock);
}

/* Waits a step at a time, so that stop is noticed; false when the time is over. Called with the lock held. */
static bool wait_step(struct pk_ensemble *ensemble, int *left_ms)
{
    struct timespec until;
    if (*left_ms <= 0 || atomic_load(ensemble->stop))
        return false;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += STEP_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (pthread_cond_timedwait(&ensemble->changed, &ensemble->lock, &until) != 0)
        *left_ms -= STEP_MS;
    return true;
}

int pk_ensemble_open(struct pk_ensemble **out, const char *servers, atomic_bool *stop, int timeout_ms)
{
    struct pk_ensemble *ensemble = calloc(1, sizeof *ensemble);
    *out = NULL;
    if (ensemble == NULL)
        return ZSYSTEMERROR;
    ensemble->stop = stop;
    pthread_mutex_init(&ensemble->lock, NULL);
    pthread_cond_init(&ensemble->changed, NULL);
    zoo_set_debug_level((ZooLogLevel)0);
    ensemble->zh = zookeeper_init(servers, on_session, SESSION_MS, NULL, ensemble, 0);
    if (ensemble->zh == NULL) {
        pk_ensemble_close(ensemble);
        return ZSYSTEMERROR;
    }
    pthread_mutex_lock(&ensemble->lock);
    while (ensemble->state != ZOO_CONNECTED_STATE && wait_step(ensemble, &timeout_ms))
        continue;
    bool connected = ensemble->state == ZOO_CONNECTED_STATE;
    pthread_mutex_unlock(&ensemble->lock);
    if (!connected) {
        pk_ensemble_close(ensemble);
        return ZOPERATIONTIMEOUT;
    }
    *out = ensemble;
    return ZOK;
}

static void answer(int error, const struct String_vector *names, const struct Stat *stat, const void *context)
{
    struct request *r = (struct request *)(uintptr_t)context;
    struct pk_ensemble *ensemble = r->ensemble;
    pthread_mutex_lock(&ensemble->lock);
    r->answered = true;
    r->error = error;
    if (error == ZOK && stat != NULL)
        r->children = stat->numChildren;
    if (error == ZOK && names != NULL && !r->abandoned &&
        allocate_String_vector(&r->names, names->count) == 0)
        for (int i = 0; i < names->count; i++)
            r->names.data[i] = strdup(names->data[i]);
    bool abandoned = r->abandoned;
    pthread_cond_broadcast(&ensemble->changed);
    pthread_mutex_unlock(&ensemble->lock);
    if (abandoned)
        free_request(r);
}

static void on_names(int error, const struct String_vector *names, const void *context)
{
    answer(error, names, NULL, context);
}

static void on_stat(int error, const struct Stat *stat, const void *context)
{
    answer(error, NULL, stat, context);
}

/* Waits for the answer; on true the request is the caller's again, else it is freed when the answer comes. */
static bool wait_answer(struct request *r, int timeout_ms)
{
    pthread_mutex_lock(&r->ensemble->lock);
    while (!r->answered && wait_step(r->ensemble, &timeout_ms))
        continue;
    bool answered = r->answered;
    r->abandoned = !answered;
    pthread_mutex_unlock(&r->ensemble->lock);
    return answered;
}

/* Sends one request and waits; ZOK leaves it to the caller to free. */
static int ask(struct pk_ensemble *ensemble, const char *path, bool names, int timeout_ms,
               struct request **out)
{
    struct request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ZSYSTEMERROR;
    r->ensemble = ensemble;
    int error = names ? zoo_aget_children(ensemble->zh, path, 0, on_names, r)
                      : zoo_aexists(ensemble->zh, path, 0, on_stat, r);
    if (error != ZOK) {
        free_request(r);
        return error;
    }
    if (!wait_answer(r, timeout_ms))
        return ZOPERATIONTIMEOUT;
    error = r->error;
    if (error != ZOK)
        free_request(r);
    else
        *out = r;
    return error;
}

int pk_ensemble_list(struct pk_ensemble *ensemble, const char *path, struct String_vector *names,
                     int timeout_ms)
{
    struct request *r = NULL;
    int error = ask(ensemble, path, true, timeout_ms, &r);
    if (error != ZOK)
        return error;
    *names = r->names;
    r->names = (struct String_vector){0, NULL};
    free_request(r);
    return ZOK;
}

int pk_ensemble_count(struct pk_ensemble *ensemble, const char *path, int *children, int timeout_ms)
{
    struct request *r = NULL;
    int error = ask(ensemble, path, false, timeout_ms, &r);
    if (error != ZOK)
        return error;
    *children = r->children;
    free_request(r);
    return ZOK;
}

void pk_ensemble_close(struct pk_ensemble *ensemble)
{
    if (ensemble == NULL)
        return;
    if (ensemble->zh != NULL)
        zookeeper_close(ensemble->zh);
    pthread_cond_destroy(&ensemble->changed);
    pthread_mutex_destroy(&ensemble->lock);
    free(ensemble);
}
