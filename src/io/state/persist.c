/*
 * Held znodes over a restart. Happy path: a stop writes every record of the core, the next start gives them back and
 * removes the file, so that a crash later does not bring older heartbeats back. Failure modes: a file that is too old,
 * or from the future, is ignored and stays; a damaged one is put aside as FILE.bad; records that no mount holds any
 * more are left out and counted; a file that cannot be written is an error in the log and in the exit status.
 */
#include "io/state/persist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/loop/loop.h"
#include "io/state/statefile.h"

/* The damaged file is evidence, and must not be in the way of the next one. */
static void put_aside(struct pk_loop *loop, const char *why)
{
    const char *file = loop->config->state_file;
    char aside[PK_STATE_PATH];
    snprintf(aside, sizeof aside, "%.511s.bad", file);
    bool moved = rename(file, aside) == 0;
    pk_log(loop->log, PK_LOG_WARN, PK_LOG_START, NULL,
           "state file %s: %s; nothing is restored, and the file %s%s", file, why,
           moved ? "is kept as " : "cannot be put aside: ", moved ? aside : strerror(errno));
}

/* False, and said, when the file may not be used. */
static bool young_enough(struct pk_loop *loop, const struct pk_state_head *head)
{
    char age[PK_VALUE_TEXT], limit[PK_VALUE_TEXT];
    int64_t ms = loop->wall_ms - head->wall_ms, max = loop->config->state_max_age;
    bool future = ms < 0;
    ms = future ? -ms : ms;
    ms -= ms % 1000;
    if (ms <= max)
        return true;
    pk_log(loop->log, PK_LOG_WARN, PK_LOG_START, NULL,
           "state file %s: it was written %s %s, more than state-max-age (%s); nothing is restored",
           loop->config->state_file, pk_value_show(PK_TYPE_TIME, &ms, age),
           future ? "in the future, says the clock" : "ago", pk_value_show(PK_TYPE_TIME, &max, limit));
    return false;
}

static void restore(struct pk_loop *loop, struct pk_state_reader *reader, const struct pk_state_head *head)
{
    struct core_record record;
    int64_t local = 0, left_out = 0, age_s = (loop->wall_ms - head->wall_ms) / 1000;
    core_restore_zxid(loop->core, head->newest_zxid);
    while (pk_state_next(reader, &record))
        if (core_restore(loop->core, &record) != PK_OK)
            left_out += record.local;
        else
            local += record.local;
    pk_log(loop->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "state file %s: %" PRId64 " znodes restored, written %" PRId64 " s ago", loop->config->state_file,
           local, age_s > 0 ? age_s : 0);
    if (left_out > 0)
        pk_log(loop->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "%" PRId64
               " znodes of the state file are left out: no mount of now holds them, a bound is reached, "
               "or their parents count fewer children",
               left_out);
}

bool pk_persist_load(struct pk_loop *loop)
{
    struct pk_state_map map;
    struct pk_state_reader reader;
    struct pk_state_head head;
    const char *why = "", *file = loop->config->state_file;
    bool restored = false;
    if (file[0] == '\0')
        return false;
    switch (pk_state_map(&map, file, &why)) {
    case PK_OK:
        break;
    case PK_ENOENT:
        pk_log(loop->log, PK_LOG_INFO, PK_LOG_START, NULL, "state file %s: there is none, nothing to restore",
               file);
        return false;
    default:
        pk_log(loop->log, PK_LOG_WARN, PK_LOG_START, NULL, "state file %s cannot be read: %s", file, why);
        return false;
    }
    if (pk_state_open(&reader, &head, map.bytes, map.len, &why) != PK_OK) {
        put_aside(loop, why);
    } else if (young_enough(loop, &head)) {
        restore(loop, &reader, &head);
        restored = true;
    }
    pk_state_unmap(&map);
    return restored;
}

void pk_persist_remove(struct pk_loop *loop)
{
    if (unlink(loop->config->state_file) != 0 && errno != ENOENT)
        pk_log(
            loop->log, PK_LOG_WARN, PK_LOG_START, NULL,
            "state file %s cannot be removed: %s. It would be read again after a crash, up to state-max-age",
            loop->config->state_file, strerror(errno));
}

static int64_t count(struct pk_loop *loop, int64_t *local)
{
    struct core_cursor cursor = {0, NULL};
    struct core_record record;
    int64_t n = 0;
    for (; core_save_next(loop->core, &cursor, &record); n++)
        *local += record.local;
    return n;
}

bool pk_persist_save(struct pk_loop *loop)
{
    struct core_cursor cursor = {0, NULL};
    struct core_record record;
    struct pk_state_writer writer;
    const char *why = "", *file = loop->config->state_file;
    int64_t local = 0;
    if (file[0] == '\0')
        return true;
    pk_loop_clock(loop);
    struct pk_state_head head = {loop->wall_ms, core_stats(loop->core)->newest_zxid, count(loop, &local)};
    pk_state_begin(&writer, file, &head);
    while (core_save_next(loop->core, &cursor, &record))
        pk_state_add(&writer, &record);
    bool written = pk_state_end(&writer, &why) == PK_OK;
    if (written)
        pk_log(loop->log, PK_LOG_INFO, PK_LOG_START, NULL, "state file %s: %" PRId64 " znodes written", file,
               local);
    else
        pk_log(loop->log, PK_LOG_ERROR, PK_LOG_START, NULL,
               "state file %s cannot be written: %s; %" PRId64 " znodes are lost", file, why, local);
    return written;
}

void pk_persist_check(struct pk_loop *loop)
{
    char folder[PK_VALUE_TEXT];
    snprintf(folder, sizeof folder, "%s", loop->config->state_file);
    char *slash = strrchr(folder, '/');
    if (folder[0] == '\0')
        return;
    if (slash != NULL)
        slash[slash == folder] = '\0';
    if (access(slash != NULL ? folder : ".", W_OK | X_OK) != 0)
        pk_log(loop->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "state file %s could not be written at a stop: its folder: %s", loop->config->state_file,
               strerror(errno));
}
