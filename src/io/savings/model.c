/*
 * The model. Happy path: a beat finds its znode by a hash of its path, and for each way costs nothing, or something
 * later. Failure modes: two paths with one hash of 64 bits are taken for one, which no log is long enough for; without
 * room or memory a write counts as relayed, and is counted as such.
 */
#include "io/savings/model.h"

#include "proto/records.h"

enum {
    EARLY = 500,        /* pending writes of one znode that are flushed at once (PK_PENDING_EARLY) */
    BATCH_ZNODES = 128, /* in one flush, at most */
    BATCH_STEPS = 1000,
    STEP = 20,     /* a setData in a multi, beside path and data: type, length, two lengths, version */
    RECORD = 49,   /* a multi in the log, beside its parts: checksum, length, header, count, mark */
    CREATE = 44,   /* a create in a multi, beside path and data */
    PACEMAKER = 0, /* instead of a time */
};

/* What one writer has pending below one mount: the next flush. */
struct batch {
    struct pk_list due;
    struct writer *writer;
    struct batch *next; /* of the same writer */
    uint64_t id;
    uint64_t bytes;
    int64_t due_ms;
    uint32_t znodes, steps;
    uint8_t class, way;
};

struct writer {
    struct pk_map_node node;
    int64_t session;
    struct batch *batches;
};

struct znode {
    struct pk_map_node node;
    uint32_t key; /* a second hash */
    uint32_t path_len, data_len;
    int64_t writer; /* session that wrote last and may go on; 0 nobody */
    uint8_t class;
    uint8_t local; /* a bit for each way */
    struct {
        uint64_t batch; /* 0 when nothing is pending */
        uint32_t steps, bytes;
    } pending[PK_WAYS];
};

static const struct {
    const char *name;
    int64_t flush_ms[4]; /* by enum pk_beats; PACEMAKER */
} ways[PK_WAYS] = {
    [PK_WAY_TODAY] = {"today", {0}},
    [PK_WAY_PACEMAKER] = {"pacemaker", {0, PACEMAKER, PACEMAKER, PACEMAKER}},
    [PK_WAY_WRITE_BEHIND] = {"write-behind,flush=10s", {0, 10000, 10000, 10000}},
    [PK_WAY_WRITE_BEHIND_60] = {"write-behind,flush=60s", {0, 60000, 60000, 60000}},
    [PK_WAY_STORM] = {"storm-yaml", {0, PACEMAKER, 60000, PACEMAKER}},
};

const char *pk_way_name(enum pk_way way)
{
    return ways[way].name;
}

static int64_t flush_ms(const struct pk_model *m, int way, size_t class)
{
    return ways[way].flush_ms[m->classes->v[class].beats];
}

/* A transaction that the ensemble carries out. */
static void cost(struct pk_model *m, int way, size_t class, int64_t ms, uint64_t bytes)
{
    struct pk_course *c = &m->course[way];
    m->by_class[class][way].txns++;
    m->by_class[class][way].bytes += bytes;
    c->fsyncs += c->last_ms != ms;
    c->last_ms = ms;
    if (c->second != ms / 1000) {
        c->second = ms / 1000;
        c->in_second = 0;
    }
    c->in_second++;
    if ((uint64_t)c->in_second > c->peak)
        c->peak = (uint64_t)c->in_second;
}

static struct writer *find_writer(struct pk_model *m, int64_t session)
{
    uint32_t hash = pk_hash(1, &session, sizeof session);
    for (struct pk_map_node *n = pk_map_chain(&m->writers, hash); n != NULL; n = n->next) {
        struct writer *w = PK_CONTAINER(n, struct writer, node);
        if (n->hash == hash && w->session == session)
            return w;
    }
    return NULL;
}

static struct writer *make_writer(struct pk_model *m, int64_t session)
{
    struct writer *w = find_writer(m, session);
    if (w != NULL || m->writers.count >= PK_MODEL_WRITERS || pk_map_reserve(&m->mem, &m->writers) != PK_OK ||
        (w = pk_zalloc(&m->mem, sizeof *w)) == NULL)
        return w;
    w->session = session;
    pk_map_put(&m->writers, &w->node, pk_hash(1, &session, sizeof session));
    return w;
}

static struct znode *find_znode(struct pk_model *m, struct pk_bytes path)
{
    uint32_t hash = pk_hash(1, path.p, path.len), key = pk_hash(2, path.p, path.len);
    for (struct pk_map_node *n = pk_map_chain(&m->znodes, hash); n != NULL; n = n->next) {
        struct znode *z = PK_CONTAINER(n, struct znode, node);
        if (n->hash == hash && z->key == key && z->path_len == path.len)
            return z;
    }
    return NULL;
}

static struct znode *make_znode(struct pk_model *m, struct pk_bytes path, size_t class)
{
    struct znode *z = find_znode(m, path);
    if (z != NULL || m->znodes.count >= PK_MODEL_ZNODES || pk_map_reserve(&m->mem, &m->znodes) != PK_OK ||
        (z = pk_zalloc(&m->mem, sizeof *z)) == NULL)
        return z;
    z->key = pk_hash(2, path.p, path.len);
    z->path_len = path.len;
    z->class = (uint8_t) class;
    pk_map_put(&m->znodes, &z->node, pk_hash(1, path.p, path.len));
    return z;
}

static struct batch *find_batch(struct writer *w, int way, size_t class)
{
    struct batch *b = w->batches;
    while (b != NULL && (b->way != way || b->class != class))
        b = b->next;
    return b;
}

static struct batch *make_batch(struct pk_model *m, struct writer *w, int way, size_t class)
{
    struct batch *b = find_batch(w, way, class);
    int64_t wait = flush_ms(m, way, class);
    if (b != NULL || (b = pk_zalloc(&m->mem, sizeof *b)) == NULL)
        return b;
    b->id = ++m->batches;
    b->way = (uint8_t)way;
    b->class = (uint8_t) class;
    b->writer = w;
    b->next = w->batches;
    w->batches = b;
    b->due_ms = m->now_ms + wait;
    pk_list_init(&b->due);
    if (wait != PACEMAKER)
        pk_list_add_tail(&m->due[way], &b->due);
    return b;
}

static void free_batch(struct pk_model *m, struct batch *b)
{
    struct batch **at = &b->writer->batches;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    pk_list_del(&b->due);
    pk_free(&m->mem, b);
}

/* All of a batch leaves, in as many transactions as it takes. */
static void flush(struct pk_model *m, struct batch *b, int64_t ms)
{
    uint32_t by_znodes = (b->znodes + BATCH_ZNODES - 1) / BATCH_ZNODES;
    uint32_t by_steps = (b->steps + BATCH_STEPS - 1) / BATCH_STEPS;
    uint32_t n = by_znodes > by_steps ? by_znodes : by_steps;
    for (uint32_t i = 0; i < n; i++)
        cost(m, b->way, b->class, ms, RECORD + b->bytes / n);
}

/* A znode's pending writes leave alone, before their time. */
static void flush_one(struct pk_model *m, struct znode *z, int way)
{
    struct writer *w = z->pending[way].batch != 0 ? find_writer(m, z->writer) : NULL;
    struct batch *b = w != NULL ? find_batch(w, way, z->class) : NULL;
    if (b != NULL && b->id == z->pending[way].batch) {
        cost(m, way, z->class, m->now_ms, RECORD + z->pending[way].bytes);
        b->steps -= z->pending[way].steps;
        b->bytes -= z->pending[way].bytes;
        if (--b->znodes == 0)
            free_batch(m, b);
    }
    z->pending[way].batch = 0;
}

/* The writer's next write of a znode is absorbed; false when it cannot be. */
static bool absorb(struct pk_model *m, struct znode *z, int way, uint32_t data_len)
{
    struct writer *w = make_writer(m, z->writer);
    struct batch *b = w != NULL ? make_batch(m, w, way, z->class) : NULL;
    if (b == NULL)
        return false;
    if (z->pending[way].batch != b->id) {
        z->pending[way].batch = b->id;
        z->pending[way].steps = z->pending[way].bytes = 0;
        b->znodes++;
    }
    uint32_t before = z->pending[way].bytes;
    uint32_t steps = ++z->pending[way].steps;
    z->pending[way].bytes = steps * (STEP + z->path_len) + data_len;
    b->bytes += z->pending[way].bytes;
    b->bytes -= before;
    b->steps++;
    if (steps >= EARLY)
        flush_one(m, z, way);
    return true;
}

/* Something that memory cannot answer names a znode: the ensemble is brought up to date first. */
static void bring(struct pk_model *m, struct znode *z)
{
    for (int way = PK_WAY_TODAY + 1; z != NULL && way < PK_WAYS; way++) {
        if (z->local >> way & 1)
            cost(m, way, z->class, m->now_ms, RECORD + CREATE + (uint64_t)z->path_len + z->data_len);
        else
            flush_one(m, z, way);
    }
    if (z != NULL)
        z->local = 0;
}

static void drop(struct pk_model *m, struct znode *z)
{
    pk_map_del(&m->znodes, &z->node);
    pk_free(&m->mem, z);
}

/* Each of these returns the ways in which the ensemble does not see the request, a bit for each. */
static unsigned on_create(struct pk_model *m, struct znode *z, const struct pk_txn_op *op)
{
    for (int way = PK_WAY_TODAY + 1; way < PK_WAYS; way++)
        flush_one(m, z, way);
    z->writer = 0;
    z->local = 0;
    for (int way = PK_WAY_TODAY + 1; op->plain && way < PK_WAYS; way++)
        if (flush_ms(m, way, z->class) == PACEMAKER)
            z->local |= (uint8_t)(1u << way);
    return z->local;
}

static unsigned on_set(struct pk_model *m, struct znode *z, int64_t session, uint32_t data_len)
{
    unsigned spared = z->local;
    for (int way = PK_WAY_TODAY + 1; way < PK_WAYS; way++) {
        if (z->local >> way & 1)
            continue;
        if (z->writer == session && absorb(m, z, way, data_len))
            spared |= 1u << way;
        else
            flush_one(m, z, way);
    }
    z->writer = session;
    return spared;
}

static unsigned on_delete(struct pk_model *m, struct znode *z)
{
    unsigned spared = z->local;
    for (int way = PK_WAY_TODAY + 1; way < PK_WAYS; way++)
        flush_one(m, z, way);
    drop(m, z);
    return spared;
}

static unsigned on_beat(struct pk_model *m, const struct pk_txn *txn, const struct pk_txn_op *op,
                        size_t class)
{
    bool create = op->type == PK_OP_CREATE || op->type == PK_OP_CREATE2;
    struct znode *z =
        create || op->type == PK_OP_SET_DATA ? make_znode(m, op->path, class) : find_znode(m, op->path);
    unsigned spared = 0;
    m->beyond += z == NULL && (create || op->type == PK_OP_SET_DATA);
    if (z == NULL)
        return 0;
    z->data_len = op->data.len;
    if (create)
        spared = on_create(m, z, op);
    else if (op->type == PK_OP_SET_DATA)
        spared = on_set(m, z, txn->session, op->data.len);
    else if (op->type == PK_OP_DELETE)
        spared = on_delete(m, z);
    else
        bring(m, z);
    return spared;
}

static void close_session(struct pk_model *m, struct pk_txn *txn)
{
    struct pk_txn_op op;
    struct writer *w = find_writer(m, txn->session);
    if (w != NULL) {
        for (struct batch *b = w->batches, *next; b != NULL; b = next) {
            next = b->next;
            flush(m, b, m->now_ms);
            free_batch(m, b);
        }
        pk_map_del(&m->writers, &w->node);
        pk_free(&m->mem, w);
    }
    while (pk_txn_next(txn, &op)) {
        struct znode *z = op.path.p != NULL ? find_znode(m, op.path) : NULL;
        if (z != NULL)
            on_delete(m, z);
    }
}

/* A multi is never taken apart: what it names is brought to the ensemble. Returns the class of its first path. */
static size_t parts(struct pk_model *m, struct pk_txn *txn)
{
    struct pk_txn_op op;
    size_t first = PK_CLASS_OTHER;
    while (pk_txn_next(txn, &op)) {
        size_t class = pk_classes_of(m->classes, op.path);
        first = first == PK_CLASS_OTHER ? class : first;
        struct znode *z = op.path.p != NULL ? find_znode(m, op.path) : NULL;
        bring(m, z);
        if (z != NULL && op.type == PK_OP_DELETE)
            drop(m, z);
    }
    return first;
}

static void flush_due(struct pk_model *m, int64_t until)
{
    for (int way = 0; way < PK_WAYS; way++)
        while (!pk_list_empty(&m->due[way])) {
            struct batch *b = PK_CONTAINER(m->due[way].next, struct batch, due);
            if (b->due_ms > until)
                break;
            flush(m, b, b->due_ms);
            free_batch(m, b);
        }
}

void pk_model_add(struct pk_model *model, struct pk_txn *txn, int64_t time_ms, size_t bytes)
{
    struct pk_txn_op op;
    size_t class = PK_CLASS_OTHER;
    unsigned spared = 0;
    flush_due(model, time_ms);
    model->now_ms = time_ms;
    if (txn->type == PK_OP_CREATE_SESSION || txn->type == PK_OP_CLOSE_SESSION)
        class = PK_CLASS_SESSIONS;
    if (txn->type == PK_TXN_ERROR)
        class = PK_CLASS_REFUSED;
    if (txn->type == PK_OP_CLOSE_SESSION) {
        close_session(model, txn);
    } else if (txn->type == PK_OP_MULTI) {
        class = parts(model, txn);
    } else if (class == PK_CLASS_OTHER && pk_txn_next(txn, &op)) {
        class = pk_classes_of(model->classes, op.path);
        if (op.path.p != NULL && pk_classes_held(model->classes, class, op.path))
            spared = on_beat(model, txn, &op, class);
    }
    for (int way = 0; way < PK_WAYS; way++)
        if (!(spared >> way & 1))
            cost(model, way, class, time_ms, bytes);
}

void pk_model_end(struct pk_model *model)
{
    for (uint32_t i = 0; model->writers.buckets != NULL && i <= model->writers.mask; i++)
        for (struct pk_map_node *n = model->writers.buckets[i]; n != NULL; n = n->next)
            for (struct batch *b = PK_CONTAINER(n, struct writer, node)->batches; b != NULL; b = b->next)
                flush(model, b, model->now_ms);
}

struct pk_cost pk_model_total(const struct pk_model *model, enum pk_way way)
{
    struct pk_cost sum = {0};
    for (size_t i = 0; i < PK_CLASSES; i++) {
        sum.txns += model->by_class[i][way].txns;
        sum.bytes += model->by_class[i][way].bytes;
    }
    return sum;
}

void pk_model_init(struct pk_model *model, const struct pk_mem *mem, struct pk_classes *classes)
{
    *model = (struct pk_model){.mem = *mem, .classes = classes};
    for (int way = 0; way < PK_WAYS; way++) {
        pk_list_init(&model->due[way]);
        model->course[way].last_ms = model->course[way].second = -1;
    }
}

static void free_writer(struct pk_model *m, struct writer *w)
{
    for (struct batch *b = w->batches, *next; b != NULL; b = next) {
        next = b->next;
        free_batch(m, b);
    }
    pk_free(&m->mem, w);
}

void pk_model_free(struct pk_model *model)
{
    for (uint32_t i = 0; model->writers.buckets != NULL && i <= model->writers.mask; i++)
        for (struct pk_map_node *n = model->writers.buckets[i], *next; n != NULL; n = next) {
            next = n->next;
            free_writer(model, PK_CONTAINER(n, struct writer, node));
        }
    for (uint32_t i = 0; model->znodes.buckets != NULL && i <= model->znodes.mask; i++)
        for (struct pk_map_node *n = model->znodes.buckets[i], *next; n != NULL; n = next) {
            next = n->next;
            pk_free(&model->mem, PK_CONTAINER(n, struct znode, node));
        }
    pk_map_free(&model->mem, &model->writers);
    pk_map_free(&model->mem, &model->znodes);
}
