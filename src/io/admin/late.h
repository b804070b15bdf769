/*
 * How old the beats below the mounts are: a bounded walk, remembered for a moment, so that whoever asks often asks for
 * nothing.
 */
#ifndef PK_IO_ADMIN_LATE_H
#define PK_IO_ADMIN_LATE_H

#include "io/config/config.h"
#include "io/loop/loop.h"

enum { PK_LATE_SHOWN = 20, PK_LATE_AFTER_MS = 60000, PK_LATE_PATH = 256 };

struct pk_late_mount {
    bool whole;        /* all held znodes were looked at */
    int64_t oldest_ms; /* Unix time of the oldest newest write, 0: nothing is held */
    int64_t late;      /* how many nobody has written for a minute */
};

struct pk_late_beat {
    char path[PK_LATE_PATH]; /* its end, where it is longer */
    size_t mount;
    int64_t mtime;
};

struct pk_late {
    int64_t looked_us; /* 0: never */
    struct pk_late_mount mounts[PK_STORE_MOUNTS];
    struct pk_late_beat beats[PK_LATE_SHOWN]; /* the latest, oldest first */
    size_t nbeats;
};

/* Looks again when the newest look is older than a few seconds. */
void pk_late_look(struct pk_late *late, const struct pk_loop *loop);

#endif
