/*
 * Numbers with units. Happy path: digits, then a unit of a table. Signs, fractions, unknown units and what
 * does not fit into 63 bits are refused.
 */
#include "io/config/units.h"

#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static enum pk_err bad(const char **why, const char *text)
{
    *why = text;
    return PK_EINVAL;
}

/* Reads digits and returns what follows them, NULL when there are none or too many. */
static const char *digits(const char *text, int64_t *out)
{
    int64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
            return NULL;
    *out = n;
    return p == text ? NULL : p;
}

static enum pk_err number(int64_t *out, const char *text, const struct unit *units, const char *expected,
                          const char **why)
{
    const char *rest = digits(text, out);
    if (rest == NULL)
        return bad(why, expected);
    while (*rest == ' ')
        rest++;
    if (*out == 0 && *rest == '\0')
        return PK_OK;
    for (const struct unit *u = units; u->name != NULL; u++)
        if (strcmp(rest, u->name) == 0)
            return __builtin_mul_overflow(*out, u->factor, out) ? bad(why, "the number is too large") : PK_OK;
    return bad(why, expected);
}

enum pk_err pk_units_bytes(int64_t *out, const char *text, const char **why)
{
    static const struct unit units[] = {{"", 1},          {"B", 1},         {"KiB", 1 << 10},
                                        {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
    return number(out, text, units, "expected a number of bytes, like 65536, 64KiB or 1MiB", why);
}

enum pk_err pk_units_time(int64_t *out, const char *text, const char **why)
{
    static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {NULL, 0}};
    return number(out, text, units, "expected a time with its unit, like 500ms, 10s or 5min", why);
}

enum pk_err pk_units_count(int64_t *out, const char *text, const char **why)
{
    static const struct unit units[] = {{"", 1}, {NULL, 0}};
    return number(out, text, units, "expected a number", why);
}
