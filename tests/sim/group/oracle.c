/*
 * The oracle (oracle.h).
 *
 * Happy path: what is shown is at or above the floor, and its version is the known one.
 * Failure modes: anything else is told to the world, which ends the schedule.
 */
#include "oracle.h"

#include <stdlib.h>

#include "foreign.h"

const struct oracle_path oracle_paths[ORACLE_PATHS] = {
    {"/storm/workerbeats/t/w0", 0, .strict = true, .memory = true},
    {"/storm/workerbeats/t/w1", 1, .strict = true, .memory = true},
    {"/storm/workerbeats/t/w2", 2, .strict = true, .memory = true},
    {"/storm/workerbeats/t/w3", 3, .strict = true, .memory = true},
    {"/storm/workerbeats/t/w4", 4, .strict = true, .memory = true},
    {"/storm/workerbeats/t/p5", 5, .memory = true},
    {"/wb/a", 6, .memory = true, .there = true},
    {"/wb/b", 7, .memory = true, .there = true},
    {"/storm/o", 8, .there = true},
};

enum { LAG_US = 6000000 };

struct written {
    bool removes, acked, refused;
    int64_t acked_us;
    int version; /* -1 unknown */
    uint32_t life;
};

struct track {
    struct written *v;
    int n, cap; /* v[0] stands for what was there before */
    int acked;
    uint32_t life, era;
    int underway; /* writes without an answer on the writer's connection */
    bool uncertain;
    bool stands; /* in the ensemble */
    int64_t left_us;
    int seen[CLIENTS_MAX];
};

struct oracle {
    struct track tracks[ORACLE_PATHS];
    uint64_t writes;
};

static struct track *track_of(const struct world *w, int path)
{
    return &w->oracle->tracks[path];
}

static struct written *add(struct track *t)
{
    if (t->n == t->cap) {
        t->cap = t->cap * 2 + 64;
        t->v = realloc(t->v, (size_t)t->cap * sizeof *t->v);
        assert_non_null(t->v);
    }
    struct written *x = &t->v[t->n++];
    *x = (struct written){.version = -1, .life = t->life};
    return x;
}

void oracle_start(struct world *w)
{
    w->oracle = calloc(1, sizeof *w->oracle);
    assert_non_null(w->oracle);
    for (int i = 0; i < ORACLE_PATHS; i++) {
        struct written *x = add(track_of(w, i));
        x->removes = !oracle_paths[i].there;
        track_of(w, i)->left_us = -LAG_US;
    }
}

void oracle_stop(struct world *w)
{
    for (int i = 0; i < ORACLE_PATHS; i++)
        free(track_of(w, i)->v);
    free(w->oracle);
}

int oracle_write(struct world *w, int path, bool removes)
{
    struct track *t = track_of(w, path);
    bool anew = t->v[t->n - 1].removes && !removes;
    t->life += anew;
    add(t)->removes = removes;
    t->underway++;
    return t->n - 1;
}

static const char *name(int path)
{
    return oracle_paths[path].path;
}

/* n has this version: it is the one that it had, and between those of its neighbours. */
static void version_is(struct world *w, int path, int n, int version)
{
    struct track *t = track_of(w, path);
    struct written *x = &t->v[n];
    if (x->version >= 0 && x->version != version)
        world_wrong(w, "(b) %s: write %d has version %d, had %d", name(path), n, version, x->version);
    x->version = version;
    for (int i = n - 1; i >= 0 && t->v[i].life == x->life; i--)
        if (t->v[i].version >= 0) {
            if (t->v[i].version >= version)
                world_wrong(w, "(b) %s: write %d has version %d, write %d before it %d", name(path), n,
                            version, i, t->v[i].version);
            break;
        }
    for (int i = n + 1; i < t->n && t->v[i].life == x->life; i++)
        if (t->v[i].version >= 0) {
            if (t->v[i].version <= version)
                world_wrong(w, "(b) %s: write %d has version %d, write %d after it %d", name(path), n,
                            version, i, t->v[i].version);
            break;
        }
}

void oracle_acked(struct world *w, int path, int n, int version)
{
    struct track *t = track_of(w, path);
    struct written *x = &t->v[n];
    t->underway--;
    x->acked = true;
    x->acked_us = w->now_us;
    w->oracle->writes++;
    if (n > t->acked)
        t->acked = n;
    if (t->underway == 0)
        t->uncertain = false;
    if (version >= 0 && !x->removes && !foreign_here(w, path))
        version_is(w, path, n, version);
}

void oracle_refused(struct world *w, int path, int n)
{
    struct track *t = track_of(w, path);
    t->underway--;
    t->v[n].refused = true;
}

int oracle_acked_before(const struct world *w, int path, int64_t us)
{
    const struct track *t = track_of(w, path);
    for (int i = t->acked; i > 0; i--)
        if (t->v[i].acked && t->v[i].acked_us <= us)
            return i;
    return 0;
}

void oracle_upstream(struct world *w, const char *path, bool stands)
{
    for (int i = 0; i < ORACLE_PATHS; i++)
        if (strcmp(oracle_paths[i].path, path) == 0) {
            track_of(w, i)->stands = stands;
            track_of(w, i)->left_us = w->now_us;
        }
}

bool oracle_is_strict(const struct world *w, int path)
{
    const struct track *t = track_of(w, path);
    bool memory = !w->wide || (!t->stands && w->now_us - t->left_us > LAG_US);
    return oracle_paths[path].strict && !w->lagging && memory;
}

struct oracle_floor oracle_floor(const struct world *w, int path, int client)
{
    const struct track *t = track_of(w, path);
    int acked = oracle_is_strict(w, path) ? t->acked : oracle_acked_before(w, path, w->now_us - LAG_US);
    return (struct oracle_floor){acked > t->seen[client] ? acked : t->seen[client], t->era};
}

/* The oldest state from the floor on in which the znode was absent, -1: none. */
static int absent_since(const struct track *t, int floor)
{
    for (int i = floor; i < t->n; i++)
        if (t->v[i].removes && !t->v[i].refused)
            return i;
    return -1;
}

bool oracle_may_be(const struct world *w, int path, struct oracle_floor floor, bool there)
{
    const struct track *t = track_of(w, path);
    bool anew = floor.era != t->era;
    int low = anew ? 0 : floor.n;
    if (foreign_here(w, path))
        return true;
    if (!there)
        return absent_since(t, low) >= 0 || (t->era > 0 && low == 0);
    for (int i = low; i < t->n; i++)
        if (!t->v[i].removes && !t->v[i].refused)
            return true;
    return false;
}

void oracle_shown(struct world *w, int client, int path, struct oracle_floor floor, int n, int version)
{
    struct track *t = track_of(w, path);
    bool anew = floor.era != t->era;
    if (foreign_here(w, path))
        return;
    int low = anew ? 0 : floor.n;
    if (n == ABSENT) {
        n = absent_since(t, low);
        if (n < 0 && t->era == 0)
            world_wrong(
                w, "(b) client %d: %s is absent although write %d was acknowledged before it asked, or seen",
                client, name(path), low);
        else if (n < 0 && !anew && low > 0)
            world_wrong(w, "(b) client %d: %s is absent although write %d was acknowledged after memory went",
                        client, name(path), low);
        if (n < 0)
            return;
        version = -1;
    } else if (n >= t->n || t->v[n].removes || t->v[n].refused) {
        world_wrong(w, "(b) client %d: %s shows write %d, which nobody made", client, name(path), n);
        return;
    } else if (n < low) {
        world_wrong(w,
                    "(b) client %d: %s shows write %d although %d was acknowledged before it asked, or seen",
                    client, name(path), n, low);
    }
    if (version >= 0)
        version_is(w, path, n, version);
    if (!anew && n > t->seen[client])
        t->seen[client] = n;
}

void oracle_forgets(struct world *w, int client)
{
    for (int i = 0; i < ORACLE_PATHS; i++)
        if (!oracle_is_strict(w, i))
            track_of(w, i)->seen[client] = 0;
}

bool oracle_certain(const struct world *w, int path)
{
    const struct track *t = track_of(w, path);
    return t->underway == 0 && !t->uncertain && t->acked > 0 && !foreign_here(w, path);
}

bool oracle_settled(const struct world *w, int path, struct oracle_floor floor)
{
    const struct track *t = track_of(w, path);
    return floor.era == t->era && !t->uncertain && !foreign_here(w, path);
}

bool oracle_removes(const struct world *w, int path, int n)
{
    return track_of(w, path)->v[n].removes;
}

bool oracle_removed_before(const struct world *w, int path, int n)
{
    const struct written *before = &track_of(w, path)->v[n - 1];
    return n > 1 && before->removes && before->acked;
}

int oracle_version(const struct world *w, int path)
{
    const struct track *t = track_of(w, path);
    return t->v[t->acked].version;
}

bool oracle_is_newest(const struct world *w, int path, int n)
{
    return track_of(w, path)->n == n + 1;
}

void oracle_uncertain(struct world *w, int path)
{
    struct track *t = track_of(w, path);
    t->uncertain |= t->underway > 0;
    t->underway = 0;
}

void oracle_path_lost(struct world *w, int path)
{
    struct track *t = track_of(w, path);
    t->era++;
    t->life++;
    t->uncertain = true;
    t->acked = 0;
    memset(t->seen, 0, sizeof t->seen);
    for (int k = 0; k < t->n; k++) {
        t->v[k].acked = false;
        t->v[k].version = -1;
    }
}

void oracle_memory_lost(struct world *w)
{
    for (int i = 0; i < ORACLE_PATHS; i++)
        if (oracle_paths[i].memory)
            oracle_path_lost(w, i);
}

uint64_t oracle_writes(const struct world *w)
{
    return w->oracle->writes;
}
