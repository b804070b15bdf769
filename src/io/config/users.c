/*
 * Users. Happy path: a short list, looked through from the front. Failure modes: memory is short, nothing is changed.
 */
#include "io/config/users.h"

#include <stdlib.h>
#include <string.h>

#include "io/loop/secret.h"

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

static struct pk_user *find(const struct pk_users *users, const char *name)
{
    for (size_t i = 0; i < users->n; i++)
        if (strcmp(users->v[i].name, name) == 0)
            return &users->v[i];
    return NULL;
}

enum pk_err pk_users_add(struct pk_users *users, const char *name, const char *password)
{
    struct pk_user *known = find(users, name);
    struct pk_user *v = known != NULL ? users->v : realloc(users->v, (users->n + 1) * sizeof *v);
    if (v == NULL)
        return PK_ENOMEM;
    users->v = v;
    char *copy = strdup(password), *as = known == NULL ? strdup(name) : NULL;
    if (copy == NULL || (known == NULL && as == NULL)) {
        wipe(copy);
        free(as);
        return PK_ENOMEM;
    }
    pk_secret_undumped(copy, strlen(copy));
    if (known != NULL) {
        wipe(known->password);
        known->password = copy;
    } else {
        users->v[users->n++] = (struct pk_user){as, copy};
    }
    return PK_OK;
}

const char *pk_users_password(void *users, const char *name)
{
    const struct pk_user *user = find(users, name);
    return user != NULL ? user->password : NULL;
}

bool pk_users_same(const struct pk_users *a, const struct pk_users *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) {
        const struct pk_user *other = find(b, a->v[i].name);
        same = other != NULL && strcmp(other->password, a->v[i].password) == 0;
    }
    return same;
}

void pk_users_free(struct pk_users *users)
{
    for (size_t i = 0; i < users->n; i++) {
        free(users->v[i].name);
        wipe(users->v[i].password);
    }
    free(users->v);
    *users = (struct pk_users){NULL, 0};
}
