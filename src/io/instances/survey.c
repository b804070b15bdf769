/*
 * The survey. Happy path: a session to a server that has answered lists each mount and one level below it, one request
 * at a time, and each mount has a line in the log. Failure modes, each an info line: no session within the time, no
 * such znode, no permission. Nothing waits for it, and a stop ends it at once.
 */
#include "io/instances/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/config.h"
#include "io/config/mounts.h"
#include "io/instances/encode.h"
#include "io/instances/ensemble.h"
#include "io/loop/loop.h"
#include "io/loop/secret.h"
#include "io/upstream/servers.h"

enum { LOOKED_INTO = 1000 };

struct finding {
    int error; /* 0, or why it is not known */
    int children, grandchildren;
    bool cut; /* more children than were looked into */
};

/* DUE ──► RUNNING ──► ENDING ──► DONE */
enum state { DUE, RUNNING, ENDING, DONE };

struct pk_survey {
    struct pk_loop *loop;
    enum state state;
    struct pk_auth auth;
    struct pk_ensemble *ensemble; /* while RUNNING or ENDING */
    size_t mount;                 /* the one that is looked at */
    struct finding finding;
    uint8_t *list; /* the answer in which the names of its children are */
    struct pk_in names;
    int looked_into;
};

static void say(struct pk_survey *survey, const struct pk_config_mount *mount, const struct finding *finding)
{
    struct pk_log *log = survey->loop->log;
    if (finding->error == PK_Z_NO_NODE)
        pk_log(log, PK_LOG_INFO, PK_LOG_SURVEY, NULL,
               "mount %s does not exist in the ensemble yet: znodes are created in memory below it once "
               "somebody has created it",
               mount->path);
    else if (finding->error != 0)
        pk_log(log, PK_LOG_INFO, PK_LOG_SURVEY, NULL, "what exists below mount %s is not known: %s",
               mount->path, pk_ensemble_error(finding->error));
    else if (finding->children == 0)
        pk_log(log, PK_LOG_INFO, PK_LOG_SURVEY, NULL,
               "mount %s is empty in the ensemble: all below it can be local here", mount->path);
    else
        pk_log(
            log, PK_LOG_INFO, PK_LOG_SURVEY, NULL,
            "mount %s: the ensemble already holds %d znodes below it and %s%d below these: they stay there, "
            "and their refreshes are absorbed from the second one on",
            mount->path, finding->children, finding->cut ? "at least " : "", finding->grandchildren);
}

static void ended(void *owner)
{
    struct pk_survey *survey = owner;
    survey->ensemble = NULL;
    free(survey->list);
    survey->list = NULL;
    explicit_bzero(&survey->auth, sizeof survey->auth);
    survey->state = DONE;
}

static void end(struct pk_survey *survey)
{
    survey->state = ENDING;
    pk_ensemble_end(survey->ensemble);
}

static void next_mount(struct pk_survey *survey);

/* A mount is through; without a connection so are all. */
static void mount_done(struct pk_survey *survey, int error)
{
    const struct pk_config_mount *mount = &survey->loop->config->mounts[survey->mount];
    free(survey->list);
    survey->list = NULL;
    survey->finding.error = error;
    if (mount->mode != PK_MODE_RELAY)
        say(survey, mount, &survey->finding);
    survey->mount++;
    if (error > 0)
        end(survey);
    else
        next_mount(survey);
}

static void next_child(struct pk_survey *survey);

static void on_child(void *owner, int error, struct pk_in body)
{
    struct pk_survey *survey = owner;
    struct pk_stat stat = {0};
    const uint8_t *bytes = error == 0 ? pk_in_take(&body, PK_STAT_LEN) : NULL;
    if (bytes != NULL)
        pk_stat_load(&stat, bytes);
    if (stat.num_children > 0 && stat.num_children < INT32_MAX - survey->finding.grandchildren)
        survey->finding.grandchildren += stat.num_children;
    if (error > 0)
        mount_done(survey, error);
    else
        next_child(survey);
}

/* The next name that is short enough for a path. */
static bool next_name(struct pk_survey *survey, char *path, size_t size)
{
    const char *mount = survey->loop->config->mounts[survey->mount].path;
    size_t len = strlen(mount);
    while (survey->looked_into < survey->finding.children && !survey->names.bad) {
        struct pk_bytes name = pk_get_bytes(&survey->names);
        survey->looked_into++;
        if (name.len == 0 || name.len >= size - len - 1 || memchr(name.p, '\0', name.len) != NULL)
            continue;
        snprintf(path, size, "%s/%.*s", mount, (int)name.len, (const char *)name.p);
        return true;
    }
    return false;
}

static void next_child(struct pk_survey *survey)
{
    char path[PK_MOUNT_PATH * 2];
    const struct pk_ask ask = {.op = PK_OP_EXISTS, .path = path};
    survey->finding.cut = survey->looked_into == LOOKED_INTO && survey->finding.children > LOOKED_INTO;
    if (survey->finding.cut || !next_name(survey, path, sizeof path))
        mount_done(survey, survey->names.bad ? PK_ENSEMBLE_NONSENSE : 0);
    else
        pk_ensemble_ask(survey->ensemble, &ask, on_child, survey);
}

static void on_list(void *owner, int error, struct pk_in body)
{
    struct pk_survey *survey = owner;
    if (error != 0) {
        mount_done(survey, error);
        return;
    }
    int32_t n = pk_get_count(&body, 4);
    survey->list = pk_ensemble_keep(survey->ensemble);
    survey->names = body;
    survey->looked_into = 0;
    survey->finding.children = n > 0 ? n : 0;
    next_child(survey);
}

static void next_mount(struct pk_survey *survey)
{
    const struct pk_config *config = survey->loop->config;
    survey->finding = (struct finding){0};
    if (survey->mount >= config->nmounts) {
        end(survey);
        return;
    }
    const struct pk_ask ask = {.op = PK_OP_GET_CHILDREN, .path = config->mounts[survey->mount].path};
    pk_ensemble_ask(survey->ensemble, &ask, on_list, survey);
}

static void opened(void *owner, int error, struct pk_in body)
{
    struct pk_survey *survey = owner;
    (void)body;
    if (error == 0) {
        next_mount(survey);
        return;
    }
    pk_log(survey->loop->log, PK_LOG_INFO, PK_LOG_SURVEY, NULL,
           "what exists below the mounts is not known: %s", pk_ensemble_error(error));
    end(survey);
}

struct pk_survey *pk_survey_new(struct pk_loop *loop)
{
    struct pk_survey *survey = calloc(1, sizeof *survey);
    if (survey != NULL)
        survey->loop = loop;
    return survey;
}

void pk_survey_tick(struct pk_survey *survey, struct pk_upstream *upstream)
{
    const struct pk_config *config = survey->loop->config;
    if (survey->state != DUE || !pk_config_holds(config))
        return;
    int server = pk_upstream_serving(upstream);
    if (server < 0)
        return;
    pk_secret_undumped(&survey->auth, sizeof survey->auth);
    survey->auth = config->auth;
    survey->ensemble = pk_ensemble_new(survey->loop, &survey->auth, ended, survey);
    survey->state = survey->ensemble != NULL ? RUNNING : DONE;
    if (survey->ensemble != NULL)
        pk_ensemble_open(survey->ensemble, pk_upstream_address(upstream, server),
                         pk_upstream_host(upstream, server), opened, survey);
}

void pk_survey_cancel(struct pk_survey *survey)
{
    if (survey->state == RUNNING)
        end(survey);
}

void pk_survey_free(struct pk_survey *survey)
{
    free(survey);
}
