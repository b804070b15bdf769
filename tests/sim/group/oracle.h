/*
 * An oracle of what clients may be told, for znodes that have one writer each. It knows when each write was asked for
 * and acknowledged, and nothing of how. Each write has a number, which is also what it writes, so that an answer
 * names the write that it shows; a delete is a write, too, which shows as NONODE.
 *
 * What is shown is never older than what was acknowledged before it was asked for, nor than what that client has
 * seen; a write is shown with one version for ever, and versions grow with numbers. Of znodes that are the ensemble's
 * an acknowledgement binds after the time that a server may lag, since nobody promises more. Memory that may go
 * (watchdog.h) starts all of this anew.
 */
#ifndef PK_TESTS_SIM_GROUP_ORACLE_H
#define PK_TESTS_SIM_GROUP_ORACLE_H

#include "world.h"

enum { ORACLE_PATHS = 9, NOBODY_WROTE = 0, ABSENT = -1 };

/* A znode, its writer, and how strictly it is looked at. */
struct oracle_path {
    const char *path;
    int writer;
    bool strict; /* in memory only: no server of the ensemble can lag behind it */
    bool memory; /* below a mount: may go with the memory */
    bool there;  /* before anybody wrote: with the number 0 */
};
extern const struct oracle_path oracle_paths[ORACLE_PATHS];

/* What a request was asked behind. */
struct oracle_floor {
    int n;
    uint32_t era;
};

void oracle_start(struct world *w);
void oracle_stop(struct world *w);

/* A write is asked for: its number. */
int oracle_write(struct world *w, int path, bool removes);
/* It was acknowledged, with this version when that is known (-1). */
void oracle_acked(struct world *w, int path, int n, int version);
/* It was refused: nobody may ever be shown it. */
void oracle_refused(struct world *w, int path, int n);
/* The floor of a request that is asked now by a client. */
struct oracle_floor oracle_floor(const struct world *w, int path, int client);
/* A client was shown the write n, or ABSENT; version -1: not told. */
void oracle_shown(struct world *w, int client, int path, struct oracle_floor floor, int n, int version);
/* The client begins a session that knows nothing of the one before. */
void oracle_forgets(struct world *w, int client);
/* Whether the writer knows for certain what stands there: nothing of its own is on its way, and nothing got lost. */
bool oracle_certain(const struct world *w, int path);
/* Whether nothing of the writer's was uncertain since then: a condition on the version that it knew must hold. */
bool oracle_settled(const struct world *w, int path, struct oracle_floor floor);
/* Whether a client that asked behind this floor may find the znode there, or absent. */
bool oracle_may_be(const struct world *w, int path, struct oracle_floor floor, bool there);
/* The ensemble has it from now on, or has it no more. */
void oracle_upstream(struct world *w, const char *path, bool stands);
/* It is in memory only, and was for a while: no server lags behind it, and no write of it is on its way to one. */
bool oracle_is_strict(const struct world *w, int path);
/* The write is one that removes the znode. */
bool oracle_removes(const struct world *w, int path, int n);
/* The write before this one was acknowledged, and removed the znode. */
bool oracle_removed_before(const struct world *w, int path, int n);
/* The version that the newest acknowledged write has, -1 unknown. */
int oracle_version(const struct world *w, int path);
/* The newest write that was acknowledged before a time. */
int oracle_acked_before(const struct world *w, int path, int64_t us);
/* Nothing was written, or is on its way, after the write n. */
bool oracle_is_newest(const struct world *w, int path, int n);
/* The connection of the writer is lost: whatever was on its way may come to pass or not. */
void oracle_uncertain(struct world *w, int path);
/* What was held may be gone: all of it, or one znode. */
void oracle_memory_lost(struct world *w);
void oracle_path_lost(struct world *w, int path);
/* Acknowledged writes so far. */
uint64_t oracle_writes(const struct world *w);

#endif
