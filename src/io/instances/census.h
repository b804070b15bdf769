/*
 * Who of Storm is in the ensemble: supervisors, Nimbus and workers by their znodes, with the sessions that own them.
 * Asked when somebody wants to know, on a session of our own; nothing else depends on it.
 *
 *   IDLE ──want──► ASKING ──all seen, or it cannot be──► LEAVING ──session closed──► IDLE, and known
 */
#ifndef PK_IO_INSTANCES_CENSUS_H
#define PK_IO_INSTANCES_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pk_census;
struct pk_loop;
struct pk_upstream;

/* Of a znode: below <root>/supervisors, /nimbuses, /leader-lock, and /workerbeats/<topology>. */
enum pk_census_kind {
    PK_CENSUS_SUPERVISOR,
    PK_CENSUS_NIMBUS,
    PK_CENSUS_LATCH,
    PK_CENSUS_WORKER,
    PK_CENSUS_KINDS
};

/* MOST: znodes that are looked at. */
enum { PK_CENSUS_ROOTS = 8, PK_CENSUS_MOST = 20000 };

struct pk_census_znode {
    enum pk_census_kind kind;
    bool folder;      /* it was only listed */
    bool there;       /* it was when it was asked for */
    bool topology;    /* a folder of workers */
    int64_t owner;    /* session of an ephemeral one, 0: none */
    int64_t mtime_ms; /* Unix time */
    char *path;
};

/* The newest that has ended. */
struct pk_census_result {
    bool known;                   /* there was one */
    int64_t known_us;             /* when it ended */
    int error;                    /* why it ended early: of enum of ensemble.h; 0: it did not */
    int refused[PK_CENSUS_KINDS]; /* the ensemble's error where a folder could not be listed; 0: none */
    bool cut;                     /* there is more than was looked at */
    const struct pk_census_znode *znodes;
    size_t n;
};

/* Begins nothing; NULL when memory is short. */
struct pk_census *pk_census_new(struct pk_loop *loop);
/*
 * Asks anew unless it is being asked. Roots, at most PK_CENSUS_ROOTS, without a slash at the end, are copied. False:
 * no server serves, memory is short, or we stop.
 */
bool pk_census_want(struct pk_census *census, struct pk_upstream *upstream, const char *const *roots,
                    size_t n);
bool pk_census_asking(const struct pk_census *census);
/* Borrowed until the loop goes on. */
struct pk_census_result pk_census_result(const struct pk_census *census);
/* Ends what runs; nothing is begun any more. */
void pk_census_close(struct pk_census *census);
/* After the loop has ended; NULL is allowed. */
void pk_census_free(struct pk_census *census);

#endif
