/*
 * The end.
 *
 *   SIGTERM, SIGINT ──► stop accepting, hand over to a group, release what is held where that is configured, or hand
 *   over to the end what a reload has begun with, drain
 *   ──► all connections gone, or stop-timeout, or a second signal ──► every handle closes ──► the loop ends
 *   ──► the state file
 */
#ifndef PK_IO_DAEMON_STOP_H
#define PK_IO_DAEMON_STOP_H

#include <stdbool.h>

struct pk_daemon;

/* Begins the stop, or cuts short the one that is under way; why is the signal's name. */
void pk_stop_request(struct pk_daemon *daemon, const char *why);
/* Time has passed: a release or a drain may be over. */
void pk_stop_tick(struct pk_daemon *daemon);
/* Closes every handle; the loop ends by itself when their callbacks have run. */
void pk_stop_finish(struct pk_daemon *daemon);
/*
 * After the loop: writes the state file when clients were served, and frees everything. False when that failed, or when
 * handles were left without a reason; the log says so.
 */
bool pk_stop_free(struct pk_daemon *daemon, bool served);

#endif
