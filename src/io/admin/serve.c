/*
 * Paths of the admin side. Happy path: a row of the table fills the answer. Failure modes: a path or a method that is
 * none, and what changes something asked by somebody who may only look, are said in a line.
 */
#include "io/admin/serve.h"

#include <string.h>

#include "io/admin/admin.h"
#include "io/admin/api.h"
#include "io/admin/metrics.h"
#include "io/admin/migration.h"
#include "io/admin/page.h"

static void live(struct pk_admin *admin, const struct pk_http_request *request, struct pk_http_answer *answer)
{
    (void)admin;
    (void)request;
    pk_text_add(&answer->out, "live\n");
}

static void ready(struct pk_admin *admin, const struct pk_http_request *request,
                  struct pk_http_answer *answer)
{
    const char *why = pk_admin_unready(admin);
    (void)request;
    answer->status = why == NULL ? 200 : 503;
    pk_text_add(&answer->out, "%s\n", why == NULL ? "ready" : why);
}

static void metrics(struct pk_admin *admin, const struct pk_http_request *request,
                    struct pk_http_answer *answer)
{
    (void)request;
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    pk_metrics(admin, &answer->out);
}

static void page(struct pk_admin *admin, const struct pk_http_request *request, struct pk_http_answer *answer)
{
    (void)request;
    answer->type = "text/html; charset=utf-8";
    pk_page(admin, &answer->out);
}

static void page_script(struct pk_admin *admin, const struct pk_http_request *request,
                        struct pk_http_answer *answer)
{
    (void)admin;
    (void)request;
    answer->type = "text/javascript; charset=utf-8";
    pk_page_script(&answer->out);
}

static const struct {
    const char *method, *path;
    void (*fill)(struct pk_admin *admin, const struct pk_http_request *request,
                 struct pk_http_answer *answer);
} pages[] = {
    {"GET", "/", page},
    {"GET", "/page.js", page_script},
    {"GET", "/live", live},
    {"GET", "/ready", ready},
    {"GET", "/metrics", metrics},
    {"GET", "/api/v1/servers", pk_api_list},
    {"GET", "/api/v1/clients", pk_api_list},
    {"GET", "/api/v1/mounts", pk_api_list},
    {"GET", "/api/v1/paths", pk_api_list},
    {"GET", "/api/v1/late", pk_api_list},
    {"GET", "/api/v1/savings", pk_api_list},
    {"GET", "/api/v1/config", pk_api_list},
    {"GET", "/api/v1/group", pk_api_list},
    {"GET", "/api/v1/explain", pk_api_explain},
    {"GET", "/api/v1/migration", pk_api_migration},
    {"GET", "/api/v1/top", pk_api_top},
    {"POST", "/api/v1/reload", pk_api_reload},
    {"POST", "/api/v1/drain", pk_api_drain},
    {"POST", "/api/v1/close", pk_api_close},
};

static void fail(struct pk_http_answer *answer, int status, const char *why)
{
    answer->status = status;
    pk_text_add(&answer->out, "%s\n", why);
}

void pk_admin_serve(void *owner, const struct pk_http_request *request, struct pk_http_answer *answer)
{
    bool found = false;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(pages[i].path, request->path) != 0)
            continue;
        found = true;
        if (strcmp(pages[i].method, request->method) != 0)
            continue;
        if (strcmp(request->method, "GET") != 0 && !request->trusted)
            fail(answer, 403,
                 "what changes anything takes the Unix socket, or the token of admin.token-file");
        else
            pages[i].fill(owner, request, answer);
        return;
    }
    if (found)
        fail(answer, 405, "that path does not take this method");
    else
        fail(answer, 404, "there is nothing at that path; / shows what there is");
}
