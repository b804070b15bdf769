/*
 * A connection for a command, plain or TLS: it waits.
 */
#ifndef PK_IO_CONFIG_CHANNEL_H
#define PK_IO_CONFIG_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct pk_tls;
struct pk_tls_context;

/* Where a server is, and how one speaks to it; all of it borrowed. */
struct pk_channel_to {
    const struct sockaddr *address;
    socklen_t len;
    struct pk_tls_context *tls; /* NULL: plain */
    const char *name;           /* its own, for its certificate */
    int patience_s;             /* with each read and write; 0: as with a server of the ensemble */
};

struct pk_channel {
    int fd;
    struct pk_tls *tls; /* NULL: plain */
    uint8_t *came;      /* what was decrypted, */
    size_t n, taken;    /* so much, of which this is taken */
    bool ended;         /* nothing follows it */
};

enum { PK_CHANNEL_WHY = 200 };

/*
 * Connects, and with TLS shakes hands. False, and why in words, when there is no connection, or none that TLS allows;
 * nothing is to be closed then.
 */
bool pk_channel_open(struct pk_channel *c, const struct pk_channel_to *to, char why[PK_CHANNEL_WHY]);
/* Sends all of it. */
bool pk_channel_send(struct pk_channel *c, const void *bytes, size_t len);
/* As recv(2): some bytes, 0 at the end, -1 with errno; EPROTO: pk_channel_why. */
ssize_t pk_channel_recv(struct pk_channel *c, void *bytes, size_t len);
/* What errno says of the newest failure, and what TLS does; borrowed until the next call. */
const char *pk_channel_why(const struct pk_channel *c);
void pk_channel_close(struct pk_channel *c);

/*
 * Sends a word of four letters and reads the answer to its end into text, ended by NUL. Returns the length, 0 when the
 * server closed without an answer, -1 and why when there was no connection, or silence. took_ms: of the answer alone.
 */
int pk_channel_word(const struct pk_channel_to *to, const char *word, char *text, size_t size,
                    char why[PK_CHANNEL_WHY], double *took_ms);

#endif
