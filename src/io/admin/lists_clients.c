/*
 * Clients, paths and late beats as tables. Happy path: a row for each, of clients the busiest first. Failure modes:
 * more than there is room for in an answer: the first of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/admin/lists.h"
#include "io/admin/who.h"
#include "io/conn/pairs.h"

enum { SAMPLE_US = 900000, PATHS_MOST = 200000 };

/* Requests a second since the look before this one, or since it came. */
static void sample(struct pk_pair *pair, const struct core_conn_info *info, int64_t now_us)
{
    int64_t since = pair->sampled_us > 0 ? pair->sampled_us : info->opened_us;
    double seconds = (double)(now_us - since) / 1e6;
    if (now_us - since < SAMPLE_US)
        return;
    pair->rate = (float)((double)(uint32_t)(info->received - pair->sampled) / seconds);
    pair->writes = (float)((double)(uint32_t)(info->written - pair->written) / seconds);
    pair->sampled = (uint32_t)info->received;
    pair->written = (uint32_t)info->written;
    pair->sampled_us = now_us;
}

/* Of whom a list is, and who comes first: of all who asks most, or who writes most, or who reads most. */
enum which { ALL, WRITERS, READERS, KINDS };

static float talk(const struct pk_pair *pair, enum which which)
{
    return which == ALL ? pair->rate : which == WRITERS ? pair->writes : pair->rate - pair->writes;
}

static int compare(const void *a, const void *b, enum which which)
{
    float x = talk(*(const struct pk_pair *const *)a, which),
          y = talk(*(const struct pk_pair *const *)b, which);
    return x > y ? -1 : x < y;
}

static int by_rate(const void *a, const void *b)
{
    return compare(a, b, ALL);
}

static int by_writes(const void *a, const void *b)
{
    return compare(a, b, WRITERS);
}

static int by_reads(const void *a, const void *b)
{
    return compare(a, b, READERS);
}

static bool is_one(const struct core_conn_info *info, enum which which)
{
    return which == ALL || (which == WRITERS ? info->written > 0 : info->received > info->written);
}

/* The clients that the core knows and that are of the list, its first ones first; the caller frees. */
static struct pk_pair **busiest(const struct pk_pairs *conns, enum which which, size_t *n)
{
    static int (*const orders[KINDS])(const void *, const void *) = {by_rate, by_writes, by_reads};
    struct core_conn_info info;
    struct pk_pair **found = malloc((conns->npairs + 1) * sizeof *found);
    *n = 0;
    for (struct pk_list *l = conns->pairs.next; found != NULL && l != &conns->pairs; l = l->next) {
        struct pk_pair *pair = PK_CONTAINER(l, struct pk_pair, all);
        if (pair->service || pair->state != PK_PAIR_KNOWN ||
            !core_conn_info(conns->loop.core, pair->id, &info))
            continue;
        sample(pair, &info, conns->loop.now_us);
        if (is_one(&info, which))
            found[(*n)++] = pair;
    }
    if (*n > 1)
        qsort(found, *n, sizeof *found, orders[which]);
    return found;
}

static void path_or_none(struct pk_table *table, struct pk_bytes path)
{
    if (path.p == NULL)
        pk_table_none(table);
    else
        pk_table_text(table, "%.*s", (int)path.len, (const char *)path.p);
}

static void client_row(const struct pk_pairs *conns, struct pk_table *table, const struct pk_pair *pair)
{
    char text[PK_WHO], address[PK_ADDRESS_TEXT];
    struct core_conn_info info;
    if (!core_conn_info(conns->loop.core, pair->id, &info))
        return;
    pk_table_text(table, "%u.%u", (unsigned)pair->id.slot, (unsigned)pair->id.gen);
    pk_table_text(table, "%s", pk_address_text(&pair->peer.any, address));
    if (pk_who(&info, text)[0] != '\0')
        pk_table_text(table, "%s", text);
    else
        pk_table_none(table);
    if (pair->server >= 0)
        pk_table_text(table, "%s", pk_upstream_name(conns->upstream, pair->server));
    else
        pk_table_none(table);
    pk_table_number(table, (conns->loop.now_us - info.opened_us) / 1000000);
    pk_table_real(table, (double)pair->rate);
    pk_table_real(table, (double)pair->writes);
    pk_table_number(table, (int64_t)info.received);
    pk_table_number(table, (int64_t)info.local);
    pk_table_number(table, info.queued);
    pk_table_real(table, (double)(conns->loop.now_us - info.heard_us) / 1e6);
    path_or_none(table, info.writes);
    path_or_none(table, info.holds);
}

static void list(const struct pk_admin *admin, enum which which, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {{"client", "CLIENT"},
                                               {"address", "ADDRESS"},
                                               {"name", "NAME"},
                                               {"server", "SERVER"},
                                               {"age_seconds", "AGE"},
                                               {"requests_per_second", "REQ/S"},
                                               {"writes_per_second", "WRITES/S"},
                                               {"requests", "REQUESTS"},
                                               {"from_memory", "FROM MEMORY"},
                                               {"queued", "QUEUED"},
                                               {"heard_seconds", "HEARD"},
                                               {"writes", "WRITES"},
                                               {"holds", "HOLDS"}};
    size_t n = 0;
    struct pk_pair **found = busiest(admin->conns, which, &n);
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < n && i < most; i++)
        client_row(admin->conns, table, found[i]);
    free(found);
}

void pk_list_clients(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    list(admin, ALL, table, most);
}

void pk_list_writers(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    list(admin, WRITERS, table, most);
}

void pk_list_readers(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    list(admin, READERS, table, most);
}

struct paths {
    struct pk_table *table;
    int64_t now_ms;
    size_t most;
};

static bool path_row(void *owner, struct pk_bytes path, const struct core_znode_info *info)
{
    struct paths *p = owner;
    if (p->most == 0)
        return false;
    p->most--;
    path_or_none(p->table, path);
    pk_table_text(p->table, "%s", info->held);
    pk_table_number(p->table, info->version);
    pk_table_number(p->table, (int64_t)info->data);
    pk_table_real(p->table, (double)(p->now_ms - info->mtime) / 1e3);
    pk_table_number(p->table, info->pending);
    return true;
}

void pk_list_paths(struct pk_admin *admin, const char *mount, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {{"path", "PATH"},       {"held", "HELD"},
                                               {"version", "VERSION"}, {"bytes", "BYTES"},
                                               {"age_seconds", "AGE"}, {"unflushed", "UNFLUSHED"}};
    struct core_mount_info info;
    const struct pk_loop *loop = &admin->conns->loop;
    struct paths paths = {table, loop->wall_ms, most};
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; core_mount_info(loop->core, i, &info) && paths.most > 0; i++)
        if (mount == NULL || strcmp(mount, info.path) == 0)
            (void)core_walk(loop->core, i, PATHS_MOST, path_row, &paths);
}

void pk_list_late(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {{"path", "PATH"}, {"age_seconds", "AGE"}};
    const struct pk_loop *loop = &admin->conns->loop;
    pk_late_look(&admin->late, loop);
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < admin->late.nbeats && i < most; i++) {
        pk_table_text(table, "%s", admin->late.beats[i].path);
        pk_table_real(table, (double)(loop->wall_ms - admin->late.beats[i].mtime) / 1e3);
    }
}
