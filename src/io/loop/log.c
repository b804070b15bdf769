/*
 * The log. Happy path: a message below the level costs a comparison; else its kind is asked whether it may
 * speak, the line is put together in one buffer and written with one write. A line that is too long is cut; a
 * stderr that cannot be written to is ignored, since there is nowhere to say so.
 */
#include "io/loop/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/loop/text.h"

enum { LINE = 1024, WINDOW_MS = 1000 };

static const struct {
    enum pk_log_level level;
    const char *text;
} closes[] =
    {
#define X(name, level, text) {PK_LOG_##level, text},
#include "core/conn/close.def"
#undef X
},
  notes[] = {
#define X(name, level, text) {PK_LOG_##level, text},
#include "core/conn/log_events.def"
#undef X
};

const char *pk_log_level_name(enum pk_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

const char *pk_log_close_text(enum pk_close why)
{
    return closes[why].text;
}

void pk_log_init(struct pk_log *log, enum pk_log_level level, int fd)
{
    *log = (struct pk_log){.level = level, .fd = fd};
}

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Puts time, level and who at the start of a line and returns their length. */
static size_t head(char *line, size_t size, int64_t now, enum pk_log_level level,
                   const struct pk_log_who *who)
{
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, size - n, ".%03dZ %s ", (int)(now % 1000), pk_log_level_name(level));
    if (who == NULL || (who->session == 0 && who->address == NULL))
        return n;
    const char *address = who->address != NULL ? who->address : "-";
    if (who->session != 0)
        n += (size_t)snprintf(line + n, size - n, "[0x%" PRIx64 " %.80s] ", (uint64_t)who->session, address);
    else
        n += (size_t)snprintf(line + n, size - n, "[- %.80s] ", address);
    return n;
}

static void put(struct pk_log *log, char *line, size_t n, size_t size)
{
    if (n > size - 2)
        n = size - 2;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[n++] = '\n';
    if (write(log->fd, line, n) < 0)
        return;
}

/* What lines of a kind are about. */
static const char *about(enum pk_log_kind kind)
{
    static const char *const own[] = {"start and stop",
                                      "clients that could not be accepted",
                                      "clients that connected",
                                      "servers of the ensemble",
                                      "attempts at servers",
                                      "names",
                                      "what exists below the mounts",
                                      "other pacekeepers",
                                      "signals"};
    if (kind < PK_LOG_CORE_RECURSIVE_WATCH)
        return closes[kind].text;
    return kind < PK_LOG_START ? notes[kind - PK_LOG_CORE_RECURSIVE_WATCH].text : own[kind - PK_LOG_START];
}

static void say_suppressed(struct pk_log *log, enum pk_log_kind kind, int64_t now)
{
    char line[LINE];
    size_t n = head(line, sizeof line, now, PK_LOG_WARN, NULL);
    n += (size_t)snprintf(line + n, sizeof line - n, "%" PRIu32 " more lines left out: %s",
                          log->kinds[kind].suppressed, about(kind));
    put(log, line, n, sizeof line);
    log->kinds[kind].suppressed = 0;
}

/* Whether a line of this kind may be written now. */
static bool may_speak(struct pk_log *log, enum pk_log_kind kind, int64_t now)
{
    if (kind == PK_LOG_START)
        return true;
    if (now - log->kinds[kind].since_ms >= WINDOW_MS || now < log->kinds[kind].since_ms) {
        if (log->kinds[kind].suppressed > 0)
            say_suppressed(log, kind, now);
        log->kinds[kind].since_ms = now;
        log->kinds[kind].lines = 0;
    }
    if (log->kinds[kind].lines < PK_LOG_BURST) {
        log->kinds[kind].lines++;
        return true;
    }
    log->kinds[kind].suppressed++;
    return false;
}

void pk_log(struct pk_log *log, enum pk_log_level level, enum pk_log_kind kind, const struct pk_log_who *who,
            const char *format, ...)
{
    if (level < log->level)
        return;
    int64_t now = wall_ms();
    if (!may_speak(log, kind, now))
        return;
    char line[LINE];
    size_t n = head(line, sizeof line, now, level, who);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + n, sizeof line - n, format, args);
    va_end(args);
    if (log->echo != NULL)
        pk_text_add(log->echo, "%s: %s\n", pk_log_level_name(level), line + n);
    put(log, line, n + (more > 0 ? (size_t)more : 0), sizeof line);
}

void pk_log_flush(struct pk_log *log, bool force)
{
    int64_t now = wall_ms();
    for (int kind = 0; kind < PK_LOG_KINDS; kind++)
        if (log->kinds[kind].suppressed > 0 && (force || now - log->kinds[kind].since_ms >= WINDOW_MS))
            say_suppressed(log, (enum pk_log_kind)kind, now);
}

void pk_log_close(struct pk_log *log, const struct pk_log_who *who, enum pk_close why, const char *server)
{
    pk_log(log, closes[why].level, (enum pk_log_kind)why, who, "%s%s%s%s", closes[why].text,
           server != NULL ? " (server " : "", server != NULL ? server : "", server != NULL ? ")" : "");
}

void pk_log_event(struct pk_log *log, const struct pk_log_who *who, const struct core_log_event *note)
{
    enum pk_log_kind kind = (enum pk_log_kind)(PK_LOG_CORE_RECURSIVE_WATCH + (int)note->kind);
    pk_log(log, notes[note->kind].level, kind, who, "%s: %s (%" PRId64 ")", notes[note->kind].text,
           note->path, note->number);
}
