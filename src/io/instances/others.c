/*
 * Other markers. Happy path: the list of names, then one marker after the other, each compared with our mounts while
 * its text is there. Failure modes: what is no marker of an instance (another kind of name, a znode that outlives its
 * session, text of another kind, one that is gone or not ours to read) is passed over, so that it hides nothing; a lost
 * connection, or a list that is none, ends the reading.
 */
#include "io/instances/others.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/config.h"
#include "io/instances/encode.h"
#include "io/instances/ensemble.h"
#include "io/instances/marker_text.h"

enum {
    LONGEST_TEXT = 128 * 1024, /* of PK_MAX_MOUNTS paths, escaped */
    SAY_AGAIN_US = 60 * 1000000,
    GHOST_US = 25 * 1000000, /* longer than a session of ours lives after a kill */
};

static void end_reading(struct pk_others *o)
{
    free(o->list);
    o->list = NULL;
    o->left = 0;
}

static void finish(struct pk_others *o, int error)
{
    end_reading(o);
    if (error == PK_ENSEMBLE_OK) {
        int before = o->conflicting, now = o->conflicts;
        o->standing = o->ours_stands;
        o->seen = o->count;
        o->conflicting = now;
        o->more = before > 0 && now > before;
        o->ghost_us = !o->haunted ? 0 : o->ghost_us != 0 ? o->ghost_us : o->loop->now_us;
        if (o->say_all)
            o->said_us = o->loop->now_us;
        if (now == 0 && before > 0)
            pk_log(o->loop->log, PK_LOG_INFO, PK_LOG_INSTANCES, NULL,
                   "no other pacekeeper holds our mounts in mode pacemaker any more");
    }
    o->done(o->owner, error);
}

static void warn(const struct pk_others *o, const char *text, const char *mount)
{
    char host[PK_VALUE_TEXT], listen[PK_VALUE_TEXT];
    pk_marker_field(text, "host", host, sizeof host);
    pk_marker_field(text, "listen", listen, sizeof listen);
    pk_log(
        o->loop->log, PK_LOG_WARN, PK_LOG_INSTANCES, NULL,
        "TWO PACEKEEPERS HOLD %s IN MODE pacemaker: this one and %.100s on %.100s (%s). Clients of one do "
        "not see the heartbeats of the other: run one, make them a group (key group), or give both the mode "
        "write-behind",
        mount, listen, host, o->name);
}

/* One on our own host and address is what we were before a kill; its session ends soon. */
static bool like_us(const struct pk_others *o, const char *text)
{
    char a[PK_VALUE_TEXT], b[PK_VALUE_TEXT];
    const char *const fields[] = {"host", "listen"};
    bool same = true;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && same; i++) {
        pk_marker_field(text, fields[i], a, sizeof a);
        pk_marker_field(o->ours, fields[i], b, sizeof b);
        same = strcmp(a, b) == 0;
    }
    return same;
}

static void compare(struct pk_others *o, const char *text)
{
    bool ghost = like_us(o, text);
    bool stays = o->ghost_us != 0 && o->loop->now_us - o->ghost_us > GHOST_US;
    const char *mount = ghost && !stays ? NULL : pk_marker_conflict(text, o->loop->config);
    o->haunted |= ghost;
    o->count++;
    if (mount == NULL)
        return;
    o->conflicts++;
    if (o->say_all || o->conflicts > o->conflicting)
        warn(o, text, mount);
}

/* Takes the text of an answer to getData, when it is a marker's. */
static void take(struct pk_others *o, struct pk_in body)
{
    static const char begin[] = "pacekeeper ";
    struct pk_stat stat = {0};
    struct pk_bytes data = pk_get_bytes(&body);
    const uint8_t *bytes = pk_in_take(&body, PK_STAT_LEN);
    if (bytes != NULL)
        pk_stat_load(&stat, bytes);
    if (stat.ephemeral_owner == 0 || data.len < sizeof begin - 1 || data.len > LONGEST_TEXT ||
        memcmp(data.p, begin, sizeof begin - 1) != 0)
        return;
    if (strcmp(o->name, o->loop->instance) == 0) {
        o->ours_stands = stat.ephemeral_owner == pk_ensemble_session(o->ensemble);
        o->count++;
        return;
    }
    char *text = strndup((const char *)data.p, data.len);
    if (text != NULL)
        compare(o, text);
    free(text);
}

/* The next name that an instance could have. */
static bool next_name(struct pk_others *o)
{
    while (o->left > 0 && !o->names.bad) {
        struct pk_bytes name = pk_get_bytes(&o->names);
        o->left--;
        if (name.len != PK_INSTANCE_TEXT - 1)
            continue;
        memcpy(o->name, name.p, name.len);
        if (strspn(o->name, "0123456789abcdef") == name.len)
            return true;
    }
    return false;
}

static void read_next(struct pk_others *o);

static void on_data(void *owner, int error, struct pk_in body)
{
    struct pk_others *o = owner;
    if (error > PK_ENSEMBLE_OK) {
        finish(o, error);
        return;
    }
    if (error == PK_ENSEMBLE_OK)
        take(o, body);
    read_next(o);
}

static void read_next(struct pk_others *o)
{
    char path[PK_VALUE_TEXT + PK_INSTANCE_TEXT];
    const struct pk_ask ask = {.op = PK_OP_GET_DATA, .path = path};
    if (!next_name(o)) {
        finish(o, o->names.bad ? PK_ENSEMBLE_NONSENSE : PK_ENSEMBLE_OK);
        return;
    }
    snprintf(path, sizeof path, "%s/%s", o->parent, o->name);
    pk_ensemble_ask(o->ensemble, &ask, on_data, o);
}

static void on_list(void *owner, int error, struct pk_in body)
{
    struct pk_others *o = owner;
    if (error != PK_ENSEMBLE_OK) {
        finish(o, error);
        return;
    }
    o->list = pk_ensemble_keep(o->ensemble);
    o->left = pk_get_count(&body, 4);
    o->names = body;
    read_next(o);
}

void pk_others_read(struct pk_others *o, struct pk_ensemble *ensemble, const char *parent, const char *ours)
{
    const struct pk_ask ask = {.op = PK_OP_GET_CHILDREN, .path = parent};
    o->ensemble = ensemble;
    o->parent = parent;
    o->ours = ours;
    o->ours_stands = o->haunted = false;
    o->count = o->conflicts = 0;
    o->say_all = o->more || o->conflicting == 0 || o->loop->now_us - o->said_us >= SAY_AGAIN_US;
    pk_ensemble_ask(ensemble, &ask, on_list, o);
}

void pk_others_forget(struct pk_others *o)
{
    end_reading(o);
    o->standing = o->more = false;
    o->seen = o->conflicting = 0;
    o->said_us = o->ghost_us = 0;
}
