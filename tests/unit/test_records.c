/* Records: what real clients and a real ZooKeeper put on the wire (tests/golden), whole and cut at every
 * length. */
#include "proto/records.h"
#include "tests/lib/support.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const captures[] = {"kazoo-2.8.0", "java-3.8.0", "libzookeeper_mt-3.8.0", "raw-44"};

static long long number(const struct sup_golden *g, const char *key, long long otherwise)
{
    const char *v = sup_field(g, key);
    return v != NULL ? strtoll(v, NULL, 10) : otherwise;
}

/* Undoes %XX. */
static const char *plain(const char *v)
{
    static char out[400];
    size_t n = 0;
    if (v == NULL)
        return NULL;
    for (; *v != 0; v++, n++) {
        out[n] = *v;
        if (*v == '%') {
            char two[3] = {v[1], v[2], 0};
            out[n] = (char)strtoul(two, NULL, 16);
            v += 2;
        }
    }
    out[n] = 0;
    return out;
}

static void check_data(struct pk_bytes data, const char *hex)
{
    if (hex == NULL || strcmp(hex, "null") == 0) {
        assert_null(data.p);
        return;
    }
    assert_non_null(data.p);
    assert_int_equal(data.len, strlen(hex) / 2);
    for (uint32_t i = 0; i < data.len; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        assert_int_equal(data.p[i], strtoul(two, NULL, 16));
    }
}

static void check_connect(const struct sup_golden *g)
{
    struct pk_connect_request c;
    assert_int_equal(pk_connect_request_decode(g->bytes, g->len, &c), PK_OK);
    assert_int_equal(c.timeout, number(g, "timeout", -1));
    assert_true(c.session_id == number(g, "session", -1));
    assert_int_equal(c.passwd.len, number(g, "passwd", -1));
    assert_true(c.last_zxid_seen == number(g, "zxid", c.last_zxid_seen));
    long long ro = number(g, "ro", 7);
    assert_int_equal(c.has_read_only, ro >= 0);
    assert_int_equal(c.read_only, ro == 1);
    assert_int_equal(g->len, ro >= 0 ? 45 : 44);
    for (size_t cut = 0; cut < g->len; cut++) {
        uint8_t *p = sup_fence(g->bytes, cut);
        assert_int_equal(pk_connect_request_decode(p, cut, &c), cut < 44 ? PK_EMALFORMED : PK_OK);
        sup_unfence(p, cut);
    }
}

static void check_multi(const struct sup_golden *g, const struct pk_request *req)
{
    char ops[400];
    snprintf(ops, sizeof ops, "%s", sup_field(g, "ops"));
    struct pk_in in = pk_in(req->body.p, req->body.len);
    struct pk_request sub;
    for (char *save = NULL, *op = strtok_r(ops, ",", &save); op != NULL; op = strtok_r(NULL, ",", &save)) {
        assert_true(pk_multi_next(&in, &sub));
        assert_int_equal(sub.op, atoi(op));
        assert_true(sup_is(sub.path, strchr(op, ':') + 1));
    }
    assert_false(pk_multi_next(&in, &sub));
    assert_false(in.bad);
    assert_int_equal(pk_in_left(&in), 0);
    for (uint32_t cut = 0; cut < req->body.len; cut++) {
        uint8_t *p = sup_fence(req->body.p, cut);
        in = pk_in(p, cut);
        while (pk_multi_next(&in, &sub))
            ;
        assert_true(in.bad);
        sup_unfence(p, cut);
    }
}

static void check_watches(const struct sup_golden *g, const struct pk_request *req)
{
    struct pk_watches w;
    struct pk_bytes path;
    char key[3] = "w0";
    pk_watches_begin(&w, req);
    for (; key[1] <= '4'; key[1]++) {
        const char *want = sup_field(g, key);
        if (want == NULL)
            continue;
        assert_true(pk_watches_next(&w, &path));
        assert_int_equal(w.list, key[1] - '0');
        assert_true(sup_is(path, want));
    }
    assert_false(pk_watches_next(&w, &path));
    assert_false(w.in.bad);
    assert_true(w.relative_zxid > 0);
    for (uint32_t cut = 0; cut < req->body.len; cut++) {
        uint8_t *p = sup_fence(req->body.p, cut);
        struct pk_request part = *req;
        part.body = (struct pk_bytes){p, cut};
        pk_watches_begin(&w, &part);
        while (pk_watches_next(&w, &path))
            ;
        assert_true(w.in.bad);
        sup_unfence(p, cut);
    }
}

static void check_cut_request(const struct sup_golden *g, const struct pk_request *whole)
{
    struct pk_request req;
    bool ok;
    for (size_t cut = 0; cut < g->len; cut++) {
        uint8_t *p = sup_fence(g->bytes, cut);
        enum pk_err err = pk_request_decode(p, cut, &req, &ok);
        assert_int_equal(err, cut < PK_REQUEST_HEADER ? PK_EMALFORMED : PK_OK);
        if (err == PK_OK && whole->path.p != NULL) {
            assert_false(ok);
            assert_null(req.path.p);
            assert_null(req.data.p);
            assert_null(req.acl.p);
            assert_int_equal(req.version, 0);
        }
        sup_unfence(p, cut);
    }
}

static void check_request(const struct sup_golden *g)
{
    struct pk_request req;
    bool ok = false;
    const char *acl = sup_field(g, "acl");
    bool open = acl != NULL && strcmp(acl, "open") == 0, has_acl = acl != NULL;
    assert_int_equal(pk_request_decode(g->bytes, g->len, &req, &ok), PK_OK);
    assert_true(ok);
    assert_int_equal(req.op, number(g, "op", -99));
    assert_int_equal(req.xid, number(g, "xid", req.xid));
    assert_non_null(req.info);
    if (req.info->record != PK_REC_NONE)
        assert_true(sup_is(req.path, plain(sup_field(g, "path"))));
    assert_int_equal(req.version, number(g, "n", 0));
    assert_int_equal(req.watch, number(g, "watch", 0));
    assert_true(req.ttl == number(g, "ttl", 0));
    check_data(req.data, sup_field(g, "data"));
    assert_int_equal(req.acl.p != NULL, has_acl);
    assert_int_equal(has_acl && pk_acl_is_open(req.acl), open);
    if (open)
        assert_int_equal(pk_acl_world_perms(req.acl), PK_PERM_ALL);
    if (sup_field(g, "ops") != NULL)
        check_multi(g, &req);
    if (sup_field(g, "w0") != NULL)
        check_watches(g, &req);
    check_cut_request(g, &req);
    uint8_t head[12];
    assert_ptr_equal(pk_put_request(head, g->len - PK_REQUEST_HEADER, req.xid, req.op), head + 12);
    assert_int_equal(pk_load32(head), g->len);
    assert_memory_equal(head + 4, g->bytes, 8);
}

static void check_stat(const struct sup_golden *g, const char *want)
{
    struct pk_stat st;
    uint8_t again[PK_STAT_LEN];
    char text[400];
    const uint8_t *at = g->bytes + g->len - PK_STAT_LEN;
    assert_true(g->len >= PK_REPLY_HEADER + PK_STAT_LEN);
    pk_stat_load(&st, at);
    snprintf(text, sizeof text, "%lld,%lld,%lld,%lld,%d,%d,%d,%lld,%d,%d,%lld", (long long)st.czxid,
             (long long)st.mzxid, (long long)st.ctime, (long long)st.mtime, st.version, st.cversion,
             st.aversion, (long long)st.ephemeral_owner, st.data_length, st.num_children,
             (long long)st.pzxid);
    assert_string_equal(text, want);
    assert_ptr_equal(pk_stat_put(again, &st), again + PK_STAT_LEN);
    assert_memory_equal(again, at, PK_STAT_LEN);
}

static void check_reply(const struct sup_golden *g)
{
    struct pk_reply r;
    if (sup_field(g, "session") != NULL) {
        struct pk_connect_response c;
        assert_int_equal(pk_connect_response_decode(g->bytes, g->len, &c), PK_OK);
        assert_true(c.session_id == number(g, "session", -1));
        assert_int_equal(c.timeout, number(g, "timeout", -1));
        for (size_t cut = 0; cut < 36; cut++) {
            uint8_t *p = sup_fence(g->bytes, cut);
            assert_int_equal(pk_connect_response_decode(p, cut, &c), PK_EMALFORMED);
            sup_unfence(p, cut);
        }
        return;
    }
    assert_true(g->len >= PK_REPLY_HEADER);
    pk_reply_load(&r, g->bytes);
    assert_int_equal(r.err, number(g, "err", 0));
    const char *stat = sup_field(g, "stat");
    if (stat != NULL)
        check_stat(g, stat);
    uint8_t head[4 + PK_REPLY_HEADER];
    assert_ptr_equal(pk_put_reply(head, g->len - PK_REPLY_HEADER, r.xid, r.zxid, r.err), head + sizeof head);
    assert_int_equal(pk_load32(head), g->len);
    assert_memory_equal(head + 4, g->bytes, PK_REPLY_HEADER);
}

static void check_event(const struct sup_golden *g)
{
    struct pk_watcher_event e;
    struct pk_reply r;
    pk_reply_load(&r, g->bytes);
    assert_int_equal(r.xid, PK_XID_NOTIFICATION);
    size_t len = g->len - PK_REPLY_HEADER;
    assert_int_equal(pk_watcher_event_decode(g->bytes + PK_REPLY_HEADER, len, &e), PK_OK);
    assert_int_equal(e.type, number(g, "type", -1));
    assert_int_equal(e.state, 3);
    assert_true(sup_is(e.path, sup_field(g, "path")));
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *p = sup_fence(g->bytes + PK_REPLY_HEADER, cut);
        assert_int_equal(pk_watcher_event_decode(p, cut, &e), PK_EMALFORMED);
        sup_unfence(p, cut);
    }
}

static void golden(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof captures / sizeof captures[0]; c++) {
        struct sup_golden *lines;
        size_t n = sup_golden(captures[c], &lines);
        for (size_t i = 0; i < n; i++) {
            const struct sup_golden *g = &lines[i];
            bool connect = strncmp(g->text, " connect", 8) == 0;
            if (g->mark == '>' && connect)
                check_connect(g);
            else if (g->mark == '>')
                check_request(g);
            else if (g->mark == '!')
                check_event(g);
            else
                check_reply(g);
        }
        free(lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
