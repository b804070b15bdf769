/*
 * SASL exchanges of clients.
 *
 * Happy path: the first token begins an exchange, the last one gives the connection the identity sasl:NAME; then the
 * exchange is freed, and only that there was one is remembered.
 * Failure modes: a refusal is logged with its reason, which the client is not told; a second exchange is refused, as a
 * server does. An answer for a client that is gone never comes (pk_sasl_end).
 */
#include "io/conn/saslstep.h"

#include "io/sasl/principal.h"

bool pk_saslstep_ask(struct pk_saslstep *step, const struct pk_sasl_here *here, const struct pk_iov *token,
                     void (*done)(void *owner, const struct pk_sasl_answer *answer), void *owner,
                     struct pk_sasl_answer *answer)
{
    *answer = (struct pk_sasl_answer){.state = PK_SASL_REFUSED, .why = "a second exchange"};
    if (step->over)
        return true;
    if (step->exchange == NULL)
        step->exchange = pk_sasl_begin(here->library, &here->service, done, owner);
    if (step->exchange != NULL)
        return pk_sasl_step(step->exchange, token->base, token->len, answer);
    answer->why = "memory is short";
    return true;
}

/* Who he has proved to be. Of Kerberos both names count, the whole one and, in our realm, the short one. */
struct names {
    const char *whole;
    char text[PK_PRINCIPAL_PART]; /* the short one, empty for none */
};

static void take_names(struct names *names, const struct pk_sasl_here *here,
                       const struct pk_sasl_answer *answer)
{
    bool kerberos = answer->mechanism == PK_SASL_GSSAPI;
    names->whole = !kerberos && here->everybody != NULL ? here->everybody : answer->name;
    if (!kerberos ||
        pk_principal_short(names->text, sizeof names->text, answer->name, here->service.gss_realm) != PK_OK)
        names->text[0] = '\0';
}

static bool admitted(const struct pk_sasl_here *here, const struct names *names,
                     const struct pk_sasl_answer *answer)
{
    if (answer->mechanism != PK_SASL_GSSAPI || here->admits == NULL)
        return true;
    return here->admits(here->owner, names->whole) ||
           (names->text[0] != '\0' && here->admits(here->owner, names->text));
}

static enum pk_err identify(struct core *core, struct pk_id id, const struct names *names)
{
    enum pk_err err = core_identify(core, id, "sasl", names->whole);
    return err == PK_OK && names->text[0] != '\0' ? core_identify(core, id, "sasl", names->text) : err;
}

/* The end of an exchange that went well; why is set when he is refused all the same. */
static enum core_sasl finish(const struct pk_sasl_here *here, struct core *core, struct pk_id id,
                             const struct pk_sasl_answer *answer, const char **why)
{
    struct names names;
    take_names(&names, here, answer);
    *why = "he is neither nimbus-user nor named by the mount's readers or writers";
    if (!admitted(here, &names, answer))
        return PK_SASL_FAILS;
    *why = "memory is short";
    return identify(core, id, &names) == PK_OK ? PK_SASL_ENDS : PK_SASL_FAILS;
}

void pk_saslstep_tell(struct pk_saslstep *step, const struct pk_sasl_here *here, struct pk_loop *loop,
                      struct pk_id id, const struct pk_log_who *who, const struct pk_sasl_answer *answer)
{
    struct pk_event event = {
        .type = PK_CLIENT_SASL, .sasl = PK_SASL_FAILS, .now_us = loop->now_us, .wall_ms = loop->wall_ms};
    const char *why = answer->why;
    if (answer->state == PK_SASL_CONTINUE)
        event.sasl = PK_SASL_GOES_ON;
    else if (answer->state == PK_SASL_DONE)
        event.sasl = finish(here, loop->core, id, answer, &why);
    if (event.sasl == PK_SASL_FAILS) {
        pk_log(loop->log, PK_LOG_INFO, PK_LOG_SASL, who, "not authenticated (SASL): %s%s%s",
               answer->name != NULL ? answer->name : "", answer->name != NULL ? ": " : "", why);
    } else {
        event.bytes = answer->token;
        event.len = answer->len;
    }
    if (event.sasl == PK_SASL_ENDS)
        pk_log(loop->log, PK_LOG_DEBUG, PK_LOG_SASL, who, "authenticated as sasl:%s", answer->name);
    core_step(loop->core, id, &event);
    step->over = event.sasl != PK_SASL_GOES_ON;
    if (step->over)
        pk_saslstep_end(step);
}

void pk_saslstep_end(struct pk_saslstep *step)
{
    pk_sasl_end(step->exchange);
    step->exchange = NULL;
}
