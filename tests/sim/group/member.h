/*
 * A member: a process with the core that ships, and the least of a driver around it (core/core.h). What the daemon's io
 * does with sockets is done here with the network of the world: clients come in, uplinks are opened to servers of the
 * ensemble or to another member's port, servers are asked whether they serve.
 */
#ifndef PK_TESTS_SIM_GROUP_MEMBER_H
#define PK_TESTS_SIM_GROUP_MEMBER_H

#include "core/core.h"
#include "net.h"

enum { PAIRS = 128, SLOTS = 4 * PAIRS };

/* Bytes that came and were not given to the core, and a write that has not been reported as sent. */
struct member_side {
    int end; /* net.h, -1 none */
    bool open, reading, ended, under_way;
    struct sup_buf in;
    struct pk_iov iov[PK_UPDATE_IOV];
    int niov;
    size_t taken; /* of the write under way */
};

enum dialling { DIAL_NOTHING, DIAL_CONNECTING, DIAL_GREETING, DIAL_PROVING, DIAL_OPEN };

/* A connection of the core: a client and its uplink, or one of the two. */
struct pair {
    bool used, known; /* known: the core has it */
    bool service;
    uint32_t gen;
    struct pk_id id;
    struct member_side client, uplink;
    bool proves; /* it came to the member port, and has not said what it wants */
    enum dialling dial;
    unsigned tried; /* servers */
    int server;
    bool attach;
    enum pk_where where;
    int to; /* member */
    int64_t epoch, silent_us, opened_us;
};

struct member {
    struct core *core;
    struct sup_mem mem;
    uint8_t incarnation[PK_INCARNATION];
    char address[8];
    int64_t skew_us; /* of its clock */
    bool continues;
    int64_t leaves_us; /* SIGTERM: the end of its patience, 0: none came */
    int64_t restart_us;
    bool drains;
    uint64_t hungry[PAIRS / 64]; /* pairs that have bytes, or an end, for the core */
    uint8_t by_slot[SLOTS];      /* of the core's id: the number of the pair */
    int top;                     /* pairs beyond have never been used */
    struct pair pairs[PAIRS];    /* outlives the process, so that a number is given once */
};

void members_start(struct world *w);
void members_stop(struct world *w);
void member_hears(struct world *w, int m, const struct net_news *news);
/* A new process. */
void member_starts(struct world *w, int m);
void member_killed(struct world *w, int m);
/* SIGTERM; it is started again restart_us after its end. */
void member_leaves(struct world *w, int m, int64_t restart_us);
/* What its core says of the group; false when there is none, or no process. */
bool member_info(const struct world *w, int m, struct core_group_info *info);
/* Settings of a schedule. */
struct member_settings {
    bool group; /* else each is alone */
    bool hold;
    size_t lag_bytes;
    bool other_mounts; /* the last member has others */
    bool mixed;        /* each second process of a member speaks the first version of the link's protocol */
    bool bounded;      /* mounts have room for some of the znodes, and of their bytes */
    bool check;        /* core_check after every step */
    int64_t tick_us;
};
extern struct member_settings member_settings;

#endif
