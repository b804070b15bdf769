/*
 * Judging a message of a Pacemaker's client.
 */
#ifndef PK_CORE_PULSE_MESSAGE_H
#define PK_CORE_PULSE_MESSAGE_H

#include "core/pulse/pacemaker.h"

/*
 * Answers the message in f from memory, or has the ensemble asked; later ones wait for that. Never PK_BEGUN: who waits
 * leaves its message in the backlog. What is no message marks the client to end.
 */
enum pk_decision pk_message_judge(struct pk_pacemaker *pm, struct pk_client *c, const struct pk_frame *f);

#endif
