/*
 * Kinds of requests. Happy path: a switch. Failure modes: a type that is not known is `other`.
 */
#include "core/store/tally.h"

#include "proto/records.h"

enum pk_operation pk_operation_of(int32_t op)
{
    switch (op) {
    case PK_OP_EXISTS:
        return PK_OPERATION_EXISTS;
    case PK_OP_GET_DATA:
        return PK_OPERATION_GET_DATA;
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
        return PK_OPERATION_GET_CHILDREN;
    case PK_OP_GET_ACL:
        return PK_OPERATION_GET_ACL;
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        return PK_OPERATION_CREATE;
    case PK_OP_SET_DATA:
        return PK_OPERATION_SET_DATA;
    case PK_OP_DELETE:
        return PK_OPERATION_DELETE;
    case PK_OP_MULTI:
    case PK_OP_MULTI_READ:
        return PK_OPERATION_MULTI;
    case PK_OP_SET_WATCHES:
    case PK_OP_SET_WATCHES2:
    case PK_OP_ADD_WATCH:
        return PK_OPERATION_WATCHES;
    case PK_OP_SYNC:
        return PK_OPERATION_SYNC;
    case PK_OP_PING:
        return PK_OPERATION_PING;
    default:
        return PK_OPERATION_OTHER;
    }
}

const char *pk_operation_label(enum pk_operation operation)
{
    static const char *const labels[] = {
#define X(name, label) label,
#include "core/store/operations.def"
#undef X
    };
    return labels[operation];
}
