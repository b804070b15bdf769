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

#include "io/instances/zksession.h"
#include "io/loop/loop.h"
#include "io/upstream/servers.h"

struct finding {
    int error; /* ZOK, or what the ensemble said */
    int children, grandchildren;
    bool cut; /* more children than were looked into */
};

struct pk_survey {
    struct pk_io *io;
    uv_work_t work;
    atomic_bool stop;
    char servers[PK_MAX_ADDRESSES * PK_ADDRESS_TEXT];
    const struct pk_config *config;
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
    struct pk_ensemble *ensemble = NULL;
    survey->error = pk_ensemble_open(&ensemble, survey->servers, &survey->auth, &survey->stop, CONNECT_MS);
    for (size_t i = 0; i < survey->config->nmounts && survey->error == ZOK; i++)
        look(ensemble, survey->config->mounts[i].path, &survey->findings[i]);
    pk_ensemble_close(ensemble);
}

static void say(struct pk_survey *survey, const struct pk_config_mount *mount, const struct finding *finding)
{
    struct pk_log *log = &survey->io->log;
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
    struct pk_io *io = survey->io;
    if (status == 0 && !atomic_load(&survey->stop)) {
        if (survey->error != ZOK)
            pk_log(&io->log, PK_LOG_INFO, PK_LOG_SURVEY, NULL,
                   "what exists below the mounts is not known: %s", zerror(survey->error));
        for (size_t i = 0; i < io->config->nmounts && survey->error == ZOK; i++)
            if (io->config->mounts[i].mode != PK_MODE_RELAY)
                say(survey, &io->config->mounts[i], &survey->findings[i]);
    }
    explicit_bzero(&survey->auth, sizeof survey->auth);
    free(survey);
    io->survey = NULL;
}

void pk_survey_tick(struct pk_io *io)
{
    if (io->surveyed || pk_io_stopping(io) || !pk_config_holds(io->config) ||
        pk_upstream_state(io->upstream).up == 0)
        return;
    io->surveyed = true;
    struct pk_survey *survey = calloc(1, sizeof *survey);
    if (survey == NULL)
        return;
    survey->io = io;
    survey->config = io->config;
    survey->auth = io->config->auth;
    survey->work.data = survey;
    pk_upstream_list(io->upstream, survey->servers, sizeof survey->servers);
    if (survey->servers[0] == '\0' || uv_queue_work(&io->loop, &survey->work, work, done) != 0) {
        free(survey);
        return;
    }
    io->survey = survey;
}

void pk_survey_cancel(struct pk_io *io)
{
    if (io->survey != NULL)
        atomic_store(&io->survey->stop, true);
}
