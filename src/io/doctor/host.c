/*
 * This machine. Happy path: the addresses are free, or a pacekeeper runs there; the state file's folder can be written
 * to and outlives a boot; the clock is synchronised. Failure modes: each is said with what to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "io/config/ask.h"
#include "io/doctor/checks.h"

enum { ANSWER = 16384, ROOM_MIB = 64, KEPT_BACK = 96 };

/* Copies the word behind label; "" when it is not there. */
static void word_behind(const char *text, const char *label, char *out, size_t size)
{
    const char *p = strstr(text, label);
    p = p != NULL ? p + strlen(label) : "";
    snprintf(out, size, "%.*s", (int)strcspn(p, " \r\n"), p);
}

/* Somebody listens there already. */
static void say_taken(struct pk_doctor *d, const char *what, const struct sockaddr *address, socklen_t len)
{
    char text[ANSWER] = "", files[24] = "";
    int n = pk_ask_word(address, len, "srvr", text, sizeof text);
    if (n <= 0 || strstr(text, "\nPacekeeper instance: ") == NULL) {
        pk_report_say(&d->report, PK_FAIL, what, "stop it, or let pacekeeper listen elsewhere (listen)",
                      n > 0 && strstr(text, "Zookeeper version") != NULL ? "a ZooKeeper listens there"
                                                                         : "somebody else listens there");
        return;
    }
    d->running = true;
    word_behind(text, "\nPacekeeper instance: ", d->instance, sizeof d->instance);
    if (pk_ask_word(address, len, "mntr", text, sizeof text) > 0)
        word_behind(text, "\nzk_max_file_descriptor_count\t", files, sizeof files);
    d->max_files = strtoll(files, NULL, 10);
    pk_report_say(&d->report, PK_FINE, what, NULL, "a pacekeeper runs there (%s)", d->instance);
}

/* The same, where no word is answered that doctor could ask: with TLS, in Pacemaker's protocol, over HTTP. */
static void say_taken_unasked(struct pk_doctor *d, const char *what)
{
    if (d->running)
        pk_report_say(&d->report, PK_FINE, what, NULL, "taken, by the pacekeeper that runs as it seems");
    else
        pk_report_say(&d->report, PK_WARN, what, "stop it, unless it is this pacekeeper",
                      "somebody listens there already");
}

static void try_address(struct pk_doctor *d, const char *what, const struct addrinfo *a, bool words)
{
    int on = 1, off = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    int why = bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 1) == 0 ? 0 : errno;
    close(fd);
    if (why == 0)
        pk_report_say(&d->report, PK_FINE, what, NULL, "free");
    else if (why == EADDRINUSE && words)
        say_taken(d, what, a->ai_addr, a->ai_addrlen);
    else if (why == EADDRINUSE)
        say_taken_unasked(d, what);
    else
        pk_report_say(&d->report, PK_FAIL, what, "name an address of this machine, and a port above 1023",
                      "cannot listen there: %s", strerror(why));
}

/* words: those of four letters are answered there, in plain. */
static void check_listens(struct pk_doctor *d, const struct pk_hostport *listens, size_t n, bool words,
                          const char *how)
{
    for (size_t i = 0; i < n; i++) {
        const struct pk_hostport *where = &listens[i];
        bool every = where->host[0] == '\0' || strcmp(where->host, "*") == 0;
        struct addrinfo *found = NULL;
        char what[PK_HOST_MAX + 64];
        snprintf(what, sizeof what, "listen %s:%u%s", every ? "*" : where->host, where->port, how);
        int err = pk_hostport_lookup(where, AI_PASSIVE, &found);
        if (err != 0) {
            pk_report_say(&d->report, PK_FAIL, what, "name an address of this machine", "%s",
                          gai_strerror(err));
            continue;
        }
        try_address(d, what, found, words);
        freeaddrinfo(found);
    }
}

/* Where operators and scrapers come. */
static void check_admin(struct pk_doctor *d, const char *text)
{
    struct pk_hostport where;
    const char *why = NULL, *path = pk_admin_path(text), *bare = pk_admin_bare(text);
    char what[PK_ADMIN_LISTEN + 16], folder[PK_ADMIN_LISTEN];
    if (path == NULL) {
        if (pk_hostport_parse(&where, bare, strlen(bare), -1, &why) == PK_OK)
            check_listens(d, &where, 1, false,
                          pk_admin_is_tls(text) ? " for the admin side, with TLS" : " for the admin side");
        return;
    }
    snprintf(what, sizeof what, "listen %s", text);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    slash[slash == folder] = '\0';
    if (access(folder, W_OK) != 0)
        pk_report_say(&d->report, PK_WARN, what, "run doctor as the daemon's user, or give it that folder",
                      "this user cannot make a socket in %.200s: %s", folder, strerror(errno));
    else
        pk_report_say(&d->report, PK_FINE, what, NULL, "its folder can be written to");
}

void pk_doctor_listens(struct pk_doctor *d)
{
    const struct pk_config *c = d->config;
    check_listens(d, c->listens, c->nlistens, true, "");
    check_listens(d, c->tls_listens, c->ntls_listens, false, " with TLS");
    check_listens(d, c->pacemaker_listens, c->npacemaker_listens, false, " for Pacemaker's clients");
    for (size_t i = 0; i < c->nadmin_listens; i++)
        check_admin(d, c->admin_listens[i]);
}

static void say_folder(struct pk_doctor *d, const char *folder)
{
    struct statvfs room;
    struct statfs kind;
    uint64_t mib = statvfs(folder, &room) == 0 ? (uint64_t)room.f_bavail * room.f_frsize >> 20 : 0;
    if (access(folder, W_OK) != 0)
        pk_report_say(&d->report, PK_WARN, "state-file",
                      "run doctor as the daemon's user, or chown the folder to it",
                      "this user cannot write to %.200s: %s", folder, strerror(errno));
    else if (mib < ROOM_MIB)
        pk_report_say(&d->report, PK_WARN, "state-file", "make room, or name a folder on another disk",
                      "%.200s has %" PRIu64 " MiB left", folder, mib);
    else if (statfs(folder, &kind) == 0 && (kind.f_type == TMPFS_MAGIC || kind.f_type == RAMFS_MAGIC))
        pk_report_say(&d->report, PK_WARN, "state-file",
                      "name a folder on a disk (/var/lib/pacekeeper/state)",
                      "%.200s is in memory: a reboot loses what is held", folder);
    else
        pk_report_say(&d->report, PK_FINE, "state-file", NULL,
                      "%.200s can be written to, %" PRIu64 " MiB left", folder, mib);
}

void pk_doctor_state_file(struct pk_doctor *d)
{
    char folder[PK_VALUE_TEXT];
    if (d->config->state_file[0] == '\0') {
        if (!d->config->release)
            pk_report_say(&d->report, PK_WARN, "state-file",
                          "state-file: /var/lib/pacekeeper/state, or release: true",
                          "none: a stop forgets heartbeats until their writers' next beat");
        return;
    }
    snprintf(folder, sizeof folder, "%s", d->config->state_file);
    char *slash = strrchr(folder, '/');
    slash[slash == folder] = '\0';
    say_folder(d, folder);
}

void pk_doctor_clock(struct pk_doctor *d)
{
    struct timex clock = {.modes = 0};
    int state = adjtimex(&clock);
    if (state < 0 || state == TIME_ERROR || (clock.status & STA_UNSYNC) != 0)
        pk_report_say(&d->report, PK_WARN, "clock", "run an NTP client (timedatectl set-ntp true)",
                      "not synchronised: times of znodes that are held here go by it");
    else
        pk_report_say(&d->report, PK_FINE, "clock", NULL, "synchronised");
}

void pk_doctor_descriptors(struct pk_doctor *d)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    int64_t files = d->max_files > 0 ? d->max_files : (int64_t)limit.rlim_max;
    int64_t room = (files - KEPT_BACK) / 2, connections = d->config->max_connections;
    const char *whose = d->max_files > 0 ? "the pacekeeper that runs has" : "here the hard limit is";
    if (room < d->clients || connections < d->clients)
        pk_report_say(&d->report, PK_FAIL, "descriptors",
                      room < d->clients ? "raise LimitNOFILE (ulimit -n): two for each client"
                                        : "raise max-connections",
                      "%s %" PRId64 ", for %" PRId64 " clients; Storm seems to have %" PRId64
                      ", max-connections is %" PRId64,
                      whose, files, room, d->clients, connections);
    else
        pk_report_say(&d->report, room < 2 * d->clients ? PK_WARN : PK_FINE, "descriptors",
                      room < 2 * d->clients ? "raise LimitNOFILE (ulimit -n) before the cluster grows" : NULL,
                      "%s %" PRId64 ", for %" PRId64 " clients; Storm seems to have %" PRId64, whose, files,
                      room, d->clients);
}
