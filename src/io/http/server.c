/*
 * The HTTP server. Happy path: libmicrohttpd's descriptor becomes readable, it runs, the handler fills an answer in
 * memory, and libmicrohttpd writes it as the visitor takes it. Failure modes: a visitor that is slow, silent or one too
 * many has its socket shut down, which libmicrohttpd then meets as its end; a request larger than the bounds is
 * refused; what is no TLS at a door for that ends in the visitor's tunnel.
 */
#include "io/http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/config/admin.h"
#include "io/config/config.h"
#include "io/http/access.h"
#include "io/http/exchange.h"
#include "io/http/tunnel.h"
#include "io/http/visitors.h"
#include "io/loop/secret.h"

enum { REQUEST_MEMORY = 16 * 1024, MAX_BODY = 4096, ACCEPTS_PER_TURN = 16, SWEEP_MS = 500, CROWD_MS = 50 };

struct pk_http {
    struct pk_loop *loop;
    struct pk_http_config config;
    char token[PK_HTTP_TOKEN];
    struct pk_list doors; /* struct pk_door.list */
    struct pk_list fresh; /* the same, of a change that is being prepared */
    struct MHD_Daemon *mhd;
    uv_poll_t poll;   /* of libmicrohttpd's descriptor */
    uv_timer_t timer; /* runs while there is anybody */
    struct pk_visitors visitors;
    struct pk_visitor *arriving; /* being given to libmicrohttpd */
    struct pk_http_figures figures;
    int64_t tunnels;
    bool handles; /* poll and timer are there */
    bool closed;
};

static void run(struct pk_http *http);

static struct pk_door *door_at(const struct pk_list *node)
{
    return PK_CONTAINER(node, struct pk_door, list);
}

/* Frees it when nobody needs it any more: neither the loop nor who came through it. */
static void end_door(struct pk_door *door)
{
    if (!door->closed || door->visitors > 0)
        return;
    free((void *)(uintptr_t)door->text);
    free(door);
}

/* The visitor leaves when neither libmicrohttpd nor a tunnel has him any more. */
static void leave(struct pk_http *http, struct pk_visitor *visitor)
{
    struct pk_door *door = visitor->door;
    if (visitor->fd >= 0 || visitor->tunnel != NULL)
        return;
    pk_visitor_leave(&http->visitors, visitor);
    end_door(door);
}

/* ---- what libmicrohttpd calls ---- */

static struct pk_visitor *visitor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void notify(void *owner, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    struct pk_http *http = owner;
    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = http->arriving;
        http->arriving = NULL;
    } else if (*context != NULL) {
        struct pk_visitor *visitor = *context;
        *context = NULL;
        visitor->fd = -1;
        leave(http, visitor);
    }
}

static void completed(void *owner, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode code)
{
    struct pk_http *http = owner;
    struct pk_visitor *visitor = visitor_of(connection);
    (void)code;
    *request = NULL;
    if (visitor != NULL)
        pk_visitor_again(&http->visitors, visitor, pk_loop_now());
}

static enum MHD_Result refuse(struct pk_http *http, struct MHD_Connection *connection, int status,
                              const char *why)
{
    struct pk_http_answer answer = {.status = status, .type = "text/plain; charset=utf-8"};
    http->figures.refused++;
    pk_text_add(&answer.out, "%s\n", why);
    return pk_http_respond(connection, &answer);
}

static enum MHD_Result answer_request(struct pk_http *http, struct MHD_Connection *connection,
                                      const char *path, const char *method)
{
    struct pk_visitor *visitor = visitor_of(connection);
    struct pk_http_answer answer = {.status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8"};
    int status = 0;
    if (visitor == NULL)
        return MHD_NO;
    http->figures.requests++;
    struct pk_http_caller caller = {.door = visitor->door,
                                    .token = http->token,
                                    .authorization = pk_http_header(connection, "Authorization"),
                                    .host = pk_http_header(connection, "Host"),
                                    .method = method,
                                    .path = path};
    enum pk_http_access access = pk_http_access(&caller);
    if (access == PK_ACCESS_LOGIN || access == PK_ACCESS_FORBIDDEN) {
        const char *why = pk_http_refusal(access, &status);
        return refuse(http, connection, status, why);
    }
    struct pk_http_request request = {.method = strcmp(method, "HEAD") == 0 ? "GET" : method,
                                      .path = path,
                                      .accept = pk_http_header(connection, "Accept"),
                                      .trusted = access == PK_ACCESS_CHANGE,
                                      .connection = connection};
    pk_loop_clock(http->loop);
    http->config.handler(http->config.owner, &request, &answer);
    return pk_http_respond(connection, &answer);
}

/* Called once when the headers are here, for each piece of a body, and at its end. */
static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body, size_t *len,
                                  void **request)
{
    struct pk_http *http = owner;
    struct pk_visitor *visitor = visitor_of(connection);
    (void)version;
    (void)body;
    if (visitor == NULL)
        return MHD_NO;
    if (*request == NULL) {
        *request = visitor;
        visitor->body = strtoull(pk_http_header(connection, "Content-Length"), NULL, 10);
        return visitor->body <= MAX_BODY ? MHD_YES
                                         : refuse(http, connection, MHD_HTTP_CONTENT_TOO_LARGE,
                                                  "no request here has a body of that size");
    }
    if (*len == 0)
        return answer_request(http, connection, path, method);
    visitor->received += *len;
    *len = 0;
    return visitor->received <= MAX_BODY ? MHD_YES : MHD_NO;
}

/* ---- the loop's side ---- */

/* libmicrohttpd meets the end of his stream. */
static void dismiss(struct pk_visitor *visitor)
{
    pk_visitor_dismiss(visitor);
    if (visitor->tunnel != NULL)
        pk_tunnel_cut(visitor->tunnel);
}

/* Sends those away whose time is over. */
static void sweep(struct pk_http *http)
{
    int64_t now = pk_loop_now();
    struct pk_visitor *visitor = NULL;
    while ((visitor = pk_visitors_late(&http->visitors, now)) != NULL) {
        http->figures.timed_out++;
        dismiss(visitor);
    }
}

static void on_tunnel_over(void *owner, const char *why)
{
    struct pk_visitor *visitor = owner;
    struct pk_http *http = visitor->door->owner;
    http->tunnels--;
    visitor->tunnel = NULL;
    if (why != NULL) {
        char address[PK_ADDRESS_TEXT];
        struct pk_log_who who = {.address = address};
        http->figures.tls_failed++;
        pk_address_text(&visitor->from.any, address);
        pk_log(http->loop->log, PK_LOG_INFO, PK_LOG_VISITOR, &who, "closed at the admin side's %s: %s",
               visitor->door->name, why);
    }
    leave(http, visitor);
}

/* Where libmicrohttpd takes the visitor's bytes: his own socket, or behind a tunnel. -1: he cannot be taken. */
static int socket_for(struct pk_http *http, struct pk_visitor *visitor, int fd)
{
    int inner = -1;
    if (!visitor->door->tls)
        return fd;
    visitor->tunnel =
        pk_tunnel_open(http->loop, http->loop->config->tls, fd, &inner, on_tunnel_over, visitor);
    http->tunnels += visitor->tunnel != NULL;
    return inner;
}

/* Gives him to libmicrohttpd, which closes the socket when it cannot take him. */
static void introduce(struct pk_http *http, struct pk_visitor *visitor)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNIX};
    http->arriving = visitor;
    (void)MHD_add_connection(http->mhd, visitor->fd, &nowhere, sizeof nowhere.sa_family);
    if (http->arriving != visitor)
        return;
    http->arriving = NULL;
    visitor->fd = -1;
    if (visitor->tunnel != NULL)
        pk_tunnel_cut(visitor->tunnel);
    else
        leave(http, visitor);
}

static void accept_from(struct pk_http *http, struct pk_door *door)
{
    union pk_address from = {.any = {0}};
    socklen_t len = sizeof from;
    int fd = accept4(door->fd, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct pk_visitor *visitor = pk_visitor_come(&http->visitors, door, pk_loop_now());
    if (visitor == NULL) {
        close(fd);
        return;
    }
    visitor->from = from;
    visitor->fd = socket_for(http, visitor, fd);
    if (visitor->fd >= 0)
        introduce(http, visitor);
    else
        leave(http, visitor);
}

static void on_door(uv_poll_t *poll, int status, int events)
{
    struct pk_door *door = poll->data;
    struct pk_http *http = door->owner;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_TURN && pk_visitors_room(&http->visitors, door); i++)
        accept_from(http, door);
    run(http);
}

/* Doors without room wait; somebody there who has had his moment goes. */
static void mind_doors(struct pk_http *http)
{
    PK_LIST_EACH(node, tmp, &http->doors) {
        struct pk_door *door = door_at(node);
        if (pk_visitors_room(&http->visitors, door)) {
            uv_poll_start(&door->poll, UV_READABLE, on_door);
            continue;
        }
        uv_poll_stop(&door->poll);
        struct pk_visitor *oldest =
            pk_visitors_oldest(&http->visitors, door, pk_loop_now() - CROWD_MS * 1000);
        if (oldest != NULL) {
            http->figures.made_room++;
            dismiss(oldest);
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void arm(struct pk_http *http)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    uint64_t wait = SWEEP_MS;
    if (pk_visitors_full(&http->visitors))
        wait = CROWD_MS;
    if (MHD_get_timeout(http->mhd, &ms) == MHD_YES && ms < wait)
        wait = ms;
    if (http->visitors.n == 0)
        uv_timer_stop(&http->timer);
    else
        uv_timer_start(&http->timer, on_timer, wait, 0);
}

static void run(struct pk_http *http)
{
    if (http->closed)
        return;
    MHD_run(http->mhd);
    sweep(http);
    mind_doors(http);
    arm(http);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

/* ---- begin and end ---- */

static enum pk_err start_mhd(struct pk_http *http)
{
    http->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, http,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)(2 * PK_HTTP_PLACES),
                                 MHD_OPTION_NOTIFY_CONNECTION, notify, http, MHD_OPTION_NOTIFY_COMPLETED,
                                 completed, http, MHD_OPTION_END);
    return http->mhd != NULL ? PK_OK : PK_ENOMEM;
}

enum pk_err pk_http_open(struct pk_http **out, struct pk_loop *loop, const struct pk_http_config *config)
{
    struct pk_http *http = calloc(1, sizeof *http);
    *out = NULL;
    if (http == NULL)
        return PK_ENOMEM;
    http->loop = loop;
    http->config = *config;
    pk_list_init(&http->doors);
    pk_list_init(&http->fresh);
    pk_visitors_init(&http->visitors, PK_HTTP_PLACES, PK_HTTP_PATIENCE_MS);
    pk_http_set_token(http, config->token);
    *out = http;
    if (start_mhd(http) != PK_OK)
        return PK_ENOMEM;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(&loop->uv, &http->poll, info->epoll_fd) != 0)
        return PK_ENOMEM;
    uv_timer_init(&loop->uv, &http->timer);
    http->poll.data = http->timer.data = http;
    http->handles = true;
    uv_poll_start(&http->poll, UV_READABLE, on_ready);
    return PK_OK;
}

/* ---- doors ---- */

static void on_door_closed(uv_handle_t *handle)
{
    struct pk_door *door = handle->data;
    door->closed = true;
    end_door(door);
}

static void close_door(struct pk_door *door)
{
    pk_list_del(&door->list);
    uv_poll_stop(&door->poll);
    pk_door_close(door);
    uv_close((uv_handle_t *)&door->poll, on_door_closed);
}

static enum pk_err open_door(struct pk_http *http, const char *listen)
{
    const char *text = pk_admin_bare(listen);
    struct pk_door *door = calloc(1, sizeof *door);
    if (door != NULL)
        door->text = strdup(text);
    bool memory = door != NULL && door->text != NULL;
    if (!memory || pk_door_open(door, text, http->loop->log) != PK_OK) {
        if (door != NULL)
            free((void *)(uintptr_t)door->text);
        free(door);
        return memory ? PK_EINVAL : PK_ENOMEM;
    }
    door->tls = pk_admin_is_tls(listen);
    door->owner = http;
    uv_poll_init(&http->loop->uv, &door->poll, door->fd);
    door->poll.data = door;
    pk_list_add_tail(&http->fresh, &door->list);
    return PK_OK;
}

static bool is_open(const struct pk_http *http, const char *listen)
{
    PK_LIST_EACH(node, tmp, &http->doors)
        if (strcmp(door_at(node)->text, pk_admin_bare(listen)) == 0)
            return true;
    return false;
}

/* Whether the list has this door's address, with TLS or without. */
static bool is_named(const struct pk_door *door, bool tls, const char *const *listen, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pk_admin_is_tls(listen[i]) == tls && strcmp(door->text, pk_admin_bare(listen[i])) == 0)
            return true;
    return false;
}

static void forget_fresh(struct pk_http *http)
{
    PK_LIST_EACH(node, tmp, &http->fresh)
        close_door(door_at(node));
}

enum pk_err pk_http_prepare(struct pk_http *http, const char *const *listen, size_t n)
{
    enum pk_err err = PK_OK;
    for (size_t i = 0; i < n && err == PK_OK; i++)
        if (!is_open(http, listen[i]))
            err = open_door(http, listen[i]);
    if (err != PK_OK)
        forget_fresh(http);
    return err;
}

static void say_door(const struct pk_http *http, const struct pk_door *door)
{
    pk_log(http->loop->log, PK_LOG_INFO, PK_LOG_START, NULL, "admin side at %s%s%s",
           door->local ? "unix:" : "", door->name, door->tls ? " with TLS" : "");
}

void pk_http_change(struct pk_http *http, const char *const *listen, size_t n)
{
    PK_LIST_EACH(node, tmp, &http->doors) {
        struct pk_door *door = door_at(node);
        if (is_named(door, door->tls, listen, n))
            continue;
        if (!is_named(door, !door->tls, listen, n)) {
            close_door(door);
            continue;
        }
        door->tls = !door->tls;
        say_door(http, door);
    }
    PK_LIST_EACH(node, tmp, &http->fresh) {
        pk_list_del(node);
        pk_list_add_tail(&http->doors, node);
        say_door(http, door_at(node));
    }
    mind_doors(http);
}

void pk_http_set_token(struct pk_http *http, const char *token)
{
    pk_secret_undumped(http->token, sizeof http->token);
    snprintf(http->token, sizeof http->token, "%s", token);
}

struct pk_http_figures pk_http_figures(const struct pk_http *http)
{
    struct pk_http_figures figures = http->figures;
    figures.visitors = (int64_t)http->visitors.n;
    figures.files = figures.visitors + PK_TUNNEL_FILES * http->tunnels;
    return figures;
}

void pk_http_close(struct pk_http *http)
{
    if (http == NULL || http->closed)
        return;
    http->closed = true;
    forget_fresh(http);
    PK_LIST_EACH(node, tmp, &http->doors)
        close_door(door_at(node));
    if (http->handles) {
        uv_close((uv_handle_t *)&http->poll, NULL);
        uv_close((uv_handle_t *)&http->timer, NULL);
    }
    PK_LIST_EACH(node, tmp, &http->visitors.all) {
        struct pk_visitor *visitor = PK_CONTAINER(node, struct pk_visitor, all);
        if (visitor->tunnel != NULL)
            pk_tunnel_cut(visitor->tunnel);
    }
    if (http->mhd != NULL)
        MHD_stop_daemon(http->mhd);
    http->mhd = NULL;
}

void pk_http_free(struct pk_http *http)
{
    if (http == NULL)
        return;
    explicit_bzero(http->token, sizeof http->token);
    free(http);
}
