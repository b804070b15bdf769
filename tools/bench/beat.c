/*
 * Data of a beat: 4 bytes of magic, worker, sequence number, then pseudo-random words (splitmix64).
 * Failure modes: data of the wrong size, worker or fill is answered with 0.
 */
#include "tools/bench/beat.h"

enum { FILL_AT = 16 };
static const uint8_t magic[4] = {0x1f, 0x8b, 0x08, 0x00};

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t seed(uint32_t worker, uint64_t seq)
{
    return (uint64_t)worker << 40 ^ seq;
}

void pk_beat_fill(uint8_t *p, size_t size, uint32_t worker, uint64_t seq)
{
    uint64_t state = seed(worker, seq);
    memcpy(p, magic, sizeof magic);
    pk_put_int(p + 4, (int32_t)worker);
    pk_put_long(p + 8, (int64_t)seq);
    for (size_t at = FILL_AT; at < size; at += 8) {
        uint64_t word = mix(&state);
        memcpy(p + at, &word, size - at < 8 ? size - at : 8);
    }
}

uint64_t pk_beat_check(struct pk_bytes data, size_t size, uint32_t worker)
{
    if (data.len != size || size < PK_BEAT_MIN || memcmp(data.p, magic, sizeof magic) != 0 ||
        pk_load32(data.p + 4) != worker)
        return 0;
    uint64_t seq = pk_load64(data.p + 8), state = seed(worker, seq);
    for (size_t at = FILL_AT; at < size; at += 8) {
        uint64_t word = mix(&state);
        if (memcmp(data.p + at, &word, size - at < 8 ? size - at : 8) != 0)
            return 0;
    }
    return seq;
}
