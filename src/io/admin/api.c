/*
 * /api/v1. Happy path: a table is filled and shown in the form that was asked for; an action answers line by line what
 * came of it. Failure modes: an argument that is missing or makes no sense is 400, what cannot be done 409, and said.
 */
#include "io/admin/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/admin/explain.h"
#include "io/admin/group.h"
#include "io/admin/lists.h"
#include "io/admin/top.h"
#include "io/conn/pairs.h"

static bool wants_text(const struct pk_http_request *request)
{
    const char *format = pk_http_argument(request, "format");
    return format != NULL && strcmp(format, "text") == 0;
}

static void bad(struct pk_http_answer *answer, const char *why)
{
    answer->status = 400;
    pk_text_add(&answer->out, "%s\n", why);
}

/* A number from 0 on; false when the argument is none. */
static bool number(const char *text, int64_t most, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (text[0] == '\0' || *end != '\0' || errno != 0 || n < 0 || n > most)
        return false;
    *out = n;
    return true;
}

static void paths_of_all(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    pk_list_paths(admin, NULL, table, most);
}

static const struct {
    const char *path;
    void (*fill)(struct pk_admin *admin, struct pk_table *table, size_t most);
} lists[] = {
    {"/api/v1/servers", pk_list_servers}, {"/api/v1/clients", pk_list_clients},
    {"/api/v1/mounts", pk_list_mounts},   {"/api/v1/paths", paths_of_all},
    {"/api/v1/late", pk_list_late},       {"/api/v1/config", pk_list_config},
    {"/api/v1/group", pk_list_group},     {"/api/v1/savings", pk_list_savings},
};

static void fill(struct pk_admin *admin, const struct pk_http_request *request, struct pk_table *table,
                 size_t most)
{
    const char *mount = pk_http_argument(request, "mount");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strcmp(lists[i].path, request->path) != 0)
            continue;
        if (mount != NULL && lists[i].fill == paths_of_all)
            pk_list_paths(admin, mount, table, most);
        else
            lists[i].fill(admin, table, most);
    }
}

void pk_api_list(struct pk_admin *admin, const struct pk_http_request *request, struct pk_http_answer *answer)
{
    int64_t most = PK_LIST_ROWS;
    struct pk_table table = {0};
    const char *limit = pk_http_argument(request, "limit");
    if (limit != NULL && !number(limit, 10 * PK_LIST_ROWS, &most)) {
        bad(answer, "limit: a number from 0 to 10000 is expected");
        return;
    }
    fill(admin, request, &table, (size_t)most);
    if (wants_text(request)) {
        pk_table_plain(&table, &answer->out);
    } else {
        answer->type = "application/json";
        pk_table_json(&table, &answer->out);
        pk_text_add(&answer->out, "\n");
    }
    pk_table_free(&table);
}

void pk_api_explain(struct pk_admin *admin, const struct pk_http_request *request,
                    struct pk_http_answer *answer)
{
    const char *path = pk_http_argument(request, "path");
    if (path == NULL || path[0] != '/') {
        bad(answer, "path: the whole path of a znode is expected, like /storm/workerbeats/t/n");
        return;
    }
    answer->type = wants_text(request) ? answer->type : "application/json";
    pk_explain(admin, path, !wants_text(request), &answer->out);
}

void pk_api_top(struct pk_admin *admin, const struct pk_http_request *request, struct pk_http_answer *answer)
{
    const char *format = pk_http_argument(request, "format");
    if (format != NULL && strcmp(format, "line") == 0) {
        pk_top_line(admin, &answer->out);
    } else if (wants_text(request)) {
        pk_top_text(admin, &answer->out);
    } else {
        answer->type = "application/json";
        pk_top_json(admin, &answer->out);
    }
}

void pk_api_reload(struct pk_admin *admin, const struct pk_http_request *request,
                   struct pk_http_answer *answer)
{
    (void)request;
    if (!admin->actions.reload(admin->owner, &answer->out))
        answer->status = 409;
}

void pk_api_drain(struct pk_admin *admin, const struct pk_http_request *request,
                  struct pk_http_answer *answer)
{
    int64_t rate = 0;
    const char *text = pk_http_argument(request, "rate");
    if (text != NULL && !number(text, 1000000, &rate)) {
        bad(answer, "rate: clients a second are expected, 0 for all at once");
        return;
    }
    if (!admin->actions.drain(admin->owner, rate, &answer->out))
        answer->status = 409;
}

/* A client by its number, or by its address and port. */
static bool find(const struct pk_pairs *conns, const char *text, struct pk_id *id)
{
    char address[PK_ADDRESS_TEXT], own[32];
    for (struct pk_list *l = conns->pairs.next; l != &conns->pairs; l = l->next) {
        const struct pk_pair *pair = PK_CONTAINER(l, struct pk_pair, all);
        if (pair->service || pair->state != PK_PAIR_KNOWN)
            continue;
        snprintf(own, sizeof own, "%u.%u", (unsigned)pair->id.slot, (unsigned)pair->id.gen);
        *id = pair->id;
        if (strcmp(own, text) == 0 || strcmp(pk_address_text(&pair->peer.any, address), text) == 0)
            return true;
    }
    return false;
}

void pk_api_close(struct pk_admin *admin, const struct pk_http_request *request,
                  struct pk_http_answer *answer)
{
    struct pk_id id;
    const char *client = pk_http_argument(request, "client");
    if (client == NULL) {
        bad(answer, "client: its number or HOST:PORT is expected, as in the list of clients");
    } else if (!find(admin->conns, client, &id)) {
        answer->status = 404;
        pk_text_add(&answer->out, "there is no client %.80s\n", client);
    } else if (!admin->actions.leave(admin->owner, id, &answer->out)) {
        answer->status = 409;
    }
}
