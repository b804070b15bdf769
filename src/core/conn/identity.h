/*
 * Who a client is: the identities that its connection has proved, each as ZooKeeper writes it ("scheme:id"), and the
 * address that it comes from. They are the connection's, as credentials are in ZooKeeper, and end with it.
 *
 *   digest:user:HASH   from an addauth packet that the ensemble has accepted
 *   sasl:name          from the ensemble (whoAmI) after a relayed exchange, else from the driver, when one ended here
 *   x509:DN            from the driver: the subject of a client certificate
 */
#ifndef PK_CORE_CONN_IDENTITY_H
#define PK_CORE_CONN_IDENTITY_H

#include "base/blob.h"
#include "core/store/policy.h"
#include "proto/jute.h"

enum {
    PK_IDENTITIES_MAX = 32, /* of one client; more are not remembered: what is unknown opens nothing */
    PK_IDENTITY_LEN = 1024, /* bytes of one */
};

struct pk_identities {
    struct pk_blob **v; /* each once; "scheme:id" */
    uint32_t n;
    uint8_t address_len; /* 4, 16, or 0: not known */
    uint8_t address[PK_ADDRESS_BYTES_MAX];
};

/* "scheme:id" as a blob of the caller's, NULL when out of memory. */
struct pk_blob *pk_identity_new(const struct pk_mem *mem, struct pk_bytes scheme,
                                struct pk_bytes id) PK_NODISCARD;
/* What the credentials of the scheme digest ("user:password") prove; as pk_identity_new. */
struct pk_blob *pk_identity_of_digest(const struct pk_mem *mem, struct pk_bytes user_password) PK_NODISCARD;

/* Adds an identity, which stays the caller's too. PK_ELIMIT: not remembered. */
enum pk_err pk_identities_add(const struct pk_mem *mem, struct pk_identities *ids,
                              struct pk_blob *identity) PK_NODISCARD;
/* True when it has been proved. */
bool pk_identities_have(const struct pk_identities *ids, struct pk_bytes identity);
/* Network order, 4 or 16 bytes; an IPv4 address in IPv6's form is one of IPv4. */
void pk_identities_address(struct pk_identities *ids, const uint8_t *address, size_t len);
/* True when the policy lets one of them have one of these permissions (PK_PERM_*); NULL lets everybody. */
bool pk_identities_allowed(const struct pk_identities *ids, const struct pk_policy *policy, int32_t perms);
void pk_identities_drop(const struct pk_mem *mem, struct pk_identities *ids);

#endif
