/*
 * The watchdog (watchdog.h).
 *
 * Happy path: it looks, and finds nothing.
 * Failure modes: what it finds is told to the world.
 */
#include "watchdog.h"

#include <stdio.h>
#include <stdlib.h>

#include "ensemble.h"
#include "fault.h"
#include "follow.h"
#include "foreign.h"
#include "member.h"

enum {
    SESSIONS = 1024,
    FIRST_SESSION = 0x100000,
    TROUBLE_US = 8000000,
    SERVED_AFTER_US = 32000000,
    ANSWER_US = 4000000,
    LISTED = 8,
    LIVES_US = CLIENT_TIMEOUT_MS * 1000 / 3 * 4 + 1000000 + 4 * ENSEMBLE_TICK_MS * 1000,
    /* A client is heard of each third of its timeout, and what its member says of that is a sixth late at most. */
    OWED_US = CLIENT_TIMEOUT_MS * 1000 / 2,
};

struct incarnation {
    uint8_t id[PK_INCARNATION];
};

struct watchdog {
    struct incarnation listed[LISTED];
    int nlisted;
    struct incarnation primary;
    bool wiped, any;
    bool empty[MEMBERS_MAX]; /* is to begin with nothing, as it has no copy that is listed */
    struct {
        bool reigning;
        int64_t epoch, at_us;
        int other; /* reigned when this one was last seen to: wrong if it still does */
        int64_t other_at;
    } reigns[MEMBERS_MAX];
    int64_t troubled_until[MEMBERS_MAX];
    int64_t emptied_us; /* when somebody took over without a copy, 0 never */
    struct {
        int client;
        int64_t reached_us;
        int64_t unserved_us; /* when it ended: since the newest fault */
        bool ended;
    } sessions[SESSIONS];
    struct watchdog_figures figures;
};

void watchdog_start(struct world *w)
{
    w->watchdog = calloc(1, sizeof *w->watchdog);
    assert_non_null(w->watchdog);
    for (int i = 0; i < SESSIONS; i++)
        w->watchdog->sessions[i].client = -1;
    for (int i = 0; i < MEMBERS_MAX; i++)
        w->watchdog->troubled_until[i] = -TROUBLE_US;
}

void watchdog_stop(struct world *w)
{
    free(w->watchdog);
}

/* ---- who has a copy -------------------------------------------------------------------------------------- */

static bool same(const struct incarnation *x, const uint8_t *id)
{
    return memcmp(x->id, id, PK_INCARNATION) == 0;
}

static bool on_list(const struct watchdog *d, const uint8_t *id)
{
    for (int i = 0; i < d->nlisted; i++)
        if (same(&d->listed[i], id))
            return true;
    return false;
}

static int digit(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An incarnation in hexadecimal digits. */
static bool read_id(const uint8_t *p, struct incarnation *out)
{
    for (int i = 0; i < PK_INCARNATION; i++) {
        int high = digit(p[2 * i]), low = digit(p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->id[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static int read_ids(const struct tree *tree, const char *path, struct incarnation *out, int max)
{
    const struct tree_node *z = tree_find(tree, path);
    int n = 0;
    for (int i = 0; z != NULL && i + 2 * PK_INCARNATION <= z->len && n < max;) {
        bool found = read_id(z->data + i, &out[n]);
        n += found;
        i += found ? 2 * PK_INCARNATION : 1;
    }
    return n;
}

static int member_of(const struct world *w, const struct incarnation *x)
{
    for (int m = 0; m < w->nmembers; m++)
        if (w->members[m].core != NULL && same(x, w->members[m].incarnation))
            return m;
    return -1;
}

/* Nobody who has a copy is left, or was free to act. */
static void memory_goes(struct world *w, int m)
{
    struct watchdog *d = w->watchdog;
    for (int i = 0; i < d->nlisted && !d->wiped; i++) {
        int other = member_of(w, &d->listed[i]);
        if (other >= 0 && w->now_us - d->troubled_until[other] > TROUBLE_US)
            world_wrong(w, "(b) M%d takes over without a copy although M%d has one", m, other);
    }
    d->figures.without_copy += d->any;
    d->emptied_us = w->now_us;
    world_trace(w, "memory goes");
    oracle_memory_lost(w);
}

static void somebody_takes_over(struct world *w, const struct tree *tree)
{
    struct watchdog *d = w->watchdog;
    struct incarnation who;
    if (read_ids(tree, GROUP_PATH "/primary", &who, 1) != 1) {
        world_wrong(w, "the znode of the primary does not say who it is");
        return;
    }
    int m = member_of(w, &who);
    bool again = d->any && same(&d->primary, who.id);
    world_trace(w, "M%d is primary%s", m, again ? " again" : "");
    d->figures.takeovers += d->any && !again;
    /* Where the list was wiped, whoever is primary next may have kept its memory or not. */
    if (m >= 0)
        d->empty[m] = !on_list(d, who.id) && !d->wiped;
    if (!on_list(d, who.id))
        memory_goes(w, m);
    d->primary = who;
    d->any = true;
    d->wiped = false;
    faults_moment(w, MOMENT_PRIMARY_MADE, m);
}

void watchdog_sees(struct world *w, const struct tree *tree, int64_t session, bool expired)
{
    struct watchdog *d = w->watchdog;
    bool list = false;
    for (int i = 0; i < tree->nchanges; i++) {
        const struct tree_change *c = &tree->changes[i];
        if (strcmp(c->path, GROUP_PATH "/primary") == 0 && c->type == PK_EVENT_CREATED)
            somebody_takes_over(w, tree);
        list |= strcmp(c->path, GROUP_PATH "/copies") == 0 && c->type != PK_EVENT_CHILDREN_CHANGED;
        faults_change(w, c);
        if (c->type == PK_EVENT_CREATED || c->type == PK_EVENT_DELETED)
            oracle_upstream(w, c->path, c->type == PK_EVENT_CREATED);
        foreign_sees(w, tree, c, session);
    }
    if (list) {
        d->nlisted = read_ids(tree, GROUP_PATH "/copies", d->listed, LISTED);
        d->figures.list_changes++;
        world_trace(w, "list of %d copies", d->nlisted);
    }
    int64_t i = session - FIRST_SESSION;
    if (!expired || i < 0 || i >= SESSIONS || d->sessions[i].client < 0)
        return;
    d->sessions[i].ended = true;
    d->sessions[i].unserved_us = w->now_us - faults_begun_us(w);
    int64_t lived = w->now_us - d->sessions[i].reached_us;
    if (lived > LIVES_US + faults_delay(w, d->sessions[i].reached_us))
        world_wrong(w, "(f) session of client %d lived %.1f s after its client's last byte",
                    d->sessions[i].client, (double)lived / 1e6);
}

void watchdog_wiped(struct world *w)
{
    w->watchdog->wiped = true;
}

void watchdog_troubled(struct world *w, int m, int64_t until_us)
{
    int64_t *until = &w->watchdog->troubled_until[m];
    *until = until_us > *until ? until_us : *until;
}

/* ---- who reigns ------------------------------------------------------------------------------------------ */

void watchdog_starts(struct world *w, int m)
{
    if (w->watchdog != NULL)
        memset(&w->watchdog->reigns[m], 0, sizeof w->watchdog->reigns[m]);
}

/* The first look at one that has begun to serve: nobody's request has been carried out yet. */
static void look_at_memory(struct world *w, int m, const struct core_group_info *info)
{
    struct watchdog *d = w->watchdog;
    struct core_mount_info mount;
    if (info->role != PK_ROLE_PRIMARY || !d->empty[m])
        return;
    d->empty[m] = false;
    for (size_t i = 0; core_mount_info(w->members[m].core, i, &mount); i++)
        if (mount.znodes > 0)
            world_wrong(w, "(b) M%d takes over %d znodes of a copy that nobody lists", m, (int)mount.znodes);
}

void watchdog_looks(struct world *w, int m)
{
    struct watchdog *d = w->watchdog;
    struct core_group_info info;
    if (!member_info(w, m, &info))
        return;
    look_at_memory(w, m, &info);
    bool reigning = info.role == PK_ROLE_PRIMARY && info.reigning;
    /* What this one was at its step before, it was until now: nothing else happened to it. */
    if (d->reigns[m].other_at != 0 && reigning && d->reigns[m].reigning && info.epoch == d->reigns[m].epoch &&
        !faults_refused(w, m))
        world_wrong(w, "(a) M%d and M%d both may answer from memory", d->reigns[m].other, m);
    d->reigns[m].other_at = 0;
    d->reigns[m].reigning = reigning;
    d->reigns[m].epoch = info.epoch;
    d->reigns[m].at_us = w->now_us;
    for (int o = 0; reigning && o < w->nmembers; o++)
        if (o != m && w->hosts[o].alive && d->reigns[o].reigning && d->reigns[o].at_us < w->now_us) {
            d->reigns[o].other = m;
            d->reigns[o].other_at = w->now_us;
        }
}

/* ---- clients --------------------------------------------------------------------------------------------- */

void watchdog_session(struct world *w, int client, int64_t session)
{
    int64_t i = session - FIRST_SESSION;
    if (i >= 0 && i < SESSIONS)
        w->watchdog->sessions[i].client = client;
    watchdog_reached(w, client);
}

void watchdog_reached(struct world *w, int client)
{
    int64_t i = w->clients[client].session - FIRST_SESSION;
    if (i >= 0 && i < SESSIONS)
        w->watchdog->sessions[i].reached_us = w->now_us;
}

void watchdog_disconnected(struct world *w, int client)
{
    const struct client *c = &w->clients[client];
    bool relayed = w->lagging || (w->insists && client == INSISTED) ||
                   (client < ORACLE_PATHS && !oracle_is_strict(w, client));
    bool writes = c->role == LOCKER || (c->role == WORKER && relayed) || follow_lasts(w, c);
    w->watchdog->figures.disconnects++;
    /* Whose write is under way at a server that is lost is closed: nobody can know what became of it. So is who has
     * lasting watches: a server tells nobody what they missed. */
    if (!writes && faults_spare_connections(w))
        world_wrong(w, "(i) client %d is disconnected", client);
}

/* Where nobody has a copy of a lost primary's memory, the others wait for its session to expire, and then whether
 * somebody with a copy comes. That is two thirds of a client's timeout: longer than what may be left of a session. */
static bool nobody_came_in_time(const struct world *w, int client)
{
    const struct watchdog *d = w->watchdog;
    int64_t i = w->clients[client].session - FIRST_SESSION;
    bool emptied = d->emptied_us != 0 && w->now_us - d->emptied_us < CLIENT_TIMEOUT_MS * 1000;
    return emptied && i >= 0 && i < SESSIONS && d->sessions[i].ended && d->sessions[i].unserved_us >= OWED_US;
}

void watchdog_expired(struct world *w, int client)
{
    w->watchdog->figures.expired++;
    if (faults_spare_sessions(w) && !nobody_came_in_time(w, client))
        world_wrong(w, "(j) client %d has lost its session", client);
}

void watchdog_client(struct world *w, const struct client *c)
{
    int64_t over = faults_over_us(w) + SERVED_AFTER_US;
    if (w->now_us < over + ANSWER_US || w->now_us - c->answered_us < ANSWER_US + CLIENT_TIMEOUT_MS * 1000 / 3)
        return;
    world_wrong(w, "(e) client %d has had no answer for %.1f s", c->number,
                (double)(w->now_us - c->answered_us) / 1e6);
}

static void look_at_watcher(struct world *w, const struct client *c)
{
    for (int i = 0; c->role == WATCHER && i < WATCHED; i++) {
        const struct watched *x = &c->watched[i];
        int newest = oracle_acked_before(w, x->path, w->now_us - ANSWER_US);
        if (x->known < newest && w->now_us - x->told_us > ANSWER_US &&
            !(x->absent && oracle_removes(w, x->path, newest)))
            world_wrong(w, "(e) the watcher knows write %d of %s, %d was acknowledged: an event was lost",
                        x->known, oracle_paths[x->path].path, newest);
    }
}

void watchdog_ends(struct world *w)
{
    const struct watchdog *d = w->watchdog;
    for (int i = 0; i < SESSIONS; i++)
        if (d->sessions[i].client >= 0 && !d->sessions[i].ended && ensemble_session(w, FIRST_SESSION + i) &&
            w->now_us - d->sessions[i].reached_us > LIVES_US + faults_delay(w, d->sessions[i].reached_us))
            world_wrong(w, "(f) session of client %d lives %.1f s after its client's last byte",
                        d->sessions[i].client, (double)(w->now_us - d->sessions[i].reached_us) / 1e6);
    bool served = w->now_us >= faults_over_us(w) + SERVED_AFTER_US; /* a moment may come late */
    for (int c = 0; c < w->nclients && served; c++)
        if (w->hosts[host_client(c)].alive) {
            look_at_watcher(w, &w->clients[c]);
            follow_ends(w, &w->clients[c], w->now_us - ANSWER_US);
        }
}

struct watchdog_figures watchdog_figures(const struct world *w)
{
    return w->watchdog->figures;
}
