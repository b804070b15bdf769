/*
 * The command line.
 */
#ifndef PK_IO_CONFIG_OPTIONS_H
#define PK_IO_CONFIG_OPTIONS_H

#include <stdbool.h>

#include "io/config/config.h"

enum pk_action { PK_RUN, PK_CHECK, PK_EXIT };

struct pk_options {
    enum pk_action action;
    int status; /* with PK_EXIT: 0, 1 for a mistake in the configuration, 2 for one on the command line */
    int argc;   /* the command line, borrowed */
    char **argv;
    const char *config, *storm; /* files that it names */
};

/*
 * Reads the command line and all files that it names into config. -V, -h and every mistake print what there
 * is to say and give PK_EXIT; PK_CHECK (-t) is given when nothing is wrong.
 */
void pk_options_read(struct pk_options *options, struct pk_config *config, int argc, char **argv);

/* Reads the same command line and files once more. PK_EINVAL with the reason in error. */
enum pk_err pk_options_again(const struct pk_options *options, struct pk_config *config,
                             struct pk_config_error *error) PK_NODISCARD;

/* Prints what -t found. */
void pk_options_summary(const struct pk_config *config);

#endif
