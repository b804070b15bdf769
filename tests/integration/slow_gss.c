/* Loaded before the Kerberos library: each acceptance of a ticket takes a second, as it does where DNS does not answer.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <unistd.h>

typedef uint32_t accept_fn(void *, void *, void *, void *, void *, void *, void *, void *, void *, void *,
                           void *);

uint32_t gss_accept_sec_context(void *minor, void *context, void *cred, void *token, void *bindings,
                                void *name, void *mech, void *out, void *flags, void *time, void *delegated);

uint32_t gss_accept_sec_context(void *minor, void *context, void *cred, void *token, void *bindings,
                                void *name, void *mech, void *out, void *flags, void *time, void *delegated)
{
    void *library = dlopen("libgssapi_krb5.so.2", RTLD_NOW);
    accept_fn *next = (accept_fn *)dlsym(library, "gss_accept_sec_context");
    sleep(1);
    return next(minor, context, cred, token, bindings, name, mech, out, flags, time, delegated);
}
