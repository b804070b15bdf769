/*
 * HTTP on the loop: libmicrohttpd parses and writes, we accept, bound and time out; no thread, nothing that waits.
 *
 *   door ──accept──► visitor ──bytes──► libmicrohttpd ──request──► handler ──answer──► libmicrohttpd ──► visitor
 *                            (tunnel)                                                             (tunnel)
 *
 * At some doors TLS is spoken, by the certificate of the configuration in use (tls): through a tunnel each.
 * A visitor has a share of the time (PK_HTTP_PATIENCE_MS for each request); when all places are taken the oldest one
 * that has had a moment makes room.
 */
#ifndef PK_IO_HTTP_SERVER_H
#define PK_IO_HTTP_SERVER_H

#include "io/http/door.h"
#include "io/http/request.h"
#include "io/loop/loop.h"

enum {
    PK_HTTP_PLACES = 16, /* at all TCP addresses together, and at all paths together */
    PK_HTTP_PATIENCE_MS =
        10000, /* for a request, from the connect or the answer before to its answer's last byte */
    PK_HTTP_TOKEN = 256,
};

struct pk_http;

struct pk_http_config {
    const char *token; /* "": none. With one, TCP needs it; without one, TCP may only read */
    pk_http_handler *handler;
    void *owner; /* the handler's */
};

struct pk_http_figures {
    int64_t visitors, requests, refused, timed_out, made_room, tls_failed;
    int64_t files; /* open for visitors */
};

/* A server without a door. PK_ENOMEM: pk_http_close and pk_http_free are due nonetheless, where *out is not NULL. */
enum pk_err pk_http_open(struct pk_http **out, struct pk_loop *loop,
                         const struct pk_http_config *config) PK_NODISCARD;
/*
 * Opens a door for each of these (HOST:PORT, tls:HOST:PORT or unix:/PATH) that is not open yet. PK_EINVAL and
 * PK_ENOMEM, said in the log: nothing is changed. pk_http_change is due after success, before the loop goes on.
 */
enum pk_err pk_http_prepare(struct pk_http *http, const char *const *listen, size_t n) PK_NODISCARD;
/*
 * Accepts at these, and says where; TLS begins or ends for who comes from now on. Other doors close, and who came
 * through them has his answer yet.
 */
void pk_http_change(struct pk_http *http, const char *const *listen, size_t n);
/* Another token from the next request on. */
void pk_http_set_token(struct pk_http *http, const char *token);
struct pk_http_figures pk_http_figures(const struct pk_http *http);
/* Closes every door and visitor; handles close with the loop. NULL is allowed, a second time too. */
void pk_http_close(struct pk_http *http);
/* After the loop has ended; NULL is allowed. */
void pk_http_free(struct pk_http *http);

#endif
