/*
 * The page: what an operator wants to see first, as HTML without anything from elsewhere, that needs no scripts;
 * one keeps what has the focus and where a table was scrolled to when the figures are renewed.
 */
#ifndef PK_IO_ADMIN_PAGE_H
#define PK_IO_ADMIN_PAGE_H

struct pk_admin;
struct pk_text;

void pk_page(struct pk_admin *admin, struct pk_text *out);
/* What it runs, as JavaScript. */
void pk_page_script(struct pk_text *out);

#endif
