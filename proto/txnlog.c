/*
 * Transaction logs. Happy path: head, then record by record until the zeros. Failure modes: a record that is not whole
 * at the end of a file, or whose checksum is wrong, is told to the caller, who knows where the file ends; a record of a
 * type or a shape that is not known still counts as a transaction, without a path.
 */
#include "proto/txnlog.h"

#include "proto/records.h"

enum { MARK = 'B', ADLER = 65521, ADLER_RUN = 5552 /* so many sums of bytes fit into 32 bits */ };

uint32_t pk_adler32(const uint8_t *p, size_t len)
{
    uint32_t a = 1, b = 0;
    while (len > 0) {
        size_t run = len < ADLER_RUN ? len : ADLER_RUN;
        for (size_t i = 0; i < run; i++) {
            a += p[i];
            b += a;
        }
        a %= ADLER;
        b %= ADLER;
        p += run;
        len -= run;
    }
    return b << 16 | a;
}

bool pk_txnlog_is(const uint8_t *p)
{
    return memcmp(p, "ZKLG", 4) == 0 && pk_load32(p + 4) == 2;
}

enum pk_txnlog_found pk_txnlog_record(const uint8_t *p, size_t len, struct pk_bytes *payload, size_t *need)
{
    *need = PK_TXNLOG_RECORD;
    if (len < *need)
        return PK_TXNLOG_MORE;
    uint64_t checksum = pk_load64(p);
    uint32_t length = pk_load32(p + 8);
    if (length == 0)
        return checksum == 0 ? PK_TXNLOG_END : PK_TXNLOG_DAMAGED;
    if (length > PK_TXNLOG_MAX || checksum > UINT32_MAX)
        return PK_TXNLOG_DAMAGED;
    *need += (size_t)length + 1;
    if (len < *need)
        return PK_TXNLOG_MORE;
    *payload = (struct pk_bytes){p + PK_TXNLOG_RECORD, length};
    bool right = p[*need - 1] == MARK && pk_adler32(payload->p, length) == checksum;
    return right ? PK_TXNLOG_FOUND : PK_TXNLOG_DAMAGED;
}

enum pk_err pk_txn_open(struct pk_txn *txn, struct pk_bytes payload)
{
    struct pk_in in = pk_in(payload.p, payload.len);
    txn->session = pk_get_long(&in);
    txn->cxid = pk_get_int(&in);
    txn->zxid = pk_get_long(&in);
    txn->time = pk_get_long(&in);
    txn->type = pk_get_int(&in);
    if (in.bad)
        return PK_EMALFORMED;
    txn->left = 1;
    if (txn->type == PK_OP_MULTI || (txn->type == PK_OP_CLOSE_SESSION && pk_in_left(&in) >= 4))
        txn->left = pk_get_count(&in, 4);
    txn->in = in;
    return PK_OK;
}

/* vector<ACL>: the bytes of it all, count included. */
static struct pk_bytes get_acl(struct pk_in *in)
{
    const uint8_t *start = in->p;
    for (int32_t n = pk_get_count(in, 12); n > 0; n--) {
        pk_get_int(in);
        pk_get_bytes(in);
        pk_get_bytes(in);
    }
    return (struct pk_bytes){start, in->bad ? 0 : (uint32_t)(in->p - start)};
}

/* CreateTxn; those of containers and of TTLs begin alike, and are not plain. */
static void get_create(struct pk_in *in, struct pk_txn_op *op)
{
    op->path = pk_get_bytes(in);
    op->data = pk_get_bytes(in);
    struct pk_bytes acl = get_acl(in);
    bool ephemeral = pk_get_bool(in);
    op->plain = !in->bad && !ephemeral && pk_acl_is_open(acl) &&
                (op->type == PK_OP_CREATE || op->type == PK_OP_CREATE2);
}

static void get_op(struct pk_in *in, struct pk_txn_op *op)
{
    switch (op->type) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        get_create(in, op);
        break;
    case PK_OP_SET_DATA:
    case PK_OP_RECONFIG:
        op->path = pk_get_bytes(in);
        op->data = pk_get_bytes(in);
        break;
    case PK_OP_DELETE:
    case PK_OP_DELETE_CONTAINER:
    case PK_OP_SET_ACL:
    case PK_OP_CHECK:
    case PK_OP_CLOSE_SESSION: /* of one ephemeral that ends with it, from 3.6 on */
        op->path = pk_get_bytes(in);
        break;
    default:
        break;
    }
    if (in->bad)
        *op = (struct pk_txn_op){.type = op->type};
}

bool pk_txn_next(struct pk_txn *txn, struct pk_txn_op *op)
{
    if (txn->left <= 0 || (txn->type == PK_OP_CLOSE_SESSION && pk_in_left(&txn->in) == 0))
        return false;
    txn->left--;
    *op = (struct pk_txn_op){.type = txn->type};
    if (txn->type != PK_OP_MULTI) {
        get_op(&txn->in, op);
        return !txn->in.bad || txn->type != PK_OP_CLOSE_SESSION;
    }
    op->type = pk_get_int(&txn->in);
    struct pk_bytes body = pk_get_bytes(&txn->in);
    if (txn->in.bad)
        return false;
    if (body.p != NULL) {
        struct pk_in in = pk_in(body.p, body.len);
        get_op(&in, op);
    }
    return true;
}
