/*
 * The end of a schedule of the model test (model_end.h).
 *
 * Failure modes: who was never answered, and what the ensemble does not have, is the oracle's to say.
 */
#include "model_end.h"

#include "uplink.h"
#include "wire.h"

/* Nothing is held back any more, and everybody is answered in a few seconds (service sessions are tried again). */
static void calm(struct model *m)
{
    m->s.service_hold = false;
    m->s.service_fail = 0;
    m->s.hanging = 0;
    for (int c = 0; c < SIM_CONNS; c++) {
        m->s.conns[c].hold = m->s.conns[c].deaf = false;
        m->s.conns[c].client.taking = m->s.conns[c].uplink.taking = SIM_WHOLE;
    }
    sim_late(&m->s, 1000);
    sim_pump(&m->s);
    sim_advance(&m->s, 3000000);
    actors_hear(m);
    for (int a = 0; a < ACTORS; a++)
        if (m->actors[a].c >= 0 && m->actors[a].first != m->actors[a].last && m->o.wrong[0] == 0)
            orc_wrong(&m->o, "actor %d: xid %d was never answered", a,
                      m->actors[a].pending[m->actors[a].first % PENDING].xid);
}

/* What is in the ensemble is what was written last; but of a local znode the proxy may have the newest, and what the
 * service session may not write waits for somebody who may, or for the end. */
static void compare_tree(struct model *m, int last_mount)
{
    for (int path = 0; path < model_npaths && m->o.wrong[0] == 0; path++) {
        int version, value = model_value(m, model_paths[path].path, &version);
        bool local = false;
        for (int i = 0; i < m->o.n; i++)
            local |= m->o.ops[i].path == path && m->o.ops[i].kind == ORC_CREATE && m->o.ops[i].who >= 0;
        if ((int)model_paths[path].mount > last_mount &&
            (model_paths[path].mount != AT_NOTHING || last_mount == 0))
            continue;
        bool waits = model_paths[path].user != NULL && !m->service_may_write && last_mount != AT_NOTHING;
        if (waits || (model_paths[path].mount == AT_PACEMAKER && local))
            continue;
        orc_final(&m->o, path, value, version);
    }
}

static void watch_all(struct model *m, int a)
{
    struct sup_buf b = {0};
    for (int i = 0; i < MODEL_MOUNTS; i++)
        wire_add_watch(&b, 1 << 20, model_mounts[i].path, PK_WATCH_PERSISTENT_RECURSIVE);
    m->actors[a].first = m->actors[a].last = 0;
    sim_send(&m->s, m->actors[a].c, &b);
    sim_pump(&m->s);
    sup_buf_free(&b);
}

/* One of the ways in which all that is dirty gets to the ensemble. */
void model_end(struct model *m)
{
    int way = (int)sup_below(&m->rng, 4), a = 0;
    calm(m);
    if (m->o.wrong[0] != 0)
        return;
    model_trace(m, "the end, by way %d", way);
    for (int i = 0; i < ACTORS; i++) /* nothing is written on the connection of who has fallen silent */
        if (m->actors[i].c >= 0 && !m->actors[i].leaving)
            actor_ping(m, i);
    for (int i = 0; i < 10; i++)
        sim_advance(&m->s, MODEL_FLUSH_US / 8);
    actors_hear(m);
    compare_tree(m, AT_WRITE_BEHIND);
    while (a < ACTORS && (m->actors[a].c < 0 || m->actors[a].leaving))
        a++;
    if (way == 0 && a < ACTORS) {
        watch_all(m, a);
        compare_tree(m, AT_NOTHING);
    }
    for (a = 0; way == 1 && a < ACTORS; a++)
        if (m->actors[a].c >= 0 && !m->actors[a].leaving)
            actor_close(m, a);
    for (int c = 0; way < 3 && c < SIM_CONNS; c++)
        m->s.conns[c].client.eof |= m->s.conns[c].used && !m->s.conns[c].service;
    sim_pump(&m->s);
    sim_step(&m->s, -1, PK_DRAIN, NULL, 0);
    sim_pump(&m->s);
    for (int i = 0; i < 12 && !core_idle(m->s.core); i++)
        sim_advance(&m->s, 1000000);
    compare_tree(m, AT_NOTHING);
    const struct core_stats *st = core_stats(m->s.core);
    if (m->o.wrong[0] == 0 &&
        (!core_idle(m->s.core) || st->queue_depth != 0 || st->connections != 0 || st->uplinks != 0))
        orc_wrong(&m->o, "left over: idle %d, queue %d, connections %d, uplinks %d", core_idle(m->s.core),
                  (int)st->queue_depth, (int)st->connections, (int)st->uplinks);
}
