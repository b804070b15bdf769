/*
 * Reload. Happy path: the sources are read into a second configuration; every key that may be changed now is copied
 * into the one in use, mounts are changed in the core, each with a line in the log. Failure modes: a mistake anywhere
 * changes nothing; keys and lists that take a restart are named and stay as they are.
 */
#include "io/daemon/reload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/mounts.h"
#include "io/config/options.h"
#include "io/config/policy.h"
#include "io/config/tlsfiles.h"
#include "io/conn/pump.h"
#include "io/daemon/daemon.h"
#include "io/daemon/handover.h"
#include "io/http/server.h"
#include "io/state/persist.h"
#include "io/upstream/names.h"

struct reload {
    struct pk_daemon *daemon;
    struct pk_config *old, *new;
    bool own_changed;  /* our own credentials, which policies name */
    int changed, kept; /* kept: differs, and takes a restart */
};

static void say(struct reload *r, const char *what, const char *before, const char *after, bool restart)
{
    if (restart)
        pk_log(&r->daemon->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "reload: %s: %s -> %s takes a restart; %s stays", what, before, after, before);
    else
        pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "reload: %s: %s -> %s", what, before, after);
    r->changed += !restart;
    r->kept += restart;
}

/* A value that is not one of two texts: why it stays. */
static void keep(struct reload *r, const char *what, const char *why)
{
    pk_log(&r->daemon->log, PK_LOG_WARN, PK_LOG_START, NULL, "reload: %s: %s", what, why);
    r->kept++;
}

static void values(struct reload *r)
{
    char before[PK_VALUE_TEXT], after[PK_VALUE_TEXT];
    const struct pk_key *key = NULL;
    for (size_t i = 0; (key = pk_config_key(i)) != NULL; i++) {
        if (key->when != PK_WHEN_START)
            r->old->origins[i] = r->new->origins[i];
        void *old = (char *)r->old + key->offset;
        const void *new = (const char *)r->new + key->offset;
        if (pk_value_same(key->type, old, new))
            continue;
        say(r, key->name, pk_value_show(key->type, old, before), pk_value_show(key->type, new, after),
            key->when == PK_WHEN_START);
        if (key->when != PK_WHEN_START)
            pk_value_copy(key->type, old, new);
    }
}

static void credentials(struct reload *r)
{
    struct core_auth auths[PK_MAX_AUTHS];
    r->own_changed = !pk_auth_same(&r->old->auth, &r->new->auth);
    if (!r->own_changed)
        return;
    if (core_auth_set(r->daemon->conns.loop.core, auths, pk_auth_view(&r->new->auth, auths)) != PK_OK) {
        keep(r, "the credentials of auth-file", "memory is short; the old ones stay");
        return;
    }
    pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "reload: auth-file: %zu credentials instead of %zu", r->new->auth.n, r->old->auth.n);
    r->old->auth = r->new->auth;
    r->changed++;
}

/* Exchanges look users up in the configuration in use; those that were replaced go with the other one. */
static void users(struct reload *r)
{
    struct pk_users before = r->old->sasl.users;
    if (pk_users_same(&before, &r->new->sasl.users) || r->old->sasl_mechanisms != r->new->sasl_mechanisms)
        return;
    pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "reload: sasl.jaas: %zu users instead of %zu",
           r->new->sasl.users.n, before.n);
    r->old->sasl.users = r->new->sasl.users;
    r->new->sasl.users = before;
    r->changed++;
}

static void admin(struct reload *r)
{
    struct pk_config *old = r->old;
    bool same = old->nadmin_listens == r->new->nadmin_listens;
    for (size_t i = 0; same && i < old->nadmin_listens; i++)
        same = strcmp(old->admin_listens[i], r->new->admin_listens[i]) == 0;
    if (!same)
        keep(r, "admin.listen", "new addresses take a restart; the old ones stay");
    if (strcmp(old->admin_token, r->new->admin_token) == 0)
        return;
    memcpy(old->admin_token, r->new->admin_token, sizeof old->admin_token);
    if (r->daemon->admin.http != NULL)
        pk_http_set_token(r->daemon->admin.http, old->admin_token);
    pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "reload: admin.token-file: another token");
    r->changed++;
}

static bool same_addresses(const struct pk_hostport *a, size_t na, const struct pk_hostport *b, size_t nb)
{
    bool same = na == nb;
    for (size_t i = 0; same && i < na; i++)
        same = a[i].port == b[i].port && strcmp(a[i].host, b[i].host) == 0;
    return same;
}

/* Servers of one configuration that the other has not. */
static void say_servers(struct reload *r, const struct pk_config *of, const struct pk_config *other,
                        const char *what)
{
    for (size_t i = 0; i < of->nservers; i++)
        if (!pk_config_has_server(other, &of->servers[i])) {
            pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "reload: upstream: %s:%u %s",
                   of->servers[i].host, of->servers[i].port, what);
            r->changed++;
        }
}

static void servers(struct reload *r)
{
    if (!pk_upstream_change(r->daemon->conns.upstream, r->new->servers, r->new->nservers)) {
        keep(r, "upstream",
             "more than 32 different servers since the start take a restart; the old ones stay");
        return;
    }
    say_servers(r, r->new, r->old, "is asked and used from now on");
    say_servers(r, r->old, r->new, "is left: who is there goes to another one");
    memcpy(r->old->servers, r->new->servers, sizeof r->old->servers);
    r->old->nservers = r->new->nservers;
}

static void addresses(struct reload *r)
{
    if (!same_addresses(r->old->pacemaker_listens, r->old->npacemaker_listens, r->new->pacemaker_listens,
                        r->new->npacemaker_listens))
        keep(r, "pacemaker.listen", "new addresses take a restart; the old ones stay");
    if (!same_addresses(r->old->listens, r->old->nlistens, r->new->listens, r->new->nlistens))
        keep(r, "listen", "new addresses take a restart; the old ones stay");
    if (!same_addresses(r->old->tls_listens, r->old->ntls_listens, r->new->tls_listens, r->new->ntls_listens))
        keep(r, "tls.listen", "new addresses take a restart; the old ones stay");
    if (!same_addresses(r->old->servers, r->old->nservers, r->new->servers, r->new->nservers))
        servers(r);
}

/* The files may have changed under the same names. */
static void certificates(struct reload *r)
{
    if (pk_tlsfiles_take(r->old, r->new))
        pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
               "reload: the files of tls and upstream-tls have been read again, for new connections");
}

static void proxies(struct reload *r)
{
    size_t len = sizeof r->old->proxies;
    if (r->old->nproxies == r->new->nproxies && memcmp(r->old->proxies, r->new->proxies, len) == 0)
        return;
    pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "reload: proxy-protocol: %zu networks instead of %zu", r->new->nproxies, r->old->nproxies);
    memcpy(r->old->proxies, r->new->proxies, len);
    r->old->nproxies = r->new->nproxies;
    r->changed++;
}

static int find_mount(const struct pk_config *config, const char *path)
{
    for (size_t i = 0; i < config->nmounts; i++)
        if (strcmp(config->mounts[i].path, path) == 0)
            return (int)i;
    return -1;
}

static void say_mount(struct reload *r, const char *path, const char *what, const char *before,
                      const char *after)
{
    char name[PK_MOUNT_PATH + 64];
    snprintf(name, sizeof name, "mount %s: %s", path, what);
    say(r, name, before, after, false);
}

static void say_number(struct reload *r, const char *path, const char *what, enum pk_type type,
                       int64_t before, int64_t after)
{
    char old[PK_VALUE_TEXT], new[PK_VALUE_TEXT];
    if (before != after)
        say_mount(r, path, what, pk_value_show(type, &before, old), pk_value_show(type, &after, new));
}

static void say_differences(struct reload *r, const struct core_mount *a, const struct core_mount *b)
{
    if (a->mode != b->mode)
        say_mount(r, a->path, "mode", pk_config_mode_name(a->mode), pk_config_mode_name(b->mode));
    say_number(r, a->path, "flush", PK_TYPE_PERIOD, a->flush_us / 1000, b->flush_us / 1000);
    say_number(r, a->path, "when-watched", PK_TYPE_WATCHED, a->absorb_watched, b->absorb_watched);
    say_number(r, a->path, "max-znodes", PK_TYPE_COUNT, (int64_t)a->max_znodes, (int64_t)b->max_znodes);
    say_number(r, a->path, "max-bytes", PK_TYPE_BYTES, (int64_t)a->max_bytes, (int64_t)b->max_bytes);
    say_number(r, a->path, "max-znode", PK_TYPE_BYTES, a->max_znode, b->max_znode);
}

static void say_whos(struct reload *r, const char *path, const char *what, const struct pk_whos *before,
                     const struct pk_whos *after)
{
    char old[PK_WHOS_TEXT], new[PK_WHOS_TEXT];
    if (!pk_whos_same(before, after))
        say_mount(r, path, what, pk_whos_show(before, old), pk_whos_show(after, new));
}

/* A mount as it was. */
struct before {
    struct core_mount core;
    struct pk_whos readers, writers;
    int64_t exists_for;
};

static int64_t exists_for(const struct pk_config *config, size_t i)
{
    int64_t own = config->mounts[i].exists_for;
    return own >= 0 ? own : config->exists_for;
}

static bool policy_differs(const struct reload *r, size_t i, const struct before *before)
{
    const struct pk_config_mount *m = &r->old->mounts[i];
    return !pk_whos_same(&before->readers, &m->readers) || !pk_whos_same(&before->writers, &m->writers) ||
           before->exists_for != exists_for(r->old, i) ||
           (r->own_changed && (m->readers.n > 0 || m->writers.n > 0));
}

static bool differs(const struct core_mount *a, const struct core_mount *b)
{
    return a->mode != b->mode || a->flush_us != b->flush_us || a->absorb_watched != b->absorb_watched ||
           a->max_znodes != b->max_znodes || a->max_bytes != b->max_bytes || a->max_znode != b->max_znode;
}

/* before: the mount as the core has it. */
static void change_mount(struct reload *r, size_t i, const struct before *before)
{
    struct pk_policy_view view;
    const struct pk_config_mount *m = &r->old->mounts[i];
    struct core_mount after = pk_config_core_mount(r->old, i);
    if (!differs(&before->core, &after) && !policy_differs(r, i, before))
        return;
    after.policy = pk_policy_view(r->old, i, &view);
    if (core_mount_set(r->daemon->conns.loop.core, i, &after) != PK_OK) {
        char name[PK_MOUNT_PATH + 16];
        snprintf(name, sizeof name, "mount %s", after.path);
        keep(r, name, "memory is short; it stays as it is");
        return;
    }
    say_differences(r, &before->core, &after);
    say_whos(r, m->path, "readers", &before->readers, &m->readers);
    say_whos(r, m->path, "writers", &before->writers, &m->writers);
    say_number(r, m->path, "exists-for", PK_TYPE_EXISTS, before->exists_for, exists_for(r->old, i));
    if (before->core.mode != after.mode)
        pk_handover_begin(r->daemon, i);
}

/* The list of the core stays; entries that are still there take what they carry from the new list. */
static void mounts(struct reload *r, const struct before *before)
{
    char name[PK_MOUNT_PATH + 16];
    for (size_t i = 0; i < r->old->nmounts; i++) {
        int at = find_mount(r->new, r->old->mounts[i].path);
        if (at >= 0)
            pk_config_take_mount(&r->old->mounts[i], &r->new->mounts[at]);
        else {
            snprintf(name, sizeof name, "mount %s", r->old->mounts[i].path);
            keep(r, name,
                 "it is no longer named, which takes a restart; it stays (mode relay turns it off now)");
        }
        change_mount(r, i, &before[i]);
    }
    for (size_t i = 0; i < r->new->nmounts; i++)
        if (find_mount(r->old, r->new->mounts[i].path) < 0) {
            snprintf(name, sizeof name, "mount %s", r->new->mounts[i].path);
            keep(r, name, "it is new, which takes a restart");
        }
}

static void apply(struct reload *r)
{
    struct before before[PK_MAX_MOUNTS];
    for (size_t i = 0; i < r->old->nmounts; i++)
        before[i] = (struct before){.core = pk_config_core_mount(r->old, i),
                                    .readers = r->old->mounts[i].readers,
                                    .writers = r->old->mounts[i].writers,
                                    .exists_for = exists_for(r->old, i)};
    /* What is said here is for both levels. */
    if (r->new->log_level < r->old->log_level)
        r->daemon->log.level = (enum pk_log_level)r->new->log_level;
    values(r);
    credentials(r);
    users(r);
    certificates(r);
    proxies(r);
    addresses(r);
    admin(r);
    mounts(r, before);
    pk_daemon_notes(r->daemon, r->new);
    pk_persist_check(&r->daemon->conns.loop);
    pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "reload: done, %d changed, %d take a restart",
           r->changed, r->kept);
    r->daemon->log.level = (enum pk_log_level)r->old->log_level;
    r->daemon->log.format = (enum pk_log_format)r->old->log_format;
}

bool pk_reload(struct pk_daemon *daemon, const char *who)
{
    struct pk_config_error error = {""};
    if (!pk_daemon_stopping(daemon))
        pk_notify_reloading(&daemon->notify);
    struct reload r = {.daemon = daemon, .old = daemon->config, .new = calloc(1, sizeof *r.new)};
    bool fine = false;
    if (pk_daemon_stopping(daemon))
        pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "%s: it stops already, nothing is reloaded",
               who);
    else if (r.new == NULL)
        pk_log(&daemon->log, PK_LOG_ERROR, PK_LOG_START, NULL, "%s: memory is short, nothing is changed",
               who);
    else if (pk_options_again(daemon->options, r.new, &error) != PK_OK)
        pk_log(&daemon->log, PK_LOG_ERROR, PK_LOG_START, NULL, "%s: nothing is changed: %s", who, error.text);
    else {
        pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "%s: the configuration is read again", who);
        apply(&r);
        pk_pump(&daemon->conns);
        fine = true;
    }
    if (!pk_daemon_stopping(daemon))
        pk_notify_send(&daemon->notify, "READY=1");
    if (r.new != NULL)
        pk_config_forget_secrets(r.new);
    if (r.new != NULL)
        pk_tlsfiles_drop(r.new);
    free(r.new);
    return fine;
}
