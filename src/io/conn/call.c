/*
 * Calls to members. Happy path: greeting, claim, answer. Failure modes: the port refuses; it closes in between; it is
 * no member's, or has another secret, or its process is not the primary that is meant: each is said with the reason,
 * and the core asks again as it sees fit.
 */
#include "io/conn/call.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "io/config/config.h"
#include "io/config/group.h"

/* A client's address, as a PROXY header says it. */
static void set_address(struct pk_member_claim *claim, const union pk_address *a)
{
    size_t len;
    const uint8_t *bytes = pk_address_bytes(a, &len);
    bool v4 = a->any.sa_family == AF_INET, v6 = a->any.sa_family == AF_INET6;
    claim->family = v4 ? PK_PROXY_IPV4 : v6 ? PK_PROXY_IPV6 : PK_PROXY_LOCAL;
    if (!v4 && !v6)
        return;
    memcpy(claim->address, bytes, len);
    claim->port = ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port);
}

struct pk_call *pk_call_new(const struct pk_update *update, const union pk_address *client, int64_t now_us)
{
    size_t len = strlen(update->address) + 1;
    struct pk_call *call = calloc(1, sizeof *call + len);
    if (call == NULL)
        return NULL;
    memcpy(call->address, update->address, len);
    call->wanted_us = now_us;
    call->refused = true;
    call->claim = (struct pk_member_claim){.kind = PK_MEMBER_LINK};
    if (update->where == PK_TO_MEMBER_LINK)
        return call;
    call->claim.kind = update->service ? PK_MEMBER_OWN : PK_MEMBER_RELAY;
    call->claim.epoch = update->epoch;
    call->claim.silent_us = update->silent_us;
    set_address(&call->claim, client);
    return call;
}

static void uncount(struct pk_call *call, struct pk_members *members)
{
    bool counted = call->counted;
    call->counted = false;
    if (counted)
        pk_members_opened(members);
}

void pk_call_end(struct pk_call *call, struct pk_members *members)
{
    if (call != NULL)
        uncount(call, members);
    free(call);
}

enum pk_member_found pk_call_next(struct pk_call *call, struct pk_members *members, int64_t now_us,
                                  struct pk_waiter *wait, union pk_address *address)
{
    uncount(call, members);
    enum pk_member_found found = pk_members_find(members, call->address, call->tried, now_us, wait, address);
    call->counted = found == PK_MEMBER_FOUND;
    call->tried += call->counted;
    call->opening = (struct pk_member_opening){0};
    return found;
}

void pk_call_host(const struct pk_call *call, struct pk_hostport *where)
{
    const char *why = "";
    if (pk_hostport_parse(where, call->address, strlen(call->address), -1, &why) != PK_OK)
        where->host[0] = '\0';
}

/* Says what the connection is for; what has passed since the core wanted it has passed for the client, too. */
static const char *say_claim(struct pk_call *call, struct pk_side *side, const struct pk_loop *loop)
{
    uint8_t nonce[PK_MEMBER_NONCE];
    struct pk_member_claim claim = call->claim;
    claim.silent_us += claim.kind != PK_MEMBER_LINK ? loop->now_us - call->wanted_us : 0;
    if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
        return "no random numbers";
    struct pk_bytes bytes = pk_member_claim(&call->opening, pk_group_key(loop->config), nonce, &claim);
    return pk_side_say(side, bytes.p, bytes.len) ? NULL : "what opens it cannot be sent";
}

static const char *judged(enum pk_member_part part)
{
    switch (part) {
    case PK_MEMBER_WRONG:
        return "it has not the group's secret (group.secret-file)";
    case PK_MEMBER_REFUSED:
        return "it is not the primary that is meant";
    case PK_MEMBER_BAD:
        return "no member of a version that is spoken here listens there";
    default:
        return NULL;
    }
}

/* Why the side has ended, before the member has taken us. */
static const char *ended(const struct pk_received *in)
{
    return in->why != NULL ? in->why : "it closed the connection";
}

struct pk_received pk_call_received(struct pk_call *call, struct pk_side *side, const struct pk_loop *loop,
                                    const struct pk_received *in)
{
    const uint8_t *at = in->bytes;
    size_t left = in->n;
    enum pk_member_part part = PK_MEMBER_MORE;
    const char *why = NULL;
    bool greeted = call->opening.said > PK_MEMBER_GREETING;
    if (left > 0 && !greeted) {
        part = pk_member_take_greeting(&call->opening, &at, &left);
        greeted = part == PK_MEMBER_WHOLE;
        why = greeted ? say_claim(call, side, loop) : judged(part);
        part = PK_MEMBER_MORE;
    }
    if (left > 0 && greeted && why == NULL) {
        part = pk_member_take_answer(&call->opening, pk_group_key(loop->config), &at, &left);
        why = judged(part);
    }
    bool opened = part == PK_MEMBER_WHOLE;
    if (in->ended && why == NULL)
        why = opened ? in->why : ended(in);
    return (struct pk_received){
        .bytes = at, .n = opened ? left : 0, .opened = opened, .ended = in->ended || why != NULL, .why = why};
}
