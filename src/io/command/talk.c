/*
 * Talking to the daemon. Happy path: connect, with TLS shake hands, HTTP/1.0, read to the end. Failure modes: nobody
 * listens there, a certificate that is not what it should be, nobody answers in time, an answer that is none.
 */
#include "io/command/talk.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "io/config/channel.h"
#include "io/config/hostport.h"
#include "io/tls/context.h"

enum { PATIENCE_S = 30 };

static bool dial_path(const char *path, struct pk_channel *c, char why[PK_CHANNEL_WHY])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const struct pk_channel_to to = {
        .address = (const struct sockaddr *)&address, .len = sizeof address, .patience_s = PATIENCE_S};
    return pk_channel_open(c, &to, why);
}

static bool dial_host(const char *text, struct pk_tls_context *tls, struct pk_channel *c,
                      char why[PK_CHANNEL_WHY])
{
    struct pk_hostport where;
    struct addrinfo *found = NULL;
    const char *wrong = "";
    if (pk_hostport_parse(&where, text, strlen(text), -1, &wrong) != PK_OK) {
        snprintf(why, PK_CHANNEL_WHY, "%s", wrong);
        return false;
    }
    int err = pk_hostport_lookup(&where, 0, &found);
    if (err != 0) {
        snprintf(why, PK_CHANNEL_WHY, "%s", gai_strerror(err));
        return false;
    }
    bool open = false;
    for (struct addrinfo *a = found; a != NULL && !open; a = a->ai_next) {
        const struct pk_channel_to to = {.address = a->ai_addr,
                                         .len = a->ai_addrlen,
                                         .tls = tls,
                                         .name = where.host,
                                         .patience_s = PATIENCE_S};
        open = pk_channel_open(c, &to, why);
    }
    freeaddrinfo(found);
    return open;
}

/* What TLS needs; NULL, and why, when a file is not what it should be. */
static struct pk_tls_context *read_files(const struct pk_talk *talk, char why[PK_TLS_TEXT])
{
    struct pk_tls_context *tls = NULL;
    const struct pk_tls_settings settings = {.ca = talk->ca != NULL ? talk->ca : "",
                                             .certificate =
                                                 talk->certificate != NULL ? talk->certificate : "",
                                             .key = talk->key != NULL ? talk->key : ""};
    return pk_tls_context_new(&tls, &settings, why) == PK_OK ? tls : NULL;
}

static bool dial(const struct pk_talk *talk, struct pk_channel *c)
{
    char why[PK_TLS_TEXT] = "";
    const char *path = pk_admin_path(talk->address);
    bool secure = pk_admin_is_tls(talk->address), open = false;
    struct pk_tls_context *tls = secure ? read_files(talk, why) : NULL;
    if (path != NULL)
        open = dial_path(path, c, why);
    else if (!secure || tls != NULL)
        open = dial_host(pk_admin_bare(talk->address), tls, c, why);
    if (!open)
        fprintf(stderr,
                "pacekeeper: %s: %s (is it running with admin.listen? --admin ADDRESS names another)\n",
                talk->address, why);
    pk_tls_context_drop(tls);
    return open;
}

static bool read_all(struct pk_channel *c, struct pk_text *in)
{
    char piece[16 * 1024];
    ssize_t n = 0;
    while ((n = pk_channel_recv(c, piece, sizeof piece)) > 0)
        pk_text_add(in, "%.*s", (int)n, piece);
    return n == 0 && !in->failed;
}

/* The status line's number, and the body moved to the front. */
static int take_apart(struct pk_text *in)
{
    int status = 0;
    char *body = in->p != NULL ? strstr(in->p, "\r\n\r\n") : NULL;
    if (body == NULL || sscanf(in->p, "HTTP/1.%*1[01] %d", &status) != 1)
        return 0;
    in->len -= (size_t)(body + 4 - in->p);
    memmove(in->p, body + 4, in->len + 1);
    return status;
}

int pk_talk(const struct pk_talk *talk, const char *method, const char *path, struct pk_text *out)
{
    struct pk_text request = {0};
    struct pk_channel c;
    int status = 0;
    if (!dial(talk, &c))
        return 0;
    pk_text_add(&request, "%s %s HTTP/1.0\r\nHost: localhost\r\n", method, path);
    if (talk->token[0] != '\0')
        pk_text_add(&request, "Authorization: Bearer %s\r\n", talk->token);
    pk_text_add(&request, "Content-Length: 0\r\n\r\n");
    if (!request.failed && pk_channel_send(&c, request.p, request.len) && read_all(&c, out))
        status = take_apart(out);
    if (status == 0)
        fprintf(stderr, "pacekeeper: %s: no answer\n", talk->address);
    pk_channel_close(&c);
    explicit_bzero(request.p, request.len);
    free(request.p);
    return status;
}

void pk_talk_escape(struct pk_text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("/-_.~:", c) != NULL;
        pk_text_add(out, plain ? "%c" : "%%%02X", c);
    }
}
