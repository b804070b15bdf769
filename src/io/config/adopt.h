/*
 * pacekeeper adopt: a copy of what a storm.yaml says of the ensemble, from before Storm is given the proxy's address.
 */
#ifndef PK_IO_CONFIG_ADOPT_H
#define PK_IO_CONFIG_ADOPT_H

/*
 * Runs the command: argv[0] is "adopt". Says on stdout what it wrote, on stderr why it did not. Returns the exit
 * status: 0, 1 when the files do not allow it, 2 for a mistake on the command line.
 */
int pk_adopt(int argc, char **argv);

#endif
