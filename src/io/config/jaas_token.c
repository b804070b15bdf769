/*
 * Words of a JAAS file. Happy path: blanks and comments are passed over, one word is decoded. Failure modes, each with
 * its line: bytes that are no UTF-8, a string that does not end on its line, a bare word that begins as a number does
 * (Java makes a number of it, which may stand nowhere), a zero in a string.
 */
#include "io/config/jaas_token.h"

#include <stdbool.h>
#include <string.h>

static const char no_zero[] = "a string may not hold a zero";

static enum pk_err fail(const struct pk_jaas_tokens *t, const char *what, struct pk_config_error *error)
{
    return pk_config_fail(error, t->file, t->next_line, "%s", what);
}

static bool is_digit(uint32_t c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == '-';
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '$' || c == '_' || c == '*' || c >= 0xa0;
}

/* Bytes of the character at p, 0 when it is no UTF-8. */
static size_t decode(const struct pk_jaas_tokens *t, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *p = t->p;
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (n > (size_t)(t->end - p) || p[0] >= 0xf8 || (p[0] >= 0x80 && p[0] < 0xc0))
        return 0;
    *c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (p[i] & 0x3f);
    }
    return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff) ? 0 : n;
}

static void skip_line(struct pk_jaas_tokens *t)
{
    while (t->p < t->end && *t->p != '\n' && *t->p != '\r')
        t->p++;
}

/* A lone slash: Java does not look at the character behind it, be that the end of the line. */
static void skip_slash(struct pk_jaas_tokens *t)
{
    t->p++;
    if (t->p < t->end)
        t->next_line += *t->p++ == '\n';
    skip_line(t);
}

/* Without its end it is one to the end of the file. */
static void skip_block(struct pk_jaas_tokens *t)
{
    for (t->p += 2; t->p < t->end; t->p++) {
        t->next_line += *t->p == '\n';
        if (*t->p == '*' && t->p + 1 < t->end && t->p[1] == '/') {
            t->p += 2;
            return;
        }
    }
}

/* Blanks, ends of lines and comments. */
static void skip(struct pk_jaas_tokens *t)
{
    while (t->p < t->end) {
        if (*t->p <= ' ') {
            t->next_line += *t->p == '\n';
            t->p++;
        } else if (*t->p != '/') {
            return;
        } else if (t->p + 1 < t->end && t->p[1] == '*') {
            skip_block(t);
        } else if (t->p + 1 < t->end && t->p[1] == '/') {
            skip_line(t);
        } else {
            skip_slash(t);
        }
    }
}

static bool is_octal(const struct pk_jaas_tokens *t)
{
    return t->p < t->end && *t->p >= '0' && *t->p <= '7';
}

/* What follows a backslash: a name, an octal number up to U+00FF, or the very character. */
static enum pk_err escape(struct pk_jaas_tokens *t, struct pk_config_error *error)
{
    static const char names[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
    if (*t->p >= 0x80)
        return PK_OK;
    uint32_t c = *t->p++;
    const char *name = c != 0 ? strchr(names, (int)c) : NULL;
    if (c >= '0' && c <= '7') {
        int more = c <= '3' ? 2 : 1;
        for (c -= '0'; more > 0 && is_octal(t); more--)
            c = c * 8 + (uint32_t)(*t->p++ - '0');
        if (c >= 0x80)
            *t->out++ = (char)(0xc0 | c >> 6);
        *t->out++ = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
        return c != 0 ? PK_OK : fail(t, no_zero, error);
    }
    t->next_line += c == '\n';
    *t->out++ = name != NULL ? values[name - names] : (char)c;
    return c != 0 ? PK_OK : fail(t, no_zero, error);
}

static enum pk_err string(struct pk_jaas_tokens *t, struct pk_config_error *error)
{
    uint32_t c;
    for (t->p++; t->p < t->end && *t->p != '"';) {
        if (*t->p == '\n' || *t->p == '\r')
            break;
        if (*t->p == '\0')
            return fail(t, no_zero, error);
        size_t n = decode(t, &c);
        if (n == 0)
            return fail(t, "not UTF-8", error);
        if (c == '\\' && t->p + 1 < t->end) {
            t->p++;
            if (escape(t, error) != PK_OK)
                return PK_EINVAL;
            continue;
        }
        memcpy(t->out, t->p, n);
        t->out += n;
        t->p += n;
    }
    if (t->p == t->end || *t->p != '"')
        return fail(t, "a string has to end, with a double quote, on the line where it begins", error);
    t->p++;
    return PK_OK;
}

static void bare(struct pk_jaas_tokens *t, size_t n)
{
    uint32_t c;
    do {
        memcpy(t->out, t->p, n);
        t->out += n;
        t->p += n;
        n = t->p < t->end ? decode(t, &c) : 0;
    } while (n > 0 && (is_letter(c) || is_digit(c)));
}

static enum pk_err word(struct pk_jaas_tokens *t, size_t n, struct pk_config_error *error)
{
    t->kind = PK_JAAS_WORD;
    t->word = t->out;
    if (*t->p != '"')
        bare(t, n);
    else if (string(t, error) != PK_OK)
        return PK_EINVAL;
    *t->out++ = '\0';
    return PK_OK;
}

enum pk_err pk_jaas_next(struct pk_jaas_tokens *t, struct pk_config_error *error)
{
    skip(t);
    t->line = t->next_line;
    t->kind = PK_JAAS_END;
    if (t->p == t->end)
        return PK_OK;
    size_t n = decode(t, &t->c);
    if (n == 0)
        return fail(t, "not UTF-8", error);
    if (t->c == '"' || is_letter(t->c))
        return word(t, n, error);
    if (is_digit(t->c))
        return fail(t, "a word that begins with a digit, a dot or a minus sign stands in double quotes",
                    error);
    if (t->c == '\'')
        return fail(t, "strings stand in double quotes", error);
    t->kind = PK_JAAS_CHAR;
    t->p += n;
    return PK_OK;
}
