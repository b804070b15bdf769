/*
 * Two members with a link between them, each a core of its own before an ensemble of its own; what they say is carried
 * over by hand, and recorded.
 *
 *   primary ──frames──► [conversation] ──► standby
 *           ◄──────────                ◄──
 */
#ifndef PK_TESTS_UNIT_LINK_FIXTURE_H
#define PK_TESTS_UNIT_LINK_FIXTURE_H

#include "core/peer/frame.h"

#include "../sim/core_fixture.h"

enum { SAID_MOST = 64, LAG_BYTES = 100 * 1000 /* the primary's buffer for a copy */ };

extern const struct core_group standby_group;
extern struct sim standby;                     /* the primary is `s` */
extern int32_t primary_speaks, standby_speaks; /* newest version of the link's protocol; 0: ours */
extern int link_at;                            /* of the primary's */

/* What was said, frame by frame. */
struct said {
    char mark; /* '>' by the standby */
    struct sup_buf bytes;
};
extern struct said said[SAID_MOST];
extern size_t nsaid;

struct core_group_info info(const struct sim *of);
/* The member at the other end of its link; zero: there is none. */
struct core_member_info mate(const struct sim *of);

/* One that reigns, has a client, znodes, and a link that has just come. */
void start_primary(void);
void to_primary(const uint8_t *p, size_t n);
/* The frames that the primary has sent since the last call; they stay until the next one. */
struct pk_bytes from_primary(void);
/* The first frame of a kind among these. */
bool find_frame(struct pk_bytes frames, int kind, struct pk_bytes *body);
/* Changes while there is a copy, numbered from 0: they are the same each time. */
void change(int step);
/* The copy has acknowledged them, or nobody is waited for: all are answered. */
void expect_changed(int steps);

/* One that finds a primary of this epoch, which lists it, and has a link with it. */
void start_standby(int64_t epoch);
void to_standby(const uint8_t *p, size_t n);
/* Its connection with the primary, -1: it has none. */
int link_of_standby(void);
/* The primary lets it take over, and is no more: its memory is what was recorded. */
void expect_taken_over(void);

/* Both, until the copy is listed. */
void converse_until_listed(void);
/* Between the two, until nobody has anything to say; it is not recorded. */
void carry(void);
/* A copy is made and kept; the primary hands over. */
void converse(void);

int link_setup(void **state);
int link_teardown(void **state);
#define LINKED(name) cmocka_unit_test_setup_teardown(name, link_setup, link_teardown)

#endif
