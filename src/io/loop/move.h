/*
 * Moves of a state machine: each has one enum, one function that moves it, and a table of the edges that it may take.
 */
#ifndef PK_IO_LOOP_MOVE_H
#define PK_IO_LOOP_MOVE_H

#include <stdint.h>

/* In a machine's table, at the index of a state: the states that may follow, or-ed. */
#define PK_TO(state) (1U << (state))

/* Returns `to` when the table has that edge; else says so on stderr, by the machine's name, and ends the process. */
uint8_t pk_move(const char *machine, const uint8_t *edges, unsigned from, unsigned to);

#endif
