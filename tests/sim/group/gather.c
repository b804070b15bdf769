/*
 * Several znodes at once (gather.h).
 *
 * Happy path: each part of an answer is judged as an answer of its own (oracle.h).
 * Failure modes: an answer of another shape than its request asks for is a finding.
 */
#include "gather.h"

#include <stdio.h>

#include "ask.h"
#include "foreign.h"
#include "tests/sim/wire.h"

enum { OFTEN = 2 /* of these, workers remove the first now and then, so that they come back to memory */ };

static const char others[] = "/wb"; /* the cached ones are the only ones below it */

/* Znodes of memory that were named once are the ensemble's from then on: some of them seldom. */
static int some_path(struct world *w)
{
    if (world_chance(w, 3))
        return (int)sup_below(&w->rng, OFTEN);
    int path = (int)sup_below(&w->rng, ORACLE_PATHS);
    return path >= OFTEN && path < 5 && !world_chance(w, 6) ? 5 + path % 4 : path;
}

static void several(struct world *w, struct client *c, struct sup_buf *b)
{
    struct request *r = ask_add(w, c, PK_OP_MULTI_READ, -1);
    size_t mark = wire_multi(b, r->xid, PK_OP_MULTI_READ);
    r->nparts = 1 + (int)sup_below(&w->rng, PARTS_MAX);
    for (int i = 0; i < r->nparts; i++) {
        r->parts[i] = world_chance(w, 30) ? LIST_PART : some_path(w);
        if (r->parts[i] == LIST_PART)
            wire_multi_read(b, PK_OP_GET_CHILDREN, ASK_PARENT);
        else
            wire_multi_read(b, PK_OP_GET_DATA, oracle_paths[r->parts[i]].path);
    }
    wire_multi_end(b, mark);
}

void gather_ask(struct world *w, struct client *c, struct sup_buf *b)
{
    static const int few[] = {PK_OP_GET_ALL_CHILDREN_NUMBER, PK_OP_GET_CHILDREN, PK_OP_GET_ACL};
    int op = few[sup_below(&w->rng, 3)];
    if (!world_chance(w, 3)) {
        several(w, c, b);
        return;
    }
    if (op == PK_OP_GET_ACL) {
        int path = (int)sup_below(&w->rng, ORACLE_PATHS);
        wire_path(b, ask_add(w, c, op, path)->xid, op, oracle_paths[path].path);
    } else if (op == PK_OP_GET_CHILDREN) {
        wire_read(b, ask_add(w, c, op, -1)->xid, op, ASK_PARENT, false);
    } else {
        struct request *r = ask_add(w, c, op, -1);
        r->parts[0] = (int)sup_below(&w->rng, 2);
        wire_path(b, r->xid, op, r->parts[0] == 0 ? ASK_PARENT : others);
    }
}

void gather_ephemerals(struct world *w, struct client *c, struct sup_buf *b)
{
    struct request *r = ask_add(w, c, PK_OP_GET_EPHEMERALS, -1);
    r->locks = c->locked == c->session;
    wire_path(b, r->xid, PK_OP_GET_EPHEMERALS, "/storm/lock");
}

/* ---- answers --------------------------------------------------------------------------------------------- */

static void odd(struct world *w, const struct client *c, const struct request *r)
{
    world_wrong(w, "client %d: the answer to type %d has another shape than was asked for", c->number, r->op);
}

static size_t list_len(const uint8_t *p, size_t len)
{
    size_t at = 4;
    for (uint32_t n = sup_be32(p); n > 0 && at + 4 <= len; n--)
        at += 4 + (size_t)sup_be32(p + at);
    return at;
}

static void missing(struct world *w, struct client *c, const struct request *r, int part, int code)
{
    if (code != PK_Z_NO_NODE)
        world_wrong(w, "client %d: a part of a multiRead is answered %d", c->number, code);
    else if (part == LIST_PART)
        ask_list(w, c, r, code, NULL, 0);
    else
        oracle_shown(w, c->number, part, r->floors[part], ABSENT, -1);
}

/* One part of the answer to a multiRead; its length, 0: it has another shape. */
static size_t part_came(struct world *w, struct client *c, const struct request *r, int part,
                        const uint8_t *p, size_t len)
{
    const uint8_t *body = p + PK_MULTI_HEADER;
    size_t left = len - PK_MULTI_HEADER, n;
    int type = (int)sup_be32(p), version;
    if (len < PK_MULTI_HEADER + 4 || p[4] != 0)
        return 0;
    if (type == -1) {
        missing(w, c, r, part, (int)sup_be32(body));
        return PK_MULTI_HEADER + 4;
    }
    if (type != (part == LIST_PART ? PK_OP_GET_CHILDREN : PK_OP_GET_DATA))
        return 0;
    if (part == LIST_PART) {
        n = list_len(body, left);
        ask_list(w, c, r, 0, body, n);
        return PK_MULTI_HEADER + n;
    }
    n = 4 + (size_t)sup_be32(body) + PK_STAT_LEN;
    if (n > left)
        return 0;
    int shown = ask_data(body, n, &version);
    oracle_shown(w, c->number, part, r->floors[part], shown, version);
    return PK_MULTI_HEADER + n;
}

static void several_came(struct world *w, struct client *c, const struct request *r, int err,
                         const uint8_t *p, size_t len)
{
    size_t at = 0;
    for (int i = 0; err == 0 && i < r->nparts; i++) {
        size_t n = part_came(w, c, r, r->parts[i], p + at, len - at);
        if (n == 0 || n > len - at) {
            odd(w, c, r);
            return;
        }
        at += n;
    }
    if (err != 0)
        world_wrong(w, "client %d: a multiRead is answered %d", c->number, err);
    else if (len - at != PK_MULTI_HEADER || p[at + 4] == 0)
        odd(w, c, r);
}

/* So many are there at least, and at most. Where somebody else has made one that memory holds, both are counted until
 * that is noticed. */
static void count_came(struct world *w, struct client *c, const struct request *r, int err, const uint8_t *p)
{
    const char *root = r->parts[0] == 0 ? ASK_PARENT : others;
    int least = 0, most = foreign_made(w) + w->numbered, n = err == 0 ? (int)sup_be32(p) : 0;
    for (int i = 0; i < ORACLE_PATHS; i++)
        if (strncmp(oracle_paths[i].path, root, strlen(root)) == 0) {
            least += !oracle_may_be(w, i, r->floors[i], false);
            most += oracle_may_be(w, i, r->floors[i], true);
        }
    world_trace(w, "client %d: %d below %s, which has %d to %d", c->number, n, root, least, most);
    if (n < least || n > most)
        world_wrong(w, "(b) client %d: %d below %s, which has %d to %d", c->number, n, root, least, most);
}

static void ephemerals_came(struct world *w, struct client *c, const struct request *r, int err,
                            const uint8_t *p)
{
    char path[64];
    int len = snprintf(path, sizeof path, "/storm/lock%d", c->number);
    bool there =
        err == 0 && sup_be32(p) == 1 && (int)sup_be32(p + 4) == len && memcmp(p + 8, path, (size_t)len) == 0;
    if (err != 0 || (r->locks && !there))
        world_wrong(w, "client %d: its session's ephemeral znodes are answered %d, without its own",
                    c->number, err);
}

bool gather_came(struct world *w, struct client *c, const struct request *r, int err, const uint8_t *body,
                 size_t len)
{
    switch (r->op) {
    case PK_OP_MULTI_READ:
        several_came(w, c, r, err, body, len);
        return true;
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
        count_came(w, c, r, err, body);
        return true;
    case PK_OP_GET_EPHEMERALS:
        ephemerals_came(w, c, r, err, body);
        return true;
    default:
        return false;
    }
}
