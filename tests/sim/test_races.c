/*
 * Several sessions at once, their requests and answers delayed and released at random: each answer in its place, no
 * read that goes back, no data that does not belong to its version, and nothing left waiting in the end.
 *
 * Every writer has a znode of its own and writes k as its k-th write: version and data must always agree, through
 * local creates, promotions and lost uplinks of others.
 */
#include "steps.h"
#include "uplink.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

#define M "/storm/workerbeats"

enum { CLIENTS = 5, STEPS = 400 };

static struct sim s;
static struct sup_rng rng;
static struct sup_buf b;

struct actor {
    int c;
    int sent, answered; /* requests; xid is the number */
    int writes;         /* of its own znode */
    uint8_t ops[4 * STEPS];
    uint8_t about[4 * STEPS]; /* whose znode */
    int before[4 * STEPS];    /* own writes sent before it */
    int seen[CLIENTS];        /* newest version read of each */
};
static struct actor actors[CLIENTS];
static char story[64];

static void path_of(int i, char out[64])
{
    snprintf(out, 64, M "/t/w%d", i);
}

static void ask(struct actor *a, int self)
{
    char path[64], data[16];
    int about = (int)sup_below(&rng, CLIENTS), op = PK_OP_GET_DATA;
    path_of(about, path);
    sup_buf_reset(&b);
    int xid = ++a->sent;
    uint32_t kind = sup_below(&rng, 40);
    if (kind < 16) {
        about = self;
        path_of(self, path);
        snprintf(data, sizeof data, "%d", ++a->writes);
        wire_set(&b, xid, path, data, -1);
        op = PK_OP_SET_DATA;
    } else if (kind < 30) {
        op = kind % 2 ? PK_OP_GET_DATA : PK_OP_EXISTS;
        wire_read(&b, xid, op, path, false);
    } else if (kind < 33) {
        op = PK_OP_GET_CHILDREN2;
        wire_read(&b, xid, op, M "/t", false);
    } else if (kind < 34) {
        op = PK_OP_EXISTS;
        wire_read(&b, xid, op, path, true);
    } else if (kind < 35) {
        op = PK_OP_MULTI;
        size_t mark = wire_multi(&b, xid, op);
        wire_multi_check(&b, path, -1);
        wire_multi_end(&b, mark);
    } else {
        op = PK_OP_SYNC;
        wire_path(&b, xid, PK_OP_SYNC, path);
    }
    a->before[xid] = a->writes;
    a->ops[xid] = (uint8_t)op;
    a->about[xid] = (uint8_t)about;
    sim_send(&s, a->c, &b);
}

static void check(struct actor *a, int self, const struct sim_frame *f)
{
    int xid = ++a->answered, about = a->about[xid];
    char data[16];
    if (f->xid != xid || f->err != PK_Z_OK)
        fail_msg("%s: client %d: xid %d err %d instead of xid %d (type %d)", story, self, f->xid, f->err, xid,
                 a->ops[xid]);
    if (a->ops[xid] != PK_OP_EXISTS && a->ops[xid] != PK_OP_GET_DATA && a->ops[xid] != PK_OP_SET_DATA)
        return;
    int version = sim_stat(f).version;
    if (version < a->seen[about])
        fail_msg("%s: client %d: version %d of %d after %d", story, self, version, about, a->seen[about]);
    a->seen[about] = version;
    if (about == self && version != a->before[xid])
        fail_msg("%s: client %d sees version %d of its own znode after %d writes", story, self, version,
                 a->before[xid]);
    if (a->ops[xid] != PK_OP_GET_DATA)
        return;
    snprintf(data, sizeof data, "%d", version);
    size_t n = sup_be32(f->body);
    if (n != strlen(data) || memcmp(f->body + 4, data, n) != 0)
        fail_msg("%s: client %d: data %.*s with version %d of %d", story, self, (int)n,
                 (const char *)f->body + 4, version, about);
}

static void read_answers(void)
{
    struct sim_frame f;
    for (int i = 0; i < CLIENTS; i++)
        while (sim_frame(&s, actors[i].c, &f))
            if (f.xid != PK_XID_NOTIFICATION)
                check(&actors[i], i, &f);
}

static void set_up(void)
{
    char path[64];
    sim_init(&s, NULL);
    memset(actors, 0, sizeof actors);
    for (int i = 0; i < CLIENTS; i++) {
        actors[i].c = sim_connect(&s, 40000);
        s.conns[actors[i].c].client.taking = sup_below(&rng, 2) ? SIM_WHOLE : SIM_PARTS;
        s.conns[actors[i].c].uplink.taking = sup_below(&rng, 2) ? SIM_WHOLE : SIM_PARTS;
        if (i == 0)
            sim_local_create(&s, actors[0].c, M "/t", "");
        path_of(i, path);
        sim_local_create(&s, actors[i].c, path, "0");
    }
}

static void run(uint64_t seed)
{
    snprintf(story, sizeof story, "seed %llu", (unsigned long long)seed);
    rng.s = s.rng.s = seed;
    set_up();
    s.chunk = seed % 3 == 0 ? 30 : 0;
    for (int step = 0; step < STEPS; step++) {
        int i = (int)sup_below(&rng, CLIENTS);
        struct sim_conn *conn = &s.conns[actors[i].c];
        switch (sup_below(&rng, 12)) {
        case 0:
            conn->hold = !conn->hold;
            break;
        case 1:
            conn->deaf = !conn->deaf;
            break;
        case 2:
            sim_release(&s, actors[i].c, 1 + (int)sup_below(&rng, 3));
            break;
        case 3:
            sim_pump(&s);
            break;
        default:
            for (uint32_t n = 1 + sup_below(&rng, 3); n > 0; n--)
                ask(&actors[i], i);
            if (sup_below(&rng, 2))
                sim_pump(&s);
            break;
        }
        read_answers();
    }
    for (int i = 0; i < CLIENTS; i++)
        s.conns[actors[i].c].hold = s.conns[actors[i].c].deaf = false;
    sim_pump(&s);
    read_answers();
    for (int i = 0; i < CLIENTS; i++)
        if (actors[i].answered != actors[i].sent)
            fail_msg("%s: client %d waits for %d answers", story, i, actors[i].sent - actors[i].answered);
    sim_free(&s);
}

static void races(void **state)
{
    (void)state;
    const char *more = getenv("PK_ROUNDS");
    uint64_t rounds = more != NULL ? strtoull(more, NULL, 10) : 100;
    for (uint64_t seed = 1; seed <= rounds; seed++)
        run(seed);
    sup_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(races)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
