/* A server that hangs, and for how long clients of the others wait (model_hang.h). */
#include "model_hang.h"

#include <inttypes.h>

enum {
    BOUND_US = 4000000,    /* patience with two servers, one after the other, and what is asked in between */
    LONGEST_US = 12000000, /* of a hang: sessions outlive it */
};

static struct {
    int64_t sent_us[ACTORS][PENDING];
    int c[ACTORS], noted[ACTORS]; /* the actor's connection, and how many of its requests have been noted */
    int64_t ready_us[ACTORS];     /* since when it has had a session there, 0 not yet */
    int64_t began_us;             /* the newest hang */
    int64_t thawed_us[SIM_TRIO + 1]; /* each server went on, 0 never hung */
} hang;

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void model_hang_begin(struct model *m)
{
    memset(&hang, 0, sizeof hang);
    for (int a = 0; a < ACTORS; a++)
        hang.c[a] = m->actors[a].c;
}

static void thaw(struct model *m)
{
    model_trace(m, "server %d goes on", m->s.hanging);
    hang.thawed_us[m->s.hanging] = m->s.now_us;
    m->s.hanging = 0;
}

void model_hang(struct model *m)
{
    if (m->s.hanging != 0) {
        if (sup_below(&m->rng, 3) == 0)
            thaw(m);
        return;
    }
    m->s.hanging = 1 + (int)sup_below(&m->rng, SIM_TRIO);
    hang.began_us = m->s.now_us;
    model_trace(m, "server %d hangs", m->s.hanging);
}

static void note(struct model *m, int a)
{
    const struct actor *actor = &m->actors[a];
    if (hang.c[a] != actor->c || actor->last < hang.noted[a]) {
        hang.c[a] = actor->c;
        hang.noted[a] = 0;
        hang.ready_us[a] = 0;
    }
    if (hang.ready_us[a] == 0 && actor->connecting)
        hang.ready_us[a] = m->s.now_us;
    for (; hang.noted[a] < actor->last; hang.noted[a]++)
        hang.sent_us[a][hang.noted[a] % PENDING] = m->s.now_us;
}

/* Since when the actor's oldest request could have been answered, as far as its own connection goes; INT64_MAX: it
 * cannot be now. */
static int64_t since(const struct model *m, int a)
{
    const struct actor *actor = &m->actors[a];
    if (actor->c < 0 || actor->first == actor->last || hang.ready_us[a] == 0)
        return INT64_MAX;
    int server = sim_server(&m->s, actor->c);
    if (server == m->s.hanging)
        return INT64_MAX;
    return later(later(hang.sent_us[a][actor->first % PENDING], hang.ready_us[a]), hang.thawed_us[server]);
}

void model_hang_check(struct model *m)
{
    if (m->s.hanging != 0 && sup_below(&m->rng, 3) == 0)
        sim_advance(&m->s, (int64_t)sup_below(&m->rng, 1500000));
    actors_hear(m);
    if (m->s.hanging != 0 && m->s.now_us - hang.began_us > LONGEST_US)
        thaw(m);
    for (int a = 0; a < ACTORS && m->o.wrong[0] == 0; a++) {
        note(m, a);
        const struct actor *actor = &m->actors[a];
        int64_t us = since(m, a);
        if (us != INT64_MAX && m->s.now_us - us > BOUND_US)
            orc_wrong(&m->o, "actor %d, at server %d: xid %d has waited for %" PRId64 " ms, server %d hangs",
                      a, sim_server(&m->s, actor->c), actor->pending[actor->first % PENDING].xid,
                      (m->s.now_us - us) / 1000, m->s.hanging);
        if (m->fault == HANGS_FOR_OTHERS && actor->c >= 0)
            m->s.conns[actor->c].deaf = m->s.hanging != 0;
    }
}
