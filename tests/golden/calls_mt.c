/* The calls of libzookeeper_mt for capture.py: prints each call's arguments, then makes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

static volatile int connects, events;

static void say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

static void show(int err, const struct Stat *s)
{
    if (err != ZOK)
        printf("GOT err=%d\n", err);
    else
        printf("GOT err=0 stat=%lld,%lld,%lld,%lld,%d,%d,%d,%lld,%d,%d,%lld\n", (long long)s->czxid,
               (long long)s->mzxid, (long long)s->ctime, (long long)s->mtime, s->version, s->cversion,
               s->aversion, (long long)s->ephemeralOwner, s->dataLength, s->numChildren, (long long)s->pzxid);
    fflush(stdout);
}

static void watcher(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    (void)path;
    (void)context;
    if (type == ZOO_SESSION_EVENT)
        connects += state == ZOO_CONNECTED_STATE;
    else
        events++;
}

static void on_void(int rc, const void *data)
{
    (void)rc;
    *(volatile int *)data = 1;
}

static void on_string(int rc, const char *value, const void *data)
{
    (void)rc;
    (void)value;
    *(volatile int *)data = 1;
}

static void await(volatile int *n, int want)
{
    for (int i = 0; i < 1000 && *n < want; i++)
        usleep(10000);
    if (*n < want)
        exit(1);
}

static void plain(zhandle_t *zh)
{
    struct Stat s;
    char buffer[200];
    int len = sizeof buffer;
    say("CALL create op=1 path=/mt data= acl=open n=0");
    zoo_create(zh, "/mt", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer);
    say("GOT err=0 path=/mt");
    say("CALL create op=1 path=/mt/null data=null acl=open n=0");
    zoo_create(zh, "/mt/null", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer);
    say("CALL create2 op=15 path=/mt/a data=76616c acl=open n=0");
    zoo_create2(zh, "/mt/a", "val", 3, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer, &s);
    show(ZOK, &s);
    say("CALL create op=1 path=/mt/r data= acl=other n=1");
    zoo_create(zh, "/mt/r", "", 0, &ZOO_READ_ACL_UNSAFE, ZOO_EPHEMERAL, buffer, sizeof buffer);
    say("CALL container op=19 path=/mt/c data= acl=open n=4");
    zoo_create2(zh, "/mt/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, buffer, sizeof buffer, &s);
    say("CALL ttl op=21 path=/mt/t data= acl=open n=5 ttl=77");
    zoo_create2_ttl(zh, "/mt/t", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 77, buffer,
                    sizeof buffer, &s);
    say("CALL exists op=3 path=/mt/a watch=1");
    show(zoo_exists(zh, "/mt/a", 1, &s), &s);
    say("CALL set op=5 path=/mt/a data=6e6577 n=-1");
    show(zoo_set2(zh, "/mt/a", "new", 3, -1, &s), &s);
    say("EVENT type=3 path=/mt/a");
    say("CALL get op=4 path=/mt/a watch=0");
    zoo_get(zh, "/mt/a", 0, buffer, &len, &s);
    show(ZOK, &s);
    say("CALL getacl op=6 path=/mt/a");
    struct ACL_vector acl;
    show(zoo_get_acl(zh, "/mt/a", &acl, &s), &s);
    say("CALL setacl op=7 path=/mt/a acl=other n=-1");
    zoo_set_acl(zh, "/mt/a", -1, &ZOO_READ_ACL_UNSAFE);
    struct String_vector names;
    say("CALL children op=8 path=/mt watch=0");
    zoo_get_children(zh, "/mt", 0, &names);
    say("CALL children2 op=12 path=/mt watch=0");
    show(zoo_get_children2(zh, "/mt", 0, &names, &s), &s);
    say("CALL delete op=2 path=/mt/a n=9");
    show(zoo_delete(zh, "/mt/a", 9), &s);
    volatile int done = 0;
    say("CALL sync op=9 path=/mt");
    zoo_async(zh, "/mt", on_string, (void *)&done);
    await(&done, 1);
    say("GOT err=0 path=/mt");
}

static void rest(zhandle_t *zh)
{
    struct Stat s;
    char buffer[200];
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    say("CALL multi op=14 ops=1:/mt/m,5:/mt/m,13:/mt/m,2:/mt/m");
    zoo_create_op_init(&ops[0], "/mt/m", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer);
    zoo_set_op_init(&ops[1], "/mt/m", "y", 1, 0, &s);
    zoo_check_op_init(&ops[2], "/mt/m", 1);
    zoo_delete_op_init(&ops[3], "/mt/m", -1);
    zoo_multi(zh, 4, ops, results);
    say("CALL exists op=3 path=/mt/absent watch=1");
    show(zoo_exists(zh, "/mt/absent", 1, &s), &s);
    struct String_vector names;
    say("CALL children op=8 path=/mt watch=1");
    zoo_get_children(zh, "/mt", 1, &names);
    int len = sizeof buffer;
    say("CALL get op=4 path=/mt/r watch=1");
    zoo_get(zh, "/mt/r", 1, buffer, &len, &s);
    volatile int done = 0;
    say("CALL auth op=100 xid=-4");
    zoo_add_auth(zh, "digest", "u:p", 3, on_void, (void *)&done);
    await(&done, 1);
}

int main(int argc, char **argv)
{
    (void)argc;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    say("CALL connect zxid=0 timeout=7000 session=0 passwd=16 ro=0");
    zhandle_t *zh = zookeeper_init(argv[1], watcher, 7000, NULL, NULL, 0);
    await(&connects, 1);
    long long session = zoo_client_id(zh)->client_id;
    printf("GOT session=%lld timeout=7000\n", session);
    plain(zh);
    rest(zh);
    sleep(3);
    printf("CALL connect timeout=7000 session=%lld passwd=16 ro=0\n", session);
    printf("GOT session=%lld timeout=7000\n", session);
    say("CALL auth op=100 xid=-4");
    say("CALL setwatches op=101 xid=-8 w0=/mt/r w1=/mt/absent w2=/mt");
    say("DROP");
    await(&connects, 2);
    say("CALL close op=-11");
    zookeeper_close(zh);
    return 0;
}
