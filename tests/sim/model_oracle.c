/* The oracle (model_oracle.h). Every check scans the requests on its path: schedules are short. */
#include "model_oracle.h"

#include <stdio.h>

void orc_init(struct oracle *o)
{
    o->n = 0;
    o->now = 0;
    o->wrong[0] = 0;
    memset(o->czxids_move, 0, sizeof o->czxids_move);
    memset(o->mistaken, 0, sizeof o->mistaken);
}

void orc_wrong(struct oracle *o, const char *format, ...)
{
    va_list args;
    if (o->wrong[0] != 0)
        return;
    va_start(args, format);
    vsnprintf(o->wrong, sizeof o->wrong, format, args);
    va_end(args);
}

int orc_send(struct oracle *o, enum orc_kind kind, int path, int who, int asked)
{
    assert_true(o->n < ORC_OPS);
    o->ops[o->n] = (struct orc_op){.kind = kind,
                                   .path = path,
                                   .who = who,
                                   .asked = asked,
                                   .sent = ++o->now,
                                   .acked = ORC_NEVER,
                                   .settled = ORC_NEVER,
                                   .value = -1,
                                   .version = -1};
    return o->n++;
}

static bool writes(const struct orc_op *w)
{
    return w->kind == ORC_SET || w->kind == ORC_CREATE || w->kind == ORC_DELETE;
}

/* It took effect, or may yet have. */
static bool may_count(const struct orc_op *w)
{
    return writes(w) && (w->err == PK_Z_OK || w->acked == ORC_NEVER);
}

/* Whether the write y may be lost in favour of x. */
static bool may_be_lost(const struct oracle *o, const struct orc_op *y, const struct orc_op *x)
{
    for (int i = 0; i < o->n; i++) {
        const struct orc_op *f = &o->ops[i];
        if (f->path != y->path || f->acked == ORC_NEVER)
            continue;
        if (f->kind == ORC_DROP && y->sent < f->settled)
            return true;
        if (y->who != -1 && f->who == -1 && writes(f) && f->err == PK_Z_OK && y->sent < f->settled &&
            f->acked <= x->acked)
            return true;
    }
    return false;
}

static bool is_newer(const struct orc_op *y, const struct orc_op *x, const struct orc_op *r)
{
    return y->path == r->path && writes(y) && y->err == PK_Z_OK && y->acked < r->sent && x->acked < y->sent &&
           (!r->lags || y->who == r->who);
}

static bool any_newer(const struct oracle *o, const struct orc_op *x, const struct orc_op *r)
{
    bool any = false;
    for (int i = 0; i < o->n; i++)
        any |= is_newer(&o->ops[i], x, r);
    return any;
}

/* The write that makes it wrong for r to show x, NULL when nothing does: those between are lost then. */
static struct orc_op *newer(struct oracle *o, const struct orc_op *x, const struct orc_op *r)
{
    for (int i = 0; i < o->n; i++)
        if (is_newer(&o->ops[i], x, r) && !may_be_lost(o, &o->ops[i], x))
            return &o->ops[i];
    for (int i = 0; i < o->n; i++)
        o->ops[i].lost |= o->ops[i].who != -1 && !o->mistaken[r->path] && is_newer(&o->ops[i], x, r);
    return NULL;
}

/* What was written past the proxy until then is known to the core, or nothing to it any more; unless a write is still
 * to be answered that was sent before: its answer may tell of a state that was true earlier. */
static void settle(struct oracle *o, int path, int64_t until)
{
    for (int i = 0; i < o->n; i++)
        if (o->ops[i].path == path && writes(&o->ops[i]) && o->ops[i].sent < until &&
            o->ops[i].acked == ORC_NEVER)
            return;
    for (int i = 0; i < o->n; i++) {
        struct orc_op *f = &o->ops[i];
        if (f->path == path && f->who == -1 && writes(f) && f->acked <= until && f->settled == ORC_NEVER)
            f->settled = o->now;
    }
}

/* A read that shows what somebody wrote past the proxy. */
static void settle_seen(struct oracle *o, const struct orc_op *r)
{
    int64_t shown = 0;
    for (int i = 0; i < o->n; i++) {
        const struct orc_op *f = &o->ops[i];
        if (f->path == r->path && f->who == -1 && f->err == PK_Z_OK && f->acked < r->sent &&
            (r->value == i || (r->value < 0 && f->kind == ORC_DELETE)))
            shown = f->acked;
    }
    settle(o, r->path, shown);
}

void orc_upstream(struct oracle *o, int path, int value)
{
    if (value >= 0 && value < o->n && o->ops[value].path == path && o->ops[value].acked == ORC_NEVER)
        o->ops[value].relayed = true;
}

static void saw_value(struct oracle *o, const struct orc_op *r)
{
    const struct orc_op *x = &o->ops[r->value], *y;
    if (r->value >= o->n || x->path != r->path || !may_count(x) || x->kind == ORC_DELETE) {
        orc_wrong(o, "read %d shows %d, which was not written there", (int)(r - o->ops), r->value);
        return;
    }
    y = newer(o, x, r);
    if (y != NULL)
        orc_wrong(o, "read %d shows write %d, but %d was acknowledged since", (int)(r - o->ops), r->value,
                  (int)(y - o->ops));
}

/* NONODE is right when some delete may be the newest write, or nothing was ever written; a delete that makes nothing
 * lost is preferred, then the latest. */
static void saw_nothing(struct oracle *o, const struct orc_op *r)
{
    static const struct orc_op before = {.acked = 0};
    for (int lossy = 0; lossy < 2; lossy++)
        for (int i = o->n - 1; i >= -1; i--) {
            const struct orc_op *x = i < 0 ? &before : &o->ops[i];
            bool candidate = i < 0 || (x->path == r->path && x->kind == ORC_DELETE && may_count(x));
            if (candidate && (lossy && i >= 0 ? newer(o, x, r) == NULL : !any_newer(o, x, r)))
                return;
        }
    orc_wrong(o, "request %d finds no znode %d, but none was deleted", (int)(r - o->ops), r->path);
}

/* Something between the times may have begun the versions anew. */
static bool disturbed(const struct oracle *o, int path, int64_t from, int64_t to)
{
    for (int i = 0; i < o->n; i++) {
        const struct orc_op *d = &o->ops[i];
        if (d->path != path || d->sent > to)
            continue;
        bool foreign = d->who == -1 && d->err == PK_Z_OK;
        if (d->kind == ORC_DROP && d->settled > from)
            return true;
        if ((foreign || d->abandoned) && writes(d) && d->settled > from)
            return true;
        if ((d->kind == ORC_CREATE || d->kind == ORC_DELETE) && may_count(d) && d->acked > from)
            return true;
    }
    return false;
}

static void compare(struct oracle *o, const struct orc_op *a, const struct orc_op *b)
{
    int i = (int)(a - o->ops), k = (int)(b - o->ops);
    bool both_set = a->kind == ORC_SET && b->kind == ORC_SET && a != b;
    bool in_order = a->acked < b->sent && (a->who == b->who || (!a->lags && !b->lags));
    int64_t since = a->lags             ? 0
                    : a->sent < b->sent ? a->sent
                                        : b->sent; /* it may have shown what was long over */
    if (a->version < 0 || (!in_order && !both_set) || disturbed(o, a->path, since, o->now))
        return;
    if (both_set && a->version == b->version)
        orc_wrong(o, "writes %d and %d both got version %d", i, k, a->version);
    if (!in_order)
        return;
    if (b->version < a->version)
        orc_wrong(o, "version %d of request %d, after %d of request %d", b->version, k, a->version, i);
    if (b->kind == ORC_SET && b->version == a->version)
        orc_wrong(o, "write %d got version %d, which request %d had seen", k, b->version, i);
    if (a->value >= 0 && b->value >= 0 && a->version == b->version && a->value != b->value)
        orc_wrong(o, "version %d is %d for request %d and %d for request %d", a->version, a->value, i,
                  b->value, k);
    if (o->mzxids_grow && b->mzxid != 0 && b->mzxid < a->mzxid + (b->version > a->version))
        orc_wrong(o, "mzxid %#llx at version %d of request %d, after %#llx at version %d of request %d",
                  (long long)b->mzxid, b->version, k, (long long)a->mzxid, a->version, i);
    if (b->czxid != 0 && b->czxid != a->czxid && !o->czxids_move[a->path])
        orc_wrong(o, "czxid %#llx of request %d differs from %#llx of %d, and nothing was deleted",
                  (long long)b->czxid, k, (long long)a->czxid, i);
}

static void saw_version(struct oracle *o, const struct orc_op *r)
{
    for (int i = 0; i < o->n; i++)
        if (o->ops[i].path == r->path)
            compare(o, &o->ops[i], r);
}

/* A conditional write refused although nobody else was there and the version known is the one it asked for. */
static void saw_bad_version(struct oracle *o, const struct orc_op *r)
{
    const struct orc_op *known = NULL;
    if (r->asked == -1)
        orc_wrong(o, "write %d asked for any version and got BADVERSION", (int)(r - o->ops));
    for (int i = 0; i < o->n; i++) {
        const struct orc_op *a = &o->ops[i];
        if (a == r || a->path != r->path)
            continue;
        if (may_count(a) && a->acked > r->sent)
            return;
        if (!a->lags && a->version > (known != NULL ? known->version : -1) &&
            !disturbed(o, a->path, a->sent, o->now))
            known = a;
    }
    for (int i = 0; i < o->n && known != NULL; i++) {
        const struct orc_op *a = &o->ops[i];
        if (a->path == r->path && a != r && a != known && may_count(a) && a->acked > known->sent)
            return;
    }
    if (known != NULL && known->version == r->asked)
        orc_wrong(o, "write %d asked for version %d, which it was, and got BADVERSION", (int)(r - o->ops),
                  r->asked);
}

void orc_answer(struct oracle *o, int op, int err, const uint8_t *stat, int value)
{
    struct orc_op *r = &o->ops[op];
    r->err = err;
    r->acked = ++o->now;
    if (err == PK_Z_NO_NODE && r->kind != ORC_CREATE)
        saw_nothing(o, r);
    if (err == PK_Z_BAD_VERSION)
        saw_bad_version(o, r);
    if (err == PK_Z_OK && stat != NULL) {
        struct pk_stat seen;
        pk_stat_load(&seen, stat);
        r->czxid = seen.czxid;
        r->mzxid = seen.mzxid;
        r->version = seen.version;
        r->value = r->kind == ORC_DATA ? value : r->kind == ORC_SET ? op : -1;
        if (r->kind == ORC_DATA)
            saw_value(o, r);
        saw_version(o, r);
        if (r->kind == ORC_SET && r->asked != -1 && r->version != r->asked + 1)
            orc_wrong(o, "write %d asked for version %d and got %d", op, r->asked, r->version);
    }
    if (err == PK_Z_OK && r->relayed)
        settle(o, r->path, r->sent);
    if (r->kind == ORC_DATA && !r->lags && (err == PK_Z_OK || err == PK_Z_NO_NODE))
        settle_seen(o, r);
}

void orc_foreign(struct oracle *o, int op, int err)
{
    o->ops[op].err = err;
    o->ops[op].acked = ++o->now;
}

void orc_drop(struct oracle *o, int path)
{
    orc_foreign(o, orc_send(o, ORC_DROP, path, -1, -1), 0);
}

void orc_mistaken(struct oracle *o, int path)
{
    o->mistaken[path] = true;
    orc_drop(o, path);
}

void orc_abandon(struct oracle *o, int op)
{
    o->ops[op].abandoned = true;
}

void orc_lags(struct oracle *o, int op)
{
    o->ops[op].lags = true;
}

void orc_final(struct oracle *o, int path, int value, int version)
{
    int op = orc_send(o, ORC_DATA, path, -2, -1);
    struct orc_op *r = &o->ops[op];
    r->acked = ++o->now;
    r->value = value;
    r->version = version;
    if (version < 0) {
        r->err = PK_Z_NO_NODE;
        saw_nothing(o, r);
        return;
    }
    saw_value(o, r);
    saw_version(o, r);
    if (o->wrong[0] != 0 && strstr(o->wrong, "in the end") == NULL)
        strncat(o->wrong, " (in the end)", sizeof o->wrong - strlen(o->wrong) - 1);
}

int orc_lost(const struct oracle *o)
{
    int n = 0;
    for (int i = 0; i < o->n; i++)
        n += o->ops[i].lost;
    return n;
}

int orc_last_lost(const struct oracle *o)
{
    int i = o->n - 1;
    while (i >= 0 && !o->ops[i].lost)
        i--;
    return i;
}
