/*
 * What doctor says: a line for each thing that was looked at, with a remedy where something is wrong.
 */
#ifndef PK_IO_DOCTOR_REPORT_H
#define PK_IO_DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>

enum pk_verdict { PK_FINE, PK_WARN, PK_FAIL, PK_VERDICTS };

struct pk_report {
    bool json, colours;
    size_t said[PK_VERDICTS];
};

/* One line: what was looked at, what was found, and what to do about it, NULL for nothing. Prints it at once. */
void pk_report_say(struct pk_report *report, enum pk_verdict verdict, const char *what, const char *remedy,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The last line. Returns the exit status: 0, 1 when something failed. */
int pk_report_end(struct pk_report *report);

#endif
