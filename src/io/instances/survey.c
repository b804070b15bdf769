/*
 * The survey. Happy path: in a thread of libuv's pool, a libzookeeper session to a server that has answered
 * lists each mount and one level below it; the loop then writes the log. Failure modes, each an info line: no
 * session within the time, no such znode, no permission. Nothing waits for it, and a stop ends its waits at
 * once.
 */
#include "io/instances/survey.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zookeeper/zookeeper.h>

#include "io/config/config.h"
#include "io/config/mounts.h"
#include "io/instances/zksession.h"
#include "io/loop/loop.h"
#include "io/upstream/servers.h"

struct finding {
    int error; /* ZOK, or what the ensemble said */
    int children, grandchildren;
    bool cut; /* more children than were looked into */
};

/* DUE ──► RUNNING ──► DONE */
enum state { DUE, RUNNING, DONE };

struct pk_survey {
    struct pk_loop *loop;
    enum state state;
    uv_work_t work;
    atomic_bool stop;
    char servers[PK_MAX_ADDRESSES * PK_ADDRESS_TEXT];
    struct pk_auth auth;
    int error;
    struct finding findings[PK_MAX_MOUNTS];
};

enum { CONNECT_MS = 10000, REQUEST_MS = 5000, LOOKED_INTO = 1000 };

static int below(struct pk_ensemble *ensemble, const char *path, const struct String_vector *names,
                 struct finding *finding)
{
    char child[PK_MOUNT_PATH * 2];
    for (int i = 0; i < names->count; i++) {
        int n = 0;
        if (i == LOOKED_INTO) {
            finding->cut = true;
            break;
        }
        if ((size_t)snprintf(child, sizeof child, "%s/%s", path, names->data[i]) >= sizeof child)
            continue;
        int error = pk_ensemble_count(ensemble, child, &n, REQUEST_MS);
        if (error != ZOK && error != ZNONODE && error != ZNOAUTH)
            return error;
        finding->grandchildren += n;
    }
    return ZOK;
}

static void look(struct pk_ensemble *ensemble, const char *path, struct finding *finding)
{
    struct String_vector names = {0, NULL};
    finding->error = pk_ensemble_list(ensemble, path, &names, REQUEST_MS);
    if (finding->error != ZOK)
        return;
    finding->children = names.count;
    finding->error = below(ensemble, path, &names, finding);
    deallocate_String_vector(&names);
}

static void work(uv_work_t *request)
{
    struct pk_survey *survey = request->data;
    const struct pk_config *config = survey->loop->config;
    struct pk_ensemble *ensemble = NULL;
    survey->error = pk_ensemble_open(&ensemble, survey->servers, &survey->auth, &survey->stop, CONNECT_MS);
    for (size_t i = 0; i < config->nmounts && survey->error == ZOK; i++)
        look(ensemble, config->mounts[i].path, &survey->findings[i]);
    pk_ensemble_close(ensemble);
}

static void say(struct pk_survey *survey, const struct pk_config_mount *mount, const struct finding *finding)
{
    struct pk_log *log = survey->loop->log;
    if (finding->error == ZNONODE)
        pk_log(log, PK_LOG_INFO, PK_LOG_SURVEY, NULL,
               "mount %s does not exist in the ensemble yet: znodes are created in memory below it once "
               "somebody has "
               "created it",
               mount->path);
    else if (finding->error != ZOK)
        pk_log(log, PK_LOG_INFO, PK_LOG_SURVEY, NULL, "what exists below mount %s is not known: %s",
               mount->path, zerror(finding->error));
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

static void done(uv_work_t *request, int status)
{
    struct pk_survey *survey = request->data;
    const struct pk_config *config = survey->loop->config;
    if (status == 0 && !atomic_load(&survey->stop)) {
        if (survey->error != ZOK)
            pk_log(survey->loop->log, PK_LOG_INFO, PK_LOG_SURVEY, NULL,
                   "what exists below the mounts is not known: %s", zerror(survey->error));
        for (size_t i = 0; i < config->nmounts && survey->error == ZOK; i++)
            if (config->mounts[i].mode != PK_MODE_RELAY)
                say(survey, &config->mounts[i], &survey->findings[i]);
    }
    explicit_bzero(&survey->auth, sizeof survey->auth);
    survey->state = DONE;
}

struct pk_survey *pk_survey_new(struct pk_loop *loop)
{
    struct pk_survey *survey = calloc(1, sizeof *survey);
    if (survey == NULL)
        return NULL;
    survey->loop = loop;
    survey->work.data = survey;
    return survey;
}

void pk_survey_tick(struct pk_survey *survey, const struct pk_upstream *upstream)
{
    const struct pk_config *config = survey->loop->config;
    if (survey->state != DUE || !pk_config_holds(config) || pk_upstream_state(upstream).up == 0)
        return;
    survey->state = DONE;
    survey->auth = config->auth;
    pk_upstream_list(upstream, survey->servers, sizeof survey->servers);
    if (survey->servers[0] != '\0' && uv_queue_work(&survey->loop->uv, &survey->work, work, done) == 0)
        survey->state = RUNNING;
}

void pk_survey_cancel(struct pk_survey *survey)
{
    atomic_store(&survey->stop, true);
}

bool pk_survey_running(const struct pk_survey *survey)
{
    return survey->state == RUNNING;
}

void pk_survey_free(struct pk_survey *survey)
{
    free(survey);
}
