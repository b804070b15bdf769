/*
 * The group for people: one line of srvr, and the list of members.
 */
#ifndef PK_IO_ADMIN_GROUP_H
#define PK_IO_ADMIN_GROUP_H

#include "io/admin/admin.h"
#include "io/admin/table.h"

struct core_group_info;

/* "primary", "standby" and so on. */
const char *pk_group_role(enum pk_role role);
/* The first of the others with a link to us that is furthest behind; false when there is none. */
bool pk_group_slowest(const struct pk_admin *admin, struct core_member_info *slowest);
/* The line "Group: ..." of srvr and stat; nothing without a group. */
void pk_group_line(const struct pk_admin *admin, struct pk_text *out);
/* Ourselves, then each member that has a link with us. */
void pk_list_group(struct pk_admin *admin, struct pk_table *table, size_t most);

#endif
