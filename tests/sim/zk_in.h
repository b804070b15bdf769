/* The model ensembles' reader of request bytes, which shares nothing with the product's. */
#ifndef PK_TESTS_SIM_ZK_IN_H
#define PK_TESTS_SIM_ZK_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zk_in {
    const uint8_t *p, *end;
    bool bad;
};
int64_t zk_in_int(struct zk_in *in);
int64_t zk_in_long(struct zk_in *in);
int zk_in_byte(struct zk_in *in);
/* A string into room; false (and bad) when null, malformed or too long. */
bool zk_in_str(struct zk_in *in, char *room, size_t size);
/* A buffer, borrowed; *len -1 for null. */
const uint8_t *zk_in_buf(struct zk_in *in, int *len);

/* A connect request. */
struct zk_connect {
    int64_t seen, session;
    int timeout_ms; /* as asked for */
    const uint8_t *passwd;
    int passwd_len; /* -1 for null */
    bool read_only_byte;
};
/* False when it does not decode. */
bool zk_in_connect(struct zk_in *in, struct zk_connect *c);

#endif
