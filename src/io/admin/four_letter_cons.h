/*
 * The connections, for cons with details and for stat without.
 */
#ifndef PK_IO_ADMIN_FOUR_LETTER_CONS_H
#define PK_IO_ADMIN_FOUR_LETTER_CONS_H

struct pk_admin;
struct pk_text;

void pk_four_letter_cons(const struct pk_admin *admin, struct pk_text *out);
void pk_four_letter_clients(const struct pk_admin *admin, struct pk_text *out);

#endif
