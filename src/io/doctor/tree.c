/*
 * What lives in the ensemble. Happy path: Storm's root is there, below it the mounts, open to those who create beats,
 * and beats that are as old as beats may be. Failure modes: another root, rights that keep creates in the ensemble,
 * nothing that beats, times from the future; a session that ends in the middle is said once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/config/mounts.h"
#include "io/doctor/checks.h"
#include "io/doctor/session.h"

enum { NAMES = 4096, SAMPLES = 50, OLD_MS = 600000, AHEAD_MS = 5000, SERVICES = 8 };

/* Children of a znode: copies of their names, since the next answer takes the place of theirs. */
struct names {
    char *v[NAMES];
    int n; /* beyond NAMES they are only counted */
};

/* What a walk through a mount finds. */
struct walk {
    int children, grandchildren, looked;
    int64_t newest_ms; /* mtime of the znodes that were looked at */
};

static void free_names(struct names *names)
{
    for (int i = 0; i < names->n && i < NAMES; i++)
        free(names->v[i]);
    free(names);
}

/* NULL, and the error, when they cannot be had. */
static struct names *children(struct pk_session *s, const char *path, int *error)
{
    struct pk_in in = pk_in((const uint8_t *)"", 0);
    struct names *names = calloc(1, sizeof *names);
    *error = names != NULL ? pk_session_ask(s, PK_OP_GET_CHILDREN, path, &in) : PK_SESSION_FAULT;
    int32_t n = *error == 0 ? pk_get_count(&in, 4) : 0;
    for (int32_t i = 0; i < n && names != NULL; i++, names->n++) {
        struct pk_bytes name = pk_get_bytes(&in);
        if (i < NAMES)
            names->v[i] = strndup((const char *)(name.p != NULL ? name.p : in.p), name.len);
    }
    if (*error == 0)
        return names;
    free(names);
    return NULL;
}

static bool get_stat(struct pk_session *s, const char *path, struct pk_stat *st)
{
    struct pk_in in;
    if (pk_session_ask(s, PK_OP_EXISTS, path, &in) != 0 || pk_in_left(&in) < PK_STAT_LEN)
        return false;
    pk_stat_load(st, in.p);
    return true;
}

static bool there(struct pk_session *s, const char *parent, const char *name)
{
    char path[2 * PK_MOUNT_PATH];
    struct pk_stat st;
    snprintf(path, sizeof path, "%s/%s", parent, name);
    return get_stat(s, path, &st);
}

/* Storm's root as it seems to be in the ensemble, "" when none is found. */
static void find_root(struct pk_session *s, char root[PK_MOUNT_PATH])
{
    int error;
    struct names *top = children(s, "/", &error);
    root[0] = '\0';
    for (int i = 0; top != NULL && i < top->n && i < NAMES && root[0] == '\0'; i++) {
        char path[PK_MOUNT_PATH];
        snprintf(path, sizeof path, "/%s", top->v[i] != NULL ? top->v[i] : "");
        if (there(s, path, "supervisors") && there(s, path, "assignments"))
            memcpy(root, path, sizeof path);
    }
    if (top != NULL)
        free_names(top);
}

static void look_at(struct pk_session *s, struct walk *walk, const char *parent, const char *name)
{
    char path[3 * PK_MOUNT_PATH];
    struct pk_stat st;
    snprintf(path, sizeof path, "%s/%s", parent, name);
    if (walk->looked++ < SAMPLES && get_stat(s, path, &st) && st.mtime > walk->newest_ms)
        walk->newest_ms = st.mtime;
}

static void walk_child(struct pk_session *s, struct walk *walk, const char *parent, const char *name)
{
    char path[2 * PK_MOUNT_PATH];
    int error;
    look_at(s, walk, parent, name);
    snprintf(path, sizeof path, "%s/%s", parent, name);
    struct names *below = children(s, path, &error);
    if (below == NULL)
        return;
    walk->grandchildren += below->n;
    for (int i = 0; i < below->n && i < NAMES && walk->looked < SAMPLES; i++)
        if (below->v[i] != NULL)
            look_at(s, walk, path, below->v[i]);
    free_names(below);
}

/* False when there is no such znode, or it cannot be read; then that is said. */
static bool walk_mount(struct pk_doctor *d, struct pk_session *s, const char *what, const char *mount,
                       struct walk *walk)
{
    int error;
    struct names *names = children(s, mount, &error);
    if (names == NULL) {
        pk_report_say(&d->report, PK_WARN, what,
                      error == PK_Z_NO_NODE ? "storm.zookeeper.root, or start Storm once: it creates this"
                                            : "auth-file: credentials that may read it",
                      error == PK_Z_NO_NODE   ? "the ensemble has no such znode"
                      : error == PK_Z_NO_AUTH ? "its ACL does not let us read it"
                                              : "it cannot be read");
        return false;
    }
    walk->children = names->n;
    for (int i = 0; i < names->n && i < NAMES; i++)
        if (names->v[i] != NULL)
            walk_child(s, walk, mount, names->v[i]);
    free_names(names);
    return true;
}

/* Creates are local only where everybody may create and delete. */
static bool open_to_all(struct pk_session *s, const char *mount)
{
    struct pk_in in;
    if (pk_session_ask(s, PK_OP_GET_ACL, mount, &in) != 0 || pk_in_left(&in) < PK_STAT_LEN)
        return false;
    struct pk_bytes acl = {in.p, (uint32_t)(pk_in_left(&in) - PK_STAT_LEN)};
    int32_t both = PK_PERM_CREATE | PK_PERM_DELETE;
    return (pk_acl_world_perms(acl) & both) == both;
}

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say_beats(struct pk_doctor *d, const char *what, const struct walk *walk)
{
    int64_t age = wall_ms() - walk->newest_ms;
    if (walk->looked == 0)
        pk_report_say(&d->report, PK_FINE, what, NULL, "empty%s",
                      d->running ? ": what beats is held here" : "");
    else if (age < -AHEAD_MS)
        pk_report_say(&d->report, PK_WARN, what, "synchronise the clocks of the servers and of this machine",
                      "its newest znode is %.1f s from the future", (double)-age / 1000);
    else if (age > OLD_MS && !d->running)
        pk_report_say(&d->report, PK_WARN, what,
                      "is Storm up, its root this one, and storm.cluster.state.store not Pacemaker's? "
                      "Workers of Storm 2 "
                      "report by Thrift",
                      "%d znodes and %d below them, the newest %" PRId64 " min old: nothing beats here",
                      walk->children, walk->grandchildren, age / 60000);
    else
        pk_report_say(&d->report, PK_FINE, what, NULL, "%d znodes and %d below them, the newest %.0f s old",
                      walk->children, walk->grandchildren, (double)(age > 0 ? age : 0) / 1000);
}

static void check_mount(struct pk_doctor *d, struct pk_session *s, size_t i)
{
    char what[PK_MOUNT_PATH + 16];
    struct walk walk = {0};
    const struct pk_config_mount *m = &d->config->mounts[i];
    snprintf(what, sizeof what, "mount %s", m->path);
    if (!walk_mount(d, s, what, m->path, &walk))
        return;
    say_beats(d, what, &walk);
    d->clients += walk.grandchildren > 0 ? walk.grandchildren : walk.children;
    if (m->mode != PK_MODE_PACEMAKER)
        return;
    if (open_to_all(s, m->path))
        pk_report_say(&d->report, PK_FINE, what, NULL,
                      "everybody may create there: creates are answered from memory");
    else
        pk_report_say(&d->report, PK_WARN, what,
                      "nothing, where Storm uses ACLs: refreshes are absorbed all the same",
                      "its ACL does not let everybody create and delete: creates stay the ensemble's");
}

/* The root is what is above the mounts that --storm-yaml makes. */
static void check_root(struct pk_doctor *d, struct pk_session *s)
{
    char root[PK_MOUNT_PATH], found[PK_MOUNT_PATH], remedy[2 * PK_MOUNT_PATH];
    struct pk_stat st;
    if (d->config->nmounts == 0)
        return;
    snprintf(root, sizeof root, "%s", d->config->mounts[0].path);
    *strrchr(root, '/') = '\0';
    if (root[0] == '\0' || get_stat(s, root, &st))
        return;
    find_root(s, found);
    if (found[0] != '\0')
        snprintf(remedy, sizeof remedy, "%s has Storm's znodes: storm.zookeeper.root, or mounts below it",
                 found);
    else
        snprintf(remedy, sizeof remedy, "start Storm once, or name its root");
    pk_report_say(&d->report, found[0] != '\0' ? PK_FAIL : PK_WARN, "root", remedy,
                  "the ensemble has no %.500s", root);
}

void pk_doctor_tree(struct pk_doctor *d, struct pk_session *s)
{
    check_root(d, s);
    for (size_t i = 0; i < d->config->nmounts; i++)
        check_mount(d, s, i);
    d->clients += SERVICES; /* Nimbus, the UI, tools */
}
