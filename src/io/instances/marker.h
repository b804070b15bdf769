/*
 * Other pacekeepers in front of the same ensemble: each keeps an ephemeral marker znode below the path `instances`, and
 * looks at the markers of the others. Nothing depends on it but a warning: two that hold the same mount in mode
 * pacemaker do not see each other's heartbeats.
 */
#ifndef PK_IO_INSTANCES_MARKER_H
#define PK_IO_INSTANCES_MARKER_H

#include <stdbool.h>

struct pk_listeners;
struct pk_loop;
struct pk_marker;
struct pk_upstream;

/* No marker yet; the listeners' addresses are shown in it. NULL when memory is short. */
struct pk_marker *pk_marker_new(struct pk_loop *loop, const struct pk_listeners *listeners);
/* Begins, looks again or ends, as time and the configuration ask for. */
void pk_marker_tick(struct pk_marker *marker, struct pk_upstream *upstream);
/* Takes the marker away; the loop ends when that is done. */
void pk_marker_close(struct pk_marker *marker);
/* After the loop has ended; NULL is allowed. */
void pk_marker_free(struct pk_marker *marker);
/* How many instances were seen when last looked, ours included, and how many of them hold what we hold; 0 when that is
 * not known. */
void pk_marker_figures(const struct pk_marker *marker, int *seen, int *conflicting);

#endif
