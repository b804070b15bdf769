/*
 * The tables, from what was seen on the wire of quiet clusters of 2.8.3 and 1.2.4 (2 Nimbuses, 2 supervisors, 4 to 8
 * workers, 3 topologies; order, watches and periods as there; tests/storm/capture.py shows them). Left out: errors
 * that topologies report, blobs, the second Nimbus, what the UI asks, and what only happens when something starts or
 * ends.
 *
 * Happy path: rows are read by duty.c. Failure modes: a path that is too long is refused.
 */
#include "tools/bench/line.h"

#include <string.h>

#include "proto/records.h"

/* Bytes of what these znodes hold in a real cluster. */
enum { SUPERVISOR_INFO = 180, STORM_BASE = 400, ASSIGNMENT = 700, CREDENTIALS = 60, NIMBUS_INFO = 120 };
enum { SECOND = 1000 };

/* clang-format off */
#define STEP(op, path, watch, each) {PK_OP_##op, path, watch, PK_##each, 0, false}
#define WRITE(op, path, each, size) {PK_OP_##op, path, false, PK_##each, size, false}
#define OWN(op, path, size) {PK_OP_##op, path, false, PK_ONCE, size, true}
#define END {0, NULL, false, PK_ONCE, 0, false}

/* ---- both lines ---- */

static const struct pk_step supervisor_refresh[] = {
    STEP(EXISTS, "supervisors", false, ONCE),
    STEP(EXISTS, "supervisors/%s", false, ONCE),
    WRITE(SET_DATA, "supervisors/%s", ONCE, SUPERVISOR_INFO),
    END};

static const struct pk_step worker_base[] = {
    STEP(EXISTS,   "storms/%t", true, ONCE),
    STEP(GET_DATA, "storms/%t", true, ONCE),
    END};

/* ---- 1.2: assignments are polled by workers and supervisors ---- */

static const struct pk_step clear_12[] = {
    STEP(DELETE, "credentials/%t", false, EACH_TOPOLOGY),
    STEP(DELETE, "assignments/%t", false, EACH_TOPOLOGY),
    STEP(DELETE, "storms/%t",      false, EACH_TOPOLOGY),
    END};

static const struct pk_step furnish_12[] = {
    WRITE(CREATE, "credentials",     ONCE, 1),
    WRITE(CREATE, "profilerconfigs", ONCE, 1),
    WRITE(CREATE, "leader-lock",     ONCE, 1),
    OWN(CREATE, "nimbuses/pk-bench-%t", NIMBUS_INFO),
    OWN(CREATE, "leader-lock/pk-bench-%t", NIMBUS_INFO),
    WRITE(CREATE, "storms/%t",      EACH_TOPOLOGY, STORM_BASE),
    WRITE(CREATE, "assignments/%t", EACH_TOPOLOGY, ASSIGNMENT),
    WRITE(CREATE, "credentials/%t", EACH_TOPOLOGY, CREDENTIALS),
    END};

static const struct pk_step enrol_12[] = {OWN(CREATE, "supervisors/%s", SUPERVISOR_INFO), END};

static const struct pk_step worker_assignment_12[] = {
    STEP(EXISTS, "assignments/%t", true, ONCE),
    END};

static const struct pk_step worker_credentials_12[] = {
    STEP(EXISTS,   "credentials/%t", false, ONCE),
    STEP(GET_DATA, "credentials/%t", false, ONCE),
    END};

static const struct pk_step supervisor_sync_12[] = {
    STEP(GET_CHILDREN2, "assignments", true, ONCE),
    STEP(EXISTS,   "assignments/%t", true, EACH_TOPOLOGY),
    STEP(EXISTS,   "assignments/%t", true, EACH_TOPOLOGY),
    STEP(GET_DATA, "assignments/%t", true, EACH_TOPOLOGY),
    STEP(EXISTS,   "profilerconfigs/%t", false, EACH_TOPOLOGY),
    END};

/* Scheduling, then the look for what can be cleaned up; the heartbeats are read by nimbus.c. */
static const struct pk_step nimbus_pass_12[] = {
    STEP(GET_CHILDREN2, "storms", false, ONCE),
    STEP(EXISTS,   "storms/%t", false, EACH_TOPOLOGY),
    STEP(GET_DATA, "storms/%t", false, EACH_TOPOLOGY),
    STEP(GET_CHILDREN2, "assignments", false, ONCE),
    STEP(EXISTS,   "assignments/%t", false, EACH_TOPOLOGY),
    STEP(GET_DATA, "assignments/%t", false, EACH_TOPOLOGY),
    STEP(GET_CHILDREN2, "supervisors", false, ONCE),
    STEP(EXISTS,   "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_DATA, "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_CHILDREN2, "supervisors", false, ONCE),
    STEP(EXISTS,   "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_DATA, "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_CHILDREN2, "errors", false, ONCE),
    STEP(GET_CHILDREN2, "backpressure", false, ONCE),
    STEP(GET_CHILDREN2, "storms", false, ONCE),
    STEP(EXISTS,   "nimbuses/pk-bench-%t", false, ONCE),
    STEP(GET_DATA, "nimbuses/pk-bench-%t", false, ONCE),
    END};

static const struct pk_duty duties_12[] = {
    {PK_PARTY_WORKER,     10 * SECOND, worker_assignment_12},
    {PK_PARTY_WORKER,     10 * SECOND, worker_base},
    {PK_PARTY_WORKER,     30 * SECOND, worker_credentials_12},
    {PK_PARTY_SUPERVISOR,  5 * SECOND, supervisor_refresh},
    {PK_PARTY_SUPERVISOR, 10 * SECOND, supervisor_sync_12},
    {PK_PARTY_NIMBUS,     10 * SECOND, nimbus_pass_12},
    {PK_PARTY_NIMBUS, 0, NULL}};

/* ---- 2.8: supervisors are told their assignments; each asks Nimbus once a second who leads ---- */

static const struct pk_step clear_28[] = {
    STEP(DELETE, "assignments/%t", false, EACH_TOPOLOGY),
    STEP(DELETE, "storms/%t",      false, EACH_TOPOLOGY),
    END};

static const struct pk_step furnish_28[] = {
    WRITE(CREATE2, "credentials",     ONCE, 1),
    WRITE(CREATE2, "profilerconfigs", ONCE, 1),
    WRITE(CREATE2, "leader-lock",     ONCE, 1),
    OWN(CREATE2, "nimbuses/pk-bench-%t", NIMBUS_INFO),
    OWN(CREATE2, "leader-lock/pk-bench-%t", NIMBUS_INFO),
    WRITE(CREATE2, "storms/%t",      EACH_TOPOLOGY, STORM_BASE),
    WRITE(CREATE2, "assignments/%t", EACH_TOPOLOGY, ASSIGNMENT),
    END};

static const struct pk_step enrol_28[] = {OWN(CREATE2, "supervisors/%s", SUPERVISOR_INFO), END};

/* There are none in a cluster without security. */
static const struct pk_step worker_credentials_28[] = {
    STEP(EXISTS, "credentials/%t", false, ONCE),
    END};

static const struct pk_step supervisor_sync_28[] = {
    STEP(EXISTS, "profilerconfigs/%t", false, EACH_TOPOLOGY),
    END};

static const struct pk_step leader_28[] = {
    STEP(GET_CHILDREN2, "leader-lock", false, ONCE),
    STEP(GET_DATA, "leader-lock/pk-bench-%t", false, ONCE),
    STEP(GET_CHILDREN2, "nimbuses", false, ONCE),
    STEP(EXISTS,   "nimbuses/pk-bench-%t", false, ONCE),
    STEP(GET_DATA, "nimbuses/pk-bench-%t", false, ONCE),
    END};

static const struct pk_step nimbus_pass_28[] = {
    STEP(GET_CHILDREN2, "storms", false, ONCE),
    STEP(EXISTS,   "storms/%t", false, EACH_TOPOLOGY),
    STEP(GET_DATA, "storms/%t", false, EACH_TOPOLOGY),
    STEP(GET_CHILDREN2, "supervisors", false, ONCE),
    STEP(EXISTS,   "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_DATA, "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_CHILDREN2, "supervisors", false, ONCE),
    STEP(EXISTS,   "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_DATA, "supervisors/%s", false, EACH_SUPERVISOR),
    STEP(GET_CHILDREN2, "errors", false, ONCE),
    STEP(GET_CHILDREN2, "backpressure", false, ONCE),
    STEP(GET_CHILDREN2, "secretkeys/NIMBUS", false, ONCE),
    STEP(GET_CHILDREN2, "secretkeys/DRPC", false, ONCE),
    STEP(GET_CHILDREN2, "secretkeys/SUPERVISOR", false, ONCE),
    STEP(GET_CHILDREN2, "storms", false, ONCE),
    END};

static const struct pk_duty duties_28[] = {
    {PK_PARTY_WORKER,     10 * SECOND, worker_base},
    {PK_PARTY_WORKER,     30 * SECOND, worker_credentials_28},
    {PK_PARTY_SUPERVISOR,  5 * SECOND, supervisor_refresh},
    {PK_PARTY_SUPERVISOR, 10 * SECOND, supervisor_sync_28},
    {PK_PARTY_LEADER,      1 * SECOND, leader_28},
    {PK_PARTY_NIMBUS,     10 * SECOND, nimbus_pass_28},
    {PK_PARTY_NIMBUS, 0, NULL}};

static const struct pk_line lines[] = {
    {"1.2", 3 * SECOND, 62, PK_OP_CREATE,
     {PK_PARTY_NIMBUS, 0, furnish_12}, {PK_PARTY_SUPERVISOR, 0, enrol_12}, {PK_PARTY_NIMBUS, 0, clear_12}, duties_12},
    {"2.8", 60 * SECOND, 63, PK_OP_CREATE2,
     {PK_PARTY_NIMBUS, 0, furnish_28}, {PK_PARTY_SUPERVISOR, 0, enrol_28}, {PK_PARTY_NIMBUS, 0, clear_28}, duties_28},
};
/* clang-format on */

const struct pk_line *pk_line_find(const char *name)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strcmp(lines[i].name, name) == 0)
            return &lines[i];
    return NULL;
}

static bool append(char **p, const char *end, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(end - *p) <= n)
        return false;
    memcpy(*p, text, n + 1);
    *p += n;
    return true;
}

bool pk_line_path(char *out, size_t cap, const char *root, const char *path, const char *topology,
                  const char *supervisor)
{
    char *p = out;
    const char *end = out + cap;
    if (!append(&p, end, root) || !append(&p, end, "/"))
        return false;
    for (; *path != '\0'; path++) {
        char one[2] = {*path, '\0'};
        const char *text = one;
        if (*path == '%')
            text = *++path == 't' ? topology : supervisor;
        if (!append(&p, end, text))
            return false;
    }
    return true;
}
