/* See upstream_fixture.h. */
#include "upstream_fixture.h"

#include <stdlib.h>

#include "io/upstream/arrive.h"

struct pk_loop loop;
struct pk_log logger;
struct pk_upstream *upstream;
struct pk_config config;

int open_upstream(void **state)
{
    (void)state;
    upstream = calloc(1, sizeof *upstream);
    pk_log_init(&logger, PK_LOG_ERROR, -1);
    loop = (struct pk_loop){.config = &config,
                            .log = &logger,
                            .instance = "0123456789abcdef0123456789abcdef",
                            .now_us = 1000000000};
    assert_int_equal(uv_loop_init(&loop.uv), 0);
    upstream->loop = &loop;
    pk_arrivals_init(upstream);
    upstream->random = 42;
    upstream->resolved_us = loop.now_us;
    pk_list_init(&upstream->nameless);
    pk_list_init(&upstream->unserved);
    pk_list_init(&upstream->homeless);
    upstream->nservers = 4;
    for (int i = 0; i < 4; i++) {
        struct pk_server *s = &upstream->servers[i];
        *s = (struct pk_server){.upstream = upstream, .names = 1, .state = PK_SERVER_UP};
        pk_list_init(&s->probes);
        pk_list_init(&s->waiters);
        pk_entrants_init(&s->queue);
        pk_list_init(&s->questions);
        pk_list_init(&s->asks);
        pk_list_init(&s->asks_next);
    }
    return 0;
}

int close_upstream(void **state)
{
    (void)state;
    upstream->closing = true;
    pk_arrivals_close(upstream);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop.uv), 0);
    free(upstream);
    return 0;
}

void count(struct pk_waiter *wait, bool turned_away)
{
    struct waiter *waiter = PK_CONTAINER(wait, struct waiter, wait);
    waiter->gone++;
    waiter->away += turned_away;
}
