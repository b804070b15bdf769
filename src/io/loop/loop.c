/*
 * Time and events of a loop. Happy path: the clocks are read once for each batch, and every event of the batch carries
 * them to the core. Failure modes: no memory at the start.
 */
#include "io/loop/loop.h"

#include <stdlib.h>
#include <time.h>

enum { SAY_AGAIN_US = 60 * 1000000 };

enum pk_err pk_loop_init(struct pk_loop *loop)
{
    loop->buffer = malloc(PK_READ_BUFFER);
    loop->plain = malloc(PK_PLAIN_BUFFER);
    if (loop->buffer == NULL || loop->plain == NULL || uv_loop_init(&loop->uv) != 0)
        return PK_ENOMEM;
    pk_secret_undumped(loop->buffer, PK_READ_BUFFER); /* what clients show passes through both */
    pk_secret_undumped(loop->plain, PK_PLAIN_BUFFER);
    pk_secret_heap_init(&loop->secrets);
    pk_loop_clock(loop);
    loop->started_us = loop->now_us;
    return PK_OK;
}

void pk_loop_free(struct pk_loop *loop)
{
    core_free(loop->core);
    pk_secret_heap_close(&loop->secrets);
    free(loop->buffer);
    free(loop->plain);
}

int64_t pk_loop_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void pk_loop_clock(struct pk_loop *loop)
{
    struct timespec wall;
    /* The coarse clock is as exact as a znode's times need. */
    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    loop->wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
    loop->now_us = pk_loop_now();
}

bool pk_loop_say_again(const struct pk_loop *loop, int64_t *said_us)
{
    if (*said_us != 0 && loop->now_us - *said_us < SAY_AGAIN_US)
        return false;
    *said_us = loop->now_us;
    return true;
}

/* libuv takes its time once for each round. A round that was too long for one more step is seen to be over. */
bool pk_loop_may_shake(struct pk_loop *loop)
{
    if (loop->shake_round != uv_now(&loop->uv)) {
        loop->shake_round = uv_now(&loop->uv);
        loop->shake_us = 0;
    }
    return loop->shake_us < PK_SHAKE_US;
}

void pk_loop_shook(struct pk_loop *loop, int64_t us)
{
    loop->shake_us += us;
}

void pk_loop_step(struct pk_loop *loop, struct pk_id id, enum pk_event_type type, const void *bytes,
                  size_t len)
{
    struct pk_event event = {
        .type = type, .bytes = bytes, .len = len, .now_us = loop->now_us, .wall_ms = loop->wall_ms};
    core_step(loop->core, id, &event);
}

void pk_loop_server(struct pk_loop *loop, struct pk_id id, enum pk_event_type type, int64_t zxid)
{
    struct pk_event event = {.type = type, .now_us = loop->now_us, .wall_ms = loop->wall_ms, .zxid = zxid};
    core_step(loop->core, id, &event);
}

void pk_loop_failed(struct pk_loop *loop, struct pk_id id, bool refused)
{
    struct pk_event event = {
        .type = PK_UPLINK_FAILED, .now_us = loop->now_us, .wall_ms = loop->wall_ms, .refused = refused};
    core_step(loop->core, id, &event);
}

void pk_loop_tell(struct pk_loop *loop, enum pk_event_type type)
{
    pk_loop_step(loop, (struct pk_id){UINT32_MAX, 0}, type, NULL, 0);
}
