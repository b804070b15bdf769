/*
 * The schedule, on a timerfd: libuv's timers count in milliseconds, which would be the largest part of the
 * latency that is measured.
 *
 * Happy path: the timer fires at the next event's time, all events due are delivered, it is armed again.
 */
#include "tools/bench/pace.h"

#include <sys/timerfd.h>
#include <unistd.h>

static uint64_t due_of(const struct pk_pace *p, uint64_t event)
{
    return p->start + (uint64_t)((double)event * p->interval_ns);
}

uint64_t pk_pace_due(const struct pk_pace *p, uint32_t party, uint64_t k)
{
    return due_of(p, k * p->parties + party);
}

static void arm(struct pk_pace *p)
{
    uint64_t at = due_of(p, p->next);
    struct itimerspec when = {.it_value = {(time_t)(at / 1000000000), (long)(at % 1000000000)}};
    timerfd_settime(p->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
    struct pk_pace *p = poll->data;
    uint64_t fired, now = uv_hrtime();
    (void)status;
    (void)events;
    if (read(p->fd, &fired, sizeof fired) < 0)
        return;
    while (due_of(p, p->next) <= now) {
        uint64_t event = p->next++;
        p->on_due(p, (uint32_t)(event % p->parties), due_of(p, event));
        if (p->fd < 0)
            return;
    }
    arm(p);
}

bool pk_pace_start(struct pk_pace *p, uv_loop_t *loop)
{
    p->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (p->fd < 0)
        return false;
    p->start = uv_hrtime();
    p->next = 0;
    uv_poll_init(loop, &p->poll, p->fd);
    p->poll.data = p;
    uv_poll_start(&p->poll, UV_READABLE, on_timer);
    arm(p);
    return true;
}

void pk_pace_stop(struct pk_pace *p)
{
    if (p->fd < 0)
        return;
    uv_poll_stop(&p->poll);
    uv_close((uv_handle_t *)&p->poll, NULL);
    close(p->fd);
    p->fd = -1;
}
