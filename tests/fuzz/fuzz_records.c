/*
 * Fuzz target: everything of proto/ that reads bytes from the network.
 *
 * The first byte chooses the decoder, the rest is a frame's payload. What decodes is checked: fields lie
 * inside the input, iterators end, and what is written again reads the same. Failure: a sanitizer's finding
 * or an abort.
 */
#include <stdlib.h>

#include "proto/path.h"
#include "proto/records.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void path(struct pk_bytes b)
{
    static const struct pk_bytes root = {(const uint8_t *)"/", 1};
    if (b.p == NULL)
        return;
    struct pk_bytes parent = pk_path_parent(b), name = pk_path_name(b);
    must(parent.len <= b.len && name.len <= b.len);
    if (pk_path_valid(b) && b.len > 1) {
        must(pk_path_valid(parent) && name.len > 0);
        must(pk_path_below(b, parent) && pk_path_below(b, root) && !pk_path_below(parent, b));
        must(parent.len + name.len + (parent.len > 1) == b.len);
    }
}

static void fields(const struct pk_request *req, const uint8_t *p, size_t len)
{
    inside(req->path, p, len);
    inside(req->data, p, len);
    inside(req->acl, p, len);
    path(req->path);
    if (req->acl.p != NULL) {
        int32_t perms = pk_acl_world_perms(req->acl);
        must(!pk_acl_is_open(req->acl) || perms == PK_PERM_ALL);
    }
}

static void multi(const uint8_t *p, size_t len)
{
    struct pk_in in = pk_in(p, len);
    struct pk_request sub;
    size_t n = 0;
    while (pk_multi_next(&in, &sub)) {
        must(++n <= len / PK_MULTI_HEADER);
        fields(&sub, p, len);
    }
}

static void watches(const struct pk_request *req, const uint8_t *p, size_t len)
{
    struct pk_watches w;
    struct pk_bytes b;
    size_t n = 0;
    pk_watches_begin(&w, req);
    while (pk_watches_next(&w, &b)) {
        must(++n <= len / 4);
        must(w.list >= 0 && w.list < w.lists);
        inside(b, p, len);
        path(b);
    }
}

static void request(const uint8_t *p, size_t len)
{
    struct pk_request req;
    bool ok;
    uint8_t head[PK_LEN_WORD + PK_REQUEST_HEADER];
    if (pk_request_decode(p, len, &req, &ok) != PK_OK) {
        must(len < PK_REQUEST_HEADER);
        return;
    }
    pk_put_request(head, len - PK_REQUEST_HEADER, req.xid, req.op);
    must(pk_load32(head) == len && memcmp(head + PK_LEN_WORD, p, PK_REQUEST_HEADER) == 0);
    fields(&req, p, len);
    if (req.info == NULL)
        return;
    if (req.info->record == PK_REC_MULTI)
        multi(req.body.p, req.body.len);
    if (req.info->record == PK_REC_SET_WATCHES || req.info->record == PK_REC_SET_WATCHES2)
        watches(&req, p, len);
}

static void answers(const uint8_t *p, size_t len)
{
    struct pk_connect_response response;
    struct pk_watcher_event event;
    struct pk_connect_request connect;
    struct pk_stat st;
    uint8_t again[PK_STAT_LEN];
    if (pk_connect_request_decode(p, len, &connect) == PK_OK)
        inside(connect.passwd, p, len);
    if (pk_connect_response_decode(p, len, &response) == PK_OK)
        must(len >= 20);
    if (pk_watcher_event_decode(p, len, &event) == PK_OK)
        inside(event.path, p, len);
    if (len >= PK_STAT_LEN) {
        pk_stat_load(&st, p);
        pk_stat_put(again, &st);
        must(memcmp(again, p, PK_STAT_LEN) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0:
        request(data + 1, size - 1);
        break;
    case 1:
        multi(data + 1, size - 1);
        break;
    default:
        answers(data + 1, size - 1);
        break;
    }
    return 0;
}
