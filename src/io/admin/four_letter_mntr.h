/*
 * The answer to mntr.
 */
#ifndef PK_IO_ADMIN_FOUR_LETTER_MNTR_H
#define PK_IO_ADMIN_FOUR_LETTER_MNTR_H

struct pk_admin;
struct pk_text;

void pk_four_letter_mntr(const struct pk_admin *admin, struct pk_text *out);

#endif
