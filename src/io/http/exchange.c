/*
 * A request and its answer at libmicrohttpd. Happy path: what is not given is empty; an answer has headers that keep a
 * browser from doing more with it than show it. Failure modes: memory is short, and the answer is an empty one that
 * says so by its status, or none.
 */
#include "io/http/exchange.h"

#include <stdlib.h>
#include <string.h>

const char *pk_http_header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value != NULL ? value : "";
}

const char *pk_http_argument(const struct pk_http_request *request, const char *name)
{
    const char *value = NULL;
    struct MHD_Connection *connection = request->connection;
    if (MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, NULL) !=
        MHD_YES)
        return NULL;
    return value != NULL ? value : "";
}

static void add_headers(struct MHD_Response *response, const struct pk_http_answer *answer)
{
    MHD_add_response_header(response, "Content-Type", answer->type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Frame-Options", "DENY");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; script-src 'self'; connect-src 'self'; "
                            "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
    if (answer->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"pacekeeper\"");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD, POST");
}

enum MHD_Result pk_http_respond(struct MHD_Connection *connection, struct pk_http_answer *answer)
{
    if (answer->out.failed || answer->out.p == NULL) {
        free(answer->out.p);
        answer->out = (struct pk_text){.p = strdup(""), .len = 0};
        answer->status = answer->status == MHD_HTTP_OK ? MHD_HTTP_SERVICE_UNAVAILABLE : answer->status;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->out.len, answer->out.p, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(answer->out.p);
        return MHD_NO;
    }
    add_headers(response, answer);
    enum MHD_Result queued = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return queued;
}
