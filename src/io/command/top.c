/*
 * top. Happy path: on a terminal the screen is drawn anew each second until a signal, or q; else, or with --stat, a
 * line a second. Failure modes: the daemon goes: said, with exit status 1; the reader of a pipe goes: the end.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "io/command/line.h"
#include "io/command/operator.h"

enum { EACH_MS = 1000 };

static const char usage[] = "Usage: pacekeeper top [OPTION]...\n"
                            "What a running pacekeeper does now; q ends it. In a pipe a line a second.\n\n"
                            "  --stat              a line a second, on a terminal too\n"
                            "  --json              one object, and the end\n";

/* As much of the text as the screen has room for, each line cut at its width. */
static void draw(const char *text)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    (void)!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    int rows = size.ws_row > 0 ? size.ws_row : 24, columns = size.ws_col > 0 ? size.ws_col : 80;
    bool first = true;
    fputs("\033[H", stdout);
    for (int row = 0; row < rows - 1; row++, first = false) {
        int len = (int)strcspn(text, "\n");
        const char *style = first ? "\033[1m" : "";
        printf("%s%.*s%s\033[K\r\n", style, len < columns ? len : columns, text, first ? "\033[0m" : "");
        text += len;
        text += *text == '\n';
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

/* Waits for the next second; false when q was pressed, or the terminal has gone. */
static bool wait_on(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char key = 0;
    int n = poll(&poll_fd, fd >= 0 ? 1 : 0, EACH_MS);
    if (n < 0)
        return false;
    return n == 0 || (read(fd, &key, 1) == 1 && key != 'q' && key != 3);
}

static int lines(const struct pk_line *line)
{
    int status = 0;
    while (status == 0) {
        status = pk_line_ask(line, "GET", "/api/v1/top?format=line");
        if (fflush(stdout) != 0 || !wait_on(-1))
            break;
    }
    return status;
}

static bool screen_once(const struct pk_line *line)
{
    struct pk_text answer = {0};
    bool fine = pk_talk(&line->talk, "GET", "/api/v1/top?format=text", &answer) == 200 && answer.p != NULL;
    if (fine)
        draw(answer.p);
    free(answer.p);
    return fine;
}

static int screen(const struct pk_line *line)
{
    struct termios before, raw;
    bool keys = tcgetattr(STDIN_FILENO, &before) == 0;
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l\033[2J", stdout);
    bool fine = screen_once(line);
    while (fine && wait_on(keys ? STDIN_FILENO : -1))
        fine = screen_once(line);
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return fine ? 0 : 1;
}

int pk_command_top(int argc, char **argv)
{
    struct pk_line line;
    if (!pk_line_read(&line, argc, argv, PK_LINE_JSON | PK_LINE_STAT, usage))
        return line.status;
    signal(SIGPIPE, SIG_DFL);
    if (line.json)
        return pk_line_ask(&line, "GET", "/api/v1/top");
    return line.stat || !isatty(STDOUT_FILENO) ? lines(&line) : screen(&line);
}
