/*
 * The policy of a mount: who may read and who may write what is at or below it, wherever a znode lives.
 *
 * It is kept as the ACL that a znode of the ensemble would have for it, and judged by ZooKeeper's rule: one identity of
 * the client needs one of the permissions asked for.
 *
 *   readers: R      writers: W, C, D      both: A too, since who hands out rights has to have them
 */
#ifndef PK_CORE_STORE_POLICY_H
#define PK_CORE_STORE_POLICY_H

#include <stdbool.h>

#include "base/blob.h"
#include "proto/jute.h"

enum { PK_ADDRESS_BYTES_MAX = 16 /* IPv6 */ };

/* One who is named in a policy. */
struct core_who {
    const char *scheme, *id;
    uint8_t address
        [PK_ADDRESS_BYTES_MAX]; /* of the scheme ip, in network order: as many bits of it as prefix says */
    uint8_t address_len, prefix;
    bool upstream; /* the ensemble knows the client by it as well: an ACL there may name it */
    bool alias;    /* another name of one who is in the same list: an ACL need not name it */
};

/* What is configured; an empty list is one that nobody is in. */
struct core_policy {
    const struct core_who *readers, *writers;
    size_t nreaders, nwriters;
    const struct core_who *own; /* of service sessions: they may do everything to what is handed over */
    size_t nown;
    bool exists_reads; /* exists is for readers alone, as in ZooKeeper from 3.8.4 on; else for writers too */
};

struct pk_policy_entry {
    struct pk_blob *who; /* "scheme:id" */
    struct core_who at;  /* of which the address counts */
    bool anyone;
    int32_t perms;
};

struct pk_policy {
    struct pk_policy_entry *entries;
    size_t n;
    bool exists_reads;
    struct pk_blob *acl; /* vector<ACL> of what is handed over: open when the readers cannot be named there */
    struct pk_blob *masked; /* the same as it is shown to those without ADMIN: digests without their hash */
};

/* Makes a policy; everything is copied. */
enum pk_err pk_policy_new(struct pk_policy **out, const struct pk_mem *mem,
                          const struct core_policy *config) PK_NODISCARD;
/* NULL is allowed. */
void pk_policy_free(const struct pk_mem *mem, struct pk_policy *policy);

/* True when what is handed over is open to all, because the ensemble does not know readers by the names they have
 * here. */
bool pk_policy_hands_over_open(const struct core_policy *config);

#endif
