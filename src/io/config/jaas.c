/*
 * JAAS files. Happy path: sections, in them login modules, in these options. Failure modes, each with its line: a word
 * where another is expected, an unknown control flag, a section twice, more than anybody has; memory that is short.
 * Messages say what was expected, never what stands there.
 */
#include "io/config/jaas.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/config/jaas_token.h"
#include "io/config/readfile.h"

enum { SECTIONS_MAX = 256, MODULES_MAX = 64, OPTIONS_MAX = 4096 };

static const char *const flag_names[PK_JAAS_FLAGS] = {
    [PK_JAAS_REQUIRED] = "required",
    [PK_JAAS_REQUISITE] = "requisite",
    [PK_JAAS_SUFFICIENT] = "sufficient",
    [PK_JAAS_OPTIONAL] = "optional",
};

struct parser {
    struct pk_jaas *jaas;
    struct pk_jaas_tokens t;
    struct pk_config_error *error;
};

static enum pk_err fail(const struct parser *p, const char *what)
{
    return pk_config_fail(p->error, p->jaas->file, p->t.line, "%s%s", what,
                          p->t.kind == PK_JAAS_END ? ", and the file ends" : "");
}

/* The array v has n elements of this size: room for one more, zeroed, at the end. */
static enum pk_err grow(const struct parser *p, void *v, size_t n, size_t size, size_t max)
{
    void *array;
    memcpy(&array, v, sizeof array);
    if (n == max)
        return pk_config_fail(p->error, p->jaas->file, p->t.line, "more than %zu of these", max);
    if ((n & (n - 1)) == 0) {
        array = realloc(array, (n > 0 ? 2 * n : 1) * size);
        if (array == NULL)
            return pk_config_fail(p->error, p->jaas->file, p->t.line, "out of memory");
        memcpy(v, &array, sizeof array);
    }
    memset((char *)array + n * size, 0, size);
    return PK_OK;
}

static bool is_char(const struct parser *p, uint32_t c)
{
    return p->t.kind == PK_JAAS_CHAR && p->t.c == c;
}

static enum pk_err take_char(struct parser *p, uint32_t c, const char *what)
{
    return is_char(p, c) ? pk_jaas_next(&p->t, p->error) : fail(p, what);
}

static enum pk_err take_word(struct parser *p, const char **word, const char *what)
{
    if (p->t.kind != PK_JAAS_WORD)
        return fail(p, what);
    *word = p->t.word;
    return pk_jaas_next(&p->t, p->error);
}

static enum pk_err control_flag(struct parser *p, enum pk_jaas_flag *flag)
{
    static const char expected[] =
        "expected required, requisite, sufficient or optional behind the class of a login module";
    for (int i = 0; p->t.kind == PK_JAAS_WORD && i < PK_JAAS_FLAGS; i++)
        if (strcasecmp(p->t.word, flag_names[i]) == 0) {
            *flag = (enum pk_jaas_flag)i;
            return pk_jaas_next(&p->t, p->error);
        }
    return fail(p, expected);
}

/* NAME=VALUE; a second value of a name takes the first one's place. */
static enum pk_err option(struct parser *p, struct pk_jaas_module *m)
{
    struct pk_jaas_option o = {.line = p->t.line};
    if (take_word(p, &o.name, "expected NAME=VALUE, or a semicolon behind the last one") != PK_OK ||
        take_char(p, '=', "expected = behind the name of an option") != PK_OK ||
        take_word(p, &o.value, "expected the value of an option, a word or a string in double quotes") !=
            PK_OK)
        return PK_EINVAL;
    for (size_t i = 0; i < m->noptions; i++)
        if (strcmp(m->options[i].name, o.name) == 0) {
            m->options[i] = o;
            return PK_OK;
        }
    if (grow(p, &m->options, m->noptions, sizeof o, OPTIONS_MAX) != PK_OK)
        return PK_EINVAL;
    m->options[m->noptions++] = o;
    return PK_OK;
}

static enum pk_err module(struct parser *p, struct pk_jaas_section *s)
{
    if (grow(p, &s->modules, s->nmodules, sizeof *s->modules, MODULES_MAX) != PK_OK)
        return PK_EINVAL;
    struct pk_jaas_module *m = &s->modules[s->nmodules++];
    m->line = p->t.line;
    if (p->t.kind == PK_JAAS_WORD && p->t.word[0] == '\0')
        return fail(p, "the class of a login module is empty");
    if (take_word(p, &m->class_name, "expected the class of a login module, or } behind the last one") !=
            PK_OK ||
        control_flag(p, &m->flag) != PK_OK)
        return PK_EINVAL;
    while (!is_char(p, ';'))
        if (option(p, m) != PK_OK)
            return PK_EINVAL;
    return pk_jaas_next(&p->t, p->error);
}

static struct pk_jaas_section *find(const struct pk_jaas *jaas, const char *name)
{
    for (size_t i = 0; i < jaas->nsections; i++)
        if (strcmp(jaas->sections[i].name, name) == 0)
            return &jaas->sections[i];
    return NULL;
}

static enum pk_err section(struct parser *p)
{
    struct pk_jaas *jaas = p->jaas;
    const char *name = NULL;
    size_t line = p->t.line;
    if (take_word(p, &name, "expected the name of a section, like Server { ... };") != PK_OK)
        return PK_EINVAL;
    if (find(jaas, name) != NULL)
        return pk_config_fail(p->error, jaas->file, line, "a second section of the same name");
    if (grow(p, &jaas->sections, jaas->nsections, sizeof *jaas->sections, SECTIONS_MAX) != PK_OK)
        return PK_EINVAL;
    struct pk_jaas_section *s = &jaas->sections[jaas->nsections++];
    s->name = name;
    s->line = line;
    if (take_char(p, '{', "expected { behind the name of a section") != PK_OK)
        return PK_EINVAL;
    while (!is_char(p, '}'))
        if (module(p, s) != PK_OK)
            return PK_EINVAL;
    if (pk_jaas_next(&p->t, p->error) != PK_OK)
        return PK_EINVAL;
    return take_char(p, ';', "expected a semicolon behind the } of a section");
}

static enum pk_err sections(struct parser *p)
{
    if (pk_jaas_next(&p->t, p->error) != PK_OK)
        return PK_EINVAL;
    while (p->t.kind != PK_JAAS_END)
        if (section(p) != PK_OK)
            return PK_EINVAL;
    return PK_OK;
}

enum pk_err pk_jaas_parse(struct pk_jaas *jaas, const char *file, const uint8_t *bytes, size_t len,
                          struct pk_config_error *error)
{
    *jaas = (struct pk_jaas){.text_len = len + 1};
    jaas->file = strdup(file);
    jaas->text = calloc(1, jaas->text_len);
    struct parser p = {
        .jaas = jaas,
        .error = error,
        .t = {.file = file, .p = bytes, .end = bytes + len, .out = jaas->text, .next_line = 1}};
    enum pk_err err = jaas->file != NULL && jaas->text != NULL
                          ? sections(&p)
                          : pk_config_fail(error, file, 0, "out of memory");
    if (err != PK_OK)
        pk_jaas_free(jaas);
    return err;
}

enum pk_err pk_jaas_read(struct pk_jaas *jaas, const char *file, struct pk_config_error *error)
{
    struct pk_file in;
    enum pk_err err = pk_file_read_secret(&in, file, error);
    if (err != PK_OK)
        return err;
    err = pk_jaas_parse(jaas, file, in.bytes, in.len, error);
    pk_file_wipe(&in);
    return err;
}

void pk_jaas_free(struct pk_jaas *jaas)
{
    for (size_t i = 0; i < jaas->nsections; i++) {
        struct pk_jaas_section *s = &jaas->sections[i];
        for (size_t k = 0; k < s->nmodules; k++)
            free(s->modules[k].options);
        free(s->modules);
    }
    free(jaas->sections);
    if (jaas->text != NULL)
        explicit_bzero(jaas->text, jaas->text_len);
    free(jaas->text);
    free(jaas->file);
    *jaas = (struct pk_jaas){0};
}

/* Java puts one of its system properties in place of ${NAME}. */
static enum pk_err check_plain(const struct pk_jaas *jaas, const struct pk_jaas_section *s,
                               struct pk_config_error *error)
{
    for (size_t i = 0; i < s->nmodules; i++)
        for (size_t k = 0; k < s->modules[i].noptions; k++) {
            const struct pk_jaas_option *o = &s->modules[i].options[k];
            if (strstr(o->value, "${") != NULL)
                return pk_config_fail(
                    error, jaas->file, o->line,
                    "the value refers to a system property of Java: write what it stands for");
        }
    return PK_OK;
}

enum pk_err pk_jaas_section(const struct pk_jaas *jaas, const char *name, const struct pk_jaas_section **out,
                            struct pk_config_error *error)
{
    const struct pk_jaas_section *s = find(jaas, name);
    if (s == NULL)
        return pk_config_fail(error, jaas->file, 0, "there is no section %s", name);
    if (s->nmodules == 0)
        return pk_config_fail(error, jaas->file, s->line, "the section %s has no login module", name);
    *out = s;
    return check_plain(jaas, s, error);
}

const char *pk_jaas_option(const struct pk_jaas_module *module, const char *name)
{
    for (size_t i = 0; i < module->noptions; i++)
        if (strcmp(module->options[i].name, name) == 0)
            return module->options[i].value;
    return NULL;
}

const struct pk_jaas_module *pk_jaas_module_with(const struct pk_jaas_section *section, const char *name)
{
    for (size_t i = 0; i < section->nmodules; i++)
        if (pk_jaas_option(&section->modules[i], name) != NULL)
            return &section->modules[i];
    return NULL;
}
