/*
 * Every figure for a scraper.
 */
#ifndef PK_IO_ADMIN_METRICS_H
#define PK_IO_ADMIN_METRICS_H

struct pk_admin;
struct pk_text;

/* All families; the age of beats may be looked at anew. */
void pk_metrics(struct pk_admin *admin, struct pk_text *out);

#endif
