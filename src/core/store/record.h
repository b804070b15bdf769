/*
 * Records of another store's changes, taken over.
 */
#ifndef PK_CORE_STORE_RECORD_H
#define PK_CORE_STORE_RECORD_H

#include "core/store/store.h"

/* Brings the store to what a record of another one says. PK_EINVAL for a path below no mount: nothing changed;
 * PK_ENOMEM: it may have changed in part, and is no copy any more. */
enum pk_err pk_store_replay(struct pk_store *store, const struct pk_change_record *record) PK_NODISCARD;

#endif
