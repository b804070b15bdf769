/*
 * The end of the loop's round.
 *
 * Happy path: who waits is called once, behind everything that was ready, or before the loop sleeps.
 * Failure modes: a loop that always has more to do lets two more rounds pass, not more. Who ends meanwhile is in no
 * list any more.
 */
#include "io/conn/linkout.h"

#include <poll.h>

enum { PASSES = 4 /* two a round: behind what was ready, and before the next */ };

/* The loop would not sleep now. */
static bool more_is_ready(const uv_loop_t *loop)
{
    struct pollfd fd = {.fd = uv_backend_fd(loop), .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static void end_round(struct pk_linkout *out)
{
    if (out->passed++ < PASSES && more_is_ready(out->polled.loop))
        return;
    out->passed = 0;
    uv_check_stop(&out->polled);
    uv_prepare_stop(&out->polls);
    out->leaves = true;
    out->leave(out);
    out->leaves = false;
}

static void polled(uv_check_t *handle)
{
    end_round(handle->data);
}

static void polls(uv_prepare_t *handle)
{
    end_round(handle->data);
}

void pk_linkout_init(struct pk_linkout *out, uv_loop_t *loop)
{
    pk_list_init(&out->waiting);
    uv_check_init(loop, &out->polled);
    uv_prepare_init(loop, &out->polls);
    out->polled.data = out->polls.data = out;
}

void pk_linkout_close(struct pk_linkout *out)
{
    uv_close((uv_handle_t *)&out->polled, NULL);
    uv_close((uv_handle_t *)&out->polls, NULL);
}

void pk_linkout_wait(struct pk_linkout *out, struct pk_list *node, void (*leave)(struct pk_linkout *out))
{
    out->leave = leave;
    uv_check_start(&out->polled, polled);
    uv_prepare_start(&out->polls, polls);
    pk_list_del(node);
    pk_list_add_tail(&out->waiting, node);
}
