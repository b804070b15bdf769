/*
 * Loading YAML. Happy path: read, parse into a document, the root is a mapping, and no other document follows. A syntax
 * error is reported at the line where libyaml met it, with advice where the slip is a usual one; an empty file is no
 * error.
 */
#include "io/config/yamldoc.h"

#include <stdlib.h>
#include <string.h>

#include "io/config/yamltext.h"

static enum pk_err syntax(const struct pk_file *text, const yaml_parser_t *parser, const char *file,
                          struct pk_config_error *error)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return pk_config_fail(error, file, 0, "out of memory");
    const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR)
        return pk_config_fail(error, file, pk_text_line(text, parser->problem_offset), "%s", problem);
    const char *advice = pk_text_advice(text, parser);
    return pk_config_fail(error, file, parser->problem_mark.line + 1, "%s%s%s%s", problem,
                          parser->context != NULL ? ", " : "", parser->context != NULL ? parser->context : "",
                          advice);
}

/* What stands in another document would be passed over without a word. */
static enum pk_err only_one(const struct pk_file *text, yaml_parser_t *parser, const char *file,
                            struct pk_config_error *error)
{
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second))
        return syntax(text, parser, file, error);
    enum pk_err err = PK_OK;
    if (yaml_document_get_root_node(&second) != NULL)
        err = pk_config_fail(error, file, second.start_mark.line + 1,
                             "a second document begins here: take the line --- out, all keys stand in one");
    yaml_document_delete(&second);
    return err;
}

static enum pk_err load(const struct pk_file *text, yaml_parser_t *parser, struct pk_yaml *yaml,
                        struct pk_config_error *error)
{
    if (!yaml_parser_load(parser, &yaml->document))
        return syntax(text, parser, yaml->file, error);
    yaml->root = yaml_document_get_root_node(&yaml->document);
    enum pk_err err = PK_OK;
    if (yaml->root != NULL && yaml->root->type != YAML_MAPPING_NODE)
        err = pk_config_fail(error, yaml->file, pk_yaml_line(yaml->root), "expected lines of KEY: VALUE");
    else if (yaml->root != NULL)
        err = only_one(text, parser, yaml->file, error);
    if (err != PK_OK)
        yaml_document_delete(&yaml->document);
    return err;
}

static enum pk_err decode(struct pk_file *text, const char *file, enum pk_yaml_bytes bytes,
                          struct pk_config_error *error)
{
    size_t bad = pk_text_bad(text);
    if (bad < text->len && bytes == PK_YAML_UTF8)
        return pk_config_fail(error, file, pk_text_line(text, bad),
                              "the byte 0x%02x is not UTF-8: write the file in that encoding",
                              text->bytes[bad]);
    if (pk_text_replace(text) != PK_OK)
        return pk_config_fail(error, file, 0, "out of memory");
    return PK_OK;
}

static enum pk_err parse(const struct pk_file *text, struct pk_yaml *yaml, struct pk_config_error *error)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return pk_config_fail(error, yaml->file, 0, "out of memory");
    yaml_parser_set_input_string(&parser, text->bytes, text->len);
    enum pk_err err = load(text, &parser, yaml, error);
    yaml_parser_delete(&parser);
    return err;
}

enum pk_err pk_yaml_load(struct pk_yaml *yaml, const char *file, enum pk_yaml_bytes bytes,
                         struct pk_config_error *error)
{
    struct pk_file text;
    *yaml = (struct pk_yaml){.file = file};
    if (pk_file_read(&text, file, error) != PK_OK)
        return PK_EINVAL;
    enum pk_err err = decode(&text, file, bytes, error);
    if (err == PK_OK)
        err = parse(&text, yaml, error);
    free(text.bytes);
    return err;
}

void pk_yaml_free(struct pk_yaml *yaml)
{
    yaml_document_delete(&yaml->document);
}

yaml_node_t *pk_yaml_node(struct pk_yaml *yaml, int index)
{
    return yaml_document_get_node(&yaml->document, index);
}

size_t pk_yaml_line(const yaml_node_t *node)
{
    return node != NULL ? node->start_mark.line + 1 : 0;
}

const char *pk_yaml_text(const yaml_node_t *node)
{
    if (node == NULL || node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

enum pk_err pk_yaml_unique(struct pk_yaml *yaml, const yaml_node_t *mapping, struct pk_config_error *error)
{
    const yaml_node_pair_t *first = mapping->data.mapping.pairs.start, *top = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *p = first; p < top; p++) {
        const yaml_node_t *node = pk_yaml_node(yaml, p->key);
        const char *key = pk_yaml_text(node);
        if (key == NULL)
            return pk_config_fail(error, yaml->file, pk_yaml_line(node), "a key must be plain text");
        for (const yaml_node_pair_t *q = first; q < p; q++) {
            const yaml_node_t *before = pk_yaml_node(yaml, q->key);
            if (strcmp(key, pk_yaml_text(before)) == 0)
                return pk_config_fail(error, yaml->file, pk_yaml_line(node),
                                      "%.80s is given twice (first in line %zu)", key, pk_yaml_line(before));
        }
    }
    return PK_OK;
}

yaml_node_t *pk_yaml_find(struct pk_yaml *yaml, const char *key, const yaml_node_t **twice)
{
    yaml_node_t *found = NULL;
    if (twice != NULL)
        *twice = NULL;
    if (yaml->root == NULL)
        return NULL;
    for (const yaml_node_pair_t *p = yaml->root->data.mapping.pairs.start;
         p < yaml->root->data.mapping.pairs.top; p++) {
        const yaml_node_t *name = pk_yaml_node(yaml, p->key);
        const char *text = pk_yaml_text(name);
        if (text == NULL || strcmp(text, key) != 0)
            continue;
        if (found != NULL && twice != NULL)
            *twice = name;
        found = pk_yaml_node(yaml, p->value);
    }
    return found;
}
