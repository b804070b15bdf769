/*
 * Policies against a naive oracle: random policies on two mounts, random clients, random requests of every type,
 * multis and setWatches of several paths. The oracle knows readers and writers as lists of names, and no ACLs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/serve/guard.h"
#include "tests/lib/support.h"
#include "tests/sim/wire.h"

enum { NAMES = 5, MOUNTS = 2, ROUNDS = 4000, REQUESTS = 25, MOST_PATHS = 4 };

static const struct core_who names[NAMES] = {
    {.scheme = "world", .id = "anyone", .upstream = true},
    {.scheme = "digest", .id = "bob:R3bUSw3Enrs8ff9W5R1qlyZbH2M=", .upstream = true},
    {.scheme = "sasl", .id = "nimbus", .upstream = true},
    {.scheme = "x509", .id = "CN=a:b,O=c"},
    {.scheme = "ip", .id = "10.0.0.0/8", .address = {10}, .address_len = 4, .prefix = 8},
};
static const char *const mounts[MOUNTS] = {"/s/beats", "/s/b"};
static const char *const paths[] = {
    "/s/beats", "/s/beats/t/w", "/s/beats/", "/s/beatsx", "/s/b",   "/s/b//x", "/s",    "/s/",       "/",
    "",         "/s/bea",       "/other",    "/s/b/t",    "/s/b\1", "s/beats", "//s/b", "/s/beats0",
};

struct rules {
    bool any; /* there is a policy */
    bool reads[NAMES], writes[NAMES], exists_reads;
};

static struct sup_rng rng;
static struct rules rules[MOUNTS];
static bool is[NAMES];

static uint32_t roll(uint32_t n)
{
    return sup_below(&rng, n);
}

/* ---- the oracle ---- */

enum need { READS, WRITES, EXISTS, BOTH };

static bool passes(const bool list[NAMES])
{
    for (int i = 0; i < NAMES; i++)
        if (list[i] && (i == 0 || is[i]))
            return true;
    return false;
}

/* One name that may read and may write; everybody's rights are his too. */
static bool passes_both(const struct rules *r)
{
    for (int i = 0; i < NAMES; i++) {
        bool here = (i == 0 || is[i]) && (r->reads[i] || r->writes[i]);
        if (here && (r->reads[i] || r->reads[0]) && (r->writes[i] || r->writes[0]))
            return true;
    }
    return false;
}

static bool let(const struct rules *r, enum need need)
{
    if (!r->any)
        return true;
    if (need == BOTH)
        return passes_both(r);
    if (need == EXISTS)
        return passes(r->reads) || (!r->exists_reads && passes(r->writes));
    return passes(need == READS ? r->reads : r->writes);
}

static bool inside(const char *path, const char *mount)
{
    char with_slash[64];
    snprintf(with_slash, sizeof with_slash, "%s/", mount);
    return strcmp(path, mount) == 0 || strncmp(path, with_slash, strlen(with_slash)) == 0;
}

/* The path without slashes at its end: what it is an ancestor of. */
static bool above(const char *path, const char *mount)
{
    char cut[64];
    snprintf(cut, sizeof cut, "%s", path);
    while (strlen(cut) > 0 && cut[strlen(cut) - 1] == '/')
        cut[strlen(cut) - 1] = '\0';
    return inside(mount, cut);
}

static bool expected(const char *path, enum need need, bool below, bool prefix)
{
    bool fine = true;
    for (int i = 0; i < MOUNTS; i++) {
        bool about = inside(path, mounts[i]) || (below && above(path, mounts[i])) ||
                     (prefix && strncmp(mounts[i], path, strlen(path)) == 0);
        fine = fine && (!about || let(&rules[i], need));
    }
    return fine;
}

/* ---- requests ---- */

static const char *any_path(void)
{
    return paths[roll(sizeof paths / sizeof *paths)];
}

static bool put_single(struct sup_buf *b)
{
    static const int reads[] = {PK_OP_GET_DATA, PK_OP_GET_CHILDREN, PK_OP_GET_CHILDREN2};
    static const int creates[] = {PK_OP_CREATE, PK_OP_CREATE2, PK_OP_CREATE_CONTAINER, PK_OP_CREATE_TTL};
    const char *path = any_path();
    bool flag = roll(2) == 1;
    switch (roll(11)) {
    case 0:
        wire_read(b, 1, reads[roll(3)], path, flag);
        return expected(path, READS, false, false);
    case 1:
        wire_read(b, 1, PK_OP_EXISTS, path, flag);
        return expected(path, flag ? READS : EXISTS, false, false);
    case 2:
        wire_path(b, 1, flag ? PK_OP_GET_ACL : PK_OP_GET_ALL_CHILDREN_NUMBER, path);
        return expected(path, READS, false, false);
    case 3:
        wire_set(b, 1, path, "x", -1);
        return expected(path, WRITES, false, false);
    case 4:
        wire_delete(b, 1, path, -1);
        return expected(path, WRITES, false, false);
    case 5:
        wire_create_as(b, 1, creates[roll(4)], (int)roll(7), path, "x");
        return expected(path, WRITES, false, false);
    case 6:
        wire_set_acl(b, 1, path, -1);
        return expected(path, BOTH, false, false);
    case 7:
        wire_add_watch(b, 1, path, flag);
        return expected(path, READS, flag, false);
    case 8:
        wire_path(b, 1, PK_OP_GET_EPHEMERALS, path);
        return expected(path, EXISTS, false, true);
    case 9:
        wire_path(b, 1, PK_OP_SYNC, path);
        return true;
    default:
        wire_op(b, 1, flag ? PK_OP_PING : PK_OP_WHO_AM_I);
        return true;
    }
}

/* at: the first operation that is refused. */
static bool put_multi(struct sup_buf *b, uint32_t *at, uint32_t *n)
{
    bool reads = roll(2) == 1, fine = true;
    size_t mark = wire_multi(b, 1, reads ? PK_OP_MULTI_READ : PK_OP_MULTI);
    *n = roll(MOST_PATHS + 1);
    for (uint32_t i = 0; i < *n; i++) {
        const char *path = any_path();
        bool check = !reads && roll(2) == 1;
        if (reads)
            wire_multi_read(b, roll(2) ? PK_OP_GET_DATA : PK_OP_GET_CHILDREN, path);
        else if (check)
            wire_multi_check(b, path, 3);
        else
            wire_multi_set(b, path, "x", -1);
        if (fine && !expected(path, reads ? READS : check ? EXISTS : WRITES, false, false)) {
            *at = i;
            fine = false;
        }
    }
    wire_multi_end(b, mark);
    return fine;
}

static bool put_watches(struct sup_buf *b)
{
    bool two = roll(2) == 1, fine = true;
    size_t mark = wire_begin(b, 1, two ? PK_OP_SET_WATCHES2 : PK_OP_SET_WATCHES);
    sup_long(b, 7);
    for (int list = 0; list < (two ? 5 : 3); list++) {
        int n = (int)roll(3);
        sup_int(b, n);
        for (; n > 0; n--) {
            const char *path = any_path();
            sup_str(b, path);
            fine = expected(path, READS, list == PK_WATCHES_RECURSIVE, false) && fine;
        }
    }
    wire_end(b, mark);
    return fine;
}

/* ---- the rest of the world ---- */

/* Somebody random; a list that is not given is everybody's. */
static size_t pick(bool list[NAMES], struct core_who out[NAMES])
{
    size_t n = 0;
    for (int i = 0; i < NAMES; i++) {
        list[i] = roll(i == 0 ? 4 : 3) == 0;
        if (list[i])
            out[n++] = names[i];
    }
    if (n > 0)
        return n;
    list[0] = true;
    out[0] = names[0];
    return 1;
}

static void make_policy(struct pk_store *store, int i)
{
    struct core_who readers[NAMES], writers[NAMES];
    struct rules *r = &rules[i];
    *r = (struct rules){.any = roll(4) > 0, .exists_reads = roll(3) == 0};
    struct core_policy policy = {.readers = readers, .writers = writers, .exists_reads = r->exists_reads};
    policy.nreaders = pick(r->reads, readers);
    policy.nwriters = pick(r->writes, writers);
    policy.own = names + 1;
    policy.nown = roll(2);
    assert_int_equal(pk_store_set_policy(store, &store->mounts[i], r->any ? &policy : NULL), PK_OK);
}

static void make_client(const struct pk_mem *mem, struct pk_identities *ids)
{
    static const uint8_t here[] = {10, 9, 8, 7}, elsewhere[] = {11, 0, 0, 1};
    for (int i = 1; i < NAMES; i++) {
        is[i] = roll(3) == 0;
        if (i == NAMES - 1) {
            pk_identities_address(ids, is[i] ? here : elsewhere, 4);
        } else if (is[i]) {
            struct pk_bytes scheme = {(const uint8_t *)names[i].scheme, (uint32_t)strlen(names[i].scheme)};
            struct pk_bytes id = {(const uint8_t *)names[i].id, (uint32_t)strlen(names[i].id)};
            struct pk_blob *identity = pk_identity_new(mem, scheme, id);
            assert_int_equal(pk_identities_add(mem, ids, identity), PK_OK);
            pk_blob_unref(mem, identity);
        }
    }
}

static void judge(const struct pk_store *store, const struct pk_identities *ids, int round)
{
    struct sup_buf b = {0};
    struct pk_request req;
    struct pk_denial denial = {0};
    bool well_formed, fine;
    uint32_t at = 0, n = 0, kind = roll(4);
    fine = kind == 0 ? put_multi(&b, &at, &n) : kind == 1 ? put_watches(&b) : put_single(&b);
    assert_int_equal(pk_request_decode(b.p + PK_LEN_WORD, b.len - PK_LEN_WORD, &req, &well_formed), PK_OK);
    assert_true(well_formed);
    bool allowed = pk_guard_allows(store, ids, &req, &denial);
    if (allowed != fine)
        fail_msg("round %d: op %d at %.*s: %s", round, req.op, (int)req.path.len,
                 req.path.p != NULL ? (const char *)req.path.p : "", fine ? "refused" : "allowed");
    if (!allowed && kind == 0) {
        assert_int_equal(denial.op, at);
        assert_int_equal(denial.ops, n);
    }
    if (!allowed)
        assert_int_equal(denial.err, PK_Z_NO_AUTH);
    sup_buf_free(&b);
}

static void as_the_oracle_says(void **state)
{
    (void)state;
    struct core_stats stats = {0};
    struct core_mount config[MOUNTS];
    struct pk_store store;
    rng = (struct sup_rng){77};
    pk_store_init(&store, &pk_mem_libc, &stats, 7, sizeof(struct pk_cached));
    for (int i = 0; i < MOUNTS; i++)
        config[i] = (struct core_mount){.path = mounts[i]};
    for (size_t i = 0; i < MOUNTS; i++)
        assert_int_equal(pk_store_add_mount(&store, &config[i]), PK_OK);
    for (int round = 0; round < ROUNDS; round++) {
        struct pk_identities ids = {0};
        size_t with = 0;
        for (int i = 0; i < MOUNTS; i++) {
            make_policy(&store, i);
            with += rules[i].any;
        }
        assert_int_equal(store.npolicies, with);
        make_client(&pk_mem_libc, &ids);
        for (int i = 0; i < REQUESTS; i++)
            judge(&store, &ids, round);
        pk_identities_drop(&pk_mem_libc, &ids);
    }
    pk_store_drop(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_oracle_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
