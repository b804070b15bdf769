/*
 * pacekeeper: options and configuration, then the daemon; or a command.
 */
#include "io/config/adopt.h"
#include "io/config/options.h"
#include "io/daemon/run.h"
#include "io/doctor/doctor.h"
#include "io/savings/savings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A socket must never become number 2: the log would go to a client. */
static void open_standard_files(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    open_standard_files();
    if (argc > 1 && strcmp(argv[1], "adopt") == 0)
        return pk_adopt(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "doctor") == 0)
        return pk_doctor(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "savings") == 0)
        return pk_savings(argc - 1, argv + 1);
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
    pk_config_forget_secrets(config);
    free(config);
    return status;
}
