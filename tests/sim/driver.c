/*
 * The driver (driver.h).
 *
 * Happy path: sim_pump moves bytes until nobody has anything to do, every update is carried out at once.
 * Failure modes: an update for a connection that is closed, bytes that changed while they were lent, or no
 * end of activity fail the test.
 */
#include "uplink.h"

#include <stdlib.h>

#include "base/pool.h"
#include "core/inspect.h"

enum { MANY = 32 };

static const struct core_mount beats = {
    .path = "/storm/workerbeats",
    .mode = PK_MODE_PACEMAKER,
    .max_znodes = 100000,
    .max_bytes = 100 << 20,
    .max_znode = 1 << 20,
};
const struct core_config sim_default_config = {
    .mounts = &beats,
    .nmounts = 1,
    .max_frame = 0xfffff,
    .client_high_water = 256 * 1024,
    .uplink_high_water = 256 * 1024,
    .max_parked = 64 * 1024,
    .handshake_us = 10 * 1000000,
    .hash_seed = 7,
};

void sim_init(struct sim *s, const struct core_config *config)
{
    memset(s, 0, offsetof(struct sim, zk));
    sup_mem_init(&s->mem);
    zk_init(&s->zk);
    sim_uplink_init(s);
    s->behind = &sim_one_ensemble;
    s->service_begin = SIM_CONNS;
    s->now_us = 1000000;
    s->rng.s = 4711;
    pk_pool_drop(
        &(struct pk_pool){0}); /* makes the linker take this folder's pool.c instead of base/pool.c */
    if (core_new(&s->core, &s->mem.mem, config != NULL ? config : &sim_default_config) != PK_OK)
        s->core = NULL;
}

int sim_after(const struct sim *s, int c)
{
    return ++c == s->clients_end && c < s->service_begin ? s->service_begin : c;
}

static void drop_side(struct sim_side *side)
{
    sup_buf_free(&side->todo);
    sup_buf_free(&side->lent);
}

void sim_drop_conn(struct sim_conn *c)
{
    drop_side(&c->client);
    drop_side(&c->uplink);
    sup_buf_free(&c->got);
    sup_buf_free(&c->wire);
    sup_buf_free(&c->token);
    *c = (struct sim_conn){0};
}

void sim_free(struct sim *s)
{
    if (s->core != NULL)
        core_free(s->core);
    for (int c = sim_after(s, -1); c < SIM_CONNS; c = sim_after(s, c))
        sim_drop_conn(&s->conns[c]);
    sup_buf_free(&s->late.frames);
    sup_buf_free(&s->direct.got);
    sup_buf_free(&s->scratch);
    zk_free(&s->zk);
    assert_int_equal(s->mem.blocks, 0);
}

int64_t sim_wall_ms(const struct sim *s)
{
    return 1000000 + s->now_us / 1000;
}

void sim_event(struct sim *s, struct pk_id id, struct pk_event e)
{
    e.now_us = s->now_us;
    e.wall_ms = sim_wall_ms(s) + s->wall_jump_ms;
    core_step(s->core, id, &e);
    if (!s->unchecked)
        core_check(s->core);
}

static void report_sent(struct sim *s, struct sim_conn *c, bool client, size_t n)
{
    sim_event(s, c->id, (struct pk_event){.type = client ? PK_CLIENT_SENT : PK_UPLINK_SENT, .len = n});
}

/* The bytes that have been taken reach the other side. */
static void delivered(struct sim_conn *c, bool client, const uint8_t *p, size_t n)
{
    sup_raw(client ? &c->got : &c->wire, p, n);
}

static size_t flatten(struct sup_buf *out, const struct pk_iov *iov, int n)
{
    sup_buf_reset(out);
    for (int i = 0; i < n; i++) {
        assert_true(iov[i].len > 0);
        sup_raw(out, iov[i].base, iov[i].len);
    }
    return out->len;
}

static void complete(struct sim *s, struct sim_conn *c, bool client)
{
    struct sim_side *side = client ? &c->client : &c->uplink;
    struct sup_buf *now = &s->scratch;
    size_t len = flatten(now, side->iov, side->niov);
    assert_int_equal(len, side->lent.len);
    assert_memory_equal(now->p, side->lent.p, len);
    delivered(c, client, now->p, len);
    side->under_way = false;
    report_sent(s, c, client, len);
}

/* First offer: a part is taken at once and reported; what is offered after that is a write under way. */
static void offered(struct sim *s, struct sim_conn *c, bool client, const struct pk_iov *iov, int n,
                    bool *again)
{
    struct sim_side *side = client ? &c->client : &c->uplink;
    if (side->under_way)
        return;
    size_t total = flatten(&side->lent, iov, n);
    assert_true(n > 0 && n <= PK_UPDATE_IOV);
    if (side->taking == SIM_WHOLE) {
        delivered(c, client, side->lent.p, total);
        report_sent(s, c, client, total);
        return;
    }
    if (!*again) {
        size_t part = side->taking == SIM_NOTHING ? 0 : sup_below(&s->rng, (uint32_t)total + 1);
        delivered(c, client, side->lent.p, part);
        *again = true;
        report_sent(s, c, client, part);
        return;
    }
    memcpy(side->iov, iov, (size_t)n * sizeof *iov);
    side->niov = n;
    side->under_way = true;
}

/* The service session takes the last free place: those of the tests' clients stay the same. */
static struct sim_conn *service_conn(struct sim *s, struct pk_id id)
{
    int c = SIM_CONNS - 1;
    while (c >= 0 && s->conns[c].used)
        c--;
    assert_true(c >= s->clients_end);
    s->service_begin = c < s->service_begin ? c : s->service_begin;
    s->conns[c] =
        (struct sim_conn){.used = true, .service = true, .id = id, .link = -1, .hold = s->service_hold};
    s->service_opened++;
    return &s->conns[c];
}

static struct sim_conn *by_id(struct sim *s, struct pk_id id, const struct pk_update *u)
{
    for (int c = sim_after(s, -1); c < SIM_CONNS; c = sim_after(s, c))
        if (s->conns[c].used && !s->conns[c].closed && s->conns[c].id.slot == id.slot &&
            s->conns[c].id.gen == id.gen)
            return &s->conns[c];
    if (u->service && (u->flags & (PK_UPLINK_OPEN | PK_CLIENT_CLOSE)))
        return service_conn(s, id);
    fail_msg("an update for a connection that is closed");
    return NULL;
}

static void drain(struct sim *s)
{
    struct pk_id id;
    struct pk_update u;
    bool again[SIM_CONNS][2] = {{false}};
    for (int n = 0; core_next(s->core, &id, &u); n++) {
        struct sim_conn *c = by_id(s, id, &u);
        assert_true(n < 100000);
        c->updates++;
        c->client.reading = u.read_client;
        c->uplink.reading = u.read_uplink;
        if (u.flags & PK_UPLINK_OUT)
            offered(s, c, false, u.uplink, u.nuplink, &again[c - s->conns][0]);
        if (c->service)
            assert_true(u.service && (u.flags & (PK_CLIENT_OUT | PK_FOUR_LETTER)) == 0);
        if (u.flags & PK_CLIENT_OUT)
            offered(s, c, true, u.client, u.nclient, &again[c - s->conns][1]);
        if (u.flags & PK_SASL_STEP) {
            c->tokens++;
            c->token.len = 0;
            sup_raw(&c->token, u.sasl.base, u.sasl.len);
        }
        if (u.flags & PK_FOUR_LETTER)
            memcpy(c->word, u.four_letter, sizeof c->word);
        if (u.flags & (PK_UPLINK_CLOSE | PK_UPLINK_OPEN | PK_CLIENT_CLOSE))
            c->uplink.under_way = false;
        if (u.flags & PK_UPLINK_CLOSE) {
            c->closing = true;
            c->opening = false;
        }
        if (u.flags & PK_UPLINK_OPEN)
            c->opening = true;
        if (u.flags & PK_UPLINK_OPEN) {
            c->attach = u.attach;
            c->where = u.where;
        }
        if (u.flags & PK_UPLINK_ASK)
            c->asked = true;
        if (u.flags & PK_CLIENT_CLOSE) {
            c->client.under_way = false;
            c->closed = true;
            c->closing = true;
            c->why = u.why;
        }
    }
}

void sim_step(struct sim *s, int c, enum pk_event_type type, const uint8_t *p, size_t len)
{
    static const struct pk_id nobody = {UINT32_MAX, 0};
    uint8_t *exact = NULL;
    if (p != NULL) {
        exact = malloc(len);
        assert_non_null(exact);
        memcpy(exact, p, len);
    }
    sim_event(s, c >= 0 ? s->conns[c].id : nobody,
              (struct pk_event){.type = type, .bytes = exact, .len = len});
    drain(s);
    free(exact);
    if (s->stepped != NULL)
        s->stepped(s);
}

void sim_token(struct sim *s, int c, enum core_sasl how, const char *token)
{
    size_t len = token != NULL ? strlen(token) : 0;
    uint8_t *exact = token != NULL ? malloc(len + 1) : NULL;
    if (exact != NULL)
        memcpy(exact, token, len);
    sim_event(s, s->conns[c].id,
              (struct pk_event){.type = PK_CLIENT_SASL, .sasl = how, .bytes = exact, .len = len});
    drain(s);
    free(exact);
    sim_pump(s);
}

int sim_service(const struct sim *s)
{
    for (int c = SIM_CONNS - 1; c >= 0; c--)
        if (s->conns[c].used && s->conns[c].service && !s->conns[c].closed)
            return c;
    return -1;
}

int sim_open_by(struct sim *s, enum pk_err (*open)(struct core *, int64_t, struct pk_id *))
{
    int c = 0;
    while (c < SIM_CONNS && s->conns[c].used)
        c++;
    assert_true(c < s->service_begin);
    s->clients_end = c + 1 > s->clients_end ? c + 1 : s->clients_end;
    struct sim_conn *conn = &s->conns[c];
    if (open(s->core, s->now_us, &conn->id) != PK_OK)
        return -1;
    conn->used = true;
    conn->link = -1;
    conn->client.reading = conn->uplink.reading = true;
    drain(s);
    return c;
}

int sim_open(struct sim *s)
{
    return sim_open_by(s, core_open);
}

int sim_open_pacemaker(struct sim *s)
{
    return sim_open_by(s, core_open_pacemaker);
}

int sim_open_link(struct sim *s)
{
    return sim_open_by(s, core_open_link);
}

/* Much is not fed byte by byte, whatever the chunks are. */
static size_t piece(struct sim *s, const struct sim_side *side, int which)
{
    size_t left = side->todo.len - side->off;
    if (s->cut_side == which && side->fed < s->cut_at && side->fed + left > s->cut_at)
        return s->cut_at - side->fed;
    if (s->chunk == 0 || left <= 1)
        return left;
    uint32_t most = left / MANY > s->chunk ? (uint32_t)(left / MANY) : s->chunk;
    size_t n = 1 + sup_below(&s->rng, most);
    return n < left ? n : left;
}

static bool feed(struct sim *s, int c, bool client)
{
    struct sim_conn *conn = &s->conns[c];
    struct sim_side *side = client ? &conn->client : &conn->uplink;
    if (conn->closed || side->eof_fed || (client && conn->service))
        return false;
    if (side->todo.len > side->off) {
        if (!side->reading || (!client && (conn->deaf || sim_server(s, c) == s->hanging || !conn->up)))
            return false;
        size_t n = piece(s, side, client ? 1 : 2);
        if (!client && conn->deaf_after > 0) {
            n = side->off + n < conn->deaf_after ? n : conn->deaf_after - 1 - side->off;
            if (n == 0)
                return false;
        }
        side->off += n;
        side->fed += n;
        sim_step(s, c, client ? PK_CLIENT_BYTES : PK_UPLINK_BYTES, side->todo.p + side->off - n, n);
        return true;
    }
    if (!side->eof || (!client && !conn->up))
        return false;
    side->eof_fed = true;
    side->under_way = false;
    if (!client)
        conn->up = false;
    sim_step(s, c, client ? PK_CLIENT_EOF : PK_UPLINK_EOF, NULL, 0);
    return true;
}

static bool finish_writes(struct sim *s, int c)
{
    struct sim_conn *conn = &s->conns[c];
    bool any = false;
    for (int client = 0; client < 2; client++) {
        struct sim_side *side = client ? &conn->client : &conn->uplink;
        if (!side->under_way || side->taking == SIM_NOTHING || conn->closed)
            continue;
        if (side->taking == SIM_PARTS && sup_below(&s->rng, 3) == 0)
            continue;
        complete(s, conn, client);
        drain(s);
        any = true;
    }
    return any;
}

/* A write that is completed in one of the next turns. */
static bool writing(const struct sim_conn *conn)
{
    return !conn->closed && ((conn->client.under_way && conn->client.taking == SIM_PARTS) ||
                             (conn->uplink.under_way && conn->uplink.taking == SIM_PARTS));
}

void sim_server_says(struct sim *s, int c, bool serves, int64_t zxid)
{
    s->conns[c].asked = false;
    s->asks++;
    sim_event(s, s->conns[c].id,
              (struct pk_event){.type = serves ? PK_SERVER_SERVES : PK_SERVER_LOST, .zxid = zxid});
    drain(s);
}

static bool conn_turn(struct sim *s, int c)
{
    bool any = finish_writes(s, c);
    if (s->conns[c].asked && !s->conns[c].closed)
        any |= s->behind->question(s, c);
    any |= s->behind->open(s, c);
    any |= s->behind->turn(s, c);
    any |= s->behind->close(s, c);
    any |= feed(s, c, false);
    any |= feed(s, c, true);
    return any;
}

void sim_pump(struct sim *s)
{
    bool any = true;
    for (int round = 0; any; round++) {
        assert_true(round < 200000);
        any = false;
        for (int c = sim_after(s, -1); c < SIM_CONNS; c = sim_after(s, c))
            if (s->conns[c].used)
                any |= conn_turn(s, c) || writing(&s->conns[c]);
        if (core_pending(s->core)) {
            sim_step(s, -1, PK_CONTINUE, NULL, 0);
            any = true;
        }
    }
}

void sim_advance(struct sim *s, int64_t us)
{
    while (us > 0) {
        int64_t part = us < 250000 ? us : 250000;
        s->now_us += part;
        us -= part;
        s->behind->time(s);
        sim_step(s, -1, PK_TICK, NULL, 0);
        sim_pump(s);
    }
}

void sim_send(struct sim *s, int c, const struct sup_buf *bytes)
{
    sup_raw(&s->conns[c].client.todo, bytes->p, bytes->len);
}

void sim_leave(struct sim *s, int c)
{
    s->conns[c].client.eof = true;
}

void sim_forget(struct sim *s, int c)
{
    struct sim_conn *conn = &s->conns[c];
    if (!conn->closed)
        sim_step(s, c, PK_CLIENT_EOF, NULL, 0);
    sim_pump(s);
    assert_true(conn->closed);
    sim_drop_conn(conn);
}
