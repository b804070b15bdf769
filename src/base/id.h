/*
 * A handle that outlives what it names: a slot and its generation. One whose generation has passed names nothing.
 */
#ifndef PK_BASE_ID_H
#define PK_BASE_ID_H

#include <stdint.h>

struct pk_id {
    uint32_t slot, gen;
};

#endif
