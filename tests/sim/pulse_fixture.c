/* What the tests of Pacemaker's clients stand on (pulse_fixture.h). */
#include "pulse_fixture.h"

#include <stdio.h>

int p;

static struct pk_bytes bytes(const char *text)
{
    return text != NULL ? (struct pk_bytes){(const uint8_t *)text, (uint32_t)strlen(text)}
                        : (struct pk_bytes){NULL, 0};
}

void pulse_start(enum core_login login)
{
    struct core_config config = sim_default_config;
    config.pacemaker = M;
    config.max_message = 1 << 20;
    config.login = login;
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    p = sim_open_pacemaker(&s);
}

int pulse_setup(void **state)
{
    (void)state;
    pulse_start(PK_LOGIN_NONE);
    return 0;
}

void pulse_put(int type, int id, const char *path, const char *details)
{
    uint8_t frame[PK_PULSE_ROOM + 8192];
    uint8_t *end;
    if (type == PK_PULSE_SEND)
        end = pk_pulse_put_send(frame, id, bytes(path), bytes(details));
    else
        end = pk_pulse_put_path(frame, (enum pk_pulse_type)type, id, bytes(path));
    sup_raw(&b, frame, (size_t)(end - frame));
}

struct pk_pulse pulse_expect(int conn, int type, int id)
{
    struct pk_pulse m;
    if (!sim_pulse(&s, conn, &m))
        fail_msg("no reply of type %d (closed %d, why %d)", type, s.conns[conn].closed,
                 (int)s.conns[conn].why);
    assert_int_equal(m.type, type);
    assert_int_equal(m.id, id);
    return m;
}

struct pk_pulse pulse_call(int type, const char *path, const char *details)
{
    static int id;
    pulse_put(type, ++id, path, details);
    sim_go(&s, p, &b);
    return pulse_expect(p, type + 1, id);
}

void pulse_expect_details(const char *path, const char *details)
{
    struct pk_pulse m = pulse_call(PK_PULSE_GET, path, NULL);
    assert_true(pk_bytes_eq(m.path, bytes(path)));
    assert_true(pk_bytes_eq(m.details, bytes(details)));
}

const char *pulse_names(struct pk_pulse *m)
{
    static char text[1024];
    size_t n = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < m->nnodes; i++) {
        struct pk_bytes name = pk_get_bytes(&m->nodes);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", i > 0 ? " " : "", (int)name.len,
                              (const char *)name.p);
    }
    return text;
}

void pulse_expect_nodes(const char *path, const char *names)
{
    struct pk_pulse m = pulse_call(PK_PULSE_LIST, path, NULL);
    assert_string_equal(pulse_names(&m), names);
}
