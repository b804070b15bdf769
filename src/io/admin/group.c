/*
 * The group for people. Happy path: who is primary, and how far the copies are. Failure modes: nobody is served, since
 * when is said; a member that has no link with us is not known here.
 */
#include "io/admin/group.h"

#include <inttypes.h>

#include "io/config/config.h"
#include "io/conn/pairs.h"
#include "io/loop/text.h"

const char *pk_group_role(enum pk_role role)
{
    static const char *const names[PK_ROLES] = {
        [PK_ROLE_LOOKING] = "looking", [PK_ROLE_STANDBY] = "standby", [PK_ROLE_TRYING] = "trying",
        [PK_ROLE_TAKING] = "taking",   [PK_ROLE_PRIMARY] = "primary", [PK_ROLE_HANDING] = "handing",
        [PK_ROLE_LEFT] = "left",
    };
    return names[role];
}

bool pk_group_slowest(const struct pk_admin *admin, struct core_member_info *slowest)
{
    struct core_member_info m;
    const struct core *core = admin->conns->loop.core;
    if (!core_group_member(core, 0, slowest))
        return false;
    for (size_t i = 1; core_group_member(core, i, &m); i++)
        if (m.lag_bytes > slowest->lag_bytes)
            *slowest = m;
    return true;
}

void pk_group_line(const struct pk_admin *admin, struct pk_text *out)
{
    struct core_group_info info;
    const struct pk_loop *loop = &admin->conns->loop;
    if (!core_group_info(loop->core, &info))
        return;
    pk_text_add(out, "Group: %s", pk_group_role(info.role));
    if (info.role == PK_ROLE_STANDBY && info.primary[0] != '\0')
        pk_text_add(out, " of %s", info.primary);
    pk_text_add(out, ", epoch 0x%" PRIx64, (uint64_t)info.epoch);
    if (info.role == PK_ROLE_STANDBY)
        pk_text_add(out, ", %s", info.listed ? "its copy is listed" : "its copy is not listed");
    else
        pk_text_add(out, ", copies: %" PRIu32, info.copies);
    if (info.refused_us != 0)
        pk_text_add(out, ", NOBODY IS SERVED since %.1f s", (double)(loop->now_us - info.refused_us) / 1e6);
    pk_text_add(out, "\n");
}

static const char *state_of(const struct core_group_info *info)
{
    if (info->refused_us != 0)
        return "nobody is served";
    return info->reigning ? "serves" : "waits";
}

static void own_row(struct pk_admin *admin, struct pk_table *table, const struct core_group_info *info)
{
    pk_table_text(table, "%s", admin->conns->loop.config->group_listen);
    pk_table_text(table, "%.8s", admin->conns->loop.instance);
    pk_table_text(table, "%s", pk_group_role(info->role));
    pk_table_text(table, "%s", state_of(info));
    pk_table_text(table, "0x%" PRIx64, (uint64_t)info->epoch);
    pk_table_text(table, "%s", info->listed || info->role == PK_ROLE_PRIMARY ? "yes" : "no");
    for (int i = 0; i < 4; i++)
        pk_table_none(table);
}

/* How far a snapshot is; what it has changed meanwhile goes along, so that more may be sent than was to be. */
static int percent(const struct core_member_info *m)
{
    return m->snapshot_bytes < m->snapshot_of ? (int)(100 * m->snapshot_bytes / m->snapshot_of) : 99;
}

static void member_row(const struct pk_admin *admin, struct pk_table *table,
                       const struct core_group_info *ours, const struct core_member_info *m)
{
    pk_table_text(table, "%s", m->address[0] != '\0' ? m->address : "?");
    pk_table_text(table, "%s", m->incarnation);
    pk_table_text(table, "%s", ours->role == PK_ROLE_STANDBY ? "primary" : "standby");
    if (m->snapshot)
        pk_table_text(table, "snapshot %d %%", percent(m));
    else
        pk_table_text(table, "linked");
    pk_table_none(table);
    pk_table_text(table, "%s", m->listed ? "yes" : "no");
    pk_table_number(table, m->version);
    pk_table_number(table, (int64_t)m->lag_records);
    pk_table_number(table, (int64_t)m->lag_bytes);
    pk_table_number(table, pk_admin_since_us(admin, m->lag_us) / 1000);
}

void pk_list_group(struct pk_admin *admin, struct pk_table *table, size_t most)
{
    static const struct pk_column columns[] = {
        {"member", "MEMBER"},
        {"incarnation", "INCARNATION"},
        {"role", "ROLE"},
        {"state", "STATE"},
        {"epoch", "EPOCH"},
        {"listed", "LISTED"},
        {"link_version", "VERSION"},
        {"lag_records", "LAG RECORDS"},
        {"lag_bytes", "LAG BYTES"},
        {"lag_milliseconds", "LAG MS"},
    };
    struct core_group_info info;
    struct core_member_info m;
    const struct pk_loop *loop = &admin->conns->loop;
    pk_table_init(table, columns, sizeof columns / sizeof *columns);
    if (!core_group_info(loop->core, &info) || most == 0)
        return;
    own_row(admin, table, &info);
    for (size_t i = 0; i + 1 < most && core_group_member(loop->core, i, &m); i++)
        member_row(admin, table, &info, &m);
}
