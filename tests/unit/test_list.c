/* The intrusive list against an array of numbers, and deletion while visiting. */
#include "base/list.h"
#include "tests/lib/support.h"

struct item {
    int value;
    struct pk_list link;
};

static void expect(struct pk_list *head, const int *values, int n)
{
    int i = 0;
    PK_LIST_EACH(pos, next, head) {
        assert_true(i < n);
        assert_int_equal(PK_CONTAINER(pos, struct item, link)->value, values[i++]);
    }
    assert_int_equal(i, n);
    for (struct pk_list *pos = head->prev; pos != head; pos = pos->prev)
        assert_int_equal(PK_CONTAINER(pos, struct item, link)->value, values[--i]);
    assert_int_equal(i, 0);
}

static void order(void **state)
{
    (void)state;
    struct pk_list head;
    struct item items[5] = {{0, {0, 0}}, {1, {0, 0}}, {2, {0, 0}}, {3, {0, 0}}, {4, {0, 0}}};
    pk_list_init(&head);
    for (int i = 0; i < 5; i++)
        pk_list_init(&items[i].link);
    assert_true(pk_list_empty(&head));
    pk_list_add_tail(&head, &items[1].link);
    pk_list_add_tail(&head, &items[3].link);
    pk_list_add_head(&head, &items[0].link);
    pk_list_add_before(&items[3].link, &items[2].link);
    pk_list_add_before(&head, &items[4].link);
    expect(&head, (int[]){0, 1, 2, 3, 4}, 5);
    pk_list_del(&items[2].link);
    pk_list_del(&items[2].link);
    pk_list_del(&items[0].link);
    pk_list_del(&items[4].link);
    expect(&head, (int[]){1, 3}, 2);
}

static void delete_while_visiting(void **state)
{
    (void)state;
    struct pk_list head;
    struct item items[8];
    pk_list_init(&head);
    for (int i = 0; i < 8; i++) {
        items[i].value = i;
        pk_list_add_tail(&head, &items[i].link);
    }
    PK_LIST_EACH(pos, next, &head) {
        if (PK_CONTAINER(pos, struct item, link)->value % 2 == 0)
            pk_list_del(pos);
    }
    expect(&head, (int[]){1, 3, 5, 7}, 4);
    PK_LIST_EACH(pos, next, &head)
        pk_list_del(pos);
    assert_true(pk_list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order), cmocka_unit_test(delete_while_visiting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
