/*
 * The opening of a client's connection. Happy path: the header tells the true address, which takes the place of the
 * load balancer's everywhere; the handshake ends, and a certificate that was verified has a subject, which becomes an
 * identity. Failure modes: a header that is missing, malformed, or of an address that has as many connections as it
 * may; a handshake that fails: each ends the connection with the reason in the log.
 */
#include "io/conn/opening.h"

#include <stdlib.h>

#include "io/config/config.h"
#include "io/conn/pairs.h"
#include "io/tls/tls.h"
#include "proto/proxy_header.h"

/* While the header is incomplete. */
struct pk_opening {
    enum pk_transport transport;
    struct pk_proxy_header header;
};

bool pk_opening_proxied(const struct pk_pairs *conns, const union pk_address *from)
{
    const struct pk_config *config = conns->loop.config;
    return config->nproxies > 0 && pk_networks_have(config->proxies, config->nproxies, from);
}

void pk_opening_tell_address(const struct pk_pair *pair)
{
    size_t len;
    const uint8_t *bytes = pk_address_bytes(&pair->peer, &len);
    core_client_address(pair->conns->loop.core, pair->id, bytes, len);
}

static bool secure(struct pk_pair *pair, enum pk_transport transport, uv_write_cb written)
{
    if (transport == PK_TRANSPORT_TLS)
        return pk_side_secure(&pair->client, pair->conns->loop.config->tls, NULL, written);
    pk_side_opened(&pair->client);
    return true;
}

bool pk_opening_begin(struct pk_pair *pair, enum pk_transport transport, uv_write_cb written)
{
    if (!pk_opening_proxied(pair->conns, &pair->peer))
        return secure(pair, transport, written);
    pair->opening = calloc(1, sizeof *pair->opening);
    if (pair->opening != NULL)
        pair->opening->transport = transport;
    return pair->opening != NULL;
}

/* The client is who the header says: its place is among those of that address. Returns why it may not be, "" when that
 * has been said, or NULL. */
static const char *become(struct pk_pair *pair, const struct pk_proxy_header *header)
{
    struct pk_pairs *conns = pair->conns;
    if (header->family == PK_PROXY_LOCAL)
        return NULL;
    pair->peer =
        pk_address_make(header->family == PK_PROXY_IPV4 ? AF_INET : AF_INET6, header->address, header->port);
    pk_place_leave(&conns->peers, &pair->place);
    if (!conns->admits(conns->gate, &pair->peer))
        return "";
    if (pk_place_take(&conns->peers, &pair->place, &pair->peer) != PK_OK)
        return "memory is short";
    pk_opening_tell_address(pair);
    return NULL;
}

/* Takes the header from the bytes. Returns why it ends the connection, or NULL. */
static const char *take_header(struct pk_pair *pair, const uint8_t **p, size_t *n, uv_write_cb written)
{
    struct pk_opening *opening = pair->opening;
    const char *why = NULL;
    switch (pk_proxy_take(&opening->header, p, n)) {
    case PK_PROXY_MORE:
        return NULL;
    case PK_PROXY_MISSING:
        return "no PROXY protocol header, and proxy-protocol names its network";
    case PK_PROXY_BAD:
        return "a malformed PROXY protocol header";
    case PK_PROXY_WHOLE:
        break;
    }
    why = become(pair, &opening->header);
    if (why == NULL && !secure(pair, opening->transport, written))
        why = "memory is short";
    free(opening);
    pair->opening = NULL;
    return why;
}

/* The handshake is done. */
static struct pk_received opened(struct pk_pair *pair, struct pk_received r)
{
    pk_side_opened(&pair->client);
    char *subject = pk_tls_subject(pair->client.tls);
    if (subject == NULL)
        return r;
    if (core_identify(pair->conns->loop.core, pair->id, "x509", subject) != PK_OK)
        r = (struct pk_received){.bytes = r.bytes, .ended = true, .why = "memory is short"};
    free(subject);
    return r;
}

struct pk_received pk_opening_received(struct pk_pair *pair, ssize_t n, const char *p, uv_write_cb written)
{
    const uint8_t *at = (const uint8_t *)p;
    size_t left = n > 0 ? (size_t)n : 0;
    if (n > 0 && pair->opening != NULL) {
        const char *why = take_header(pair, &at, &left, written);
        if (why != NULL || left == 0)
            return (struct pk_received){
                .bytes = at, .ended = why != NULL, .why = why != NULL && why[0] != '\0' ? why : NULL};
    }
    struct pk_received r = pk_side_received(&pair->client, &pair->conns->loop, n < 0 ? n : (ssize_t)left,
                                            (const char *)at, written);
    return r.opened ? opened(pair, r) : r;
}
