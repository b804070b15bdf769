/*
 * Fuzz target: transaction logs. The input is a log's records; what should be their checksums is made right first, so
 * that what is behind them is reached.
 *
 * Happy path: records up to an end, each opened, its operations given, and all of it in the model.
 * Failure: a sanitizer's finding, a path that is not in its record, a way that leaves more than it can, memory that
 * stays.
 */
#include "io/savings/model.h"
#include "proto/records.h"
#include "tests/fuzz/must.h"
#include "tests/lib/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Puts the right checksum and mark where a record's length leaves room for them. */
static void correct(uint8_t *p, size_t len)
{
    if (len < PK_TXNLOG_RECORD)
        return;
    uint32_t length = pk_load32(p + 8);
    if (length == 0 || length > len - PK_TXNLOG_RECORD || len - PK_TXNLOG_RECORD - length < 1)
        return;
    pk_put32(p, 0);
    pk_put32(p + 4, pk_adler32(p + PK_TXNLOG_RECORD, length));
    p[PK_TXNLOG_RECORD + length] = 'B';
}

static void check_ops(struct pk_txn txn, struct pk_bytes payload)
{
    struct pk_txn_op op;
    size_t n = 0;
    while (pk_txn_next(&txn, &op)) {
        must(op.path.p == NULL ||
             (op.path.p >= payload.p && op.path.p + op.path.len <= payload.p + payload.len));
        must(op.data.p == NULL ||
             (op.data.p >= payload.p && op.data.p + op.data.len <= payload.p + payload.len));
        must(++n <= payload.len / 4);
    }
}

static uint64_t give(struct pk_model *model, uint8_t *p, size_t size)
{
    uint64_t ops = 0;
    int64_t now = 0;
    for (size_t at = 0; at < size;) {
        struct pk_bytes payload;
        struct pk_txn txn;
        size_t need = 0;
        correct(p + at, size - at);
        if (pk_txnlog_record(p + at, size - at, &payload, &need) != PK_TXNLOG_FOUND)
            break;
        at += need;
        if (pk_txn_open(&txn, payload) != PK_OK)
            continue;
        check_ops(txn, payload);
        now += (int64_t)((uint64_t)txn.time % 30000);
        ops += 2 * (1 + payload.len / 4);
        pk_model_add(model, &txn, now, need);
    }
    return ops;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pk_classes classes;
    static struct pk_model model;
    struct sup_mem memory;
    sup_mem_init(&memory);
    pk_classes_init(&classes);
    pk_model_init(&model, &memory.mem, &classes);
    uint8_t *p = sup_fence(data, size);
    uint64_t ops = give(&model, p, size);
    pk_model_end(&model);
    for (int way = 0; way < PK_WAYS; way++)
        must(pk_model_total(&model, (enum pk_way)way).txns <= ops);
    pk_model_free(&model);
    sup_unfence(p, size);
    must(memory.blocks == 0);
    return 0;
}
