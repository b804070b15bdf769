/*
 * Held clients: their states, and what forbids that one is held.
 *
 * Happy path: a client whose server serves has none of this.
 * Failure modes: out of memory, and the client is closed as if it could not be held. A state that does not follow from
 * the one before is a bug and ends the process.
 */
#include "core/conn/hold.h"

#include <string.h>

#include "base/check.h"
#include "core/conn/send.h"
#include "core/store/stats.h"

enum { AUTH_BYTES = 64 * 1024 /* of credentials kept for a client */ };

static bool counts(uint8_t state)
{
    return state == PK_HOLD_WAITING || state == PK_HOLD_ATTACHING;
}

struct pk_hold *pk_hold_new(struct pk_conns *conns, struct pk_client *c, enum pk_hold_state state)
{
    struct pk_hold *h = pk_zalloc(conns->mem, sizeof *h);
    PK_BUG_ON(c->hold != NULL);
    if (h == NULL)
        return NULL;
    h->client = c;
    h->state = (uint8_t)state;
    pk_list_add_tail(&conns->held, &h->list);
    c->hold = h;
    return h;
}

#define BIT(state) (1u << PK_HOLD_##state)

void pk_hold_move(struct pk_conns *conns, struct pk_hold *h, enum pk_hold_state to)
{
    static const uint8_t edges[PK_HOLD_STATES] = {
        [PK_HOLD_SERVED] = BIT(DOUBTED) | BIT(WAITING),
        [PK_HOLD_DOUBTED] = BIT(WAITING),
        [PK_HOLD_WAITING] = BIT(ATTACHING),
        [PK_HOLD_ATTACHING] = BIT(WAITING) | BIT(CATCHING_UP),
        [PK_HOLD_CATCHING_UP] = BIT(SERVED) | BIT(DOUBTED) | BIT(WAITING),
    };
    PK_BUG_ON((edges[h->state] >> to & 1) == 0);
    conns->stats->held += counts((uint8_t)to) - counts(h->state);
    h->state = (uint8_t)to;
}

void pk_hold_drop(struct pk_conns *conns, struct pk_client *c)
{
    struct pk_hold *h = c->hold;
    if (h == NULL)
        return;
    conns->stats->held -= counts(h->state);
    pk_list_del(&h->list);
    pk_free(conns->mem, h);
    c->hold = NULL;
}

void pk_hold_replied(struct pk_conns *conns, struct pk_client *c)
{
    struct pk_hold *h = c->hold;
    if (h == NULL || h->state != PK_HOLD_CATCHING_UP || --h->replies > 0)
        return;
    if (h->asked)
        pk_hold_move(conns, h, PK_HOLD_SERVED);
    else
        pk_hold_drop(conns, c);
}

bool pk_hold_asks_again(int32_t op)
{
    switch (op) {
    case PK_OP_EXISTS:
    case PK_OP_GET_DATA:
    case PK_OP_GET_ACL:
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
    case PK_OP_SYNC:
    case PK_OP_CHECK_WATCHES:
    case PK_OP_REMOVE_WATCHES:
    case PK_OP_MULTI_READ:
    case PK_OP_AUTH:
    case PK_OP_SET_WATCHES:
    case PK_OP_SET_WATCHES2:
    case PK_OP_GET_EPHEMERALS:
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
    case PK_OP_WHO_AM_I:
        return true;
    default:
        return false;
    }
}

/* Something is in flight of which nobody knows whether it took effect. */
static bool is_uncertain(const struct pk_client *c)
{
    for (const struct pk_list *at = c->queue.entries.next; at != &c->queue.entries; at = at->next) {
        const struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        if (e->state == PK_ENTRY_AWAITED && !pk_hold_asks_again(e->op))
            return true;
    }
    return false;
}

enum pk_close pk_hold_forbidden(const struct pk_conns *conns, const struct pk_client *c)
{
    const struct pk_standing *s = c->standing;
    if (c->up.in.mode == PK_IN_PASS)
        return PK_CLOSE_NOT_HELD_PART;
    if (c->sasl)
        return PK_CLOSE_NOT_HELD_SASL;
    if (c->up.read_only)
        return PK_CLOSE_NOT_HELD_READ_ONLY;
    if (!c->may_hold)
        return PK_CLOSE_NOT_HELD_UNKNOWN;
    if (s != NULL && s->lasting > 0)
        return PK_CLOSE_NOT_HELD_LASTING;
    if (s != NULL && s->bytes > conns->limits.hold_watches)
        return PK_CLOSE_NOT_HELD_WATCHES;
    return is_uncertain(c) ? PK_CLOSE_NOT_HELD_WRITE : PK_CLOSE_NONE;
}

void pk_hold_pong(struct pk_conns *conns, struct pk_client *c)
{
    uint8_t *p = c->state == PK_CLIENT_OPEN
                     ? pk_client_room(conns, c, PK_ON_NOTHING, PK_LEN_WORD + PK_REPLY_HEADER)
                     : NULL;
    if (p == NULL)
        return;
    pk_put_reply(p, 0, PK_XID_PING, c->shown_zxid, PK_Z_OK);
    c->sent++;
}

void pk_hold_pongs(struct pk_conns *conns, struct pk_client *c)
{
    for (int ours = pk_awaited_pong(&c->up.awaited); ours >= 0; ours = pk_awaited_pong(&c->up.awaited))
        if (ours == 0)
            pk_hold_pong(conns, c);
}

static bool is_kept(const struct pk_shown_auths *a, const struct pk_blob *frame)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (a->v[i]->len == frame->len && memcmp(a->v[i]->bytes, frame->bytes, frame->len) == 0)
            return true;
    return false;
}

enum pk_err pk_hold_keep_auth(struct pk_conns *conns, struct pk_client *c, struct pk_blob *frame)
{
    if (c->auths == NULL)
        c->auths = pk_zalloc(conns->mem, sizeof *c->auths);
    struct pk_shown_auths *a = c->auths;
    if (a == NULL)
        return PK_ENOMEM;
    if (is_kept(a, frame))
        return PK_OK;
    if (a->bytes + frame->len > AUTH_BYTES)
        return PK_ELIMIT;
    if (a->n == a->cap) {
        uint32_t cap = a->cap + 2;
        struct pk_blob **v = pk_resize(conns->mem, a->v, cap * sizeof(struct pk_blob *));
        if (v == NULL)
            return PK_ENOMEM;
        a->v = v;
        a->cap = cap;
    }
    a->v[a->n++] = pk_blob_ref(frame);
    a->bytes += frame->len;
    return PK_OK;
}

void pk_hold_wipe(struct pk_conns *conns, struct pk_client *c)
{
    struct pk_shown_auths *a = c->auths;
    pk_wipe(c->passwd, sizeof c->passwd);
    c->may_hold = false;
    c->auths = NULL;
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->n; i++) {
        pk_wipe(a->v[i]->bytes, a->v[i]->len);
        pk_blob_unref(conns->secrets, a->v[i]);
    }
    pk_free(conns->mem, a->v);
    pk_free(conns->mem, a);
}
