/*
 * What an operator asks the daemon for over its admin side.
 */
#ifndef PK_IO_DAEMON_OPERATE_H
#define PK_IO_DAEMON_OPERATE_H

#include "base/err.h"

struct pk_daemon;

/* Opens the admin side where one is configured. PK_EINVAL or PK_ENOMEM, said in the log. */
enum pk_err pk_operate_open(struct pk_daemon *daemon) PK_NODISCARD;
/* Starts to answer. */
void pk_operate_start(struct pk_daemon *daemon);
/* Time has passed: those who are to leave leave, so many a second. */
void pk_operate_tick(struct pk_daemon *daemon);

#endif
