/*
 * A change of what is held, as bytes: what is after it, whole, so that who has every record has the store.
 *
 *   znode of the primary's store ──pk_record_put──► body of a RECORD ──pk_record_get──► pk_store_replay, into a copy
 */
#ifndef PK_CORE_PEER_RECORD_H
#define PK_CORE_PEER_RECORD_H

#include "core/peer/frame.h"
#include "core/store/record.h"
#include "core/sync/writeback.h"

/* What a record says. */
struct pk_link_record {
    int64_t position, newest_zxid;
    struct pk_change_record change; /* its pointers borrow from the body, or from held, parent and value */
    struct pk_held held, parent;
    struct pk_value value;
    struct pk_bytes cached;     /* of its cached value */
    struct pk_adopted adopted;  /* of the cached value: how it is on its way back; blobs are not set, but: */
    struct pk_bytes sent, late; /* what was sent */
};

/* Of a record of a store of ours (pk_store_record), with what is beside the cached value of its znode. */
size_t pk_record_len(const struct pk_change_record *r);
/* Writes a whole frame of len bytes, as many as pk_record_len said; returns the end. newest_zxid: that the store
 * knows. */
uint8_t *pk_record_put(uint8_t *p, size_t len, const struct pk_change_record *r, int64_t newest_zxid,
                       int64_t position);
/* False: it does not decode, or says of a znode what none can be. */
bool pk_record_get(struct pk_bytes body, struct pk_link_record *r);

/*
 * A refresh of a local znode, of which a whole copy has all the rest: a third of what a record says beside its data.
 */
struct pk_link_refresh {
    int64_t position, newest_zxid;
    struct pk_held held; /* mzxid, mtime and version */
    struct pk_bytes path, data;
};
size_t pk_refresh_len(const struct pk_znode *z);
/* As pk_record_put. */
uint8_t *pk_refresh_put(uint8_t *p, size_t len, const struct pk_znode *z, int64_t newest_zxid,
                        int64_t position);
bool pk_refresh_get(struct pk_bytes body, struct pk_link_refresh *r);

/* The znode is worth a record of its own: something is held or remembered there. */
bool pk_record_due(const struct pk_znode *z);

#endif
