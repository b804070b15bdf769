/*
 * Links.
 *
 * Happy path: HELLO, WELCOME, a snapshot, and from then on a record for each change of the primary's.
 * Failure modes: bytes that are no frames, memory short: the link is closed, and tried again. The copy that was whole
 * stays until another one is.
 */
#include "core/peer/link.h"

#include <string.h>

enum {
    AGAIN_US = 10 * 1000 /* between two attempts while it is not known what became of a primary just lost */
};

static size_t longest(const struct pk_member *m)
{
    return 4 * (size_t)m->sync->conns->limits.max_frame + PK_FRAME_SHORT;
}

uint8_t *pk_link_room(struct pk_member *m, struct pk_link *l, size_t len)
{
    struct pk_conns *conns = m->sync->conns;
    struct pk_out *out = l->u->client != NULL ? &l->u->client->out : &l->u->out;
    if (l->u->client != NULL)
        pk_out_stays(out); /* until the end of the round */
    uint8_t *p = !l->u->ending ? pk_out_room(&conns->out, out, len) : NULL;
    if (p == NULL)
        pk_conn_close(conns, l->u, PK_CLOSE_NO_MEMORY);
    pk_conn_changed(conns, l->u);
    return p;
}

void pk_link_send(struct pk_member *m, struct pk_link *l, enum pk_frame_kind kind, const int64_t *v, int n)
{
    uint8_t *p = pk_link_room(m, l, pk_longs_len(n));
    if (p != NULL)
        pk_longs_put(p, kind, v, n);
}

/* Takes the whole frames of p[0..n); returns how many bytes they were, SIZE_MAX: they are no frames. */
static size_t take_span(struct pk_member *m, struct pk_link *l, const uint8_t *p, size_t n,
                        bool (*take)(struct pk_member *, struct pk_link *, int, struct pk_bytes))
{
    size_t off = 0;
    int kind;
    struct pk_bytes body;
    while (off < n && !l->u->ending) {
        size_t len = pk_frame_next(p + off, n - off, longest(m), &kind, &body);
        if (len == SIZE_MAX)
            return len;
        if (len == 0)
            break;
        if (!take(m, l, kind, body))
            return SIZE_MAX;
        off += len;
    }
    return l->u->ending ? n : off;
}

bool pk_link_frames(struct pk_member *m, struct pk_link *l, const uint8_t *p, size_t n,
                    bool (*take)(struct pk_member *, struct pk_link *, int, struct pk_bytes))
{
    const struct pk_mem *mem = m->sync->mem;
    struct pk_backlog *b = &l->in;
    l->heard_us = pk_member_now(m);
    while (n > 0 && !l->u->ending) {
        bool begun = pk_backlog_waiting(b) > 0;
        size_t some = begun ? pk_backlog_missing(b, n) : take_span(m, l, p, n, take);
        if (some == SIZE_MAX)
            return false;
        if (!begun && some == n)
            return true;
        if (!begun) {
            p += some;
            n -= some;
            some = n;
        }
        if (pk_backlog_keep(mem, b, p, some) != PK_OK) {
            pk_conn_close(m->sync->conns, l->u, PK_CLOSE_NO_MEMORY);
            return true;
        }
        p += some;
        n -= some;
        size_t used = take_span(m, l, b->p + b->off, pk_backlog_waiting(b), take);
        if (used == SIZE_MAX)
            return false;
        b->off += used;
        if (pk_backlog_waiting(b) == 0)
            pk_backlog_drop(mem, b);
    }
    return true;
}

/* A connection of our own to the primary. */
static void open_link(struct pk_member *m)
{
    struct pk_conns *conns = m->sync->conns;
    struct pk_link *l = pk_zalloc(m->sync->mem, sizeof *l);
    struct pk_uplink *u = l != NULL ? pk_uplink_new(conns) : NULL;
    m->linked_us = pk_member_now(m);
    if (u == NULL) {
        pk_free(m->sync->mem, l);
        return;
    }
    pk_list_init(&l->list);
    pk_list_init(&l->cursor.list);
    l->u = u;
    l->heard_us = pk_member_now(m);
    l->acked = -1;
    l->epoch = m->election.look.epoch;
    memcpy(l->address, m->election.look.address, sizeof l->address);
    memcpy(l->incarnation, m->election.look.incarnation, sizeof l->incarnation);
    u->group = true;
    u->where = PK_TO_MEMBER_LINK;
    u->address = l->address;
    pk_uplink_move(u, PK_UPLINK_OPENING);
    u->want_open = true;
    m->link = l;
}

/* A process that is killed closes its connections before its port: for a moment it takes some that nobody answers. */
static bool is_doubtful(const struct pk_member *m)
{
    return m->ended && !m->refused && !m->reborn && pk_member_now(m) - m->lost_us < PK_LINK_SILENT_US;
}

/* Whether a link is to be tried now: to the primary that was seen, a while after the one before. */
static bool to_open(const struct pk_member *m)
{
    const struct pk_look *look = &m->election.look;
    return m->link == NULL && m->role == PK_ROLE_STANDBY && look->there && look->address[0] != '\0' &&
           pk_member_now(m) - m->linked_us >= (is_doubtful(m) ? AGAIN_US : PK_HEARTBEAT_US);
}

static void acknowledge(struct pk_member *m, struct pk_link *l)
{
    int64_t position = l->state == PK_LINK_WHOLE ? m->copy->position : 0;
    const int64_t v[] = {position, l->question};
    l->to_ack = false;
    l->acked = position;
    pk_link_send(m, l, PK_FRAME_ACK, v, 2);
}

void pk_link_step(struct pk_member *m)
{
    struct pk_link *l = m->link;
    if (l == NULL) {
        if (to_open(m))
            open_link(m);
        return;
    }
    bool other = m->election.look.there && m->election.look.epoch != l->epoch;
    if (other || pk_member_now(m) - l->heard_us >= PK_LINK_SILENT_US || m->role != PK_ROLE_STANDBY) {
        pk_link_close(m);
        return;
    }
    bool applied = l->state == PK_LINK_WHOLE && m->copy->position != l->acked;
    if (l->state >= PK_LINK_RELAYING && (l->to_ack || applied))
        acknowledge(m, l);
}

void pk_link_close(struct pk_member *m)
{
    if (m->link != NULL)
        pk_conn_close(m->sync->conns, m->link->u, PK_CLOSE_LINK_LOST);
}

int64_t pk_link_ask(struct pk_member *m)
{
    struct pk_link *l = m->link;
    if (l == NULL || l->u->ending)
        return INT64_MAX;
    l->to_ack = true;
    return ++l->question;
}

void pk_link_ready(struct pk_member *m)
{
    struct pk_link *l = m->link;
    struct pk_store *store = m->sync->store;
    struct pk_hello h = {.version = m->link_version,
                         .incarnation = {m->incarnation, PK_INCARNATION},
                         .address = pk_text(m->address)};
    size_t mounts = pk_hello_mounts_len(store->mounts, store->nmounts);
    struct pk_blob *blob = pk_blob_room(m->sync->mem, mounts);
    pk_uplink_move(l->u, PK_UPLINK_HANDSHAKE);
    pk_uplink_move(l->u, PK_UPLINK_UP);
    m->sync->stats->uplinks++;
    l->heard_us = pk_member_now(m);
    l->state = PK_LINK_GREETED;
    if (blob == NULL) {
        pk_conn_close(m->sync->conns, l->u, PK_CLOSE_NO_MEMORY);
        return;
    }
    pk_hello_mounts_put(blob->bytes, store->mounts, store->nmounts);
    h.mounts = pk_blob_view(blob);
    uint8_t *p = pk_link_room(m, l, pk_hello_len(&h, PK_FRAME_HELLO));
    if (p != NULL)
        pk_hello_put(p, &h, PK_FRAME_HELLO);
    pk_blob_unref(m->sync->mem, blob);
}

/* The link is answered: what was true of the one before is no more. */
static void answered(struct pk_member *m, struct pk_link *l, enum pk_link_state to)
{
    l->state = to;
    l->beat_us = pk_member_now(m);
    m->before_epoch = l->epoch;
    memcpy(m->before_address, l->address, sizeof m->before_address);
    m->ended = m->refused = m->goodbye = m->reborn = false;
    m->alone_said = false;
    m->refused_us = 0;
    m->wishes |= PK_WISH_OPEN;
}

static bool welcomed(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    struct pk_hello h;
    if (!pk_hello_get(body, PK_FRAME_WELCOME, &h) || h.passwd.len != PK_PASSWD_LEN || h.epoch != l->epoch)
        return false;
    if (h.version < PK_LINK_OLDEST || h.version > m->link_version) /* not what we asked for */
        return false;
    m->ender.state = PK_ENDER_NONE;
    m->ender.epoch = h.epoch;
    m->ender.session_id = h.session_id;
    memcpy(m->ender.passwd, h.passwd.p, PK_PASSWD_LEN);
    l->version = h.version;
    if (m->copy != NULL && m->copy->epoch != h.epoch)
        pk_copy_drop(&m->copy);
    answered(m, l, PK_LINK_COPYING);
    return true;
}

static bool refused(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    struct pk_refused r;
    if (!pk_refused_get(body, &r))
        return false;
    if (r.why == PK_REFUSAL_NOT_PRIMARY) {
        m->reborn = memcmp(r.incarnation.p, l->incarnation, PK_INCARNATION) != 0;
        m->ended = m->ended || m->reborn;
        return false;
    }
    if (!m->other_said)
        pk_member_log(m, PK_LOG_EVENT_GROUP_NO_COPY, l->address, r.why);
    m->other_said = true;
    answered(m, l, PK_LINK_RELAYING);
    return true;
}

static bool began(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    int64_t v[PK_FRAME_LONGS];
    if (!pk_longs_get(body, v, 3))
        return false;
    l->of_bytes = v[2] > 0 ? (uint64_t)v[2] : 0;
    l->sent_bytes = 0;
    pk_copy_drop(&m->next);
    m->next = pk_copy_new(m->sync->store, l->epoch);
    pk_member_log(m, PK_LOG_EVENT_GROUP_COPYING, l->address, v[1]);
    return m->next != NULL;
}

static bool recorded(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    struct pk_link_record r;
    struct pk_copy **to = l->state == PK_LINK_WHOLE ? &m->copy : &m->next;
    if (*to == NULL || !pk_record_get(body, &r))
        return false;
    l->sent_bytes += l->state == PK_LINK_COPYING ? body.len : 0;
    if (pk_copy_apply(*to, &r) == PK_OK)
        return true;
    pk_copy_drop(to);
    return false;
}

static bool refreshed(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    struct pk_link_refresh r;
    if (l->state != PK_LINK_WHOLE || m->copy == NULL || !pk_refresh_get(body, &r))
        return false;
    if (pk_copy_refresh(m->copy, &r) == PK_OK)
        return true;
    pk_copy_drop(&m->copy);
    return false;
}

static bool ended(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    int64_t v[PK_FRAME_LONGS];
    if (!pk_longs_get(body, v, 1) || m->next == NULL)
        return false;
    pk_copy_drop(&m->copy);
    m->copy = m->next;
    m->next = NULL;
    m->copy->position = v[0];
    l->state = PK_LINK_WHOLE;
    pk_member_log(m, PK_LOG_EVENT_GROUP_COPIED, l->address, m->copy->stats.znodes);
    return true;
}

static bool beaten(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    int64_t v[PK_FRAME_LONGS];
    if (!pk_longs_get(body, v, 3))
        return false;
    if (v[1] != 0)
        l->beat_us = pk_member_now(m);
    if (v[2] > l->answered)
        m->wishes |= PK_WISH_SERVED;
    l->answered = v[2];
    l->to_ack = true;
    return true;
}

static bool take(struct pk_member *m, struct pk_link *l, int kind, struct pk_bytes body)
{
    switch (kind) {
    case PK_FRAME_WELCOME:
        return welcomed(m, l, body);
    case PK_FRAME_REFUSED:
        return refused(m, l, body);
    case PK_FRAME_SNAPSHOT_BEGIN:
        return began(m, l, body);
    case PK_FRAME_RECORD:
        return recorded(m, l, body);
    case PK_FRAME_REFRESH:
        return refreshed(m, l, body);
    case PK_FRAME_SNAPSHOT_END:
        return ended(m, l, body);
    case PK_FRAME_HEARTBEAT:
        return beaten(m, l, body);
    case PK_FRAME_GOODBYE:
        l->goodbye = m->goodbye = true;
        m->election.looked_us = 0;
        m->wishes |= PK_WISH_SERVED;
        return true;
    default:
        return true;
    }
}

void pk_link_bytes(struct pk_member *m, const uint8_t *p, size_t n)
{
    if (m->link != NULL && !pk_link_frames(m, m->link, p, n, take))
        pk_link_close(m);
}

void pk_link_failed(struct pk_member *m, bool is_refused)
{
    m->refused = m->refused || is_refused;
    pk_link_close(m);
}

void pk_link_eof(struct pk_member *m)
{
    struct pk_link *l = m->link;
    if (l != NULL && l->state >= PK_LINK_RELAYING && !l->u->ending)
        m->ended = true;
    pk_link_close(m);
}

void pk_link_ended(struct pk_member *m)
{
    struct pk_link *l = m->link;
    if (l->state >= PK_LINK_RELAYING) {
        m->lost_us = pk_member_now(m);
        m->linked_us = 0; /* tried again at once */
        m->election.looked_us = 0;
    }
    m->link = NULL;
    pk_copy_drop(&m->next);
    pk_backlog_drop(m->sync->mem, &l->in);
    pk_free(m->sync->mem, l);
    m->wishes |= PK_WISH_SERVED;
}
