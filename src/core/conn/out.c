/*
 * The out chain.
 *
 * Happy path: replies grow one arena segment, the driver writes it in the same turn, nothing is copied or
 * allocated. Failure modes: out of memory is reported and ends that connection; a slow reader's rest is
 * copied once, and its owner stops producing at the high-water mark.
 */
#include "core/conn/out.h"

#include <string.h>

enum {
    CHUNK = 64 * 1024,     /* arena chunk */
    LARGE = 16 * 1024,     /* from here a reply gets a block of its own */
    SHARE = 2 * 1024,      /* data from here on is referred to, not copied */
    KEPT_FIRST = 512,      /* a block for the first kept bytes of a chain, which are most often one reply, */
    KEPT_BLOCK = 4 * 1024, /* and least size of those that follow, each twice as large as the one before, */
    KEPT_MOST = 32 * 1024, /* up to this */
};

struct pk_arena_chunk {
    struct pk_arena_chunk *next;
    uint8_t bytes[CHUNK];
};

void pk_out_shared_init(struct pk_out_shared *shared, const struct pk_mem *mem)
{
    *shared = (struct pk_out_shared){.mem = mem, .arena = {.mem = mem}};
    pk_pool_init(&shared->segs, mem, sizeof(struct pk_seg));
    pk_pool_init(&shared->blocks, mem, KEPT_FIRST);
}

void pk_out_shared_drop(struct pk_out_shared *shared)
{
    for (struct pk_arena_chunk *c = shared->arena.first, *next; c != NULL; c = next) {
        next = c->next;
        pk_free(shared->mem, c);
    }
    shared->arena = (struct pk_arena){.mem = shared->mem};
    pk_pool_drop(&shared->segs);
    pk_pool_drop(&shared->blocks);
}

static void begin_chunk(struct pk_arena *a, struct pk_arena_chunk *chunk)
{
    a->at = chunk;
    a->p = chunk->bytes;
    a->left = CHUNK;
}

void pk_out_end_turn(struct pk_out_shared *shared)
{
    if (shared->arena.first != NULL)
        begin_chunk(&shared->arena, shared->arena.first);
}

/* Room in the next chunk; NULL when out of memory. */
static struct pk_arena_chunk *next_chunk(struct pk_arena *a)
{
    struct pk_arena_chunk *next = a->at != NULL ? a->at->next : a->first;
    if (next != NULL)
        return next;
    next = pk_alloc(a->mem, sizeof *next);
    if (next == NULL)
        return NULL;
    next->next = NULL;
    if (a->at != NULL)
        a->at->next = next;
    else
        a->first = next;
    return next;
}

static uint8_t *arena_room(struct pk_arena *a, size_t len)
{
    if (a->left < len) {
        struct pk_arena_chunk *next = next_chunk(a);
        if (next == NULL)
            return NULL;
        begin_chunk(a, next);
    }
    a->p += len;
    a->left -= len;
    return a->p - len;
}

static struct pk_seg *append(struct pk_out_shared *shared, struct pk_out *out, const uint8_t *p, size_t len,
                             struct pk_blob *blob)
{
    struct pk_seg *seg = pk_pool_get(&shared->segs);
    if (seg == NULL)
        return NULL;
    seg->p = p;
    seg->len = len;
    seg->blob = blob;
    if (out->tail != NULL)
        out->tail->next = seg;
    else
        out->head = seg;
    out->tail = seg;
    out->bytes += len;
    return seg;
}

static size_t block_size(const struct pk_out *out, size_t len)
{
    if (out->head == NULL && len <= KEPT_FIRST - sizeof(struct pk_blob))
        return len;
    bool ours = out->tail != NULL && out->tail->blob != NULL && out->tail->blob->refs == 1;
    size_t size = ours ? 2 * (size_t)out->tail->blob->cap : 0;
    size = size < KEPT_BLOCK ? KEPT_BLOCK : size > KEPT_MOST ? KEPT_MOST : size;
    return size > len ? size : len;
}

static uint8_t *block_room(struct pk_out_shared *shared, struct pk_out *out, size_t len)
{
    uint8_t *p = out->tail != NULL && out->tail->blob != NULL ? pk_out_grow(out, len) : NULL;
    if (p != NULL)
        return p;
    struct pk_blob *b = pk_blob_pooled_room(&shared->blocks, block_size(out, len));
    if (b == NULL)
        return NULL;
    b->len = (uint32_t)len;
    if (append(shared, out, b->bytes, len, b) == NULL) {
        pk_blob_unpool(&shared->blocks, b);
        return NULL;
    }
    return b->bytes;
}

uint8_t *pk_out_new_room(struct pk_out_shared *shared, struct pk_out *out, size_t len)
{
    if (out->kept || len >= LARGE)
        return block_room(shared, out, len);
    uint8_t *p = arena_room(&shared->arena, len);
    if (p == NULL || pk_out_borrow(shared, out, p, len) != PK_OK)
        return NULL;
    return p;
}

enum pk_err pk_out_borrow(struct pk_out_shared *shared, struct pk_out *out, const uint8_t *p, size_t len)
{
    if (out->kept)
        return pk_out_copy(shared, out, p, len);
    struct pk_seg *tail = out->tail;
    if (tail != NULL && tail->blob == NULL && tail->p + tail->len == p) {
        tail->len += len;
        out->bytes += len;
        return PK_OK;
    }
    return append(shared, out, p, len, NULL) != NULL ? PK_OK : PK_ENOMEM;
}

enum pk_err pk_out_copy(struct pk_out_shared *shared, struct pk_out *out, const uint8_t *p, size_t len)
{
    if (len == 0)
        return PK_OK;
    uint8_t *to = pk_out_room(shared, out, len);
    if (to == NULL)
        return PK_ENOMEM;
    memcpy(to, p, len);
    return PK_OK;
}

enum pk_err pk_out_blob(struct pk_out_shared *shared, struct pk_out *out, struct pk_blob *blob)
{
    if (blob->len < SHARE)
        return pk_out_copy(shared, out, blob->bytes, blob->len);
    if (append(shared, out, blob->bytes, blob->len, pk_blob_ref(blob)) != NULL)
        return PK_OK;
    pk_blob_unref(shared->mem, blob);
    return PK_ENOMEM;
}

enum pk_err pk_out_keep_all(struct pk_out_shared *shared, struct pk_out *out)
{
    struct pk_seg *borrowed = out->head;
    *out = (struct pk_out){.kept = true};
    enum pk_err err = PK_OK;
    for (struct pk_seg *seg = borrowed, *next; seg != NULL; seg = next) {
        next = seg->next;
        if (seg->blob == NULL) {
            if (err == PK_OK)
                err = pk_out_copy(shared, out, seg->p, seg->len);
        } else if (err != PK_OK || append(shared, out, seg->p, seg->len, seg->blob) == NULL) {
            pk_blob_unref(shared->mem, seg->blob);
            err = PK_ENOMEM;
        }
        pk_pool_put(&shared->segs, seg);
    }
    return err;
}

enum pk_err pk_out_join(struct pk_out_shared *shared, struct pk_out *to, struct pk_out *from)
{
    if (to->kept && pk_out_keep(shared, from) != PK_OK) {
        pk_out_drop(shared, from);
        return PK_ENOMEM;
    }
    if (from->head == NULL)
        return PK_OK;
    if (to->tail != NULL)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    to->bytes += from->bytes;
    *from = (struct pk_out){0};
    return PK_OK;
}

void pk_out_sent(struct pk_out_shared *shared, struct pk_out *out, size_t n)
{
    out->bytes -= n;
    while (n > 0 || (out->head != NULL && out->head->len == 0)) {
        struct pk_seg *seg = out->head;
        if (n < seg->len) {
            seg->p += n;
            seg->len -= n;
            return;
        }
        n -= seg->len;
        out->head = seg->next;
        pk_blob_unpool(&shared->blocks, seg->blob);
        pk_pool_put(&shared->segs, seg);
    }
    if (out->head == NULL)
        *out = (struct pk_out){0};
}

int pk_out_iov(const struct pk_out *out, struct pk_iov *iov, int max)
{
    int n = 0;
    for (const struct pk_seg *seg = out->head; seg != NULL && n < max; seg = seg->next)
        iov[n++] = (struct pk_iov){seg->p, seg->len};
    return n;
}

void pk_out_drop(struct pk_out_shared *shared, struct pk_out *out)
{
    pk_out_sent(shared, out, out->bytes);
}
