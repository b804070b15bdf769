/*
 * A session that waits. Happy path: connect request, response, credentials, then question and answer. Failure modes: a
 * server that refuses the session, closes, is silent for the socket's second, or sends what is not the protocol: every
 * question is answered with a fault from then on.
 */
#include "io/doctor/session.h"

#include <stdlib.h>

#include "io/instances/encode.h"

enum { TIMEOUT_MS = 10000, LONGEST = 64 << 20 };

static bool put(struct pk_session *s, uint8_t *frame, size_t len)
{
    bool sent = frame != NULL && pk_channel_send(&s->channel, frame, len);
    free(frame);
    return sent;
}

static bool get(struct pk_session *s, uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t got = pk_channel_recv(&s->channel, p, len);
        if (got <= 0)
            return false;
        p += got;
        len -= (size_t)got;
    }
    return true;
}

/* Reads one frame without its length; false ends the session. */
static bool get_frame(struct pk_session *s, size_t *len)
{
    uint8_t word[PK_LEN_WORD];
    if (!get(s, word, sizeof word))
        return false;
    *len = pk_load32(word);
    if (*len == 0 || *len > LONGEST)
        return false;
    if (*len > s->size) {
        uint8_t *p = realloc(s->frame, *len);
        if (p == NULL)
            return false;
        s->frame = p;
        s->size = *len;
    }
    return get(s, s->frame, *len);
}

static bool greet(struct pk_session *s)
{
    static const uint8_t nothing[PK_PASSWD_LEN];
    struct pk_connect_response response;
    size_t len = 0;
    uint8_t *frame = pk_encode_connect(TIMEOUT_MS, 0, nothing, &len);
    return put(s, frame, len) && get_frame(s, &len) &&
           pk_connect_response_decode(s->frame, len, &response) == PK_OK && response.timeout > 0;
}

static bool authenticate(struct pk_session *s, const struct pk_auth *auth)
{
    bool fine = true;
    for (size_t i = 0; i < auth->n && fine; i++) {
        struct pk_reply reply = {.err = -1};
        size_t len = 0;
        uint8_t *frame = pk_encode_auth(&auth->entries[i], &len);
        fine = put(s, frame, len) && get_frame(s, &len) && len >= PK_REPLY_HEADER;
        if (fine)
            pk_reply_load(&reply, s->frame);
        fine = fine && reply.err == 0;
    }
    return fine;
}

bool pk_session_open(struct pk_session *s, const struct pk_channel_to *to, const struct pk_auth *auth)
{
    char why[PK_CHANNEL_WHY];
    *s = (struct pk_session){0};
    if (!pk_channel_open(&s->channel, to, why))
        return false;
    if (greet(s) && authenticate(s, auth))
        return true;
    pk_channel_close(&s->channel);
    free(s->frame);
    return false;
}

int pk_session_ask(struct pk_session *s, enum pk_op op, const char *path, struct pk_in *body)
{
    const struct pk_ask ask = {.op = op, .path = path};
    struct pk_reply reply;
    size_t len = 0;
    uint8_t *frame = pk_encode_ask(&ask, ++s->xid, &len);
    if (!put(s, frame, len) || !get_frame(s, &len) || len < PK_REPLY_HEADER)
        return PK_SESSION_FAULT;
    pk_reply_load(&reply, s->frame);
    if (reply.xid != s->xid)
        return PK_SESSION_FAULT;
    *body = pk_in(s->frame + PK_REPLY_HEADER, len - PK_REPLY_HEADER);
    return reply.err;
}

void pk_session_close(struct pk_session *s)
{
    const struct pk_ask ask = {.op = PK_OP_CLOSE_SESSION};
    size_t len = 0;
    uint8_t *frame = pk_encode_ask(&ask, ++s->xid, &len);
    if (put(s, frame, len))
        (void)get_frame(s, &len);
    pk_channel_close(&s->channel);
    free(s->frame);
}
