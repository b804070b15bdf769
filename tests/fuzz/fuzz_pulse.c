/*
 * Fuzz target: the decoder of Pacemaker's messages.
 *
 * The input is a frame's payload. What decodes is checked: fields lie inside the input, a list has as many names as it
 * says, and a request that is written again reads the same. Failure: a sanitizer's finding or an abort.
 */
#include <stdlib.h>

#include "proto/pulse.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_nodes(struct pk_pulse *m, const uint8_t *p, size_t len)
{
    for (int32_t i = 0; i < m->nnodes; i++)
        inside(pk_get_bytes(&m->nodes), p, len);
    must(!m->nodes.bad);
}

/* What consists of a path, or of a pulse with details, is the same when it is written again. */
static void check_again(const struct pk_pulse *m)
{
    struct pk_pulse again;
    uint8_t *frame = malloc(PK_PULSE_ROOM + (size_t)m->path.len + m->details.len), *end = NULL;
    must(frame != NULL);
    if (m->type == PK_PULSE_SEND)
        end = pk_pulse_put_send(frame, m->id, m->path, m->details);
    else
        end = pk_pulse_put_path(frame, (enum pk_pulse_type)m->type, m->id, m->path);
    must(pk_load32(frame) == (uint32_t)(end - frame) - 4);
    must(pk_pulse_decode(frame + 4, (size_t)(end - frame) - 4, &again) == PK_OK);
    must(again.type == m->type && again.id == m->id && again.data == m->data);
    must(pk_bytes_eq(again.path, m->path) && pk_bytes_eq(again.details, m->details));
    free(frame);
}

/* A token is the same when it is written again. */
static void check_login(const struct pk_pulse *m, const uint8_t *p, size_t len)
{
    struct pk_bytes token, read;
    struct pk_pulse again;
    int16_t code;
    if (pk_pulse_get_control(m, &code))
        must(m->type == PK_PULSE_CONTROL);
    if (!pk_pulse_get_token(m, &token))
        return;
    inside(token, p, len);
    uint8_t *frame = malloc(PK_PULSE_TOKEN_LEN + (size_t)token.len);
    must(frame != NULL);
    uint8_t *end = pk_pulse_put_token(frame, token);
    must(pk_pulse_decode(frame + 4, (size_t)(end - frame) - 4, &again) == PK_OK);
    must(pk_pulse_get_token(&again, &read) && pk_bytes_eq(read, token));
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pk_pulse m;
    if (pk_pulse_decode(data, size, &m) != PK_OK)
        return 0;
    inside(m.path, data, size);
    inside(m.details, data, size);
    must(m.type >= 0 && m.type < PK_PULSE_TYPES);
    check_login(&m, data, size);
    if (m.data == PK_PULSE_NODES)
        check_nodes(&m, data, size);
    else if (pk_pulse_complete(&m) && (m.data == PK_PULSE_PATH || m.type == PK_PULSE_SEND))
        check_again(&m);
    return 0;
}
