/*
 * A service session. Happy path: libzookeeper's threads answer, the calling thread waits on a condition.
 * Failure modes: a wait that is over, or stopped, leaves the answer to arrive later in a request that is then
 * freed there.
 */
#include "io/instances/zksession.h"

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
    char *text;
};

static void free_request(struct request *r)
{
    deallocate_String_vector(&r->names);
    free(r->text);
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

static int show_credentials(struct pk_ensemble *ensemble, const struct pk_auth *auth)
{
    int error = ZOK;
    for (size_t i = 0; i < auth->n && error == ZOK; i++)
        error = zoo_add_auth(ensemble->zh, auth->entries[i].scheme, (const char *)auth->entries[i].secret,
                             (int)auth->entries[i].len, NULL, NULL);
    return error;
}

int pk_ensemble_open(struct pk_ensemble **out, const char *servers, const struct pk_auth *auth,
                     atomic_bool *stop, int timeout_ms)
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
    if (ensemble->zh == NULL || show_credentials(ensemble, auth) != ZOK) {
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

bool pk_ensemble_lost(struct pk_ensemble *ensemble)
{
    pthread_mutex_lock(&ensemble->lock);
    bool lost = ensemble->state == ZOO_EXPIRED_SESSION_STATE || ensemble->state == ZOO_AUTH_FAILED_STATE;
    pthread_mutex_unlock(&ensemble->lock);
    return lost;
}

struct reply {
    const struct String_vector *names;
    const struct Stat *stat;
    const char *text;
    int len;
};

static void answer(int error, struct reply reply, const void *context)
{
    struct request *r = (struct request *)(uintptr_t)context;
    struct pk_ensemble *ensemble = r->ensemble;
    pthread_mutex_lock(&ensemble->lock);
    r->answered = true;
    r->error = error;
    if (error == ZOK && reply.stat != NULL)
        r->children = reply.stat->numChildren;
    if (error == ZOK && reply.names != NULL && allocate_String_vector(&r->names, reply.names->count) == 0)
        for (int i = 0; i < reply.names->count; i++)
            r->names.data[i] = strdup(reply.names->data[i]);
    if (error == ZOK && reply.len >= 0)
        r->text = reply.text != NULL ? strndup(reply.text, (size_t)reply.len) : strdup("");
    bool abandoned = r->abandoned;
    pthread_cond_broadcast(&ensemble->changed);
    pthread_mutex_unlock(&ensemble->lock);
    if (abandoned)
        free_request(r);
}

static void on_names(int error, const struct String_vector *names, const void *context)
{
    answer(error, (struct reply){.names = names, .len = -1}, context);
}

static void on_stat(int error, const struct Stat *stat, const void *context)
{
    answer(error, (struct reply){.stat = stat, .len = -1}, context);
}

static void on_data(int error, const char *value, int len, const struct Stat *stat, const void *context)
{
    answer(error, (struct reply){.stat = stat, .text = value, .len = len > 0 ? len : 0}, context);
}

static void on_created(int error, const char *path, const void *context)
{
    (void)path;
    answer(error, (struct reply){.len = -1}, context);
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

static struct request *new_request(struct pk_ensemble *ensemble)
{
    struct request *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->ensemble = ensemble;
    return r;
}

/* sent: what libzookeeper said when the request was given to it. On ZOK the request is the caller's to free. */
static int finish(struct request *r, int sent, int timeout_ms)
{
    if (sent != ZOK) {
        free_request(r);
        return sent;
    }
    if (!wait_answer(r, timeout_ms))
        return ZOPERATIONTIMEOUT;
    int error = r->error;
    if (error != ZOK)
        free_request(r);
    return error;
}

int pk_ensemble_list(struct pk_ensemble *ensemble, const char *path, struct String_vector *names,
                     int timeout_ms)
{
    struct request *r = new_request(ensemble);
    int error = r == NULL ? ZSYSTEMERROR
                          : finish(r, zoo_aget_children(ensemble->zh, path, 0, on_names, r), timeout_ms);
    if (error != ZOK)
        return error;
    *names = r->names;
    r->names = (struct String_vector){0, NULL};
    free_request(r);
    return ZOK;
}

int pk_ensemble_count(struct pk_ensemble *ensemble, const char *path, int *children, int timeout_ms)
{
    struct request *r = new_request(ensemble);
    int error =
        r == NULL ? ZSYSTEMERROR : finish(r, zoo_aexists(ensemble->zh, path, 0, on_stat, r), timeout_ms);
    if (error != ZOK)
        return error;
    *children = r->children;
    free_request(r);
    return ZOK;
}

int pk_ensemble_get(struct pk_ensemble *ensemble, const char *path, char **text, int timeout_ms)
{
    struct request *r = new_request(ensemble);
    int error = r == NULL ? ZSYSTEMERROR : finish(r, zoo_aget(ensemble->zh, path, 0, on_data, r), timeout_ms);
    if (error != ZOK)
        return error;
    *text = r->text;
    r->text = NULL;
    free_request(r);
    return *text != NULL ? ZOK : ZSYSTEMERROR;
}

int pk_ensemble_create(struct pk_ensemble *ensemble, const char *path, const char *text, bool ephemeral,
                       int timeout_ms)
{
    struct request *r = new_request(ensemble);
    if (r == NULL)
        return ZSYSTEMERROR;
    int sent = zoo_acreate(ensemble->zh, path, text, (int)strlen(text), &ZOO_OPEN_ACL_UNSAFE,
                           ephemeral ? ZOO_EPHEMERAL : 0, on_created, r);
    int error = finish(r, sent, timeout_ms);
    if (error == ZOK)
        free_request(r);
    return error;
}

int pk_ensemble_set(struct pk_ensemble *ensemble, const char *path, const char *text, int timeout_ms)
{
    struct request *r = new_request(ensemble);
    if (r == NULL)
        return ZSYSTEMERROR;
    int error = finish(r, zoo_aset(ensemble->zh, path, text, (int)strlen(text), -1, on_stat, r), timeout_ms);
    if (error == ZOK)
        free_request(r);
    return error;
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
