/*
 * Our marker. Happy path: every status-interval our marker is made or found to stand, on a session of its own, and
 * those of others are read. Failure modes, each said once and tried again: no session, no permission, a path that
 * cannot be made; others are looked for all the same. A session that breaks is taken up at another server; one that has
 * expired, or whose server is no server of ours any more, is replaced.
 */
#include "io/instances/marker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/config/mounts.h"
#include "io/conn/listener.h"
#include "io/instances/encode.h"
#include "io/instances/ensemble.h"
#include "io/instances/marker_text.h"
#include "io/instances/others.h"
#include "io/loop/move.h"
#include "io/loop/secret.h"
#include "io/loop/text.h"
#include "io/upstream/servers.h"

enum { RETRY_US = 1000000 };

/*
 * OFF ──► IDLE ◄──► WORKING        configured; a round every status-interval
 *  ▲        │          │           not configured any more, configured otherwise, the text or the server is another,
 *  └── CLOSING ◄───────┘           or the process stops
 */
enum state { OFF, IDLE, WORKING, CLOSING };

static const uint8_t edges[] = {
    [OFF] = PK_TO(IDLE),
    [IDLE] = PK_TO(WORKING) | PK_TO(CLOSING),
    [WORKING] = PK_TO(IDLE) | PK_TO(CLOSING),
    [CLOSING] = PK_TO(OFF),
};

struct pk_marker {
    struct pk_loop *loop;
    const struct pk_listeners *listeners;
    enum state state;
    bool stop;
    struct pk_ensemble *ensemble; /* NULL while OFF */
    int server;                   /* where its session was opened last */
    struct pk_auth auth;
    char parent[PK_VALUE_TEXT], path[PK_VALUE_TEXT + PK_INSTANCE_TEXT];
    char *text;       /* what the marker says */
    int64_t made;     /* the session in which it was made; 0: none */
    size_t parent_at; /* how much of parent has been made */
    int make_error;   /* why it does not stand */
    int64_t round_us; /* when the newest round began */
    int said_error;   /* the one that was said last */
    bool said;        /* that the marker stands */
    bool known;       /* the newest round has seen the others */
    struct pk_others others;
};

static void move(struct pk_marker *m, enum state to)
{
    m->state = pk_move("the marker", edges, m->state, to);
}

/* ---- the end ---- */

static void ended(void *owner)
{
    struct pk_marker *m = owner;
    m->ensemble = NULL;
    pk_others_forget(&m->others);
    explicit_bzero(&m->auth, sizeof m->auth);
    free(m->text);
    m->text = NULL;
    m->made = 0;
    m->said = m->known = false;
    m->said_error = 0;
    m->round_us = 0;
    move(m, OFF);
}

static void begin_close(struct pk_marker *m)
{
    move(m, CLOSING);
    pk_ensemble_end(m->ensemble);
}

/* ---- a round ---- */

static void say(struct pk_marker *m, int error)
{
    if (error == 0 && !m->said)
        pk_log(m->loop->log, PK_LOG_INFO, PK_LOG_INSTANCES, NULL, "marker %s stands, %d other instances",
               m->path, m->others.seen - m->others.standing);
    else if (error != 0 && error != m->said_error)
        pk_log(m->loop->log, PK_LOG_INFO, PK_LOG_INSTANCES, NULL,
               "%s at %s: %s (%d); tried again (instances: none turns it off)",
               m->known ? "there is no marker of ours, by which others would see us,"
                        : "other pacekeepers cannot be looked for",
               m->parent, pk_ensemble_error(error), error);
    m->said = error == 0;
    m->said_error = error;
}

static void end_round(struct pk_marker *m, int error)
{
    m->known = error == 0;
    if (m->known && !m->others.standing)
        m->made = 0;
    say(m, m->make_error != 0 ? m->make_error : error);
    move(m, IDLE);
}

static void looked(void *owner, int error)
{
    end_round(owner, error);
}

static void look(struct pk_marker *m)
{
    pk_others_read(&m->others, m->ensemble, m->parent, m->text);
}

static void make(struct pk_marker *m);

/* Makes the next part of the parent's path. What is there may still refuse a create: only the last answer counts. */
static void make_parent(struct pk_marker *m);

static void on_parent(void *owner, int error, struct pk_in body)
{
    struct pk_marker *m = owner;
    (void)body;
    if (error > 0) {
        end_round(m, error);
    } else if (m->parent[m->parent_at] != '\0') {
        make_parent(m);
    } else if (error == 0 || error == PK_Z_NODE_EXISTS) {
        make(m);
    } else {
        m->make_error = error;
        look(m);
    }
}

static void make_parent(struct pk_marker *m)
{
    char path[PK_VALUE_TEXT];
    const struct pk_ask ask = {.op = PK_OP_CREATE, .path = path, .text = ""};
    m->parent_at += 1 + strcspn(m->parent + m->parent_at + 1, "/");
    memcpy(path, m->parent, m->parent_at);
    path[m->parent_at] = '\0';
    pk_ensemble_ask(m->ensemble, &ask, on_parent, m);
}

static void on_made(void *owner, int error, struct pk_in body)
{
    struct pk_marker *m = owner;
    (void)body;
    if (error == PK_Z_NO_NODE && m->parent_at == 0) {
        make_parent(m);
        return;
    }
    m->make_error = error;
    m->made = error == 0 ? pk_ensemble_session(m->ensemble) : 0;
    if (error > 0)
        end_round(m, error);
    else
        look(m);
}

static void make(struct pk_marker *m)
{
    const struct pk_ask ask = {.op = PK_OP_CREATE, .path = m->path, .text = m->text, .marker = true};
    pk_ensemble_ask(m->ensemble, &ask, on_made, m);
}

static void put(struct pk_marker *m)
{
    if (m->made != 0 && m->made == pk_ensemble_session(m->ensemble)) {
        look(m);
        return;
    }
    m->parent_at = 0;
    make(m);
}

static void opened(void *owner, int error, struct pk_in body)
{
    struct pk_marker *m = owner;
    (void)body;
    if (error == 0)
        put(m);
    else
        end_round(m, error);
}

static char *our_text(const struct pk_marker *m)
{
    char host[256] = "?";
    struct pk_text listen = {0}, out = {0};
    if (gethostname(host, sizeof host - 1) != 0)
        strcpy(host, "?");
    pk_listeners_text(m->listeners, &listen);
    pk_marker_write(&out, m->loop->config, host, listen.len > 0 ? listen.p : "?");
    free(listen.p);
    if (!out.failed)
        return out.p;
    free(out.p);
    return NULL;
}

/* Nobody may change the marker, and nor may we: with another text it begins anew. */
static bool same_text(struct pk_marker *m)
{
    char *text = our_text(m);
    bool same = text == NULL || m->text == NULL || strcmp(text, m->text) == 0;
    if (m->text == NULL)
        m->text = text;
    else
        free(text);
    return same;
}

static void begin_round(struct pk_marker *m, struct pk_upstream *upstream)
{
    m->round_us = m->loop->now_us;
    m->make_error = 0;
    if (!same_text(m)) {
        begin_close(m);
        return;
    }
    int server = pk_ensemble_ready(m->ensemble) ? m->server : pk_upstream_serving(upstream);
    if (server < 0 || m->text == NULL) { /* nobody could tell */
        m->known = false;
        return;
    }
    m->server = server;
    move(m, WORKING);
    if (pk_ensemble_ready(m->ensemble))
        put(m);
    else
        pk_ensemble_open(m->ensemble, pk_upstream_address(upstream, server),
                         pk_upstream_host(upstream, server), opened, m);
}

/* ---- for others ---- */

static void begin(struct pk_marker *m)
{
    const struct pk_config *config = m->loop->config;
    pk_secret_undumped(&m->auth, sizeof m->auth);
    m->auth = config->auth;
    strcpy(m->parent, config->instances);
    snprintf(m->path, sizeof m->path, "%s/%s", m->parent, m->loop->instance);
    m->ensemble = pk_ensemble_new(m->loop, &m->auth, ended, m);
    if (m->ensemble != NULL)
        move(m, IDLE);
}

static bool due(const struct pk_marker *m)
{
    int64_t interval = m->loop->config->status_interval * 1000;
    if (!pk_ensemble_ready(m->ensemble) && interval > RETRY_US)
        interval = RETRY_US;
    return m->round_us == 0 || m->loop->now_us - m->round_us >= interval;
}

/* It was made for something else than what is wanted now. */
static bool outdated(const struct pk_marker *m, const struct pk_upstream *upstream)
{
    const struct pk_config *c = m->loop->config;
    return strcmp(m->parent, c->instances) != 0 || !pk_auth_same(&m->auth, &c->auth) ||
           (pk_ensemble_ready(m->ensemble) && pk_upstream_was_left(upstream, m->server));
}

void pk_marker_tick(struct pk_marker *m, struct pk_upstream *upstream)
{
    bool wanted = m->loop->config->instances[0] != '\0' && pk_config_holds(m->loop->config);
    if (m->state == OFF && wanted && !m->stop)
        begin(m);
    else if ((m->state == IDLE || m->state == WORKING) && (!wanted || outdated(m, upstream)))
        begin_close(m);
    else if (m->state == IDLE && pk_ensemble_idle(m->ensemble) && due(m))
        begin_round(m, upstream);
}

void pk_marker_close(struct pk_marker *m)
{
    m->stop = true;
    if (m->state == IDLE || m->state == WORKING)
        begin_close(m);
}

struct pk_marker *pk_marker_new(struct pk_loop *loop, const struct pk_listeners *listeners)
{
    struct pk_marker *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->loop = loop;
    m->listeners = listeners;
    m->others.loop = loop;
    m->others.owner = m;
    m->others.done = looked;
    return m;
}

void pk_marker_free(struct pk_marker *m)
{
    free(m);
}

void pk_marker_figures(const struct pk_marker *m, int *seen, int *conflicting)
{
    *seen = m->known ? m->others.seen : 0;
    *conflicting = *seen > 0 ? m->others.conflicting : 0;
}
