/*
 * What the admin side is made of: where its answers come from, and what it may do.
 */
#ifndef PK_IO_ADMIN_ADMIN_H
#define PK_IO_ADMIN_ADMIN_H

#include <stddef.h>

#include "io/admin/late.h"
#include "io/admin/rates.h"
#include "io/upstream/servers.h"

struct pk_pairs;
struct pk_file_limits;
struct pk_listeners;
struct pk_marker;
struct pk_census;
struct pk_http;
struct pk_text;

/* What an operator may have done; each appends to the answer what came of it, a line each. */
struct pk_admin_actions {
    /* False: nothing was changed. */
    bool (*reload)(void *owner, struct pk_text *answer);
    /* No new clients; those who are here leave at so many a second, 0 for all at once. False: it stops already. */
    bool (*drain)(void *owner, int64_t rate, struct pk_text *answer);
    /* The client of that connection leaves at the end of an answer. False: there is no such. */
    bool (*leave)(void *owner, struct pk_id id, struct pk_text *answer);
    /* Why clients should not be sent here, NULL when they may. */
    const char *(*unready)(void *owner);
};

struct pk_admin {
    const struct pk_pairs *conns;
    const struct pk_listeners *listeners;
    const struct pk_file_limits *limits;
    const struct pk_marker *marker;
    struct pk_census *census;
    struct pk_http *http; /* NULL before it is opened */
    struct pk_admin_actions actions;
    void *owner; /* of these */
    struct pk_late late;
    struct pk_rates rates;
    struct pk_latency loop_lag;
    int64_t ticked_us;  /* when the newest tick was expected to be followed by another, 0 none yet */
    int64_t started_ms; /* Unix time */
};

enum { PK_ADMIN_VERSION = 192 };

/* The version that we show: the ensemble's with our own behind it, and its date, so that what parses one parses us. */
void pk_admin_version(const struct pk_admin *admin, char *out, size_t size);
/* Transactions that the ensemble was spared: absorbed writes, less the flushes and creates that brought them there. */
int64_t pk_admin_spared(const struct pk_admin *admin);
/* How many uplinks are at each server. */
void pk_admin_uplinks(const struct pk_admin *admin, int64_t at[PK_MAX_ADDRESSES]);
/* How long it has been since then; 0 for 0, never. */
int64_t pk_admin_since_us(const struct pk_admin *admin, int64_t us);
/* File descriptors that are open. */
int64_t pk_admin_open_files(const struct pk_admin *admin);
/* A tick has come, which was expected so long after the one before. */
void pk_admin_tick(struct pk_admin *admin, int64_t period_us);
/* Why clients should not be sent here, NULL when they may. */
const char *pk_admin_unready(const struct pk_admin *admin);

#endif
