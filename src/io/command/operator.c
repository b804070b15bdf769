/*
 * show, explain, drain, reload, close, savings --live. Happy path: the daemon is asked for text, or for JSON, and what
 * it says is printed. Failure modes: a word that is none of show's; what the daemon refuses is printed, with status 1.
 */
#include "io/command/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/command/line.h"

static const char *const things[] = {"servers", "clients", "mounts", "paths", "late", "config", "group"};

/* Asks with an argument that may have any characters. */
static int ask(const struct pk_line *line, const char *method, const char *path, const char *name,
               const char *value)
{
    struct pk_text text = {0};
    pk_text_add(&text, "%s?format=%s", path, line->json ? "json" : "text");
    if (value != NULL) {
        pk_text_add(&text, "&%s=", name);
        pk_talk_escape(&text, value);
    }
    int status = text.failed ? 1 : pk_line_ask(line, method, text.p);
    free(text.p);
    return status;
}

int pk_command_show(int argc, char **argv)
{
    struct pk_line line;
    char path[64];
    if (!pk_line_read(&line, argc, argv, PK_LINE_ARGUMENT | PK_LINE_JSON,
                      "Usage: pacekeeper show [OPTION]... servers|clients|mounts|paths|late|config|group\n"
                      "Prints what a running pacekeeper has.\n\n"
                      "  --json              for programs\n"))
        return line.status;
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        if (strcmp(line.argument, things[i]) != 0)
            continue;
        snprintf(path, sizeof path, "/api/v1/%s", things[i]);
        return ask(&line, "GET", path, NULL, NULL);
    }
    fprintf(stderr, "pacekeeper show: servers, clients, mounts, paths, late, config or group is expected\n");
    return 2;
}

int pk_command_explain(int argc, char **argv)
{
    struct pk_line line;
    if (!pk_line_read(
            &line, argc, argv, PK_LINE_ARGUMENT | PK_LINE_JSON,
            "Usage: pacekeeper explain [OPTION]... PATH\n"
            "Says why writes of a znode are answered from memory, or are not, and who watches it.\n\n"
            "  --json              for programs\n"))
        return line.status;
    return ask(&line, "GET", "/api/v1/explain", "path", line.argument);
}

int pk_command_drain(int argc, char **argv)
{
    struct pk_line line;
    if (!pk_line_read(&line, argc, argv, PK_LINE_RATE,
                      "Usage: pacekeeper drain [OPTION]...\n"
                      "Takes no new clients, has /ready say no, and lets those who are here leave, each at "
                      "the end of an\n"
                      "answer. It runs on without clients until it is stopped.\n\n"
                      "  --rate N            so many a second; without it all at once\n"))
        return line.status;
    return ask(&line, "POST", "/api/v1/drain", "rate", line.rate);
}

int pk_command_reload(int argc, char **argv)
{
    struct pk_line line;
    if (!pk_line_read(&line, argc, argv, PK_LINE_NOTHING,
                      "Usage: pacekeeper reload [OPTION]...\n"
                      "Has the configuration read again, and says what was changed and what takes a restart. "
                      "With a mistake\n"
                      "nothing is changed, and the exit status is 1.\n\n"))
        return line.status;
    return ask(&line, "POST", "/api/v1/reload", NULL, NULL);
}

int pk_command_close(int argc, char **argv)
{
    struct pk_line line;
    if (!pk_line_read(&line, argc, argv, PK_LINE_ARGUMENT,
                      "Usage: pacekeeper close [OPTION]... CLIENT\n"
                      "Closes a client's connection at the end of an answer: its number or HOST:PORT, as in "
                      "show clients.\n\n"))
        return line.status;
    return ask(&line, "POST", "/api/v1/close", "client", line.argument);
}

int pk_command_live(int argc, char **argv)
{
    struct pk_line line;
    if (!pk_line_read(
            &line, argc, argv, PK_LINE_JSON | PK_LINE_LIVE,
            "Usage: pacekeeper savings --live [OPTION]...\n"
            "Says what each mode would spare of the writes that clients of a running pacekeeper have "
            "asked for since its\nstart: with mounts in the mode relay nothing is changed, only "
            "counted.\n\n"
            "  --json              for programs\n"))
        return line.status;
    return ask(&line, "GET", "/api/v1/savings", NULL, NULL);
}
