/*
 * What savings prints.
 */
#ifndef PK_IO_SAVINGS_REPORT_H
#define PK_IO_SAVINGS_REPORT_H

#include <stdio.h>

#include "io/savings/files.h"
#include "io/savings/model.h"

/* Tables for people. */
void pk_report_text(FILE *out, const struct pk_files *files, const struct pk_model *model);
/* The same figures as one JSON object. */
void pk_report_json(FILE *out, const struct pk_files *files, const struct pk_model *model);

#endif
