/*
 * Moves of a state machine. Happy path: the new state is returned. Failure modes: an edge that the table does not have
 * is a mistake of this program, which ends before anything is done in a state that nobody has thought of.
 */
#include "io/loop/move.h"

#include <stdio.h>
#include <stdlib.h>

uint8_t pk_move(const char *machine, const uint8_t *edges, unsigned from, unsigned to)
{
    if (!(edges[from] & PK_TO(to))) {
        fprintf(stderr, "pacekeeper: %s cannot go from state %u to %u\n", machine, from, to);
        abort();
    }
    return (uint8_t)to;
}
