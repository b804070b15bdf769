/*
 * What a marker says: pacekeeper VERSION host=NAME listen=ADDRESS,... (group=NAME) mount=PATH=MODE ... . Happy path:
 * fields with spaces between; bytes of a path that would end a field are written as %XX. Failure modes: text of another
 * kind has no fields, and conflicts with nothing.
 */
#include "io/instances/marker_text.h"

#include <stdio.h>
#include <string.h>

#include "io/config/config.h"
#include "io/config/group.h"
#include "io/config/mounts.h"
#include "io/loop/text.h"

static void escaped(struct pk_text *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == '%' || *p == 0x7f)
            pk_text_add(out, "%%%02X", (unsigned char)*p);
        else
            pk_text_add(out, "%c", *p);
}

void pk_marker_write(struct pk_text *out, const struct pk_config *config, const char *host,
                     const char *listen)
{
    pk_text_add(out, "pacekeeper %s host=", PACKAGE_VERSION);
    escaped(out, host);
    pk_text_add(out, " listen=");
    escaped(out, listen);
    if (pk_group_configured(config))
        pk_text_add(out, " group=%s", config->group_name);
    for (size_t i = 0; i < config->nmounts; i++) {
        pk_text_add(out, " mount=");
        escaped(out, config->mounts[i].path);
        pk_text_add(out, "=%s", pk_config_mode_name(config->mounts[i].mode));
    }
    pk_text_add(out, "\n");
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Copies text[0..len) with %XX undone, cut when it is longer. */
static void unescaped(const char *text, size_t len, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < size - 1; i++) {
        bool code = text[i] == '%' && i + 2 < len && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
        out[n++] = code ? (char)(hex(text[i + 1]) * 16 + hex(text[i + 2])) : text[i];
        i += code ? 2 : 0;
    }
    out[n] = '\0';
}

/* The next field of that name from *at on: its value and length; false when there is none. */
static bool next(const char **at, const char *name, const char **value, size_t *len)
{
    size_t n = strlen(name);
    for (const char *p = *at; *p != '\0';) {
        size_t word = strcspn(p, " \n");
        const char *end = p + word + (p[word] != '\0');
        if (word > n && strncmp(p, name, n) == 0 && p[n] == '=') {
            *value = p + n + 1;
            *len = word - n - 1;
            *at = end;
            return true;
        }
        p = end;
    }
    return false;
}

void pk_marker_field(const char *text, const char *name, char *out, size_t size)
{
    const char *value = "?";
    size_t len = 1;
    (void)next(&text, name, &value, &len);
    unescaped(value, len, out, size);
}

static const char *overlapping(const struct pk_config *config, const char *path)
{
    for (size_t i = 0; i < config->nmounts; i++) {
        const struct pk_config_mount *m = &config->mounts[i];
        if (m->mode == PK_MODE_PACEMAKER &&
            (pk_config_at_or_below(m->path, path) || pk_config_at_or_below(path, m->path)))
            return m->path;
    }
    return NULL;
}

/* Members of one group have one memory. */
static bool same_group(const char *text, const struct pk_config *config)
{
    char name[PK_VALUE_TEXT];
    pk_marker_field(text, "group", name, sizeof name);
    return pk_group_configured(config) && strcmp(name, config->group_name) == 0;
}

const char *pk_marker_conflict(const char *text, const struct pk_config *config)
{
    static const char mode[] = "=pacemaker";
    char path[PK_MOUNT_PATH];
    const char *value = NULL, *found = NULL;
    size_t len = 0, tail = sizeof mode - 1;
    if (same_group(text, config))
        return NULL;
    while (found == NULL && next(&text, "mount", &value, &len)) {
        if (len <= tail || memcmp(value + len - tail, mode, tail) != 0)
            continue;
        unescaped(value, len - tail, path, sizeof path);
        found = overlapping(config, path);
    }
    return found;
}
