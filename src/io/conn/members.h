/*
 * Where other members of the group are: their names, looked up once for all that connect there, and a bound for how
 * many connections open at the same time.
 */
#ifndef PK_IO_CONN_MEMBERS_H
#define PK_IO_CONN_MEMBERS_H

#include <uv.h>

#include "io/config/hostport.h"
#include "io/loop/wait.h"

/* OPENINGS: at two standbys, fewer than a member port has room for. */
enum { PK_MEMBER_NAMES = 16, PK_MEMBER_ADDRESSES = 4, PK_MEMBER_OPENINGS = 24 };

struct pk_member_name;

struct pk_members {
    uv_loop_t *uv;
    void (*settled)(void *owner); /* after those who waited for a name have been called */
    void *owner;
    struct pk_member_name *names[PK_MEMBER_NAMES];
    size_t n;
    struct pk_list waiting; /* of struct pk_waiter: until a name has been looked up */
    int openings;           /* connections that are being opened */
    struct pk_list queue;   /* of struct pk_waiter: until one of them is through */
};

enum pk_member_found { PK_MEMBER_FOUND, PK_MEMBER_WAIT, PK_MEMBER_NOWHERE };

void pk_members_init(struct pk_members *members, uv_loop_t *uv);
/*
 * The i-th address of HOST:PORT. WAIT: it is looked up, or too many connections are being opened, and wait is called
 * when that is over. NOWHERE: there are no more, or none at all. FOUND begins an opening, which pk_members_opened ends.
 */
enum pk_member_found pk_members_find(struct pk_members *members, const char *text, unsigned i, int64_t now_us,
                                     struct pk_waiter *wait, union pk_address *address);
/* One opening is over, well or not: another may begin. */
void pk_members_opened(struct pk_members *members);
/* Looks nothing up any more. */
void pk_members_close(struct pk_members *members);
/* After the loop has ended. */
void pk_members_free(struct pk_members *members);

#endif
