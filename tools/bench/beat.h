/*
 * The data of a simulated beat: begins like Storm's gzip, names its worker and its number in the worker's
 * sequence, and is filled with bytes that follow from these two, so that a reader can tell a value that was
 * written from one that never was.
 */
#ifndef PK_TOOLS_BENCH_BEAT_H
#define PK_TOOLS_BENCH_BEAT_H

#include "proto/jute.h"

enum { PK_BEAT_MIN = 24 };

/* Fills p[0..size) with beat number seq (from 1) of a worker. size >= PK_BEAT_MIN. */
void pk_beat_fill(uint8_t *p, size_t size, uint32_t worker, uint64_t seq);
/* The beat's number when data is a whole beat of that worker and size; 0 otherwise. */
uint64_t pk_beat_check(struct pk_bytes data, size_t size, uint32_t worker);

#endif
