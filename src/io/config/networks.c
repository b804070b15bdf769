/*
 * Networks. Happy path: an address, and behind a slash how many bits of it count. Failure modes: no address, too many
 * bits, bits behind those that count: probably a typing error.
 */
#include "io/config/networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED = 96 };

static const uint8_t front[12] = {[10] = 0xff, [11] = 0xff};

static void map_ipv4(uint8_t out[16], const void *four)
{
    memcpy(out, front, sizeof front);
    memcpy(out + sizeof front, four, 4);
}

static bool parse_address(uint8_t out[16], const char *text, int *most)
{
    uint8_t four[4];
    *most = 128;
    if (inet_pton(AF_INET6, text, out) == 1)
        return true;
    *most = 32;
    if (inet_pton(AF_INET, text, four) != 1)
        return false;
    map_ipv4(out, four);
    return true;
}

static bool bit(const uint8_t *address, int i)
{
    return address[i / 8] >> (7 - i % 8) & 1;
}

bool pk_network_read(struct pk_network *out, const char *text)
{
    char address[PK_NETWORK_TEXT];
    size_t len = strcspn(text, "/");
    int most = 0;
    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!parse_address(out->address, address, &most))
        return false;
    char *end = NULL;
    const char *digits = text + len + 1;
    long bits = text[len] == '/' ? strtol(digits, &end, 10) : most;
    if (text[len] == '/' &&
        (end == digits || *end != '\0' || digits[0] < '0' || digits[0] > '9' || bits > most))
        return false;
    out->bits = (uint8_t)(bits + (most == 32 ? MAPPED : 0));
    return true;
}

enum pk_err pk_network_parse(struct pk_network *out, const char *text, const char **why)
{
    *why = "expected a network like 10.0.0.0/8, or an address";
    if (!pk_network_read(out, text))
        return PK_EINVAL;
    *why = "its address has bits behind those of the network";
    for (int i = out->bits; i < 128; i++)
        if (bit(out->address, i))
            return PK_EINVAL;
    return PK_OK;
}

static bool has(const struct pk_network *network, const uint8_t address[16])
{
    for (int i = 0; i < network->bits; i++)
        if (bit(network->address, i) != bit(address, i))
            return false;
    return true;
}

bool pk_networks_have(const struct pk_network *networks, size_t n, const union pk_address *address)
{
    uint8_t plain[16];
    if (address->any.sa_family == AF_INET6)
        memcpy(plain, &address->v6.sin6_addr, sizeof plain);
    else
        map_ipv4(plain, &address->v4.sin_addr);
    for (size_t i = 0; i < n; i++)
        if (has(&networks[i], plain))
            return true;
    return false;
}

const char *pk_network_text(const struct pk_network *network, char text[PK_NETWORK_TEXT])
{
    bool four = network->bits >= MAPPED && memcmp(network->address, front, sizeof front) == 0;
    char address[INET6_ADDRSTRLEN] = "";
    inet_ntop(four ? AF_INET : AF_INET6, network->address + (four ? sizeof front : 0), address,
              sizeof address);
    snprintf(text, PK_NETWORK_TEXT, "%s/%d", address, network->bits - (four ? MAPPED : 0));
    return text;
}
