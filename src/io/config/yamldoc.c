/*
 * Loading YAML. Happy path: open, parse into a document, the root is a mapping. A syntax error is reported at
 * the line where libyaml met it; an empty file is no error.
 */
#include "io/config/yamldoc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum pk_err syntax(const yaml_parser_t *parser, const char *file, struct pk_config_error *error)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return pk_config_fail(error, file, 0, "out of memory");
    size_t line = parser->problem_mark.line + 1;
    const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR)
        return pk_config_fail(error, file, 0, "%s at byte %zu", problem, parser->problem_offset);
    return pk_config_fail(error, file, line, "%s%s%s", problem, parser->context != NULL ? ", " : "",
                          parser->context != NULL ? parser->context : "");
}

static enum pk_err load(yaml_parser_t *parser, struct pk_yaml *yaml, struct pk_config_error *error)
{
    if (!yaml_parser_load(parser, &yaml->document))
        return syntax(parser, yaml->file, error);
    yaml->root = yaml_document_get_root_node(&yaml->document);
    if (yaml->root != NULL && yaml->root->type != YAML_MAPPING_NODE) {
        enum pk_err err =
            pk_config_fail(error, yaml->file, pk_yaml_line(yaml->root), "expected lines of KEY: VALUE");
        yaml_document_delete(&yaml->document);
        return err;
    }
    return PK_OK;
}

enum pk_err pk_yaml_load(struct pk_yaml *yaml, const char *file, struct pk_config_error *error)
{
    yaml_parser_t parser;
    *yaml = (struct pk_yaml){.file = file};
    FILE *in = fopen(file, "re");
    if (in == NULL)
        return pk_config_fail(error, file, 0, "cannot be read: %s", strerror(errno));
    if (!yaml_parser_initialize(&parser)) {
        fclose(in);
        return pk_config_fail(error, file, 0, "out of memory");
    }
    yaml_parser_set_input_file(&parser, in);
    enum pk_err err = load(&parser, yaml, error);
    yaml_parser_delete(&parser);
    fclose(in);
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
