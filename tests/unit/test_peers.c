/* Where clients come from: one address whatever the socket, the oldest unfinished, nothing left behind. */
#include "io/conn/peers.h"

#include <arpa/inet.h>

#include "tests/lib/support.h"

static union pk_address address(const char *text, uint16_t port)
{
    union pk_address a = {.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1)
        return a;
    a = (union pk_address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    return a;
}

static void one_address_whatever_the_socket(void **state)
{
    struct pk_peers peers = {0};
    struct pk_place places[4] = {0};
    union pk_address from[] = {address("10.0.0.7", 1), address("::ffff:10.0.0.7", 2), address("::1", 3),
                               address("::2", 4)};
    (void)state;
    pk_peers_init(&peers);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pk_place_take(&peers, &places[i], &from[i]), PK_OK);
    assert_int_equal(pk_peers_from(&peers, &from[0]), 2);
    assert_int_equal(pk_peers_from(&peers, &from[1]), 2);
    assert_int_equal(pk_peers_from(&peers, &from[2]), 1);
    assert_int_equal(peers.places, 4);
    for (int i = 0; i < 4; i++)
        pk_place_leave(&peers, &places[i]);
    pk_place_leave(&peers, &places[0]);
    assert_int_equal(peers.places + peers.addresses.count, 0);
    pk_peers_free(&peers);
}

static void the_oldest_unfinished(void **state)
{
    struct pk_peers peers = {0};
    struct pk_place places[4] = {0};
    union pk_address a = address("10.0.0.1", 1), b = address("10.0.0.2", 1), c = address("10.0.0.3", 1);
    (void)state;
    pk_peers_init(&peers);
    assert_null(pk_peers_oldest(&peers, NULL));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pk_place_take(&peers, &places[i], i < 2 ? &a : &b), PK_OK);
    assert_ptr_equal(pk_peers_oldest(&peers, NULL), &places[0]);
    assert_ptr_equal(pk_peers_oldest(&peers, &b), &places[2]);
    assert_null(pk_peers_oldest(&peers, &c));
    pk_place_settle(&places[0]);
    pk_place_leave(&peers, &places[2]);
    assert_ptr_equal(pk_peers_oldest(&peers, NULL), &places[1]);
    assert_ptr_equal(pk_peers_oldest(&peers, &b), &places[3]);
    pk_place_settle(&places[3]);
    assert_null(pk_peers_oldest(&peers, &b));
    assert_int_equal(pk_peers_from(&peers, &a), 2);
    for (int i = 0; i < 4; i++)
        pk_place_leave(&peers, &places[i]);
    assert_null(pk_peers_oldest(&peers, NULL));
    pk_peers_free(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_whatever_the_socket),
        cmocka_unit_test(the_oldest_unfinished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
