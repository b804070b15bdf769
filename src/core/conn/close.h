/*
 * Why a connection ended (close.def).
 */
#ifndef PK_CORE_CONN_CLOSE_H
#define PK_CORE_CONN_CLOSE_H

enum pk_close {
#define X(name, level, text) PK_CLOSE_##name,
#include "core/conn/close.def"
#undef X
    PK_CLOSES
};

#endif
