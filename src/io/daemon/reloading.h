/*
 * The parts of a reload (reload.c): what they have in common, and those that have a file of their own.
 */
#ifndef PK_IO_DAEMON_RELOADING_H
#define PK_IO_DAEMON_RELOADING_H

#include "io/config/config.h"

struct pk_daemon;

struct reload {
    struct pk_daemon *daemon;
    struct pk_config *old, *new; /* in use; read now */
    bool own_changed;            /* our own credentials, which policies name */
    int changed, kept;           /* kept: differs, and takes a restart */
};

/* A line of the log and of the answer: a value was changed, or takes a restart and stays. */
void pk_reload_say(struct reload *r, const char *what, const char *before, const char *after, bool restart);
/* The same for what is not one of two texts: how it was changed; why it stays. */
void pk_reload_done(struct reload *r, const char *what, const char *how, ...)
    __attribute__((format(printf, 3, 4)));
void pk_reload_keep(struct reload *r, const char *what, const char *why);
bool pk_reload_same_addresses(const struct pk_hostport *a, size_t na, const struct pk_hostport *b, size_t nb);

/* Opens where clients and operators are listened for from now on. PK_EINVAL, PK_ENOMEM, PK_ELIMIT: said, and nothing is
 * changed. What cannot be changed now is taken out of the new configuration. */
enum pk_err pk_reload_places_prepare(struct reload *r) PK_NODISCARD;
/* Accepts there, and nowhere else. */
void pk_reload_places(struct reload *r);

/* A mount as it was, before any value is changed; all of them. */
struct pk_mount_before {
    struct core_mount core;
    struct pk_whos readers, writers;
    int64_t exists_for;
};
struct pk_mounts_before {
    struct pk_mount_before v[PK_MAX_MOUNTS];
};
void pk_reload_mounts_before(const struct reload *r, struct pk_mounts_before *before);
/* Mounts are changed, added and taken away. */
void pk_reload_mounts(struct reload *r, const struct pk_mounts_before *before);

#endif
