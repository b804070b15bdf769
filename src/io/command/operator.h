/*
 * The commands that speak to a running pacekeeper over its admin side. Each takes its own command line, its name first,
 * and returns the exit status: 0 done, 1 it could not be done, 2 a mistake on the command line.
 */
#ifndef PK_IO_COMMAND_OPERATOR_H
#define PK_IO_COMMAND_OPERATOR_H

int pk_command_show(int argc, char **argv);
int pk_command_explain(int argc, char **argv);
int pk_command_top(int argc, char **argv);
int pk_command_drain(int argc, char **argv);
int pk_command_reload(int argc, char **argv);
int pk_command_close(int argc, char **argv);
int pk_command_migration(int argc, char **argv);
/* savings --live */
int pk_command_live(int argc, char **argv);

#endif
