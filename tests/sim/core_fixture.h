/*
 * What most of the core's tests stand on: a core with one mount, two clients of it and a buffer for requests. The names
 * are short because nearly every line of these tests has them.
 */
#ifndef PK_TESTS_SIM_CORE_FIXTURE_H
#define PK_TESTS_SIM_CORE_FIXTURE_H

#include "direct.h"
#include "steps.h"
#include "uplink.h"
#include "wire.h"

#define M "/storm/workerbeats"

extern struct sim s;
extern struct sup_buf b;
extern int c, other; /* clients with sessions of 10 s */

const struct core_stats *st(void);
/* A znode in the ensemble, NULL when it is not there. */
const struct tree_node *upstream(const char *path);

/* Fails the test when a znode is not there with this data and version. */
void expect_upstream(const char *path, const char *data, int version);

/* Somebody who bypasses the proxy changes what everybody may do with a znode. */
void allow_upstream(const char *path, int perms);

/* A core with this mount, with NULL that of sim_default_config; c and other are connected. */
void core_start(const struct core_mount *mount);
/* The same in the place of the one before. */
void core_restart(const struct core_mount *mount);

/* For CASE: core_start(NULL). For CASE_ALONE: nobody is connected. */
int core_setup(void **state);
int core_setup_alone(void **state);
int core_teardown(void **state);
#define CASE(name)       cmocka_unit_test_setup_teardown(name, core_setup, core_teardown)
#define CASE_ALONE(name) cmocka_unit_test_setup_teardown(name, core_setup_alone, core_teardown)

#endif
