/*
 * Paths as bytes: ZooKeeper's validation and the arithmetic of parents and prefixes. Paths are full paths (a
 * chroot is the client's own affair) and need not be valid or null-terminated.
 */
#ifndef PK_PROTO_PATH_H
#define PK_PROTO_PATH_H

#include "proto/jute.h"

/* What create and setData accept (protocol.md 3.2). Malformed UTF-8 is refused too. */
bool pk_path_valid(struct pk_bytes path);

/* Decodes one UTF-8 character of s[0..n), n > 0; returns its length, or 0 when malformed, overlong or a surrogate. */
size_t pk_utf8(const uint8_t *s, size_t n, uint32_t *out);

/* The parent of an absolute path: up to the last slash, "/" for a top-level name, null for "/", "" and null. */
struct pk_bytes pk_path_parent(struct pk_bytes path);

/* What follows the last slash. */
struct pk_bytes pk_path_name(struct pk_bytes path);

/* True when path lies strictly below root, both as given; "" is an alias of the root (protocol.md 3.2). */
bool pk_path_below(struct pk_bytes path, struct pk_bytes root);

#endif
