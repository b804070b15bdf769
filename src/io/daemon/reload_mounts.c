/*
 * A reload of the mounts.
 *
 * Happy path: one that is named no longer is handed over, a new one begins, one that differs is changed in the core;
 * each is said. Failure modes: what the core does not take stays as it was, and why is said.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/mounts.h"
#include "io/config/policy.h"
#include "io/daemon/daemon.h"
#include "io/daemon/handover.h"
#include "io/daemon/reloading.h"

static void say_mount(struct reload *r, const char *path, const char *what, const char *before,
                      const char *after)
{
    char name[PK_MOUNT_PATH + 64];
    snprintf(name, sizeof name, "mount %s: %s", path, what);
    pk_reload_say(r, name, before, after, false);
}

static void say_number(struct reload *r, const char *path, const char *what, enum pk_type type,
                       int64_t before, int64_t after)
{
    char old[PK_VALUE_TEXT], new[PK_VALUE_TEXT];
    if (before != after)
        say_mount(r, path, what, pk_value_show(type, &before, old), pk_value_show(type, &after, new));
}

static void say_differences(struct reload *r, const struct core_mount *a, const struct core_mount *b)
{
    if (a->mode != b->mode)
        say_mount(r, a->path, "mode", pk_config_mode_name(a->mode), pk_config_mode_name(b->mode));
    say_number(r, a->path, "flush", PK_TYPE_PERIOD, a->flush_us / 1000, b->flush_us / 1000);
    say_number(r, a->path, "when-watched", PK_TYPE_WATCHED, a->absorb_watched, b->absorb_watched);
    say_number(r, a->path, "max-znodes", PK_TYPE_COUNT, (int64_t)a->max_znodes, (int64_t)b->max_znodes);
    say_number(r, a->path, "max-bytes", PK_TYPE_BYTES, (int64_t)a->max_bytes, (int64_t)b->max_bytes);
    say_number(r, a->path, "max-znode", PK_TYPE_BYTES, a->max_znode, b->max_znode);
}

static void say_whos(struct reload *r, const char *path, const char *what, const struct pk_whos *before,
                     const struct pk_whos *after)
{
    char old[PK_WHOS_TEXT], new[PK_WHOS_TEXT];
    if (!pk_whos_same(before, after))
        say_mount(r, path, what, pk_whos_show(before, old), pk_whos_show(after, new));
}

static int64_t exists_for(const struct pk_config *config, size_t i)
{
    int64_t own = config->mounts[i].exists_for;
    return own >= 0 ? own : config->exists_for;
}

void pk_reload_mounts_before(const struct reload *r, struct pk_mounts_before *before)
{
    for (size_t i = 0; i < r->old->nmounts; i++) {
        before->v[i].core = pk_config_core_mount(r->old, i);
        before->v[i].readers = r->old->mounts[i].readers;
        before->v[i].writers = r->old->mounts[i].writers;
        before->v[i].exists_for = exists_for(r->old, i);
    }
}

/* A mount that was there; is: its number in the new configuration. */
struct pair {
    const struct pk_mount_before *before;
    size_t is;
};

static bool policy_differs(const struct reload *r, const struct pair *p)
{
    const struct pk_config_mount *m = &r->new->mounts[p->is];
    return !pk_whos_same(&p->before->readers, &m->readers) ||
           !pk_whos_same(&p->before->writers, &m->writers) ||
           p->before->exists_for != exists_for(r->new, p->is) ||
           (r->own_changed && (m->readers.n > 0 || m->writers.n > 0));
}

static bool differs(const struct core_mount *a, const struct core_mount *b)
{
    return a->mode != b->mode || a->flush_us != b->flush_us || a->absorb_watched != b->absorb_watched ||
           a->max_znodes != b->max_znodes || a->max_bytes != b->max_bytes || a->max_znode != b->max_znode;
}

static const char *name_of(char name[PK_MOUNT_PATH + 16], const char *path)
{
    snprintf(name, PK_MOUNT_PATH + 16, "mount %s", path);
    return name;
}

static void say_all_differences(struct reload *r, const struct pair *p, const struct core_mount *after)
{
    const struct pk_config_mount *m = &r->new->mounts[p->is];
    say_differences(r, &p->before->core, after);
    say_whos(r, m->path, "readers", &p->before->readers, &m->readers);
    say_whos(r, m->path, "writers", &p->before->writers, &m->writers);
    say_number(r, m->path, "exists-for", PK_TYPE_EXISTS, p->before->exists_for, exists_for(r->new, p->is));
}

/* False: it stays as it was. */
static bool change_mount(struct reload *r, const struct pair *p)
{
    struct pk_policy_view view;
    char name[PK_MOUNT_PATH + 16];
    size_t number;
    struct core *core = r->daemon->conns.loop.core;
    struct core_mount after = pk_config_core_mount(r->new, p->is);
    if (!differs(&p->before->core, &after) && !policy_differs(r, p))
        return true;
    after.policy = pk_policy_view(r->new, p->is, &view);
    if (!core_mount_find(core, after.path, &number) || core_mount_set(core, number, &after) != PK_OK) {
        pk_reload_keep(r, name_of(name, after.path), "memory is short; it stays as it is");
        return false;
    }
    say_all_differences(r, p, &after);
    if (p->before->core.mode != after.mode)
        pk_handover_begin(r->daemon, number);
    return true;
}

static const char *why_not(enum pk_err err, const struct reload *r)
{
    if (err == PK_ENOMEM)
        return "memory is short; it is not added";
    if (err == PK_ELIMIT)
        return "so many different mounts since the start take a restart";
    return r->old->hold ? "a mount above or below it was there, which takes a restart"
                        : "without hold it is new, which takes a restart";
}

/* A mount that was there before has kept its number. False: it cannot be added now. */
static bool add_mount(struct reload *r, size_t i)
{
    struct pk_policy_view view;
    char name[PK_MOUNT_PATH + 16], text[PK_VALUE_TEXT];
    size_t number;
    struct core *core = r->daemon->conns.loop.core;
    struct core_mount config = pk_config_core_mount(r->new, i);
    config.policy = pk_policy_view(r->new, i, &view);
    bool again = core_mount_find(core, config.path, &number);
    enum pk_err err = again ? core_mount_set(core, number, &config) : core_mount_add(core, &config);
    if (err != PK_OK) {
        pk_reload_keep(r, name_of(name, config.path), why_not(err, r));
        return false;
    }
    pk_reload_done(r, name_of(name, config.path),
                   "it is new, %s; it begins when what is under way is answered",
                   pk_config_show_mount(r->new, i, text));
    pk_handover_new(r->daemon, number);
    return true;
}

static void remove_mount(struct reload *r, const char *path)
{
    char name[PK_MOUNT_PATH + 16];
    size_t number;
    if (!core_mount_find(r->daemon->conns.loop.core, path, &number))
        return;
    core_mount_remove(r->daemon->conns.loop.core, number);
    pk_reload_done(r, name_of(name, path), "it is named no longer, and relays from now on");
    pk_handover_begin(r->daemon, number);
}

/* What becomes of one mount of the new configuration, in its place of the list in use. */
static void settle(struct reload *r, const struct pk_config *was, const struct pk_mounts_before *before,
                   size_t is)
{
    int at = pk_config_find_mount(was, r->new->mounts[is].path);
    struct pk_config *use = r->old;
    bool fine = at < 0 ? add_mount(r, is) : change_mount(r, &(struct pair){&before->v[at], is});
    if (fine)
        use->mounts[use->nmounts++] = r->new->mounts[is];
    else if (at >= 0)
        use->mounts[use->nmounts++] = was->mounts[at];
}

void pk_reload_mounts(struct reload *r, const struct pk_mounts_before *before)
{
    struct pk_config *was = malloc(sizeof *was);
    if (was == NULL) {
        pk_reload_keep(r, "mounts", "memory is short; they stay as they are");
        return;
    }
    *was = *r->old;
    r->old->nmounts = 0;
    for (size_t i = 0; i < was->nmounts; i++)
        if (pk_config_find_mount(r->new, was->mounts[i].path) < 0)
            remove_mount(r, was->mounts[i].path);
    for (size_t i = 0; i < r->new->nmounts; i++)
        settle(r, was, before, i);
    r->old->mounts_from = r->new->mounts_from;
    explicit_bzero(was, sizeof *was);
    free(was);
}
