/* Whose identities a connection has: what the ensemble has accepted, and what the driver says; nothing else. */
#include <stdio.h>

#include "core/inspect.h"
#include "tests/sim/core_fixture.h"

#define BOB "digest:bob:R3bUSw3Enrs8ff9W5R1qlyZbH2M=" /* of bob:p */

static bool is(int client, const char *identity)
{
    return core_is(s.core, s.conns[client].id, identity);
}

static void an_accepted_addauth(void **state)
{
    (void)state;
    assert_false(is(c, BOB));
    s.conns[c].deaf = true;
    wire_user(&b, PK_XID_AUTH, "bob");
    sim_go(&s, c, &b);
    assert_false(is(c, BOB));
    s.conns[c].deaf = false;
    sim_pump(&s);
    sim_expect(&s, c, PK_XID_AUTH, PK_Z_OK, NULL);
    assert_true(is(c, BOB));
    assert_false(is(other, BOB));
}

/* kazoo's xid, and one that comes early: the identity counts from the answer's arrival. */
static void an_addauth_that_overtakes(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    wire_user(&b, 2, "bob");
    sim_go(&s, c, &b);
    assert_true(is(c, BOB));
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
}

static void a_refused_addauth(void **state)
{
    (void)state;
    s.zk.refuse_auth = true;
    wire_user(&b, PK_XID_AUTH, "bob");
    sim_call(&s, c, &b, PK_Z_AUTH_FAILED, NULL);
    assert_false(is(c, BOB));
}

static void what_is_not_credentials(void **state)
{
    (void)state;
    size_t mark = wire_begin(&b, PK_XID_AUTH, PK_OP_AUTH);
    sup_int(&b, 0);
    sup_str(&b, "ip");
    sup_str(&b, "bob:p");
    wire_end(&b, mark);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    mark = wire_begin(&b, PK_XID_AUTH, PK_OP_AUTH);
    sup_int(&b, 0);
    sup_str(&b, "digest");
    sup_int(&b, 500);
    wire_end(&b, mark);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_false(is(c, BOB));
}

/* So many, and not one more. */
static void many(void **state)
{
    (void)state;
    char user[16];
    for (int i = 0; i < 40; i++) {
        snprintf(user, sizeof user, "u%d", i);
        wire_user(&b, PK_XID_AUTH, user);
        wire_user(&b, PK_XID_AUTH, "u0");
    }
    sim_go(&s, c, &b);
    for (int i = 0; i < 80; i++)
        sim_expect(&s, c, PK_XID_AUTH, PK_Z_OK, NULL);
    wire_user(&b, PK_XID_AUTH, "bob");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_false(is(c, BOB));
}

static void start_release(uint16_t release)
{
    s.release = release;
    c = sim_connect(&s, 10000);
    assert_true(c >= 0);
}

/* The ensemble is asked once, when the exchange is over. */
static void relayed_sasl(void **state)
{
    (void)state;
    start_release(0x0307);
    uint64_t before = s.conns[c].requests;
    wire_sasl(&b, 1, "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(s.conns[c].requests, before + 1);
    wire_sasl(&b, 2, "I am nimbus");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(s.conns[c].requests, before + 3);
    assert_true(is(c, "sasl:nimbus"));
    assert_false(is(c, "ip:127.0.0.1"));
    wire_read(&b, 3, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

static void relayed_sasl_of_an_older_server(uint16_t release)
{
    start_release(release);
    wire_sasl(&b, 1, "I am nimbus");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(s.conns[c].requests, 1);
    assert_false(is(c, "sasl:nimbus"));
}

static void no_question_to_older_servers(void **state)
{
    (void)state;
    relayed_sasl_of_an_older_server(0x0306);
    relayed_sasl_of_an_older_server(0);
}

static void the_driver_says(void **state)
{
    (void)state;
    struct pk_id id = s.conns[c].id, stale = {id.slot, id.gen + 1};
    assert_int_equal(core_identify(s.core, id, "x509", "CN=nimbus,O=Lab"), PK_OK);
    assert_int_equal(core_identify(s.core, id, "sasl", "nimbus"), PK_OK);
    assert_int_equal(core_identify(s.core, stale, "sasl", "mallory"), PK_OK);
    assert_true(is(c, "x509:CN=nimbus,O=Lab"));
    assert_true(is(c, "sasl:nimbus"));
    assert_false(is(c, "sasl:mallory"));
    assert_false(is(other, "sasl:nimbus"));
}

/* Nothing of one connection is the next one's. */
static void they_end_with_the_connection(void **state)
{
    (void)state;
    struct pk_id id = s.conns[c].id;
    assert_int_equal(core_identify(s.core, id, "sasl", "nimbus"), PK_OK);
    sim_leave(&s, c);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    sim_forget(&s, c);
    c = sim_connect(&s, 10000);
    assert_int_equal(s.conns[c].id.slot, id.slot);
    assert_false(is(c, "sasl:nimbus"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_accepted_addauth),
        CASE(an_addauth_that_overtakes),
        CASE(a_refused_addauth),
        CASE(what_is_not_credentials),
        CASE(many),
        CASE(relayed_sasl),
        CASE(no_question_to_older_servers),
        CASE(the_driver_says),
        CASE(they_end_with_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
