/*
 * Path classes. Happy path: a path is below one that is known; else its first names make a new one. Failure modes: more
 * branches than there is room for, or names that are longer, are added up as the others.
 */
#include "io/savings/classes.h"

#include "proto/path.h"

static size_t add(struct pk_classes *c, struct pk_bytes name, enum pk_beats beats)
{
    if (c->n == PK_CLASSES || name.len >= PK_CLASS_NAME)
        return PK_CLASS_OTHER;
    memcpy(c->v[c->n].name, name.p, name.len);
    c->v[c->n].name[name.len] = '\0';
    c->v[c->n].len = name.len;
    c->v[c->n].beats = beats;
    return c->n++;
}

void pk_classes_init(struct pk_classes *classes)
{
    classes->n = 0;
    add(classes, PK_BYTES("others"), PK_BEATS_NONE);
    add(classes, PK_BYTES("sessions"), PK_BEATS_NONE);
    add(classes, PK_BYTES("refused requests"), PK_BEATS_NONE);
}

enum pk_err pk_classes_name(struct pk_classes *classes, const char *path)
{
    struct pk_bytes name = {(const uint8_t *)path, (uint32_t)strlen(path)};
    if (!pk_path_valid(name) || name.len < 2)
        return PK_EINVAL;
    return add(classes, name, PK_BEATS_NAMED) != PK_CLASS_OTHER ? PK_OK : PK_ELIMIT;
}

static enum pk_beats beats_of(struct pk_bytes name)
{
    if (pk_bytes_eq(name, PK_BYTES("workerbeats")))
        return PK_BEATS_WORKERS;
    return pk_bytes_eq(name, PK_BYTES("supervisors")) ? PK_BEATS_SUPERVISORS : PK_BEATS_NONE;
}

/* The length of the class's name: up to Storm's own names below a root, else two names. */
static uint32_t cut(struct pk_bytes path, enum pk_beats *beats)
{
    uint32_t two = path.len, names = 0;
    for (uint32_t at = 1; at < path.len;) {
        const uint8_t *slash = memchr(path.p + at, '/', path.len - at);
        uint32_t end = slash != NULL ? (uint32_t)(slash - path.p) : path.len;
        *beats = names > 0 ? beats_of((struct pk_bytes){path.p + at, end - at}) : PK_BEATS_NONE;
        if (*beats != PK_BEATS_NONE)
            return end;
        if (++names == 2)
            two = end;
        at = end + 1;
    }
    return two;
}

static size_t find(const struct pk_classes *c, struct pk_bytes name)
{
    for (size_t i = PK_CLASS_FIRST; i < c->n; i++)
        if (c->v[i].len == name.len && memcmp(c->v[i].name, name.p, name.len) == 0)
            return i;
    return PK_CLASS_OTHER;
}

static struct pk_bytes name_of(const struct pk_classes *c, size_t i)
{
    return (struct pk_bytes){(const uint8_t *)c->v[i].name, (uint32_t)c->v[i].len};
}

size_t pk_classes_of(struct pk_classes *classes, struct pk_bytes path)
{
    if (path.p == NULL || path.len == 0 || path.p[0] != '/')
        return PK_CLASS_OTHER;
    for (size_t i = PK_CLASS_FIRST; i < classes->n && classes->v[i].beats == PK_BEATS_NAMED; i++)
        if (pk_path_below(path, name_of(classes, i)) || pk_bytes_eq(path, name_of(classes, i)))
            return i;
    enum pk_beats beats = PK_BEATS_NONE;
    struct pk_bytes name = {path.p, cut(path, &beats)};
    size_t known = find(classes, name);
    return known != PK_CLASS_OTHER ? known : add(classes, name, beats);
}

bool pk_classes_held(const struct pk_classes *classes, size_t i, struct pk_bytes path)
{
    return classes->v[i].beats != PK_BEATS_NONE && pk_path_below(path, name_of(classes, i));
}
