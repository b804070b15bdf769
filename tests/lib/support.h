/*
 * What the unit tests share: cmocka, a memory seam that counts and fails on request, buffers with an
 * unreadable page behind them, a small writer of wire bytes and the reader of tests/golden.
 */
#ifndef PK_TESTS_LIB_SUPPORT_H
#define PK_TESTS_LIB_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/jute.h"

/* Counts what is held; the fail_at-th call from now on (1 is the next one, 0 none) returns NULL, once. */
struct sup_mem {
    struct pk_mem mem;
    size_t blocks, bytes; /* held now */
    uint64_t calls;       /* resize calls so far */
    uint64_t fail_at;     /* absolute number of the call that fails */
    bool all_after;       /* every call from fail_at on fails */
    uint64_t failed;
};
void sup_mem_init(struct sup_mem *m);
void sup_mem_fail(struct sup_mem *m, uint64_t nth);

/* Makes a file in /tmp with this text, for the caller to unlink. */
enum { SUP_PATH = 64 };
void sup_file(char path[SUP_PATH], const char *text);

/* A copy of p[0..len) that ends at an unreadable page; freed by sup_unfence. */
uint8_t *sup_fence(const void *p, size_t len);
void sup_unfence(uint8_t *p, size_t len);

/* Deterministic random numbers. */
struct sup_rng {
    uint64_t s;
};
uint64_t sup_rand(struct sup_rng *r);
/* 0 .. n-1 */
uint32_t sup_below(struct sup_rng *r, uint32_t n);

/* Growing bytes in wire order. Zero-initialise, free with sup_buf_free. */
struct sup_buf {
    uint8_t *p;
    size_t len, cap;
};
void sup_raw(struct sup_buf *b, const void *p, size_t len);
void sup_int(struct sup_buf *b, int64_t v);
void sup_long(struct sup_buf *b, int64_t v);
void sup_byte(struct sup_buf *b, int v);
/* A ustring or buffer; NULL is null. */
void sup_str(struct sup_buf *b, const char *s);
/* Numbers in wire order. */
uint32_t sup_be32(const uint8_t *p);
int64_t sup_be64(const uint8_t *p);
void sup_buf_reset(struct sup_buf *b);
void sup_buf_free(struct sup_buf *b);

/* True when b holds exactly the characters of s; NULL stands for null. */
bool sup_is(struct pk_bytes b, const char *s);
struct pk_bytes sup_bytes(const char *s);

/* One line of a tests/golden file: mark is '>', '<' or '!'. */
struct sup_golden {
    char mark;
    char text[400];
    uint8_t bytes[1024];
    size_t len;
};
/* Reads $top_srcdir/tests/golden/NAME.hex; returns the number of lines, which must not be 0. The caller
 * frees. */
size_t sup_golden(const char *name, struct sup_golden **out);
/* The value of key in line->text ("key=value" separated by spaces), or NULL; valid until the next call. */
const char *sup_field(const struct sup_golden *line, const char *key);

#endif
