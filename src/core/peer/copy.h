/*
 * A standby's copy of the primary's memory: a store of its own that nobody reads until we take over. It is whole from
 * the end of its snapshot on.
 */
#ifndef PK_CORE_PEER_COPY_H
#define PK_CORE_PEER_COPY_H

#include "core/peer/record.h"

struct pk_copy {
    int64_t epoch;    /* of the primary whose memory it is */
    int64_t position; /* that has been applied */
    struct pk_store store;
    struct core_stats stats;
    struct pk_list flights; /* what was on its way to the ensemble (struct flight) */
};

/* An empty one, for the mounts of this store; NULL when out of memory. */
struct pk_copy *pk_copy_new(const struct pk_store *like, int64_t epoch) PK_NODISCARD;
/* Frees it; NULL is allowed. */
void pk_copy_drop(struct pk_copy **copy);
/* Applies a record. Any failure: it is no copy any more, and is to be dropped. */
enum pk_err pk_copy_apply(struct pk_copy *copy, const struct pk_link_record *r) PK_NODISCARD;

/* The same of a refresh; PK_EINVAL: it has no such local znode. */
enum pk_err pk_copy_refresh(struct pk_copy *copy, const struct pk_link_refresh *r) PK_NODISCARD;

/* What is known of a cached value of the copy beside its store. Blobs are the copy's. */
struct pk_adopted pk_copy_adopted(struct pk_copy *copy, const struct pk_znode *z);

/* Puts what a copy has into the store of a core that holds nothing: as from a state file, but for what was under way.
 * The store takes part in the copy's data. */
void pk_copy_restore_begin(struct pk_copy *copy, struct pk_sync *sync, struct pk_cursor *cursor);
/* The next piece, so many znodes at most; *whole: it was the last one. PK_ENOMEM: some of it is there. */
enum pk_err pk_copy_restore(struct pk_copy *copy, struct pk_sync *sync, struct pk_cursor *cursor, int most,
                            bool *whole) PK_NODISCARD;

#endif
