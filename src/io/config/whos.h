/*
 * Lists of identities in the configuration, in ZooKeeper's form: who reads a mount, who writes it.
 */
#ifndef PK_IO_CONFIG_WHOS_H
#define PK_IO_CONFIG_WHOS_H

#include "core/core.h"
#include "io/config/error.h"

enum { PK_MAX_WHOS = 16, PK_WHOS_TEXT = 1024 };

/* Each identity with the end of a line behind it; none is world:anyone. */
struct pk_whos {
    char text[PK_WHOS_TEXT];
    size_t n;
};

/*
 * Adds one identity to a list: world:anyone, digest:USER:HASH, ip:ADDRESS[/BITS], x509:SUBJECT, sasl:NAME. PK_EINVAL
 * with the reason in error.
 */
enum pk_err pk_whos_add(struct pk_whos *list, const char *text, struct pk_config_error *error) PK_NODISCARD;
/* The list in words, digests without their hash; "anyone" when nothing is given. */
const char *pk_whos_show(const struct pk_whos *list, char out[PK_WHOS_TEXT]);
bool pk_whos_same(const struct pk_whos *a, const struct pk_whos *b);
/* Whether this one is in it. */
bool pk_whos_has(const struct pk_whos *list, const char *text);
/* Whether one of them begins so. */
bool pk_whos_name(const struct pk_whos *list, const char *prefix);

/* Splits the next identity off a copy of a list's text; NULL at the end. */
char *pk_whos_next(char **rest);
/* Reads ADDRESS or ADDRESS/BITS into who; an IPv4 address in IPv6's form is one of IPv4. False when it is none. */
bool pk_whos_ip(const char *text, struct core_who *who);

#endif
