/*
 * The gate: what waits for copies, for the reign and for a question; two generations; order; what may overtake; memory
 * that is short at any call.
 */
#include "tests/lib/support.h"

#include "base/check.h"
#include "core/conn/gate.h"
#include "core/conn/send.h"
#include "core/store/stats.h"

static struct sup_mem mem;
static struct core_stats stats;
static struct pk_conns conns;
static struct pk_gates gates;
static struct pk_client *c;

static int start(void **state)
{
    (void)state;
    const struct pk_limits limits = {.max_frame = 1000, .client_high_water = 1000, .uplink_high_water = 1000};
    sup_mem_init(&mem);
    stats = (struct core_stats){0};
    pk_conns_init(&conns, &mem.mem, &stats, &limits);
    pk_gates_init(&gates);
    gates.apply = true;
    gates.reign_until_us = 1000;
    gates.asked = gates.answered = 1;
    conns.gates = &gates;
    conns.now_us = 10;
    c = pk_client_new(&conns, PK_KIND_ZOOKEEPER);
    assert_non_null(c);
    pk_client_move(c, PK_CLIENT_OPEN);
    pk_uplink_move(&c->up, PK_UPLINK_OPENING);
    pk_uplink_move(&c->up, PK_UPLINK_HANDSHAKE);
    pk_uplink_move(&c->up, PK_UPLINK_UP);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pk_out_drop(&conns.out, &conns.nowhere);
    PK_LIST_EACH(at, tmp, &c->up.awaited.entries)
        pk_entry_free(&conns, c, PK_CONTAINER(at, struct pk_entry, uplink));
    pk_list_del(&c->up.runnable);
    c->up.ending = false;
    pk_uplink_out_drop(&conns, &c->up);
    pk_conn_free(&conns, &c->up);
    pk_conns_drop(&conns);
    assert_int_equal(mem.blocks, 0);
    return 0;
}

static bool say(const char *text, enum pk_depends on)
{
    return pk_out_copy(&conns.out, pk_client_out(&conns, c, on), (const uint8_t *)text, strlen(text)) ==
           PK_OK;
}

/* What is on its way to the client. */
static const char *out(const struct pk_out *o)
{
    static char text[100];
    struct pk_iov iov[16];
    size_t len = 0;
    int n = pk_out_iov(o, iov, 16);
    for (int i = 0; i < n; i++) {
        memcpy(text + len, iov[i].base, iov[i].len);
        len += iov[i].len;
    }
    text[len] = '\0';
    return text;
}

static void open_gate(void **state)
{
    (void)state;
    assert_true(say("a", PK_ON_MEMORY));
    assert_null(c->gate);
    assert_string_equal(out(&c->out), "a");
}

static void waits_for_copies(void **state)
{
    (void)state;
    gates.position = 5;
    gates.acked = 4;
    assert_true(say("a", PK_ON_ORDER));
    assert_true(say("b", PK_ON_MEMORY));
    assert_true(say("c", PK_ON_ORDER));
    assert_true(say("p", PK_ON_NOTHING));
    assert_string_equal(out(&c->out), "ap");
    assert_int_equal(pk_client_unsent(c), 4);
    assert_int_equal(gates.nwaiting, 1);
    pk_out_end_turn(&conns.out);
    pk_gates_open(&conns);
    assert_string_equal(out(&c->out), "ap");
    gates.acked = 5;
    pk_gates_open(&conns);
    assert_string_equal(out(&c->out), "apbc");
    assert_null(c->gate);
    assert_int_equal(gates.waits.total, 1);
}

/* Who always writes does not wait for ever: what was written first leaves when its own position is there. */
static void two_generations(void **state)
{
    (void)state;
    gates.position = 5;
    gates.acked = 4;
    assert_true(say("a", PK_ON_MEMORY));
    gates.position = 6;
    assert_true(say("b", PK_ON_MEMORY));
    gates.position = 7;
    assert_true(say("c", PK_ON_MEMORY));
    gates.acked = 6;
    pk_gates_open(&conns);
    assert_string_equal(out(&c->out), "a");
    gates.acked = 7;
    pk_gates_open(&conns);
    assert_string_equal(out(&c->out), "abc");
}

static void waits_for_the_reign(void **state)
{
    (void)state;
    conns.now_us = 1000;
    assert_true(say("a", PK_ON_MEMORY));
    assert_true(say("b", PK_ON_ORDER));
    pk_gates_open(&conns);
    assert_string_equal(out(&c->out), "");
    gates.reign_until_us = 1001;
    pk_gates_open(&conns);
    assert_string_equal(out(&c->out), "ab");
    gates.apply = false;
    conns.now_us = 2000;
    assert_true(say("c", PK_ON_MEMORY));
    assert_string_equal(out(&c->out), "abc");
}

/* A client that came after the newest question waits for one that is asked since; one question serves all. */
static void waits_for_a_question(void **state)
{
    (void)state;
    gates.asked = 3;
    gates.answered = 3;
    c->came = 3;
    assert_true(say("a", PK_ON_MEMORY));
    assert_string_equal(out(&c->out), "");
    assert_true(gates.wants_answer);
    assert_int_equal(gates.wanted, 3);
    gates.answered = 4;
    pk_gates_open(&conns);
    assert_string_equal(out(&c->out), "a");
}

static struct pk_entry *ask(enum pk_answer answer, int32_t op)
{
    return pk_send_internal(&conns, &c->up, answer, op, PK_BYTES("/x"), NULL);
}

static const struct pk_entry *awaited(int n)
{
    const struct pk_list *at = c->up.awaited.entries.next;
    while (n-- > 0)
        at = at->next;
    return PK_CONTAINER(at, struct pk_entry, uplink);
}

/* A question of the group overtakes what waits, and its answer is awaited before that of what waits. */
static void questions_overtake(void **state)
{
    (void)state;
    gates.position = 5;
    gates.acked = 4;
    assert_non_null(ask(PK_ANSWER_DROP, PK_OP_SYNC));
    assert_non_null(ask(PK_ANSWER_DROP, PK_OP_CREATE));
    assert_non_null(ask(PK_ANSWER_DROP, PK_OP_EXISTS));
    assert_non_null(ask(PK_ANSWER_GROUP, PK_OP_SYNC));
    assert_int_equal(awaited(0)->op, PK_OP_SYNC);
    assert_int_equal(awaited(1)->answer, PK_ANSWER_GROUP);
    assert_int_equal(awaited(2)->op, PK_OP_CREATE);
    assert_int_equal(awaited(2)->gated, 1);
    assert_int_equal(awaited(3)->gated, 1);
    conns.now_us = 500;
    gates.acked = 5;
    pk_gates_open(&conns);
    assert_int_equal(awaited(2)->gated, 0);
    assert_int_equal(awaited(2)->sent_us, 500);
    assert_null(c->up.gate);
}

static void memory_short(void **state)
{
    bool done = false;
    for (uint32_t n = 1; !done; n++) {
        assert_true(n < 20);
        gates.position = 5;
        gates.acked = 4;
        sup_mem_fail(&mem, n);
        done = say("a", PK_ON_MEMORY) && !c->up.ending;
        sup_mem_fail(&mem, 0);
        assert_string_equal(out(&c->out), "");
        pk_client_out_drop(&conns, c);
        if (!done) {
            assert_int_equal(stop(state), 0);
            assert_int_equal(start(state), 0);
        }
    }
}

#define GATE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE(open_gate),           GATE(waits_for_copies),     GATE(two_generations),
        GATE(waits_for_the_reign), GATE(waits_for_a_question), GATE(questions_overtake),
        GATE(memory_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
