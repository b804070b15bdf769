/*
 * Each server of the ensemble, address by address. Happy path: it answers srvr quickly, serves, takes as many clients
 * as come and frames as long as ours, and one of them leads. Failure modes: each is said with what to do. What a server
 * does not tell is probed in a way that costs it nothing: a frame's length without the frame, connections that are
 * closed at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "io/config/ask.h"
#include "io/config/channel.h"
#include "io/doctor/checks.h"
#include "proto/jute.h"

enum {
    ANSWER = 8192,
    FIELD = 64,
    PROBED_CONNECTIONS = 64,
    PROBE_STEP_MS = 3,
    PROBE_ROUNDS = 10,
    PROBE_PAUSE_MS = 100,
    SLOW_MS = 50,
    PATIENCE_MS = 300
};

struct server {
    struct pk_doctor *d;
    char what[PK_HOST_MAX + PK_ADDRESS_TEXT + 32];
    struct pk_channel_to to;
    char text[ANSWER], why[PK_CHANNEL_WHY];
};

struct roles {
    int servers, serving, leaders, standalone;
};

static void field(const char *text, const char *label, char out[FIELD])
{
    const char *p = strstr(text, label);
    p = p != NULL ? p + strlen(label) : "";
    snprintf(out, FIELD, "%.*s", (int)strcspn(p, ",-\r\n"), p);
}

/* What lives in the ensemble may be asked for there. */
static void serves(struct server *s)
{
    s->d->served = true;
    s->d->serving_name = s->to.name;
    memcpy(&s->d->serving, s->to.address, s->to.len);
}

/* What srvr has told: version, role, latency. */
static void say_srvr(struct server *s, struct roles *roles, double took)
{
    char version[FIELD], mode[FIELD], latency[FIELD];
    struct pk_doctor *d = s->d;
    field(s->text, "Zookeeper version: ", version);
    field(s->text, "Mode: ", mode);
    field(s->text, "Latency min/avg/max: ", latency);
    if (mode[0] == '\0') {
        pk_report_say(&d->report, PK_FAIL, s->what,
                      "look at its log: it has no quorum, or has not started yet",
                      "it answers, and does not serve");
        return;
    }
    roles->serving++;
    roles->leaders += strcmp(mode, "leader") == 0;
    roles->standalone += strcmp(mode, "standalone") == 0;
    serves(s);
    pk_report_say(
        &d->report, took > SLOW_MS ? PK_WARN : PK_FINE, s->what,
        took > SLOW_MS ? "beats that are relayed wait at least as long: see to the network, or its load"
                       : NULL,
        "ZooKeeper %s, %s, latency min/avg/max %s ms, answers in %.1f ms", version, mode, latency, took);
}

/* Whether a server takes a frame of this length: it closes at the length alone when not. */
static bool takes_frame(const struct server *s, int64_t frame)
{
    const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    struct pk_channel c;
    char why[PK_CHANNEL_WHY];
    uint8_t word[4];
    if (!pk_channel_open(&c, &s->to, why))
        return false;
    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    pk_put_int(word, (int32_t)frame);
    bool sent = pk_channel_send(&c, word, sizeof word);
    ssize_t got = sent ? pk_channel_recv(&c, word, sizeof word) : 0;
    bool taken = got < 0 && errno == EAGAIN;
    pk_channel_close(&c);
    return taken;
}

static void check_frames(struct server *s)
{
    struct pk_report *r = &s->d->report;
    int64_t ours = s->d->config->max_frame;
    if (!takes_frame(s, ours))
        pk_report_say(r, PK_WARN, s->what,
                      "max-frame: as its jute.maxbuffer, or a larger jute.maxbuffer there",
                      "its jute.maxbuffer is below our max-frame (%" PRId64
                      "): it ends the connection of who sends more",
                      ours);
    else if (takes_frame(s, ours + 1))
        pk_report_say(
            r, PK_WARN, s->what, "max-frame: as its jute.maxbuffer",
            "its jute.maxbuffer is above our max-frame (%" PRId64 "): who sends more is closed here", ours);
    else
        pk_report_say(r, PK_FINE, s->what, NULL, "jute.maxbuffer is max-frame (%" PRId64 ")", ours);
}

/* Of these connections, those that the server has closed. */
static int count_closed(const int *fds, int n)
{
    int closed = 0;
    char byte;
    for (int i = 0; i < n; i++) {
        ssize_t got = recv(fds[i], &byte, 1, MSG_DONTWAIT);
        closed += got == 0 || (got < 0 && errno == ECONNRESET);
    }
    return closed;
}

/* How many connections it lets one address have, when that is not beyond what is tried; 0 otherwise. */
static int probe_connections(const struct server *s)
{
    int fds[PROBED_CONNECTIONS], n = 0, closed = 0, before = -1;
    /* Not all at once: it counts those that it has registered. */
    for (; n < PROBED_CONNECTIONS && (fds[n] = pk_ask_connect(s->to.address, s->to.len, PK_ASK_S)) >= 0; n++)
        usleep(PROBE_STEP_MS * 1000);
    /* Until some are closed, and no more of them than the time before. */
    for (int i = 0; i < PROBE_ROUNDS && (closed == 0 || closed != before); i++) {
        usleep(PROBE_PAUSE_MS * 1000);
        before = closed;
        closed = count_closed(fds, n);
    }
    for (int i = 0; i < n; i++)
        close(fds[i]);
    return closed > 0 ? n - closed : 0;
}

static void check_connections(struct server *s)
{
    char conf[ANSWER] = "", limit[FIELD];
    struct pk_report *r = &s->d->report;
    double took = 0;
    int n = pk_channel_word(&s->to, "conf", conf, sizeof conf, s->why, &took);
    field(n > 0 ? conf : "", "maxClientCnxns=", limit);
    int64_t most = strtoll(limit, NULL, 10);
    if (limit[0] == '\0' && (s->d->running || s->to.tls != NULL)) {
        pk_report_say(r, PK_FINE, s->what, NULL,
                      "maxClientCnxns is not told (conf is not whitelisted), and not probed %s",
                      s->d->running ? "while a pacekeeper runs here" : "with TLS");
        return;
    }
    if (limit[0] == '\0')
        most = probe_connections(s);
    if (most > 0)
        pk_report_say(r, PK_FAIL, s->what,
                      "maxClientCnxns=0 in its zoo.cfg: all clients come from this address now",
                      "it lets one address have %" PRId64 " connections", most);
    else
        pk_report_say(r, PK_FINE, s->what, NULL, "%s",
                      limit[0] != '\0' ? "maxClientCnxns is 0" : "maxClientCnxns is 0, or above 64");
}

static void check_server(struct server *s, struct roles *roles)
{
    struct pk_report *r = &s->d->report;
    double took = 0;
    int n = pk_channel_word(&s->to, "srvr", s->text, sizeof s->text, s->why, &took);
    roles->servers++;
    if (n < 0) {
        pk_report_say(
            r, PK_FAIL, s->what,
            s->to.tls == NULL
                ? "start it, open the way there (upstream-tls, to a secureClientPort), or take it out of "
                  "upstream"
                : "start it, or see to its name in upstream, and to upstream-tls (ca, verify, certificate)",
            "%s", s->why);
        return;
    }
    if (strstr(s->text, "\nPacekeeper instance: ") != NULL) {
        pk_report_say(r, PK_FAIL, s->what, "name the ensemble's own servers (pacekeeper adopt)",
                      "this is a pacekeeper and no ZooKeeper");
        return;
    }
    if (strstr(s->text, "whitelist") != NULL || n == 0) {
        pk_report_say(r, PK_WARN, s->what,
                      "4lw.commands.whitelist=srvr in its zoo.cfg: pacekeeper asks for it",
                      "it does not answer srvr: its version and role are unknown");
        serves(s);
        roles->standalone++; /* as far as can be told */
        roles->serving++;
    } else {
        say_srvr(s, roles, took);
    }
    check_frames(s);
    check_connections(s);
}

static void check_name(struct pk_doctor *d, const struct pk_hostport *where, struct roles *roles)
{
    struct addrinfo *found = NULL;
    char text[PK_ADDRESS_TEXT];
    struct server *s = calloc(1, sizeof *s);
    int err = s != NULL ? pk_hostport_lookup(where, 0, &found) : EAI_MEMORY;
    if (err != 0) {
        char what[PK_HOST_MAX + 16];
        snprintf(what, sizeof what, "upstream %s", where->host);
        pk_report_say(&d->report, PK_FAIL, what, "correct the name, or the resolver", "%s",
                      gai_strerror(err));
        free(s);
        return;
    }
    for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        *s = (struct server){.d = d,
                             .to = {.address = a->ai_addr,
                                    .len = a->ai_addrlen,
                                    .tls = d->config->upstream_tls,
                                    .name = where->host}};
        const char *number = pk_address_text(a->ai_addr, text);
        bool same = strncmp(number, where->host, strlen(where->host)) == 0;
        if (same)
            snprintf(s->what, sizeof s->what, "upstream %s", number);
        else
            snprintf(s->what, sizeof s->what, "upstream %s (%s)", where->host, number);
        check_server(s, roles);
    }
    freeaddrinfo(found);
    free(s);
}

void pk_doctor_servers(struct pk_doctor *d)
{
    struct roles roles = {0};
    for (size_t i = 0; i < d->config->nservers; i++)
        check_name(d, &d->config->servers[i], &roles);
    if (roles.serving == 0)
        pk_report_say(&d->report, PK_FAIL, "ensemble", "without one nobody is served", "no server serves");
    else if (roles.leaders > 1 || (roles.leaders > 0 && roles.standalone > 0) || roles.standalone > 1)
        pk_report_say(&d->report, PK_FAIL, "ensemble", "name the servers of one ensemble only",
                      "%d leaders and %d standalone servers: these are several ensembles", roles.leaders,
                      roles.standalone);
    else if (roles.leaders + roles.standalone == 0)
        pk_report_say(&d->report, PK_WARN, "ensemble", "name all servers of the ensemble",
                      "none of those that are named leads");
    else
        pk_report_say(&d->report, PK_FINE, "ensemble", NULL, "%d of %d servers serve", roles.serving,
                      roles.servers);
}
