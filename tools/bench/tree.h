/*
 * Directories as Storm makes them: exists, and create2 with one byte of data where that says NONODE.
 */
#ifndef PK_TOOLS_BENCH_TREE_H
#define PK_TOOLS_BENCH_TREE_H

#include "proto/jute.h"
#include "tools/bench/session.h"

enum { PK_PATH_MAX = 512 };

/* A chain of requests on one session, which must have no other task meanwhile. */
struct pk_mkdirs {
    void (*done)(struct pk_zs *, int err); /* err: ZooKeeper's code of what failed, 0: the directory stands */
    char path[PK_PATH_MAX];
    size_t at; /* length of the ancestor in work */
};

/* Makes path and its ancestors, top-down. m lives until done is called; s->task is m meanwhile. */
void pk_mkdirs(struct pk_mkdirs *m, struct pk_zs *s, const char *path, void (*done)(struct pk_zs *, int err));

#endif
