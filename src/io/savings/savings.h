/*
 * The command savings: what pacekeeper would spare an ensemble, from its transaction logs. Needs no proxy, no server
 * and no root.
 */
#ifndef PK_IO_SAVINGS_SAVINGS_H
#define PK_IO_SAVINGS_SAVINGS_H

/* argv[0] is the command's name. The exit status: 0, 1 when a log cannot be read, 2 for a wrong command line. */
int pk_savings(int argc, char **argv);

#endif
