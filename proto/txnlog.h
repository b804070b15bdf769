/*
 * ZooKeeper's transaction logs (version-2/log.ZXID) as pure functions on bytes: the files of 3.4 to 3.9, where a
 * server appends each transaction before it answers (FileTxnLog, TxnHeader and zookeeper.jute of those versions; a log
 * that a running server writes is read in tests/integration/test_savings.py).
 *
 *   "ZKLG" int 2, long dbid │ long checksum, int length, payload, 'B' │ ... │ zeros, preallocated
 *
 * The checksum is the Adler-32 of the payload: TxnHeader{long session, int cxid, long zxid, long time, int type}, the
 * record of that type, and from 3.6 on a digest of the tree that nobody needs here.
 */
#ifndef PK_PROTO_TXNLOG_H
#define PK_PROTO_TXNLOG_H

#include "base/err.h"
#include "proto/jute.h"

enum {
    PK_TXNLOG_HEAD = 16,       /* in front of the first record */
    PK_TXNLOG_RECORD = 12,     /* checksum and length, in front of each payload */
    PK_TXNLOG_TXN_HEADER = 32, /* in front of a payload's record */
    PK_TXNLOG_MAX = 1 << 27,   /* longest payload that is believed: the bound of max-frame */
};

/* The one type that only a log has, a request that was refused; the others are those of requests (enum pk_op). */
enum { PK_TXN_ERROR = -1 };

enum pk_txnlog_found {
    PK_TXNLOG_FOUND,   /* a whole record, whose checksum is right */
    PK_TXNLOG_MORE,    /* more bytes are needed to tell */
    PK_TXNLOG_END,     /* zeros: nothing was written from here on */
    PK_TXNLOG_DAMAGED, /* a length, a checksum or a mark that is wrong: a torn end, or a damaged file */
};

/* Whether a file begins as a transaction log does. p has PK_TXNLOG_HEAD bytes. */
bool pk_txnlog_is(const uint8_t *p);

/*
 * The record at the start of p[0..len). FOUND: *payload borrows from p, *need is the record's whole length. MORE: *need
 * bytes tell, more than len.
 */
enum pk_txnlog_found pk_txnlog_record(const uint8_t *p, size_t len, struct pk_bytes *payload, size_t *need);

/* A transaction: its header, and a cursor over what it does. */
struct pk_txn {
    int64_t session, zxid, time; /* time: ms since the epoch, by the leader's clock */
    int32_t cxid, type;
    struct pk_in in;
    int32_t left; /* operations that pk_txn_next has not given yet */
};

/* What a transaction does to one znode. */
struct pk_txn_op {
    int32_t type;         /* of a multi's part its own */
    struct pk_bytes path; /* null when the type names none, or does not decode */
    struct pk_bytes data; /* of create and setData */
    bool plain;           /* a create of a persistent znode that is open to all */
};

/* PK_EMALFORMED: too short for its header. */
enum pk_err pk_txn_open(struct pk_txn *txn, struct pk_bytes payload) PK_NODISCARD;
/* The next operation; false when there is none, or a multi does not decode further. */
bool pk_txn_next(struct pk_txn *txn, struct pk_txn_op *op);

/* Adler-32 of p[0..len). */
uint32_t pk_adler32(const uint8_t *p, size_t len);

#endif
