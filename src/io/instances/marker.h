/*
 * Other pacekeepers in front of the same ensemble: each keeps an ephemeral marker znode below the path `instances`, and
 * looks at the markers of the others. Nothing depends on it but a warning: two that hold the same mount in mode
 * pacemaker do not see each other's heartbeats.
 */
#ifndef PK_IO_INSTANCES_MARKER_H
#define PK_IO_INSTANCES_MARKER_H

#include <stdbool.h>
#include <stddef.h>

#include "io/config/config.h"

struct pk_io;
struct pk_text;

/* Begins, looks again or ends, as time and the configuration ask for. */
void pk_marker_tick(struct pk_io *io);
/* Takes the marker away; the loop ends when that is done. */
void pk_marker_close(struct pk_io *io);
/* How many instances were seen when last looked, ours included, and how many of them hold what we hold; 0 when that is
 * not known. */
void pk_marker_figures(const struct pk_io *io, int *seen, int *conflicting);

/* A marker's text (marker_text.c): one line, for people and for other instances. */
void pk_marker_write(struct pk_text *out, const struct pk_config *config, const char *host,
                     const char *listen);
/* Copies a field of a marker's text ("host", "listen"), "?" when it has none. */
void pk_marker_field(const char *text, const char *name, char *out, size_t size);
/* The first mount of ours in mode pacemaker that overlaps one of the marker's in that mode, else NULL. */
const char *pk_marker_conflict(const char *text, const struct pk_config *config);

#endif
