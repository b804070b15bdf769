/*
 * Sequential znodes (numbered.h).
 *
 * Happy path: each has a higher number than those before it, and not below how many creates the client knew of.
 * Failure modes: one that is as low as another, or there already, is a finding. Whether one is there whose create was
 * never answered nobody knows: it is counted as one that may be. What was told while the create was under way is not
 * looked at: a read that had to be asked again may show what the same client asked for behind it.
 */
#include "numbered.h"

#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "tests/sim/wire.h"

enum { DIGITS = 10 };

static const char name[] = ASK_PARENT "/s-";

void numbered_ask(struct world *w, struct client *c, struct sup_buf *b)
{
    struct numbered *n = &c->numbered;
    if (n->asked || world_chance(w, 2)) {
        wire_read(b, ask_add(w, c, PK_OP_GET_CHILDREN2, -1)->xid, PK_OP_GET_CHILDREN2, ASK_PARENT, false);
        return;
    }
    n->asked = true;
    struct request *r = ask_add(w, c, n->stands ? PK_OP_DELETE : PK_OP_CREATE, -1);
    r->numbers = true;
    r->floors[0] = oracle_floor(w, 0, c->number);
    if (n->stands) {
        wire_delete(b, r->xid, n->path, -1);
        return;
    }
    w->numbered++;
    wire_create_as(b, r->xid, r->op, PK_CREATE_SEQUENTIAL, name, "");
}

static void made(struct world *w, struct client *c, const struct request *r, const uint8_t *body, size_t len)
{
    struct numbered *n = &c->numbered;
    uint32_t path_len = len >= 4 ? sup_be32(body) : 0;
    if (path_len != sizeof name - 1 + DIGITS || path_len > len - 4) {
        world_wrong(w, "client %d: a sequential znode has an odd name", c->number);
        return;
    }
    memcpy(n->path, body + 4, path_len);
    n->path[path_len] = '\0';
    long number = strtol(n->path + sizeof name - 1, NULL, DIGITS);
    bool same = n->any && n->era == oracle_floor(w, 0, c->number).era;
    if (same && number <= n->newest)
        world_wrong(w, "(l) client %d: %s was made after number %ld", c->number, n->path, n->newest);
    const struct counters *k = &c->counters;
    bool knew = k->czxid != 0 && k->told_us <= r->asked_us && k->era == oracle_floor(w, 0, c->number).era;
    long before = knew ? ((long)k->cversion + k->children) / 2 : 0;
    if (number < before)
        world_wrong(w, "(l) client %d: %s was made although it knew of %ld", c->number, n->path, before);
    world_trace(w, "client %d: made %s", c->number, n->path);
    n->any = n->stands = true;
    n->newest = number;
    n->era = r->floors[0].era;
}

bool numbered_came(struct world *w, struct client *c, const struct request *r, int err, const uint8_t *body,
                   size_t len)
{
    if (!r->numbers)
        return false;
    c->numbered.asked = false;
    if (err != 0 && err != PK_Z_NO_NODE)
        world_wrong(w, "(l) client %d: type %d of a sequential znode is answered %d", c->number, r->op, err);
    else if (r->op == PK_OP_CREATE && err == 0)
        made(w, c, r, body, len);
    else
        w->numbered--;
    if (r->op == PK_OP_DELETE)
        c->numbered.stands = false;
    return true;
}
