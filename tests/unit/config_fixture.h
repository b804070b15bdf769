/* What tests of the configuration stand on: a file of its own for each text. */
#ifndef PK_TESTS_UNIT_CONFIG_FIXTURE_H
#define PK_TESTS_UNIT_CONFIG_FIXTURE_H

#include "io/config/config.h"
#include "tests/lib/support.h"

extern struct pk_config config; /* of the newest text */
extern struct pk_config_error error;

/* Reads a text that is a configuration file; fails the test when it is refused. */
void good(const char *text);
/* The file is refused, with the line and the words; line 0: any. */
void bad(const char *text, int line, const char *words);

#endif
