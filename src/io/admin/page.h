/*
 * The page: what an operator wants to see first, as HTML without scripts and without anything from elsewhere.
 */
#ifndef PK_IO_ADMIN_PAGE_H
#define PK_IO_ADMIN_PAGE_H

struct pk_admin;
struct pk_text;

void pk_page(struct pk_admin *admin, struct pk_text *out);

#endif
