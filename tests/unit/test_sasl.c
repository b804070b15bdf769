/*
 * SASL exchanges by DIGEST-MD5 that end here, against the client side of the same library: what a client is told, who
 * it is at the end, and what is refused although the library itself would let it pass.
 */
#include <openssl/evp.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sasl_fixture.h"

/* ---- a client ---- */

struct caller {
    const char *name, *authzid, *password, *host;
    struct pk_sasl_exchange *exchange;
    struct pk_sasl_answer answer;
    sasl_conn_t *conn;
    sasl_secret_t *secret;
    sasl_callback_t callbacks[4];
    bool believes; /* it has checked what the server knows */
};

static int give_name(void *context, int id, const char **result, unsigned *len)
{
    const struct caller *c = context;
    *result = id == SASL_CB_USER ? c->authzid : c->name;
    if (len != NULL)
        *len = (unsigned)strlen(*result);
    return SASL_OK;
}

static int give_secret(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    struct caller *c = context;
    size_t len = strlen(c->password);
    (void)conn, (void)id;
    c->secret = realloc(c->secret, sizeof *c->secret + len);
    c->secret->len = len;
    memcpy(c->secret->data, c->password, len);
    *secret = c->secret;
    return SASL_OK;
}

#define PROC(function) ((int (*)(void))(void (*)(void))(function))

/* The client's token for ours. */
static void client_token(struct caller *c, const char **token, unsigned *len)
{
    const sasl_callback_t callbacks[] = {
        {SASL_CB_USER, PROC(give_name), c},
        {SASL_CB_AUTHNAME, PROC(give_name), c},
        {SASL_CB_PASS, PROC(give_secret), c},
        {SASL_CB_LIST_END, NULL, NULL},
    };
    const sasl_security_properties_t props = {.max_ssf = 0};
    const char *mechanism;
    sasl_interact_t *interact = NULL;
    memcpy(c->callbacks, callbacks, sizeof callbacks);
    assert_int_equal(
        sasl_client_new("zookeeper", c->host != NULL ? c->host : HOST, NULL, NULL, c->callbacks, 0, &c->conn),
        SASL_OK);
    assert_int_equal(sasl_setprop(c->conn, SASL_SEC_PROPS, &props), SASL_OK);
    /* Without an initial response: the library would try to take the exchange before up again. */
    assert_int_equal(sasl_client_start(c->conn, "DIGEST-MD5", &interact, NULL, NULL, &mechanism),
                     SASL_CONTINUE);
    int code = sasl_client_step(c->conn, (const char *)c->answer.token, (unsigned)c->answer.len, &interact,
                                token, len);
    assert_int_equal(code, SASL_CONTINUE);
}

static void no_answer(void *owner, const struct pk_sasl_answer *answer)
{
    (void)owner, (void)answer;
    fail_msg("DIGEST-MD5 answers at once");
}

static bool contains(const struct pk_sasl_answer *answer, const char *text)
{
    return answer->token != NULL && memmem(answer->token, answer->len, text, strlen(text)) != NULL;
}

static void challenge(struct caller *c)
{
    c->exchange = pk_sasl_begin(sasl, &service, no_answer, NULL);
    assert_non_null(c->exchange);
    assert_true(pk_sasl_step(c->exchange, (const uint8_t *)"", 0, &c->answer));
    assert_int_equal(c->answer.state, PK_SASL_CONTINUE);
}

static void step(struct caller *c, const void *token, size_t len)
{
    uint8_t *fenced = sup_fence(token, len);
    assert_true(pk_sasl_step(c->exchange, fenced, len, &c->answer));
    sup_unfence(fenced, len);
}

static void drop(struct caller *c)
{
    pk_sasl_end(c->exchange);
    if (c->conn != NULL)
        sasl_dispose(&c->conn);
    free(c->secret);
    c->exchange = NULL;
    c->secret = NULL;
}

/* Challenge and response. */
static void log_in(struct caller *c)
{
    const char *token;
    unsigned len;
    sasl_interact_t *interact = NULL;
    challenge(c);
    client_token(c, &token, &len);
    step(c, token, len);
    if (c->answer.state == PK_SASL_DONE)
        c->believes = sasl_client_step(c->conn, (const char *)c->answer.token, (unsigned)c->answer.len,
                                       &interact, &token, &len) == SASL_OK;
}

static void expect_done(const char *name, const char *secret, const char *authzid)
{
    struct caller c = {.name = name, .password = secret, .authzid = authzid};
    log_in(&c);
    if (c.answer.state != PK_SASL_DONE)
        fail_msg("%s: %s", name, c.answer.why);
    assert_string_equal(c.answer.name, name);
    assert_int_equal(c.answer.mechanism, PK_SASL_DIGEST_MD5);
    assert_int_equal(c.answer.len, 40);
    assert_memory_equal(c.answer.token, "rspauth=", 8);
    assert_true(c.believes);
    drop(&c);
}

static void expect_refused(struct caller c, const char *why)
{
    log_in(&c);
    assert_int_equal(c.answer.state, PK_SASL_REFUSED);
    assert_null(c.answer.token);
    assert_null(c.answer.name);
    if (why != NULL && strstr(c.answer.why, why) == NULL)
        fail_msg("%s instead of %s", c.answer.why, why);
    drop(&c);
}

static void users_log_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        if ((signed char)users[i].name[1] >= 0 && users[i].password[0] != '\0') /* without a charset: below */
            expect_done(users[i].name, users[i].password, "");
}

/* ---- a client of our own, for what the library's does not say ---- */

static void hex_of_md5(char out[33], const void *p, size_t len)
{
    uint8_t md[16];
    assert_int_equal(EVP_Digest(p, len, md, NULL, EVP_md5(), NULL), 1);
    for (int i = 0; i < 16; i++)
        sprintf(out + 2 * i, "%02x", md[i]);
}

struct spoken {
    const char *user, *realm, *uri, *secret; /* in the bytes that go over the wire, and into the hash */
    bool utf8;
    const char *nonce, *cnonce;
};

/* RFC 2831, 2.1.2.1 */
static void response_of(char out[33], const struct spoken *s)
{
    char text[600], a1[33], a2[33];
    uint8_t bytes[600];
    int n = snprintf(text, sizeof text, "%s:%s:%s", s->user, s->realm, s->secret);
    assert_int_equal(EVP_Digest(text, (size_t)n, bytes, NULL, EVP_md5(), NULL), 1);
    n = sprintf((char *)bytes + 16, ":%s:%s", s->nonce, s->cnonce);
    hex_of_md5(a1, bytes, 16 + (size_t)n);
    n = sprintf(text, "AUTHENTICATE:%s", s->uri);
    hex_of_md5(a2, text, (size_t)n);
    n = sprintf(text, "%s:%s:00000001:%s:auth:%s", a1, s->nonce, s->cnonce, a2);
    hex_of_md5(out, text, (size_t)n);
}

static void the_rfcs_example(void **state)
{
    char out[33];
    (void)state;
    response_of(out, &(struct spoken){.user = "chris",
                                      .realm = "elwood.innosoft.com",
                                      .uri = "imap/elwood.innosoft.com",
                                      .secret = "secret",
                                      .nonce = "OA6MG9tEQGm2hh",
                                      .cnonce = "OA6MHXh6VqTrRk"});
    assert_string_equal(out, "d388dad90d4bbd760a152321f2143af7");
}

/* The answer to a response with these words. */
static void speak(struct caller *c, struct spoken s)
{
    char nonce[200] = "", response[33], token[1024];
    challenge(c);
    const char *at = memmem(c->answer.token, c->answer.len, "nonce=\"", 7);
    assert_non_null(at);
    sscanf(at, "nonce=\"%199[^\"]", nonce);
    s.nonce = nonce;
    s.cnonce = "abc";
    response_of(response, &s);
    int n =
        snprintf(token, sizeof token,
                 "%susername=\"%s\",realm=\"%s\",nonce=\"%s\",nc=00000001,cnonce=\"abc\",digest-uri=\"%s\","
                 "response=%s,qop=auth",
                 s.utf8 ? "charset=utf-8," : "", s.user, s.realm, nonce, s.uri, response);
    step(c, token, (size_t)n);
}

static void expect_spoken(struct spoken s, const char *name)
{
    struct caller c = {0};
    speak(&c, s);
    assert_int_equal(c.answer.state, name != NULL ? PK_SASL_DONE : PK_SASL_REFUSED);
    if (name != NULL)
        assert_string_equal(c.answer.name, name);
    drop(&c);
}

#define URI "zookeeper/" HOST

/* What fits into ISO 8859-1 is hashed so. Without a charset nobody can tell what the letters are. */
static void letters_beyond_ascii(void **state)
{
    (void)state;
    struct caller c = {0};
    char nonce[200], response[33], token[600];
    challenge(&c);
    sscanf(memmem(c.answer.token, c.answer.len, "nonce=\"", 7), "nonce=\"%199[^\"]", nonce);
    response_of(response, &(struct spoken){.user = "b\xf3\x62",
                                           .realm = HOST,
                                           .uri = URI,
                                           .secret = "p\xe4ss",
                                           .nonce = nonce,
                                           .cnonce = "abc"});
    int n = snprintf(token, sizeof token,
                     "charset=utf-8,username=\"b\xc3\xb3\x62\",realm=\"" HOST "\",nonce=\"%s\",nc=00000001,"
                     "cnonce=\"abc\",digest-uri=\"" URI "\",response=%s,qop=auth",
                     nonce, response);
    step(&c, token, (size_t)n);
    assert_int_equal(c.answer.state, PK_SASL_DONE);
    assert_string_equal(c.answer.name, "b\xc3\xb3\x62");
    drop(&c);
    expect_spoken((struct spoken){.user = "b\xf3\x62", .realm = HOST, .uri = URI, .secret = "p\xe4ss"}, NULL);
}

/* What it would like to be called counts for nothing. */
static void the_name_is_whose_password_it_was(void **state)
{
    (void)state;
    expect_done("bob", "bobsecret", "bob");
    expect_done("bob", "bobsecret", "super");
    expect_done("bob", "bobsecret", "nobody@else");
}

static void the_challenge_is_zookeepers(void **state)
{
    struct caller c = {0};
    (void)state;
    challenge(&c);
    assert_true(contains(&c.answer, "realm=\"zk-sasl-md5\""));
    assert_true(contains(&c.answer, "nonce=\""));
    assert_true(contains(&c.answer, "charset=utf-8"));
    assert_true(contains(&c.answer, "algorithm=md5-sess"));
    assert_true(contains(&c.answer, "qop=\"auth\""));
    assert_false(contains(&c.answer, "auth-"));
    drop(&c);
}

static void wrong_passwords_and_unknown_users(void **state)
{
    (void)state;
    expect_refused((struct caller){.name = "bob", .password = "wrong", .authzid = ""}, NULL);
    expect_refused((struct caller){.name = "bob", .password = "", .authzid = ""}, NULL);
    expect_refused((struct caller){.name = "empty", .password = "", .authzid = ""}, NULL);
    expect_refused((struct caller){.name = "mallory", .password = "bobsecret", .authzid = ""}, NULL);
    expect_refused((struct caller){.name = "bob", .password = "supersecret", .authzid = ""}, NULL);
    expect_refused((struct caller){.name = "bob", .password = "supersecret", .authzid = "super"}, NULL);
}

/* ZooKeeper 3.4 to 3.8.4 let an unknown user in with the password of who was last (facts of 3.9.5: refused). */
static void an_unknown_user_has_nobodys_password(void **state)
{
    (void)state;
    expect_done("super", "supersecret", "");
    expect_refused((struct caller){.name = "mallory", .password = "supersecret", .authzid = ""}, NULL);
    expect_refused((struct caller){.name = "mallory", .password = "supersecret", .authzid = "super"}, NULL);
}

static void another_digest_uri(void **state)
{
    (void)state;
    expect_refused((struct caller){.name = "bob", .password = "bobsecret", .authzid = "", .host = "other"},
                   "digest-uri");
    expect_refused(
        (struct caller){.name = "bob", .password = "bobsecret", .authzid = "", .host = "zk-sasl-md5x"},
        "digest-uri");
}

static void another_realm(void **state)
{
    (void)state;
    const struct spoken bob = {.user = "bob", .realm = HOST, .uri = URI, .secret = "bobsecret", .utf8 = true};
    struct spoken s = bob;
    expect_spoken(s, "bob");
    s.realm = "EX";
    expect_spoken(s, NULL);
    s.secret = "exsecret";
    expect_spoken(s, NULL);
    s.realm = "";
    expect_spoken(s, NULL);
    s = bob;
    s.uri = "ZooKeeper/ZK-SASL-MD5"; /* Java compares without regard to case */
    expect_spoken(s, "bob");
    static const char twice[] = "zookeeper/" HOST "/" HOST, imap[] = "imap/" HOST;
    static const char *const others[] = {twice, "zookeeper", imap, "zookeeper/", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        s.uri = others[i];
        expect_spoken(s, NULL);
    }
}

static void names_with_an_at_sign(void **state)
{
    (void)state;
    expect_done("bob@EX", "exsecret", "");
    expect_refused((struct caller){.name = "bob@EX", .password = "bobsecret", .authzid = ""}, NULL);
    expect_refused((struct caller){.name = "bob@" HOST, .password = "bobsecret", .authzid = ""}, NULL);
}

/* The library does not survive a step behind the end. */
static void behind_the_end(void **state)
{
    struct caller c = {.name = "bob", .password = "bobsecret", .authzid = ""};
    (void)state;
    log_in(&c);
    assert_int_equal(c.answer.state, PK_SASL_DONE);
    step(&c, "", 0);
    assert_int_equal(c.answer.state, PK_SASL_REFUSED);
    step(&c, "x", 1);
    assert_int_equal(c.answer.state, PK_SASL_REFUSED);
    drop(&c);
    challenge(&c);
    step(&c, "garbage", 7);
    for (int i = 0; i < 3; i++) {
        step(&c, "", 0);
        assert_int_equal(c.answer.state, PK_SASL_REFUSED);
        assert_null(c.answer.token);
    }
    drop(&c);
}

/* A response is bound to its challenge. */
static void a_response_is_used_once(void **state)
{
    struct caller first = {.name = "bob", .password = "bobsecret", .authzid = ""}, second = {0};
    const char *token;
    unsigned len;
    (void)state;
    challenge(&first);
    client_token(&first, &token, &len);
    challenge(&second);
    step(&second, token, len);
    assert_int_equal(second.answer.state, PK_SASL_REFUSED);
    step(&first, token, len);
    assert_int_equal(first.answer.state, PK_SASL_DONE);
    drop(&first);
    drop(&second);
}

static void every_cut_and_every_changed_byte(void **state)
{
    struct caller c = {.name = "bob", .password = "bobsecret", .authzid = ""};
    const char *token;
    unsigned len = 1;
    struct sup_rng rng = {1};
    (void)state;
    for (unsigned i = 0; i < 2 * len; i++) {
        char copy[1024];
        challenge(&c);
        client_token(&c, &token, &len);
        assert_in_range(len, 1, sizeof copy);
        memcpy(copy, token, len);
        if (i >= len)
            copy[i - len] = (char)(copy[i - len] ^ (1 + sup_below(&rng, 254)));
        step(&c, copy, i < len ? i : len);
        if (c.answer.state == PK_SASL_DONE)
            assert_string_equal(c.answer.name, "bob"); /* a changed letter of a name that nobody compares */
        else
            assert_int_equal(c.answer.state, PK_SASL_REFUSED);
        assert_true(i >= len || c.answer.state == PK_SASL_REFUSED);
        drop(&c);
    }
}

/* The client needs DIGEST-MD5 alone. */
static int may_load(void *context, const char *file, sasl_verify_type_t type)
{
    (void)context, (void)type;
    return strstr(file, "libdigestmd5.") != NULL ? SASL_OK : SASL_CONTINUE;
}

static int open_client(void **state)
{
    static const sasl_callback_t callbacks[] = {{SASL_CB_VERIFYFILE, PROC(may_load), NULL},
                                                {SASL_CB_LIST_END, NULL, NULL}};
    return open_library(state) == 0 && sasl_client_init(callbacks) == SASL_OK ? 0 : -1;
}

static int close_client(void **state)
{
    int result = close_library(state);
    sasl_client_done();
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_log_in),
        cmocka_unit_test(the_rfcs_example),
        cmocka_unit_test(letters_beyond_ascii),
        cmocka_unit_test(the_name_is_whose_password_it_was),
        cmocka_unit_test(the_challenge_is_zookeepers),
        cmocka_unit_test(wrong_passwords_and_unknown_users),
        cmocka_unit_test(an_unknown_user_has_nobodys_password),
        cmocka_unit_test(another_digest_uri),
        cmocka_unit_test(another_realm),
        cmocka_unit_test(names_with_an_at_sign),
        cmocka_unit_test(behind_the_end),
        cmocka_unit_test(a_response_is_used_once),
        cmocka_unit_test(every_cut_and_every_changed_byte),
    };
    return cmocka_run_group_tests(tests, open_client, close_client);
}
