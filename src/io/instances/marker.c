/*
 * Our marker and those of others. Happy path: every status-interval a thread of libuv's pool makes or checks our marker
 * on a service session and reads the others; the loop then compares mounts. Failure modes, each said once and tried
 * again the next time: no session, no permission, a path that cannot be made. An expired session is replaced. Rounds
 * never overlap, and a stop ends a round's waits at once.
 */
#include "io/instances/marker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include "io/config/config.h"
#include "io/config/mounts.h"
#include "io/conn/listener.h"
#include "io/instances/marker_text.h"
#include "io/instances/zksession.h"
#include "io/loop/loop.h"
#include "io/loop/text.h"
#include "io/upstream/servers.h"

enum {
    CONNECT_MS = 5000,
    REQUEST_MS = 5000,
    MAX_OTHERS = 32,
    WARN_AGAIN_US = 60 * 1000000,
    GHOST_US = 25 * 1000000, /* longer than a session of ours lives after a kill */
};

struct other {
    char name[PK_INSTANCE_TEXT];
    char *text;
};

/*
 * OFF ──► IDLE ◄──► WORKING        configured; a round every status-interval
 *  ▲        └──► CLOSING ──┐       not configured any more, configured otherwise, or the process stops
 *  └───────────────────────┘
 */
enum state { OFF, IDLE, WORKING, CLOSING };

/* What is known of the others, from round to round. */
struct known {
    int64_t looked_us;
    int said_error; /* the error that was said last */
    bool said;      /* that the marker stands */
    int seen, conflicting;
    int64_t warned_us, ghost_us; /* ghost_us: since when one like us is there */
};

struct pk_marker {
    struct pk_loop *loop;
    const struct pk_listeners *listeners;
    enum state state; /* while WORKING or CLOSING the thread has all below up to known */
    uv_work_t work;
    atomic_bool stop; /* waits end */
    struct pk_ensemble *ensemble;
    struct pk_auth auth;
    char parent[PK_VALUE_TEXT], path[PK_VALUE_TEXT + PK_INSTANCE_TEXT];
    char servers[PK_MAX_ADDRESSES * PK_ADDRESS_TEXT];
    char *text, *written; /* what the marker should say, and what it says; NULL: there is none */
    int error;            /* of the newest round */
    int count;            /* markers below parent, ours included */
    struct other others[MAX_OTHERS];
    int nothers;
    struct known known;
};

/* ---- in the thread ---- */

static void forget_others(struct pk_marker *m)
{
    for (int i = 0; i < m->nothers; i++)
        free(m->others[i].text);
    m->nothers = 0;
}

/* Makes each part of the parent's path. What is there may still refuse a create, so only the last answer counts. */
static int make_parents(struct pk_marker *m)
{
    char path[PK_VALUE_TEXT];
    int error = ZOK;
    for (const char *slash = m->parent; slash != NULL;) {
        slash = strchr(slash + 1, '/');
        size_t len = slash != NULL ? (size_t)(slash - m->parent) : strlen(m->parent);
        memcpy(path, m->parent, len);
        path[len] = '\0';
        error = pk_ensemble_create(m->ensemble, path, "", false, REQUEST_MS);
    }
    return error == ZNODEEXISTS ? ZOK : error;
}

static int create(struct pk_marker *m)
{
    int error = pk_ensemble_create(m->ensemble, m->path, m->text, true, REQUEST_MS);
    if (error == ZNONODE && (error = make_parents(m)) == ZOK)
        error = pk_ensemble_create(m->ensemble, m->path, m->text, true, REQUEST_MS);
    return error;
}

/* The marker stands and says what it should. */
static int put_marker(struct pk_marker *m)
{
    if (m->written != NULL && strcmp(m->written, m->text) == 0)
        return ZOK;
    int error = m->written == NULL ? create(m) : ZNODEEXISTS;
    if (error == ZNODEEXISTS)
        error = pk_ensemble_set(m->ensemble, m->path, m->text, REQUEST_MS);
    free(m->written);
    m->written = error == ZOK ? strdup(m->text) : NULL;
    return error;
}

static void read_other(struct pk_marker *m, const char *name)
{
    char path[PK_VALUE_TEXT + PK_INSTANCE_TEXT];
    struct other *other = &m->others[m->nothers];
    if (m->nothers == MAX_OTHERS || strlen(name) >= sizeof other->name)
        return;
    strcpy(other->name, name);
    snprintf(path, sizeof path, "%s/%s", m->parent, name);
    if (pk_ensemble_get(m->ensemble, path, &other->text, REQUEST_MS) == ZOK)
        m->nothers++;
}

static int look(struct pk_marker *m)
{
    struct String_vector names = {0, NULL};
    bool ours = false;
    int error = pk_ensemble_list(m->ensemble, m->parent, &names, REQUEST_MS);
    if (error != ZOK)
        return error;
    m->count = names.count;
    for (int i = 0; i < names.count; i++)
        if (strcmp(names.data[i], m->loop->instance) == 0)
            ours = true;
        else
            read_other(m, names.data[i]);
    deallocate_String_vector(&names);
    if (!ours) { /* somebody deleted it: again in the next round */
        free(m->written);
        m->written = NULL;
    }
    return ZOK;
}

static void drop_session(struct pk_marker *m)
{
    pk_ensemble_close(m->ensemble);
    m->ensemble = NULL;
    free(m->written);
    m->written = NULL;
}

static void round_work(uv_work_t *request)
{
    struct pk_marker *m = request->data;
    forget_others(m);
    if (m->ensemble != NULL && pk_ensemble_lost(m->ensemble))
        drop_session(m);
    m->error = m->ensemble != NULL
                   ? ZOK
                   : pk_ensemble_open(&m->ensemble, m->servers, &m->auth, &m->stop, CONNECT_MS);
    if (m->error == ZOK)
        m->error = put_marker(m);
    if (m->error == ZOK)
        m->error = look(m);
}

static void close_work(uv_work_t *request)
{
    drop_session(request->data);
}

/* ---- in the loop ---- */

static void closed(uv_work_t *request, int status)
{
    struct pk_marker *m = request->data;
    (void)status;
    forget_others(m);
    explicit_bzero(&m->auth, sizeof m->auth);
    free(m->text);
    m->text = NULL;
    m->known = (struct known){0};
    m->state = OFF;
}

static void begin_close(struct pk_marker *m)
{
    m->state = CLOSING;
    if (uv_queue_work(&m->loop->uv, &m->work, close_work, closed) != 0) {
        close_work(&m->work);
        closed(&m->work, 0);
    }
}

/* One on our own host and address is what we were before a kill; its session ends soon. */
static bool ghost(const struct pk_marker *m, const char *text)
{
    char a[PK_VALUE_TEXT], b[PK_VALUE_TEXT];
    const char *const fields[] = {"host", "listen"};
    bool same = true;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && same; i++) {
        pk_marker_field(text, fields[i], a, sizeof a);
        pk_marker_field(m->text, fields[i], b, sizeof b);
        same = strcmp(a, b) == 0;
    }
    return same;
}

static void warn(struct pk_marker *m, const struct other *other, const char *mount)
{
    char host[PK_VALUE_TEXT], listen[PK_VALUE_TEXT];
    pk_marker_field(other->text, "host", host, sizeof host);
    pk_marker_field(other->text, "listen", listen, sizeof listen);
    pk_log(m->loop->log, PK_LOG_WARN, PK_LOG_INSTANCES, NULL,
           "TWO PACEKEEPERS HOLD %s IN MODE pacemaker: this one and %.100s on %.100s (%s). Clients of one do "
           "not see "
           "the heartbeats of the other: run one, or give both the mode write-behind",
           mount, listen, host, other->name);
}

static void compare(struct pk_marker *m)
{
    const char *mounts[MAX_OTHERS] = {NULL};
    int before = m->known.conflicting, now = 0;
    bool haunted = false;
    for (int i = 0; i < m->nothers; i++) {
        bool like_us = ghost(m, m->others[i].text);
        haunted |= like_us;
        if (!like_us || (m->known.ghost_us != 0 && m->loop->now_us - m->known.ghost_us > GHOST_US))
            mounts[i] = pk_marker_conflict(m->others[i].text, m->loop->config);
        now += mounts[i] != NULL;
    }
    m->known.ghost_us = !haunted ? 0 : m->known.ghost_us != 0 ? m->known.ghost_us : m->loop->now_us;
    m->known.conflicting = now;
    if (now > before || (now > 0 && m->loop->now_us - m->known.warned_us >= WARN_AGAIN_US)) {
        m->known.warned_us = m->loop->now_us;
        for (int i = 0; i < m->nothers; i++)
            if (mounts[i] != NULL)
                warn(m, &m->others[i], mounts[i]);
    }
    if (now == 0 && before > 0)
        pk_log(m->loop->log, PK_LOG_INFO, PK_LOG_INSTANCES, NULL,
               "no other pacekeeper holds our mounts in mode pacemaker any more");
}

static void say_state(struct pk_marker *m)
{
    if (m->error == ZOK && !m->known.said)
        pk_log(m->loop->log, PK_LOG_INFO, PK_LOG_INSTANCES, NULL, "marker %s stands, %d other instances",
               m->path, m->count - 1);
    else if (m->error != ZOK && m->error != m->known.said_error)
        pk_log(m->loop->log, PK_LOG_INFO, PK_LOG_INSTANCES, NULL,
               "other pacekeepers cannot be looked for at %s: %s; tried again (instances: none turns it off)",
               m->parent, zerror(m->error));
    m->known.said = m->error == ZOK;
    m->known.said_error = m->error;
}

static void round_done(uv_work_t *request, int status)
{
    struct pk_marker *m = request->data;
    (void)status;
    m->state = IDLE;
    if (atomic_load(&m->stop)) {
        begin_close(m);
        return;
    }
    pk_loop_clock(m->loop);
    say_state(m);
    m->known.seen = m->error == ZOK ? m->count : 0;
    if (m->error == ZOK)
        compare(m);
}

static void our_text(const struct pk_marker *m, struct pk_text *out)
{
    char host[256] = "?";
    struct pk_text listen = {0};
    if (gethostname(host, sizeof host - 1) != 0)
        strcpy(host, "?");
    pk_listeners_text(m->listeners, &listen);
    pk_marker_write(out, m->loop->config, host, listen.len > 0 ? listen.p : "?");
    free(listen.p);
}

static void begin(struct pk_marker *m)
{
    const struct pk_config *config = m->loop->config;
    m->auth = config->auth;
    strcpy(m->parent, config->instances);
    snprintf(m->path, sizeof m->path, "%s/%s", m->parent, m->loop->instance);
    m->state = IDLE;
}

static void begin_round(struct pk_marker *m, const struct pk_upstream *upstream)
{
    struct pk_text text = {0};
    pk_upstream_list(upstream, m->servers, sizeof m->servers);
    if (m->servers[0] == '\0') { /* nobody could tell */
        m->known.seen = 0;
        return;
    }
    m->known.looked_us = m->loop->now_us;
    our_text(m, &text);
    if (text.failed || text.p == NULL) {
        free(text.p);
        return;
    }
    free(m->text);
    m->text = text.p;
    if (uv_queue_work(&m->loop->uv, &m->work, round_work, round_done) == 0)
        m->state = WORKING;
}

static bool due(const struct pk_marker *m)
{
    int64_t looked_us = m->known.looked_us;
    return looked_us == 0 || m->loop->now_us - looked_us >= m->loop->config->status_interval * 1000;
}

void pk_marker_tick(struct pk_marker *m, const struct pk_upstream *upstream)
{
    const struct pk_config *c = m->loop->config;
    bool wanted = c->instances[0] != '\0' && pk_config_holds(c);
    if (m->state == OFF && wanted)
        begin(m);
    else if (m->state == IDLE &&
             (!wanted || strcmp(m->parent, c->instances) != 0 || !pk_auth_same(&m->auth, &c->auth)))
        begin_close(m);
    else if (m->state == IDLE && due(m))
        begin_round(m, upstream);
}

void pk_marker_close(struct pk_marker *m)
{
    atomic_store(&m->stop, true);
    if (m->state == IDLE)
        begin_close(m);
}

bool pk_marker_off(const struct pk_marker *m)
{
    return m->state == OFF;
}

struct pk_marker *pk_marker_new(struct pk_loop *loop, const struct pk_listeners *listeners)
{
    struct pk_marker *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->loop = loop;
    m->listeners = listeners;
    m->work.data = m;
    return m;
}

void pk_marker_free(struct pk_marker *m)
{
    free(m);
}

void pk_marker_figures(const struct pk_marker *m, int *seen, int *conflicting)
{
    *seen = m->known.seen;
    *conflicting = *seen > 0 ? m->known.conflicting : 0;
}
