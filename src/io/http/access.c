/*
 * Who may ask what. Happy path: the door decides, or the token. Failure modes: a wrong token takes as long as a right
 * one; a browser that was led here by another site's name is told nothing.
 */
#include "io/http/access.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CREDENTIALS = 1024 };

/* In a time that does not tell how much of it is right. */
static bool same(const char *a, size_t len, const char *b)
{
    size_t n = strlen(b);
    unsigned char differs = len != n;
    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)(a[i] ^ b[n > 0 ? i % n : 0]);
    return differs == 0;
}

static int sextet(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

/* Decodes base64 up to its padding; returns the length. */
static size_t decode(const char *text, char *out, size_t size)
{
    size_t n = 0;
    unsigned bits = 0, have = 0;
    for (int v = 0; (v = sextet(*text)) >= 0 && n + 1 < size; text++) {
        bits = (bits << 6 | (unsigned)v) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have);
        }
    }
    out[n] = '\0';
    return n;
}

/* Authorization: Bearer TOKEN, or a browser's Basic with the token as password. */
static bool has_token(const struct pk_http_caller *caller)
{
    char plain[CREDENTIALS];
    const char *text = caller->authorization;
    if (strncasecmp(text, "Bearer ", 7) == 0)
        return same(text + 7, strlen(text + 7), caller->token);
    if (strncasecmp(text, "Basic ", 6) != 0)
        return false;
    size_t len = decode(text + 6, plain, sizeof plain);
    const char *colon = memchr(plain, ':', len);
    return colon != NULL && same(colon + 1, len - (size_t)(colon + 1 - plain), caller->token);
}

/* The Host header names an address, or this machine. */
static bool by_address(const char *host)
{
    char name[256];
    struct in_addr v4;
    snprintf(name, sizeof name, "%s", host);
    if (name[0] == '[' || name[0] == '\0')
        return true;
    char *colon = strrchr(name, ':');
    if (colon != NULL)
        *colon = '\0';
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &v4) == 1;
}

enum pk_http_access pk_http_access(const struct pk_http_caller *caller)
{
    bool health = strcmp(caller->path, "/live") == 0 || strcmp(caller->path, "/ready") == 0;
    bool get = strcmp(caller->method, "GET") == 0 || strcmp(caller->method, "HEAD") == 0;
    if (caller->door->local)
        return PK_ACCESS_CHANGE;
    if (caller->token[0] != '\0' && has_token(caller))
        return PK_ACCESS_CHANGE;
    if (health && get)
        return PK_ACCESS_READ;
    if (caller->token[0] != '\0')
        return PK_ACCESS_LOGIN;
    if (caller->door->loopback && !by_address(caller->host))
        return PK_ACCESS_FORBIDDEN;
    return get ? PK_ACCESS_READ : PK_ACCESS_FORBIDDEN;
}

const char *pk_http_refusal(enum pk_http_access access, int *status)
{
    *status = access == PK_ACCESS_LOGIN ? 401 : 403;
    return access == PK_ACCESS_LOGIN
               ? "the token of admin.token-file is needed: Authorization: Bearer TOKEN, or as a password"
               : "not from here: what changes anything takes the Unix socket or the token of "
                 "admin.token-file, and "
                 "an address of this machine is called by its number";
}
