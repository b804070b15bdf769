/*
 * The reference (reference.h).
 *
 * Happy path: both answers are masked in copies and compared byte by byte.
 * Failure modes: an answer that does not decode is compared as it is.
 */
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire.h"
#include "zk_ops.h"

static void on_emit(void *ctx, int link, const uint8_t *p, size_t len)
{
    struct ref *r = ctx;
    sup_raw(&r->out[link], p, len);
}

static void on_hangup(void *ctx, int link)
{
    struct ref *r = ctx;
    r->hung_up[link] = true;
}

void ref_init(struct ref *r)
{
    memset(r, 0, sizeof *r);
    zk_init(&r->zk);
    r->zk.emit = on_emit;
    r->zk.hangup = on_hangup;
    r->zk.ctx = r;
}

void ref_free(struct ref *r)
{
    for (int i = 0; i < ZK_LINKS; i++)
        sup_buf_free(&r->out[i]);
    zk_free(&r->zk);
}

int ref_connect(struct ref *r, int timeout_ms)
{
    struct sup_buf b = {0};
    int link = r->nlinks++;
    assert_true(link < ZK_LINKS);
    wire_connect(&b, 0, timeout_ms, 0, 0);
    zk_feed(&r->zk, link, b.p + 4, b.len - 4);
    assert_int_equal(r->out[link].len, WIRE_CONNECT_REPLY);
    r->off[link] = WIRE_CONNECT_REPLY;
    sup_buf_free(&b);
    return link;
}

void ref_send(struct ref *r, int link, const struct sup_buf *bytes)
{
    for (size_t at = 0; at < bytes->len && !r->hung_up[link]; at += 4 + sup_be32(bytes->p + at))
        zk_feed(&r->zk, link, bytes->p + at + 4, sup_be32(bytes->p + at));
}

bool ref_frame(struct ref *r, int link, struct sim_frame *f)
{
    struct sup_buf *out = &r->out[link];
    if (r->off[link] == out->len)
        return false;
    const uint8_t *p = out->p + r->off[link];
    r->off[link] += 4 + sup_be32(p);
    *f = sim_frame_at(p);
    return true;
}

static void mask_stat(struct zk_in *in)
{
    uint8_t *p = (uint8_t *)in->p;
    if (in->end - in->p < PK_STAT_LEN) {
        in->bad = true;
        return;
    }
    memset(p, 0, 32);     /* czxid, mzxid, ctime, mtime */
    memset(p + 60, 0, 8); /* pzxid */
    in->p += PK_STAT_LEN;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct zk_in *in)
{
    static char room[2048][256];
    char *names[2048];
    uint8_t *start = (uint8_t *)in->p + 4;
    int64_t n = zk_in_int(in);
    if (n > 2048)
        in->bad = true;
    for (int64_t i = 0; i < n && !in->bad; i++) {
        zk_in_str(in, room[i], sizeof room[i]);
        names[i] = room[i];
    }
    if (in->bad)
        return;
    qsort(names, n > 0 ? (size_t)n : 0, sizeof names[0], by_name);
    for (int64_t i = 0; i < n; i++) {
        size_t len = strlen(names[i]);
        start[0] = start[1] = 0;
        start[2] = (uint8_t)(len >> 8);
        start[3] = (uint8_t)len;
        memcpy(start + 4, names[i], len);
        start += 4 + len;
    }
}

static void mask(int op, struct zk_in *in)
{
    char text[512];
    int len;
    switch (op) {
    case PK_OP_EXISTS:
    case PK_OP_SET_DATA:
    case PK_OP_SET_ACL:
        mask_stat(in);
        break;
    case PK_OP_GET_DATA:
        zk_in_buf(in, &len);
        mask_stat(in);
        break;
    case PK_OP_GET_ACL:
        for (int64_t n = zk_in_int(in); n > 0 && !in->bad; n--) {
            zk_in_int(in);
            zk_in_buf(in, &len);
            zk_in_buf(in, &len);
        }
        mask_stat(in);
        break;
    case PK_OP_GET_CHILDREN:
        sort_names(in);
        break;
    case PK_OP_GET_CHILDREN2:
        sort_names(in);
        mask_stat(in);
        break;
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        zk_in_str(in, text, sizeof text);
        mask_stat(in);
        break;
    case PK_OP_CREATE:
        zk_in_str(in, text, sizeof text);
        break;
    default:
        break;
    }
}

/* Zeroes zxids and times in the body of an answer to op, and sorts its names. */
static void mask_answer(int op, uint8_t *body, size_t len)
{
    struct zk_in in = {body, body + len, false};
    if (op != PK_OP_MULTI && op != PK_OP_MULTI_READ) {
        mask(op, &in);
        return;
    }
    while (!in.bad && in.p < in.end) {
        int type = (int)zk_in_int(&in), done = zk_in_byte(&in);
        zk_in_int(&in);
        if (done)
            break;
        if (type == -1)
            zk_in_int(&in);
        else
            mask(type, &in);
    }
}

static void hex(const char *title, const struct sim_frame *f)
{
    fprintf(stderr, "%s xid %d err %d:", title, f->xid, f->err);
    for (size_t i = 0; i < f->len && i < 300; i++)
        fprintf(stderr, "%s%02x", i % 4 == 0 ? " " : "", f->body[i]);
    fprintf(stderr, "\n");
}

void ref_compare(int op, const struct sim_frame *want, const struct sim_frame *got, const char *text)
{
    struct sup_buf a = {0}, b = {0};
    sup_raw(&a, want->body, want->len);
    sup_raw(&b, got->body, got->len);
    if (want->err == PK_Z_OK && got->err == PK_Z_OK) {
        mask_answer(op, a.p, a.len);
        mask_answer(op, b.p, b.len);
    }
    if (want->xid != got->xid || want->err != got->err || a.len != b.len ||
        (a.len > 0 && memcmp(a.p, b.p, a.len) != 0)) {
        hex("wanted", want);
        hex("   got", got);
        fail_msg("%s", text);
    }
    sup_buf_free(&a);
    sup_buf_free(&b);
}
