/*
 * The requests that the load generator sends. Each appends one frame to what the session's connection will
 * send; fn gets the reply; asked is the uv_hrtime() at which the request was due.
 */
#ifndef PK_TOOLS_BENCH_REQUEST_H
#define PK_TOOLS_BENCH_REQUEST_H

#include "proto/jute.h"
#include "tools/bench/session.h"

/* A path, without its terminator's help: the length is known. */
struct pk_bytes pk_zs_path(const char *path);

/* Requests that consist of a path, or of a path and a watch flag: exists, getData, getChildren, getChildren2,
 * sync; no watch. */
void pk_zs_read(struct pk_zs *s, int32_t op, struct pk_bytes path, pk_zs_fn fn, uint64_t asked);
/* The same with a watch, if wanted. */
void pk_zs_ask(struct pk_zs *s, int32_t op, struct pk_bytes path, bool watch, pk_zs_fn fn, uint64_t asked);
/* create or create2 with the open ACL; flags: PK_CREATE_... */
void pk_zs_create_as(struct pk_zs *s, int32_t op, int32_t flags, struct pk_bytes path, struct pk_bytes data,
                     pk_zs_fn fn, uint64_t asked);
/* create2, persistent. */
void pk_zs_create(struct pk_zs *s, struct pk_bytes path, struct pk_bytes data, pk_zs_fn fn, uint64_t asked);
/* setData and delete of any version (-1), as Storm sends them. */
void pk_zs_set(struct pk_zs *s, struct pk_bytes path, struct pk_bytes data, pk_zs_fn fn, uint64_t asked);
void pk_zs_delete(struct pk_zs *s, struct pk_bytes path, pk_zs_fn fn, uint64_t asked);
void pk_zs_close_session(struct pk_zs *s, pk_zs_fn fn, uint64_t asked);

#endif
