/*
 * Authentication of clients. Happy path: the library loads what the mechanisms need, and the connections get the
 * service that ZooKeeper's clients expect. Failure modes: a plugin that is not installed, a keytab that cannot be read:
 * the start ends with the reason.
 */
#include "io/daemon/authenticate.h"

#include "io/config/config.h"
#include "io/config/users.h"
#include "io/daemon/daemon.h"
#include "io/sasl/sasl.h"

/* Names of DIGEST-MD5 that every client of ZooKeeper uses (org.apache.zookeeper.util.SecurityUtils). */
static const char protocol[] = "zookeeper", digest_realm[] = "zk-sasl-md5";

static void set_service(struct pk_daemon *daemon)
{
    struct pk_config *config = daemon->config;
    struct pk_sasl_settings *settings = &config->sasl;
    daemon->conns.sasl = (struct pk_sasl_here){
        .library = daemon->sasl,
        .service = {.mechanisms = (unsigned)config->sasl_mechanisms,
                    .digest_service = protocol,
                    .digest_realm = digest_realm,
                    .password = pk_users_password,
                    .users = &settings->users,
                    .gss_service = settings->principal.service,
                    .gss_host = settings->principal.host,
                    .gss_realm = settings->principal.realm},
    };
}

enum pk_err pk_authenticate_open(struct pk_daemon *daemon)
{
    char why[PK_VALUE_TEXT] = "memory is short";
    const struct pk_config *config = daemon->config;
    if (config->sasl_mechanisms == 0)
        return PK_OK;
    const struct pk_sasl_setup setup = {.mechanisms = (unsigned)config->sasl_mechanisms,
                                        .keytab =
                                            config->sasl.keytab[0] != '\0' ? config->sasl.keytab : NULL};
    enum pk_err err = pk_sasl_open(&daemon->sasl, &daemon->conns.loop.uv, &setup, why, sizeof why);
    if (err != PK_OK) {
        pk_log(&daemon->log, PK_LOG_ERROR, PK_LOG_START, NULL, "sasl: %s", why);
        return err;
    }
    set_service(daemon);
    return PK_OK;
}
