/*
 * The state of a migration. Happy path: an ephemeral znode of Storm's whose owner is the session of a client of ours is
 * here, another one goes directly; a worker whose znode a client writes is here, one whose znode is fresh in the
 * ensemble and nobody here writes goes directly. Failure modes: no root is known, no server serves, the ensemble does
 * not answer or refuses: said; memory is short: fewer are here.
 */
#include "io/admin/migration.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/admin/admin.h"
#include "io/admin/table.h"
#include "io/config/config.h"
#include "io/conn/pairs.h"
#include "io/instances/census.h"
#include "io/instances/ensemble.h"
#include "io/instances/marker.h"

/* FRESH_MS: two beats of Storm 2, which are a minute apart. */
enum { KEPT_US = 5 * 1000 * 1000, FRESH_MS = 120 * 1000 };

static const struct {
    const char *name, *title, *key; /* of one, of all of them, in JSON */
} kinds[PK_CENSUS_KINDS] = {
    [PK_CENSUS_SUPERVISOR] = {"supervisor", "supervisors", "supervisors"},
    [PK_CENSUS_NIMBUS] = {"nimbus", "nimbuses", "nimbuses"},
    [PK_CENSUS_LATCH] = {"leader-lock", "leader-lock", "leader_lock"},
    [PK_CENSUS_WORKER] = {"worker", "workers", "workers"},
};

/* ---- roots ---- */

struct roots {
    char text[PK_CENSUS_ROOTS][PK_MOUNT_PATH];
    const char *all[PK_CENSUS_ROOTS];
    size_t n;
};

static void add_root(struct roots *roots, const char *mount, size_t len)
{
    for (size_t i = 0; i < roots->n; i++)
        if (strlen(roots->all[i]) == len && memcmp(roots->all[i], mount, len) == 0)
            return;
    if (roots->n == PK_CENSUS_ROOTS)
        return;
    snprintf(roots->text[roots->n], PK_MOUNT_PATH, "%.*s", (int)len, mount);
    roots->all[roots->n] = roots->text[roots->n];
    roots->n++;
}

/* What is above mounts that have names of Storm's. */
static void find_roots(const struct pk_config *config, struct roots *roots)
{
    roots->n = 0;
    for (size_t i = 0; i < config->nmounts; i++) {
        const char *path = config->mounts[i].path, *last = strrchr(path, '/');
        if (strcmp(last, "/workerbeats") == 0 || strcmp(last, "/supervisors") == 0)
            add_root(roots, path, (size_t)(last - path));
    }
}

/* ---- our clients ---- */

struct our_client {
    int64_t session;
    const struct pk_pair *pair;
    struct pk_bytes writes; /* borrowed from the core; empty: nothing below a mount */
};

struct ours {
    struct our_client *by_session, *by_path; /* the same in two orders */
    size_t n;
};

static int by_session(const void *a, const void *b)
{
    const struct our_client *x = a, *y = b;
    return (x->session > y->session) - (x->session < y->session);
}

static int by_path(const void *a, const void *b)
{
    struct pk_bytes x = ((const struct our_client *)a)->writes, y = ((const struct our_client *)b)->writes;
    uint32_t both = x.len < y.len ? x.len : y.len;
    int order = both > 0 ? memcmp(x.p, y.p, both) : 0;
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* False: memory is short. */
static bool find_ours(const struct pk_pairs *conns, struct ours *ours)
{
    struct core_conn_info info;
    *ours = (struct ours){.by_session = malloc((conns->npairs + 1) * sizeof *ours->by_session),
                          .by_path = malloc((conns->npairs + 1) * sizeof *ours->by_path)};
    if (ours->by_session == NULL || ours->by_path == NULL)
        return false;
    for (struct pk_list *l = conns->pairs.next; l != &conns->pairs; l = l->next) {
        const struct pk_pair *pair = PK_CONTAINER(l, struct pk_pair, all);
        if (pair->service || pair->state != PK_PAIR_KNOWN ||
            !core_conn_info(conns->loop.core, pair->id, &info))
            continue;
        ours->by_session[ours->n++] = (struct our_client){info.session_id, pair, info.writes};
    }
    if (ours->n > 0)
        memcpy(ours->by_path, ours->by_session, ours->n * sizeof *ours->by_path);
    qsort(ours->by_session, ours->n, sizeof *ours->by_session, by_session);
    qsort(ours->by_path, ours->n, sizeof *ours->by_path, by_path);
    return true;
}

static void forget_ours(struct ours *ours)
{
    free(ours->by_session);
    free(ours->by_path);
}

static const struct our_client *with_session(const struct ours *ours, int64_t session)
{
    const struct our_client key = {.session = session};
    return ours->n > 0 ? bsearch(&key, ours->by_session, ours->n, sizeof key, by_session) : NULL;
}

static const struct our_client *who_writes(const struct ours *ours, const char *path)
{
    const struct our_client key = {.writes = {(const uint8_t *)path, (uint32_t)strlen(path)}};
    return ours->n > 0 ? bsearch(&key, ours->by_path, ours->n, sizeof key, by_path) : NULL;
}

/* ---- rows ---- */

struct report {
    struct pk_admin *admin;
    struct roots roots;
    struct ours ours;
    struct pk_census_result census;
    struct pk_table table;
    int here[PK_CENSUS_KINDS], directly[PK_CENSUS_KINDS];
};

/* A worker's name from what is behind workerbeats/, TOPOLOGY/NODE-PORT. */
static void worker_name(struct pk_table *table, const char *rest, int len)
{
    const char *slash = memchr(rest, '/', (size_t)len);
    int topology = (int)(slash - rest);
    pk_table_text(table, "%.*s of %.*s", len - topology - 1, slash + 1, topology, rest);
}

/* What is behind <root>/workerbeats/, TOPOLOGY/NODE-PORT; NULL for what is no worker's znode. */
static const char *beat_of(const struct roots *roots, struct pk_bytes path)
{
    static const char folder[] = "/workerbeats/";
    for (size_t i = 0; i < roots->n; i++) {
        size_t root = strlen(roots->all[i]), head = root + sizeof folder - 1;
        if (path.len <= head || memcmp(path.p, roots->all[i], root) != 0 ||
            memcmp(path.p + root, folder, sizeof folder - 1) != 0)
            continue;
        const char *rest = (const char *)path.p + head, *end = (const char *)path.p + path.len;
        const char *slash = memchr(rest, '/', (size_t)(end - rest));
        if (slash != NULL && memchr(slash + 1, '/', (size_t)(end - slash - 1)) == NULL)
            return rest;
    }
    return NULL;
}

static void add_row(struct report *r, enum pk_census_kind kind, const struct our_client *client,
                    int64_t session, struct pk_bytes path)
{
    char address[PK_ADDRESS_TEXT];
    pk_table_text(&r->table, "%s", client != NULL ? "here" : "directly");
    if (session != 0)
        pk_table_text(&r->table, "%04x", (unsigned)(session & 0xffff));
    else
        pk_table_none(&r->table);
    if (client != NULL)
        pk_table_text(&r->table, "%s", pk_address_text(&client->pair->peer.any, address));
    else
        pk_table_none(&r->table);
    pk_table_text(&r->table, "%.*s", (int)path.len, (const char *)path.p);
    (client != NULL ? r->here : r->directly)[kind]++;
}

/* One that owns an ephemeral znode. */
static void owner_row(struct report *r, const struct pk_census_znode *z, bool here)
{
    const struct our_client *client = with_session(&r->ours, z->owner);
    if (z->owner == 0 || (client != NULL) != here)
        return;
    pk_table_text(&r->table, "%s", kinds[z->kind].name);
    pk_table_text(&r->table, "%s", strrchr(z->path, '/') + 1);
    add_row(r, z->kind, client, z->owner, (struct pk_bytes){(uint8_t *)z->path, (uint32_t)strlen(z->path)});
}

/* A znode of a worker that is written by somebody, and by nobody here. */
static void foreign_worker_row(struct report *r, const struct pk_census_znode *z)
{
    struct pk_bytes path = {(uint8_t *)z->path, (uint32_t)strlen(z->path)};
    const char *rest = beat_of(&r->roots, path);
    bool fresh = r->admin->conns->loop.wall_ms - z->mtime_ms < FRESH_MS;
    if (rest == NULL || !fresh || who_writes(&r->ours, z->path) != NULL)
        return;
    pk_table_text(&r->table, "%s", kinds[z->kind].name);
    worker_name(&r->table, rest, (int)strlen(rest));
    add_row(r, PK_CENSUS_WORKER, NULL, 0, path);
}

/* Workers among our clients, each once. */
static void own_worker_rows(struct report *r)
{
    for (size_t i = 0; i < r->ours.n; i++) {
        const struct our_client *client = &r->ours.by_path[i];
        const char *rest = beat_of(&r->roots, client->writes);
        if (rest == NULL || (i > 0 && by_path(client, client - 1) == 0))
            continue;
        pk_table_text(&r->table, "%s", kinds[PK_CENSUS_WORKER].name);
        worker_name(&r->table, rest, (int)((const char *)client->writes.p + client->writes.len - rest));
        add_row(r, PK_CENSUS_WORKER, client, client->session, client->writes);
    }
}

static void rows(struct report *r, bool here)
{
    for (size_t i = 0; i < r->census.n; i++) {
        const struct pk_census_znode *z = &r->census.znodes[i];
        if (z->folder || !z->there)
            continue;
        if (z->kind != PK_CENSUS_WORKER)
            owner_row(r, z, here);
        else if (!here)
            foreign_worker_row(r, z);
    }
    if (here)
        own_worker_rows(r);
}

/* ---- what is answered ---- */

static void say_kinds(const struct report *r, bool json, struct pk_text *out)
{
    for (unsigned kind = 0; kind < PK_CENSUS_KINDS; kind++) {
        int error = r->census.refused[kind];
        const char *why = error != 0 ? pk_ensemble_error(error) : NULL;
        if (json) {
            pk_text_add(out, "\"%s\": {\"here\": %d, \"directly\": %d, \"problem\": ", kinds[kind].key,
                        r->here[kind], r->directly[kind]);
            pk_text_add(out, why != NULL ? "\"%s\"},\n" : "null},\n", why);
        } else {
            pk_text_add(out, "%-12s %5d here  %5d directly%s%s\n", kinds[kind].title, r->here[kind],
                        r->directly[kind], why != NULL ? "; cannot be listed: " : "", why != NULL ? why : "");
        }
    }
}

static void say(struct report *r, bool json, struct pk_text *out)
{
    int seen, conflicting;
    double age = (double)(r->admin->conns->loop.now_us - r->census.known_us) / 1e6;
    pk_marker_figures(r->admin->marker, &seen, &conflicting);
    if (json) {
        pk_text_add(out, "{\"age_seconds\": %.1f, \"cut\": %s, \"other_pacekeepers\": %d,\n", age,
                    r->census.cut ? "true" : "false", seen > 1 ? seen - 1 : 0);
        say_kinds(r, true, out);
        pk_text_add(out, "\"rows\": ");
        pk_table_json(&r->table, out);
        pk_text_add(out, "}\n");
        return;
    }
    say_kinds(r, false, out);
    if (r->census.cut)
        pk_text_add(out, "there are more than %d znodes: the rest was not looked at\n", PK_CENSUS_MOST);
    if (seen > 1)
        pk_text_add(out, "%d other pacekeepers: who comes through them is counted as going directly\n",
                    seen - 1);
    pk_text_add(out, "\n");
    pk_table_plain(&r->table, out);
}

static void answer_known(struct report *r, bool json, struct pk_http_answer *answer)
{
    static const struct pk_column columns[] = {{"kind", "WHAT"},       {"name", "NAME"},
                                               {"way", "WAY"},         {"session", "SESSION"},
                                               {"address", "ADDRESS"}, {"path", "PATH"}};
    pk_table_init(&r->table, columns, sizeof columns / sizeof *columns);
    if (find_ours(r->admin->conns, &r->ours)) {
        rows(r, false);
        rows(r, true);
        answer->type = json ? "application/json" : answer->type;
        say(r, json, &answer->out);
    } else {
        answer->status = 503;
        pk_text_add(&answer->out, "memory is short\n");
    }
    forget_ours(&r->ours);
    pk_table_free(&r->table);
}

static void refuse(struct pk_http_answer *answer, int status, const char *why)
{
    answer->status = status;
    pk_text_add(&answer->out, "%s\n", why);
}

static void answer_with(struct report *r, bool json, struct pk_http_answer *answer)
{
    struct pk_admin *admin = r->admin;
    bool fresh = r->census.known && admin->conns->loop.now_us - r->census.known_us < KEPT_US;
    if (pk_census_asking(admin->census)) {
        refuse(answer, 202, "the ensemble is being asked: ask again");
    } else if (fresh && r->census.error == 0) {
        answer_known(r, json, answer);
    } else if (fresh) {
        refuse(answer, 503, pk_ensemble_error(r->census.error));
    } else if (r->roots.n == 0) {
        refuse(answer, 409, "Storm's root is not known: no mount is called workerbeats or supervisors");
    } else if (pk_census_want(admin->census, admin->conns->upstream, r->roots.all, r->roots.n)) {
        refuse(answer, 202, "the ensemble is being asked: ask again");
    } else {
        refuse(answer, 503, "no server of the ensemble can be asked");
    }
}

void pk_api_migration(struct pk_admin *admin, const struct pk_http_request *request,
                      struct pk_http_answer *answer)
{
    const char *format = pk_http_argument(request, "format");
    struct report *r = calloc(1, sizeof *r);
    if (r == NULL) {
        refuse(answer, 503, "memory is short");
        return;
    }
    r->admin = admin;
    r->census = pk_census_result(admin->census);
    find_roots(admin->conns->loop.config, &r->roots);
    answer_with(r, format == NULL || strcmp(format, "text") != 0, answer);
    free(r);
}
