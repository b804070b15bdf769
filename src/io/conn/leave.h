/*
 * Leaving servers whose addresses no name has any more.
 */
#ifndef PK_IO_CONN_LEAVE_H
#define PK_IO_CONN_LEAVE_H

struct pk_pairs;

/* Ends the uplinks that are at such servers, when there may be some; what connects there goes elsewhere. Pump
 * afterwards. */
void pk_pairs_leave(struct pk_pairs *conns);

#endif
