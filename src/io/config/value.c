/*
 * Values and their text. Happy path: the type's row of value.def names a reader and a writer. Failure modes: text that
 * is no such value, or out of bounds; the message says what to write instead.
 */
#include "io/config/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io/config/hostport.h"
#include "io/config/units.h"
#include "io/config/words.h"
#include "io/loop/log.h"
#include "io/sasl/exchange.h"
#include "io/sasl/principal.h"
#include "proto/path.h"

enum kind { NUMBER, CHOICE, ONE_OF, TEXT };

enum { WORDS = 3 };

static const struct {
    const char *expected, *word[WORDS]; /* for each value, from 0 on */
} words[] = {
    [PK_TYPE_FORMAT] = {"expected text or json", {"text", "json"}},
    [PK_TYPE_SWITCH] = {"expected true or false", {"false", "true"}},
    [PK_TYPE_WATCHED] = {"expected relay or absorb", {"relay", "absorb"}},
    [PK_TYPE_METHOD] = {"expected none, digest or kerberos", {"none", "digest", "kerberos"}},
    [PK_TYPE_EXISTS] = {"expected writers or readers", {"writers", "readers"}},
    [PK_TYPE_TLS_CLIENT] = {"expected none, optional or required", {"none", "optional", "required"}},
    [PK_TYPE_TLS_VERSION] = {"expected 1.2 or 1.3", {"1.2", "1.3"}},
    [PK_TYPE_TLS_VERIFY] = {"expected full or ca", {"full", "ca"}},
};

static enum pk_err parse_word(enum pk_type type, int64_t *out, const char *text, const char **why)
{
    *why = words[type].expected;
    for (int i = 0; i < WORDS && words[type].word[i] != NULL; i++)
        if (strcmp(text, words[type].word[i]) == 0) {
            *out = i;
            return PK_OK;
        }
    return PK_EINVAL;
}

static enum pk_err parse_level(int64_t *out, const char *text, const char **why)
{
    for (int l = PK_LOG_DEBUG; l <= PK_LOG_ERROR; l++)
        if (strcmp(text, pk_log_level_name((enum pk_log_level)l)) == 0) {
            *out = l;
            return PK_OK;
        }
    *why = "expected debug, info, warn or error";
    return PK_EINVAL;
}

static enum pk_err parse_period(int64_t *out, const char *text, const char **why)
{
    *out = 0;
    if (strcmp(text, "never") == 0)
        return PK_OK;
    enum pk_err err = pk_units_time(out, text, why);
    if (err == PK_OK && *out > 0)
        return PK_OK;
    *why = "expected a time with its unit, like 10s or 1min, or never";
    return PK_EINVAL;
}

/* Names with commas or blanks between; the bits are those of io/sasl. */
static const struct {
    const char *name;
    int64_t bit;
} mechanisms[] = {{"DIGEST-MD5", PK_SASL_DIGEST_MD5}, {"GSSAPI", PK_SASL_GSSAPI}};

enum { MECHANISMS = sizeof mechanisms / sizeof *mechanisms };

static int64_t mechanism_bit(const char *name, size_t len)
{
    for (int i = 0; i < MECHANISMS; i++)
        if (strlen(mechanisms[i].name) == len && memcmp(mechanisms[i].name, name, len) == 0)
            return mechanisms[i].bit;
    return 0;
}

static enum pk_err parse_mechanisms(int64_t *out, const char *text, const char **why)
{
    static const char blanks[] = ", \t";
    *why = "expected DIGEST-MD5, GSSAPI, both with a comma between, or none";
    *out = 0;
    if (strcmp(text, "none") == 0)
        return PK_OK;
    for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, blanks)) {
        size_t len = strcspn(text, blanks);
        if (mechanism_bit(text, len) == 0)
            return PK_EINVAL;
        *out |= mechanism_bit(text, len);
        text += len;
    }
    return *out != 0 ? PK_OK : PK_EINVAL;
}

static void show_mechanisms(int64_t value, char *out)
{
    size_t n = 0;
    snprintf(out, PK_VALUE_TEXT, "none");
    for (int i = 0; i < MECHANISMS; i++)
        if (value & mechanisms[i].bit)
            n += (size_t)snprintf(out + n, PK_VALUE_TEXT - n, "%s%s", n > 0 ? ", " : "", mechanisms[i].name);
}

static enum pk_err check_principal(int64_t *out, const char *text, const char **why)
{
    struct pk_principal p;
    (void)out;
    *why = "expected a principal, like zookeeper/proxy.example.org@EXAMPLE.ORG, or none";
    return strcmp(text, "none") == 0 ? PK_OK : pk_principal_read(&p, text);
}

static enum pk_err check_file(int64_t *out, const char *text, const char **why)
{
    (void)out;
    *why = "expected the path of a file, or none";
    return text[0] != '\0' ? PK_OK : PK_EINVAL;
}

static enum pk_err check_name(int64_t *out, const char *text, const char **why)
{
    (void)out;
    *why = "expected a name, or none";
    return text[0] != '\0' && strchr(text, '\n') == NULL ? PK_OK : PK_EINVAL;
}

/* Others connect there: every address of a machine is none of them. */
static enum pk_err check_address(int64_t *out, const char *text, const char **why)
{
    struct pk_hostport where;
    (void)out;
    if (strcmp(text, "none") == 0)
        return PK_OK;
    enum pk_err err = pk_hostport_parse(&where, text, strlen(text), -1, why);
    if (err != PK_OK)
        return err;
    bool every = where.host[0] == '\0' || strcmp(where.host, "*") == 0 ||
                 strcmp(where.host, "0.0.0.0") == 0 || strcmp(where.host, "::") == 0;
    *why = every ? "expected the address of this machine by which others reach it, host1.example.org:2190"
                 : "expected a port that others can be told";
    return every || where.port == 0 ? PK_EINVAL : PK_OK;
}

static enum pk_err check_group(int64_t *out, const char *text, const char **why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t len = strlen(text);
    (void)out;
    *why = "expected a name of letters, digits, - and _, at most 31 of them";
    return len > 0 && len < 32 && strspn(text, allowed) == len && strcmp(text, "none") != 0 ? PK_OK
                                                                                            : PK_EINVAL;
}

static enum pk_err check_znode(int64_t *out, const char *text, const char **why)
{
    struct pk_bytes path = {(const uint8_t *)text, (uint32_t)strlen(text)};
    (void)out;
    *why = "expected the path of a znode (absolute, without a slash at the end, neither / nor below "
           "/zookeeper), or "
           "none";
    if (strcmp(text, "none") == 0)
        return PK_OK;
    bool own = strncmp(text, "/zookeeper", 10) == 0 && (text[10] == '\0' || text[10] == '/');
    return path.len > 1 && pk_path_valid(path) && !own ? PK_OK : PK_EINVAL;
}

static void show_count(int64_t value, char *out)
{
    snprintf(out, PK_VALUE_TEXT, "%" PRId64, value);
}

static void show_bytes(int64_t value, char *out)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    int unit = 0;
    for (; unit < 3 && value >= 1024 && value % 1024 == 0; unit++)
        value /= 1024;
    snprintf(out, PK_VALUE_TEXT, "%" PRId64 "%s", value, units[unit]);
}

/* 60s and 90s stay seconds. */
static void show_time(int64_t value, char *out)
{
    if (value == 0)
        snprintf(out, PK_VALUE_TEXT, "0");
    else if (value >= 2 * 3600000 && value % 3600000 == 0)
        snprintf(out, PK_VALUE_TEXT, "%" PRId64 "h", value / 3600000);
    else if (value >= 2 * 60000 && value % 60000 == 0)
        snprintf(out, PK_VALUE_TEXT, "%" PRId64 "min", value / 60000);
    else if (value % 1000 == 0)
        snprintf(out, PK_VALUE_TEXT, "%" PRId64 "s", value / 1000);
    else
        snprintf(out, PK_VALUE_TEXT, "%" PRId64 "ms", value);
}

static void show_period(int64_t value, char *out)
{
    if (value == 0)
        snprintf(out, PK_VALUE_TEXT, "never");
    else
        show_time(value, out);
}

static void show_level(int64_t value, char *out)
{
    snprintf(out, PK_VALUE_TEXT, "%s", pk_log_level_name((enum pk_log_level)value));
}

static void show_words(int64_t value, char *out)
{
    pk_words_show(value, out, PK_VALUE_TEXT);
}

static const struct {
    enum kind kind;
    enum pk_err (*parse)(int64_t *out, const char *text, const char **why);
    void (*show)(int64_t value, char *out);
} types[] = {
#define X(type, kind, parse, show) {kind, parse, show},
#include "io/config/value.def"
#undef X
};

static enum pk_err bad(struct pk_value_error *error, const char *why, const char *text)
{
    snprintf(error->text, sizeof error->text, "%s, not \"%.80s\"", why, text);
    return PK_EINVAL;
}

enum pk_err pk_value_parse(enum pk_type type, struct pk_bounds bounds, void *out, const char *text,
                           struct pk_value_error *error)
{
    const char *why = "";
    char min[PK_VALUE_TEXT], max[PK_VALUE_TEXT];
    int64_t value = 0;
    enum pk_err err = types[type].kind == ONE_OF ? parse_word(type, &value, text, &why)
                                                 : types[type].parse(&value, text, &why);
    if (err != PK_OK)
        return bad(error, why, text);
    if (types[type].kind == TEXT) {
        if (strlen(text) >= PK_VALUE_TEXT)
            return bad(error, "a path has at most 511 bytes", text);
        strcpy(out, strcmp(text, "none") == 0 ? "" : text);
        return PK_OK;
    }
    bool never = type == PK_TYPE_PERIOD && value == 0;
    if (types[type].kind == NUMBER && !never && (value < bounds.min || value > bounds.max)) {
        snprintf(error->text, sizeof error->text, "%.80s is out of bounds: %.40s to %.40s", text,
                 pk_value_show(type, &bounds.min, min), pk_value_show(type, &bounds.max, max));
        return PK_EINVAL;
    }
    *(int64_t *)out = value;
    return PK_OK;
}

const char *pk_value_show(enum pk_type type, const void *value, char out[PK_VALUE_TEXT])
{
    const char *text = value;
    if (types[type].kind == TEXT)
        snprintf(out, PK_VALUE_TEXT, "%s", text[0] != '\0' ? text : "none");
    else if (types[type].kind == ONE_OF)
        snprintf(out, PK_VALUE_TEXT, "%s", words[type].word[*(const int64_t *)value]);
    else
        types[type].show(*(const int64_t *)value, out);
    return out;
}

bool pk_value_same(enum pk_type type, const void *a, const void *b)
{
    if (types[type].kind == TEXT)
        return strcmp(a, b) == 0;
    return *(const int64_t *)a == *(const int64_t *)b;
}

void pk_value_copy(enum pk_type type, void *to, const void *from)
{
    memcpy(to, from, types[type].kind == TEXT ? PK_VALUE_TEXT : sizeof(int64_t));
}
