/*
 * How two members of a group open a connection: the server speaks first, and each proves that it has the group's secret
 * without showing it.
 *
 *   server   "PKMB"  u16 version  nonce (32)                                                                38 bytes
 *   client   u16 version  u8 kind  nonce (32)  i64 epoch  i64 silent_us  u16 n  PROXY header (n)  mac (32)   85 and n
 *   server   u8 taken  mac (32)                                                                             33 bytes
 *
 * Numbers are big endian. Each mac is HMAC-SHA256, under the secret, of the word "client" or "server" and of all that
 * both have said before it: what one connection proves is of no use on another one, nor in the other direction. The
 * client says nothing more before it has checked the server's; what follows is the link's protocol, or a client's. The
 * server says the newest version that it speaks, the client the one that both do.
 */
#ifndef PROTO_MEMBER_H
#define PROTO_MEMBER_H

#include <stdbool.h>

#include "proto/jute.h"
#include "proto/proxy_header.h"

enum {
    PK_MEMBER_VERSION = 1,
    PK_MEMBER_NONCE = 32,
    PK_MEMBER_MAC = 32,
    PK_MEMBER_GREETING = 4 + 2 + PK_MEMBER_NONCE,
    PK_MEMBER_HEAD = 2 + 1 + PK_MEMBER_NONCE + 8 + 8 + 2,
    PK_MEMBER_CLAIM = PK_MEMBER_HEAD + PK_PROXY_MOST + PK_MEMBER_MAC, /* at most */
    PK_MEMBER_ANSWER = 1 + PK_MEMBER_MAC,
};

enum pk_member_kind {
    PK_MEMBER_LINK = 1,  /* for a copy of the memory */
    PK_MEMBER_RELAY = 2, /* for a client, whose bytes follow */
    PK_MEMBER_OWN = 3,   /* for a session of the member's own: whoever it asks for was judged there */
};

/*
 * Between the frames of a relayed client the standby vouches for who it is: a frame whose length has this bit, with an
 * identity that the client has proved there ("sasl:bob"). None but a standby can say it: it passes its clients' frames
 * on whole, and closes who sends one of that length.
 */
#define PK_MEMBER_VOUCHES UINT32_C(0x80000000)

/* What a client wants. */
struct pk_member_claim {
    enum pk_member_kind kind;
    int64_t epoch,
        silent_us;  /* but of a link: the primary that is meant; how long ago its client was last heard */
    uint8_t family; /* and where that client is: enum pk_proxy_family, */
    uint8_t address[16]; /* 4 of them with PK_PROXY_IPV4, */
    uint16_t port;
};

/* One end of it; zero before the first byte. */
struct pk_member_opening {
    uint16_t said, begun; /* bytes of both so far; where the message that comes in began */
    uint8_t bytes[PK_MEMBER_GREETING + PK_MEMBER_CLAIM + PK_MEMBER_ANSWER];
};

enum pk_member_part {
    PK_MEMBER_MORE,    /* all was taken, and it is not whole yet */
    PK_MEMBER_WHOLE,   /* what is left belongs to what follows */
    PK_MEMBER_BAD,     /* no member speaks so, or none of a version that is spoken here */
    PK_MEMBER_WRONG,   /* it has not the secret */
    PK_MEMBER_REFUSED, /* it has, and does not take us: it is not the primary that is meant */
};

/* Server. What is returned is to be sent, and stays in the opening. nonce is random. */
struct pk_bytes pk_member_greet(struct pk_member_opening *opening, const uint8_t nonce[PK_MEMBER_NONCE]);
/* Moves bytes of p[0..n) into the claim, none of what follows it; *claim is there with PK_MEMBER_WHOLE. */
enum pk_member_part pk_member_take_claim(struct pk_member_opening *opening, struct pk_bytes secret,
                                         const uint8_t **p, size_t *n, struct pk_member_claim *claim);
struct pk_bytes pk_member_answer(struct pk_member_opening *opening, struct pk_bytes secret, bool taken);

/* How many bytes of the claim are surely still to come: who reads no more than these takes nothing of what follows. */
size_t pk_member_wanted(const struct pk_member_opening *opening);

/* Client: greeting, claim, answer. */
enum pk_member_part pk_member_take_greeting(struct pk_member_opening *opening, const uint8_t **p, size_t *n);
struct pk_bytes pk_member_claim(struct pk_member_opening *opening, struct pk_bytes secret,
                                const uint8_t nonce[PK_MEMBER_NONCE], const struct pk_member_claim *claim);
enum pk_member_part pk_member_take_answer(struct pk_member_opening *opening, struct pk_bytes secret,
                                          const uint8_t **p, size_t *n);

#endif
