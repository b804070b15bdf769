/* What the tests of held clients stand on: core_fixture.h with the shield on, and servers that are lost. */
#ifndef PK_TESTS_SIM_HOLD_FIXTURE_H
#define PK_TESTS_SIM_HOLD_FIXTURE_H

#include "core_fixture.h"

enum { T_US = 10 * 1000000, MS = 1000 };

int hold_setup(void **state);
#define HELD(name) cmocka_unit_test_setup_teardown(name, hold_setup, core_teardown)

/* The client's server goes, with what it was asked so far answered or not. */
void lose(int who, enum sim_loss how);
/* It has been told nothing, and is connected. */
void expect_silence(int who);
/* A read that leaves a watch, and its answer. */
void read_with_watch(int who, int xid, int op, const char *path, int err);
/* A read of it is answered. */
void serves_on(int who);

#endif
