/*
 * A command's side of the admin socket: one request, one answer.
 */
#ifndef PK_IO_COMMAND_TALK_H
#define PK_IO_COMMAND_TALK_H

#include "io/config/admin.h"
#include "io/loop/text.h"

#define PK_COMMAND_SOCKET "unix:/run/pacekeeper/admin.sock"

struct pk_talk {
    const char *address;        /* HOST:PORT, tls:HOST:PORT or unix:/PATH */
    char token[PK_ADMIN_TOKEN]; /* "" for none */
    /* With TLS, files in PEM, NULL for none: who its certificate must be of, and what it is shown. */
    const char *ca, *certificate, *key;
};

/*
 * Asks, and waits up to 30 s. Returns the status, and the body in out, which the caller frees; or 0 when nobody
 * answers, and why on stderr.
 */
int pk_talk(const struct pk_talk *talk, const char *method, const char *path, struct pk_text *out);
/* Appends text to a path or an argument, as a URL has it. */
void pk_talk_escape(struct pk_text *out, const char *text);

#endif
