/*
 * The log. Happy path: a message below the level costs a comparison; else its kind is asked whether it may speak, the
 * line is put together in one buffer, as text or as JSON, and written with one write. A line that is too long is cut; a
 * stderr that cannot be written to is ignored, since there is nowhere to say so.
 */
#include "io/loop/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/loop/text.h"
#include "proto/path.h"

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

/* Who starts a service says which file its output is (systemd.exec(5)); what was redirected since is another one. */
static bool is_journal(int fd)
{
    char found[64];
    struct stat st;
    const char *stream = getenv("JOURNAL_STREAM");
    if (stream == NULL || fstat(fd, &st) != 0)
        return false;
    snprintf(found, sizeof found, "%" PRIu64 ":%" PRIu64, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
    return strcmp(found, stream) == 0;
}

void pk_log_init(struct pk_log *log, enum pk_log_level level, int fd)
{
    *log = (struct pk_log){.level = level, .fd = fd, .journal = is_journal(fd)};
}

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A line that is being put together; what does not fit is cut. */
struct line {
    char text[2 * LINE];
    size_t n;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->n, sizeof line->text - line->n, format, args);
    va_end(args);
    line->n += n > 0 ? (size_t)n : 0;
    if (line->n >= sizeof line->text)
        line->n = sizeof line->text - 1;
}

static void add_time(struct line *line, int64_t now)
{
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    char text[24] = "?";
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    add(line, "%s.%03dZ", text, (int)(now % 1000));
}

/* What clients have named is bytes: in JSON it must be characters. */
static void add_json(struct line *line, const char *name, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t left = strlen(text);
    add(line, ", \"%s\": \"", name);
    while (left > 0) {
        uint32_t c = '?';
        size_t len = pk_utf8(p, left, &c);
        bool plain = len > 0 && c >= ' ' && c != 0x7f;
        if (c == '"' || c == '\\')
            add(line, "\\");
        add(line, "%.*s", plain ? (int)len : 1, plain ? (const char *)p : "?");
        p += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
    add(line, "\"");
}

static void json(struct line *line, int64_t now, enum pk_log_level level, const struct pk_log_who *who,
                 const char *message)
{
    add(line, "{\"time\": \"");
    add_time(line, now);
    add(line, "\"");
    add_json(line, "level", pk_log_level_name(level));
    if (who != NULL && who->session != 0)
        add(line, ", \"session\": \"0x%" PRIx64 "\"", (uint64_t)who->session);
    if (who != NULL && who->address != NULL)
        add_json(line, "client", who->address);
    add_json(line, "message", message);
    add(line, "}");
}

static void text(struct line *line, int64_t now, bool journal, enum pk_log_level level,
                 const struct pk_log_who *who, const char *message)
{
    size_t start = line->n;
    if (!journal) {
        add_time(line, now);
        add(line, " ");
    }
    add(line, "%s ", pk_log_level_name(level));
    if (who != NULL && who->session != 0)
        add(line, "[0x%" PRIx64 " %.80s] ", (uint64_t)who->session,
            who->address != NULL ? who->address : "-");
    else if (who != NULL && who->address != NULL)
        add(line, "[- %.80s] ", who->address);
    add(line, "%s", message);
    for (size_t i = start; i < line->n; i++)
        if ((unsigned char)line->text[i] < ' ' || line->text[i] == 0x7f)
            line->text[i] = '?';
}

static void put(struct pk_log *log, int64_t now, enum pk_log_level level, const struct pk_log_who *who,
                const char *message)
{
    static const int priorities[] = {7, 6, 4, 3}; /* of syslog */
    struct line line = {.n = 0};
    if (log->journal)
        add(&line, "<%d>", priorities[level]);
    if (log->format == PK_LOG_JSON)
        json(&line, now, level, who, message);
    else
        text(&line, now, log->journal, level, who, message);
    line.text[line.n++] = '\n';
    if (write(log->fd, line.text, line.n) < 0)
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
    char message[LINE];
    snprintf(message, sizeof message, "%" PRIu32 " more lines left out: %s", log->kinds[kind].suppressed,
             about(kind));
    put(log, now, PK_LOG_WARN, NULL, message);
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
    char message[LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (log->echo != NULL)
        pk_text_add(log->echo, "%s: %s\n", pk_log_level_name(level), message);
    put(log, now, level, who, message);
}

void pk_log_flush(struct pk_log *log, bool force)
{
    int64_t now = wall_ms();
    for (int kind = 0; kind < PK_LOG_KINDS; kind++)
        if (log->kinds[kind].suppressed > 0 && (force || now - log->kinds[kind].since_ms >= WINDOW_MS))
            say_suppressed(log, (enum pk_log_kind)kind, now);
}

/* Of the clients of a lost server the log has a sum (io/conn/holds.h), and no line each. */
static bool is_summed_up(enum pk_close why)
{
    switch (why) {
    case PK_CLOSE_HOLD_DEADLINE:
    case PK_CLOSE_HOLD_TIMEOUT:
    case PK_CLOSE_HOLD_AUTH:
    case PK_CLOSE_NOT_HELD_WRITE:
    case PK_CLOSE_NOT_HELD_PART:
    case PK_CLOSE_NOT_HELD_SASL:
    case PK_CLOSE_NOT_HELD_READ_ONLY:
    case PK_CLOSE_NOT_HELD_LASTING:
    case PK_CLOSE_NOT_HELD_WATCHES:
    case PK_CLOSE_NOT_HELD_UNKNOWN:
        return true;
    default:
        return false;
    }
}

void pk_log_close(struct pk_log *log, const struct pk_log_who *who, enum pk_close why, const char *details)
{
    enum pk_log_level level = closes[why].level;
    if (who != NULL && who->session != 0 && level < PK_LOG_INFO && !is_summed_up(why))
        level = PK_LOG_INFO;
    pk_log(log, level, (enum pk_log_kind)why, who, "%s%s%s%s", closes[why].text,
           details[0] != '\0' ? " (" : "", details, details[0] != '\0' ? ")" : "");
}

void pk_log_event(struct pk_log *log, const struct pk_log_who *who, const struct core_log_event *note)
{
    enum pk_log_kind kind = (enum pk_log_kind)(PK_LOG_CORE_RECURSIVE_WATCH + (int)note->kind);
    pk_log(log, notes[note->kind].level, kind, who, "%s: %s (%" PRId64 ")", notes[note->kind].text,
           note->path, note->number);
}
