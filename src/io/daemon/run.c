/*
 * The daemon. Happy path: limits, core, sockets, servers, state file, signals, then the loop until SIGTERM or SIGINT;
 * the core finishes what it has received, every handle closes, and the loop is proven empty. Failure modes: what cannot
 * be opened at the start is said and ends with status 1; a stop that takes longer than stop-timeout, or a second
 * signal, closes what is left.
 */
#include "io/daemon/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/config/group.h"
#include "io/config/mounts.h"
#include "io/conn/pump.h"
#include "io/daemon/authenticate.h"
#include "io/daemon/daemon.h"
#include "io/daemon/operate.h"
#include "io/daemon/signals.h"
#include "io/daemon/stop.h"
#include "io/daemon/tick.h"
#include "io/state/persist.h"
#include "io/upstream/upstream.h"

static void settled(void *owner)
{
    pk_pump(owner);
}

static enum pk_err open_all(struct pk_daemon *daemon)
{
    struct pk_pairs *conns = &daemon->conns;
    struct pk_loop *loop = &conns->loop;
    conns->members.settled = settled;
    conns->members.owner = conns;
    pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "pacekeeper %s starts, process %d", PACKAGE_VERSION,
           (int)getpid());
    if (geteuid() == 0)
        pk_log(&daemon->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "runs as root, which it never needs: give it a user of its own (the unit does)");
    pk_file_limits_raise(&daemon->limits, &daemon->log, (size_t)daemon->config->max_connections);
    pk_tick_start(daemon);
    pk_signals_open(daemon);
    enum pk_err err = pk_authenticate_open(daemon);
    if (err == PK_OK)
        err = pk_listeners_open(&daemon->listeners, conns, daemon->limits.pairs);
    if (err == PK_OK)
        err = pk_operate_open(daemon);
    if (err == PK_OK)
        err = pk_upstream_open(&conns->upstream, loop, settled, conns);
    if (err != PK_OK)
        return err;
    /* The addresses are ours, so no other process of this configuration wants the file; clients wait in the queue. */
    bool restored = !pk_group_configured(daemon->config) && pk_persist_load(loop);
    pk_file_limits_count(&daemon->limits);
    pk_operate_start(daemon);
    err = pk_listeners_start(&daemon->listeners);
    if (err == PK_OK && restored)
        pk_persist_remove(loop);
    pk_persist_check(loop);
    return err;
}

static void say_mounts(struct pk_daemon *daemon)
{
    char text[PK_VALUE_TEXT];
    for (size_t i = 0; i < daemon->config->nmounts; i++)
        pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "mount %s: %s", daemon->config->mounts[i].path,
               pk_config_show_mount(daemon->config, i, text));
}

int pk_daemon_run(struct pk_config *config, const struct pk_options *options)
{
    struct pk_daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL || pk_daemon_init(daemon, config, options) != PK_OK) {
        fputs("pacekeeper: cannot start: out of memory\n", stderr);
        return 1;
    }
    bool opened = open_all(daemon) == PK_OK;
    if (opened) {
        say_mounts(daemon);
        pk_daemon_notes(daemon, config);
        pk_notify_send(&daemon->notify, "READY=1");
    } else {
        pk_stop_finish(daemon);
    }
    uv_run(&daemon->conns.loop.uv, UV_RUN_DEFAULT);
    bool failed = !opened || daemon->failed;
    return pk_stop_free(daemon, opened) && !failed ? 0 : 1;
}
