/*
 * Our certificates and keytabs. Happy path: a certificate is valid for a while yet, and a keytab has a key of the
 * principal that is configured. Failure modes: it has expired, which no peer takes; the keytab is for somebody else, or
 * is none.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/doctor/checks.h"
#include "io/tls/context.h"

enum { KEYTAB = 64 * 1024, NAME = 600, SOON_DAYS = 14 };

static void say_days(struct pk_doctor *d, const char *what, const struct pk_tls_context *tls)
{
    int days = tls != NULL ? pk_tls_context_days(tls) : INT_MAX;
    if (days == INT_MAX)
        return;
    if (days < 0)
        pk_report_say(&d->report, PK_FAIL, what, "have another one signed, then pacekeeper reload",
                      "it has expired");
    else
        pk_report_say(&d->report, days < SOON_DAYS ? PK_WARN : PK_FINE, what,
                      "have another one signed, then pacekeeper reload", "it is valid for %d days", days);
}

/* ---- keytabs: version 2 of MIT's format, 05 02, then entries with their length in front ---- */

struct place {
    const uint8_t *p;
    size_t left;
};

static uint32_t number(struct place *at, size_t bytes)
{
    uint32_t n = 0;
    for (size_t i = 0; i < bytes && at->left > 0; i++, at->p++, at->left--)
        n = n << 8 | *at->p;
    return n;
}

/* Appends a counted string. */
static void counted(struct place *at, char name[NAME], size_t *len)
{
    size_t n = number(at, 2);
    n = n < at->left ? n : at->left;
    *len += (size_t)snprintf(name + *len, NAME - *len, "%.*s", (int)n, (const char *)at->p);
    *len = *len < NAME ? *len : NAME - 1;
    at->p += n;
    at->left -= n;
}

/* The principal of an entry: part/part@REALM. */
static void read_name(struct place entry, char name[NAME])
{
    char realm[NAME] = "";
    size_t len = 0, realm_len = 0, parts = number(&entry, 2);
    counted(&entry, realm, &realm_len);
    name[0] = '\0';
    for (size_t i = 0; i < parts && entry.left > 0; i++) {
        len += i > 0 && len + 1 < NAME ? (size_t)snprintf(name + len, NAME - len, "/") : 0;
        counted(&entry, name, &len);
    }
    snprintf(name + len, NAME - len, "@%s", realm);
}

/* Whether the keytab has a key of that name; another one that it has, "" for none. */
static bool has_key(struct place file, const char *wanted, char other[NAME])
{
    other[0] = '\0';
    while (file.left > 4) {
        int32_t size = (int32_t)number(&file, 4);
        size_t n = size < 0 ? (size_t)0 - (size_t)(int64_t)size : (size_t)size; /* below zero: a hole */
        if (size == 0 || n > file.left)
            return false;
        if (size > 0) {
            read_name((struct place){file.p, n}, other);
            if (strcmp(other, wanted) == 0)
                return true;
        }
        file.p += n;
        file.left -= n;
    }
    return false;
}

static void say_keytab(struct pk_doctor *d, const char *what, const struct pk_kerberos *k)
{
    uint8_t bytes[KEYTAB];
    char wanted[3 * PK_PRINCIPAL_PART + 3], other[NAME];
    if (!pk_kerberos_complete(k))
        return;
    int fd = open(k->keytab, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (fd >= 0)
        close(fd);
    snprintf(wanted, sizeof wanted, "%s/%s@%s", k->principal.service, k->principal.host, k->principal.realm);
    if (n < 2 || bytes[0] != 5 || bytes[1] != 2)
        pk_report_say(&d->report, PK_FAIL, what, "write it with ktadd (MIT) or ktutil", "%s is no keytab",
                      k->keytab);
    else if (has_key((struct place){bytes + 2, (size_t)n - 2}, wanted, other))
        pk_report_say(&d->report, PK_FINE, what, NULL, "%s has a key of %s", k->keytab, wanted);
    else
        pk_report_say(&d->report, PK_FAIL, what, "ktadd that principal, or name the one that is there",
                      "%s has no key of %s%s%s", k->keytab, wanted, other[0] != '\0' ? ", but one of " : "",
                      other);
    explicit_bzero(bytes, sizeof bytes);
}

void pk_doctor_secrets(struct pk_doctor *d)
{
    const struct pk_config *c = d->config;
    say_days(d, "tls.certificate", c->tls);
    say_days(d, "upstream-tls.certificate", c->upstream_tls);
    say_days(d, "group-tls.certificate", c->group_tls);
    say_keytab(d, "sasl.keytab", &c->sasl.kerberos);
    say_keytab(d, "pacemaker.keytab", &c->pacemaker_login.kerberos);
}
