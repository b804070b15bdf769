/* Configurations as text (config_fixture.h). */
#include "config_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "io/config/file.h"

struct pk_config config;
struct pk_config_error error;

static enum pk_err read_text(const char *text)
{
    char path[SUP_PATH];
    sup_file(path, text);
    pk_config_defaults(&config);
    error.text[0] = '\0';
    enum pk_err err = pk_config_file(&config, path, &error);
    unlink(path);
    return err;
}

void good(const char *text)
{
    if (read_text(text) != PK_OK)
        fail_msg("%s", error.text);
}

void bad(const char *text, int line, const char *words)
{
    char place[32];
    snprintf(place, sizeof place, ":%d: ", line);
    assert_int_equal(read_text(text), PK_EINVAL);
    if (strstr(error.text, words) == NULL || (line > 0 && strstr(error.text, place) == NULL))
        fail_msg("expected line %d and \"%s\" in: %s", line, words, error.text);
}
