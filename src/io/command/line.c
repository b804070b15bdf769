/*
 * Command lines of operators. Happy path: options, then one argument where there is one. Failure modes: what the
 * command does not take, an argument too many or too few: said, with -h as the way on.
 */
#include "io/command/line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/readfile.h"

enum { ADMIN = 256, TOKEN, CA, CERTIFICATE, KEY, JSON, STAT, RATE, LIVE };

static const struct option longs[] = {
    {"admin", required_argument, NULL, ADMIN},
    {"token-file", required_argument, NULL, TOKEN},
    {"ca", required_argument, NULL, CA},
    {"certificate", required_argument, NULL, CERTIFICATE},
    {"key", required_argument, NULL, KEY},
    {"json", no_argument, NULL, JSON},
    {"stat", no_argument, NULL, STAT},
    {"rate", required_argument, NULL, RATE},
    {"live", no_argument, NULL, LIVE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char common[] =
    "  --admin ADDRESS     where its admin side is: unix:/PATH, HOST:PORT or tls:HOST:PORT\n"
    "                      (" PK_COMMAND_SOCKET ")\n"
    "  --token-file FILE   the token, for HOST:PORT\n"
    "  --ca FILE           for tls: the authority of its certificate\n"
    "  --certificate FILE, --key FILE   ours, where it asks for one\n"
    "  -h, --help          print this and exit\n";

static bool wrong(struct pk_line *line, const char *command, const char *why)
{
    fprintf(stderr, "pacekeeper %s: %s; pacekeeper %s -h tells more\n", command, why, command);
    line->status = 2;
    return false;
}

static unsigned needed(int c)
{
    return c == JSON   ? PK_LINE_JSON
           : c == STAT ? PK_LINE_STAT
           : c == RATE ? PK_LINE_RATE
           : c == LIVE ? PK_LINE_LIVE
                       : PK_LINE_NOTHING;
}

/* Options that are where the daemon is, and files for TLS. */
static bool take_file(struct pk_talk *talk, int c)
{
    const char **where = c == ADMIN         ? &talk->address
                         : c == CA          ? &talk->ca
                         : c == CERTIFICATE ? &talk->certificate
                         : c == KEY         ? &talk->key
                                            : NULL;
    if (where != NULL)
        *where = optarg;
    return where != NULL;
}

static bool take(struct pk_line *line, int c, unsigned takes, const char *command, const char *usage)
{
    struct pk_config_error error;
    unsigned needs = needed(c);
    if (c == '?' || (takes & needs) != needs)
        return wrong(line, command, "an option that it does not take");
    if (c == 'h') {
        printf("%s%s", usage, common);
        line->status = 0;
        return false;
    }
    if (c == RATE)
        line->rate = optarg;
    if (take_file(&line->talk, c))
        return true;
    line->json |= c == JSON;
    line->stat |= c == STAT;
    if (c != TOKEN ||
        pk_file_read_line(line->talk.token, sizeof line->talk.token, optarg, "a token", &error) == PK_OK)
        return true;
    fprintf(stderr, "pacekeeper %s: %s\n", command, error.text);
    line->status = 1;
    return false;
}

bool pk_line_read(struct pk_line *line, int argc, char **argv, unsigned takes, const char *usage)
{
    const char *why = NULL;
    int c;
    *line = (struct pk_line){.talk = {.address = PK_COMMAND_SOCKET}};
    optind = 1;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1)
        if (!take(line, c, takes, argv[0], usage))
            return false;
    if (pk_admin_address(line->talk.address, &why) != PK_OK)
        return wrong(line, argv[0], why);
    if (pk_admin_is_tls(line->talk.address) && line->talk.ca == NULL)
        return wrong(line, argv[0], "tls: takes --ca FILE, the authority of the daemon's certificate");
    if ((line->talk.certificate == NULL) != (line->talk.key == NULL))
        return wrong(line, argv[0], "a certificate and its key need each other");
    if (takes & PK_LINE_ARGUMENT) {
        if (optind + 1 != argc)
            return wrong(line, argv[0], "one argument is expected");
        line->argument = argv[optind];
    } else if (optind < argc) {
        return wrong(line, argv[0], "no argument is expected");
    }
    return true;
}

int pk_line_show(int status, struct pk_text *answer)
{
    if (status != 0 && answer->p != NULL)
        fputs(answer->p, status == 200 ? stdout : stderr);
    free(answer->p);
    return status == 200 ? 0 : 1;
}

int pk_line_ask(const struct pk_line *line, const char *method, const char *path)
{
    struct pk_text answer = {0};
    return pk_line_show(pk_talk(&line->talk, method, path, &answer), &answer);
}
