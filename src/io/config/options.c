/*
 * The command line. Happy path: the options are read twice, first for the files (storm.yaml, then the
 * configuration, wherever they stand on the line), then for the flags, which override them; a flag that is a
 * list replaces the whole list. Anything wrong ends with one line on stderr.
 */
#include "io/config/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/check.h"
#include "io/config/file.h"
#include "io/config/group.h"
#include "io/config/lists.h"
#include "io/config/mounts.h"
#include "io/config/pacemaker.h"
#include "io/config/policy.h"
#include "io/config/readfile.h"
#include "io/config/selves.h"
#include "io/config/stormyaml.h"
#include "io/config/tlsfiles.h"
#include "io/loop/secret.h"

enum { LISTEN = 256, UPSTREAM, MOUNT, PACEMAKER, STORM_YAML, STATE_FILE, LOG_LEVEL, ADMIN, GROUP };

static const struct option longs[] = {
    {"config", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, LISTEN},
    {"upstream", required_argument, NULL, UPSTREAM},
    {"mount", required_argument, NULL, MOUNT},
    {"admin", required_argument, NULL, ADMIN},
    {"pacemaker", required_argument, NULL, PACEMAKER},
    {"group", required_argument, NULL, GROUP},
    {"storm-yaml", required_argument, NULL, STORM_YAML},
    {"state-file", required_argument, NULL, STATE_FILE},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"test", no_argument, NULL, 't'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "Usage: pacekeeper [OPTION]...\n"
    "       pacekeeper adopt [OPTION]... STORM_YAML     copies the ensemble's servers; adopt -h tells more\n"
    "       pacekeeper doctor [OPTION]...               looks at the machine and the ensemble, and says what "
    "is wrong\n"
    "       pacekeeper savings [OPTION]... PATH...      what it would spare, from ZooKeeper's transaction "
    "logs\n"
    "       pacekeeper show|explain|top|migration|drain|reload|close\n"
    "                                                   ask and tell a running one; COMMAND -h tells more\n"
    "A ZooKeeper proxy that keeps heartbeats in memory.\n"
    "\n"
    "  -c, --config FILE        read FILE (YAML); flags override it\n"
    "      --listen HOST:PORT   accept clients there (*:2181); may be repeated\n"
    "      --upstream HOST:PORT,...   servers of the ensemble; may be repeated\n"
    "      --mount PATH[=MODE[,KEY=VALUE]...]   hold what is below PATH (/storm/workerbeats=pacemaker);\n"
    "                           MODE is pacemaker, write-behind or relay; may be repeated;\n"
    "                           for instance /a=write-behind,flush=60s\n"
    "      --admin ADDRESS[,KEY=VALUE]...   metrics, page and commands there: HOST:PORT,\n"
    "                           tls:HOST:PORT or unix:/PATH; KEY is listen, token-file or unprotected\n"
    "      --pacemaker HOST:PORT[,KEY=VALUE...]   serve Storm's Pacemaker clients there, or none\n"
    "      --group HOST:PORT,secret-file=FILE[,KEY=VALUE]...   be one of a group, which the others reach "
    "there;\n"
    "                           KEY is name or buffer\n"
    "      --storm-yaml FILE    take servers, port and root from Storm's configuration\n"
    "      --state-file FILE    a stop writes there what is held, a start reads it\n"
    "      --log-level LEVEL    debug, info, warn or error\n"
    "  -t, --test               check the configuration, say what is wrong, and exit\n"
    "  -V, --version            print the version and exit\n"
    "  -h, --help               print this and exit\n";

static void give_up(struct pk_options *options, int status)
{
    options->action = PK_EXIT;
    options->status = status;
}

/* False, and said, when an option that has one value is given a second time: one of the two would be lost. */
static bool once(struct pk_options *options, unsigned *seen, int c)
{
    static const int single[] = {ADMIN, 'c', GROUP, PACEMAKER, STORM_YAML, STATE_FILE, LOG_LEVEL};
    for (unsigned i = 0; i < sizeof single / sizeof *single; i++) {
        if (single[i] != c)
            continue;
        const struct option *o = longs;
        while (o->val != c)
            o++;
        if (*seen >> i & 1) {
            fprintf(stderr, "pacekeeper: --%s is given twice\n", o->name);
            give_up(options, 2);
            return false;
        }
        *seen |= 1u << i;
    }
    return true;
}

/* First pass: what to do and which files to read. */
static void first_pass(struct pk_options *options)
{
    int c, argc = options->argc;
    char **argv = options->argv;
    unsigned seen = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, "c:tVh", longs, NULL)) != -1 && once(options, &seen, c)) {
        if (c == 'c') {
            options->config = optarg;
        } else if (c == STORM_YAML) {
            options->storm = optarg;
        } else if (c == 't') {
            options->action = PK_CHECK;
        } else if (c == 'V') {
            puts("pacekeeper " PACKAGE_VERSION);
            give_up(options, 0);
            return;
        } else if (c == 'h') {
            fputs(usage, stdout);
            give_up(options, 0);
            return;
        } else if (c == '?') {
            fputs("pacekeeper -h lists the options\n", stderr);
            give_up(options, 2);
            return;
        }
    }
    if (options->action != PK_EXIT && optind < argc) {
        fprintf(stderr, "pacekeeper: %s: no arguments are expected but options; pacekeeper -h lists them\n",
                argv[optind]);
        give_up(options, 2);
    }
}

/* Second pass: the flags that stand for configuration keys. */
static enum pk_err second_pass(struct pk_config *config, int argc, char **argv, const char **flag,
                               struct pk_config_error *error)
{
    bool listens = false, servers = false, mounts = false;
    enum pk_err err = PK_OK;
    int c, index = 0;
    optind = 1;
    while (err == PK_OK && (c = getopt_long(argc, argv, "c:tVh", longs, &index)) != -1) {
        if (c == LISTEN) {
            config->nlistens = listens ? config->nlistens : 0;
            listens = true;
            err = pk_config_add_listen(config, optarg, error);
        } else if (c == UPSTREAM) {
            config->nservers = servers ? config->nservers : 0;
            servers = true;
            err = pk_config_add_servers(config, optarg, 2181, error);
        } else if (c == MOUNT) {
            config->nmounts = mounts ? config->nmounts : 0;
            mounts = true;
            err = pk_config_add_mount(config, optarg, error);
        } else if (c == ADMIN) {
            err = pk_config_section_text(config, "admin", optarg, error);
        } else if (c == PACEMAKER) {
            err = pk_config_section_text(config, "pacemaker", optarg, error);
        } else if (c == GROUP) {
            err = pk_config_section_text(config, "group", optarg, error);
        } else if (c == STORM_YAML) {
            err = pk_config_set(config, "storm-yaml", optarg, error);
        } else if (c == STATE_FILE) {
            err = pk_config_set(config, "state-file", optarg, error);
        } else if (c == LOG_LEVEL) {
            err = pk_config_set(config, "log-level", optarg, error);
        }
        *flag = longs[index].name;
    }
    return err;
}

/* storm.yaml first: the configuration overrides it, also when it is the one that names it. */
static enum pk_err read_files(const struct pk_options *options, struct pk_config *config,
                              struct pk_config_error *error)
{
    char named[PK_VALUE_TEXT] = "";
    const char *storm = options->storm;
    if (storm == NULL && options->config != NULL &&
        pk_config_file_storm(named, options->config, error) != PK_OK)
        return PK_EINVAL;
    if (storm == NULL && named[0] != '\0')
        storm = named;
    config->source = PK_ORIGIN_STORM;
    if (storm != NULL && pk_config_storm(config, storm, error) != PK_OK)
        return PK_EINVAL;
    config->source = PK_ORIGIN_FILE;
    return options->config != NULL ? pk_config_file(config, options->config, error) : PK_OK;
}

static enum pk_err read_credentials(const struct pk_options *options, struct pk_config *config,
                                    struct pk_config_error *error)
{
    char path[PK_VALUE_TEXT * 2];
    const char *name = config->auth_file;
    if (name[0] == '\0')
        return PK_OK;
    if (pk_auth_path(path, sizeof path, name))
        return pk_auth_read(&config->auth, path, error);
    if (options->action != PK_CHECK)
        return pk_config_fail(
            error, NULL, 0,
            "auth-file: %.200s names a credential of systemd, and there are none (LoadCredential=); "
            "or write the whole path of a file",
            name);
    pk_config_note(config, false, NULL, 0,
                   "auth-file: %.200s is a credential of systemd, which only the unit has: not checked here",
                   name);
    return PK_OK;
}

/* A secret that stands alone in a file, or is a credential of systemd; name: what key says, "" for none. */
static enum pk_err read_line(const struct pk_options *options, const char *key, const char *name,
                             const char *what, char *out, size_t size, struct pk_config_error *error)
{
    char path[PK_VALUE_TEXT * 2];
    if (name[0] == '\0')
        return PK_OK;
    if (pk_auth_path(path, sizeof path, name))
        return pk_file_read_line(out, size, path, what, error);
    return options->action == PK_CHECK
               ? PK_OK
               : pk_config_fail(error, NULL, 0,
                                "%s: %.200s names a credential of systemd, and there are none", key, name);
}

static enum pk_err read_lines(const struct pk_options *options, struct pk_config *c,
                              struct pk_config_error *error)
{
    enum pk_err err = read_line(options, "admin.token-file", c->admin_token_file, "a token", c->admin_token,
                                sizeof c->admin_token, error);
    if (err == PK_OK)
        err = read_line(options, "group.secret-file", c->group_secret_file, "the secret of a group",
                        c->group_secret, sizeof c->group_secret, error);
    return err;
}

static enum pk_err read_sasl(struct pk_config *config, struct pk_config_error *error)
{
    const struct pk_sasl_wanted wanted = {.mechanisms = (unsigned)config->sasl_mechanisms,
                                          .jaas = config->sasl_jaas,
                                          .keytab = config->sasl_keytab,
                                          .principal = config->sasl_principal};
    enum pk_err err = pk_sasl_settings_read(&config->sasl, &wanted, error);
    if (err == PK_OK && wanted.mechanisms != 0)
        pk_config_note(config, false, NULL, 0,
                       "sasl: clients are authenticated here; the ensemble sees all of them without SASL "
                       "identities, and where it insists on them it refuses everybody");
    return err;
}

static void undump(const struct pk_config *config)
{
    pk_secret_undumped(&config->auth, sizeof config->auth);
    pk_secret_undumped(config->admin_token, sizeof config->admin_token);
    pk_secret_undumped(config->group_secret, sizeof config->group_secret);
    pk_secret_undumped(&config->pacemaker_login, sizeof config->pacemaker_login);
}

/* systemd's RuntimeDirectory has a socket for operators, and for the unit's reload, whatever else is named. */
static enum pk_err add_unit_socket(struct pk_config *config, struct pk_config_error *error)
{
    char text[PK_ADMIN_LISTEN];
    const char *folders = getenv("RUNTIME_DIRECTORY");
    const enum pk_origin from = config->admin_listens_from;
    if (folders == NULL || folders[0] != '/')
        return PK_OK;
    snprintf(text, sizeof text, "unix:%.*s/admin.sock", (int)strcspn(folders, ":"), folders);
    for (size_t i = 0; i < config->nadmin_listens; i++)
        if (strcmp(config->admin_listens[i], text) == 0)
            return PK_OK;
    enum pk_err err = pk_config_add_admin(config, text, error);
    config->admin_listens_from = from;
    return err;
}

enum pk_err pk_options_again(const struct pk_options *options, struct pk_config *config,
                             struct pk_config_error *error)
{
    const char *flag = "";
    pk_config_defaults(config);
    undump(config);
    if (read_files(options, config, error) != PK_OK)
        return PK_EINVAL;
    config->source = PK_ORIGIN_FLAG;
    enum pk_err err = second_pass(config, options->argc, options->argv, &flag, error);
    if (err != PK_OK) {
        struct pk_config_error inner = *error;
        return pk_config_fail(error, NULL, 0, "--%s: %s", flag, inner.text);
    }
    err = add_unit_socket(config, error);
    if (err == PK_OK)
        err = pk_config_check(config, error);
    if (err == PK_OK)
        err = pk_selves_check(config, options->action == PK_CHECK, error);
    if (err == PK_OK)
        err = read_lines(options, config, error);
    if (err == PK_OK)
        err = pk_tlsfiles_read(config, error);
    if (err == PK_OK)
        err = read_credentials(options, config, error);
    if (err == PK_OK)
        err = read_sasl(config, error);
    if (err == PK_OK)
        err = pk_policies_resolve(config, error);
    return err == PK_OK ? pk_pacemaker_login_read(config, error) : err;
}

void pk_options_read(struct pk_options *options, struct pk_config *config, int argc, char **argv)
{
    struct pk_config_error error = {""};
    *options = (struct pk_options){.action = PK_RUN, .argc = argc, .argv = argv};
    first_pass(options);
    if (options->action == PK_EXIT)
        return;
    if (pk_options_again(options, config, &error) != PK_OK) {
        fprintf(stderr, "pacekeeper: %s\n", error.text);
        give_up(options, 1);
    }
}

static void show_principal(const struct pk_kerberos *k)
{
    if (k->principal.service[0] != '\0')
        printf(", as %s/%s@%s", k->principal.service, k->principal.host, k->principal.realm);
    putchar('\n');
}

static void sasl_summary(const struct pk_config *config)
{
    char text[PK_VALUE_TEXT];
    const struct pk_sasl_settings *s = &config->sasl;
    if (config->sasl_mechanisms == 0)
        return;
    printf("sasl      %s", pk_value_show(PK_TYPE_MECHANISMS, &config->sasl_mechanisms, text));
    if (s->users.n > 0)
        printf(", %zu users", s->users.n);
    show_principal(&s->kerberos);
}

static void pacemaker_summary(const struct pk_config *config)
{
    const struct pk_pacemaker_login *login = &config->pacemaker_login;
    for (size_t i = 0; i < config->npacemaker_listens; i++) {
        const struct pk_hostport *at = &config->pacemaker_listens[i];
        printf("pacemaker %s:%u, pulses below %s", at->host[0] != '\0' ? at->host : "*", at->port,
               config->pacemaker_mount);
        if (login->method == PK_LOGIN_DIGEST)
            printf(", who logs in is %s", login->name);
        show_principal(&login->kerberos);
    }
}

static void auth_summary(const struct pk_config *config)
{
    if (config->auth_file[0] == '\0')
        return;
    printf("auth      ");
    for (size_t i = 0; i < config->auth.n; i++)
        printf("%s%s", i > 0 ? ", " : "", config->auth.entries[i].scheme);
    printf("%s %s\n", config->auth.n > 0 ? " of" : "nothing in", config->auth_file);
}

static void listen_summary(const char *what, const struct pk_hostport *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%s %s:%u\n", what, list[i].host[0] != '\0' ? list[i].host : "*", list[i].port);
}

void pk_options_summary(const struct pk_config *config)
{
    char text[PK_VALUE_TEXT];
    listen_summary("listen   ", config->listens, config->nlistens);
    listen_summary("tls      ", config->tls_listens, config->ntls_listens);
    for (size_t i = 0; i < config->nadmin_listens; i++)
        printf("admin     %s\n", config->admin_listens[i]);
    pacemaker_summary(config);
    if (pk_group_configured(config))
        printf("group     %s, reached at %s\n", config->group_name, config->group_listen);
    for (size_t i = 0; i < config->nservers; i++)
        printf("upstream  %s:%u%s\n", config->servers[i].host, config->servers[i].port,
               config->upstream_tls != NULL ? " with TLS" : "");
    for (size_t i = 0; i < config->nmounts; i++)
        printf("mount     %s=%s\n", config->mounts[i].path, pk_config_show_mount(config, i, text));
    if (config->instances[0] != '\0' && pk_config_holds(config))
        printf("instances %s\n", config->instances);
    auth_summary(config);
    sasl_summary(config);
    if (config->release)
        puts("stop      releases what is held into the ensemble");
    if (config->state_file[0] != '\0')
        printf("state     %s, for %s\n", config->state_file,
               pk_value_show(PK_TYPE_TIME, &config->state_max_age, text));
    for (size_t i = 0; i < config->nnotes; i++)
        printf("%s  %s\n", config->notes[i].warn ? "warning " : "note    ", config->notes[i].text);
    puts("the configuration is fine");
}
