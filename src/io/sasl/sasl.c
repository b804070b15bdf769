/*
 * The SASL library, once in a process.
 *
 * Happy path: it is initialised with callbacks of ours, loads the plugins that are wanted, and asks our own store for
 * passwords, which asks the exchange at hand.
 * Failure modes: a plugin that is not installed, a keytab that cannot be read at the start: it would be missing for
 * good, since the library looks once; both are said. The library logs nothing: an exchange tells why it was refused.
 */
#include "io/sasl/sasl.h"

#include <dlfcn.h>
#include <errno.h>
#include <sasl/prop.h>
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/sasl/exchange.h"
#include "io/sasl/library.h"

#define STORE "pacekeeper"

/* ---- what the library asks ---- */

static int get_option(void *context, const char *plugin, const char *option, const char **value,
                      unsigned *len)
{
    const struct pk_sasl *sasl = context;
    (void)plugin;
    *value = NULL;
    if (strcmp(option, "auxprop_plugin") == 0)
        *value = STORE;
    else if (strcmp(option, "canon_user_plugin") == 0)
        *value = "INTERNAL";
    else if (strcmp(option, "keytab") == 0)
        *value = sasl->keytab;
    if (*value == NULL)
        return SASL_FAIL;
    if (len != NULL)
        *len = (unsigned)strlen(*value);
    return SASL_OK;
}

/* It would write to syslog; what matters is in pk_sasl_answer. Also called on threads. */
static int say_nothing(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
    return SASL_OK;
}

/* Which files it may use: plugins of the wanted mechanisms, nothing else, and no configuration. They stay loaded to the
 * end of the process, since Kerberos keeps memory that nobody could free any more. */
static int may_use(void *context, const char *file, sasl_verify_type_t type)
{
    const struct pk_sasl *sasl = context;
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
    bool digest = (sasl->mechanisms & PK_SASL_DIGEST_MD5) != 0 && strncmp(name, "libdigestmd5.", 13) == 0;
    bool gssapi = (sasl->mechanisms & PK_SASL_GSSAPI) != 0 && strncmp(name, "libgssapiv2.", 12) == 0;
    if (type != SASL_VRFY_PLUGIN || !(digest || gssapi))
        return SASL_CONTINUE;
    (void)dlopen(file, RTLD_NOW | RTLD_NODELETE);
    return SASL_OK;
}

static int look_up(void *context, sasl_server_params_t *params, unsigned flags, const char *user,
                   unsigned len)
{
    sasl_callback_ft proc;
    void *exchange = NULL;
    (void)context;
    (void)user;
    (void)len;
    if ((flags & SASL_AUXPROP_AUTHZID) != 0)
        return SASL_OK;
    const sasl_utils_t *utils = params->utils;
    if (utils->getcallback(utils->conn, PK_SASL_CB_OWNER, &proc, &exchange) != SASL_OK)
        return SASL_FAIL;
    const char *password = pk_sasl_password(exchange);
    if (password == NULL)
        return SASL_NOUSER;
    return utils->prop_set(params->propctx, SASL_AUX_PASSWORD, password, (int)strlen(password));
}

static int make_store(const sasl_utils_t *utils, int max_version, int *version, sasl_auxprop_plug_t **plug,
                      const char *name)
{
    static const sasl_auxprop_plug_t store = {.auxprop_lookup = look_up, .name = (char *)STORE};
    (void)utils;
    (void)name;
    if (max_version < SASL_AUXPROP_PLUG_VERSION)
        return SASL_BADVERS;
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plug = (sasl_auxprop_plug_t *)&store; /* nobody writes there */
    return SASL_OK;
}

/* ---- mutexes, since several threads use it ---- */

static void *mutex_new(void)
{
    uv_mutex_t *mutex = malloc(sizeof *mutex);
    if (mutex != NULL && uv_mutex_init(mutex) != 0) {
        free(mutex);
        mutex = NULL;
    }
    return mutex;
}

static int mutex_lock(void *mutex)
{
    uv_mutex_lock(mutex);
    return SASL_OK;
}

static int mutex_unlock(void *mutex)
{
    uv_mutex_unlock(mutex);
    return SASL_OK;
}

static void mutex_free(void *mutex)
{
    uv_mutex_destroy(mutex);
    free(mutex);
}

/* ---- from the start to the end ---- */

static void set_callbacks(struct pk_sasl *sasl)
{
    const sasl_callback_t callbacks[PK_SASL_CALLBACKS + 1] = {
        {SASL_CB_GETOPT, PK_SASL_PROC(get_option), sasl},
        {SASL_CB_LOG, PK_SASL_PROC(say_nothing), sasl},
        {SASL_CB_VERIFYFILE, PK_SASL_PROC(may_use), sasl},
        {SASL_CB_LIST_END, NULL, NULL},
    };
    memcpy(sasl->callbacks, callbacks, sizeof callbacks);
}

static bool has(const char *mechanism)
{
    const char **list = sasl_global_listmech();
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        if (strcmp(list[i], mechanism) == 0)
            return true;
    return false;
}

static enum pk_err begin(struct pk_sasl *sasl, char *why, size_t size)
{
    sasl_set_mutex(mutex_new, mutex_lock, mutex_unlock, mutex_free);
    int code = sasl_server_init(sasl->callbacks, STORE);
    sasl->ready = code == SASL_OK;
    if (code == SASL_OK)
        code = sasl_auxprop_add_plugin(STORE, make_store);
    if (code != SASL_OK) {
        snprintf(why, size, "the SASL library does not start: %s", sasl_errstring(code, NULL, NULL));
        return PK_ENOENT;
    }
    const char *package = NULL;
    if ((sasl->mechanisms & PK_SASL_DIGEST_MD5) != 0 && !has("DIGEST-MD5"))
        package = "DIGEST-MD5 (on Debian: libsasl2-modules)";
    else if ((sasl->mechanisms & PK_SASL_GSSAPI) != 0 && !has("GSSAPI"))
        package = "GSSAPI (on Debian: libsasl2-modules-gssapi-mit)";
    if (package != NULL)
        snprintf(why, size, "the SASL library has no plugin for %s", package);
    return package == NULL ? PK_OK : PK_ENOENT;
}

enum pk_err pk_sasl_open(struct pk_sasl **out, uv_loop_t *loop, const struct pk_sasl_setup *setup, char *why,
                         size_t size)
{
    struct pk_sasl *sasl = calloc(1, sizeof *sasl);
    if (sasl == NULL)
        return PK_ENOMEM;
    sasl->loop = loop;
    sasl->mechanisms = setup->mechanisms;
    pk_list_init(&sasl->waiting);
    set_callbacks(sasl);
    enum pk_err err = PK_OK;
    if (setup->keytab != NULL && access(setup->keytab, R_OK) != 0) {
        snprintf(why, size, "the keytab %s cannot be read: %s", setup->keytab, strerror(errno));
        err = PK_ENOENT;
    } else if (setup->keytab != NULL) {
        sasl->keytab = strdup(setup->keytab);
        err = sasl->keytab != NULL ? PK_OK : PK_ENOMEM;
    }
    if (err == PK_OK)
        err = begin(sasl, why, size);
    if (err != PK_OK) {
        pk_sasl_free(sasl);
        return err;
    }
    *out = sasl;
    return PK_OK;
}

void pk_sasl_free(struct pk_sasl *sasl)
{
    if (sasl == NULL)
        return;
    if (sasl->ready)
        sasl_done();
    free(sasl->keytab);
    free(sasl);
}
