/*
 * Reload. Happy path: the sources are read into a second configuration, new addresses are opened; every key that may be
 * changed now is copied into the one in use, lists and mounts are changed, each with a line in the log. Failure modes:
 * a mistake anywhere, or an address that cannot be opened, changes nothing; what takes a restart is named and stays.
 */
#include "io/daemon/reload.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/options.h"
#include "io/config/tlsfiles.h"
#include "io/conn/pump.h"
#include "io/daemon/daemon.h"
#include "io/daemon/reloading.h"
#include "io/http/server.h"
#include "io/state/persist.h"
#include "io/upstream/names.h"

enum { DONE_TEXT = 1024 };

void pk_reload_say(struct reload *r, const char *what, const char *before, const char *after, bool restart)
{
    if (restart)
        pk_log(&r->daemon->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "reload: %s: %s -> %s takes a restart; %s stays", what, before, after, before);
    else
        pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "reload: %s: %s -> %s", what, before, after);
    r->changed += !restart;
    r->kept += restart;
}

void pk_reload_keep(struct reload *r, const char *what, const char *why)
{
    pk_log(&r->daemon->log, PK_LOG_WARN, PK_LOG_START, NULL, "reload: %s: %s", what, why);
    r->kept++;
}

void pk_reload_done(struct reload *r, const char *what, const char *how, ...)
{
    char text[DONE_TEXT];
    va_list args;
    va_start(args, how);
    vsnprintf(text, sizeof text, how, args);
    va_end(args);
    pk_log(&r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "reload: %s: %s", what, text);
    r->changed++;
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
        pk_reload_say(r, key->name, pk_value_show(key->type, old, before),
                      pk_value_show(key->type, new, after), key->when == PK_WHEN_START);
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
        pk_reload_keep(r, "the credentials of auth-file", "memory is short; the old ones stay");
        return;
    }
    pk_reload_done(r, "auth-file", "%zu credentials instead of %zu", r->new->auth.n, r->old->auth.n);
    r->old->auth = r->new->auth;
}

/* Exchanges look users up in the configuration in use; those that were replaced go with the other one. */
static void users(struct reload *r)
{
    struct pk_users before = r->old->sasl.users;
    if (pk_users_same(&before, &r->new->sasl.users) || r->old->sasl_mechanisms != r->new->sasl_mechanisms)
        return;
    pk_reload_done(r, "sasl.jaas", "%zu users instead of %zu", r->new->sasl.users.n, before.n);
    r->old->sasl.users = r->new->sasl.users;
    r->new->sasl.users = before;
}

/* What Pacemaker's clients log in with. The library has been made ready for a method and a keytab. */
static void login(struct reload *r)
{
    struct pk_pacemaker_login *old = &r->old->pacemaker_login, *new = &r->new->pacemaker_login;
    if (old->method != new->method)
        pk_reload_keep(r, "auth of pacemaker.mount",
                       "another way to log in takes a restart; the old one stays");
    else if (strcmp(old->kerberos.keytab, new->kerberos.keytab) != 0 ||
             memcmp(&old->kerberos.principal, &new->kerberos.principal, sizeof old->kerberos.principal) != 0)
        pk_reload_keep(r, "the keytab and principal of Pacemaker's clients",
                       "others take a restart; the old ones stay");
    else if (strcmp(old->secret, new->secret) != 0) {
        memcpy(old->secret, new->secret, sizeof old->secret);
        memcpy(old->name, new->name, sizeof old->name);
        pk_reload_done(r, "jaas", "another user or password of PacemakerDigest");
    }
}

static void token(struct reload *r)
{
    struct pk_config *old = r->old;
    if (strcmp(old->admin_token, r->new->admin_token) == 0)
        return;
    memcpy(old->admin_token, r->new->admin_token, sizeof old->admin_token);
    pk_http_set_token(r->daemon->admin.http, old->admin_token);
    pk_reload_done(r, "admin.token-file", "another token");
}

/* Servers of one configuration that the other has not. */
static void say_servers(struct reload *r, const struct pk_config *of, const struct pk_config *other,
                        const char *what)
{
    for (size_t i = 0; i < of->nservers; i++)
        if (!pk_config_has_server(other, &of->servers[i]))
            pk_reload_done(r, "upstream", "%s:%u %s", of->servers[i].host, of->servers[i].port, what);
}

static void servers(struct reload *r)
{
    if (pk_reload_same_addresses(r->old->servers, r->old->nservers, r->new->servers, r->new->nservers))
        return;
    if (!pk_upstream_change(r->daemon->conns.upstream, r->new->servers, r->new->nservers)) {
        pk_reload_keep(r, "upstream",
                       "more than 32 different servers since the start take a restart; the old ones stay");
        return;
    }
    say_servers(r, r->new, r->old, "is asked and used from now on");
    say_servers(r, r->old, r->new, "is left: who is there goes to another one");
    memcpy(r->old->servers, r->new->servers, sizeof r->old->servers);
    r->old->nservers = r->new->nservers;
    r->old->servers_from = r->new->servers_from;
}

/* The files may have changed under the same names. */
static void certificates(struct reload *r)
{
    if (pk_tlsfiles_take(r->old, r->new))
        pk_log(
            &r->daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
            "reload: the files of tls, upstream-tls and group-tls have been read again, for new connections");
}

static void proxies(struct reload *r)
{
    size_t len = sizeof r->old->proxies;
    if (r->old->nproxies == r->new->nproxies && memcmp(r->old->proxies, r->new->proxies, len) == 0)
        return;
    pk_reload_done(r, "proxy-protocol", "%zu networks instead of %zu", r->new->nproxies, r->old->nproxies);
    memcpy(r->old->proxies, r->new->proxies, len);
    r->old->nproxies = r->new->nproxies;
    r->old->proxies_from = r->new->proxies_from;
}

static void apply(struct reload *r)
{
    struct pk_mounts_before before;
    pk_reload_mounts_before(r, &before);
    /* What is said here is for both levels. */
    if (r->new->log_level < r->old->log_level)
        r->daemon->log.level = (enum pk_log_level)r->new->log_level;
    values(r);
    core_limits_set(r->daemon->conns.loop.core, &(struct core_config){PK_DAEMON_LIMITS(r->old)});
    credentials(r);
    users(r);
    pk_reload_places(r);
    login(r);
    certificates(r);
    proxies(r);
    servers(r);
    token(r);
    pk_reload_mounts(r, &before);
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
    else if (pk_reload_places_prepare(&r) != PK_OK)
        pk_log(&daemon->log, PK_LOG_ERROR, PK_LOG_START, NULL,
               "%s: nothing is changed: not every address can be listened on", who);
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
