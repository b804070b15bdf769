/*
 * Judging a message (design.md 15).
 *
 * Happy path: SEND_PULSE of a held znode, executed and answered from the read buffer.
 * Failure modes: what is no message ends its connection alone; a pulse that cannot be kept (outside the mount, no path
 * of a znode, larger than a frame) is answered NOT_AUTHORIZED, a read or delete of it as of one that is not there.
 */
#include "core/pulse/message.h"

#include "core/pulse/job.h"
#include "core/pulse/login.h"
#include "core/pulse/memory.h"
#include "core/pulse/reply.h"

enum { REQUEST_ROOM = 128 /* bytes of a create besides its path and data, at most */ };

/* A message on its way. */
struct judged {
    struct pk_pacemaker *pm;
    struct pk_client *c;
    const struct pk_frame *f;
    const struct pk_pulse *m;
    struct pk_bytes path; /* of the znode */
};

/* Memory has answered it. */
static enum pk_decision answered(const struct judged *j)
{
    j->c->local++;
    j->pm->sync->stats->requests_local++;
    return PK_TAKEN;
}

static enum pk_decision answer(const struct judged *j)
{
    enum pk_pulse_type type = (enum pk_pulse_type)j->m->type;
    pk_pulse_reply(j->pm->sync->conns, j->c, pk_pulse_answer(type), j->m->id);
    return answered(j);
}

static enum pk_decision ask(const struct judged *j, bool above)
{
    pk_job_begin(j->pm, j->c, j->f, j->path, above);
    return PK_TAKEN;
}

static enum pk_decision rest(const struct judged *j)
{
    pk_client_rest(j->pm->sync->conns, j->c);
    return PK_WAITS;
}

/* What memory has done of a write. */
static enum pk_decision done(const struct judged *j, enum pk_memory memory)
{
    switch (memory) {
    case PK_MEMORY_DONE:
        return answer(j);
    case PK_MEMORY_RESTS:
        return rest(j);
    default:
        return ask(j, false);
    }
}

static enum pk_decision reply_held(const struct judged *j, const struct pk_znode *z)
{
    struct pk_conns *conns = j->pm->sync->conns;
    if (j->m->type == PK_PULSE_EXISTS)
        pk_pulse_reply_exists(conns, j->c, j->m->id, z != NULL && z->data != NULL);
    else if (z != NULL)
        pk_pulse_reply_held(conns, j->c, j->m, z);
    else
        pk_pulse_reply_data(conns, j->c, j->m, (struct pk_bytes){NULL, 0});
    return answered(j);
}

static enum pk_decision judge_read(struct judged *j)
{
    struct pk_znode *z;
    if (pk_pulse_place(j->pm, j->m->path, false, &j->path) != PK_PULSE_BELOW)
        return reply_held(j, NULL);
    return pk_memory_knows(j->pm->sync, j->c, j->path, &z) ? reply_held(j, z) : ask(j, false);
}

static enum pk_decision judge_list(struct judged *j)
{
    struct pk_sync *sync = j->pm->sync;
    struct pk_znode *z = NULL;
    enum pk_pulse_place place = pk_pulse_place(j->pm, j->m->path, true, &j->path);
    if (place == PK_PULSE_ABOVE)
        return ask(j, true);
    if (place != PK_PULSE_NOWHERE && !pk_memory_knows(sync, j->c, j->path, &z))
        return ask(j, false);
    if (z != NULL)
        pk_pulse_reply_children(sync->store, sync->conns, j->c, j->m->id, z);
    else
        pk_pulse_reply_names(sync->conns, j->c, j->m->id, 0, (struct pk_bytes){NULL, 0});
    return answered(j);
}

static enum pk_decision judge_send(struct judged *j)
{
    struct pk_sync *sync = j->pm->sync;
    bool below = pk_pulse_place(j->pm, j->m->path, false, &j->path) == PK_PULSE_BELOW;
    size_t frame = (size_t)j->path.len + j->m->details.len + REQUEST_ROOM;
    if (!below || frame > sync->conns->limits.max_frame) {
        pk_pulse_refuse(sync->conns, j->c, j->m->id);
        return answered(j);
    }
    return done(j, pk_memory_send(sync, j->c, j->path, j->m->details));
}

static enum pk_decision judge_delete(struct judged *j)
{
    if (pk_pulse_place(j->pm, j->m->path, true, &j->path) == PK_PULSE_NOWHERE)
        return answer(j);
    return done(j, pk_memory_delete_all(j->pm->sync, j->c, j->path));
}

static enum pk_decision judge_delete_id(struct judged *j)
{
    if (pk_pulse_place(j->pm, j->m->path, false, &j->path) != PK_PULSE_BELOW)
        return answer(j);
    return done(j, pk_memory_delete(j->pm->sync, j->c, j->path));
}

/* What the policy of the mount has to allow; 0: nothing. Storm's own tells those without a login nothing either. */
static int32_t perms_of(int32_t type)
{
    switch (type) {
    case PK_PULSE_EXISTS:
    case PK_PULSE_GET:
    case PK_PULSE_LIST:
        return PK_PERM_READ;
    case PK_PULSE_SEND:
        return PK_PERM_WRITE;
    case PK_PULSE_DELETE:
    case PK_PULSE_DELETE_ID:
        return PK_PERM_DELETE;
    default:
        return 0;
    }
}

static bool allowed(const struct judged *j)
{
    int32_t perms = perms_of(j->m->type);
    return perms == 0 || pk_identities_allowed(&j->c->identities, j->pm->mount->policy, perms);
}

static enum pk_decision judge(struct judged *j)
{
    if (!allowed(j)) {
        j->pm->sync->stats->requests_denied++;
        pk_pulse_refuse(j->pm->sync->conns, j->c, j->m->id);
        return answered(j);
    }
    switch (j->m->type) {
    case PK_PULSE_EXISTS:
    case PK_PULSE_GET:
        return judge_read(j);
    case PK_PULSE_LIST:
        return judge_list(j);
    case PK_PULSE_SEND:
        return judge_send(j);
    case PK_PULSE_DELETE:
        return judge_delete(j);
    case PK_PULSE_DELETE_ID:
        return judge_delete_id(j);
    case PK_PULSE_CREATE_PATH:
    case PK_PULSE_GET_ALL: /* Storm's own does neither, and says yes */
        return answer(j);
    default:
        return PK_TAKEN; /* a reply as a request: nothing is said */
    }
}

enum pk_decision pk_message_judge(struct pk_pacemaker *pm, struct pk_client *c, const struct pk_frame *f)
{
    struct pk_conns *conns = pm->sync->conns;
    struct pk_pulse m;
    struct judged j = {.pm = pm, .c = c, .f = f, .m = &m};
    bool slow = c->state != PK_CLIENT_GONE && pk_client_unsent(c) > conns->limits.client_high_water;
    if (c->job != NULL || pk_login_waits(c) || slow)
        return PK_WAITS;
    if (pk_pulse_decode(f->p + PK_LEN_WORD, f->len - PK_LEN_WORD, &m) != PK_OK || !pk_pulse_complete(&m)) {
        pk_conn_close(conns, &c->up, PK_CLOSE_MALFORMED_MESSAGE);
        return PK_TAKEN;
    }
    if (c->state == PK_CLIENT_HANDSHAKE)
        pk_client_move(c, PK_CLIENT_OPEN);
    enum pk_decision decision = PK_TAKEN;
    if (m.type == PK_PULSE_CONTROL || m.type == PK_PULSE_SASL) {
        pk_login_judge(pm, c, &m);
    } else {
        pk_login_pass(c);
        decision = judge(&j);
    }
    pm->sync->stats->pulse_messages += decision == PK_TAKEN;
    c->written += decision == PK_TAKEN && (perms_of(m.type) & (PK_PERM_WRITE | PK_PERM_DELETE)) != 0;
    return decision;
}
