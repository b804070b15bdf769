/*
 * Tables. Happy path: cells lie one behind the other in one text, and are looked up by their number. Failure modes: out
 * of memory, which leaves the table empty; text from elsewhere (paths, names) is escaped for where it goes.
 */
#include "io/admin/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pk_table_init(struct pk_table *table, const struct pk_column *columns, size_t ncolumns)
{
    *table = (struct pk_table){.columns = columns, .ncolumns = ncolumns};
}

void pk_table_free(struct pk_table *table)
{
    free(table->text.p);
    free(table->cells);
}

static void add(struct pk_table *table, bool number, bool none)
{
    if (table->n == table->cap) {
        size_t cap = table->cap > 0 ? 2 * table->cap : 64;
        struct pk_cell *bigger = realloc(table->cells, cap * sizeof *bigger);
        table->failed |= bigger == NULL;
        if (bigger == NULL)
            return;
        table->cells = bigger;
        table->cap = cap;
    }
    table->cells[table->n++] = (struct pk_cell){.at = table->text.len, .number = number, .none = none};
}

static void end(struct pk_table *table)
{
    pk_text_add(&table->text, "%c", '\0');
    table->failed |= table->text.failed;
}

void pk_table_text(struct pk_table *table, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(table, false, false);
    pk_text_add(&table->text, "%s", text);
    end(table);
}

void pk_table_number(struct pk_table *table, int64_t value)
{
    add(table, true, false);
    pk_text_add(&table->text, "%" PRId64, value);
    end(table);
}

void pk_table_real(struct pk_table *table, double value)
{
    add(table, true, false);
    pk_text_add(&table->text, "%.3f", value);
    end(table);
}

void pk_table_none(struct pk_table *table)
{
    add(table, false, true);
    end(table);
}

static size_t rows(const struct pk_table *table)
{
    return table->failed ? 0 : table->n / table->ncolumns;
}

static const struct pk_cell *cell(const struct pk_table *table, size_t row, size_t column)
{
    return &table->cells[row * table->ncolumns + column];
}

static const char *shown(const struct pk_table *table, const struct pk_cell *c)
{
    return c->none ? "-" : table->text.p + c->at;
}

void pk_json_string(struct pk_text *out, const char *text)
{
    pk_text_add(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            pk_text_add(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            pk_text_add(out, "\\u%04x", c);
        else
            pk_text_add(out, "%c", c);
    }
    pk_text_add(out, "\"");
}

void pk_html_text(struct pk_text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("<>&\"'", *text) != NULL)
            pk_text_add(out, "&#%d;", *text);
        else
            pk_text_add(out, "%c", (unsigned char)*text < ' ' ? '?' : *text);
    }
}

void pk_table_json(const struct pk_table *table, struct pk_text *out)
{
    pk_text_add(out, "[");
    for (size_t row = 0; row < rows(table); row++) {
        pk_text_add(out, "%s\n  {", row > 0 ? "," : "");
        for (size_t i = 0; i < table->ncolumns; i++) {
            const struct pk_cell *c = cell(table, row, i);
            pk_text_add(out, "%s\"%s\": ", i > 0 ? ", " : "", table->columns[i].name);
            if (c->none || c->number)
                pk_text_add(out, "%s", c->none ? "null" : shown(table, c));
            else
                pk_json_string(out, shown(table, c));
        }
        pk_text_add(out, "}");
    }
    pk_text_add(out, "%s]", rows(table) > 0 ? "\n" : "");
}

static size_t width(const struct pk_table *table, size_t column)
{
    size_t most = strlen(table->columns[column].title);
    for (size_t row = 0; row < rows(table); row++) {
        size_t len = strlen(shown(table, cell(table, row, column)));
        most = len > most ? len : most;
    }
    return most;
}

static void put(struct pk_text *out, const char *text, size_t size, bool right, bool last)
{
    int pad = (int)(size - strlen(text));
    pk_text_add(out, "%*s", right ? pad : 0, "");
    for (; *text != '\0'; text++)
        pk_text_add(out, "%c", (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
    pk_text_add(out, "%*s", right || last ? 0 : pad, "");
    pk_text_add(out, "%s", last ? "\n" : "  ");
}

void pk_table_plain(const struct pk_table *table, struct pk_text *out)
{
    for (size_t i = 0; i < table->ncolumns; i++) {
        bool right = rows(table) > 0 && cell(table, 0, i)->number;
        put(out, table->columns[i].title, width(table, i), right, i + 1 == table->ncolumns);
    }
    for (size_t row = 0; row < rows(table); row++)
        for (size_t i = 0; i < table->ncolumns; i++) {
            const struct pk_cell *c = cell(table, row, i);
            put(out, shown(table, c), width(table, i), c->number, i + 1 == table->ncolumns);
        }
}

void pk_table_html(const struct pk_table *table, const char *title, struct pk_text *out)
{
    pk_text_add(out,
                "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table><thead><tr>",
                title);
    for (size_t i = 0; i < table->ncolumns; i++)
        pk_text_add(out, "<th scope=\"col\">%s</th>", table->columns[i].title);
    pk_text_add(out, "</tr></thead><tbody>");
    for (size_t row = 0; row < rows(table); row++) {
        pk_text_add(out, "<tr>");
        for (size_t i = 0; i < table->ncolumns; i++) {
            const struct pk_cell *c = cell(table, row, i);
            pk_text_add(out, "<td%s>", c->number ? " class=\"n\"" : "");
            pk_html_text(out, shown(table, c));
            pk_text_add(out, "</td>");
        }
        pk_text_add(out, "</tr>\n");
    }
    pk_text_add(out, "</tbody></table></div>\n");
}
