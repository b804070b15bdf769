/*
 * Talking to the daemon. Happy path: connect, HTTP/1.0, read to the end. Failure modes: nobody listens there, nobody
 * answers in time, an answer that is none.
 */
#include "io/command/talk.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/config/ask.h"
#include "io/config/hostport.h"

enum { PATIENCE_S = 30 };

static int dial_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return pk_ask_connect((const struct sockaddr *)&address, sizeof address, PATIENCE_S);
}

static int dial_host(const char *text, const char **why)
{
    struct pk_hostport where;
    struct addrinfo *found = NULL;
    if (pk_hostport_parse(&where, text, strlen(text), -1, why) != PK_OK)
        return -1;
    int err = pk_hostport_lookup(&where, 0, &found);
    if (err != 0) {
        *why = gai_strerror(err);
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next)
        fd = pk_ask_connect(a->ai_addr, a->ai_addrlen, PATIENCE_S);
    *why = strerror(errno);
    freeaddrinfo(found);
    return fd;
}

static int open_to(const struct pk_talk *talk)
{
    const char *path = pk_admin_path(talk->address), *why = NULL;
    int fd = path != NULL ? dial_path(path) : dial_host(talk->address, &why);
    if (fd < 0)
        fprintf(stderr,
                "pacekeeper: %s: %s (is it running with admin.listen? --admin ADDRESS names another)\n",
                talk->address, why != NULL ? why : strerror(errno));
    return fd;
}

static bool send_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool read_all(int fd, struct pk_text *in)
{
    char piece[16 * 1024];
    ssize_t n = 0;
    while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
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
    int fd = open_to(talk), status = 0;
    if (fd < 0)
        return 0;
    pk_text_add(&request, "%s %s HTTP/1.0\r\nHost: localhost\r\n", method, path);
    if (talk->token[0] != '\0')
        pk_text_add(&request, "Authorization: Bearer %s\r\n", talk->token);
    pk_text_add(&request, "Content-Length: 0\r\n\r\n");
    if (!request.failed && send_all(fd, request.p, request.len) && read_all(fd, out))
        status = take_apart(out);
    if (status == 0)
        fprintf(stderr, "pacekeeper: %s: no answer\n", talk->address);
    close(fd);
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
