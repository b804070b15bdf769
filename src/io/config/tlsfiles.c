/*
 * Files for TLS. Happy path: each section becomes a context of io/tls. Failure modes: keys that need each other and are
 * not all there, and whatever is wrong with a file; a certificate that expires soon is a note.
 */
#include "io/config/tlsfiles.h"

#include "io/config/group.h"
#include "io/tls/context.h"

enum { SOON_DAYS = 14 };

static void note_days(struct pk_config *config, const struct pk_tls_context *context, const char *key,
                      const char *file)
{
    int days = pk_tls_context_days(context);
    if (days < 0)
        pk_config_note(config, true, NULL, 0, "%s: %.200s has expired", key, file);
    else if (days < SOON_DAYS)
        pk_config_note(config, true, NULL, 0, "%s: %.200s expires in %d days", key, file, days);
}

static enum pk_err read_one(struct pk_tls_context **out, const struct pk_tls_settings *settings,
                            const char *section, struct pk_config_error *error)
{
    char why[PK_TLS_TEXT];
    if (pk_tls_context_new(out, settings, why) == PK_OK)
        return PK_OK;
    return pk_config_fail(error, NULL, 0, "%s: %s", section, why);
}

/* Somewhere TLS is spoken with who comes. */
static bool is_spoken(const struct pk_config *config)
{
    bool spoken = config->ntls_listens > 0;
    for (size_t i = 0; i < config->nadmin_listens; i++)
        spoken |= pk_admin_is_tls(config->admin_listens[i]);
    return spoken;
}

static enum pk_err read_ours(struct pk_config *config, struct pk_config_error *error)
{
    struct pk_tls_settings settings = {
        .server = true,
        .certificate = config->tls_certificate,
        .key = config->tls_key,
        .ca = config->tls_ca,
        .client = (enum pk_tls_client)config->tls_client,
        .least = (enum pk_tls_version)config->tls_min_version,
    };
    if (!is_spoken(config) && (settings.certificate[0] != '\0' || settings.key[0] != '\0'))
        return pk_config_fail(error, NULL, 0,
                              "tls: no address is given where TLS is spoken (tls.listen, or tls:HOST:PORT of "
                              "admin.listen)");
    if (!is_spoken(config))
        return PK_OK;
    if (settings.certificate[0] == '\0' || settings.key[0] == '\0')
        return pk_config_fail(error, NULL, 0, "tls: needs both certificate and key%s",
                              config->ntls_listens == 0 ? ", which admin.listen shows at tls:HOST:PORT" : "");
    if (settings.client != PK_TLS_CLIENT_NONE && settings.ca[0] == '\0')
        return pk_config_fail(error, NULL, 0, "tls: to verify certificates of clients it needs ca");
    if (read_one(&config->tls, &settings, "tls", error) != PK_OK)
        return PK_EINVAL;
    note_days(config, config->tls, "tls.certificate", settings.certificate);
    return PK_OK;
}

static enum pk_err read_upstream(struct pk_config *config, struct pk_config_error *error)
{
    struct pk_tls_settings settings = {
        .certificate = config->upstream_tls_certificate,
        .key = config->upstream_tls_key,
        .ca = config->upstream_tls_ca,
        .verify = (enum pk_tls_verify)config->upstream_tls_verify,
    };
    if ((settings.certificate[0] == '\0') != (settings.key[0] == '\0'))
        return pk_config_fail(error, NULL, 0, "upstream-tls: a certificate and its key need each other");
    if (settings.ca[0] == '\0' && settings.certificate[0] != '\0')
        return pk_config_fail(error, NULL, 0,
                              "upstream-tls: to verify the servers' certificates it needs ca, without which "
                              "no TLS is spoken with the ensemble");
    if (settings.ca[0] == '\0')
        return PK_OK;
    if (read_one(&config->upstream_tls, &settings, "upstream-tls", error) != PK_OK)
        return PK_EINVAL;
    note_days(config, config->upstream_tls, "upstream-tls.certificate", settings.certificate);
    return PK_OK;
}

/* A member is server and client, with one certificate, and asks the other for his either way. */
static enum pk_err read_group(struct pk_config *config, struct pk_config_error *error)
{
    struct pk_tls_settings settings = {
        .server = true,
        .certificate = config->group_tls_certificate,
        .key = config->group_tls_key,
        .ca = config->group_tls_ca,
        .client = PK_TLS_CLIENT_REQUIRED,
        .verify = (enum pk_tls_verify)config->group_tls_verify,
    };
    bool all = settings.certificate[0] != '\0' && settings.key[0] != '\0' && settings.ca[0] != '\0';
    bool any = settings.certificate[0] != '\0' || settings.key[0] != '\0' || settings.ca[0] != '\0';
    if (any && !all)
        return pk_config_fail(error, NULL, 0,
                              "group-tls: needs ca, certificate and key: each member shows the others his");
    if (any && !pk_group_configured(config))
        return pk_config_fail(error, NULL, 0, "group-tls: there is no group (group.listen)");
    if (!any)
        return PK_OK;
    if (read_one(&config->group_tls, &settings, "group-tls", error) != PK_OK)
        return PK_EINVAL;
    settings.server = false;
    if (read_one(&config->group_tls_calls, &settings, "group-tls", error) != PK_OK)
        return PK_EINVAL;
    note_days(config, config->group_tls, "group-tls.certificate", settings.certificate);
    return PK_OK;
}

/* What Storm speaks is what it spoke with the servers. */
static void note_storm(struct pk_config *config)
{
    static const char key[] = "storm.zookeeper.ssl.enable";
    if (!config->storm_tls)
        return;
    if (config->ntls_listens == 0)
        pk_config_note(config, true, NULL, 0,
                       "%s: Storm will speak TLS: give it an address for that (tls), to be named by its "
                       "storm.zookeeper.port",
                       key);
    if (config->upstream_tls == NULL)
        pk_config_note(config, true, NULL, 0,
                       "%s: the port of storm.yaml is the one where the servers speak TLS: give upstream-tls",
                       key);
}

/* An ACL of who creates a znode (auth) names all identities of the session, this one among them. */
static void note_identity(struct pk_config *config)
{
    if (config->upstream_tls_certificate[0] != '\0')
        pk_config_note(
            config, true, NULL, 0,
            "upstream-tls.certificate: servers that ask for it take each client for its owner as well: what "
            "is created with the ACL auth (CREATOR_ALL_ACL) is open to everybody who comes through "
            "here; where ACLs matter leave it out, with ssl.clientAuth=none there");
}

enum pk_err pk_tlsfiles_read(struct pk_config *config, struct pk_config_error *error)
{
    enum pk_err err = read_ours(config, error);
    if (err == PK_OK)
        err = read_upstream(config, error);
    if (err == PK_OK)
        err = read_group(config, error);
    if (err == PK_OK) {
        note_storm(config);
        note_identity(config);
    }
    return err;
}

void pk_tlsfiles_drop(struct pk_config *config)
{
    pk_tls_context_drop(config->tls);
    pk_tls_context_drop(config->upstream_tls);
    pk_tls_context_drop(config->group_tls);
    pk_tls_context_drop(config->group_tls_calls);
    config->tls = config->upstream_tls = config->group_tls = config->group_tls_calls = NULL;
}

static void swap(struct pk_tls_context **a, struct pk_tls_context **b)
{
    struct pk_tls_context *was = *a;
    *a = *b;
    *b = was;
}

bool pk_tlsfiles_take(struct pk_config *config, struct pk_config *again)
{
    bool something = again->tls != NULL || again->upstream_tls != NULL || again->group_tls != NULL;
    if (again->tls != NULL)
        swap(&config->tls, &again->tls);
    swap(&config->upstream_tls, &again->upstream_tls);
    swap(&config->group_tls, &again->group_tls);
    swap(&config->group_tls_calls, &again->group_tls_calls);
    return something;
}
