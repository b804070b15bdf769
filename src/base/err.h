/*
 * Status codes of fallible functions. PK_OK is zero; everything else is negative, so that a caller may write
 * `if (err != PK_OK)` or test the sign. Wire error codes (ZooKeeper's own) are another namespace:
 * proto/errors.def.
 */
#ifndef PK_BASE_ERR_H
#define PK_BASE_ERR_H

#define PK_NODISCARD __attribute__((warn_unused_result))

enum pk_err {
    PK_OK = 0,
    PK_ENOMEM = -1,     /* the memory seam returned NULL; nothing was changed */
    PK_EMALFORMED = -2, /* the bytes are not what the protocol allows */
    PK_ELIMIT = -3,     /* a configured bound was reached */
    PK_EINVAL = -4,     /* an argument from a person (configuration, command line) is wrong */
    PK_ENOENT = -5,     /* the thing asked for does not exist */
};

#endif
