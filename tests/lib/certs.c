/*
 * Certificates for the unit tests. Happy path: openssl(1) makes them, with keys on a curve, which takes milliseconds.
 * Failure: a command that fails ends the test.
 */
#include "tests/lib/certs.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/support.h"

static char folder[] = "/tmp/pacekeeper-certs.XXXXXX";

void certs_run(const char *command)
{
    char all[2048];
    assert_true(snprintf(all, sizeof all, "cd %s && { %s; } >log 2>&1 || { cat log >&2; false; }", folder,
                         command) < (int)sizeof all);
    assert_int_equal(system(all), 0);
}

static void authority(const char *name)
{
    char command[512];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out "
             "%s.pem -days 30 "
             "-subj '/O=Lab/CN=Authority %s'",
             name, name, name);
    certs_run(command);
}

void certs_make(void)
{
    assert_non_null(mkdtemp(folder));
    authority("ca");
    authority("other");
}

void certs_sign(const char *name, const char *ca, const char *subject, const char *names, int days)
{
    char command[1024];
    snprintf(command, sizeof command,
             "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.csr "
             "-utf8 -multivalue-rdn "
             "-subj '%s' && printf 'subjectAltName=%s' > ext && openssl x509 -req -in %s.csr -CA %s.pem "
             "-CAkey %s.key "
             "-CAcreateserial -days %d -extfile ext -out %s.pem && chmod 600 %s.key",
             name, name, subject, names, name, ca, ca, days, name, name);
    certs_run(command);
}

const char *certs_path(const char *file)
{
    static char paths[4][CERTS_PATH];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, CERTS_PATH, "%s/%s", folder, file);
    return path;
}

void certs_remove(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

struct pk_tls_settings certs_settings(bool server, const char *name, const char *ca)
{
    static char files[64][CERTS_PATH];
    static int next;
    struct pk_tls_settings s = {.server = server, .certificate = "", .key = "", .ca = certs_path(ca)};
    if (name == NULL)
        return s;
    char *certificate = files[next++ % 64], *key = files[next++ % 64];
    snprintf(certificate, CERTS_PATH, "%s/%s.pem", folder, name);
    snprintf(key, CERTS_PATH, "%s/%s.key", folder, name);
    s.certificate = certificate;
    s.key = key;
    return s;
}

struct pk_tls_context *certs_context(const struct pk_tls_settings *settings, char why[PK_TLS_TEXT])
{
    struct pk_tls_context *context = NULL;
    return pk_tls_context_new(&context, settings, why) == PK_OK ? context : NULL;
}
