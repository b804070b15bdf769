/*
 * Kerberos principals. Happy path: they are taken apart at the first slash and the last at sign. Failure modes: a part
 * that is missing or too long.
 */
#include "io/sasl/principal.h"

#include <stdbool.h>
#include <string.h>

static bool take_part(char part[PK_PRINCIPAL_PART], const char *from, size_t len)
{
    if (len == 0 || len >= PK_PRINCIPAL_PART || memchr(from, '\\', len) != NULL)
        return false;
    memcpy(part, from, len);
    part[len] = '\0';
    return true;
}

enum pk_err pk_principal_read(struct pk_principal *p, const char *text)
{
    const char *slash = strchr(text, '/'), *at = strrchr(text, '@');
    bool whole = slash != NULL && at != NULL && slash < at && strchr(slash + 1, '/') == NULL &&
                 strchr(text, '@') == at;
    if (!whole || !take_part(p->service, text, (size_t)(slash - text)) ||
        !take_part(p->host, slash + 1, (size_t)(at - slash - 1)) ||
        !take_part(p->realm, at + 1, strlen(at + 1)))
        return PK_EMALFORMED;
    return PK_OK;
}

enum pk_err pk_principal_short(char *out, size_t size, const char *principal, const char *realm)
{
    size_t len = strcspn(principal, "/@");
    const char *at = strrchr(principal, '@');
    if (at == NULL || strcmp(at + 1, realm) != 0 || len == 0)
        return PK_ENOENT;
    if (len >= size)
        return PK_ELIMIT;
    memcpy(out, principal, len);
    out[len] = '\0';
    return PK_OK;
}
