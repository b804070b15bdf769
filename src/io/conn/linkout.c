/*
 * The end of the loop's round.
 *
 * Happy path: who waits is called once, behind everything that was ready, or before the loop sleeps.
 * Failure modes: none; who ends meanwhile is in no list any more.
 */
#include "io/conn/linkout.h"

static void end_round(struct pk_linkout *out)
{
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
