/*
 * Sets of four-letter words. Happy path: names with commas between. Failure modes: a name that is none of ours, which
 * is said with those that are.
 */
#include "io/config/words.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define X(name) #name,
#include "io/config/words.def"
#undef X
};

enum { WORDS = sizeof names / sizeof *names };

int64_t pk_words_bit(const char *word)
{
    for (int i = 0; i < WORDS; i++)
        if (strcmp(names[i], word) == 0)
            return INT64_C(1) << i;
    return 0;
}

enum pk_err pk_words_parse(int64_t *out, const char *text, const char **why)
{
    static const char blanks[] = ", ";
    *why = "expected four-letter words with commas between, of"
#define X(name) " " #name
#include "io/config/words.def"
#undef X
           ", or * for all, or none";
    *out = strcmp(text, "*") == 0 ? (INT64_C(1) << WORDS) - 1 : 0;
    if (*out != 0 || strcmp(text, "none") == 0)
        return PK_OK;
    for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, blanks)) {
        char word[8];
        size_t len = strcspn(text, blanks);
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), text);
        if (pk_words_bit(word) == 0)
            return PK_EINVAL;
        *out |= pk_words_bit(word);
        text += len;
    }
    return *out != 0 ? PK_OK : PK_EINVAL;
}

void pk_words_show(int64_t set, char *out, size_t size)
{
    size_t n = 0;
    snprintf(out, size, "none");
    for (int i = 0; i < WORDS; i++)
        if (set >> i & 1)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? ", " : "", names[i]);
}
