/* TLS without a socket: every split of the bytes, certificates good and bad, files good and bad, and what is no TLS. */
#include <stdio.h>
#include <stdlib.h>

#include "io/tls/tls.h"
#include "tests/lib/certs.h"
#include "tests/lib/support.h"

enum { SERVER, CLIENT };

static char why[PK_TLS_TEXT];
static struct pk_tls_context *contexts[2];
static struct pk_tls *ends[2];
static struct sup_buf heard[2]; /* plain bytes that each end has received */
static enum pk_tls_result results[2];

static void begin(const struct pk_tls_settings *server, const struct pk_tls_settings *client,
                  const char *name)
{
    contexts[SERVER] = certs_context(server, why);
    contexts[CLIENT] = certs_context(client, why);
    assert_non_null(contexts[SERVER]);
    assert_non_null(contexts[CLIENT]);
    ends[SERVER] = pk_tls_new(contexts[SERVER], NULL);
    ends[CLIENT] = pk_tls_new(contexts[CLIENT], name);
    assert_non_null(ends[SERVER]);
    assert_non_null(ends[CLIENT]);
    results[SERVER] = results[CLIENT] = PK_TLS_FINE;
    assert_int_equal(pk_tls_begin(ends[CLIENT]), PK_TLS_FINE);
}

static void end_connections(void)
{
    for (int i = 0; i < 2; i++) {
        pk_tls_free(ends[i]);
        ends[i] = NULL;
        sup_buf_free(&heard[i]);
    }
}

static void end(void)
{
    end_connections();
    pk_tls_context_drop(contexts[SERVER]);
    pk_tls_context_drop(contexts[CLIENT]);
}

static void take(int to, const uint8_t *p, size_t n)
{
    static uint8_t plain[64 * 1024 + PK_TLS_RECORD];
    size_t len = 0;
    uint8_t *fenced = sup_fence(p, n);
    results[to] = pk_tls_take(ends[to], fenced, n, plain, sizeof plain, &len);
    sup_unfence(fenced, n);
    sup_raw(&heard[to], plain, len);
}

/* Carries what one end has to say to the other, in pieces; true when there was something. */
static bool carry(int from, size_t piece)
{
    size_t len = 0;
    int to = !from;
    if (pk_tls_output(ends[from], &len) == NULL)
        return false;
    uint8_t *bytes = pk_tls_keep_output(ends[from]);
    for (size_t at = 0; at < len && results[to] == PK_TLS_FINE; at += piece)
        take(to, bytes + at, len - at < piece ? len - at : piece);
    free(bytes);
    return true;
}

static void run(size_t piece)
{
    for (bool more = true; more;) {
        bool a = carry(CLIENT, piece), b = carry(SERVER, piece);
        more = a || b;
    }
}

static void say(int from, const void *p, size_t n, size_t piece)
{
    for (size_t taken = 0; n > 0; n -= taken, p = (const uint8_t *)p + taken) {
        struct pk_iov iov[2] = {{p, n / 3}, {(const uint8_t *)p + n / 3, n - n / 3}};
        assert_int_equal(pk_tls_put(ends[from], iov, 2, &taken), PK_TLS_FINE);
        assert_true(taken > 0);
    }
    run(piece);
}

static void hears(int who, const void *p, size_t n)
{
    assert_int_equal(heard[who].len, n);
    assert_memory_equal(heard[who].p, p, n);
    sup_buf_reset(&heard[who]);
}

static void both_open(void)
{
    assert_string_equal(results[CLIENT] == PK_TLS_FINE ? "" : pk_tls_why(ends[CLIENT]), "");
    assert_string_equal(results[SERVER] == PK_TLS_FINE ? "" : pk_tls_why(ends[SERVER]), "");
    assert_true(pk_tls_open(ends[CLIENT]) && pk_tls_open(ends[SERVER]));
}

static void contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        assert_string_equal(text, part);
}

static void split(enum pk_tls_version least, size_t piece)
{
    static const char question[] = "\0\0\0-a connect request", answer[] = "and its answer";
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                           client = certs_settings(false, "alice", "ca.pem");
    server.least = least;
    server.client = PK_TLS_CLIENT_REQUIRED;
    begin(&server, &client, "localhost");
    run(piece);
    both_open();
    say(CLIENT, question, sizeof question, piece);
    hears(SERVER, question, sizeof question);
    say(SERVER, answer, sizeof answer, piece);
    hears(CLIENT, answer, sizeof answer);
    pk_tls_close(ends[CLIENT]);
    run(piece);
    assert_int_equal(results[SERVER], PK_TLS_ENDED);
    end();
}

static void every_split_gives_the_same(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 40; piece++)
        split(PK_TLS_1_2, piece);
    for (size_t piece = 40; piece < 3000; piece += piece / 4)
        split(piece % 2 ? PK_TLS_1_2 : PK_TLS_1_3, piece);
}

/* Several records, more than one call takes; and one that is cut at each of its bytes. */
static void much_at_once(void **state)
{
    static uint8_t big[300000];
    struct sup_rng rng = {1};
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                           client = certs_settings(false, NULL, "ca.pem");
    (void)state;
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)sup_rand(&rng);
    begin(&server, &client, "localhost");
    run(65536);
    say(CLIENT, big, sizeof big, 65536);
    hears(SERVER, big, sizeof big);
    say(SERVER, big, sizeof big, 65536);
    hears(CLIENT, big, sizeof big);
    for (size_t piece = 1; piece < 120; piece++) {
        say(CLIENT, big, 90, piece);
        hears(SERVER, big, 90);
    }
    end();
}

static void subject_is(const struct pk_tls_settings *server, const char *subject, const char *text)
{
    certs_sign("named", "ca", subject, "DNS:x", 30);
    struct pk_tls_settings client = certs_settings(false, "named", "ca.pem");
    begin(server, &client, "localhost");
    run(65536);
    both_open();
    char *found = pk_tls_subject(ends[SERVER]);
    assert_non_null(found);
    assert_string_equal(found, text);
    free(found);
    end();
}

/* tests/integration/test_tls.py has Java compared with the same file. */
static void subjects(void **state)
{
    char path[4096], line[512];
    const char *top = getenv("top_srcdir");
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem");
    int n = 0;
    (void)state;
    server.client = PK_TLS_CLIENT_OPTIONAL;
    snprintf(path, sizeof path, "%s/tests/golden/subjects.txt", top != NULL ? top : ".");
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL) {
        char *tab = strchr(line, '\t');
        if (line[0] == '#' || tab == NULL)
            continue;
        *tab = '\0';
        tab[1 + strcspn(tab + 1, "\n")] = '\0';
        subject_is(&server, line, tab + 1);
        n++;
    }
    fclose(in);
    assert_true(n >= 8);
}

static void certificates_of_clients(void **state)
{
    static const struct {
        enum pk_tls_client asked;
        const char *certificate;
        bool fine, subject;
    } all[] = {
        {PK_TLS_CLIENT_NONE, NULL, true, false},           {PK_TLS_CLIENT_NONE, "alice", true, false},
        {PK_TLS_CLIENT_OPTIONAL, NULL, true, false},       {PK_TLS_CLIENT_OPTIONAL, "alice", true, true},
        {PK_TLS_CLIENT_OPTIONAL, "mallory", false, false}, {PK_TLS_CLIENT_REQUIRED, NULL, false, false},
        {PK_TLS_CLIENT_REQUIRED, "alice", true, true},     {PK_TLS_CLIENT_REQUIRED, "mallory", false, false},
        {PK_TLS_CLIENT_REQUIRED, "expired", false, false},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof all / sizeof *all; i++) {
        const size_t n = i / 2;
        struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                               client = certs_settings(false, all[n].certificate, "ca.pem");
        server.client = all[n].asked;
        server.least = i % 2 ? PK_TLS_1_3 : PK_TLS_1_2;
        begin(&server, &client, "localhost");
        run(65536);
        assert_int_equal(results[SERVER], all[n].fine ? PK_TLS_FINE : PK_TLS_FAILED);
        char *subject = all[n].fine ? pk_tls_subject(ends[SERVER]) : NULL;
        assert_int_equal(subject != NULL, all[n].subject);
        free(subject);
        if (!all[n].fine)
            assert_int_equal(results[CLIENT], PK_TLS_FAILED); /* the alert has come */
        end();
    }
}

static void certificates_of_servers(void **state)
{
    static const struct {
        const char *server, *ca, *name;
        enum pk_tls_verify verify;
        const char *why; /* NULL: fine */
    } all[] = {
        {"server", "ca.pem", "localhost", PK_TLS_VERIFY_FULL, NULL},
        {"server", "ca.pem", "127.0.0.1", PK_TLS_VERIFY_FULL, NULL},
        {"server", "ca.pem", "::1", PK_TLS_VERIFY_FULL, NULL},
        {"server", "ca.pem", "127.0.0.2", PK_TLS_VERIFY_FULL, "not for 127.0.0.2"},
        {"server", "ca.pem", "zk1", PK_TLS_VERIFY_FULL, "not for zk1"},
        {"server", "ca.pem", "zk1", PK_TLS_VERIFY_CA, NULL},
        {"server", "other.pem", "localhost", PK_TLS_VERIFY_CA, "local issuer"},
        {"expired", "ca.pem", "localhost", PK_TLS_VERIFY_CA, "expired"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct pk_tls_settings server = certs_settings(true, all[i].server, "ca.pem"),
                               client = certs_settings(false, NULL, all[i].ca);
        client.verify = all[i].verify;
        begin(&server, &client, all[i].name);
        run(65536);
        assert_int_equal(results[CLIENT], all[i].why == NULL ? PK_TLS_FINE : PK_TLS_FAILED);
        if (all[i].why != NULL)
            contains(pk_tls_why(ends[CLIENT]), all[i].why);
        end();
    }
}

static void sessions_resume(void **state)
{
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                           client = certs_settings(false, "alice", "ca.pem");
    (void)state;
    server.client = PK_TLS_CLIENT_REQUIRED;
    begin(&server, &client, "localhost");
    run(65536);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pk_tls_resumed(ends[CLIENT]), i > 0);
        assert_int_equal(pk_tls_resumed(ends[SERVER]), i > 0);
        char *subject = pk_tls_subject(ends[SERVER]);
        assert_string_equal(subject, "CN=alice");
        free(subject);
        end_connections();
        ends[SERVER] = pk_tls_new(contexts[SERVER], NULL);
        ends[CLIENT] = pk_tls_new(contexts[CLIENT], i < 2 ? "localhost" : "127.0.0.1");
        assert_int_equal(pk_tls_begin(ends[CLIENT]), PK_TLS_FINE);
        run(65536);
        both_open();
    }
    assert_false(pk_tls_resumed(ends[CLIENT])); /* another name, another session */
    end();
}

/* A reload gives the context up while connections have it. */
static void a_context_lives_as_long_as_its_connections(void **state)
{
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                           client = certs_settings(false, NULL, "ca.pem");
    (void)state;
    begin(&server, &client, "localhost");
    pk_tls_context_drop(contexts[SERVER]);
    pk_tls_context_drop(contexts[CLIENT]);
    run(65536);
    both_open();
    say(CLIENT, "x", 1, 1);
    hears(SERVER, "x", 1);
    end_connections();
}

static void what_is_no_tls(void **state)
{
    static const struct {
        const char *bytes, *why;
        size_t len;
    } all[] = {
        {"\0\0\0-", "does not speak TLS", 4},
        {"ruok", "does not speak TLS", 4},
        {"PROXY TCP4 ", "proxy-protocol", 11},
        {"\r\n\r\n", "proxy-protocol", 4},
    };
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                           client = certs_settings(false, NULL, "ca.pem");
    static uint8_t rest[100];
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        begin(&server, &client, "localhost");
        take(SERVER, (const uint8_t *)all[i].bytes, all[i].len);
        if (results[SERVER] == PK_TLS_FINE)
            take(SERVER, rest, sizeof rest);
        assert_int_equal(results[SERVER], PK_TLS_FAILED);
        contains(pk_tls_why(ends[SERVER]), all[i].why);
        end();
    }
}

/* A byte that was changed anywhere fails that connection, and nothing else. */
static void damaged_bytes(void **state)
{
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                           client = certs_settings(false, "alice", "ca.pem");
    struct sup_rng rng = {7};
    (void)state;
    for (int i = 0; i < 150; i++) {
        begin(&server, &client, "localhost");
        for (int turn = 0; turn < 6; turn++) {
            size_t len = 0;
            int from = turn % 2 ? SERVER : CLIENT;
            uint8_t *bytes = pk_tls_output(ends[from], &len) != NULL ? pk_tls_keep_output(ends[from]) : NULL;
            for (uint32_t n = sup_below(&rng, 3); bytes != NULL && n > 0; n--)
                bytes[sup_below(&rng, (uint32_t)len)] = (uint8_t)sup_rand(&rng);
            if (bytes != NULL && results[!from] == PK_TLS_FINE)
                take(!from, bytes, len);
            free(bytes);
        }
        end();
    }
}

static void refused(const struct pk_tls_settings *settings, const char *text)
{
    struct pk_tls_context *context = certs_context(settings, why);
    assert_null(context);
    contains(why, text);
}

static void files(void **state)
{
    struct pk_tls_settings s = certs_settings(true, "server", "ca.pem");
    (void)state;
    certs_run("cp server.key open.key && chmod 640 open.key && chown 12345 open.key 2>/dev/null || chmod 644 "
              "open.key");
    s.key = certs_path("open.key");
    refused(&s, "can be read by others: chmod 600");
    certs_run("openssl ec -in server.key -aes128 -passout pass:secret -out locked.key; chmod 600 locked.key");
    s.key = certs_path("locked.key");
    refused(&s, "passphrase");
    s.key = certs_path("alice.key");
    refused(&s, "is not the key of");
    s.key = certs_path("ca.pem");
    certs_run("chmod 600 ca.pem");
    refused(&s, "no private key");
    s = certs_settings(true, "server", "nowhere.pem");
    refused(&s, "cannot be read");
    certs_run("echo hello > text.pem");
    s = certs_settings(true, "server", "text.pem");
    refused(&s, "has no certificate");
    s = certs_settings(true, "server", "ca.pem");
    s.certificate = certs_path("text.pem");
    refused(&s, "no certificate in PEM");
    s.certificate = certs_path(".");
    refused(&s, "is no file");
    s = certs_settings(true, "expired", "ca.pem");
    struct pk_tls_context *context = certs_context(&s, why);
    assert_true(pk_tls_context_days(context) < 0);
    pk_tls_context_drop(context);
    s = certs_settings(true, "server", "ca.pem");
    context = certs_context(&s, why);
    assert_in_range(pk_tls_context_days(context), 28, 30);
    pk_tls_context_drop(context);
}

static int setup(void **state)
{
    (void)state;
    certs_make();
    certs_sign("server", "ca", "/CN=server", "DNS:localhost,IP:127.0.0.1,IP:::1", 30);
    certs_sign("alice", "ca", "/CN=alice", "DNS:alice", 30);
    certs_sign("mallory", "other", "/CN=alice", "DNS:alice", 30);
    certs_sign("expired", "ca", "/CN=old", "DNS:localhost", -1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    certs_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_gives_the_same),
        cmocka_unit_test(much_at_once),
        cmocka_unit_test(subjects),
        cmocka_unit_test(certificates_of_clients),
        cmocka_unit_test(certificates_of_servers),
        cmocka_unit_test(sessions_resume),
        cmocka_unit_test(a_context_lives_as_long_as_its_connections),
        cmocka_unit_test(what_is_no_tls),
        cmocka_unit_test(damaged_bytes),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
