/*
 * What was answered about the paths of a mount, or outside all of them.
 */
#ifndef PK_CORE_STORE_TALLY_H
#define PK_CORE_STORE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/records.h"

enum pk_operation {
#define X(name, label) PK_OPERATION_##name,
#include "core/store/operations.def"
#undef X
    PK_OPERATIONS
};

enum pk_outcome {
#define X(name, label, help) PK_OUTCOME_##name,
#include "core/store/outcomes.def"
#undef X
    PK_OUTCOMES
};

enum pk_reason {
#define X(name, label, help) PK_REASON_##name,
#include "core/store/reasons.def"
#undef X
    PK_REASONS
};

struct pk_tally {
    int64_t answers[PK_OPERATIONS][PK_OUTCOMES];
    int64_t unabsorbed[PK_REASONS]; /* requests that were relayed, by why */
};

/* The kind of a request type. */
enum pk_operation pk_operation_of(int32_t op);
/* True of a type that changes znodes. */
static inline bool pk_op_writes(int32_t op)
{
    const uint32_t writes = 1u << PK_OP_CREATE | 1u << PK_OP_DELETE | 1u << PK_OP_SET_DATA |
                            1u << PK_OP_SET_ACL | 1u << PK_OP_MULTI | 1u << PK_OP_CREATE2 |
                            1u << PK_OP_CREATE_CONTAINER | 1u << PK_OP_CREATE_TTL;
    return op >= 0 && op < 32 && (writes >> op & 1) != 0;
}
/* The word for it. */
const char *pk_operation_label(enum pk_operation operation);

static inline void pk_tally_answer(struct pk_tally *tally, int32_t op, enum pk_outcome outcome)
{
    tally->answers[pk_operation_of(op)][outcome]++;
}

#endif
