/*
 * The election.
 *
 * Happy path: nobody is there; one multi, and the ensemble has agreed.
 * Failure modes: somebody was first, or the list is another than was read: read again. An answer that never came: what
 * is there says whether we were carried out. What others have written there and does not decode is nobody's.
 */
#include "core/peer/election.h"

#include <string.h>

#include "base/hex.h"
#include "core/peer/rules.h"
#include "proto/multi.h"

enum { HEX = 2 * PK_INCARNATION, LIST_MOST = PK_GROUP_MEMBERS * (HEX + 1) };

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool get_hex(struct pk_bytes text, uint8_t incarnation[PK_INCARNATION])
{
    if (text.len < HEX)
        return false;
    for (int i = 0; i < PK_INCARNATION; i++) {
        int high = digit(text.p[2 * i]), low = digit(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        incarnation[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool pk_election_ask(struct pk_member *m, int32_t op, struct pk_bytes path, enum pk_group_part part,
                     int32_t number)
{
    struct pk_entry *e =
        pk_send_internal(m->sync->conns, m->sync->service.uplink, PK_ANSWER_GROUP, op, path, m);
    if (e == NULL)
        return false;
    e->part = (uint8_t)part;
    e->xid = number;
    return true;
}

void pk_election_look(struct pk_member *m)
{
    struct pk_election *e = &m->election;
    e->looking = true;
    e->looked_us = e->began_us = pk_member_now(m);
    e->fresh = (struct pk_look){0};
    if (pk_election_ask(m, PK_OP_SYNC, pk_text(m->primary), PK_PART_NONE, 0) &&
        pk_election_ask(m, PK_OP_GET_DATA, pk_text(m->primary), PK_PART_PRIMARY, 0))
        (void)pk_election_ask(m, PK_OP_GET_DATA, pk_text(m->copies), PK_PART_COPIES, 0);
}

/* The bytes of a request that makes or writes a znode. */
struct write {
    int32_t op;
    const char *path;
    struct pk_bytes data;
    int32_t last; /* flags of a create, version of a setData */
};

static size_t write_len(const struct write *w)
{
    size_t len = pk_bytes_len(pk_text(w->path)) + pk_bytes_len(w->data) + 4;
    return len + (w->op == PK_OP_CREATE ? PK_OPEN_ACL_LEN : 0);
}

static uint8_t *put_write(uint8_t *p, const struct write *w)
{
    p = pk_put_bytes(pk_put_bytes(p, pk_text(w->path)), w->data);
    if (w->op == PK_OP_CREATE)
        p = pk_put_open_acl(p);
    return pk_put_int(p, w->last);
}

static void send(struct pk_member *m, int32_t op, const struct write *w, uint32_t n, enum pk_group_part part)
{
    size_t len = op == PK_OP_MULTI ? PK_MULTI_HEADER : 0;
    uint8_t *p;
    for (uint32_t i = 0; i < n; i++)
        len += write_len(&w[i]) + (op == PK_OP_MULTI ? PK_MULTI_HEADER : 0);
    struct pk_entry *e =
        pk_send_internal_body(m->sync->conns, m->sync->service.uplink, PK_ANSWER_GROUP, op, len, m, &p);
    if (e == NULL)
        return;
    e->part = (uint8_t)part;
    for (uint32_t i = 0; i < n; i++) {
        if (op == PK_OP_MULTI)
            p = pk_put_multi(p, w[i].op, false, -1);
        p = put_write(p, &w[i]);
    }
    if (op == PK_OP_MULTI)
        pk_put_multi(p, -1, true, -1);
}

static struct pk_bytes view(const char *p, size_t len)
{
    return (struct pk_bytes){(const uint8_t *)p, (uint32_t)len};
}

void pk_election_try(struct pk_member *m)
{
    struct pk_election *e = &m->election;
    char self[HEX + 1 + PK_GROUP_ADDRESS], list[HEX + 1];
    size_t len = strlen(m->address);
    pk_put_hex(self, m->incarnation, PK_INCARNATION);
    self[HEX] = ' ';
    memcpy(self + HEX + 1, m->address, len);
    pk_put_hex(list, m->incarnation, PK_INCARNATION);
    list[HEX] = '\n';
    struct pk_bytes alone = view(list, sizeof list);
    const struct write writes[] = {
        {PK_OP_CREATE, m->primary, view(self, HEX + 1 + len), PK_CREATE_EPHEMERAL},
        e->look.list_there ? (struct write){PK_OP_SET_DATA, m->copies, alone, e->look.list_version}
                           : (struct write){PK_OP_CREATE, m->copies, alone, PK_CREATE_PERSISTENT},
    };
    e->trying = true;
    e->listed = pk_rule_is_listed(m, &e->look);
    send(m, PK_OP_MULTI, writes, 2, PK_PART_TRY);
}

void pk_election_list(struct pk_member *m)
{
    char list[LIST_MOST];
    size_t len = 0;
    m->nasked = 0;
    pk_put_hex(list, m->incarnation, PK_INCARNATION);
    list[HEX] = '\n';
    len = HEX + 1;
    for (struct pk_list *at = m->mates.next; at != &m->mates; at = at->next) {
        const struct pk_mate *mate = PK_CONTAINER(at, struct pk_mate, list);
        if (!mate->wanted || m->nasked == PK_GROUP_MEMBERS - 1)
            continue;
        memcpy(m->asked[m->nasked++], mate->incarnation, PK_INCARNATION);
        pk_put_hex(list + len, mate->incarnation, PK_INCARNATION);
        list[len + HEX] = '\n';
        len += HEX + 1;
    }
    m->listing = true;
    const struct write w = {PK_OP_SET_DATA, m->copies, view(list, len), m->election.look.list_version};
    send(m, PK_OP_SET_DATA, &w, 1, PK_PART_LIST);
}

/* Makes the znodes above. */
static void make_parents(struct pk_member *m)
{
    char path[PK_GROUP_ADDRESS * 4];
    size_t len = strlen(m->path);
    for (size_t end = 1; end <= len && len < sizeof path; end++) {
        if (end < len && m->path[end] != '/')
            continue;
        memcpy(path, m->path, end);
        path[end] = '\0';
        const struct write w = {PK_OP_CREATE, path, PK_BYTES(""), PK_CREATE_PERSISTENT};
        send(m, PK_OP_CREATE, &w, 1, PK_PART_NONE);
    }
}

/* Data and Stat of getData's answer; false for any other. */
static bool get_data(const struct pk_reply *r, struct pk_bytes body, struct pk_bytes *data,
                     struct pk_stat *st)
{
    struct pk_in in = pk_in(body.p, body.len);
    if (r->err != PK_Z_OK)
        return false;
    *data = pk_get_bytes(&in);
    if (in.bad || pk_in_left(&in) != PK_STAT_LEN)
        return false;
    pk_stat_load(st, in.p);
    return true;
}

static void take_primary(struct pk_look *look, struct pk_bytes data, const struct pk_stat *st)
{
    look->there = true;
    look->epoch = st->czxid;
    look->owner = st->ephemeral_owner;
    if (!get_hex(data, look->incarnation) || data.len < HEX + 1)
        return;
    pk_address_copy(look->address, (struct pk_bytes){data.p + HEX + 1, data.len - HEX - 1});
}

static void take_list(struct pk_look *look, struct pk_bytes data, const struct pk_stat *st)
{
    look->list_there = true;
    look->list_version = st->version;
    for (uint32_t at = 0; at + HEX <= data.len && look->nlisted < PK_GROUP_MEMBERS; at += HEX + 1)
        look->nlisted += get_hex((struct pk_bytes){data.p + at, data.len - at}, look->listed[look->nlisted]);
}

static enum pk_news looked(struct pk_member *m, int part, const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_election *e = &m->election;
    struct pk_bytes data;
    struct pk_stat st;
    bool got = get_data(r, body, &data, &st);
    if (!got && r->err != PK_Z_NO_NODE) {
        e->looking = false;
        return PK_NEWS_NONE;
    }
    if (got && part == PK_PART_PRIMARY)
        take_primary(&e->fresh, data, &st);
    if (got && part == PK_PART_COPIES)
        take_list(&e->fresh, data, &st);
    if (part != PK_PART_COPIES)
        return PK_NEWS_NONE;
    e->looking = false;
    e->look = e->fresh;
    e->asked_us = e->began_us;
    return PK_NEWS_LOOKED;
}

static enum pk_news tried(struct pk_member *m, const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_look *look = &m->election.look;
    uint32_t at;
    int32_t code = r->err;
    m->election.trying = false;
    if (pk_multi_succeeded(r, body)) {
        look->list_version = look->list_there ? look->list_version + 1 : 0;
        look->epoch = r->zxid;
        return PK_NEWS_ELECTED;
    }
    (void)pk_multi_first_error(body, &at, &code);
    if (code == PK_Z_NO_NODE)
        make_parents(m);
    return PK_NEWS_BEATEN;
}

static enum pk_news listed(struct pk_member *m, const struct pk_reply *r, struct pk_bytes body)
{
    m->listing = false;
    if (r->err != PK_Z_OK || body.len != PK_STAT_LEN)
        return PK_NEWS_WIPED;
    struct pk_stat st;
    pk_stat_load(&st, body.p);
    m->election.look.list_version = st.version;
    return PK_NEWS_LISTED;
}

enum pk_news pk_election_answer(struct pk_member *m, const struct pk_entry *e, const struct pk_reply *r,
                                struct pk_bytes body)
{
    switch ((enum pk_group_part)e->part) {
    case PK_PART_PRIMARY:
    case PK_PART_COPIES:
        return looked(m, e->part, r, body);
    case PK_PART_TRY:
        return tried(m, r, body);
    case PK_PART_LIST:
        return listed(m, r, body);
    default:
        return PK_NEWS_NONE;
    }
}
