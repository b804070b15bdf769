/*
 * The file with our own credentials. Happy path: a file that only its owner can read, a scheme and a secret on each
 * line. Failure modes: others can read it (said with the chmod that helps), a line without a colon, too much; messages
 * name the line and never its text.
 */
#include "io/config/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/readfile.h"

static bool is_scheme(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
            return false;
    return true;
}

static enum pk_err add(struct pk_auth *auth, const char *text, size_t len, const char *file, size_t line,
                       struct pk_config_error *error)
{
    const char *colon = memchr(text, ':', len);
    size_t scheme = colon != NULL ? (size_t)(colon - text) : 0;
    if (scheme == 0 || !is_scheme(text, scheme))
        return pk_config_fail(
            error, file, line,
            "expected SCHEME:SECRET, like digest:user:password, with a colon behind the scheme "
            "and no blank in it");
    if (scheme == 6 && memcmp(text, "digest", 6) == 0 && memchr(colon + 1, ':', len - 7) == NULL)
        return pk_config_fail(error, file, line, "digest wants digest:USER:PASSWORD");
    if (auth->n == PK_MAX_AUTHS)
        return pk_config_fail(error, file, line, "more than %d credentials", PK_MAX_AUTHS);
    struct pk_auth_entry *e = &auth->entries[auth->n];
    if (scheme >= sizeof e->scheme || len - scheme - 1 > sizeof e->secret)
        return pk_config_fail(error, file, line, "the scheme has at most %zu bytes, the secret at most %zu",
                              sizeof e->scheme - 1, sizeof e->secret);
    memcpy(e->scheme, text, scheme);
    e->len = len - scheme - 1;
    memcpy(e->secret, colon + 1, e->len);
    auth->n++;
    return PK_OK;
}

static enum pk_err read_lines(struct pk_auth *auth, FILE *in, const char *file, struct pk_config_error *error)
{
    char text[PK_AUTH_SCHEME + PK_AUTH_SECRET + 4];
    enum pk_err err = PK_OK;
    for (size_t line = 1; err == PK_OK && fgets(text, sizeof text, in) != NULL; line++) {
        size_t len = strcspn(text, "\n");
        if (text[len] == '\0' && !feof(in))
            err = pk_config_fail(error, file, line, "the line is too long, or holds a zero byte");
        if (len > 0 && text[len - 1] == '\r')
            len--;
        if (err == PK_OK && len > 0 && text[0] != '#')
            err = add(auth, text, len, file, line, error);
    }
    explicit_bzero(text, sizeof text);
    return err;
}

bool pk_auth_path(char *out, size_t size, const char *name)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (strchr(name, '/') == NULL && folder == NULL)
        return false;
    if (strchr(name, '/') == NULL)
        snprintf(out, size, "%s/%s", folder, name);
    else
        snprintf(out, size, "%s", name);
    return true;
}

enum pk_err pk_auth_read(struct pk_auth *auth, const char *file, struct pk_config_error *error)
{
    memset(auth, 0, sizeof *auth);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (in == NULL) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        return pk_config_fail(error, file, 0, "cannot be read: %s", strerror(why));
    }
    char buffer[BUFSIZ];
    setvbuf(in, buffer, _IOFBF, sizeof buffer);
    enum pk_err err = pk_file_check_secret(fileno(in), file, error);
    if (err == PK_OK)
        err = read_lines(auth, in, file, error);
    fclose(in);
    explicit_bzero(buffer, sizeof buffer);
    if (err != PK_OK)
        explicit_bzero(auth, sizeof *auth);
    return err;
}

size_t pk_auth_view(const struct pk_auth *auth, struct core_auth out[PK_MAX_AUTHS])
{
    for (size_t i = 0; i < auth->n; i++)
        out[i] = (struct core_auth){auth->entries[i].scheme, auth->entries[i].secret, auth->entries[i].len};
    return auth->n;
}

bool pk_auth_same(const struct pk_auth *a, const struct pk_auth *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
