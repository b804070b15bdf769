/*
 * Every figure for a scraper. Happy path: the families of families.def, one function each, then the figures of
 * metrics.def, which need none. Failure modes: memory runs out, and the scrape is answered with an error.
 */
#include "io/admin/metrics.h"

#include <stdio.h>
#include <string.h>

#include "io/admin/admin.h"
#include "io/admin/group.h"
#include "io/admin/process.h"
#include "io/admin/prom.h"
#include "io/config/mounts.h"
#include "io/conn/listener.h"
#include "io/conn/pairs.h"
#include "io/http/server.h"
#include "io/instances/marker.h"
#include "io/loop/limits.h"
#include "io/upstream/servers.h"

#define L(name, value)                                                                                       \
    {                                                                                                        \
        name, value                                                                                          \
    }

static const struct core *core_of(const struct pk_admin *admin)
{
    return admin->conns->loop.core;
}

static void build_info(struct pk_admin *admin, struct pk_prom *p)
{
    (void)admin;
    pk_prom_number(p, PK_PROM_LABELS(L("version", PACKAGE_VERSION), L("libuv", uv_version_string())), 1);
}

static void ready(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, pk_admin_unready(admin) == NULL);
}

/* ---- requests ---- */

static void tally(struct pk_prom *p, const char *mount, const struct pk_tally *t)
{
    static const char *const outcomes[] = {
#define X(name, label, help) label,
#include "core/store/outcomes.def"
#undef X
    };
    for (unsigned op = 0; op < PK_OPERATIONS; op++)
        for (unsigned i = 0; i < PK_OUTCOMES; i++)
            if (t->answers[op][i] > 0)
                pk_prom_number(p,
                               PK_PROM_LABELS(L("mount", mount), L("operation", pk_operation_label(op)),
                                              L("answer", outcomes[i])),
                               t->answers[op][i]);
}

static void answers(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_mount_info info;
    size_t i = 0;
    for (; core_mount_info(core_of(admin), i, &info); i++)
        tally(p, info.path, core_tally(core_of(admin), i));
    tally(p, "", core_tally(core_of(admin), i));
}

static void unabsorbed(struct pk_admin *admin, struct pk_prom *p)
{
    static const char *const reasons[] = {
#define X(name, label, help) label,
#include "core/store/reasons.def"
#undef X
    };
    struct core_mount_info info;
    for (size_t i = 0; core_mount_info(core_of(admin), i, &info); i++)
        for (unsigned r = 0; r < PK_REASONS; r++)
            pk_prom_number(p, PK_PROM_LABELS(L("mount", info.path), L("reason", reasons[r])),
                           core_tally(core_of(admin), i)->unabsorbed[r]);
}

static void spared(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, pk_admin_spared(admin));
}

/* A histogram of the core, which says how many took no longer than a step. */
static void core_times(const struct core *core, struct pk_prom *p,
                       uint64_t (*within)(const struct core *core, int64_t us), double sum_us)
{
    uint64_t all = within(core, INT64_MAX);
    for (unsigned i = 0; i < PK_LATENCY_STEPS; i++)
        pk_prom_bucket(p, NULL, 0, pk_latency_step(i), within(core, pk_latency_step(i)));
    pk_prom_bucket(p, NULL, 0, -1, all);
    pk_prom_sum(p, NULL, 0, sum_us / 1e6, all);
}

static void beat_times(struct pk_admin *admin, struct pk_prom *p)
{
    core_times(core_of(admin), p, core_beats_within, core_beat_sum_us(core_of(admin)));
}

static void hold_times(struct pk_admin *admin, struct pk_prom *p)
{
    core_times(core_of(admin), p, core_holds_within, core_hold_sum_us(core_of(admin)));
}

static void relay_times(struct pk_admin *admin, struct pk_prom *p)
{
    static const char *const kinds[] = {"read", "write"};
    const struct pk_upstream *upstream = admin->conns->upstream;
    for (int i = 0; i < upstream->nservers; i++)
        for (unsigned write = 0; write < 2; write++) {
            const struct pk_latency *times = core_relay_times(core_of(admin), (unsigned)i, write);
            if (times != NULL && upstream->servers[i].names != 0)
                pk_prom_latency(
                    p, PK_PROM_LABELS(L("server", upstream->servers[i].name), L("kind", kinds[write])),
                    times);
        }
}

static void loop_lag(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_latency(p, NULL, 0, &admin->loop_lag);
}

/* ---- servers ---- */

/* The i-th address that is in use, NULL for one that is not. */
static const struct pk_server *server_at(const struct pk_admin *admin, int i)
{
    const struct pk_server *s = &admin->conns->upstream->servers[i];
    return s->names != 0 && !s->left ? s : NULL;
}

#define EACH_SERVER(admin, i, s)                                                                             \
    for (int i = 0; i < (admin)->conns->upstream->nservers; i++)                                             \
        for (const struct pk_server *s = server_at(admin, i); s != NULL; s = NULL)

static void server_up(struct pk_admin *admin, struct pk_prom *p)
{
    EACH_SERVER(admin, i, s)
    {
        pk_prom_number(p, PK_PROM_LABELS(L("server", s->name)), s->state == PK_SERVER_UP);
    }
}

static void server_info(struct pk_admin *admin, struct pk_prom *p)
{
    EACH_SERVER(admin, i, s)
    {
        pk_prom_number(p, PK_PROM_LABELS(L("server", s->name), L("version", s->version), L("role", s->mode)),
                       1);
    }
}

static void server_connections(struct pk_admin *admin, struct pk_prom *p)
{
    int64_t at[PK_MAX_ADDRESSES] = {0};
    pk_admin_uplinks(admin, at);
    EACH_SERVER(admin, i, s)
    {
        pk_prom_number(p, PK_PROM_LABELS(L("server", s->name)), at[i]);
    }
}

static void server_faults(struct pk_admin *admin, struct pk_prom *p)
{
    EACH_SERVER(admin, i, s)
    {
        pk_prom_number(p, PK_PROM_LABELS(L("server", s->name)), s->faults);
    }
}

/* ---- mounts ---- */

static void mount_info(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_mount_info info;
    for (size_t i = 0; core_mount_next(core_of(admin), &i, &info); i++)
        pk_prom_number(p, PK_PROM_LABELS(L("mount", info.path), L("mode", pk_config_mode_name(info.mode))),
                       1);
}

#define MOUNT_GAUGE(function, field)                                                                         \
    static void function(struct pk_admin *admin, struct pk_prom *p)                                          \
    {                                                                                                        \
        struct core_mount_info info;                                                                         \
        for (size_t i = 0; core_mount_next(core_of(admin), &i, &info); i++)                                  \
            pk_prom_number(p, PK_PROM_LABELS(L("mount", info.path)), (int64_t)info.field);                   \
    }

MOUNT_GAUGE(mount_znodes, znodes)
MOUNT_GAUGE(mount_bytes, bytes)
MOUNT_GAUGE(mount_cached, cached_znodes)
MOUNT_GAUGE(mount_dirty, dirty)
MOUNT_GAUGE(mount_left, left)

static void mount_unflushed(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_mount_info info;
    for (size_t i = 0; core_mount_next(core_of(admin), &i, &info); i++) {
        int64_t us = info.unflushed_us > 0 ? admin->conns->loop.now_us - info.unflushed_us : 0;
        pk_prom_real(p, PK_PROM_LABELS(L("mount", info.path)), (double)us / 1e6);
    }
}

static void mount_oldest(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_mount_info info;
    pk_late_look(&admin->late, &admin->conns->loop);
    for (size_t i = 0; core_mount_next(core_of(admin), &i, &info); i++) {
        const struct pk_late_mount *m = &admin->late.mounts[i];
        int64_t ms = m->oldest_ms > 0 ? admin->conns->loop.wall_ms - m->oldest_ms : 0;
        if (m->whole)
            pk_prom_real(p, PK_PROM_LABELS(L("mount", info.path)), ms > 0 ? (double)ms / 1e3 : 0);
    }
}

static void mount_late(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_mount_info info;
    pk_late_look(&admin->late, &admin->conns->loop);
    for (size_t i = 0; core_mount_next(core_of(admin), &i, &info); i++)
        if (admin->late.mounts[i].whole)
            pk_prom_number(p, PK_PROM_LABELS(L("mount", info.path)), admin->late.mounts[i].late);
}

/* ---- clients ---- */

static void closes(struct pk_admin *admin, struct pk_prom *p)
{
    static const char *const reasons[] = {
#define X(name, level, text) #name,
#include "core/conn/close.def"
#undef X
    };
    for (size_t i = 1; i < sizeof reasons / sizeof *reasons; i++) {
        char word[48];
        size_t n = 0;
        for (; reasons[i][n] != '\0' && n < sizeof word - 1; n++)
            word[n] = (char)(reasons[i][n] == '_' ? '_' : reasons[i][n] - 'A' + 'a');
        word[n] = '\0';
        pk_prom_number(p, PK_PROM_LABELS(L("reason", word)), admin->conns->closes[i]);
    }
}

static void rejected(struct pk_admin *admin, struct pk_prom *p)
{
    int64_t of_one = admin->listeners->rejected_per_address, all = admin->listeners->rejected;
    pk_prom_number(p, PK_PROM_LABELS(L("limit", "max-connections")), all - of_one);
    pk_prom_number(p, PK_PROM_LABELS(L("limit", "max-connections-per-address")), of_one);
}

static void made_room(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, admin->listeners->made_room);
}

static void pauses(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, admin->listeners->pauses);
}

static void traffic(struct pk_admin *admin, struct pk_prom *p)
{
    static const char *const sides[] = {"client", "uplink", "link"};
    for (int i = 0; i < PK_TRAFFICS; i++) {
        pk_prom_number(p, PK_PROM_LABELS(L("side", sides[i]), L("direction", "in")),
                       admin->conns->bytes_in[i]);
        pk_prom_number(p, PK_PROM_LABELS(L("side", sides[i]), L("direction", "out")),
                       admin->conns->bytes_out[i]);
    }
}

static void instances(struct pk_admin *admin, struct pk_prom *p)
{
    int seen, conflicting;
    pk_marker_figures(admin->marker, &seen, &conflicting);
    pk_prom_number(p, NULL, 0, seen);
}

static void conflicting(struct pk_admin *admin, struct pk_prom *p)
{
    int seen, others;
    pk_marker_figures(admin->marker, &seen, &others);
    pk_prom_number(p, NULL, 0, others);
}

/* ---- the group ---- */

static void group_role(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_group_info info;
    if (!core_group_info(core_of(admin), &info))
        return;
    for (int role = 0; role < PK_ROLES; role++)
        pk_prom_number(p, PK_PROM_LABELS(L("role", pk_group_role((enum pk_role)role))),
                       info.role == (enum pk_role)role);
}

#define GROUP_GAUGE(function, field)                                                                         \
    static void function(struct pk_admin *admin, struct pk_prom *p)                                          \
    {                                                                                                        \
        struct core_group_info info;                                                                         \
        if (core_group_info(core_of(admin), &info))                                                          \
            pk_prom_number(p, NULL, 0, (int64_t)info.field);                                                 \
    }

GROUP_GAUGE(group_reigning, reigning)
GROUP_GAUGE(group_listed, listed)
GROUP_GAUGE(group_copies, copies)
GROUP_GAUGE(group_waiting, waiting)

static void group_refused(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_group_info info;
    if (core_group_info(core_of(admin), &info))
        pk_prom_real(p, NULL, 0, (double)pk_admin_since_us(admin, info.refused_us) / 1e6);
}

#define MEMBER_GAUGE(function, show, value)                                                                  \
    static void function(struct pk_admin *admin, struct pk_prom *p)                                          \
    {                                                                                                        \
        struct core_member_info m;                                                                           \
        for (size_t i = 0; core_group_member(core_of(admin), i, &m); i++)                                    \
            show(p, PK_PROM_LABELS(L("member", m.address)), value);                                          \
    }

MEMBER_GAUGE(group_lag, pk_prom_number, (int64_t)m.lag_bytes)
MEMBER_GAUGE(group_lag_records, pk_prom_number, (int64_t)m.lag_records)
MEMBER_GAUGE(group_lag_seconds, pk_prom_real, (double)pk_admin_since_us(admin, m.lag_us) / 1e6)

static void group_copy_wait(struct pk_admin *admin, struct pk_prom *p)
{
    struct core_group_info info;
    if (core_group_info(core_of(admin), &info))
        core_times(core_of(admin), p, core_copy_waits_within, core_copy_wait_sum_us(core_of(admin)));
}

static void group_messages(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, admin->conns->link_messages);
}

static void group_away(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, PK_PROM_LABELS(L("reason", "secret")), admin->listeners->guests.wrong);
    pk_prom_number(p, PK_PROM_LABELS(L("reason", "other")), admin->listeners->guests.other);
}

/* ---- ourselves ---- */

static void admin_visitors(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, pk_http_figures(admin->http).visitors);
}

static void admin_requests(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, pk_http_figures(admin->http).requests);
}

static void admin_ended(struct pk_admin *admin, struct pk_prom *p)
{
    struct pk_http_figures f = pk_http_figures(admin->http);
    pk_prom_number(p, PK_PROM_LABELS(L("reason", "slow")), f.timed_out);
    pk_prom_number(p, PK_PROM_LABELS(L("reason", "made_room")), f.made_room);
    pk_prom_number(p, PK_PROM_LABELS(L("reason", "tls")), f.tls_failed);
}

static void process_cpu(struct pk_admin *admin, struct pk_prom *p)
{
    struct pk_process process;
    (void)admin;
    pk_process_read(&process);
    pk_prom_real(p, NULL, 0, process.cpu_seconds);
}

static void process_memory(struct pk_admin *admin, struct pk_prom *p)
{
    struct pk_process process;
    (void)admin;
    pk_process_read(&process);
    pk_prom_number(p, NULL, 0, process.resident);
}

static void process_started(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_real(p, NULL, 0, (double)(admin->started_ms / 1000));
}

static void process_files(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, pk_admin_open_files(admin));
}

static void process_max_files(struct pk_admin *admin, struct pk_prom *p)
{
    pk_prom_number(p, NULL, 0, admin->limits->max_files);
}

/* ---- all of them ---- */

static const struct {
    void (*fill)(struct pk_admin *admin, struct pk_prom *p);
    const char *name, *type, *help;
} families[] = {
#define COUNTER                               "counter"
#define GAUGE                                 "gauge"
#define HISTOGRAM                             "histogram"
#define X(function, name, type, labels, help) {function, name, type, help},
#include "io/admin/families.def"
#undef X
};

/* Those of the core's own that families.def has with labels. */
static bool has_labels(const char *name)
{
    static const char *const those[] = {"requests_local", "requests_relayed", "closed_malformed",
                                        "closed_uplink",  "closed_handshake", "closed_memory",
                                        "fenced"};
    for (size_t i = 0; i < sizeof those / sizeof *those; i++)
        if (strcmp(those[i], name) == 0)
            return true;
    return false;
}

static void core_figure(struct pk_text *out, const char *name, bool counter, const char *help, int64_t value)
{
    char family[96];
    if (has_labels(name))
        return;
    snprintf(family, sizeof family, "pacekeeper_%s%s", name, counter ? "_total" : "");
    struct pk_prom p = {.out = out, .name = family, .help = help, .type = counter ? "counter" : "gauge"};
    pk_prom_number(&p, NULL, 0, value);
}

void pk_metrics(struct pk_admin *admin, struct pk_text *out)
{
    const struct core_stats *s = core_stats(core_of(admin));
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        char name[96];
        bool own = strncmp(families[i].name, "process_", 8) != 0;
        snprintf(name, sizeof name, "%s%s", own ? "pacekeeper_" : "", families[i].name);
        struct pk_prom p = {.out = out, .name = name, .help = families[i].help, .type = families[i].type};
        families[i].fill(admin, &p);
    }
    enum { IS_COUNTER, IS_GAUGE };
#define X(name, kind, help) core_figure(out, #name, IS_##kind == IS_COUNTER, help, s->name);
#include "core/store/metrics.def"
#undef X
}
