/*
 * The link's protocol: frames of a length word, a kind, and a body in jute's primitives.
 *
 *   standby ──HELLO──► primary ──WELCOME, SNAPSHOT_BEGIN, RECORD ..., SNAPSHOT_END, RECORD ...──► standby
 *                             ◄──ACK── after each turn and heartbeat         HEARTBEAT each 200 ms
 *
 * HELLO says the newest version that the standby speaks, WELCOME the one that the link has: the lower of both members'.
 * Fields are only ever added behind those that are there, and kinds that are not known are skipped: so members of two
 * releases can be in one group. A member that speaks no version of ours is given heartbeats, and no copy. What each
 * version says is recorded (tests/golden/link-N.hex).
 *
 *   1  as drawn
 *   2  a refresh of a local znode is a REFRESH where the copy is whole: what it leaves as it was is not said again
 */
#ifndef PK_CORE_PEER_FRAME_H
#define PK_CORE_PEER_FRAME_H

#include "core/conn/backlog.h"
#include "core/peer/group.h"
#include "core/store/mount.h"
#include "proto/records.h"

enum {
    PK_LINK_VERSION = 2,   /* the newest that is spoken here, */
    PK_LINK_OLDEST = 1,    /* and the oldest */
    PK_LINK_REFRESHES = 2, /* the first that has REFRESH */
};

/* The version that a link has between members whose newest ones are these; 0: there is none that both speak. */
static inline int32_t pk_link_version(int32_t ours, int32_t theirs)
{
    int32_t both = theirs < ours ? theirs : ours;
    return both >= PK_LINK_OLDEST ? both : 0;
}

enum pk_frame_kind {
#define X(name, number) PK_FRAME_##name = (number),
#include "core/peer/frames.def"
#undef X
};

enum {
    PK_FRAME_HEAD = PK_LEN_WORD + 1, /* the length counts what follows it */
    PK_FRAME_SHORT = 64 * 1024,      /* bytes that any frame but a record may have */
};

/* HELLO and WELCOME. Mounts are compared as bytes (pk_hello_mounts). */
struct pk_hello {
    int32_t version;
    struct pk_bytes incarnation, address, mounts;
    int64_t epoch, session_id; /* of WELCOME */
    struct pk_bytes passwd;
};

/* What two members must agree on: path, mode and the largest znode of each mount, by number. */
size_t pk_hello_mounts_len(const struct pk_mount *mounts, size_t n);
uint8_t *pk_hello_mounts_put(uint8_t *p, const struct pk_mount *mounts, size_t n);

size_t pk_hello_len(const struct pk_hello *h, enum pk_frame_kind kind);
uint8_t *pk_hello_put(uint8_t *p, const struct pk_hello *h, enum pk_frame_kind kind);
/* False: it does not decode. Fields borrow from the body. */
bool pk_hello_get(struct pk_bytes body, enum pk_frame_kind kind, struct pk_hello *h);

/* Why there will be no copy. */
enum pk_refusal {
    PK_REFUSAL_NOT_PRIMARY = 1, /* whoever says so is not primary */
    PK_REFUSAL_VERSION,         /* there is none of the link's protocol that both speak */
    PK_REFUSAL_MOUNTS,
};
struct pk_refused {
    int32_t why;
    struct pk_bytes incarnation, text;
};
size_t pk_refused_len(const struct pk_refused *r);
uint8_t *pk_refused_put(uint8_t *p, const struct pk_refused *r);
bool pk_refused_get(struct pk_bytes body, struct pk_refused *r);

/* SNAPSHOT_BEGIN (position, znodes, bytes), SNAPSHOT_END (position), HEARTBEAT (position, reigns, answered), ACK
 * (position, question), GOODBYE: so many longs. */
enum { PK_FRAME_LONGS = 3 };
uint8_t *pk_longs_put(uint8_t *p, enum pk_frame_kind kind, const int64_t *v, int n);
static inline size_t pk_longs_len(int n)
{
    return PK_FRAME_HEAD + 8 * (size_t)n;
}
/* Takes up to PK_FRAME_LONGS out; those that are missing are 0. False: there are less than n. */
bool pk_longs_get(struct pk_bytes body, int64_t v[PK_FRAME_LONGS], int n);

/* Writes length word and kind; body is what follows. Returns where that begins. */
uint8_t *pk_frame_put(uint8_t *p, enum pk_frame_kind kind, size_t body);

/*
 * Cuts frames out of a stream. next: the first whole frame at p[0..n): its length, kind and body. 0: it is not whole;
 * SIZE_MAX: it is longer than `most`, or empty.
 */
size_t pk_frame_next(const uint8_t *p, size_t n, size_t most, int *kind, struct pk_bytes *body);

#endif
