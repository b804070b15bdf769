/*
 * Policies of mounts. Happy path: two lists of identities; what is not given is world:anyone. Failure modes:
 * authentication without the file or the name that it wants is said with what to write instead; what a policy cannot
 * keep in the ensemble is a note.
 */
#include "io/config/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/pacemaker.h"
#include "proto/digest.h"

/* ---- authentication in one word ---- */

/* "digest:" and the id, which belongs to the credentials "user:password". */
static void digest_who(char *out, size_t size, const void *secret, size_t len)
{
    struct pk_bytes credentials = {secret, (uint32_t)len};
    size_t n = pk_digest_id_len(credentials);
    if (n + sizeof "digest:" > size)
        n = 0;
    memcpy(out, "digest:", 7);
    if (n > 0)
        pk_digest_id((uint8_t *)out + 7, credentials);
    out[7 + n] = '\0';
}

static enum pk_err add_reader(struct pk_config_mount *mount, const char *text, struct pk_config_error *error)
{
    struct pk_config_error inner;
    if (pk_whos_add(&mount->readers, text, &inner) == PK_OK)
        return PK_OK;
    return pk_config_fail(error, NULL, 0, "mount %.200s: auth: %.200s", mount->path, inner.text);
}

/* The service session shows the reader's own credentials, so that it can read what it has handed over. */
static enum pk_err add_own(struct pk_config *config, const char *secret, struct pk_config_error *error)
{
    struct pk_auth *auth = &config->auth;
    size_t len = strlen(secret);
    for (size_t i = 0; i < auth->n; i++)
        if (auth->entries[i].len == len && memcmp(auth->entries[i].secret, secret, len) == 0)
            return PK_OK;
    if (auth->n == PK_MAX_AUTHS || len > PK_AUTH_SECRET)
        return pk_config_fail(error, NULL, 0,
                              "auth: digest: more than %d credentials in auth-file, or one too long",
                              PK_MAX_AUTHS - 1);
    struct pk_auth_entry *e = &auth->entries[auth->n++];
    strcpy(e->scheme, "digest");
    memcpy(e->secret, secret, len);
    e->len = len;
    return PK_OK;
}

static enum pk_err use_digest(struct pk_config *config, struct pk_config_mount *mount,
                              const struct pk_pacemaker_user *user, struct pk_config_error *error)
{
    char who[PK_WHOS_TEXT];
    digest_who(who, sizeof who, user->text, user->len);
    enum pk_err err = add_reader(mount, who, error);
    if (err == PK_OK) {
        snprintf(who, sizeof who, "sasl:%.*s", (int)user->user, user->text);
        err = add_reader(mount, who, error);
    }
    return err == PK_OK ? add_own(config, user->text, error) : err;
}

static enum pk_err resolve_digest(struct pk_config *config, struct pk_config_mount *mount,
                                  struct pk_config_error *error)
{
    struct pk_pacemaker_user user;
    if (config->jaas[0] == '\0')
        return pk_config_fail(
            error, NULL, 0, "mount %.200s: auth: digest wants jaas, a file with the section PacemakerDigest",
            mount->path);
    enum pk_err err = pk_pacemaker_user_read(&user, config->jaas, error);
    if (err == PK_OK)
        err = use_digest(config, mount, &user, error);
    explicit_bzero(&user, sizeof user);
    return err;
}

static enum pk_err resolve_kerberos(struct pk_config *config, struct pk_config_mount *mount,
                                    struct pk_config_error *error)
{
    char who[PK_VALUE_TEXT + 8];
    if (config->nimbus_user[0] == '\0')
        return pk_config_fail(error, NULL, 0,
                              "mount %.200s: auth: kerberos wants nimbus-user, Nimbus' name as SASL shows it",
                              mount->path);
    snprintf(who, sizeof who, "sasl:%s", config->nimbus_user);
    return add_reader(mount, who, error);
}

/* What a policy cannot keep is said, once for each mount. */
static void note(struct pk_config *config, const struct pk_config_mount *mount,
                 const struct core_policy *policy)
{
    if (policy == NULL)
        return;
    if (config->sasl_mechanisms == 0 &&
        (pk_whos_name(&mount->readers, "sasl:") || pk_whos_name(&mount->writers, "sasl:")))
        pk_config_note(
            config, false, NULL, 0,
            "%.100s: the ensemble is asked for sasl: identities (whoAmI), which servers answer from 3.7 on; "
            "behind older ones, or where srvr is not in their 4lw.commands.whitelist, there are none",
            mount->path);
    if (pk_policy_hands_over_open(policy) && mount->readers.n > 0)
        pk_config_note(
            config, true, NULL, 0,
            "%.100s: the ensemble does not know readers by these names: what is promoted or released is open "
            "to those who go there directly",
            mount->path);
    else if (mount->readers.n > 0 && policy->nown == 0)
        pk_config_note(
            config, true, NULL, 0,
            "%.100s: without auth-file a service session cannot read what it has promoted: a promotion whose "
            "answer is lost is given up",
            mount->path);
    if (config->release && mount->readers.n > 0 && mount->writers.n == 0 &&
        !pk_policy_hands_over_open(policy))
        pk_config_note(
            config, true, NULL, 0,
            "%.100s: servers from 3.8.4 on answer exists of released znodes to readers alone: workers that "
            "ask it before each beat need to be readers then",
            mount->path);
}

static enum pk_err resolve(struct pk_config *config, struct pk_config_mount *mount,
                           struct pk_config_error *error)
{
    int64_t method = mount->auth_method >= 0 ? mount->auth_method : config->auth_method;
    if (method == PK_LOGIN_DIGEST)
        return resolve_digest(config, mount, error);
    return method == PK_LOGIN_KERBEROS ? resolve_kerberos(config, mount, error) : PK_OK;
}

enum pk_err pk_policies_resolve(struct pk_config *config, struct pk_config_error *error)
{
    struct pk_policy_view *view = malloc(sizeof *view);
    enum pk_err err = view != NULL ? PK_OK : pk_config_fail(error, NULL, 0, "out of memory");
    for (size_t i = 0; err == PK_OK && i < config->nmounts; i++)
        err = resolve(config, &config->mounts[i], error);
    for (size_t i = 0; err == PK_OK && i < config->nmounts; i++)
        note(config, &config->mounts[i], pk_policy_view(config, i, view));
    free(view);
    return err;
}

/* ---- the core's view ---- */

/* Whether an ACL of the ensemble may name it: there our address is everybody's, and so is our certificate; what SASL
 * proves here nobody tells it. */
static bool known_upstream(const struct pk_config *config, const struct core_who *who)
{
    if (strcmp(who->scheme, "sasl") == 0)
        return config->sasl_mechanisms == 0;
    return strcmp(who->scheme, "ip") != 0 && strcmp(who->scheme, "x509") != 0;
}

/* One who has a digest goes by that: ACLs need no second name of his, which an open ensemble would not take. */
static void find_aliases(struct core_who *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(list[i].id);
        for (size_t k = 0; k < n && strcmp(list[i].scheme, "sasl") == 0; k++)
            list[i].alias |= strcmp(list[k].scheme, "digest") == 0 &&
                             strncmp(list[k].id, list[i].id, len) == 0 && list[k].id[len] == ':';
    }
}

static size_t view_list(const struct pk_config *config, const struct pk_whos *list, char text[PK_WHOS_TEXT],
                        struct core_who out[PK_MAX_WHOS])
{
    char *rest = text, *line;
    size_t n = 0;
    strcpy(text, list->n > 0 ? list->text : "world:anyone");
    while ((line = pk_whos_next(&rest)) != NULL) {
        char *colon = strchr(line, ':');
        *colon = '\0';
        struct core_who *who = &out[n++];
        *who = (struct core_who){.scheme = line, .id = colon + 1};
        who->upstream = known_upstream(config, who);
        if (strcmp(line, "ip") == 0)
            (void)!pk_whos_ip(colon + 1, who); /* it was read once */
    }
    find_aliases(out, n);
    return n;
}

static size_t view_own(const struct pk_auth *auth, char text[PK_WHOS_TEXT], struct core_who out[PK_MAX_AUTHS])
{
    size_t n = 0, used = 0;
    for (size_t i = 0; i < auth->n; i++) {
        const struct pk_auth_entry *e = &auth->entries[i];
        if (strcmp(e->scheme, "digest") != 0 || PK_WHOS_TEXT - used < e->len + PK_DIGEST_TEXT + 16)
            continue;
        digest_who(text + used, PK_WHOS_TEXT - used, e->secret, e->len);
        char *colon = strchr(text + used, ':');
        *colon = '\0';
        out[n++] = (struct core_who){.scheme = text + used, .id = colon + 1, .upstream = true};
        used += strlen(colon + 1) + sizeof "digest:";
    }
    return n;
}

const struct core_policy *pk_policy_view(const struct pk_config *config, size_t i,
                                         struct pk_policy_view *view)
{
    const struct pk_config_mount *m = &config->mounts[i];
    int64_t exists_for = m->exists_for >= 0 ? m->exists_for : config->exists_for;
    if (m->readers.n == 0 && m->writers.n == 0)
        return NULL;
    view->policy =
        (struct core_policy){.readers = view->readers,
                             .writers = view->writers,
                             .own = view->own,
                             .nreaders = view_list(config, &m->readers, view->text[0], view->readers),
                             .nwriters = view_list(config, &m->writers, view->text[1], view->writers),
                             .nown = view_own(&config->auth, view->text[2], view->own),
                             .exists_reads = exists_for != 0};
    return &view->policy;
}
