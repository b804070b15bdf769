/*
 * Rows and columns that are shown to programs (JSON), on a terminal (text) and in a page (HTML): filled once, cell by
 * cell.
 */
#ifndef PK_IO_ADMIN_TABLE_H
#define PK_IO_ADMIN_TABLE_H

#include <stdint.h>

#include "io/loop/text.h"

struct pk_column {
    const char *name;  /* in JSON: "oldest_beat_seconds" */
    const char *title; /* for people: "OLDEST BEAT" */
};

struct pk_cell {
    size_t at;   /* in the table's text */
    bool number; /* stands right, and without quotes in JSON */
    bool none;   /* null, or a dash */
};

struct pk_table {
    const struct pk_column *columns;
    size_t ncolumns;
    struct pk_text text;
    struct pk_cell *cells;
    size_t n, cap;
    bool failed; /* out of memory: it is shown as nothing */
};

void pk_table_init(struct pk_table *table, const struct pk_column *columns, size_t ncolumns);
void pk_table_free(struct pk_table *table);

/* Each appends a cell; a row is full after as many as there are columns. */
void pk_table_text(struct pk_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pk_table_number(struct pk_table *table, int64_t value);
void pk_table_real(struct pk_table *table, double value);
void pk_table_none(struct pk_table *table);

/* A list of objects. */
void pk_table_json(const struct pk_table *table, struct pk_text *out);
/* Columns in line, with their titles above. */
void pk_table_plain(const struct pk_table *table, struct pk_text *out);
/* A <table> that keys can scroll, under that name for who hears the page. */
void pk_table_html(const struct pk_table *table, const char *title, struct pk_text *out);

/* A string of JSON with its quotes; text of a page. */
void pk_json_string(struct pk_text *out, const char *text);
void pk_html_text(struct pk_text *out, const char *text);

#endif
