/*
 * A file that is there whole or not at all: written as FILE.new, then put in its place.
 */
#ifndef PK_IO_CONFIG_NEWFILE_H
#define PK_IO_CONFIG_NEWFILE_H

#include <sys/types.h>

enum { PK_NEWFILE_PATH = 608 };

/*
 * Makes path.new, whose name goes to temporary, with this mode whatever the umask is. What a crash or somebody else
 * left under that name (a file, a link, a fifo) is removed and neither written to nor waited for. Returns a descriptor
 * that the caller closes, or -1 with errno.
 */
int pk_newfile_open(const char *path, mode_t mode, char temporary[PK_NEWFILE_PATH]);
/*
 * What has been written is complete: on the disk, then in the place of path. Returns 0, or an errno with path as it was
 * and path.new removed.
 */
int pk_newfile_place(const char *temporary, const char *path, int fd);

#endif
