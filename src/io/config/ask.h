/*
 * Questions to a server from a command, which may wait: a connection, a four-letter word.
 */
#ifndef PK_IO_CONFIG_ASK_H
#define PK_IO_CONFIG_ASK_H

#include <stdbool.h>

#include "io/config/hostport.h"

enum { PK_ASK_S = 1 /* the patience with a server */ };

/* Connects within so many seconds, the time that each later read and write has too. A socket, or -1 with errno. */
int pk_ask_connect(const struct sockaddr *address, socklen_t len, int seconds);
/*
 * Sends a word of four letters and reads the answer to its end into text, ended by NUL. Returns the length, 0 when the
 * server closed without an answer, -1 with errno when there was no connection, or silence.
 */
int pk_ask_word(const struct sockaddr *address, socklen_t len, const char *word, char *text, size_t size);

/* True when a pacekeeper answers there; false also when nobody does. */
bool pk_ask_is_proxy(const struct pk_hostport *where);

#endif
