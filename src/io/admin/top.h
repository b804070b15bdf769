/*
 * What is going on now, in one screen, one line, or one object.
 */
#ifndef PK_IO_ADMIN_TOP_H
#define PK_IO_ADMIN_TOP_H

struct pk_admin;
struct pk_text;

void pk_top_text(struct pk_admin *admin, struct pk_text *out);
void pk_top_line(struct pk_admin *admin, struct pk_text *out);
void pk_top_json(struct pk_admin *admin, struct pk_text *out);

#endif
