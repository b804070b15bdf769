/*
 * Server exchanges.
 *
 *   step ──► DIGEST-MD5: the library at once ──────────────────────────────────────────► answer
 *     └────► GSSAPI: waiting ──AT_ONCE are there at most──► a thread of the pool ──► done
 *
 * Happy path: a context of the library for each exchange, made at its first token and freed at its end.
 * Failure modes: whatever the library says that is not success is one refusal, as a server of ZooKeeper makes none of
 * its reasons known; the reason is for our log. A step behind the end is refused without asking the library, which
 * does not survive that. An exchange that ends while it is on a thread is freed when the thread is done.
 */
#include "io/sasl/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/sasl/digest_response.h"
#include "io/sasl/library.h"

enum {
    AT_ONCE = 2, /* of libuv's threads, four by default; a login is a millisecond where nothing hangs */
    LONGEST_TOKEN = 65536, /* a ticket with many groups has some 12 KiB */
    GSS_TOKEN = 0x60,      /* how the first one begins (RFC 2743, 3.1) */
    NAME = 1024,
    WHY = 200,
};

struct pk_sasl_exchange {
    struct pk_sasl *sasl;
    const struct pk_sasl_service *service;
    void (*done)(void *owner, const struct pk_sasl_answer *answer);
    void *owner;
    enum pk_sasl_state state;
    enum pk_sasl_mechanism mechanism; /* from the first token on */
    sasl_conn_t *conn;                /* NULL before the first token, and after the end */
    sasl_callback_t callbacks[3];
    struct pk_digest_response *response; /* while the library is at it */

    struct pk_list waiting; /* in sasl->waiting */
    uv_work_t work;
    bool first;     /* the library has not had a token of it */
    bool abandoned; /* the owner is gone; the thread is not */
    uint8_t *input; /* what the thread works on */
    size_t input_len;
    int code; /* what the library said, and its token, which stays in the context */
    const char *output;
    unsigned output_len;
    char name[NAME];
    char said[WHY]; /* the newest that the library would have logged */
    char why[WHY];
};

/* Everybody may call himself what he likes beside his name: it counts for nothing. */
static int allow(sasl_conn_t *conn, void *context, const char *requested, unsigned rlen, const char *auth,
                 unsigned alen, const char *realm, unsigned urlen, struct propctx *props)
{
    (void)conn, (void)context, (void)requested, (void)rlen, (void)auth, (void)alen, (void)realm, (void)urlen;
    (void)props;
    return SASL_OK;
}

/* What Kerberos has against a ticket it says here alone. */
static int listen_to(void *context, int level, const char *message)
{
    struct pk_sasl_exchange *x = context;
    if (level <= SASL_LOG_NOTE && message != NULL)
        snprintf(x->said, sizeof x->said, "%s", message);
    return SASL_OK;
}

const char *pk_sasl_password(void *exchange)
{
    const struct pk_sasl_exchange *x = exchange;
    return x->response != NULL ? x->service->password(x->service->users, x->response->user) : NULL;
}

struct pk_sasl_exchange *pk_sasl_begin(struct pk_sasl *sasl, const struct pk_sasl_service *service,
                                       void (*done)(void *owner, const struct pk_sasl_answer *answer),
                                       void *owner)
{
    struct pk_sasl_exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->sasl = sasl;
    x->service = service;
    x->done = done;
    x->owner = owner;
    x->work.data = x;
    x->callbacks[0] = (sasl_callback_t){PK_SASL_CB_OWNER, PK_SASL_PROC(allow), x};
    x->callbacks[1] = (sasl_callback_t){SASL_CB_LOG, PK_SASL_PROC(listen_to), x};
    x->callbacks[2] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    pk_list_init(&x->waiting);
    return x;
}

static void drop_input(struct pk_sasl_exchange *x)
{
    if (x->input != NULL)
        explicit_bzero(x->input, x->input_len);
    free(x->input);
    x->input = NULL;
}

static void drop_context(struct pk_sasl_exchange *x)
{
    if (x->conn != NULL)
        sasl_dispose(&x->conn);
    x->conn = NULL;
}

static void release(struct pk_sasl_exchange *x)
{
    pk_list_del(&x->waiting);
    drop_context(x);
    drop_input(x);
    free(x);
}

void pk_sasl_end(struct pk_sasl_exchange *x)
{
    if (x == NULL)
        return;
    x->abandoned = true;
    if (x->state != PK_SASL_ON_A_THREAD || !pk_list_empty(&x->waiting))
        release(x);
}

/* ---- what came of a step ---- */

/* Of what others wrote only printable characters reach the log. */
static void refuse(struct pk_sasl_exchange *x, const char *why)
{
    size_t n = strnlen(why, sizeof x->why - 1);
    for (size_t i = 0; i < n; i++)
        x->why[i] = (char)(why[i] >= ' ' && why[i] <= '~' ? why[i] : '?');
    x->why[n] = '\0';
    x->state = PK_SASL_REFUSED;
}

static void take_name(struct pk_sasl_exchange *x)
{
    const void *name = x->response != NULL ? x->response->user : NULL;
    if (x->response == NULL && sasl_getprop(x->conn, SASL_AUTHUSER, &name) != SASL_OK)
        name = NULL;
    if (name == NULL || strlen(name) >= sizeof x->name) {
        refuse(x, "the name is too long");
        return;
    }
    strcpy(x->name, name);
    x->state = PK_SASL_DONE;
}

/* GSSAPI ends without a token, and the library has an empty one then. */
static void take_result(struct pk_sasl_exchange *x)
{
    if (x->code == SASL_CONTINUE)
        x->state = PK_SASL_CONTINUE;
    else if (x->code == SASL_OK)
        take_name(x);
    else
        refuse(x, x->said[0] != '\0' ? x->said : sasl_errdetail(x->conn));
    if (x->code == SASL_OK && x->output_len == 0)
        x->output = NULL;
    if (x->state == PK_SASL_REFUSED)
        drop_context(x);
}

static void fill(const struct pk_sasl_exchange *x, struct pk_sasl_answer *answer)
{
    bool token = x->state == PK_SASL_CONTINUE || x->state == PK_SASL_DONE;
    *answer = (struct pk_sasl_answer){
        .state = x->state,
        .mechanism = x->mechanism,
        .token = token ? (const uint8_t *)x->output : NULL,
        .len = token && x->output != NULL ? x->output_len : 0,
        .name = x->state == PK_SASL_DONE ? x->name : NULL,
        .why = x->state == PK_SASL_REFUSED ? x->why : NULL,
    };
}

/* ---- a step ---- */

static enum pk_sasl_mechanism mechanism_of(const struct pk_sasl_service *service, const uint8_t *token,
                                           size_t len)
{
    if (service->mechanisms == (PK_SASL_DIGEST_MD5 | PK_SASL_GSSAPI))
        return len > 0 && token[0] == GSS_TOKEN ? PK_SASL_GSSAPI : PK_SASL_DIGEST_MD5;
    return (enum pk_sasl_mechanism)service->mechanisms;
}

/* A context of the library, which offers what ZooKeeper does: authentication, no protection of what follows. */
static int make_context(struct pk_sasl_exchange *x)
{
    const struct pk_sasl_service *s = x->service;
    const sasl_security_properties_t props = {.security_flags = SASL_SEC_NOANONYMOUS | SASL_SEC_NOPLAINTEXT};
    bool digest = x->mechanism == PK_SASL_DIGEST_MD5;
    int code = sasl_server_new(
        digest ? s->digest_service : s->gss_service, digest ? s->digest_realm : s->gss_host,
        digest ? s->digest_realm : s->gss_realm, NULL, NULL, x->callbacks, SASL_SUCCESS_DATA, &x->conn);
    return code == SASL_OK ? sasl_setprop(x->conn, SASL_SEC_PROPS, &props) : code;
}

static void ask_library(struct pk_sasl_exchange *x, const uint8_t *token, size_t len)
{
    const char *in = (const char *)token, *name = x->mechanism == PK_SASL_GSSAPI ? "GSSAPI" : "DIGEST-MD5";
    x->output = NULL;
    x->output_len = 0;
    if (x->first)
        x->code = sasl_server_start(x->conn, name, in, (unsigned)len, &x->output, &x->output_len);
    else
        x->code = sasl_server_step(x->conn, in, (unsigned)len, &x->output, &x->output_len);
    x->first = false;
}

/* What a server compares and the library does not. */
static bool meant_for_us(struct pk_sasl_exchange *x, const struct pk_digest_response *r)
{
    const struct pk_sasl_service *s = x->service;
    size_t n = strlen(s->digest_service);
    bool uri = strncasecmp(r->uri, s->digest_service, n) == 0 && r->uri[n] == '/' &&
               strcasecmp(r->uri + n + 1, s->digest_realm) == 0;
    if (strcmp(r->realm, s->digest_realm) != 0)
        refuse(x, "the response names another realm");
    else if (!uri)
        refuse(x, "the response names another digest-uri");
    return x->state != PK_SASL_REFUSED;
}

/* Whatever a client says first, it is challenged. */
static void step_digest(struct pk_sasl_exchange *x, const uint8_t *token, size_t len)
{
    struct pk_digest_response response;
    if (x->first) {
        ask_library(x, NULL, 0);
        take_result(x);
    } else if (pk_digest_response_read(&response, token, len) != PK_OK) {
        refuse(x, "the response does not decode");
    } else if (meant_for_us(x, &response)) {
        x->response = &response;
        ask_library(x, token, len);
        take_result(x);
        x->response = NULL;
    }
}

/* ---- threads ---- */

static void start_waiting(struct pk_sasl *sasl);

static void on_thread(uv_work_t *work)
{
    struct pk_sasl_exchange *x = work->data;
    ask_library(x, x->input, x->input_len);
}

static void off_thread(uv_work_t *work, int status)
{
    struct pk_sasl_exchange *x = work->data;
    struct pk_sasl *sasl = x->sasl;
    struct pk_sasl_answer answer;
    (void)status; /* nobody cancels */
    sasl->on_threads--;
    start_waiting(sasl);
    if (x->abandoned) {
        release(x);
        return;
    }
    drop_input(x);
    take_result(x);
    fill(x, &answer);
    x->done(x->owner, &answer);
}

static void start_waiting(struct pk_sasl *sasl)
{
    while (sasl->on_threads < AT_ONCE && !pk_list_empty(&sasl->waiting)) {
        struct pk_sasl_exchange *x = PK_CONTAINER(sasl->waiting.next, struct pk_sasl_exchange, waiting);
        pk_list_del(&x->waiting);
        sasl->on_threads++;
        (void)uv_queue_work(sasl->loop, &x->work, on_thread, off_thread); /* fails without a function alone */
    }
}

static void send_to_thread(struct pk_sasl_exchange *x, const uint8_t *token, size_t len)
{
    x->input = malloc(len > 0 ? len : 1);
    if (x->input == NULL) {
        refuse(x, "memory is short");
        return;
    }
    if (len > 0)
        memcpy(x->input, token, len);
    x->input_len = len;
    x->state = PK_SASL_ON_A_THREAD;
    pk_list_add_tail(&x->sasl->waiting, &x->waiting);
    start_waiting(x->sasl);
}

/* The mechanism is known with the first token. */
static void open_exchange(struct pk_sasl_exchange *x, const uint8_t *token, size_t len)
{
    x->mechanism = mechanism_of(x->service, token, len);
    if (x->mechanism == PK_SASL_GSSAPI && len == 0)
        refuse(x, "GSSAPI begins with a token of the client");
    else if (make_context(x) != SASL_OK)
        refuse(x, "the SASL library makes no context");
    x->first = true;
}

bool pk_sasl_step(struct pk_sasl_exchange *x, const uint8_t *token, size_t len, struct pk_sasl_answer *answer)
{
    if (x->state == PK_SASL_DONE || x->state == PK_SASL_REFUSED)
        refuse(x, "the exchange has ended");
    else if (len > LONGEST_TOKEN)
        refuse(x, "the token is too long");
    else if (x->state == PK_SASL_BEGUN)
        open_exchange(x, token, len);
    if (x->state != PK_SASL_REFUSED && x->mechanism == PK_SASL_DIGEST_MD5)
        step_digest(x, token, len);
    else if (x->state != PK_SASL_REFUSED)
        send_to_thread(x, token, len);
    fill(x, answer);
    return x->state != PK_SASL_ON_A_THREAD;
}
