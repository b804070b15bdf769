/*
 * migration. Happy path: the daemon has the ensemble asked, and says when it is asked again who is here and who is not.
 * Failure modes: it cannot say, or has not after a minute: printed, with status 1.
 */
#include <stdlib.h>
#include <unistd.h>

#include "io/command/line.h"
#include "io/command/operator.h"

enum { EACH_US = 200000, TIMES = 60 * 1000000 / EACH_US, BEING_ASKED = 202 };

int pk_command_migration(int argc, char **argv)
{
    struct pk_line line;
    if (!pk_line_read(&line, argc, argv, PK_LINE_JSON,
                      "Usage: pacekeeper migration [OPTION]...\n"
                      "Which supervisors, workers and Nimbus come through a running pacekeeper, and which "
                      "still go directly to\nthe ensemble, which is asked for that.\n\n"
                      "  --json              for programs\n"))
        return line.status;
    int status = BEING_ASKED;
    struct pk_text answer = {0};
    for (int i = 0; i < TIMES && status == BEING_ASKED; i++) {
        if (i > 0)
            usleep(EACH_US);
        free(answer.p);
        answer = (struct pk_text){0};
        status = pk_talk(&line.talk, "GET", line.json ? "/api/v1/migration" : "/api/v1/migration?format=text",
                         &answer);
    }
    return pk_line_show(status, &answer);
}
