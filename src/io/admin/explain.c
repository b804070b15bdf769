/*
 * Explaining a path. Happy path: what memory has there, whether a write of it is absorbed, and what keeps it from that,
 * each a sentence. Failure modes: a path outside every mount is explained by that.
 */
#include "io/admin/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/admin/admin.h"
#include "io/admin/table.h"
#include "io/admin/who.h"
#include "io/config/mounts.h"
#include "io/conn/pairlog.h"
#include "io/conn/pairs.h"

struct explained {
    const struct pk_admin *admin;
    const struct core_explanation *e;
    struct core_mount_info mount;
    struct pk_text lines; /* each with a newline */
};

static void client_line(struct explained *x, const char *what, struct pk_id id)
{
    char address[PK_ADDRESS_TEXT], who[PK_WHO];
    struct core_conn_info info;
    const struct pk_pairs *conns = x->admin->conns;
    const struct pk_pair *pair = id.slot < conns->slots ? conns->by_slot[id.slot] : NULL;
    if (pair == NULL || pair->id.gen != id.gen || !core_conn_info(conns->loop.core, id, &info))
        return;
    pk_who(&info, who);
    pk_text_add(&x->lines, "%s: client %u.%u, %s%s%s\n", what, (unsigned)id.slot, (unsigned)id.gen,
                pk_pair_name(pair, address), who[0] != '\0' ? ", " : "", who);
}

static void watchers(struct explained *x)
{
    for (size_t i = 0; i < x->e->nwatchers; i++)
        client_line(x, "watched by", x->e->watchers[i]);
    if (x->mount.recursive > 0)
        pk_text_add(&x->lines,
                    "%u recursive watches at or above the mount keep all of it from being absorbed\n",
                    (unsigned)x->mount.recursive);
}

static void local(struct explained *x)
{
    pk_text_add(&x->lines,
                "it lives in memory alone: %" PRIu64
                " bytes, version %d, written %.1f s ago; reads and writes are "
                "answered from memory\n",
                x->e->data, (int)x->e->version, (double)(x->admin->conns->loop.wall_ms - x->e->mtime) / 1e3);
    if (strcmp(x->e->held, "promoting") == 0)
        pk_text_add(&x->lines, "it is being promoted: writes wait for the end of that\n");
    if (x->e->unfit)
        pk_text_add(&x->lines, "it is too large for the ensemble, and stays here\n");
    if (x->e->refused)
        pk_text_add(&x->lines, "the ensemble has refused to take it\n");
}

static void cached(struct explained *x)
{
    pk_text_add(&x->lines,
                "the ensemble has it, and its newest data are here: version %d, written %.1f s ago, %d "
                "writes that the "
                "ensemble does not have yet\n",
                (int)x->e->version, (double)(x->admin->conns->loop.wall_ms - x->e->mtime) / 1e3,
                (int)x->e->pending);
    if (x->e->has_writer)
        client_line(x, "written by", x->e->writer);
    pk_text_add(
        &x->lines,
        "%u connections have shown that the ensemble lets them write it; their writes are absorbed%s\n",
        (unsigned)x->e->permits, x->e->watched ? ", but for its watches" : "");
}

static void neither(struct explained *x)
{
    bool creates = x->mount.mode == PK_MODE_PACEMAKER;
    pk_text_add(&x->lines, "memory does not hold it: if it exists, it is the ensemble's alone\n");
    if (!creates)
        pk_text_add(&x->lines, "in the mode write-behind a create is the ensemble's\n");
    else if (x->e->parent_held)
        pk_text_add(&x->lines, "its parent lives here alone: a plain create of it is answered from memory\n");
    else
        pk_text_add(
            &x->lines,
            "a plain create with an open ACL is absorbed when the ensemble says that the path is free and "
            "its parent open to all\n");
    pk_text_add(
        &x->lines,
        "the first setData of a connection is relayed; when the ensemble lets it, the next are absorbed\n");
}

/* The one sentence that stands first. */
static const char *verdict(const struct explained *x, bool outside)
{
    const struct core_explanation *e = x->e;
    if (outside)
        return "not absorbed: it lies below no mount";
    if (!e->below)
        return "not absorbed: the mount's own znode is the ensemble's";
    if (x->mount.mode == PK_MODE_RELAY)
        return "not absorbed: the mode of its mount is relay";
    if (strcmp(e->held, "local") == 0 || strcmp(e->held, "promoting") == 0)
        return "absorbed";
    if (e->watched || x->mount.recursive > 0)
        return "not absorbed: it is watched, and the ensemble tells its watchers";
    if (strcmp(e->held, "cached") == 0)
        return e->permits > 0 ? "absorbed"
                              : "not absorbed: nobody has shown yet that the ensemble lets him write it";
    if (e->parent_watched)
        return "not absorbed: its parent's children are watched";
    return e->intended ? "not absorbed: a request about it is under way" : "not held";
}

static void print(const struct explained *x, const char *path, const char *first, bool json,
                  struct pk_text *out)
{
    if (!json) {
        pk_text_add(out, "%s\n  %s\n", path, first);
        const char *from = x->lines.p != NULL ? x->lines.p : "";
        for (const char *end = strchr(from, '\n'); end != NULL; from = end + 1, end = strchr(from, '\n'))
            pk_text_add(out, "  %.*s\n", (int)(end - from), from);
        return;
    }
    pk_text_add(out, "{\"path\": ");
    pk_json_string(out, path);
    pk_text_add(out, ", \"held\": \"%s\", \"verdict\": ", x->e->held);
    pk_json_string(out, first);
    pk_text_add(out, ", \"details\": [");
    const char *between = "";
    char line[512];
    const char *from = x->lines.p != NULL ? x->lines.p : "";
    for (const char *end = strchr(from, '\n'); end != NULL; from = end + 1, end = strchr(from, '\n')) {
        snprintf(line, sizeof line, "%.*s", (int)(end - from), from);
        pk_text_add(out, "%s", between);
        pk_json_string(out, line);
        between = ", ";
    }
    pk_text_add(out, "]}\n");
}

void pk_explain(const struct pk_admin *admin, const char *path, bool json, struct pk_text *out)
{
    struct core_explanation e;
    const struct core *core = admin->conns->loop.core;
    core_explain(core, (struct pk_bytes){(const uint8_t *)path, (uint32_t)strlen(path)}, &e);
    struct explained x = {.admin = admin, .e = &e};
    bool outside = !core_mount_info(core, e.mount, &x.mount) || x.mount.gone;
    if (!outside) {
        pk_text_add(&x.lines, "mount %s, mode %s\n", x.mount.path, pk_config_mode_name(x.mount.mode));
        if (e.below && strcmp(e.held, "cached") == 0)
            cached(&x);
        else if (e.below && (strcmp(e.held, "local") == 0 || strcmp(e.held, "promoting") == 0))
            local(&x);
        else if (e.below && x.mount.mode != PK_MODE_RELAY)
            neither(&x);
        watchers(&x);
    }
    print(&x, path, verdict(&x, outside), json, out);
    free(x.lines.p);
}
