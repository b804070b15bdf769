/*
 * Fuzz target: JAAS files.
 *
 * What is accepted is written out with every word quoted, read again, and is the same. Failure: a sanitizer's finding,
 * an abort, or an error without a line.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/jaas.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x80)
            fprintf(out, "\\%03o", (unsigned char)*text);
        else
            fputc(*text, out);
    fputc('"', out);
}

static void put_module(FILE *out, const struct pk_jaas_module *m)
{
    static const char *const flags[] = {"required", "requisite", "sufficient", "optional"};
    put_string(out, m->class_name);
    fprintf(out, " %s", flags[m->flag]);
    for (size_t i = 0; i < m->noptions; i++) {
        fputc(' ', out);
        put_string(out, m->options[i].name);
        fputc('=', out);
        put_string(out, m->options[i].value);
    }
    fputs(";", out);
}

static char *written(const struct pk_jaas *jaas, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    must(out != NULL);
    for (size_t i = 0; i < jaas->nsections; i++) {
        put_string(out, jaas->sections[i].name);
        fputs("{", out);
        for (size_t k = 0; k < jaas->sections[i].nmodules; k++)
            put_module(out, &jaas->sections[i].modules[k]);
        fputs("};", out);
    }
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pk_jaas one, other;
    struct pk_config_error error;
    if (pk_jaas_parse(&one, "f", data, size, &error) != PK_OK) {
        must(strncmp(error.text, "f:", 2) == 0);
        return 0;
    }
    size_t len, again_len;
    char *text = written(&one, &len);
    must(pk_jaas_parse(&other, "f", (uint8_t *)text, len, &error) == PK_OK);
    char *again = written(&other, &again_len);
    must(len == again_len && memcmp(text, again, len) == 0);
    free(text);
    free(again);
    pk_jaas_free(&one);
    pk_jaas_free(&other);
    return 0;
}
