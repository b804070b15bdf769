/*
 * What only the whole configuration can tell. Happy path: servers, listeners, a marker outside the mounts, a state file
 * in a folder that is there. Failure modes: each is named with what to write instead.
 */
#include "io/config/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/config/group.h"
#include "io/config/mounts.h"

/* Writing it comes at the stop: a mistake found then costs what is held. */
static enum pk_err check_state_file(const struct pk_config *config, struct pk_config_error *error)
{
    char folder[PK_VALUE_TEXT];
    struct stat st;
    const char *file = config->state_file;
    if (file[0] == '\0')
        return PK_OK;
    if (file[0] != '/')
        return pk_config_fail(error, NULL, 0,
                              "state-file: %.200s names no folder: write the whole path, like "
                              "/var/lib/pacekeeper/state",
                              file);
    snprintf(folder, sizeof folder, "%s", file);
    char *slash = strrchr(folder, '/');
    slash[slash == folder] = '\0';
    if (stat(folder, &st) != 0)
        return pk_config_fail(error, NULL, 0, "state-file: the folder %.200s: %s (install -d -o USER %.100s)",
                              folder, strerror(errno), folder);
    if (!S_ISDIR(st.st_mode))
        return pk_config_fail(error, NULL, 0, "state-file: %.200s is no folder", folder);
    if (lstat(file, &st) == 0 && S_ISDIR(st.st_mode))
        return pk_config_fail(error, NULL, 0, "state-file: %.200s is a folder: name a file in it", file);
    return PK_OK;
}

static bool held(const struct pk_config *config, const char *path)
{
    for (size_t i = 0; i < config->nmounts; i++)
        if (pk_config_at_or_below(config->mounts[i].path, path))
            return true;
    return false;
}

/* Pulses are the znodes of a mount. */
static enum pk_err check_pacemaker(const struct pk_config *config, struct pk_config_error *error)
{
    return config->npacemaker_listens == 0 || pk_config_find_mount(config, config->pacemaker_mount) >= 0
               ? PK_OK
               : pk_config_fail(
                     error, NULL, 0,
                     "pacemaker.mount: %.200s is none of the mounts (name one, or pacemaker.listen: none)",
                     config->pacemaker_mount[0] != '\0' ? config->pacemaker_mount : "none");
}

/* In Storm 2 supervisors write most, which nobody expects. */
static void note_supervisors(struct pk_config *config)
{
    static const char beats[] = "/workerbeats", supervisors[] = "/supervisors";
    char path[PK_MOUNT_PATH + sizeof supervisors];
    for (size_t i = 0; i < config->nmounts; i++) {
        const char *mount = config->mounts[i].path;
        size_t len = strlen(mount), tail = sizeof beats - 1;
        if (len < tail || strcmp(mount + len - tail, beats) != 0 || config->mounts[i].mode == PK_MODE_RELAY)
            continue;
        snprintf(path, sizeof path, "%.*s%s", (int)(len - tail), mount, supervisors);
        if (!held(config, path))
            pk_config_note(
                config, false, NULL, 0,
                "%.100s is no mount: each supervisor's refresh every 5 s stays a transaction of the "
                "ensemble (--mount %.100s=write-behind,flush=60s)",
                path, path);
    }
}

/* An address that others reach needs TLS or a token, or the word that it needs neither. */
static enum pk_err check_admin(const struct pk_config *config, struct pk_config_error *error)
{
    for (size_t i = 0; i < config->nadmin_listens; i++)
        if (!pk_admin_is_near(config->admin_listens[i]) && !pk_admin_is_tls(config->admin_listens[i]) &&
            config->admin_token_file[0] == '\0' && !config->admin_unprotected)
            return pk_config_fail(
                error, NULL, 0,
                "admin.listen: others than this machine reach %.150s: write tls:%.150s, give "
                "admin.token-file, or say admin.unprotected: true",
                config->admin_listens[i], config->admin_listens[i]);
    return PK_OK;
}

enum pk_err pk_config_check(struct pk_config *config, struct pk_config_error *error)
{
    if (config->nservers == 0)
        return pk_config_fail(error, NULL, 0,
                              "no server of the ensemble is named: give --upstream HOST:PORT,..., "
                              "--storm-yaml FILE, or upstream in the configuration file");
    if (config->nlistens == 0 && config->ntls_listens == 0)
        return pk_config_fail(error, NULL, 0, "no address to listen on is given");
    for (size_t i = 0; i < config->nmounts; i++)
        if (config->instances[0] != '\0' && pk_config_at_or_below(config->mounts[i].path, config->instances))
            return pk_config_fail(
                error, NULL, 0,
                "instances: %.200s lies below the mount %.200s: name a path outside the mounts",
                config->instances, config->mounts[i].path);
    if (check_admin(config, error) != PK_OK || check_pacemaker(config, error) != PK_OK)
        return PK_EINVAL;
    if (check_state_file(config, error) != PK_OK || pk_group_check(config, error) != PK_OK)
        return PK_EINVAL;
    note_supervisors(config);
    return PK_OK;
}
