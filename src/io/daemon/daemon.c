/*
 * The daemon. Happy path: limits, core, sockets, servers, state file, signals, then the loop until SIGTERM or SIGINT;
 * the core finishes what it has received, every handle closes, and the loop is proven empty. Failure modes: what cannot
 * be opened at the start is said and ends with status 1; a stop that takes longer than stop-timeout, or a second signal,
 * closes what is left.
 */
#include "io/daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "io/daemon/limits.h"
#include "io/daemon/signals.h"
#include "io/daemon/stop.h"
#include "io/daemon/tick.h"
#include "io/instances/survey.h"
#include "io/loop/loop.h"
#include "io/state/persist.h"
#include "io/upstream/servers.h"

static enum pk_err make_core(struct pk_io *io)
{
    const struct pk_config *c = io->config;
    struct core_mount mounts[PK_MAX_MOUNTS];
    struct core_auth auths[PK_MAX_AUTHS];
    for (size_t i = 0; i < c->nmounts; i++)
        mounts[i] = pk_config_core_mount(c, i);
    struct core_config config = {
        .mounts = mounts,
        .nmounts = c->nmounts,
        .max_frame = (uint32_t)c->max_frame,
        .client_high_water = (size_t)c->client_buffer,
        .uplink_high_water = (size_t)c->uplink_buffer,
        .max_parked = (size_t)c->parked_buffer,
        .handshake_us = c->handshake_timeout * 1000,
        .auths = auths,
        .nauths = pk_auth_view(&c->auth, auths),
    };
    if (getrandom(&config.hash_seed, sizeof config.hash_seed, 0) != sizeof config.hash_seed)
        return PK_ELIMIT;
    return core_new(&io->core, &pk_mem_libc, &config);
}

/* A random name for this process, so that it is recognised when it meets itself as an upstream. */
static enum pk_err make_instance(struct pk_io *io)
{
    unsigned char random[(PK_INSTANCE_TEXT - 1) / 2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return PK_ELIMIT;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(io->instance + 2 * i, 3, "%02x", random[i]);
    return PK_OK;
}

static enum pk_err init(struct pk_io *io, struct pk_config *config, const struct pk_options *options)
{
    io->config = config;
    io->options = options;
    pk_log_init(&io->log, (enum pk_log_level)config->log_level, STDERR_FILENO);
    pk_list_init(&io->pairs);
    pk_list_init(&io->connecting);
    pk_list_init(&io->nameless);
    pk_list_init(&io->answering);
    io->buffer = malloc(PK_READ_BUFFER);
    if (io->buffer == NULL || uv_loop_init(&io->loop) != 0)
        return PK_ENOMEM;
    io->loop.data = io;
    pk_io_clock(io);
    io->started_us = io->now_us;
    enum pk_err err = make_instance(io);
    return err != PK_OK ? err : make_core(io);
}

static enum pk_err open_all(struct pk_io *io)
{
    pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL, "pacekeeper %s starts, process %d", PACKAGE_VERSION,
           (int)getpid());
    if (geteuid() == 0)
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "runs as root, which it never needs: give it a user of its own (the unit does)");
    pk_limits_raise(io);
    pk_ticks_open(io);
    pk_signals_open(io);
    enum pk_err err = pk_listeners_open(io);
    if (err == PK_OK)
        err = pk_upstream_open(io);
    if (err != PK_OK)
        return err;
    /* The addresses are ours, so no other process of this configuration wants the file; clients wait in the queue. */
    pk_persist_load(io);
    pk_limits_count(io);
    err = pk_listeners_start(io);
    if (err == PK_OK)
        pk_persist_loaded(io);
    pk_persist_check(io);
    return err;
}

static void say_mounts(struct pk_io *io)
{
    char text[PK_VALUE_TEXT];
    for (size_t i = 0; i < io->config->nmounts; i++)
        pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL, "mount %s: %s", io->config->mounts[i].path,
               pk_config_show_mount(io->config, i, text));
}

void pk_daemon_notes(struct pk_io *io, const struct pk_config *config)
{
    for (size_t i = 0; i < config->nnotes; i++)
        pk_log(&io->log, config->notes[i].warn ? PK_LOG_WARN : PK_LOG_INFO, PK_LOG_START, NULL, "%s",
               config->notes[i].text);
}

int pk_daemon_run(struct pk_config *config, const struct pk_options *options)
{
    struct pk_io *io = calloc(1, sizeof *io);
    if (io == NULL || init(io, config, options) != PK_OK) {
        fputs("pacekeeper: cannot start: out of memory\n", stderr);
        return 1;
    }
    bool opened = open_all(io) == PK_OK;
    if (opened) {
        say_mounts(io);
        pk_daemon_notes(io, config);
    } else {
        pk_stop_finish(io);
    }
    uv_run(&io->loop, UV_RUN_DEFAULT);
    bool failed = !opened || io->failed;
    return pk_stop_free(io, opened) && !failed ? 0 : 1;
}
