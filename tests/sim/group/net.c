/*
 * The network (net.h).
 *
 * Happy path: what is written is queued with the time of its arrival, and an event for the head of each queue
 * delivers it. Failure modes: too many connections end the test.
 */
#include "net.h"

#include <stdlib.h>

#include "client.h"
#include "ensemble.h"
#include "fault.h"
#include "member.h"

enum {
    CONNS = 1024,
    KERNEL = 256 * 1024, /* what a connection takes that nobody has read */
    NEAR_US = 120,
    FAR_US = 450,
    AGAIN_US = 400000, /* at most so long after the end of a cut what waited is sent again */
    SYN_AGAIN_US = 1000000,
};

/* OPENS travels as bytes do; the kernel answers it, and the process takes the connection when it runs (TAKEN). */
enum piece_kind { DATA, OPENS, TAKEN, ANSWER, REFUSES, CLOSES };

struct piece {
    struct piece *next;
    int64_t at;
    enum piece_kind kind;
    size_t len;
    uint8_t bytes[];
};

/* One direction; what side i writes is in ways[i]. */
struct way {
    struct piece *first, **last;
    size_t waiting; /* bytes */
    int64_t newest; /* arrival of the last piece */
    bool scheduled, wanted;
};

struct conn {
    bool used;
    uint32_t gen;
    enum net_port port;
    int host[2], owner[2];
    uint32_t boot[2];
    bool open[2];
    struct way ways[2];
};

struct path {
    int64_t cut_until, slow_until, extra_us;
};

enum { SPARE_BYTES = 1024 };

struct net {
    struct conn conns[CONNS];
    int top;             /* conns beyond have never been used */
    struct piece *spare; /* with room for SPARE_BYTES each */
    struct path paths[HOSTS_MAX][HOSTS_MAX];
    int64_t refuses[HOSTS_MAX][PORTS];
};

static int number(const struct net *net, const struct conn *c, int side)
{
    return (int)((c->gen * CONNS + (uint32_t)(c - net->conns)) * 2) + side;
}

static struct conn *find(struct net *net, int end, int *side)
{
    struct conn *c = &net->conns[end / 2 % CONNS];
    *side = end & 1;
    return end >= 0 && c->used && c->gen == (uint32_t)end / 2 / CONNS && c->open[*side] ? c : NULL;
}

void net_start(struct world *w)
{
    w->net = calloc(1, sizeof *w->net);
    assert_non_null(w->net);
}

static struct piece *new_piece(struct net *net, size_t len)
{
    struct piece *p = net->spare;
    if (p != NULL && len <= SPARE_BYTES)
        net->spare = p->next;
    else
        p = malloc(sizeof *p + (len > SPARE_BYTES ? len : SPARE_BYTES));
    assert_non_null(p);
    return p;
}

static void drop_piece(struct net *net, struct piece *p)
{
    if (p->len > SPARE_BYTES) {
        free(p);
        return;
    }
    p->next = net->spare;
    net->spare = p;
}

static void drop_pieces(struct net *net, struct way *way)
{
    for (struct piece *p = way->first, *next; p != NULL; p = next) {
        next = p->next;
        drop_piece(net, p);
    }
    *way = (struct way){0};
}

void net_stop(struct world *w)
{
    for (int i = 0; i < w->net->top; i++) {
        drop_pieces(w->net, &w->net->conns[i].ways[0]);
        drop_pieces(w->net, &w->net->conns[i].ways[1]);
    }
    for (struct piece *p = w->net->spare, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    free(w->net);
}

static const struct path *path_of(const struct world *w, int x, int y)
{
    return &w->net->paths[x < y ? x : y][x < y ? y : x];
}

bool net_is_cut(const struct world *w, int x, int y)
{
    return path_of(w, x, y)->cut_until > w->now_us;
}

static bool refuses(const struct world *w, int host, enum net_port port)
{
    return w->net->refuses[host][port] > w->now_us;
}

static void deliver(struct world *w, int end, int64_t gen);

static void schedule(struct world *w, struct conn *c, int side, int64_t at)
{
    c->ways[side].scheduled = true;
    world_at(w, at, deliver, number(w->net, c, side), c->gen);
}

/* Its len bytes are for the caller to fill in. */
static struct piece *put(struct world *w, struct conn *c, int side, enum piece_kind kind, size_t len)
{
    struct way *way = &c->ways[side];
    const struct path *path = path_of(w, c->host[0], c->host[1]);
    struct piece *piece = new_piece(w->net, len);
    int64_t at = w->now_us + world_between(w, NEAR_US, FAR_US);
    if (path->slow_until > w->now_us)
        at += path->extra_us + world_between(w, 0, path->extra_us / 4 + 1);
    *piece = (struct piece){.at = at > way->newest ? at : way->newest, .kind = kind, .len = len};
    way->newest = piece->at;
    if (way->first == NULL)
        way->last = &way->first;
    *way->last = piece;
    way->last = &piece->next;
    way->waiting += len;
    if (!way->scheduled)
        schedule(w, c, side, way->first->at);
    return piece;
}

static void tell(struct world *w, struct conn *c, int side, enum net_what what, const uint8_t *p, size_t len)
{
    struct net_news news = {what, number(w->net, c, side), c->owner[side], p, len};
    int host = c->host[side];
    if (what == NET_END || what == NET_REFUSED)
        c->open[side] = false;
    if (is_member(host))
        member_hears(w, host, &news);
    else if (is_server(host))
        ensemble_hears(w, host - MEMBERS_MAX, &news);
    else
        client_hears(w, host - MEMBERS_MAX - SERVERS, &news);
}

static void maybe_free(struct conn *c)
{
    if (c->open[0] || c->open[1] || c->ways[0].first != NULL || c->ways[1].first != NULL)
        return;
    uint32_t gen = c->gen;
    *c = (struct conn){.gen = gen};
}

/* The process that this end belongs to is there, and is the one that opened it. */
static bool same_process(const struct world *w, const struct conn *c, int side)
{
    const struct host *h = &w->hosts[c->host[side]];
    return h->alive && c->boot[side] == h->boot;
}

static void accept(struct world *w, struct conn *c)
{
    const struct host *h = &w->hosts[c->host[1]];
    bool listens = h->alive && !h->deaf && !refuses(w, c->host[1], c->port);
    put(w, c, 1, listens ? ANSWER : REFUSES, 0);
    if (!listens)
        return;
    c->boot[1] = h->boot;
    c->open[1] = true;
    c->owner[1] = c->port;
    struct way *way = &c->ways[0];
    struct piece *taken = new_piece(w->net, 0);
    *taken = (struct piece){.next = way->first, .at = w->now_us, .kind = TAKEN};
    if (way->first == NULL)
        way->last = &taken->next;
    way->first = taken;
}

static void arrives(struct world *w, struct conn *c, int to, const struct piece *piece)
{
    if (piece->kind == OPENS) {
        accept(w, c);
    } else if (!c->open[to] || !same_process(w, c, to)) {
        if (piece->kind == DATA && c->open[!to])
            put(w, c, to, CLOSES, 0);
    } else if (piece->kind == TAKEN) {
        tell(w, c, to, NET_ACCEPTED, NULL, 0);
    } else if (piece->kind == ANSWER) {
        tell(w, c, to, NET_OPENED, NULL, 0);
    } else if (piece->kind == REFUSES) {
        tell(w, c, to, NET_REFUSED, NULL, 0);
    } else if (piece->kind == CLOSES) {
        tell(w, c, to, NET_END, NULL, 0);
    } else {
        tell(w, c, to, NET_BYTES, piece->bytes, piece->len);
    }
}

/* When the head of a direction may arrive, later than now when something is in its way; -1 never. */
static int64_t may_arrive(struct world *w, const struct conn *c, int side)
{
    const struct piece *piece = c->ways[side].first;
    const struct path *path = path_of(w, c->host[0], c->host[1]);
    const struct host *to = &w->hosts[c->host[!side]], *from = &w->hosts[c->host[side]];
    if (piece->at > w->now_us)
        return piece->at;
    if (path->cut_until > w->now_us)
        return path->cut_until + world_between(w, 1000, piece->kind == OPENS ? SYN_AGAIN_US : AGAIN_US);
    if (to->lost || from->lost)
        return -1;
    if (to->paused_until > w->now_us && piece->kind != OPENS)
        return to->paused_until;
    return w->now_us;
}

static void deliver(struct world *w, int end, int64_t gen)
{
    struct conn *c = &w->net->conns[end / 2 % CONNS];
    int side = end & 1;
    if (!c->used || c->gen != (uint32_t)gen)
        return;
    struct way *way = &c->ways[side];
    way->scheduled = false;
    while (way->first != NULL && w->wrong[0] == 0) {
        int64_t at = may_arrive(w, c, side);
        if (at < 0) {
            drop_pieces(w->net, way);
            break;
        }
        if (at > w->now_us) {
            schedule(w, c, side, at);
            return;
        }
        struct piece *piece = way->first;
        way->first = piece->next;
        way->waiting -= piece->len;
        arrives(w, c, !side, piece);
        drop_piece(w->net, piece);
        if (!c->used || c->gen != (uint32_t)gen)
            return;
        if (way->wanted && way->waiting < KERNEL / 2 && c->open[side] && same_process(w, c, side)) {
            way->wanted = false;
            tell(w, c, side, NET_ROOM, NULL, 0);
        }
    }
    maybe_free(c);
}

int net_connect(struct world *w, int from, int to, enum net_port port, int owner)
{
    struct net *net = w->net;
    int i = 0;
    while (i < CONNS && net->conns[i].used)
        i++;
    assert_true(i < CONNS);
    net->top = i + 1 > net->top ? i + 1 : net->top;
    struct conn *c = &net->conns[i];
    *c = (struct conn){
        .used = true, .gen = (c->gen + 1) % 500000, .port = port, .host = {from, to}, .owner = {owner}};
    c->boot[0] = w->hosts[from].boot;
    c->open[0] = true;
    put(w, c, 0, OPENS, 0);
    return number(net, c, 0);
}

void net_own(struct world *w, int end, int owner)
{
    int side;
    struct conn *c = find(w->net, end, &side);
    if (c != NULL)
        c->owner[side] = owner;
}

int net_peer(struct world *w, int end)
{
    int side;
    const struct conn *c = find(w->net, end, &side);
    return c != NULL ? c->host[!side] : -1;
}

size_t net_room(struct world *w, int end)
{
    int side;
    struct conn *c = find(w->net, end, &side);
    if (c == NULL)
        return KERNEL;
    struct way *way = &c->ways[side];
    way->wanted = true;
    return way->waiting < KERNEL ? KERNEL - way->waiting : 0;
}

void net_write(struct world *w, int end, const uint8_t *p, size_t len)
{
    int side;
    struct conn *c = find(w->net, end, &side);
    if (c == NULL || len == 0)
        return;
    faults_see(w, c->host[side], c->host[!side], c->port, p, len);
    memcpy(put(w, c, side, DATA, len)->bytes, p, len);
}

static void close_side(struct world *w, struct conn *c, int side, bool silent)
{
    c->open[side] = false;
    if (!silent)
        put(w, c, side, CLOSES, 0);
    else
        maybe_free(c);
}

void net_close(struct world *w, int end)
{
    int side;
    struct conn *c = find(w->net, end, &side);
    if (c != NULL)
        close_side(w, c, side, false);
}

void net_process_ends(struct world *w, int host)
{
    for (int i = 0; i < w->net->top; i++)
        for (int side = 0; side < 2; side++) {
            struct conn *c = &w->net->conns[i];
            if (c->used && c->open[side] && c->host[side] == host)
                close_side(w, c, side, w->hosts[host].lost);
        }
}

void net_reset_between(struct world *w, int x, int y)
{
    for (int i = 0; i < w->net->top; i++) {
        struct conn *c = &w->net->conns[i];
        if (!c->used || !((c->host[0] == x && c->host[1] == y) || (c->host[0] == y && c->host[1] == x)))
            continue;
        drop_pieces(w->net, &c->ways[0]);
        drop_pieces(w->net, &c->ways[1]);
        for (int side = 0; side < 2; side++)
            if (c->open[side])
                put(w, c, !side, CLOSES, 0);
        maybe_free(c);
    }
}

static void longer(int64_t *until, int64_t to)
{
    *until = to > *until ? to : *until;
}

void net_cut(struct world *w, int x, int y, int64_t until_us)
{
    longer(&w->net->paths[x < y ? x : y][x < y ? y : x].cut_until, until_us);
}

void net_slow(struct world *w, int x, int y, int64_t extra_us, int64_t until_us)
{
    struct path *path = &w->net->paths[x < y ? x : y][x < y ? y : x];
    longer(&path->slow_until, until_us);
    path->extra_us = extra_us;
}

void net_refuse(struct world *w, int host, enum net_port port, int64_t until_us)
{
    longer(&w->net->refuses[host][port], until_us);
}
