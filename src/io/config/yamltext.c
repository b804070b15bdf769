/*
 * The text of a YAML file. Happy path: all of it is UTF-8. Failure modes: bytes of another encoding (Latin-1 in a
 * comment), and the usual slips at which libyaml only says what it did not expect: an address that begins with a star,
 * a tab, a sign that means something in YAML.
 */
#include "io/config/yamltext.h"

#include <stdlib.h>
#include <string.h>

/* The length of the character at p, 0 when there is none: too short, a detour, a surrogate, beyond Unicode. */
static size_t character(const uint8_t *p, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (len <= 1 || len > left)
        return len > left ? 0 : len;
    uint32_t c = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

/* The first byte from at on that is no UTF-8. */
static size_t bad_from(const struct pk_file *text, size_t at)
{
    size_t n = 0;
    while (at < text->len && (n = character(text->bytes + at, text->len - at)) > 0)
        at += n;
    return at;
}

size_t pk_text_bad(const struct pk_file *text)
{
    return bad_from(text, 0);
}

enum pk_err pk_text_replace(struct pk_file *text)
{
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    size_t n = 0;
    if (pk_text_bad(text) == text->len)
        return PK_OK;
    uint8_t *out = malloc(text->len * sizeof replacement + 1);
    if (out == NULL)
        return PK_ENOMEM;
    for (size_t at = 0; at < text->len; at++) {
        size_t bad = bad_from(text, at);
        memcpy(out + n, text->bytes + at, bad - at);
        n += bad - at;
        at = bad;
        if (at < text->len) {
            memcpy(out + n, replacement, sizeof replacement);
            n += sizeof replacement;
        }
    }
    out[n] = '\0';
    free(text->bytes);
    *text = (struct pk_file){out, n};
    return PK_OK;
}

size_t pk_text_line(const struct pk_file *text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at && i < text->len; i++)
        line += text->bytes[i] == '\n';
    return line;
}

/* The byte where libyaml stopped, 0 when that is the end. */
static uint8_t where_it_stopped(const struct pk_file *text, const yaml_mark_t *mark)
{
    size_t at = 0;
    for (size_t line = 0; line < mark->line; line++) {
        const uint8_t *end = memchr(text->bytes + at, '\n', text->len - at);
        if (end == NULL)
            return 0;
        at = (size_t)(end - text->bytes) + 1;
    }
    for (size_t column = 0; column < mark->column && at < text->len; column++) {
        size_t n = character(text->bytes + at, text->len - at);
        at += n > 0 ? n : 1;
    }
    return at < text->len ? text->bytes[at] : 0;
}

const char *pk_text_advice(const struct pk_file *text, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "";
    const char *context = parser->context != NULL ? parser->context : "";
    if (strstr(context, "an alias") != NULL || strstr(problem, "undefined alias") != NULL)
        return ": what begins with * stands in quotes, like \"*:2181\"";
    if (strstr(problem, "tab character") != NULL || where_it_stopped(text, &parser->problem_mark) == '\t')
        return ": a tab; indent with blanks";
    if (strstr(problem, "cannot start any token") != NULL)
        return ": put the value into quotes";
    return "";
}
