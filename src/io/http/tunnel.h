/*
 * TLS in front of libmicrohttpd, which takes and gives plain bytes over a pair of sockets.
 *
 *   visitor ──network──► decrypt ──► ours ═══ inner ──► libmicrohttpd
 *   visitor ◄──network── encrypt ◄── ours ═══ inner ◄── libmicrohttpd
 *
 * What it keeps is bounded: while something waits for one side to take it, nothing more is read from the other.
 */
#ifndef PK_IO_HTTP_TUNNEL_H
#define PK_IO_HTTP_TUNNEL_H

#include "io/loop/loop.h"

struct pk_tls_context;
struct pk_tunnel;

/* Descriptors of a tunnel, beside the inner one. */
enum { PK_TUNNEL_FILES = 2 };

/* The tunnel is over, and is freed with the loop's next round. why: what was wrong, NULL for the usual end. */
typedef void pk_tunnel_over(void *owner, const char *why);

/*
 * Speaks TLS over fd, a connected socket that is the tunnel's from here on, also when this fails. *inner is the
 * caller's: where the plain bytes are. over is called once, but not by this. NULL: memory or descriptors are short.
 */
struct pk_tunnel *pk_tunnel_open(struct pk_loop *loop, struct pk_tls_context *tls, int fd, int *inner,
                                 pk_tunnel_over *over, void *owner);
/* Ends it at once, whatever is under way; over is called. */
void pk_tunnel_cut(struct pk_tunnel *tunnel);

#endif
