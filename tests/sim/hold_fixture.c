/* What the tests of held clients stand on (hold_fixture.h). */
#include "hold_fixture.h"

int hold_setup(void **state)
{
    struct core_config config = sim_default_config;
    (void)state;
    config.hold = true;
    sim_init(&s, &config);
    s.server = SIM_GONE;
    c = sim_connect(&s, T_US / MS);
    other = sim_connect(&s, T_US / MS);
    return 0;
}

void lose(int who, enum sim_loss how)
{
    sim_lose(&s, who, 0, how);
    sim_pump(&s);
}

void expect_silence(int who)
{
    struct sim_frame f;
    assert_false(sim_frame(&s, who, &f));
    assert_false(s.conns[who].closed);
}

void read_with_watch(int who, int xid, int op, const char *path, int err)
{
    wire_read(&b, xid, op, path, true);
    sim_call(&s, who, &b, err, NULL);
}

void serves_on(int who)
{
    wire_read(&b, 900, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, who, &b, PK_Z_OK, NULL);
}
