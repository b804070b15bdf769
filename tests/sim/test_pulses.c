/*
 * Random messages of Pacemaker's clients, in pipelines, cut anywhere, beside a naive model of what they mean; and the
 * n-th allocation fails, for every n.
 *
 * The model is a list of paths: a pulse has data, what has none is there for what lies below it, or because the
 * ensemble has it. PK_ROUNDS and PK_SEED as for the other random tests.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "core_fixture.h"
#include "proto/pulse.h"

enum { PATHS = 64, STEPS = 60, CLIENTS = 3 };

struct node {
    char path[64]; /* as Pacemaker's clients name it */
    char data[16];
    bool pulse;    /* it has data */
    bool upstream; /* the ensemble has it: it stays without data, and without children */
};

static struct node nodes[PATHS];
static int nnodes;
static struct sup_rng rng;

/* ---- the model ---- */

static struct node *find(const char *path)
{
    for (int i = 0; i < nnodes; i++)
        if (strcmp(nodes[i].path, path) == 0)
            return &nodes[i];
    return NULL;
}

static bool below(const char *path, const char *top)
{
    size_t n = strlen(top);
    return strncmp(path, top, n) == 0 && path[n] == '/';
}

static bool has_children(const char *path)
{
    for (int i = 0; i < nnodes; i++)
        if (below(nodes[i].path, path))
            return true;
    return false;
}

static void forget(struct node *z)
{
    *z = nodes[--nnodes];
}

/* What is there for the sake of what lay below it goes. */
static void prune(void)
{
    for (int i = nnodes; i-- > 0;)
        if (!nodes[i].pulse && !nodes[i].upstream && !has_children(nodes[i].path)) {
            forget(&nodes[i]);
            i = nnodes;
        }
}

static struct node *make(const char *path)
{
    struct node *z = find(path);
    if (z != NULL)
        return z;
    assert_true(nnodes < PATHS);
    z = &nodes[nnodes++];
    *z = (struct node){0};
    snprintf(z->path, sizeof z->path, "%s", path);
    return z;
}

static void model_send(const char *path, const char *data)
{
    char parent[64];
    snprintf(parent, sizeof parent, "%s", path);
    for (char *slash; (slash = strrchr(parent, '/')) != NULL && slash > parent + strlen("/workerbeats");) {
        *slash = '\0';
        (void)make(parent);
    }
    struct node *z = make(path);
    z->pulse = true;
    snprintf(z->data, sizeof z->data, "%s", data);
}

static void model_delete(const char *path)
{
    for (int i = nnodes; i-- > 0;)
        if (strcmp(nodes[i].path, path) == 0 || below(nodes[i].path, path))
            forget(&nodes[i]);
    prune();
}

static void model_delete_id(const char *path)
{
    struct node *z = find(path);
    if (z == NULL)
        return;
    if (has_children(path))
        z->pulse = false;
    else if (z->pulse || z->upstream)
        forget(z);
    prune();
}

/* Names directly below a path: how many, and a sum that no order changes. */
static int model_list(const char *path, unsigned *sum)
{
    int n = 0;
    *sum = 0;
    for (int i = 0; i < nnodes; i++) {
        const char *rest = nodes[i].path + strlen(path) + 1;
        if (!below(nodes[i].path, path) || strchr(rest, '/') != NULL)
            continue;
        n++;
        *sum += pk_hash(1, rest, strlen(rest)) & 0xffff;
    }
    return n;
}

/* ---- one message ---- */

static struct pk_bytes bytes(const char *text)
{
    return (struct pk_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static void random_path(char path[64])
{
    static const char *const names[] = {"t", "u", "t-1"};
    uint32_t depth = sup_below(&rng, 8), n = (uint32_t)snprintf(path, 64, "/workerbeats");
    depth = depth == 0 ? 0 : depth < 3 ? 1 : depth < 7 ? 2 : 3;
    for (uint32_t i = 0; i < depth; i++)
        n += (uint32_t)snprintf(path + n, 64 - n, "/%s", names[sup_below(&rng, 3)]);
}

/* What is expected of it, in the order of the messages. */
struct expected {
    int type, id;
    char path[64], data[16];
    bool there;
    int count;
    unsigned sum;
};

static int random_type(void)
{
    static const int types[] = {PK_PULSE_SEND,       PK_PULSE_SEND,   PK_PULSE_SEND,      PK_PULSE_SEND,
                                PK_PULSE_GET,        PK_PULSE_GET,    PK_PULSE_LIST,      PK_PULSE_LIST,
                                PK_PULSE_EXISTS,     PK_PULSE_DELETE, PK_PULSE_DELETE_ID, PK_PULSE_GET_ALL,
                                PK_PULSE_CREATE_PATH};
    return types[sup_below(&rng, sizeof types / sizeof types[0])];
}

static void put(struct expected *e)
{
    uint8_t frame[256];
    uint8_t *end = e->type == PK_PULSE_SEND
                       ? pk_pulse_put_send(frame, e->id, bytes(e->path), bytes(e->data))
                       : pk_pulse_put_path(frame, (enum pk_pulse_type)e->type, e->id, bytes(e->path));
    sup_raw(&b, frame, (size_t)(end - frame));
}

/* Makes a message up and has the model carry it out. */
static void random_message(struct expected *e, int id)
{
    do {
        *e = (struct expected){.type = random_type(), .id = id};
        random_path(e->path);
    } while (e->type == PK_PULSE_SEND && strcmp(e->path, "/workerbeats") == 0);
    snprintf(e->data, sizeof e->data, "%u", sup_below(&rng, 1000));
    put(e);
    const struct node *z = find(e->path);
    e->there = z != NULL && z->pulse;
    if (e->type == PK_PULSE_SEND)
        model_send(e->path, e->data);
    else if (e->type == PK_PULSE_DELETE)
        model_delete(e->path);
    else if (e->type == PK_PULSE_DELETE_ID)
        model_delete_id(e->path);
    else if (e->there)
        snprintf(e->data, sizeof e->data, "%s", z->data);
    e->count = model_list(e->path, &e->sum);
}

static void check(int conn, const struct expected *e)
{
    struct pk_pulse m;
    unsigned sum = 0;
    if (!sim_pulse(&s, conn, &m))
        fail_msg("no reply to message %d (type %d, closed %d)", e->id, e->type, s.conns[conn].closed);
    assert_int_equal(m.type, e->type + 1);
    assert_int_equal(m.id, e->id);
    if (e->type == PK_PULSE_EXISTS)
        assert_int_equal(m.boolval, e->there);
    if (e->type == PK_PULSE_GET)
        assert_true(pk_bytes_eq(m.path, bytes(e->path)) && (m.details.p != NULL) == e->there &&
                    (!e->there || pk_bytes_eq(m.details, bytes(e->data))));
    if (e->type != PK_PULSE_LIST)
        return;
    assert_int_equal(m.nnodes, e->count);
    for (int32_t i = 0; i < m.nnodes; i++) {
        struct pk_bytes name = pk_get_bytes(&m.nodes);
        sum += pk_hash(1, name.p, name.len) & 0xffff;
    }
    assert_int_equal(sum, e->sum);
}

/* ---- rounds ---- */

static void start(void)
{
    struct core_config config = sim_default_config;
    config.pacemaker = M;
    config.max_message = 1 << 16;
    sim_init(&s, &config);
    nnodes = 0;
}

/* A topology that the ensemble has, as Nimbus makes it. */
static void make_upstream(const char *path, const char *data)
{
    char full[80];
    snprintf(full, sizeof full, "/storm%s", path);
    assert_int_equal(sim_direct_create(&s, full, data), 0);
    struct node *z = make(path);
    z->upstream = z->pulse = true;
    snprintf(z->data, sizeof z->data, "%s", data);
}

static void one_round(uint64_t seed)
{
    struct expected e[10];
    int conns[CLIENTS];
    rng = (struct sup_rng){seed};
    start();
    if (sup_below(&rng, 2) == 0)
        make_upstream("/workerbeats/u", "\7");
    if (sup_below(&rng, 2) == 0 && find("/workerbeats/u") != NULL)
        make_upstream("/workerbeats/u/t", "old");
    s.chunk = sup_below(&rng, 2) == 0 ? 0 : 1 + sup_below(&rng, 40);
    for (int i = 0; i < CLIENTS; i++)
        conns[i] = sim_open_pacemaker(&s);
    for (int step = 0; step < STEPS; step++) {
        int conn = conns[sup_below(&rng, CLIENTS)], n = 1 + (int)sup_below(&rng, 10);
        for (int i = 0; i < n; i++)
            random_message(&e[i], 100 * step + i);
        s.conns[conn].client.taking = (enum sim_taking)sup_below(&rng, 2);
        sim_go(&s, conn, &b);
        for (int i = 0; i < n; i++)
            check(conn, &e[i]);
        if (sup_below(&rng, 20) == 0)
            sim_advance(&s, (int64_t)sup_below(&rng, 200) * 1000000);
    }
    core_teardown(NULL);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void replies_are_those_of_a_naive_model(void **state)
{
    uint64_t seed = number("PK_SEED", 1), rounds = number("PK_ROUNDS", 300);
    (void)state;
    for (uint64_t i = 0; i < rounds; i++) {
        if (getenv("PK_TRACE") != NULL)
            print_message("seed %u\n", (unsigned)(seed + i));
        one_round(seed + i);
    }
}

/* Every message once, with the ensemble asked for some; the n-th allocation fails, or every one from it on. */
static uint64_t with_failure(uint64_t n, bool for_good)
{
    struct pk_pulse m;
    static const struct {
        int type;
        const char *path;
    } script[] = {
        {PK_PULSE_SEND, "/workerbeats/u/t"},
        {PK_PULSE_SEND, "/workerbeats/u/t"},
        {PK_PULSE_GET, "/workerbeats/u/t"},
        {PK_PULSE_SEND, "/workerbeats/a/b/c"},
        {PK_PULSE_LIST, "/workerbeats"},
        {PK_PULSE_EXISTS, "/workerbeats/z"},
        {PK_PULSE_SEND, "/workerbeats/u/v"},
        {PK_PULSE_DELETE, "/workerbeats/u"},
        {PK_PULSE_DELETE_ID, "/workerbeats/a/b/c"},
    };
    start();
    make_upstream("/workerbeats/u", "\7");
    make_upstream("/workerbeats/u/t", "old");
    int conn = sim_open_pacemaker(&s);
    uint64_t before = s.mem.calls;
    sup_mem_fail(&s.mem, n);
    s.mem.all_after = for_good;
    for (size_t i = 0; i < sizeof script / sizeof script[0]; i++) {
        struct expected e = {.type = script[i].type, .id = (int)i, .data = "x"};
        snprintf(e.path, sizeof e.path, "%s", script[i].path);
        put(&e);
    }
    sim_go(&s, conn, &b);
    uint64_t calls = s.mem.calls - before;
    sup_mem_fail(&s.mem, 0);
    s.mem.all_after = false;
    sim_advance(&s, 40 * 1000000);
    conn = sim_open_pacemaker(&s);
    struct expected e = {.type = PK_PULSE_SEND, .path = "/workerbeats/new/one", .data = "y"};
    put(&e);
    sim_go(&s, conn, &b);
    assert_true(sim_pulse(&s, conn, &m));
    assert_int_equal(m.type, PK_PULSE_SEND + 1);
    core_teardown(NULL);
    return calls;
}

static void memory_that_runs_out_ends_a_client(void **state)
{
    (void)state;
    uint64_t calls = with_failure(0, false);
    assert_true(calls > 20);
    for (uint64_t n = 1; n <= calls + 5; n++) {
        with_failure(n, false);
        with_failure(n, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_those_of_a_naive_model),
        cmocka_unit_test(memory_that_runs_out_ends_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
