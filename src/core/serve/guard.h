/*
 * Whether the policies of the mounts let a client make a request, whatever memory holds: judged before it is answered
 * or relayed.
 */
#ifndef PK_CORE_SERVE_GUARD_H
#define PK_CORE_SERVE_GUARD_H

#include "core/conn/identity.h"
#include "core/store/store.h"

/* What is wrong with a request. */
struct pk_denial {
    int32_t err; /* NOAUTH; MARSHALLINGERROR: what it is about cannot be read, and the ensemble might */
    struct pk_bytes path; /* of the mount */
    uint32_t op, ops;     /* of a multi: which one of how many */
};

/* False when the request is refused. Its own record is well-formed, its type known. */
bool pk_guard_allows(const struct pk_store *store, const struct pk_identities *ids,
                     const struct pk_request *req, struct pk_denial *denial);
/* Whether the client may be told of what happens at this path. */
bool pk_guard_tells(const struct pk_store *store, const struct pk_identities *ids, struct pk_bytes path);

#endif
