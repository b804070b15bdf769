/*
 * Growing text. Happy path: the line fits; else the block doubles and it is printed again. Out of memory is
 * kept as a flag.
 */
#include "io/loop/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int print(struct pk_text *text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static int print(struct pk_text *text, const char *format, va_list args)
{
    return vsnprintf(text->p != NULL ? text->p + text->len : NULL, text->cap - text->len, format, args);
}

void pk_text_add(struct pk_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = print(text, format, args);
    if (n >= 0 && (size_t)n >= text->cap - text->len && !text->failed) {
        size_t cap = (text->cap + (size_t)n) * 2 + 1024;
        char *bigger = realloc(text->p, cap);
        text->failed = bigger == NULL;
        if (bigger != NULL) {
            text->p = bigger;
            text->cap = cap;
            n = print(text, format, again);
        }
    }
    if (n > 0 && !text->failed)
        text->len += (size_t)n;
    va_end(again);
    va_end(args);
}
