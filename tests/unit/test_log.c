/* The log: one line each, levels, who, control characters, and what is left out when there is too much. */
#include "io/loop/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/records.h"
#include "tests/lib/support.h"

static struct pk_log log_;
static int ends[2];
static char text[65536];

static void begin(enum pk_log_level level)
{
    assert_int_equal(pipe(ends), 0);
    pk_log_init(&log_, level, ends[1]);
}

/* What was written since begin. */
static const char *end(void)
{
    close(ends[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(ends[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(ends[0]);
    return text;
}

static int count(const char *in, const char *what)
{
    int n = 0;
    for (const char *p = strstr(in, what); p != NULL; p = strstr(p + 1, what))
        n++;
    return n;
}

static void a_line(void **state)
{
    (void)state;
    struct pk_log_who who = {0x1000019, "10.0.0.7:40122"};
    begin(PK_LOG_INFO);
    pk_log(&log_, PK_LOG_DEBUG, PK_LOG_START, &who, "not shown");
    pk_log(&log_, PK_LOG_INFO, PK_LOG_START, &who, "%d two\nthree\x7f", 1);
    pk_log(&log_, PK_LOG_WARN, PK_LOG_START, NULL, "nobody");
    who.session = 0;
    pk_log(&log_, PK_LOG_ERROR, PK_LOG_START, &who, "no session");
    end();
    assert_int_equal(count(text, "\n"), 3);
    assert_non_null(strstr(text, "Z info [0x1000019 10.0.0.7:40122] 1 two?three?\n"));
    assert_non_null(strstr(text, "Z warn nobody\n"));
    assert_non_null(strstr(text, "Z error [- 10.0.0.7:40122] no session\n"));
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    begin(PK_LOG_INFO);
    pk_log(&log_, PK_LOG_INFO, PK_LOG_START, NULL, "%s", big);
    end();
    assert_int_equal(count(text, "\n"), 1);
    assert_true(strlen(text) > 500 && strlen(text) < 2000);
}

static void too_much_is_counted(void **state)
{
    (void)state;
    begin(PK_LOG_INFO);
    for (int i = 0; i < 100; i++)
        pk_log_close(&log_, NULL, PK_CLOSE_NO_UPSTREAM, "");
    pk_log_close(&log_, NULL, PK_CLOSE_FENCED, "server 10.0.0.1:2181");
    pk_log_close(&log_, NULL, PK_CLOSE_CLIENT_LEFT, "");
    for (int i = 0; i < 100; i++)
        pk_log(&log_, PK_LOG_INFO, PK_LOG_START, NULL, "never limited");
    pk_log_flush(&log_, true);
    end();
    int shown = count(text, pk_log_close_text(PK_CLOSE_NO_UPSTREAM));
    assert_int_equal(shown, PK_LOG_BURST + 1);
    assert_non_null(strstr(text, "80 more lines left out"));
    assert_int_equal(count(text, pk_log_close_text(PK_CLOSE_FENCED)), 1);
    assert_int_equal(count(text, " (server 10.0.0.1:2181)\n"), 1);
    assert_int_equal(count(text, pk_log_close_text(PK_CLOSE_CLIENT_LEFT)), 0);
    assert_int_equal(count(text, "never limited"), 100);
}

static void notes(void **state)
{
    (void)state;
    struct core_log_event event = {
        .kind = PK_LOG_EVENT_PROMOTE_FAILED, .path = "/m/a", .number = PK_Z_NO_AUTH};
    struct pk_log_who who = {7, NULL};
    begin(PK_LOG_DEBUG);
    pk_log_event(&log_, &who, &event);
    end();
    assert_non_null(strstr(text, " warn [0x7 -] the ensemble refused"));
    assert_non_null(strstr(text, "/m/a (-102)\n"));
}

/* The end of a session is said at the level info, whatever it was, but for those that a lost server brings about; a
 * connection that had none is not. */
static void ends_of_sessions(void **state)
{
    (void)state;
    struct pk_log_who who = {7, "10.0.0.7:40122"};
    begin(PK_LOG_INFO);
    pk_log_close(&log_, &who, PK_CLOSE_CLIENT_LEFT, "server 10.0.0.1:2181, after 1.0 s");
    for (enum pk_close why = PK_CLOSE_HOLD_DEADLINE; why <= PK_CLOSE_NOT_HELD_UNKNOWN; why++)
        pk_log_close(&log_, &who, why, ""); /* which are in a sum */
    who.session = 0;
    pk_log_close(&log_, &who, PK_CLOSE_CLIENT_LEFT, "");
    end();
    assert_int_equal(count(text, "\n"), 1);
    assert_non_null(
        strstr(text, " info [0x7 10.0.0.7:40122] the client closed its connection (server 10.0.0.1:2181, "
                     "after 1.0 s)\n"));
}

static void json_lines(void **state)
{
    (void)state;
    struct pk_log_who who = {0x1000019, "10.0.0.7:40122"};
    begin(PK_LOG_INFO);
    log_.format = PK_LOG_JSON;
    pk_log(&log_, PK_LOG_WARN, PK_LOG_START, &who, "a \"quoted\\ \x01 \xc3\xa9 \xff");
    pk_log(&log_, PK_LOG_INFO, PK_LOG_START, NULL, "nobody");
    end();
    assert_int_equal(memcmp(text, "{\"time\": \"2", 11), 0);
    assert_non_null(
        strstr(text, "Z\", \"level\": \"warn\", \"session\": \"0x1000019\", \"client\": \"10.0.0.7:40122\", "
                     "\"message\": \"a \\\"quoted\\\\ ? \xc3\xa9 ?\"}\n"));
    assert_non_null(strstr(text, "Z\", \"level\": \"info\", \"message\": \"nobody\"}\n"));
}

/* The journal is told the priority, and has the time; what was redirected is not the journal. */
static void the_journal(void **state)
{
    (void)state;
    char stream[64];
    struct stat st;
    begin(PK_LOG_DEBUG);
    assert_false(log_.journal);
    assert_int_equal(fstat(ends[1], &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    pk_log_init(&log_, PK_LOG_DEBUG, ends[1]);
    pk_log(&log_, PK_LOG_DEBUG, PK_LOG_START, NULL, "one");
    pk_log(&log_, PK_LOG_INFO, PK_LOG_START, NULL, "two");
    pk_log(&log_, PK_LOG_WARN, PK_LOG_START, NULL, "three");
    pk_log(&log_, PK_LOG_ERROR, PK_LOG_START, NULL, "four");
    end();
    assert_string_equal(text, "<7>debug one\n<6>info two\n<4>warn three\n<3>error four\n");
    begin(PK_LOG_INFO);
    setenv("JOURNAL_STREAM", "1:1", 1);
    pk_log_init(&log_, PK_LOG_INFO, ends[1]);
    assert_false(log_.journal);
    end();
    unsetenv("JOURNAL_STREAM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(too_much_is_counted),
        cmocka_unit_test(notes),
        cmocka_unit_test(ends_of_sessions),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(the_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
