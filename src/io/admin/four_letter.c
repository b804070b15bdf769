/*
 * Four-letter words: a table of those that ZooKeeper knows. Happy path: the word is in four-letter-words, and its
 * function writes the text. Others are refused with the text of a server that has them not whitelisted; the upstream's
 * state changes nothing here but isro, the version, and whether srvr and stat say that nobody serves. Nothing here may
 * wait for anything.
 */
#include "io/admin/four_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/admin/admin.h"
#include "io/admin/four_letter_cons.h"
#include "io/admin/four_letter_mntr.h"
#include "io/admin/group.h"
#include "io/config/config.h"
#include "io/config/words.h"
#include "io/conn/pairs.h"
#include "io/loop/text.h"
#include "io/upstream/servers.h"

static void version_line(const struct pk_admin *admin, struct pk_text *out, const char *label)
{
    char version[PK_ADMIN_VERSION];
    pk_admin_version(admin, version, sizeof version);
    pk_text_add(out, "%s%s\n", label, version);
}

static void figures(const struct pk_admin *admin, struct pk_text *out)
{
    const struct core *core = admin->conns->loop.core;
    const struct core_stats *s = core_stats(core);
    struct core_beat_times beats = core_beat_times(core);
    int64_t received = s->requests_local + s->requests_relayed;
    pk_text_add(out, "Latency min/avg/max: %" PRId64 "/%.4f/%" PRId64 "\n", beats.min_us / 1000,
                beats.mean_us / 1000, beats.max_us / 1000);
    pk_text_add(
        out, "Received: %" PRId64 "\nSent: %" PRId64 "\nConnections: %" PRId64 "\nOutstanding: %" PRId64 "\n",
        received, received - s->queue_depth + s->events, s->connections, s->queue_depth);
    pk_text_add(out, "Zxid: 0x%" PRIx64 "\nMode: proxy\nNode count: %" PRId64 "\n", (uint64_t)s->newest_zxid,
                s->znodes);
}

/* By which another pacekeeper, or this one, knows whom it has met. */
static void instance(const struct pk_admin *admin, struct pk_text *out)
{
    pk_text_add(out, "Pacekeeper instance: %s\n", admin->conns->loop.instance);
}

/* A server that does not serve has one sentence, which health checks look for. */
static bool serves(const struct pk_admin *admin, struct pk_text *out)
{
    if (pk_upstream_state(admin->conns->upstream).up > 0)
        return true;
    pk_text_add(out, "This ZooKeeper instance is not currently serving requests\n");
    pk_group_line(admin, out);
    instance(admin, out);
    return false;
}

static void ruok(const struct pk_admin *admin, struct pk_text *out)
{
    (void)admin;
    pk_text_add(out, "imok");
}

static void srvr(const struct pk_admin *admin, struct pk_text *out)
{
    if (!serves(admin, out))
        return;
    version_line(admin, out, "Zookeeper version: ");
    figures(admin, out);
    pk_group_line(admin, out);
    instance(admin, out);
}

static void stat_word(const struct pk_admin *admin, struct pk_text *out)
{
    if (!serves(admin, out))
        return;
    version_line(admin, out, "Zookeeper version: ");
    pk_text_add(out, "Clients:\n");
    pk_four_letter_clients(admin, out);
    pk_text_add(out, "\n");
    figures(admin, out);
    pk_group_line(admin, out);
    instance(admin, out);
}

static void isro(const struct pk_admin *admin, struct pk_text *out)
{
    struct pk_ensemble_state state = pk_upstream_state(admin->conns->upstream);
    pk_text_add(out, "%s", state.up == 0 ? "null" : state.read_only ? "ro" : "rw");
}

static void envi(const struct pk_admin *admin, struct pk_text *out)
{
    char host[256] = "", dir[1024] = "";
    struct utsname system;
    const char *user = getenv("USER"), *home = getenv("HOME");
    if (uname(&system) != 0)
        memset(&system, 0, sizeof system);
    if (gethostname(host, sizeof host - 1) != 0 || getcwd(dir, sizeof dir) == NULL)
        dir[0] = '\0';
    pk_text_add(out, "Environment:\n");
    version_line(admin, out, "zookeeper.version=");
    pk_text_add(out, "host.name=%s\npacekeeper.version=%s\npacekeeper.instance=%s\n", host, PACKAGE_VERSION,
                admin->conns->loop.instance);
    pk_text_add(out, "libuv.version=%s\nos.name=%s\nos.arch=%s\nos.version=%s\n", uv_version_string(),
                system.sysname, system.machine, system.release);
    /* Looking the name up may ask a directory service, and everybody would wait. */
    pk_text_add(out, "user.name=%s\nuser.id=%d\nuser.home=%s\nuser.dir=%s\n", user != NULL ? user : "",
                (int)getuid(), home != NULL ? home : "", dir);
}

static const struct {
    char name[5];
    void (*answer)(const struct pk_admin *admin, struct pk_text *out); /* NULL: refused */
} words[] = {
    {"ruok", ruok},
    {"srvr", srvr},
    {"stat", stat_word},
    {"mntr", pk_four_letter_mntr},
    {"cons", pk_four_letter_cons},
    {"isro", isro},
    {"envi", envi},
    {"conf", NULL},
    {"crst", NULL},
    {"dirs", NULL},
    {"dump", NULL},
    {"gtmk", NULL},
    {"hash", NULL},
    {"srst", NULL},
    {"stmk", NULL},
    {"wchc", NULL},
    {"wchp", NULL},
    {"wchs", NULL},
};

char *pk_four_letter_answer(const struct pk_admin *admin, const char *word, size_t *len)
{
    struct pk_text out = {0};
    int64_t answered = admin->conns->loop.config->four_letter_words;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].name, word) != 0)
            continue;
        if (words[i].answer != NULL && (answered & pk_words_bit(word)) != 0)
            words[i].answer(admin, &out);
        else
            pk_text_add(&out, "%s is not executed because it is not in the whitelist.\n", word);
    }
    *len = out.len;
    if (out.len == 0) {
        free(out.p);
        return NULL;
    }
    return out.p;
}
