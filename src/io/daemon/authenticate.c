/*
 * Authentication of clients. Happy path: the library loads what the mechanisms of both protocols need, with the one
 * keytab that a process has, and the connections get the service that their clients expect.
 * Failure modes: a plugin that is not installed, a keytab that cannot be read: the start ends with the reason.
 */
#include "io/daemon/authenticate.h"

#include "io/config/pacemaker.h"
#include "io/config/users.h"
#include "io/daemon/daemon.h"
#include "io/sasl/sasl.h"

/* Names of DIGEST-MD5 that every client of ZooKeeper uses (org.apache.zookeeper.util.SecurityUtils). */
static const char protocol[] = "zookeeper", digest_realm[] = "zk-sasl-md5";
/* The same of Pacemaker's (Storm's SaslUtils): Java makes this text of its null protocol. */
static const char pacemaker_protocol[] = "null", pacemaker_realm[] = "default";

static unsigned pacemaker_mechanisms(const struct pk_config *config)
{
    switch (config->pacemaker_login.method) {
    case PK_LOGIN_DIGEST:
        return PK_SASL_DIGEST_MD5;
    case PK_LOGIN_KERBEROS:
        return PK_SASL_GSSAPI;
    default:
        return 0;
    }
}

static void take_principal(struct pk_sasl_service *service, const struct pk_kerberos *kerberos)
{
    service->gss_service = kerberos->principal.service;
    service->gss_host = kerberos->principal.host;
    service->gss_realm = kerberos->principal.realm;
}

static void set_zookeepers(struct pk_daemon *daemon)
{
    struct pk_config *config = daemon->config;
    daemon->conns.sasl = (struct pk_sasl_here){
        .library = daemon->sasl,
        .service = {.mechanisms = (unsigned)config->sasl_mechanisms,
                    .digest_service = protocol,
                    .digest_realm = digest_realm,
                    .password = pk_users_password,
                    .users = &config->sasl.users},
    };
    take_principal(&daemon->conns.sasl.service, &config->sasl.kerberos);
}

static void set_pacemakers(struct pk_daemon *daemon)
{
    struct pk_config *config = daemon->config;
    daemon->conns.pacemaker = (struct pk_sasl_here){
        .library = daemon->sasl,
        .service = {.mechanisms = pacemaker_mechanisms(config),
                    .digest_service = pacemaker_protocol,
                    .digest_realm = pacemaker_realm,
                    .password = pk_pacemaker_password,
                    .users = &config->pacemaker_login},
        .everybody = config->pacemaker_login.name,
        .admits = pk_pacemaker_admits,
        .owner = config,
    };
    take_principal(&daemon->conns.pacemaker.service, &config->pacemaker_login.kerberos);
}

/* Of both that have one it is the same (pk_pacemaker_login_read). */
static const char *keytab(const struct pk_config *config)
{
    if ((config->sasl_mechanisms & PK_SASL_GSSAPI) != 0)
        return config->sasl.kerberos.keytab;
    return config->pacemaker_login.method == PK_LOGIN_KERBEROS ? config->pacemaker_login.kerberos.keytab
                                                               : NULL;
}

enum pk_err pk_authenticate_open(struct pk_daemon *daemon)
{
    char why[PK_VALUE_TEXT] = "memory is short";
    const struct pk_config *config = daemon->config;
    const struct pk_sasl_setup setup = {.mechanisms =
                                            (unsigned)config->sasl_mechanisms | pacemaker_mechanisms(config),
                                        .keytab = keytab(config)};
    if (setup.mechanisms == 0)
        return PK_OK;
    enum pk_err err = pk_sasl_open(&daemon->sasl, &daemon->conns.loop.uv, &setup, why, sizeof why);
    if (err != PK_OK) {
        pk_log(&daemon->log, PK_LOG_ERROR, PK_LOG_START, NULL, "sasl: %s", why);
        return err;
    }
    set_zookeepers(daemon);
    set_pacemakers(daemon);
    return PK_OK;
}
