/*
 * Adopting a storm.yaml. Happy path: the servers that it names are not ourselves, the copy does not exist yet or names
 * the same ones, and is written anew as a whole. Only what concerns ZooKeeper is copied: the rest is nobody's business
 * here, secrets among it. Failure modes: storm.yaml names the proxy already; the copy names other servers, which
 * --force overrides; a file cannot be read or written.
 */
#include "io/config/adopt.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/config/ask.h"
#include "io/config/file.h"
#include "io/config/newfile.h"
#include "io/config/selves.h"
#include "io/config/stormyaml.h"
#include "io/config/yamldoc.h"

static const char usage[] =
    "Usage: pacekeeper adopt [OPTION]... STORM_YAML\n"
    "Copies what STORM_YAML says of ZooKeeper, before Storm is given the proxy's address.\n"
    "\n"
    "  -c, --config FILE        where listen stands (/etc/pacekeeper.yaml, if there is one)\n"
    "      --listen HOST:PORT   where pacekeeper listens; may be repeated\n"
    "      --to FILE            the copy (/etc/pacekeeper/storm.yaml)\n"
    "      --force              also over a copy that names other servers, and with a proxy among the "
    "servers\n";

struct adoption {
    const char *from, *to;
    bool force;
    struct pk_config config, before; /* before: what the copy says so far */
    struct pk_config_error error;
};

/* Where listen stands: the file that is given, or the unit's where there is one. */
static enum pk_err read_config(struct adoption *a, const char *given)
{
    static const char unit[] = "/etc/pacekeeper.yaml";
    if (given != NULL)
        return pk_config_file(&a->config, given, &a->error);
    return access(unit, F_OK) == 0 ? pk_config_file(&a->config, unit, &a->error) : PK_OK;
}

static enum pk_err read_listens(struct adoption *a, const char *const *listens, size_t n)
{
    enum pk_err err = PK_OK;
    if (n > 0)
        a->config.nlistens = 0;
    for (size_t i = 0; i < n && err == PK_OK; i++)
        err = pk_config_add_listen(&a->config, listens[i], &a->error);
    return err;
}

/* Returns the exit status, or -1 to go on. */
static int command_line(struct adoption *a, int argc, char **argv)
{
    enum { LISTEN = 256, TO, FORCE };
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'}, {"listen", required_argument, NULL, LISTEN},
        {"to", required_argument, NULL, TO},      {"force", no_argument, NULL, FORCE},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    const char *config = NULL, *listens[PK_MAX_LISTENS];
    size_t nlistens = 0;
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        if (c == 'c')
            config = optarg;
        else if (c == LISTEN && nlistens < PK_MAX_LISTENS)
            listens[nlistens++] = optarg;
        else if (c == TO)
            a->to = optarg;
        else if (c == FORCE)
            a->force = true;
        else
            break;
    }
    if (c == 'h') {
        fputs(usage, stdout);
        return 0;
    }
    if (c != -1 || optind + 1 != argc) {
        fprintf(stderr, "pacekeeper adopt: %s; pacekeeper adopt -h tells more\n",
                c == '?'         ? "an option that it does not take"
                : c != -1        ? "too many addresses to listen at"
                : optind == argc ? "Storm's storm.yaml is expected, /etc/storm/storm.yaml for instance"
                                 : "one storm.yaml is expected; --to FILE is where its copy goes");
        return 2;
    }
    a->from = argv[optind];
    return read_config(a, config) == PK_OK && read_listens(a, listens, nlistens) == PK_OK ? -1 : 1;
}

static bool same_servers(const struct pk_config *a, const struct pk_config *b)
{
    bool same = a->nservers == b->nservers;
    for (size_t i = 0; same && i < a->nservers; i++)
        same = pk_config_has_server(b, &a->servers[i]);
    return same;
}

static const char *list(const struct pk_config *config, char out[PK_VALUE_TEXT])
{
    size_t n = 0;
    for (size_t i = 0; i < config->nservers && n < PK_VALUE_TEXT; i++)
        n += (size_t)snprintf(out + n, PK_VALUE_TEXT - n, "%s%s:%u", i > 0 ? ", " : "",
                              config->servers[i].host, config->servers[i].port);
    return out;
}

/* The only copy of the right servers must not be lost to a storm.yaml that was edited already. */
static enum pk_err check_copy(struct adoption *a)
{
    char now[PK_VALUE_TEXT], before[PK_VALUE_TEXT];
    struct pk_config_error why;
    if (a->force || access(a->to, F_OK) != 0)
        return PK_OK;
    pk_config_defaults(&a->before);
    if (pk_config_storm(&a->before, a->to, &why) != PK_OK)
        return pk_config_fail(&a->error, NULL, 0,
                              "%.150s is there and cannot be compared (%.200s): --force overwrites it", a->to,
                              why.text);
    if (!same_servers(&a->before, &a->config))
        return pk_config_fail(
            &a->error, NULL, 0,
            "%.100s names other servers (%.120s) than %.100s (%.120s): --force overwrites it", a->to,
            list(&a->before, before), a->from, list(&a->config, now));
    return PK_OK;
}

/* storm.yaml may name a proxy that is not on this machine. */
static enum pk_err check_proxies(struct adoption *a)
{
    for (size_t i = 0; !a->force && i < a->config.nservers; i++) {
        const struct pk_hostport *s = &a->config.servers[i];
        if (pk_ask_is_proxy(s))
            return pk_config_fail(
                &a->error, NULL, 0,
                "%.150s names the proxy by now: %.100s:%u is a pacekeeper. Name the ensemble's own "
                "servers, or a file from before; --force copies it all the same",
                a->from, s->host, s->port);
    }
    return PK_OK;
}

static void quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Single values as they stand; those that only the notes read are kept so that the notes stay true. */
static void write_values(FILE *out, struct pk_yaml *yaml)
{
    static const char *const keys[] = {"storm.zookeeper.root",
                                       "storm.cluster.state.store",
                                       "pacemaker.port",
                                       "pacemaker.thrift.message.size.max",
                                       "pacemaker.auth.method",
                                       "nimbus.daemon.user",
                                       "storm.zookeeper.ssl.enable",
                                       "storm.zookeeper.auth.scheme",
                                       "storm.zookeeper.topology.auth.scheme",
                                       "storm.zookeeper.superACL",
                                       "java.security.auth.login.config"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = pk_yaml_text(pk_yaml_find(yaml, keys[i], NULL));
        if (text == NULL || text[0] == '\0' || strcmp(text, "null") == 0)
            continue;
        fprintf(out, "%s: ", keys[i]);
        quoted(out, text);
        fputc('\n', out);
    }
}

static void write_copy(FILE *out, const struct adoption *a, struct pk_yaml *yaml)
{
    fprintf(
        out,
        "# Made by pacekeeper adopt: what %s said of ZooKeeper before Storm was given the proxy's address.\n",
        a->from);
    fputs("storm.zookeeper.servers:\n", out);
    for (size_t i = 0; i < a->config.nservers; i++) {
        const struct pk_hostport *s = &a->config.servers[i];
        char text[PK_HOST_MAX + 16];
        snprintf(text, sizeof text, strchr(s->host, ':') != NULL ? "[%s]:%u" : "%s:%u", s->host, s->port);
        fputs("  - ", out);
        quoted(out, text);
        fputc('\n', out);
    }
    write_values(out, yaml);
}

/* The folder is made when only it is missing, and open to all whatever the umask is: the daemon is not root. */
static void make_folder(const char *path)
{
    char folder[PK_NEWFILE_PATH];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return;
    *slash = '\0';
    if (mkdir(folder, 0755) == 0)
        chmod(folder, 0755);
}

static enum pk_err put(struct adoption *a, struct pk_yaml *yaml)
{
    char temporary[PK_NEWFILE_PATH];
    make_folder(a->to);
    int fd = pk_newfile_open(a->to, 0644, temporary);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        return pk_config_fail(&a->error, a->to, 0, "cannot be written: %s", strerror(why));
    }
    write_copy(out, a, yaml);
    int why = fflush(out) == 0 ? pk_newfile_place(temporary, a->to, fd) : errno;
    fclose(out);
    if (why != 0) {
        unlink(temporary);
        return pk_config_fail(&a->error, a->to, 0, "cannot be written: %s", strerror(why));
    }
    return PK_OK;
}

static enum pk_err adopt(struct adoption *a)
{
    struct pk_yaml yaml;
    if (pk_config_storm(&a->config, a->from, &a->error) != PK_OK ||
        pk_selves_check(&a->config, true, &a->error) != PK_OK || check_copy(a) != PK_OK ||
        check_proxies(a) != PK_OK || pk_yaml_load(&yaml, a->from, PK_YAML_ANY, &a->error) != PK_OK)
        return PK_EINVAL;
    enum pk_err err = put(a, &yaml);
    pk_yaml_free(&yaml);
    return err;
}

static void report(const struct adoption *a)
{
    char text[PK_VALUE_TEXT];
    printf("wrote %s: servers %s", a->to, list(&a->config, text));
    for (size_t i = 0; i < a->config.nmounts; i++)
        printf("%s %s", i > 0 ? "," : "; mounts", a->config.mounts[i].path);
    putchar('\n');
    for (size_t i = 0; i < a->config.nnotes; i++)
        printf("%s  %s\n", a->config.notes[i].warn ? "warning" : "note", a->config.notes[i].text);
    if (strcmp(a->config.storm_yaml, a->to) != 0)
        printf("next: storm-yaml: %s in the configuration; then give Storm the proxy's address\n", a->to);
}

int pk_adopt(int argc, char **argv)
{
    struct adoption *a = calloc(1, sizeof *a);
    if (a == NULL) {
        fputs("pacekeeper: out of memory\n", stderr);
        return 1;
    }
    a->to = "/etc/pacekeeper/storm.yaml";
    pk_config_defaults(&a->config);
    int status = command_line(a, argc, argv);
    if (status < 0)
        status = adopt(a) == PK_OK ? 0 : 1;
    if (status == 1)
        fprintf(stderr, "pacekeeper adopt: %s\n", a->error.text);
    else if (status == 0 && a->from != NULL)
        report(a);
    free(a);
    return status;
}
