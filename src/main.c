/*
 * pacekeeper: options and configuration, then the daemon; or a command.
 */
#include "io/command/operator.h"
#include "io/config/adopt.h"
#include "io/config/options.h"
#include "io/config/tlsfiles.h"
#include "io/daemon/run.h"
#include "io/doctor/doctor.h"
#include "io/savings/savings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of transaction logs, or of a running pacekeeper. */
static int savings(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--live") == 0)
            return pk_command_live(argc, argv);
    return pk_savings(argc, argv);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv); /* its own command line; returns the exit status */
} commands[] = {
    {"adopt", pk_adopt},
    {"close", pk_command_close},
    {"doctor", pk_doctor},
    {"drain", pk_command_drain},
    {"explain", pk_command_explain},
    {"migration", pk_command_migration},
    {"reload", pk_command_reload},
    {"savings", savings},
    {"show", pk_command_show},
    {"top", pk_command_top},
};

/* A socket must never become number 2: the log would go to a client. */
static void open_standard_files(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

static int no_command(const char *name)
{
    fprintf(stderr, "pacekeeper: %s is no command; there are", name);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(stderr, " %s", commands[i].name);
    fputs("; without one it serves, pacekeeper -h tells how\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    open_standard_files();
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] != '-')
        return no_command(argv[1]);
    struct pk_options options;
    struct pk_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        fputs("pacekeeper: out of memory\n", stderr);
        return 1;
    }
    int status = 0;
    pk_options_read(&options, config, argc, argv);
    if (options.action == PK_EXIT)
        status = options.status;
    else if (options.action == PK_CHECK)
        pk_options_summary(config);
    else
        status = pk_daemon_run(config, &options);
    pk_tlsfiles_drop(config);
    pk_config_forget_secrets(config);
    free(config);
    return status;
}
