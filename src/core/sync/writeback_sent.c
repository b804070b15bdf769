/*
 * What has been sent of a cached value, while nobody knows what became of it.
 *
 * Happy path: sent, answered, forgotten.
 * Failure modes: no answer: it is uncertain. The ensemble, asked, has not got it: it may be late, and carried out yet;
 * the next flush does not fit: it was late, and is uncertain again. Not there once more: a server that lies.
 */
#include "core/sync/writeback.h"

void pk_writeback_forget_sent(struct pk_sync *sync, struct pk_writeback *w)
{
    pk_blob_unref(sync->mem, w->sent);
    w->sent = NULL;
}

void pk_writeback_forget_late(struct pk_sync *sync, struct pk_writeback *w)
{
    pk_blob_unref(sync->mem, w->late_data);
    w->late_data = NULL;
    w->late = 0;
    w->was_late = false;
}

void pk_writeback_may_be_late(struct pk_sync *sync, struct pk_writeback *w)
{
    bool contradiction = w->was_late; /* no server says so but one that lies */
    pk_writeback_forget_late(sync, w);
    if (contradiction) {
        pk_writeback_forget_sent(sync, w);
        w->uncertain = 0;
        return;
    }
    w->late = w->uncertain;
    w->late_data = w->sent;
    w->uncertain = 0;
    w->sent = NULL;
}

void pk_writeback_was_late(struct pk_sync *sync, struct pk_writeback *w)
{
    pk_writeback_forget_sent(sync, w);
    w->uncertain = w->late;
    w->sent = w->late_data;
    w->late = 0;
    w->late_data = NULL;
    w->was_late = true;
}

struct pk_adopted pk_writeback_told(const struct pk_writeback *w)
{
    int32_t uncertain = w->inflight > 0 ? w->inflight : w->uncertain;
    bool clean = w->state == PK_WRITEBACK_CLEAN;
    return (struct pk_adopted){.aversion = clean ? w->cached.value.base.aversion : w->aversion,
                               .uncertain = uncertain,
                               .late = w->late,
                               .sent = uncertain > 0 ? w->sent : NULL,
                               .late_data = w->late > 0 ? w->late_data : NULL};
}
