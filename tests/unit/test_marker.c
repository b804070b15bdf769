/* What a marker says, and which other pacekeepers hold the same: text in, the mount that both hold out. */
#include <stdlib.h>

#include "io/config/mounts.h"
#include "io/instances/marker_text.h"
#include "io/loop/text.h"
#include "tests/lib/support.h"

static struct pk_config ours, theirs;
static struct pk_config_error error;

static void mounts(struct pk_config *config, const char *const *list)
{
    pk_config_defaults(config);
    config->nmounts = 0;
    for (; *list != NULL; list++)
        assert_int_equal(pk_config_add_mount(config, *list, &error), PK_OK);
}

#define MOUNTS(config, ...) mounts(config, (const char *const[]){__VA_ARGS__, NULL})

/* The mount of ours that the other holds too, or NULL. */
static const char *conflict(void)
{
    struct pk_text text = {0};
    pk_marker_write(&text, &theirs, "host", "0.0.0.0:1");
    assert_false(text.failed);
    const char *found = pk_marker_conflict(text.p, &ours);
    free(text.p);
    return found;
}

static void text_and_fields(void **state)
{
    struct pk_text text = {0};
    char field[64];
    (void)state;
    MOUNTS(&ours, "/a", "/b c%=write-behind");
    pk_marker_write(&text, &ours, "a host", "0.0.0.0:1,[::]:2");
    assert_string_equal(text.p, "pacekeeper " PACKAGE_VERSION " host=a%20host listen=0.0.0.0:1,[::]:2 "
                                "mount=/a=pacemaker mount=/b%20c%25=write-behind\n");
    pk_marker_field(text.p, "host", field, sizeof field);
    assert_string_equal(field, "a host");
    pk_marker_field(text.p, "listen", field, sizeof field);
    assert_string_equal(field, "0.0.0.0:1,[::]:2");
    pk_marker_field(text.p, "listen", field, 4);
    assert_string_equal(field, "0.0");
    pk_marker_field(text.p, "port", field, sizeof field);
    assert_string_equal(field, "?");
    free(text.p);
}

static void same_and_nested_mounts(void **state)
{
    (void)state;
    MOUNTS(&ours, "/x=relay", "/a/b");
    for (const char *const *path = (const char *const[]){"/a/b", "/a", "/a/b/c", NULL}; *path != NULL;
         path++) {
        MOUNTS(&theirs, "/y", *path);
        assert_string_equal(conflict(), "/a/b");
    }
    MOUNTS(&theirs, "/a/bb", "/a/c", "/x");
    assert_null(conflict());
    MOUNTS(&theirs, "/a/b=write-behind");
    assert_null(conflict());
    MOUNTS(&theirs, "/a/b/c=relay");
    assert_null(conflict());
    MOUNTS(&ours, "/a b=c=relay");
    MOUNTS(&theirs, "/a b=c=pacemaker");
    assert_null(conflict());
    MOUNTS(&ours, "/a b=c=pacemaker");
    assert_string_equal(conflict(), "/a b=c");
    MOUNTS(&ours, "/a b=c=write-behind");
    assert_null(conflict());
}

static void members_of_one_group(void **state)
{
    struct pk_text text = {0};
    (void)state;
    MOUNTS(&ours, "/a");
    MOUNTS(&theirs, "/a");
    strcpy(ours.group_name, "storm");
    strcpy(ours.group_listen, "h1:1");
    strcpy(theirs.group_name, "storm");
    assert_string_equal(conflict(), "/a"); /* they are in none */
    strcpy(theirs.group_listen, "h2:1");
    assert_null(conflict());
    strcpy(theirs.group_name, "other");
    assert_string_equal(conflict(), "/a");
    ours.group_listen[0] = '\0';
    assert_string_equal(conflict(), "/a");
    pk_marker_write(&text, &theirs, "h", "l:1");
    assert_string_equal(text.p,
                        "pacekeeper " PACKAGE_VERSION " host=h listen=l:1 group=other mount=/a=pacemaker\n");
    free(text.p);
}

static void text_of_others(void **state)
{
    (void)state;
    MOUNTS(&ours, "/a");
    for (const char *const *text =
             (const char *const[]){"", "\n", "mount", "mount=", "mount==pacemaker", "mount=/a",
                                   "mount=/a=pacemake", "xmount=/a=pacemaker", "mount=/%",
                                   "mount=/%4=pacemaker", "a\n\n b", NULL};
         *text != NULL; text++)
        assert_null(pk_marker_conflict(*text, &ours));
    assert_string_equal(pk_marker_conflict("x=y mount=/%61=pacemaker", &ours), "/a");
    assert_string_equal(pk_marker_conflict("mount=/b=pacemaker\nmount=/a=pacemaker", &ours), "/a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_fields),
        cmocka_unit_test(same_and_nested_mounts),
        cmocka_unit_test(members_of_one_group),
        cmocka_unit_test(text_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
