/*
 * Policies of mounts. Happy path: two lists become one ACL.
 * Failure modes: out of memory makes no policy; what the ensemble cannot be told is left open there, never what is held
 * here.
 */
#include "core/store/policy.h"

#include <string.h>

#include "proto/records.h"

enum { WRITES = PK_PERM_WRITE | PK_PERM_CREATE | PK_PERM_DELETE };

static const struct core_who everybody = {.scheme = "world", .id = "anyone", .upstream = true};

static bool same(const struct core_who *a, const struct core_who *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->id, b->id) == 0;
}

static bool has(const struct core_who *list, size_t n, const struct core_who *who)
{
    for (size_t i = 0; i < n; i++)
        if (same(&list[i], who))
            return true;
    return false;
}

static int32_t perms_of(const struct core_policy *c, const struct core_who *who)
{
    bool listed_r = has(c->readers, c->nreaders, who), listed_w = has(c->writers, c->nwriters, who);
    bool reads = listed_r || has(c->readers, c->nreaders, &everybody);
    bool writes = listed_w || has(c->writers, c->nwriters, &everybody);
    return (listed_r ? PK_PERM_READ : 0) | (listed_w ? WRITES : 0) | (reads && writes ? PK_PERM_ADMIN : 0);
}

static struct pk_blob *text_of(const struct pk_mem *mem, const struct core_who *who)
{
    size_t scheme = strlen(who->scheme), id = strlen(who->id);
    struct pk_blob *b = pk_blob_room(mem, scheme + 1 + id);
    if (b == NULL)
        return NULL;
    memcpy(b->bytes, who->scheme, scheme);
    b->bytes[scheme] = ':';
    memcpy(b->bytes + scheme + 1, who->id, id);
    return b;
}

static enum pk_err add_entry(struct pk_policy *p, const struct pk_mem *mem, const struct core_policy *c,
                             const struct core_who *who)
{
    struct pk_policy_entry *e = &p->entries[p->n];
    *e = (struct pk_policy_entry){
        .who = text_of(mem, who), .at = *who, .anyone = same(who, &everybody), .perms = perms_of(c, who)};
    if (e->who == NULL)
        return PK_ENOMEM;
    e->at.scheme = e->at.id = NULL;
    p->n++;
    return PK_OK;
}

static enum pk_err add_entries(struct pk_policy *p, const struct pk_mem *mem, const struct core_policy *c)
{
    enum pk_err err = PK_OK;
    p->entries = pk_zalloc(mem, (c->nreaders + c->nwriters + 1) * sizeof *p->entries);
    if (p->entries == NULL)
        return PK_ENOMEM;
    for (size_t i = 0; err == PK_OK && i < c->nreaders; i++)
        if (!has(c->readers, i, &c->readers[i]))
            err = add_entry(p, mem, c, &c->readers[i]);
    for (size_t i = 0; err == PK_OK && i < c->nwriters; i++)
        if (!has(c->readers, c->nreaders, &c->writers[i]) && !has(c->writers, i, &c->writers[i]))
            err = add_entry(p, mem, c, &c->writers[i]);
    return err;
}

static bool all_upstream(const struct core_who *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!list[i].upstream && !list[i].alias)
            return false;
    return true;
}

bool pk_policy_hands_over_open(const struct core_policy *c)
{
    return has(c->readers, c->nreaders, &everybody) ? has(c->writers, c->nwriters, &everybody)
                                                    : !all_upstream(c->readers, c->nreaders);
}

/* What everybody may do to a znode that is handed over. Without credentials of our own service sessions write as
 * anybody does. */
static int32_t open_perms(const struct core_policy *c)
{
    int32_t perms = perms_of(c, &everybody) & ~PK_PERM_ADMIN;
    return c->nown == 0 || !all_upstream(c->writers, c->nwriters) ? perms | WRITES : perms;
}

/* The i-th who is named in the ACL that is handed over, and what he may; false beyond the last. */
static bool handed(const struct core_policy *c, size_t i, const struct core_who **who, int32_t *perms)
{
    if (i < c->nown) {
        *who = &c->own[i];
        *perms = PK_PERM_ALL;
        return true;
    }
    i -= c->nown;
    if (i == 0) {
        *who = &everybody;
        *perms = open_perms(c);
        return true;
    }
    i--;
    if (i >= c->nreaders + c->nwriters)
        return false;
    *who = i < c->nreaders ? &c->readers[i] : &c->writers[i - c->nreaders];
    bool again = has(c->own, c->nown, *who) || same(*who, &everybody) || !(*who)->upstream || (*who)->alias ||
                 (i >= c->nreaders && has(c->readers, c->nreaders, *who));
    *perms = again ? 0 : perms_of(c, *who);
    return true;
}

/* An id as others see it: a digest without its hash. */
static struct pk_bytes id_of(const struct core_who *who, bool masked, char *scratch)
{
    const char *colon = strchr(who->id, ':');
    size_t n = strlen(who->id);
    if (masked && strcmp(who->scheme, "digest") == 0 && colon != NULL) {
        n = (size_t)(colon - who->id) + 2;
        memcpy(scratch, who->id, n - 1);
        scratch[n - 1] = 'x';
        return (struct pk_bytes){(const uint8_t *)scratch, (uint32_t)n};
    }
    return (struct pk_bytes){(const uint8_t *)who->id, (uint32_t)n};
}

static size_t longest_id(const struct core_policy *c)
{
    size_t longest = 0;
    int32_t perms;
    const struct core_who *who = NULL;
    for (size_t i = 0; handed(c, i, &who, &perms); i++)
        if (strlen(who->id) > longest)
            longest = strlen(who->id);
    return longest;
}

/* The vector<ACL>; with to NULL its length alone. */
static size_t put_acl(const struct core_policy *c, bool masked, char *scratch, uint8_t *to)
{
    uint8_t *p = to != NULL ? to + 4 : NULL;
    size_t len = 4;
    int32_t n = 0, perms;
    const struct core_who *who = NULL;
    for (size_t i = 0; handed(c, i, &who, &perms); i++) {
        if (perms == 0)
            continue;
        struct pk_bytes scheme = {(const uint8_t *)who->scheme, (uint32_t)strlen(who->scheme)};
        struct pk_bytes id = id_of(who, masked, scratch);
        n++;
        len += 4 + pk_bytes_len(scheme) + pk_bytes_len(id);
        if (p != NULL)
            p = pk_put_bytes(pk_put_bytes(pk_put_int(p, perms), scheme), id);
    }
    if (to != NULL)
        pk_put_int(to, n);
    return len;
}

static struct pk_blob *make_acl(const struct pk_mem *mem, const struct core_policy *c, bool masked)
{
    if (pk_policy_hands_over_open(c)) {
        struct pk_blob *open = pk_blob_room(mem, PK_OPEN_ACL_LEN);
        if (open != NULL)
            pk_put_open_acl(open->bytes);
        return open;
    }
    char *scratch = pk_alloc(mem, longest_id(c) + 1);
    struct pk_blob *b = scratch != NULL ? pk_blob_room(mem, put_acl(c, masked, scratch, NULL)) : NULL;
    if (b != NULL)
        put_acl(c, masked, scratch, b->bytes);
    pk_free(mem, scratch);
    return b;
}

enum pk_err pk_policy_new(struct pk_policy **out, const struct pk_mem *mem, const struct core_policy *config)
{
    struct pk_policy *p = pk_zalloc(mem, sizeof *p);
    if (p == NULL)
        return PK_ENOMEM;
    p->exists_reads = config->exists_reads;
    p->acl = make_acl(mem, config, false);
    p->masked = make_acl(mem, config, true);
    if (p->acl == NULL || p->masked == NULL || add_entries(p, mem, config) != PK_OK) {
        pk_policy_free(mem, p);
        return PK_ENOMEM;
    }
    *out = p;
    return PK_OK;
}

void pk_policy_free(const struct pk_mem *mem, struct pk_policy *policy)
{
    if (policy == NULL)
        return;
    for (size_t i = 0; i < policy->n; i++)
        pk_blob_unref(mem, policy->entries[i].who);
    pk_free(mem, policy->entries);
    pk_blob_unref(mem, policy->acl);
    pk_blob_unref(mem, policy->masked);
    pk_free(mem, policy);
}
