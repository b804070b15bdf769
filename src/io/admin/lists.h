/*
 * What there is, as tables: servers, clients, mounts, paths, late beats, the configuration.
 */
#ifndef PK_IO_ADMIN_LISTS_H
#define PK_IO_ADMIN_LISTS_H

#include "io/admin/admin.h"
#include "io/admin/table.h"

enum { PK_LIST_ROWS = 1000 };

/* Each fills an empty table with at most so many rows. */
void pk_list_servers(struct pk_admin *admin, struct pk_table *table, size_t most);
/* Those with the most requests a second since the newest look first. */
void pk_list_clients(struct pk_admin *admin, struct pk_table *table, size_t most);
/* Of these who has written anything, and who has read, those first that do so most. */
void pk_list_writers(struct pk_admin *admin, struct pk_table *table, size_t most);
void pk_list_readers(struct pk_admin *admin, struct pk_table *table, size_t most);
void pk_list_mounts(struct pk_admin *admin, struct pk_table *table, size_t most);
/* Of one mount, or of all (NULL). */
void pk_list_paths(struct pk_admin *admin, const char *mount, struct pk_table *table, size_t most);
/* What each mode would spare of what clients have asked since the start: rows for each mount, for the rest, for all. */
void pk_list_savings(struct pk_admin *admin, struct pk_table *table, size_t most);
void pk_list_late(struct pk_admin *admin, struct pk_table *table, size_t most);
void pk_list_config(struct pk_admin *admin, struct pk_table *table, size_t most);

#endif
