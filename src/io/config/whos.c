/*
 * Lists of identities. Happy path: each is checked for its form and kept as it stands. Failure modes: an identity that
 * no connection can have, too many.
 */
#include "io/config/whos.h"

#include <stdio.h>
#include <string.h>

#include "io/config/networks.h"
#include "proto/digest.h"

static const char anyone[] = "world:anyone";

bool pk_whos_ip(const char *text, struct core_who *who)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    struct pk_network network;
    if (!pk_network_read(&network, text))
        return false;
    bool four = network.bits >= 96 && memcmp(network.address, mapped, sizeof mapped) == 0;
    who->address_len = four ? 4 : 16;
    who->prefix = (uint8_t)(network.bits - (four ? 96 : 0));
    memcpy(who->address, network.address + (four ? sizeof mapped : 0), who->address_len);
    return true;
}

/* USER:HASH, the hash in base64. */
static bool is_digest(const char *id)
{
    const char *colon = strchr(id, ':');
    const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return colon != NULL && strlen(colon + 1) == PK_DIGEST_TEXT &&
           strspn(colon + 1, base64) == PK_DIGEST_TEXT - 1 && colon[PK_DIGEST_TEXT] == '=';
}

static enum pk_err check_who(const char *text, struct pk_config_error *error)
{
    struct core_who ip = {0};
    const char *colon = strchr(text, ':');
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    const char *id = text + n + 1;
    if (strchr(text, '\n') != NULL)
        return pk_config_fail(error, NULL, 0, "an identity stands on one line");
    if (strcmp(text, anyone) == 0)
        return PK_OK;
    if (n == 6 && memcmp(text, "digest", n) == 0)
        return is_digest(id)
                   ? PK_OK
                   : pk_config_fail(error, NULL, 0,
                                    "digest wants digest:USER:HASH, the hash as zkCli's getAcl shows it");
    if (n == 2 && memcmp(text, "ip", n) == 0)
        return pk_whos_ip(id, &ip) ? PK_OK
                                   : pk_config_fail(error, NULL, 0, "ip wants ip:ADDRESS or ip:ADDRESS/BITS");
    if (n == 4 && (memcmp(text, "x509", n) == 0 || memcmp(text, "sasl", n) == 0) && id[0] != '\0')
        return PK_OK;
    return pk_config_fail(
        error, NULL, 0,
        "expected world:anyone, digest:USER:HASH, sasl:NAME, x509:SUBJECT or ip:ADDRESS[/BITS], "
        "not \"%.20s\"",
        n > 0 ? text : "");
}

char *pk_whos_next(char **rest)
{
    char *line = strsep(rest, "\n");
    return line != NULL && line[0] != '\0' ? line : NULL;
}

bool pk_whos_has(const struct pk_whos *list, const char *text)
{
    char copy[PK_WHOS_TEXT], *rest = copy, *who;
    strcpy(copy, list->text);
    while ((who = pk_whos_next(&rest)) != NULL)
        if (strcmp(who, text) == 0)
            return true;
    return false;
}

enum pk_err pk_whos_add(struct pk_whos *list, const char *text, struct pk_config_error *error)
{
    size_t n = strlen(list->text);
    if (check_who(text, error) != PK_OK)
        return PK_EINVAL;
    if (pk_whos_has(list, text))
        return PK_OK;
    if (list->n == PK_MAX_WHOS || n + strlen(text) + 2 > sizeof list->text)
        return pk_config_fail(error, NULL, 0, "more than %d identities, or %zu bytes of them", PK_MAX_WHOS,
                              sizeof list->text - 1);
    snprintf(list->text + n, sizeof list->text - n, "%s\n", text);
    list->n++;
    return PK_OK;
}

const char *pk_whos_show(const struct pk_whos *list, char out[PK_WHOS_TEXT])
{
    char copy[PK_WHOS_TEXT], *rest = copy, *who;
    size_t n = 0;
    strcpy(copy, list->n > 0 ? list->text : "anyone");
    out[0] = '\0';
    while ((who = pk_whos_next(&rest)) != NULL) {
        char *hash = strncmp(who, "digest:", 7) == 0 ? strchr(who + 7, ':') : NULL;
        if (hash != NULL)
            *hash = '\0';
        n += (size_t)snprintf(out + n, PK_WHOS_TEXT - n, "%s%s", n > 0 ? "," : "", who);
    }
    return out;
}

bool pk_whos_same(const struct pk_whos *a, const struct pk_whos *b)
{
    return strcmp(a->text, b->text) == 0;
}

bool pk_whos_name(const struct pk_whos *list, const char *prefix)
{
    char copy[PK_WHOS_TEXT], *rest = copy, *who;
    strcpy(copy, list->text);
    while ((who = pk_whos_next(&rest)) != NULL)
        if (strncmp(who, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}
