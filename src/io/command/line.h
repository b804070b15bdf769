/*
 * What the command lines of the operator's commands have in common.
 */
#ifndef PK_IO_COMMAND_LINE_H
#define PK_IO_COMMAND_LINE_H

#include <stdbool.h>

#include "io/command/talk.h"

struct pk_line {
    struct pk_talk talk;
    bool json, stat;
    const char *rate;     /* NULL: not given */
    const char *argument; /* the one behind the options, NULL: none */
    int status;           /* with false */
};

enum pk_line_takes {
    PK_LINE_NOTHING = 0,
    PK_LINE_ARGUMENT = 1,
    PK_LINE_JSON = 2,
    PK_LINE_STAT = 4,
    PK_LINE_RATE = 8,
    PK_LINE_LIVE = 16 /* the word by which the command was chosen */
};

/* Reads a command line; usage is what -h says. False: it ends with line->status, and everything is said. */
bool pk_line_read(struct pk_line *line, int argc, char **argv, unsigned takes, const char *usage);
/* Prints what pk_talk has returned, and frees it: on stdout, with an error's status on stderr. The exit status. */
int pk_line_show(int status, struct pk_text *answer);
/* Asks, and does that with the answer. */
int pk_line_ask(const struct pk_line *line, const char *method, const char *path);

#endif
