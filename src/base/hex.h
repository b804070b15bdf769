/*
 * Bytes as hexadecimal digits.
 */
#ifndef PK_BASE_HEX_H
#define PK_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Writes 2 * n lowercase digits, without a terminator. */
static inline void pk_put_hex(char *to, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[p[i] >> 4];
        to[2 * i + 1] = digits[p[i] & 15];
    }
}

#endif
