/*
 * The addresses at which this configuration listens, to find an upstream that leads back here.
 */
#ifndef PK_IO_CONFIG_SELVES_H
#define PK_IO_CONFIG_SELVES_H

#include "io/config/config.h"

enum { PK_MAX_SELVES = 64 };

struct pk_selves {
    struct {
        union pk_address address;
        bool every; /* of this machine's, of the address's family */
    } list[PK_MAX_SELVES];
    size_t n;
};

/* With names those of listen are looked up, as listening does; what cannot be found is left out. */
void pk_selves_find(struct pk_selves *selves, const struct pk_config *config, bool names);
/* True when a connection to this address ends at one of them. */
bool pk_selves_have(const struct pk_selves *selves, const struct sockaddr *address);

/*
 * Refuses a server that is one of our own addresses. With names their addresses are looked up, for a few seconds at
 * most, and those that have none become notes; else only numbers are compared, which never waits.
 */
enum pk_err pk_selves_check(struct pk_config *config, bool names, struct pk_config_error *error) PK_NODISCARD;

#endif
