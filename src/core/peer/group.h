/*
 * A group, as the driver sees it: who we are in it, and what is shown of its members.
 */
#ifndef PK_CORE_PEER_GROUP_H
#define PK_CORE_PEER_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PK_INCARNATION = 16 };

/* Of a member; NULL in core_config.group: there is no group. Copied. */
struct core_group {
    const char *path;                    /* <instances>/<group>: `primary` and `copies` are below it */
    uint8_t incarnation[PK_INCARNATION]; /* random, new with every process */
    const char *address;                 /* where the other members reach this one */
    int32_t timeout_ms;                  /* of the member's own session; 0 means 4000 */
    size_t lag_bytes;                    /* what a copy may be behind before it is dropped; 0 means 64 MiB */
    int32_t link_version; /* newest of the link to speak, 0 means ours; tests have members of before */
};

enum pk_role {
    PK_ROLE_LOOKING, /* what is in the ensemble is read */
    PK_ROLE_STANDBY, /* another member is primary, or none is yet */
    PK_ROLE_TRYING,  /* the multi that makes us primary is under way */
    PK_ROLE_TAKING,  /* primary, but the one before may not have heard of its end yet */
    PK_ROLE_PRIMARY,
    PK_ROLE_HANDING, /* a primary that lets another one take over */
    PK_ROLE_LEFT,    /* has handed over: nobody is served any more */
    PK_ROLES
};

/* Of the whole; addresses are borrowed until the next step. */
struct core_group_info {
    enum pk_role role;
    int64_t epoch;       /* czxid of `primary`, as far as we know; 0 none */
    bool reigning;       /* of a primary: it answers from memory now; of a standby: its primary says so */
    const char *primary; /* address of the primary, "" unknown */
    int64_t refused_us;  /* since when nobody is served, 0: they are */
    bool listed;         /* our own copy is on the list */
    uint32_t copies;     /* of a primary: copies of others on the list */
    uint64_t waiting;    /* connections with something that waits for copies or for the reign */
    uint64_t snapshot_bytes,
        snapshot_of; /* of a standby: how much of the snapshot is here, and of how much */
};

/* Of another member that has a link with us: a primary sees each of its copies, a standby its primary. */
struct core_member_info {
    const char *address; /* "" unknown; borrowed until the next step */
    char incarnation[9]; /* its first digits, for people */
    bool listed;
    uint32_t version;     /* of the link's protocol; of a member that speaks none of ours, its newest */
    uint64_t lag_records, /* sent and not acknowledged */
        lag_bytes;
    int64_t lag_us;                       /* since when the oldest of them is on its way, 0: none is */
    bool snapshot;                        /* it is still being given the snapshot, */
    uint64_t snapshot_bytes, snapshot_of; /* and so far so many bytes, of about so many */
};

#endif
