/*
 * What doctor looks at, in this order. Each check says what it found; none changes anything.
 */
#ifndef PK_IO_DOCTOR_CHECKS_H
#define PK_IO_DOCTOR_CHECKS_H

#include "io/config/config.h"
#include "io/doctor/report.h"

struct pk_session;

enum { PK_DOCTOR_INSTANCE = 48 };

/* What one check finds out for those behind it. */
struct pk_doctor {
    const struct pk_config *config;
    struct pk_report report;
    bool running; /* a pacekeeper answers at one of our addresses: this one, by all appearances, */
    char instance[PK_DOCTOR_INSTANCE]; /* whose name this is, "" when it does not tell, */
    int64_t max_files;                 /* and as many descriptors it may have, 0 when it does not tell */
    union pk_address serving;          /* a server that serves, */
    const char *serving_name;          /* as upstream names it; */
    bool served;                       /* there is one */
    int64_t clients;                   /* how many Storm seems to have */
};

/* The addresses that we listen on, the folder of the state file, the clock (host.c). */
void pk_doctor_listens(struct pk_doctor *d);
/* Our certificates and keytabs (secrets.c). */
void pk_doctor_secrets(struct pk_doctor *d);
void pk_doctor_state_file(struct pk_doctor *d);
void pk_doctor_clock(struct pk_doctor *d);
/* Descriptors against the clients that were counted (host.c). */
void pk_doctor_descriptors(struct pk_doctor *d);
/* Each server of the ensemble (servers.c). */
void pk_doctor_servers(struct pk_doctor *d);
/* What lives in the ensemble: root, mounts, rights, beats (tree.c), other pacekeepers (others.c). */
void pk_doctor_tree(struct pk_doctor *d, struct pk_session *s);
void pk_doctor_others(struct pk_doctor *d, struct pk_session *s);

#endif
