/*
 * Asking a server who it is, once and waiting for the answer: for a command, not for the daemon.
 */
#ifndef PK_IO_CONFIG_ADOPT_ASK_H
#define PK_IO_CONFIG_ADOPT_ASK_H

#include <stdbool.h>

#include "io/config/hostport.h"

/* True when srvr there is answered by a pacekeeper. False too when nobody answers within a second or two. */
bool pk_adopt_is_proxy(const struct pk_hostport *where);

#endif
