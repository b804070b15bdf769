/*
 * The command doctor. Happy path: the configuration is read as the daemon reads it, then each check speaks, from this
 * machine to the ensemble. Failure modes: a wrong configuration ends it with its own line; without a server, what lives
 * in the ensemble is not looked at.
 */
#include "io/doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/options.h"
#include "io/config/tlsfiles.h"
#include "io/doctor/checks.h"
#include "io/doctor/session.h"

enum { ATTEMPTS = 5, PAUSE_MS = 300 };

static const char usage[] =
    "Usage: pacekeeper doctor [--json] [OPTION OF THE DAEMON]...\n"
    "Looks at this machine, at each server, and at what lives in the ensemble: each line is ok, warn or "
    "FAIL.\n"
    "\n"
    "  -c, --config FILE        the configuration (/etc/pacekeeper.yaml, if there is one)\n"
    "      --json               one JSON object instead of lines\n"
    "  -h, --help               print this and exit; pacekeeper -h lists the daemon's options\n";

static void notes(struct pk_doctor *d)
{
    const struct pk_config *c = d->config;
    for (size_t i = 0; i < c->nnotes; i++)
        pk_report_say(&d->report, c->notes[i].warn ? PK_WARN : PK_FINE, "configuration", NULL, "%s",
                      c->notes[i].text);
    if (c->nnotes == 0)
        pk_report_say(&d->report, PK_FINE, "configuration", NULL, "nothing is wrong with it");
}

static socklen_t length(const union pk_address *a)
{
    return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

/* The server may not have noticed yet that what probed it is gone. */
static bool open_session(struct pk_doctor *d, struct pk_session *s)
{
    const struct pk_channel_to to = {.address = &d->serving.any,
                                     .len = length(&d->serving),
                                     .tls = d->config->upstream_tls,
                                     .name = d->serving_name};
    bool open = false;
    for (int i = 0; i < ATTEMPTS && !open; i++) {
        if (i > 0)
            usleep(PAUSE_MS * 1000);
        open = pk_session_open(s, &to, &d->config->auth);
    }
    return open;
}

static void look_into_the_ensemble(struct pk_doctor *d)
{
    struct pk_session s;
    if (!d->served)
        return;
    if (!open_session(d, &s)) {
        pk_report_say(&d->report, PK_FAIL, "session",
                      "look at the server's log; auth-file names the credentials",
                      "the ensemble opens no session for us");
        return;
    }
    pk_doctor_tree(d, &s);
    pk_doctor_others(d, &s);
    pk_session_close(&s);
}

static int examine(struct pk_config *config, bool json)
{
    struct pk_doctor d = {.config = config,
                          .report = {.json = json, .colours = !json && isatty(STDOUT_FILENO) == 1}};
    notes(&d);
    pk_doctor_listens(&d);
    pk_doctor_secrets(&d);
    pk_doctor_state_file(&d);
    pk_doctor_clock(&d);
    pk_doctor_servers(&d);
    look_into_the_ensemble(&d);
    pk_doctor_descriptors(&d);
    return pk_report_end(&d.report);
}

/* The daemon's command line with -t, by which nothing is started; returns its length. */
static int daemon_line(char **out, int argc, char **argv, bool *json)
{
    static const char unit[] = "/etc/pacekeeper.yaml";
    bool named = false;
    int n = 0;
    out[n++] = (char *)(uintptr_t) "pacekeeper doctor";
    out[n++] = (char *)(uintptr_t) "-t";
    for (int i = 1; i < argc; i++) {
        bool ours = strcmp(argv[i], "--json") == 0;
        *json |= ours;
        named |= strncmp(argv[i], "-c", 2) == 0 || strncmp(argv[i], "--config", 8) == 0;
        if (!ours)
            out[n++] = argv[i];
    }
    if (!named && access(unit, F_OK) == 0) {
        out[n++] = (char *)(uintptr_t) "-c";
        out[n++] = (char *)(uintptr_t)unit;
    }
    out[n] = NULL;
    return n;
}

int pk_doctor(int argc, char **argv)
{
    struct pk_options options;
    bool json = false;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
    char **line = calloc((size_t)argc + 4, sizeof *line);
    struct pk_config *config = calloc(1, sizeof *config);
    int status = 1;
    if (line != NULL && config != NULL) {
        pk_options_read(&options, config, daemon_line(line, argc, argv, &json), line);
        status = options.action == PK_CHECK ? examine(config, json) : options.status;
        pk_tlsfiles_drop(config);
        pk_config_forget_secrets(config);
    }
    free(config);
    free(line);
    return status;
}
