/* What most of the core's tests stand on (core_fixture.h). */
#include "core_fixture.h"

struct sim s;
struct sup_buf b;
int c, other;

const struct core_stats *st(void)
{
    return core_stats(s.core);
}

const struct tree_node *upstream(const char *path)
{
    return tree_find(&s.zk.tree, path);
}

void expect_upstream(const char *path, const char *data, int version)
{
    const struct tree_node *z = upstream(path);
    assert_non_null(z);
    assert_int_equal(z->version, version);
    assert_int_equal(z->len, strlen(data));
    assert_memory_equal(z->data, data, strlen(data));
}

void allow_upstream(const char *path, int perms)
{
    struct sup_buf acl = {0};
    sup_int(&acl, 1);
    wire_acl_entry(&acl, perms, "world", "anyone");
    assert_int_equal(tree_set_acl(&s.zk.tree, path, acl.p, (int)acl.len, -1), TREE_OK);
    sup_buf_free(&acl);
}

void core_start(const struct core_mount *mount)
{
    struct core_config config = sim_default_config;
    if (mount != NULL)
        config.mounts = mount;
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
}

int core_setup(void **state)
{
    (void)state;
    core_start(NULL);
    return 0;
}

int core_setup_alone(void **state)
{
    (void)state;
    sim_init(&s, NULL);
    c = other = -1;
    return 0;
}

int core_teardown(void **state)
{
    (void)state;
    sup_buf_free(&b);
    sim_free(&s);
    return 0;
}

void core_restart(const struct core_mount *mount)
{
    (void)core_teardown(NULL);
    core_start(mount);
}
