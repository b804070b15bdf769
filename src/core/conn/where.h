/*
 * Where an uplink leads.
 */
#ifndef PK_CORE_CONN_WHERE_H
#define PK_CORE_CONN_WHERE_H

enum pk_where {
    PK_TO_ENSEMBLE,     /* to a server */
    PK_TO_MEMBER_LINK,  /* to the primary of the group, for a copy of its memory */
    PK_TO_MEMBER_RELAY, /* to the primary of the group, for a client of ours */
};

#endif
