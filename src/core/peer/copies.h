/*
 * The copies that a primary keeps: its links, what they have acknowledged, who is on the list.
 *
 *   HELLO ──► snapshot, in pieces ──► whole ──its end is acknowledged──► waited for ──all before is──► on the list
 *                                       behind for 600 ms, or its link ended ──► taken off ──agreed──► not waited for
 */
#ifndef PK_CORE_PEER_COPIES_H
#define PK_CORE_PEER_COPIES_H

#include "core/peer/self.h"

/* Another member's link, a client of kind LINK. PK_ENOMEM. */
enum pk_err pk_copies_open(struct pk_member *m, struct pk_client *c) PK_NODISCARD;
void pk_copies_bytes(struct pk_member *m, struct pk_link *l, const uint8_t *p, size_t n);
/* Its connection is torn down. */
void pk_copies_link_ended(struct pk_member *m, struct pk_link *l);

/* Once per step of a primary. */
void pk_copies_step(struct pk_member *m);
/* A change of what is held (struct pk_tap). */
void pk_copies_hear(void *member, const struct pk_change_record *record);
/* A refresh of a local znode; false: it is to be heard of as any other change. */
bool pk_copies_hear_refresh(void *member, const struct pk_znode *z);
/* The ensemble has agreed to a change of the list. */
void pk_copies_listed(struct pk_member *m);
/* Every link is told that we let another one take over. */
void pk_copies_goodbye(struct pk_member *m);
/* We are primary no more, or in another epoch: links close, nobody is waited for. */
void pk_copies_end(struct pk_member *m);

/* Copies of others on the list. */
uint32_t pk_copies_count(const struct pk_member *m);

#endif
