/*
 * What the tests of Pacemaker's clients stand on: the core of core_fixture.h, and one client of that protocol, p.
 */
#ifndef PK_TESTS_SIM_PULSE_FIXTURE_H
#define PK_TESTS_SIM_PULSE_FIXTURE_H

#include "core_fixture.h"
#include "proto/pulse.h"

extern int p; /* a client of Pacemaker's protocol */

/* The same with a way to log in. */
void pulse_start(enum core_login login);

/* Appends a message to b: details NULL is one that consists of a path. */
void pulse_put(int type, int id, const char *path, const char *details);
/* The next reply of a client, which must be this one. */
struct pk_pulse pulse_expect(int conn, int type, int id);
/* Sends one message and returns its reply, which must be the usual one. */
struct pk_pulse pulse_call(int type, const char *path, const char *details);
/* What GET_PULSE and GET_ALL_NODES_FOR_PATH must show; NULL: no such pulse; names with a space between. */
void pulse_expect_details(const char *path, const char *details);
void pulse_expect_nodes(const char *path, const char *names);
/* The names of a reply, until the next call. */
const char *pulse_names(struct pk_pulse *m);

/* For PULSE: pulse_start(PK_LOGIN_NONE). */
int pulse_setup(void **state);
#define PULSE(name) cmocka_unit_test_setup_teardown(name, pulse_setup, core_teardown)

#endif
