/*
 * Known-bad variants of the core: each leaves one rule of a group out, or bends it. The linker puts our function in the
 * place of the core's (--wrap), so that what ships has no switch for it. The simulation must find them: a simulation
 * that finds nothing proves as much as what it would have found. Two are not found, SUNK_NOACK and ANY_EPOCH: what
 * follows the end of a promotion is acknowledged behind it, and whoever takes over looks at what was under way; a
 * relayed client says how old it is to whoever takes it. Both rules are second walls.
 */
#ifndef PK_TESTS_SIM_GROUP_VARIANT_H
#define PK_TESTS_SIM_GROUP_VARIANT_H

/* X(name, text) */
#define VARIANTS                                                                                             \
    X(AS_IT_SHIPS, "as it ships")                                                                            \
    X(ASYNC, "answers leave before the copies have what they show")                                          \
    X(CONFIRM_BY_RECV, "the reign counts from the receipt of the confirming answer")                         \
    X(NO_FENCE, "a reign that has been confirmed never ends")                                                \
    X(PING_CONFIRM, "whatever the member's server says confirms the reign")                                  \
    X(SESSION_ONLY, "the session alone confirms the reign, whatever the znode says")                         \
    X(NO_WAIT_UNLISTED, "a member without a copy does not wait before it tries")                             \
    X(STALE_COPY, "a member that is not on the list takes over with the copy it has")                        \
    X(ADD_LATE, "a new copy is waited for only when the ensemble has listed it")                             \
    X(DROP_EARLY, "a lost copy is not waited for, although it is listed")                                    \
    X(READ_UNACKED, "a read does not wait for what it shows")                                                \
    X(NO_FRESH, "a client that has just come needs no question asked since")                                 \
    X(FAST_ANY, "the primary's session is closed on a mere loss of the link, its reign not waited for")      \
    X(NO_END, "nobody ends the session of the primary before, nor waits for it")                             \
    X(NO_HEARTBEAT, "who takes over serves at once")                                                         \
    X(NO_LIFE, "held clients are attached without a sign of life")                                           \
    X(NO_AGE, "a relayed client is as fresh as its connection")                                              \
    X(RESENT_IS_LIFE, "what a standby sends again for a client is a sign of its life")                       \
    X(NO_SETWATCHES, "held clients are attached without their watches")                                      \
    X(WORK_UNGATED, "promotions and flushes do not wait for the copies")                                     \
    X(SINK_UNRECORDED, "a promotion is sent without a record of it in the copies")                           \
    X(SUNK_NOACK, "the end of a promotion is not waited for")                                                \
    X(KEPT_MEMORY, "who is replaced keeps its memory")                                                       \
    X(HANDOVER_UNACKED, "a handover answers what waits for the copies, and does not wait for them")          \
    X(ANY_EPOCH, "relayed clients of any epoch are taken")                                                   \
    X(LIST_UNVERSIONED, "who is replaced may change the list")                                               \
    X(NO_DROP, "a copy that is lost stays on the list, and is not waited for")                               \
    X(FLUSH_FORGOTTEN, "the copies are not told of cached writes")                                           \
    X(ACK_UNREAD, "a copy acknowledges what it has not applied")                                             \
    X(DELETES_UNCOUNTED, "a sequence does not count the deletes that memory has absorbed")

enum variant {
#define X(name, text) VARIANT_##name,
    VARIANTS
#undef X
        VARIANT_COUNT
};

extern enum variant variant;
extern const char *const variant_names[VARIANT_COUNT];
extern const char *const variant_texts[VARIANT_COUNT];

#endif
