/*
 * DIGEST-MD5 responses.
 *
 * Happy path: one pass over the list; values of three names are kept, without their quotes and backslashes.
 * Failure modes: what is not exactly such a list is refused, so that nothing is understood here in one way and by the
 * library in another.
 */
#include "io/sasl/digest_response.h"

#include <stdbool.h>
#include <string.h>

/* Where the reader stands, and the names that it has met. */
struct reader {
    const uint8_t *p, *end;
    bool utf8;
    unsigned met; /* bit i: names[i] */
};

struct value {
    char text[PK_DIGEST_VALUE];
    bool fits;
};

enum { USER, REALM, URI, CHARSET, FIRST_OTHER };
static const char *const names[] = {"username", "realm",  "digest-uri", "charset",  "nonce",
                                    "cnonce",   "nc",     "qop",        "response", "authzid",
                                    "maxbuf",   "cipher", "auth-param"};
enum { NAMES = sizeof names / sizeof names[0] };

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip(struct reader *r, bool commas)
{
    while (r->p < r->end && (is_blank(*r->p) || (commas && *r->p == ',')))
        r->p++;
}

static bool is_token(uint8_t c)
{
    return c > ' ' && c != 0x7f && memchr("()<>@,;:\\\"/[]?={}", c, 17) == NULL;
}

static int index_of(const uint8_t *p, size_t len)
{
    for (int i = 0; i < (int)NAMES; i++)
        if (strlen(names[i]) == len && strncasecmp(names[i], (const char *)p, len) == 0)
            return i;
    return -1;
}

static void add(struct value *v, size_t *n, uint8_t c)
{
    if (c == '\0' || *n + 1 >= sizeof v->text)
        v->fits = false;
    else
        v->text[(*n)++] = (char)c;
}

static enum pk_err read_quoted(struct reader *r, struct value *v, size_t *n)
{
    for (r->p++; r->p < r->end && *r->p != '"'; r->p++) {
        if (*r->p == '\\' && ++r->p == r->end)
            return PK_EMALFORMED;
        add(v, n, *r->p);
    }
    if (r->p == r->end)
        return PK_EMALFORMED;
    r->p++;
    return PK_OK;
}

static enum pk_err read_value(struct reader *r, struct value *v)
{
    size_t n = 0;
    v->fits = true;
    enum pk_err err = PK_OK;
    if (r->p < r->end && *r->p == '"')
        err = read_quoted(r, v, &n);
    else
        for (; r->p < r->end && *r->p != ',' && !is_blank(*r->p); r->p++)
            add(v, &n, *r->p);
    v->text[n] = '\0';
    return err;
}

/* NAME=VALUE; *name is its index, -1 for one that no RFC has. */
static enum pk_err read_one(struct reader *r, int *name, struct value *v)
{
    const uint8_t *begin = r->p;
    while (r->p < r->end && is_token(*r->p))
        r->p++;
    *name = index_of(begin, (size_t)(r->p - begin));
    bool named = r->p > begin;
    skip(r, false);
    if (!named || r->p == r->end || *r->p != '=')
        return PK_EMALFORMED;
    r->p++;
    skip(r, false);
    enum pk_err err = read_value(r, v);
    skip(r, false);
    return err != PK_OK || (r->p < r->end && *r->p != ',') ? PK_EMALFORMED : PK_OK;
}

static enum pk_err keep(struct reader *r, struct pk_digest_response *out, int name, const struct value *v)
{
    char *const kept[] = {out->user, out->realm, out->uri};
    if (name < 0)
        return PK_OK;
    if ((r->met >> name & 1) != 0 || (name < FIRST_OTHER && !v->fits))
        return PK_EMALFORMED;
    r->met |= 1U << name;
    if (name == CHARSET) {
        r->utf8 = strcasecmp(v->text, "utf-8") == 0;
        return r->utf8 ? PK_OK : PK_EMALFORMED;
    }
    if (name < CHARSET)
        memcpy(kept[name], v->text, sizeof v->text);
    return PK_OK;
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((signed char)*text < 0)
            return false;
    return true;
}

enum pk_err pk_digest_response_read(struct pk_digest_response *out, const uint8_t *p, size_t len)
{
    struct reader r = {.p = p, .end = p + len};
    struct value v;
    int name;
    if (len == 0)
        return PK_EMALFORMED;
    for (skip(&r, true); r.p < r.end; skip(&r, true))
        if (read_one(&r, &name, &v) != PK_OK || keep(&r, out, name, &v) != PK_OK)
            return PK_EMALFORMED;
    const unsigned wanted = 1U << USER | 1U << REALM | 1U << URI;
    if ((r.met & wanted) != wanted)
        return PK_EMALFORMED;
    return r.utf8 || is_ascii(out->user) ? PK_OK : PK_EMALFORMED;
}
