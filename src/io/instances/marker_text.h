/*
 * A marker's text: one line, for people and for other instances.
 */
#ifndef PK_IO_INSTANCES_MARKER_TEXT_H
#define PK_IO_INSTANCES_MARKER_TEXT_H

#include <stddef.h>

struct pk_config;
struct pk_text;

/* Writes ours. */
void pk_marker_write(struct pk_text *out, const struct pk_config *config, const char *host,
                     const char *listen);
/* Copies a field of a marker's text ("host", "listen"), "?" when it has none. */
void pk_marker_field(const char *text, const char *name, char *out, size_t size);
/* The first mount of ours in mode pacemaker that overlaps one of the marker's in that mode, else NULL. */
const char *pk_marker_conflict(const char *text, const struct pk_config *config);

#endif
