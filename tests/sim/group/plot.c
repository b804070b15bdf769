/*
 * Plots (plot.h).
 *
 * Happy path: one of a few is drawn, and what varies in it.
 * Failure modes: one that has no object in this world does nothing, as any fault.
 */
#include "plot.h"

#include "client.h"

static struct fault fault(enum fault_kind kind, int64_t at_us, int64_t for_us)
{
    return (struct fault){.kind = kind, .at_us = at_us, .for_us = for_us, .moment = -1};
}

static struct fault of_primary(enum fault_kind kind, int64_t at_us, int64_t for_us)
{
    struct fault f = fault(kind, at_us, for_us);
    f.sender = true;
    f.b = 1;
    return f;
}

static struct fault when(struct fault f, enum moment moment, int nth, int64_t delay_us)
{
    f.moment = (int)moment;
    f.nth = nth;
    f.delay_us = delay_us;
    f.sender = true;
    return f;
}

/* A client is gone without a word, and what it has is moved again and again: none of that is a sign of its life. Half
 * of the time each move is as late as a client that is heard of each third of its timeout may be moved. */
static int dead_client(struct world *w, int64_t at_us, struct fault *list)
{
    static const enum fault_kind moves[] = {FAULT_RESET, FAULT_SERVER_DIES};
    const int64_t third_us = CLIENT_TIMEOUT_MS * 1000 / 3;
    bool late = world_chance(w, 2);
    list[0] = fault(FAULT_CLIENT_LOST, at_us, 30000000);
    list[0].a = late && world_chance(w, 2) ? ORACLE_PATHS : (int)sup_below(&w->rng, (uint32_t)w->nclients);
    for (int i = 1; i < 3; i++) {
        at_us += late ? world_between(w, third_us * 4 / 5, third_us)
                      : world_between(w, third_us * 3 / 5, third_us * 14 / 5);
        list[i] = of_primary(moves[late ? i - 1 : (int)sup_below(&w->rng, 2)], at_us,
                             world_between(w, 10000, 100000));
        list[i].a = list[i].b = 1 + (int)sup_below(&w->rng, SERVERS - 1);
    }
    return 3;
}

/* The primary is stopped behind a question about its reign, reads the answer when it goes on, and is cut off. */
static int late_answer(struct world *w, int64_t at_us, struct fault *list)
{
    enum { NEXT_US = 50 };
    static const enum fault_kind cuts[] = {FAULT_CUT_BACK, FAULT_ISOLATE, FAULT_CUT_FRONT};
    int nth = (int)sup_below(&w->rng, 4);
    int64_t pause_us = world_between(w, 1500000, 3900000);
    struct fault cut = of_primary(cuts[sup_below(&w->rng, 3)], at_us, world_between(w, 2000000, 6000000));
    list[0] = when(of_primary(FAULT_PAUSE, at_us, pause_us), MOMENT_QUESTION, nth, 0);
    list[1] = when(cut, MOMENT_QUESTION, nth, pause_us + NEXT_US);
    return 2;
}

/* The primary is lost while a copy comes onto the list, and its link is slow. */
static int late_join(struct world *w, int64_t at_us, struct fault *list)
{
    enum moment moment = world_chance(w, 4) ? MOMENT_LIST_SENT : MOMENT_LIST_MADE;
    int64_t back_us = world_between(w, 10000, 300000);
    list[0] = fault(FAULT_KILL, at_us, back_us);
    list[0].a = (int)sup_below(&w->rng, (uint32_t)w->nmembers);
    list[1] = of_primary(FAULT_SLOW_MEMBERS, at_us + back_us, 6000000);
    list[1].delay_us = world_between(w, 20000, 400000);
    list[2] = when(of_primary(FAULT_HOST_LOST, at_us, world_between(w, 10000, 3000000)), moment,
                   (int)sup_below(&w->rng, 3), world_between(w, 0, 4000));
    return 3;
}

/* The primary is lost in the middle of work with the ensemble, and the copies are behind. What is promoted most often
 * is promoted soon after the begin. */
static int late_copy(struct world *w, int64_t at_us, struct fault *list)
{
    enum { FIRST_US = 3500000, SOON_US = 5500000 };
    static const enum moment moments[] = {MOMENT_PROMOTION_SENT, MOMENT_PROMOTION_MADE, MOMENT_FLUSH_SENT,
                                          MOMENT_FLUSH_MADE};
    if (world_chance(w, 2))
        at_us = world_between(w, FIRST_US, SOON_US);
    list[0] = of_primary(FAULT_SLOW_MEMBERS, at_us, 6000000);
    list[0].delay_us = world_chance(w, 2) ? 0 : world_between(w, 5000, 450000);
    list[1] = when(of_primary(FAULT_HOST_LOST, at_us, world_between(w, 10000, 3000000)),
                   moments[sup_below(&w->rng, 4)], (int)sup_below(&w->rng, 3), world_between(w, 0, 5000));
    return 2;
}

/* `primary` is wiped, the link between two members is lost, and before the primary knows either, another one is
 * elected: what the primary asks of the list comes after that. The other one hears the ensemble late, so that it takes
 * long to end the primary's session. */
static int late_list(struct world *w, int64_t at_us, struct fault *list)
{
    enum { SETTLED_US = 500000, TURNS = 9, FIRST_TURN = 3 };
    int64_t late_us = world_between(w, 10000, 100000), lost_us = at_us + world_between(w, 0, 300000);
    list[0] = fault(FAULT_SLOW_FRONT, at_us - SETTLED_US, 4000000);
    list[0].a = (int)sup_below(&w->rng, (uint32_t)w->nmembers);
    list[0].delay_us = late_us;
    list[1] = fault(FAULT_WIPE_PRIMARY, at_us, 10000);
    list[2] = of_primary(FAULT_PAUSE, lost_us, world_between(w, FIRST_TURN * late_us, TURNS * late_us));
    list[3] = of_primary(FAULT_RESET, lost_us, 10000);
    return 4;
}

/* The primary hands over while the copies are behind, and what is on its way to one is lost. */
static int late_handover(struct world *w, int64_t at_us, struct fault *list)
{
    int64_t late_us = world_between(w, 5000, 250000), leaves_us = at_us + world_between(w, 500000, 2000000);
    list[0] = of_primary(FAULT_SLOW_MEMBERS, at_us, 6000000);
    list[0].delay_us = late_us;
    list[1] = of_primary(FAULT_LEAVE, leaves_us, world_between(w, 10000, 3000000));
    list[2] = of_primary(FAULT_RESET, leaves_us + world_between(w, 0, late_us), 10000);
    return 3;
}

/* The primary is lost when a znode has hardly begun to be the ensemble's, or memory's. */
static int early_loss(struct world *w, int64_t at_us, struct fault *list)
{
    enum { FIRST_US = 3500000, SOON_US = 6500000 };
    static const enum moment moments[] = {MOMENT_PROMOTION_SENT, MOMENT_PROMOTION_SENT, MOMENT_RECORD,
                                          MOMENT_ACK};
    enum fault_kind kind = world_chance(w, 2) ? FAULT_KILL : FAULT_HOST_LOST;
    at_us = at_us % (SOON_US - FIRST_US) + FIRST_US;
    list[0] = when(of_primary(kind, at_us, world_between(w, 10000, 3000000)), moments[sup_below(&w->rng, 4)],
                   (int)sup_below(&w->rng, 3), world_between(w, 0, 900));
    return 1;
}

/* The primary's process is lost in the middle of work with the ensemble, and what was on its way to the copies is, too:
 * the others know at once, and what their clients ask for meanwhile waits for who takes over. */
static int late_record(struct world *w, int64_t at_us, struct fault *list)
{
    enum { FIRST_US = 3500000, SOON_US = 5500000, NEXT_US = 100 };
    enum moment moment = world_chance(w, 2) ? MOMENT_PROMOTION_SENT : MOMENT_PROMOTION_MADE;
    int nth = (int)sup_below(&w->rng, 3);
    int64_t lost_us = world_between(w, 1000, 4500);
    at_us = at_us % (SOON_US - FIRST_US) + FIRST_US;
    list[0] = of_primary(FAULT_SLOW_MEMBERS, at_us, 8000000);
    list[0].delay_us = world_between(w, 10000, 40000);
    list[1] = when(of_primary(FAULT_RESET, at_us, 10000), moment, nth, lost_us);
    list[2] =
        when(of_primary(FAULT_KILL, at_us, world_between(w, 10000, 3000000)), moment, nth, lost_us + NEXT_US);
    return 3;
}

int plot_draw(struct world *w, int64_t at_us, struct fault *list)
{
    static int (*const plots[])(struct world *, int64_t, struct fault *) = {
        dead_client, late_answer, late_join, late_copy, late_list, late_handover, early_loss, late_record};
    return plots[sup_below(&w->rng, sizeof plots / sizeof plots[0])](w, at_us, list);
}
