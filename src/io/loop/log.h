/*
 * The log: one line on stderr for each message, with time, level, who, what and why.
 *
 *   2026-11-22T20:01:02.345Z warn [0x1000019 10.0.0.7:40122] no server of the ensemble could be reached
 *
 * or as an object of JSON with the same parts. Where stderr is the journal, which has times of its own, the line begins
 * with the priority instead, as sd-daemon(3) has it.
 *
 * Every message has a kind; of each kind at most PK_LOG_BURST lines a second are written, the rest is counted
 * and the count is written afterwards, so that a thousand clients that fail alike do not hide what happens
 * beside them.
 */
#ifndef PK_IO_LOOP_LOG_H
#define PK_IO_LOOP_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"

enum pk_log_level { PK_LOG_DEBUG, PK_LOG_INFO, PK_LOG_WARN, PK_LOG_ERROR };

enum pk_log_format { PK_LOG_TEXT, PK_LOG_JSON };

enum { PK_LOG_BURST = 20 };

/* Kinds of messages: each way a connection ends, each note of the core, then what io itself says. */
enum pk_log_kind {
#define X(name, level, text) PK_LOG_CLOSE_##name,
#include "core/conn/close.def"
#undef X
#define X(name, level, text) PK_LOG_CORE_##name,
#include "core/conn/log_events.def"
#undef X
    PK_LOG_START,     /* start, stop and configuration: never limited */
    PK_LOG_ACCEPT,    /* clients that could not be accepted */
    PK_LOG_VISITOR,   /* visitors of the admin side */
    PK_LOG_CLIENT,    /* clients that come */
    PK_LOG_SASL,      /* clients that are authenticated here, or are not */
    PK_LOG_UPSTREAM,  /* servers of the ensemble that come, go or are refused */
    PK_LOG_ATTEMPT,   /* one client's attempt at one server */
    PK_LOG_RESOLVE,   /* names */
    PK_LOG_SURVEY,    /* what exists below the mounts */
    PK_LOG_INSTANCES, /* other pacekeepers */
    PK_LOG_MEMBER,    /* other members of the group */
    PK_LOG_SIGNAL,    /* signals that mean nothing here */
    PK_LOG_KINDS,
};

struct pk_text;

/* On whose behalf a line is written; NULL stands for nobody. */
struct pk_log_who {
    int64_t session;     /* 0 when there is none */
    const char *address; /* NULL when unknown */
};

struct pk_log {
    enum pk_log_level level; /* less important lines are not written */
    enum pk_log_format format;
    bool journal; /* fd is the journal's */
    int fd;
    struct pk_text *echo; /* who asked for what is done now, and wants to read it too; or NULL */
    struct {
        int64_t since_ms;
        uint32_t lines, suppressed;
    } kinds[PK_LOG_KINDS];
};

/* Writes to fd what is at least as important as level, as text; finds out whether fd is the journal. */
void pk_log_init(struct pk_log *log, enum pk_log_level level, int fd);
void pk_log(struct pk_log *log, enum pk_log_level level, enum pk_log_kind kind, const struct pk_log_who *who,
            const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Writes the counts of suppressed lines that are due; called now and then, and with force at the end. */
void pk_log_flush(struct pk_log *log, bool force);

/*
 * How a connection ended, and what the core noted: levels and texts of close.def and log_events.def. A session's end is
 * worth at least INFO, but for those of a lost server's clients. details: what is known of the connection, "" for
 * nothing.
 */
void pk_log_close(struct pk_log *log, const struct pk_log_who *who, enum pk_close why, const char *details);
void pk_log_event(struct pk_log *log, const struct pk_log_who *who, const struct core_log_event *note);

/* The text of close.def. */
const char *pk_log_close_text(enum pk_close why);
/* "debug", "info", "warn" or "error". */
const char *pk_log_level_name(enum pk_log_level level);

#endif
