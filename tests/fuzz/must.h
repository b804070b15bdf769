/*
 * What a fuzz target demands of the code under test: a process that ends tells the fuzzer.
 */
#ifndef PK_TESTS_FUZZ_MUST_H
#define PK_TESTS_FUZZ_MUST_H

#include <stdlib.h>

#include "proto/jute.h"

static inline void must(bool ok)
{
    if (!ok)
        abort();
}

/* A field lies inside the input, or is null. */
static inline void inside(struct pk_bytes field, const uint8_t *p, size_t len)
{
    must(field.p != NULL || field.len == 0);
    must(field.p == NULL || (field.p >= p && field.len <= len && field.p + field.len <= p + len));
}

#endif
