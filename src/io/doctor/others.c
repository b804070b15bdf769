/*
 * Other pacekeepers in front of the same ensemble, by their markers. Happy path: none, or such as hold nothing that we
 * hold. Failure modes: two in the mode pacemaker over one mount, each of which hides its clients' beats from those of
 * the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/doctor/checks.h"
#include "io/doctor/session.h"
#include "io/instances/marker_text.h"

enum { TEXT = 4096, FIELD = 200 };

static void check_one(struct pk_doctor *d, struct pk_session *s, const char *name)
{
    char path[PK_VALUE_TEXT + PK_DOCTOR_INSTANCE + 2], text[TEXT], host[FIELD], listen[FIELD];
    struct pk_in in;
    snprintf(path, sizeof path, "%s/%s", d->config->instances, name);
    if (strcmp(name, d->instance) == 0 || pk_session_ask(s, PK_OP_GET_DATA, path, &in) != 0)
        return;
    struct pk_bytes data = pk_get_bytes(&in);
    snprintf(text, sizeof text, "%.*s", (int)(data.len < TEXT ? data.len : TEXT - 1),
             data.p != NULL ? (const char *)data.p : "");
    pk_marker_field(text, "host", host, sizeof host);
    pk_marker_field(text, "listen", listen, sizeof listen);
    const char *mount = pk_marker_conflict(text, d->config);
    if (mount != NULL)
        pk_report_say(&d->report, PK_FAIL, "instances",
                      "write-behind for this mount on both, or stop one of them",
                      "%s (%s) holds %.200s in the mode pacemaker too", host, listen, mount);
    else
        pk_report_say(&d->report, PK_FINE, "instances", NULL,
                      "another pacekeeper on %s (%s) holds nothing of ours", host, listen);
}

void pk_doctor_others(struct pk_doctor *d, struct pk_session *s)
{
    struct pk_in in;
    if (d->config->instances[0] == '\0')
        return;
    int error = pk_session_ask(s, PK_OP_GET_CHILDREN, d->config->instances, &in);
    size_t len = error == 0 ? pk_in_left(&in) : 0;
    uint8_t *copy = len > 0 ? malloc(len) : NULL;
    if (copy == NULL) {
        pk_report_say(&d->report, error == 0 || error == PK_Z_NO_NODE ? PK_FINE : PK_WARN, "instances",
                      error == 0 || error == PK_Z_NO_NODE ? NULL : "auth-file: credentials that may read it",
                      error == 0 || error == PK_Z_NO_NODE ? "no other pacekeeper has been here"
                                                          : "%s cannot be read",
                      d->config->instances);
        return;
    }
    memcpy(copy, in.p, len);
    struct pk_in names = pk_in(copy, len);
    for (int32_t n = pk_get_count(&names, 4); n > 0; n--) {
        char name[PK_DOCTOR_INSTANCE];
        struct pk_bytes b = pk_get_bytes(&names);
        snprintf(name, sizeof name, "%.*s", (int)(b.len < sizeof name ? b.len : 0),
                 b.p != NULL ? (const char *)b.p : "");
        if (name[0] != '\0')
            check_one(d, s, name);
    }
    free(copy);
}
