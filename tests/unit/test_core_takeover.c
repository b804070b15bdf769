/*
 * Taking over: a copy becomes memory piece by piece, and nobody is told of it before all of it has.
 */
#include <stdio.h>

#include "link_fixture.h"

enum { ZNODES = 2000, AT_ONCE = 200, PIECE = 500 };

static int64_t before, most, steps;

/* Each step of the standby takes a bounded part, and what is not primary yet goes on by itself. */
static void stepped(const struct sim *of)
{
    int64_t now = core_stats(of->core)->znodes;
    most = now - before > most ? now - before : most;
    steps += now != before;
    before = now;
    if (now > 0 && now < ZNODES)
        assert_true(core_pending(of->core) && info(of).role == PK_ROLE_TAKING);
}

static void copy_many(void)
{
    char path[64];
    converse_until_listed();
    for (int i = 0; i < ZNODES; i++) {
        snprintf(path, sizeof path, M "/a/%d", i);
        wire_create(&b, 1000 + i, path, "data");
        if (i % AT_ONCE != AT_ONCE - 1)
            continue;
        sim_go(&s, c, &b);
        carry();
    }
    assert_int_equal(info(&s).waiting, 0);
    assert_int_equal(mate(&s).lag_records, 0);
}

static void become_primary(void)
{
    assert_int_equal(sim_direct_delete(&standby, "/pacekeeper/storm/primary"), 0);
    for (int i = 0; i < 200 && info(&standby).role != PK_ROLE_PRIMARY; i++)
        sim_advance(&standby, 50000);
    assert_int_equal(info(&standby).role, PK_ROLE_PRIMARY);
}

static void piece_by_piece(void **state)
{
    (void)state;
    copy_many();
    before = most = steps = 0;
    standby.stepped = stepped;
    become_primary();
    assert_true(core_stats(standby.core)->znodes >= ZNODES);
    assert_in_range(most, 1, PIECE);
    assert_true(steps >= ZNODES / PIECE);
    assert_int_equal(core_stats(standby.core)->group_losses, 0);
    assert_false(core_pending(standby.core));
}

/* Its session expires before it serves: what was restored is dropped, and the copy is whole as before. */
static void expired_meanwhile(void **state)
{
    (void)state;
    copy_many();
    assert_int_equal(sim_direct_delete(&standby, "/pacekeeper/storm/primary"), 0);
    for (int i = 0; i < 200 && info(&standby).role != PK_ROLE_TAKING; i++)
        sim_advance(&standby, 10000);
    assert_int_equal(info(&standby).role, PK_ROLE_TAKING);
    assert_true(core_stats(standby.core)->znodes >= ZNODES);
    int64_t epoch = info(&standby).epoch, znodes = core_stats(standby.core)->znodes;
    int64_t owner = tree_find(&standby.zk.tree, "/pacekeeper/storm/primary")->owner;
    for (int i = 0; i < 100 && info(&standby).epoch == epoch; i++) {
        struct zk_session *session = zk_session(&standby.zk, owner);
        if (session != NULL)
            session->touched_ms = 0;
        sim_advance(&standby, 10000);
    }
    assert_true(info(&standby).epoch > epoch);
    for (int i = 0; i < 40 && info(&standby).role != PK_ROLE_PRIMARY; i++)
        sim_advance(&standby, 250000);
    assert_int_equal(info(&standby).role, PK_ROLE_PRIMARY);
    assert_int_equal(core_stats(standby.core)->znodes, znodes);
    assert_int_equal(core_stats(standby.core)->group_losses, 0);
}

/* The primary's process is killed: its link ends, and its port takes one more connection before it is closed. The next
 * attempt, which is refused, comes soon. */
static void port_closes_late(void **state)
{
    (void)state;
    converse_until_listed();
    sim_step(&standby, link_of_standby(), PK_UPLINK_EOF, NULL, 0);
    sim_pump(&standby);
    int again = link_of_standby();
    assert_true(again >= 0);
    sim_step(&standby, again, PK_UPLINK_EOF, NULL, 0);
    sim_pump(&standby);
    assert_int_equal(link_of_standby(), -1);
    sim_advance(&standby, 50000);
    assert_true(link_of_standby() >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {LINKED(piece_by_piece), LINKED(expired_meanwhile),
                                       LINKED(port_closes_late)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
