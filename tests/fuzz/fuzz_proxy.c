/*
 * Fuzz target: the PROXY header. The first byte is how long the pieces are in which the rest arrives; what comes of it
 * is the same as in one piece, and not a byte behind the header is taken. Failure: a sanitizer's finding or an abort.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proxy_header.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum pk_proxy_part in_pieces(struct pk_proxy_header *h, const uint8_t *p, size_t size, size_t piece,
                                    size_t *taken)
{
    enum pk_proxy_part part = PK_PROXY_MORE;
    *taken = 0;
    while (part == PK_PROXY_MORE && *taken < size) {
        size_t n = size - *taken < piece ? size - *taken : piece, left = n;
        const uint8_t *at = p + *taken;
        part = pk_proxy_take(h, &at, &left);
        must(left <= n && at == p + *taken + (n - left));
        must(part != PK_PROXY_MORE || left == 0);
        *taken += n - left;
    }
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t once = 0, pieces = 0;
    struct pk_proxy_header a = {0}, b = {0};
    if (size == 0)
        return 0;
    enum pk_proxy_part part = in_pieces(&a, data + 1, size - 1, size, &once);
    must(in_pieces(&b, data + 1, size - 1, (size_t)data[0] + 1, &pieces) == part);
    must(memcmp(&a, &b, sizeof a) == 0);
    if (part == PK_PROXY_WHOLE)
        must(once == pieces && a.family <= PK_PROXY_IPV6);
    return 0;
}
