/*
 * Copies, the primary's side.
 *
 * Happy path: a record for each change leaves with the turn; an acknowledgement lets out what waited for it.
 * Failure modes: a copy that is slow, or whose link has ended, is taken off the list first, and nothing leaves until
 * the ensemble has agreed; a list that was changed by somebody else means that we are replaced.
 */
#include "core/peer/copies.h"

#include <string.h>

#include "core/peer/election.h"
#include "core/peer/link.h"
#include "core/peer/rules.h"

enum {
    PIECE_ZNODES = 4096,
    PIECE_BYTES = 128 * 1024,    /* of a snapshot in one turn */
    SNAPSHOT_AHEAD = 512 * 1024, /* that are not with the kernel yet */
};

enum pk_err pk_copies_open(struct pk_member *m, struct pk_client *c)
{
    struct pk_link *l = pk_zalloc(m->sync->mem, sizeof *l);
    if (l == NULL)
        return PK_ENOMEM;
    l->u = &c->up;
    l->heard_us = pk_member_now(m);
    pk_list_init(&l->cursor.list);
    pk_list_add_tail(&m->links, &l->list);
    m->stirred = true;
    c->link = l;
    return PK_OK;
}

static struct pk_mate *find_mate(struct pk_member *m, const uint8_t incarnation[PK_INCARNATION])
{
    for (struct pk_list *at = m->mates.next; at != &m->mates; at = at->next) {
        struct pk_mate *mate = PK_CONTAINER(at, struct pk_mate, list);
        if (memcmp(mate->incarnation, incarnation, PK_INCARNATION) == 0)
            return mate;
    }
    return NULL;
}

static struct pk_mate *mate_of(struct pk_member *m, struct pk_link *l)
{
    struct pk_mate *mate = find_mate(m, l->incarnation);
    if (mate == NULL) {
        mate = pk_zalloc(m->sync->mem, sizeof *mate);
        if (mate == NULL)
            return NULL;
        memcpy(mate->incarnation, l->incarnation, PK_INCARNATION);
        mate->acked = -1;
        pk_list_add_tail(&m->mates, &mate->list);
    }
    memcpy(mate->address, l->address, sizeof mate->address);
    if (mate->link != NULL) {
        mate->link->mate = NULL;
        pk_conn_close(m->sync->conns, mate->link->u, PK_CLOSE_LINK_LOST);
    }
    mate->link = l;
    return l->mate = mate;
}

static void refuse(struct pk_member *m, struct pk_link *l, enum pk_refusal why)
{
    static const char *const texts[] = {[PK_REFUSAL_NOT_PRIMARY] = "not the primary",
                                        [PK_REFUSAL_VERSION] = "no version of the link in common",
                                        [PK_REFUSAL_MOUNTS] = "other mounts"};
    const struct pk_refused r = {
        .why = why, .incarnation = {m->incarnation, PK_INCARNATION}, .text = pk_text(texts[why])};
    uint8_t *p = pk_link_room(m, l, pk_refused_len(&r));
    if (p != NULL)
        pk_refused_put(p, &r);
    l->state = PK_LINK_RELAYING;
}

static bool same_mounts(struct pk_member *m, struct pk_bytes mounts)
{
    const struct pk_store *store = m->sync->store;
    size_t len = pk_hello_mounts_len(store->mounts, store->nmounts);
    struct pk_blob *own = pk_blob_room(m->sync->mem, len);
    if (own == NULL)
        return false;
    pk_hello_mounts_put(own->bytes, store->mounts, store->nmounts);
    bool same = pk_bytes_eq(pk_blob_view(own), mounts);
    pk_blob_unref(m->sync->mem, own);
    return same;
}

static void welcome(struct pk_member *m, struct pk_link *l)
{
    const struct pk_service *s = &m->sync->service;
    const struct pk_hello h = {.version = l->version,
                               .incarnation = {m->incarnation, PK_INCARNATION},
                               .address = pk_text(m->address),
                               .epoch = m->epoch,
                               .session_id = s->session_id,
                               .passwd = {s->passwd, PK_PASSWD_LEN}};
    const int64_t begin[] = {m->gates.position, m->sync->stats->znodes, m->sync->stats->bytes};
    uint8_t *p = pk_link_room(m, l, pk_hello_len(&h, PK_FRAME_WELCOME));
    if (p != NULL)
        pk_hello_put(p, &h, PK_FRAME_WELCOME);
    pk_link_send(m, l, PK_FRAME_SNAPSHOT_BEGIN, begin, 3);
    l->of_bytes = (uint64_t)m->sync->stats->bytes;
    pk_member_log(m, PK_LOG_EVENT_GROUP_SNAPSHOT, l->address, m->sync->stats->znodes);
    l->state = PK_LINK_COPYING;
    pk_cursor_begin(m->sync->store, &l->cursor);
}

static bool greeted(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    struct pk_hello h;
    if (l->state != PK_LINK_OPENING || !pk_hello_get(body, PK_FRAME_HELLO, &h))
        return false;
    memcpy(l->incarnation, h.incarnation.p, PK_INCARNATION);
    pk_address_copy(l->address, h.address);
    l->version = h.version;
    if (m->role != PK_ROLE_PRIMARY) {
        refuse(m, l, PK_REFUSAL_NOT_PRIMARY);
        pk_conn_close(m->sync->conns, l->u, PK_CLOSE_LINK_LOST);
        return true;
    }
    int32_t version = pk_link_version(m->link_version, h.version);
    if (version == 0 || !same_mounts(m, h.mounts)) {
        refuse(m, l, version == 0 ? PK_REFUSAL_VERSION : PK_REFUSAL_MOUNTS);
        pk_member_log(m, version == 0 ? PK_LOG_EVENT_GROUP_OTHER_VERSION : PK_LOG_EVENT_GROUP_OTHER_MOUNTS,
                      l->address, h.version);
        return true;
    }
    if (mate_of(m, l) == NULL)
        return false;
    l->version = version;
    welcome(m, l);
    return true;
}

/* Everything so far is acknowledged by whoever is waited for. */
static void count_acked(struct pk_member *m)
{
    int64_t acked = INT64_MAX;
    for (struct pk_list *at = m->mates.next; at != &m->mates; at = at->next) {
        const struct pk_mate *mate = PK_CONTAINER(at, struct pk_mate, list);
        if (mate->waited && mate->acked < acked)
            acked = mate->acked;
    }
    m->gates.acked = acked;
}

static bool acknowledged(struct pk_member *m, struct pk_link *l, struct pk_bytes body)
{
    int64_t v[PK_FRAME_LONGS];
    struct pk_mate *mate = l->mate;
    if (!pk_longs_get(body, v, 1) || v[0] > m->gates.position)
        return false;
    l->question = v[1];
    if (mate == NULL || mate->link != l || l->state != PK_LINK_WHOLE)
        return true;
    if (v[0] > mate->acked)
        mate->acked = v[0];
    if (!mate->waited && pk_rule_is_waited_for(l)) {
        mate->waited = true;
        mate->waited_from = m->gates.position;
    }
    if (!mate->listed && pk_rule_may_list(l))
        mate->wanted = m->stirred = true;
    count_acked(m);
    return true;
}

static bool take(struct pk_member *m, struct pk_link *l, int kind, struct pk_bytes body)
{
    if (kind == PK_FRAME_HELLO) {
        m->stirred = true;
        return greeted(m, l, body);
    }
    return kind != PK_FRAME_ACK || acknowledged(m, l, body);
}

void pk_copies_bytes(struct pk_member *m, struct pk_link *l, const uint8_t *p, size_t n)
{
    int64_t before = l->question;
    if (!pk_link_frames(m, l, p, n, take))
        pk_conn_close(m->sync->conns, l->u, PK_CLOSE_LINK_LOST);
    if (l->question == before)
        return;
    l->beat_us = 0; /* it is answered at once */
    m->stirred = true;
}

void pk_copies_link_ended(struct pk_member *m, struct pk_link *l)
{
    if (l->mate != NULL && l->mate->link == l)
        l->mate->link = NULL;
    m->stirred = true;
    pk_cursor_end(&l->cursor);
    pk_list_del(&l->list);
    pk_backlog_drop(m->sync->mem, &l->in);
    pk_free(m->sync->mem, l);
}

/* One more change of so many bytes is on its way to it. */
static void sent(struct pk_member *m, struct pk_link *l, size_t len)
{
    pk_work(m->sync->conns, len / PK_WORK_BYTES);
    l->sent_bytes += l->state == PK_LINK_COPYING ? len : 0;
}

static void send_record(struct pk_member *m, struct pk_link *l, const struct pk_change_record *record)
{
    size_t len = pk_record_len(record);
    uint8_t *p = pk_link_room(m, l, len);
    if (p != NULL)
        pk_record_put(p, len, record, m->sync->stats->newest_zxid, m->gates.position);
    sent(m, l, len);
}

static void send_refresh(struct pk_member *m, struct pk_link *l, const struct pk_znode *z)
{
    size_t len = pk_refresh_len(z);
    uint8_t *p = pk_link_room(m, l, len);
    if (p != NULL)
        pk_refresh_put(p, len, z, m->sync->stats->newest_zxid, m->gates.position);
    sent(m, l, len);
}

/* When a position was reached, for a while, coarsely. */
static void mark(struct pk_member *m)
{
    struct pk_marks *k = &m->marks;
    int64_t position = m->gates.position;
    if (k->n > 0) {
        uint32_t last = (k->first + k->n - 1) % PK_MARKS;
        if (k->v[last].position >= position || pk_member_now(m) - k->v[last].at_us < PK_MARK_US)
            return;
    }
    if (k->n == PK_MARKS)
        k->first = (k->first + 1) % PK_MARKS;
    else
        k->n++;
    uint32_t at = (k->first + k->n - 1) % PK_MARKS;
    k->v[at].position = position;
    k->v[at].at_us = pk_member_now(m);
}

/* It is told of every change. */
static bool hears(const struct pk_link *l)
{
    return l->state >= PK_LINK_COPYING && !l->u->ending;
}

static void bound(struct pk_member *m, struct pk_link *l)
{
    if (l->u->client->out.bytes > m->lag_bytes)
        pk_conn_close(m->sync->conns, l->u, PK_CLOSE_LINK_SLOW);
}

void pk_copies_hear(void *member, const struct pk_change_record *record)
{
    struct pk_member *m = member;
    mark(m);
    for (struct pk_list *at = m->links.next; at != &m->links; at = at->next) {
        struct pk_link *l = PK_CONTAINER(at, struct pk_link, list);
        if (!hears(l))
            continue;
        send_record(m, l, record);
        bound(m, l);
    }
}

/* All copies have every local znode, and know what a REFRESH is. */
static bool may_refresh(const struct pk_member *m)
{
    for (struct pk_list *at = m->links.next; at != &m->links; at = at->next) {
        const struct pk_link *l = PK_CONTAINER(at, struct pk_link, list);
        if (hears(l) && (l->state != PK_LINK_WHOLE || l->version < PK_LINK_REFRESHES))
            return false;
    }
    return true;
}

bool pk_copies_hear_refresh(void *member, const struct pk_znode *z)
{
    struct pk_member *m = member;
    if (!may_refresh(m))
        return false;
    mark(m);
    for (struct pk_list *at = m->links.next; at != &m->links; at = at->next) {
        struct pk_link *l = PK_CONTAINER(at, struct pk_link, list);
        if (!hears(l))
            continue;
        send_refresh(m, l, z);
        bound(m, l);
    }
    return true;
}

static void end_snapshot(struct pk_member *m, struct pk_link *l)
{
    l->end_position = m->gates.position;
    l->state = PK_LINK_WHOLE;
    pk_cursor_end(&l->cursor);
    pk_link_send(m, l, PK_FRAME_SNAPSHOT_END, &l->end_position, 1);
}

/* The next piece of a snapshot, while the standby takes it. */
static void send_piece(struct pk_member *m, struct pk_link *l)
{
    const struct pk_client *c = l->u->client;
    size_t begin = c->out.bytes;
    for (int met = 0; met < PIECE_ZNODES; met++) {
        if (l->u->ending || c->out.bytes >= begin + PIECE_BYTES || c->out.bytes >= SNAPSHOT_AHEAD)
            return;
        struct pk_znode *z = pk_cursor_next(m->sync->store, &l->cursor);
        if (z == NULL) {
            end_snapshot(m, l);
            return;
        }
        if (!pk_record_due(z))
            continue;
        const struct pk_change_record record = pk_store_record(m->sync->store, z);
        send_record(m, l, &record);
    }
}

static void send_heartbeat(struct pk_member *m, struct pk_link *l)
{
    const int64_t v[] = {m->gates.position, pk_gate_reigns(&m->gates, pk_member_now(m)), l->question};
    l->beat_us = pk_member_now(m);
    pk_link_send(m, l, PK_FRAME_HEARTBEAT, v, 3);
}

static void step_link(struct pk_member *m, struct pk_link *l)
{
    if (l->u->ending)
        return;
    if (pk_member_now(m) - l->heard_us >= PK_LINK_SILENT_US) {
        pk_conn_close(m->sync->conns, l->u, PK_CLOSE_LINK_LOST);
        return;
    }
    if (l->state == PK_LINK_COPYING)
        send_piece(m, l);
    if (l->state >= PK_LINK_RELAYING && pk_member_now(m) - l->beat_us >= PK_HEARTBEAT_US)
        send_heartbeat(m, l);
}

/* Its link begins anew, with a new snapshot; one that has not come to its end goes on. */
static void cut(struct pk_member *m, const struct pk_mate *mate)
{
    if (mate->link != NULL && pk_rule_is_waited_for(mate->link))
        pk_conn_close(m->sync->conns, mate->link->u, PK_CLOSE_LINK_SLOW);
}

/* Takes a copy off that is slow or lost. One that is listed keeps its link until the ensemble has agreed: whose link
 * has ended, and who is listed then, may end our session. */
static void step_mate(struct pk_member *m, struct pk_mate *mate)
{
    if ((mate->waited || mate->listed || mate->link == NULL) && pk_rule_too_slow(m, mate)) {
        if (mate->wanted)
            pk_member_log(m, PK_LOG_EVENT_GROUP_DROPPED, mate->address, m->gates.position - mate->acked);
        mate->wanted = false;
        if (!mate->listed && !m->listing) {
            mate->waited = false;
            cut(m, mate);
        }
    }
    if (mate->link == NULL && !mate->waited && !mate->listed && !mate->wanted) {
        pk_list_del(&mate->list);
        pk_free(m->sync->mem, mate);
    }
}

static bool list_differs(const struct pk_member *m)
{
    for (struct pk_list *at = m->mates.next; at != &m->mates; at = at->next) {
        const struct pk_mate *mate = PK_CONTAINER(at, struct pk_mate, list);
        if (mate->wanted != mate->listed)
            return true;
    }
    return false;
}

void pk_copies_step(struct pk_member *m)
{
    const struct pk_uplink *u = m->sync->service.uplink;
    PK_LIST_EACH(at, tmp, &m->links)
        step_link(m, PK_CONTAINER(at, struct pk_link, list));
    PK_LIST_EACH(mate, next, &m->mates)
        step_mate(m, PK_CONTAINER(mate, struct pk_mate, list));
    mark(m);
    count_acked(m);
    if (!m->listing && !m->list_unknown && list_differs(m) && u != NULL && pk_uplink_usable(u))
        pk_election_list(m);
}

void pk_copies_listed(struct pk_member *m)
{
    for (struct pk_list *at = m->mates.next; at != &m->mates; at = at->next) {
        struct pk_mate *mate = PK_CONTAINER(at, struct pk_mate, list);
        bool listed = pk_incarnation_listed(m->asked, m->nasked, mate->incarnation);
        if (listed && !mate->listed)
            pk_member_log(m, PK_LOG_EVENT_GROUP_LISTED, mate->address, 0);
        if (!listed && mate->listed) {
            mate->waited = false;
            cut(m, mate);
        }
        mate->listed = listed;
    }
    count_acked(m);
}

uint32_t pk_copies_count(const struct pk_member *m)
{
    uint32_t n = 0;
    for (struct pk_list *at = m->mates.next; at != &m->mates; at = at->next)
        n += PK_CONTAINER(at, struct pk_mate, list)->listed;
    return n;
}

void pk_copies_goodbye(struct pk_member *m)
{
    for (struct pk_list *at = m->links.next; at != &m->links; at = at->next) {
        struct pk_link *l = PK_CONTAINER(at, struct pk_link, list);
        if (l->state >= PK_LINK_RELAYING)
            pk_link_send(m, l, PK_FRAME_GOODBYE, NULL, 0);
    }
}

void pk_copies_end(struct pk_member *m)
{
    PK_LIST_EACH(at, tmp, &m->links) {
        struct pk_link *l = PK_CONTAINER(at, struct pk_link, list);
        l->mate = NULL;
        pk_conn_close(m->sync->conns, l->u, PK_CLOSE_LINK_LOST);
    }
    PK_LIST_EACH(mate, next, &m->mates) {
        pk_list_del(mate);
        pk_free(m->sync->mem, PK_CONTAINER(mate, struct pk_mate, list));
    }
    m->listing = false;
    m->marks = (struct pk_marks){.n = 0};
    m->gates.acked = INT64_MAX;
}
