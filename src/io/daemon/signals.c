/*
 * Signals, as a table. Happy path: SIGTERM and its like stop, SIGHUP reloads, SIGUSR1 writes the figures to the log.
 * Failure modes: a signal that has no meaning here would end the process, with what is held; it is ignored, and said.
 */
#include "io/daemon/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "io/admin/four_letter_mntr.h"
#include "io/daemon/daemon.h"
#include "io/daemon/reload.h"
#include "io/daemon/stop.h"
#include "io/loop/text.h"

/* Asked for, so whatever the log's level is. */
static void write_figures(struct pk_daemon *daemon, const char *name)
{
    struct pk_text text = {0};
    char *rest = NULL;
    enum pk_log_level level = daemon->log.level;
    pk_four_letter_mntr(&daemon->admin, &text);
    daemon->log.level = level < PK_LOG_INFO ? level : PK_LOG_INFO;
    for (char *line = text.p != NULL ? strtok_r(text.p, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *tab = strchr(line, '\t');
        if (tab != NULL)
            *tab = ' ';
        pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "%s: %s", name, line);
    }
    daemon->log.level = level;
    free(text.p);
}

static void reload(struct pk_daemon *daemon, const char *name)
{
    (void)pk_reload(daemon, name);
}

static void ignore(struct pk_daemon *daemon, const char *name)
{
    pk_log(&daemon->log, PK_LOG_WARN, PK_LOG_SIGNAL, NULL,
           "%s: ignored (SIGTERM stops, SIGHUP reloads, SIGUSR1 writes the figures here)", name);
}

static const struct {
    int number;
    const char *name;
    void (*act)(struct pk_daemon *daemon, const char *name);
} table[PK_SIGNALS] = {
    {SIGTERM, "SIGTERM", pk_stop_request}, {SIGINT, "SIGINT", pk_stop_request},
    {SIGQUIT, "SIGQUIT", pk_stop_request}, {SIGXCPU, "SIGXCPU", pk_stop_request},
    {SIGPWR, "SIGPWR", pk_stop_request},   {SIGHUP, "SIGHUP", reload},
    {SIGUSR1, "SIGUSR1", write_figures},   {SIGUSR2, "SIGUSR2", ignore},
    {SIGALRM, "SIGALRM", ignore},          {SIGVTALRM, "SIGVTALRM", ignore},
    {SIGPROF, "SIGPROF", ignore},          {SIGIO, "SIGIO", ignore},
    {SIGSTKFLT, "SIGSTKFLT", ignore},
};

static void on_signal(uv_signal_t *handle, int number)
{
    struct pk_daemon *daemon = handle->data;
    pk_loop_clock(&daemon->conns.loop);
    for (size_t i = 0; i < PK_SIGNALS; i++)
        if (table[i].number == number)
            table[i].act(daemon, table[i].name);
}

void pk_signals_open(struct pk_daemon *daemon)
{
    /* Each write to a client that is gone raises it: nothing to say. */
    signal(SIGPIPE, SIG_IGN);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        signal(number, SIG_IGN);
    for (size_t i = 0; i < PK_SIGNALS; i++) {
        uv_signal_init(&daemon->conns.loop.uv, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], on_signal, table[i].number);
    }
}

void pk_signals_close(struct pk_daemon *daemon)
{
    for (size_t i = 0; i < PK_SIGNALS; i++) {
        if (!uv_is_closing((uv_handle_t *)&daemon->signals[i]))
            uv_close((uv_handle_t *)&daemon->signals[i], NULL);
        signal(table[i].number, SIG_IGN);
    }
}
