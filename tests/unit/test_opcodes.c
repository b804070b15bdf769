/* The opcode table against ZooDefs.OpCode of ZooKeeper 3.9 as its documentation lists it. */
#include "proto/records.h"
#include "tests/lib/support.h"

static const struct {
    int32_t number;
    const char *name;
} known[] = {
    {-11, "CLOSE_SESSION"},
    {-10, "CREATE_SESSION"},
    {0, "NOTIFICATION"},
    {1, "CREATE"},
    {2, "DELETE"},
    {3, "EXISTS"},
    {4, "GET_DATA"},
    {5, "SET_DATA"},
    {6, "GET_ACL"},
    {7, "SET_ACL"},
    {8, "GET_CHILDREN"},
    {9, "SYNC"},
    {11, "PING"},
    {12, "GET_CHILDREN2"},
    {13, "CHECK"},
    {14, "MULTI"},
    {15, "CREATE2"},
    {16, "RECONFIG"},
    {17, "CHECK_WATCHES"},
    {18, "REMOVE_WATCHES"},
    {19, "CREATE_CONTAINER"},
    {20, "DELETE_CONTAINER"},
    {21, "CREATE_TTL"},
    {22, "MULTI_READ"},
    {100, "AUTH"},
    {101, "SET_WATCHES"},
    {102, "SASL"},
    {103, "GET_EPHEMERALS"},
    {104, "GET_ALL_CHILDREN_NUMBER"},
    {105, "SET_WATCHES2"},
    {106, "ADD_WATCH"},
    {107, "WHO_AM_I"},
};
enum { KNOWN = sizeof known / sizeof known[0] };

static void lookup(void **state)
{
    (void)state;
    int found = 0;
    for (int32_t n = -2000; n < 2000; n++) {
        const char *want = NULL;
        for (int i = 0; i < KNOWN; i++)
            if (known[i].number == n)
                want = known[i].name;
        const struct pk_opcode *op = pk_opcode(n);
        assert_int_equal(op != NULL, want != NULL);
        if (op != NULL) {
            assert_int_equal(op->number, n);
            assert_string_equal(op->name, want);
            found++;
        }
    }
    assert_int_equal(found, KNOWN);
    assert_null(pk_opcode(INT32_MIN));
    assert_null(pk_opcode(INT32_MAX));
}

/* What a client must never get through, and what never needs a look at memory. */
static void routes(void **state)
{
    (void)state;
    static const int32_t refused[] = {PK_OP_CREATE_SESSION, PK_OP_NOTIFICATION, PK_OP_CHECK,
                                      PK_OP_DELETE_CONTAINER};
    static const int32_t unusual[] = {PK_OP_SET_ACL,      PK_OP_MULTI,      PK_OP_CREATE_CONTAINER,
                                      PK_OP_CREATE_TTL,   PK_OP_MULTI_READ, PK_OP_SET_WATCHES,
                                      PK_OP_SET_WATCHES2, PK_OP_ADD_WATCH};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(pk_opcode(refused[i])->route, PK_ROUTE_REFUSE);
    for (size_t i = 0; i < sizeof unusual / sizeof unusual[0]; i++)
        assert_int_equal(pk_opcode(unusual[i])->route, PK_ROUTE_UNUSUAL);
    int n = 0;
    for (int i = 0; i < KNOWN; i++)
        n += pk_opcode(known[i].number)->route == PK_ROUTE_REFUSE;
    assert_int_equal(n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lookup), cmocka_unit_test(routes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
