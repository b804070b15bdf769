/*
 * Path classes: the branches of the tree under which transactions are added up.
 *
 * A class of beats is a path that pacekeeper would mount: what ends in /workerbeats or /supervisors, whatever Storm's
 * root is, and what was named on the command line. Everything else is classed by its first two names.
 */
#ifndef PK_IO_SAVINGS_CLASSES_H
#define PK_IO_SAVINGS_CLASSES_H

#include "base/err.h"
#include "proto/jute.h"

enum {
    PK_CLASSES = 64,
    PK_CLASS_NAME = 256,
    PK_CLASS_OTHER = 0,    /* no path, or no room for another class */
    PK_CLASS_SESSIONS = 1, /* sessions opened and closed */
    PK_CLASS_REFUSED = 2,  /* requests that were refused */
    PK_CLASS_FIRST = 3,    /* the first that is a path */
};

enum pk_beats { PK_BEATS_NONE, PK_BEATS_WORKERS, PK_BEATS_SUPERVISORS, PK_BEATS_NAMED };

struct pk_classes {
    struct {
        char name[PK_CLASS_NAME];
        size_t len;
        enum pk_beats beats;
    } v[PK_CLASSES];
    size_t n;
};

void pk_classes_init(struct pk_classes *classes);
/* A mount of the command line, from now on a class. PK_EINVAL: no valid path; PK_ELIMIT: too many. */
enum pk_err pk_classes_name(struct pk_classes *classes, const char *path) PK_NODISCARD;
/* The class of a path; makes it when there is room. */
size_t pk_classes_of(struct pk_classes *classes, struct pk_bytes path);
/* Whether a path, of this class, lies strictly below it, so that it is a beat that could be held. */
bool pk_classes_held(const struct pk_classes *classes, size_t i, struct pk_bytes path);

#endif
