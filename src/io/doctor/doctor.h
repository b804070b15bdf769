/*
 * The command doctor: looks at the world that a configuration will meet, and says what is wrong with it.
 */
#ifndef PK_IO_DOCTOR_DOCTOR_H
#define PK_IO_DOCTOR_DOCTOR_H

/*
 * argv[0] is the command's name, the rest the daemon's own options. The exit status: 0, 1 when something fails or the
 * configuration is wrong, 2 for a wrong command line.
 */
int pk_doctor(int argc, char **argv);

#endif
