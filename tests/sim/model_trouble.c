/*
 * What befalls the clients of the model test (model_trouble.h).
 *
 * Failure modes: none; the oracle is told what may be lost, where something may.
 */
#include "model_trouble.h"

#include "uplink.h"

/* With trouble of the service session everything may be lost; ephemerals with any uplink, since their sessions end. */
static void may_drop(struct model *m, bool everything)
{
    for (int path = 0; path < model_npaths; path++)
        if (everything || model_paths[path].ephemeral) {
            orc_drop(&m->o, path);
            m->drops++;
        }
}

static void lose(struct model *m, int a)
{
    int frames = (int)sup_below(&m->rng, 4);
    enum sim_loss how = (enum sim_loss)sup_below(&m->rng, 3);
    model_trace(m, "actor %d loses its uplink after %d frames, %d", a, frames, (int)how);
    sim_lose(&m->s, m->actors[a].c, frames, how);
    if (how == SIM_LATE)
        actor_abandon(m, a);
    may_drop(m, false);
}

static void service_trouble(struct model *m)
{
    int service = sim_service(&m->s);
    model_trace(m, "trouble with service session %d", service);
    may_drop(m, true);
    if (service < 0)
        m->s.service_fail = (int)sup_below(&m->rng, 3);
    else
        sim_lose(&m->s, service, (int)sup_below(&m->rng, 3), (enum sim_loss)sup_below(&m->rng, 3));
}

void model_upset(struct model *m, int a, const struct model_kind *kind)
{
    struct sim_conn *conn = &m->s.conns[m->actors[a].c];
    switch (sup_below(&m->rng, 12)) {
    case 0:
    case 1:
        conn->hold = !conn->hold;
        break;
    case 2:
        conn->deaf = !conn->deaf;
        break;
    case 3:
        sim_release(&m->s, m->actors[a].c, 1 + (int)sup_below(&m->rng, 3));
        break;
    case 4:
        if (kind->lags)
            model_lag(m, a);
        break;
    case 5:
        if (kind->breaks)
            lose(m, a);
        break;
    case 6:
        if (kind->breaks && sup_below(&m->rng, 3) == 0) {
            model_trace(m, "actor %d leaves", a);
            sim_leave(&m->s, m->actors[a].c);
            m->actors[a].leaving = true;
        }
        break;
    case 7:
        if (kind->breaks && sup_below(&m->rng, 3) == 0)
            actor_close(m, a);
        break;
    case 8:
        sim_late(&m->s, 1);
        break;
    case 9:
        m->s.service_hold = sup_below(&m->rng, 2);
        for (int service = sim_service(&m->s); service >= 0 && m->s.conns[service].hold != m->s.service_hold;
             service = sim_service(&m->s))
            m->s.conns[service].hold = m->s.service_hold;
        break;
    case 10:
        if (kind->service_trouble && sup_below(&m->rng, 3) == 0)
            service_trouble(m);
        break;
    default:
        if (kind->chunks)
            conn->client.taking = conn->uplink.taking = sup_below(&m->rng, 2) ? SIM_PARTS : SIM_WHOLE;
        break;
    }
}
