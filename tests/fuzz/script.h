/*
 * What the fuzz targets of the core share: an input is a script of bytes, each the choice of a table; a core before the
 * model ensemble, clients that come, ask and go; and what may be left at the end.
 */
#ifndef PK_TESTS_FUZZ_SCRIPT_H
#define PK_TESTS_FUZZ_SCRIPT_H

#include "tests/sim/driver.h"

enum { FUZZ_STEPS = 300, FUZZ_CLIENTS = 6 };

struct fuzz_input {
    const uint8_t *p, *end;
};

extern struct sim s;
extern struct sup_buf b; /* a request in work */

/* The script's next byte, 0 after its end. */
uint8_t fuzz_byte(struct fuzz_input *in);
/* A path of the table, NULL among them. */
const char *fuzz_path(struct fuzz_input *in);
/* Appends up to 63 bytes as they are to b. */
void fuzz_raw(struct fuzz_input *in);
/* Appends a request to b. */
void fuzz_request(struct fuzz_input *in, int xid);
/* One of the clients that are there, -1 when there is none. */
int fuzz_somebody(struct fuzz_input *in);
/* A client connects, unless there are enough. */
void fuzz_arrive(struct fuzz_input *in);
/* Somebody who bypasses the proxy creates, deletes or writes a znode. */
void fuzz_foreign(struct fuzz_input *in);

/*
 * Makes the core. An input that ends with W, N or A has the mount in mode write-behind: flushed every two seconds,
 * never, or with watches that do not end absorbing.
 */
void fuzz_start(const uint8_t *bytes, size_t size);
/* Memory is there again, the ensemble is well and everybody leaves: then nothing may be left, no connection, session,
 * uplink, watch or awaited answer, and no byte of memory. Aborts when something is. */
void fuzz_end(void);

#endif
