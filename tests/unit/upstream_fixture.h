/* What the tests of the upstream share: four servers that are up, without a socket, and those who wait for one. */
#ifndef PK_TESTS_UNIT_UPSTREAM_FIXTURE_H
#define PK_TESTS_UNIT_UPSTREAM_FIXTURE_H

#include "io/loop/loop.h"
#include "io/upstream/upstream.h"
#include "tests/lib/support.h"

extern struct pk_loop loop;
extern struct pk_log logger;
extern struct pk_upstream *upstream;
extern struct pk_config config;

/* Setup and teardown of a test. */
int open_upstream(void **state);
int close_upstream(void **state);
#define UPSTREAM(name) cmocka_unit_test_setup_teardown(name, open_upstream, close_upstream)

/* Whoever waits: how often it went on, and how often it was turned away. */
struct waiter {
    struct pk_waiter wait;
    int gone, away;
};

/* The callback that counts. */
void count(struct pk_waiter *wait, bool turned_away);

#endif
