/*
 * Which name was meant: the one with the smallest edit distance, when that is at most a third of its length.
 * Long input is near nothing.
 */
#include "io/config/nearest.h"

#include <string.h>

enum { LONGEST = 40 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Letters alike for this purpose: case and the kind of separator do not count. */
static char plain(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '_' || c == '.' ? '-' : c;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1], la = strlen(a), lb = strlen(b);
    if (la > LONGEST || lb > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (plain(a[i - 1]) != plain(b[j - 1])));
            diagonal = above;
        }
    }
    return row[lb];
}

const char *pk_config_nearest(const char *text, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t least = LONGEST;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(text, names[i]);
        if (d < least && d <= strlen(names[i]) / 3 + 1) {
            least = d;
            best = names[i];
        }
    }
    return best;
}
