/* A client on libzookeeper_mt: does the same on every server and prints what it saw.
 *
 * client_mt HOST:PORT BASE watch leaves watches there and prints the events that they bring.
 * client_mt HOST:PORT BASE makes BASE and works below it; paths are printed without BASE, and zxids and
 * times not at all, so that the output through a proxy can be compared with that of a direct run.
 * Failure: a request that is not answered within the library's own timeouts, or an event that does not
 * come within 20 s, ends the program with status 1.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected;
static int events;
static int synced;
static char last_event[512];
static int loud;
static const char *base;

static const char *short_path(const char *path)
{
    size_t n = strlen(base);
    return strncmp(path, base, n) == 0 ? path + n : path;
}

static const char *under(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s%s", base, name);
    return path;
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    (void)context;
    pthread_mutex_lock(&lock);
    if (type == ZOO_SESSION_EVENT) {
        connected = state == ZOO_CONNECTED_STATE;
    } else {
        snprintf(last_event, sizeof last_event, "%d %s", type, short_path(path));
        if (loud) {
            printf("event %s\n", last_event);
            fflush(stdout);
        }
        events++;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_sync(int rc, const char *path, const void *context)
{
    (void)context;
    pthread_mutex_lock(&lock);
    printf("sync %d %s\n", rc, short_path(path));
    synced++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits until *value has reached `wanted`. */
static void await(const int *value, int wanted, const char *what)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 20;
    pthread_mutex_lock(&lock);
    while (*value < wanted) {
        if (pthread_cond_timedwait(&changed, &lock, &end) != 0) {
            printf("no %s within 20 s\n", what);
            fflush(stdout);
            exit(1);
        }
    }
    pthread_mutex_unlock(&lock);
}

static zhandle_t *open_session(const char *host)
{
    connected = 0;
    zhandle_t *zh = zookeeper_init(host, on_event, 10000, NULL, NULL, 0);
    if (zh == NULL) {
        perror("zookeeper_init");
        exit(1);
    }
    await(&connected, 1, "connection");
    return zh;
}

static void print_stat(const char *what, int rc, const struct Stat *stat)
{
    if (rc == ZOK)
        printf("%s: version %d cversion %d aversion %d owner %d length %d children %d\n", what, stat->version,
               stat->cversion, stat->aversion, stat->ephemeralOwner != 0, stat->dataLength,
               stat->numChildren);
    else
        printf("%s: error %d\n", what, rc);
}

static void data_and_versions(zhandle_t *zh)
{
    struct Stat stat;
    char path[512], data[100];
    int n = sizeof data;
    printf("create %d\n", zoo_create(zh, under("/a"), "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    printf("path %s\n", short_path(path));
    printf("again %d\n", zoo_create(zh, under("/a"), "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    print_stat("create2",
               zoo_create2(zh, under("/b"), "b", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path, &stat),
               &stat);
    print_stat("exists", zoo_exists(zh, under("/a"), 0, &stat), &stat);
    print_stat("exists missing", zoo_exists(zh, under("/missing"), 0, &stat), &stat);
    print_stat("set", zoo_set2(zh, under("/a"), "three", 5, 0, &stat), &stat);
    print_stat("set old version", zoo_set2(zh, under("/a"), "x", 1, 0, &stat), &stat);
    print_stat("set null", zoo_set2(zh, under("/b"), NULL, -1, -1, &stat), &stat);
    print_stat("get", zoo_get(zh, under("/a"), 0, data, &n, &stat), &stat);
    printf("data %.*s\n", n, data);
    n = sizeof data;
    print_stat("get null", zoo_get(zh, under("/b"), 0, data, &n, &stat), &stat);
    printf("length %d\n", n);
}

static void children(zhandle_t *zh)
{
    struct String_vector names;
    struct Stat stat;
    char path[512];
    printf("child %d\n", zoo_create(zh, under("/a/x"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    printf("sequence %d", zoo_create(zh, under("/a/s-"), "", 0, &ZOO_OPEN_ACL_UNSAFE,
                                     ZOO_PERSISTENT_SEQUENTIAL, path, sizeof path));
    printf(" %s\n", short_path(path));
    printf("ephemeral %d\n",
           zoo_create(zh, under("/a/e"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    print_stat("ephemeral stat", zoo_exists(zh, under("/a/e"), 0, &stat), &stat);
    printf("child of ephemeral %d\n",
           zoo_create(zh, under("/a/e/x"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    print_stat("children", zoo_get_children2(zh, under("/a"), 0, &names, &stat), &stat);
    printf("count %d\n", names.count);
    deallocate_String_vector(&names);
    printf("not empty %d\n", zoo_delete(zh, under("/a"), -1));
    printf("delete %d\n", zoo_delete(zh, under("/a/x"), -1));
    print_stat("parent", zoo_exists(zh, under("/a"), 0, &stat), &stat);
}

static void watches(zhandle_t *zh)
{
    struct Stat stat;
    struct String_vector names;
    char data[100];
    int n = sizeof data;
    events = 0;
    zoo_exists(zh, under("/w"), 1, &stat);
    zoo_create(zh, under("/w"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    await(&events, 1, "event");
    printf("event %s\n", last_event);
    zoo_get(zh, under("/w"), 1, data, &n, &stat);
    zoo_set(zh, under("/w"), "2", 1, -1);
    await(&events, 2, "event");
    printf("event %s\n", last_event);
    zoo_get_children(zh, under("/w"), 1, &names);
    deallocate_String_vector(&names);
    zoo_create(zh, under("/w/c"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    await(&events, 3, "event");
    printf("event %s\n", last_event);
    zoo_exists(zh, under("/w/c"), 1, &stat);
    zoo_delete(zh, under("/w/c"), -1);
    await(&events, 4, "event");
    printf("event %s\n", last_event);
}

static void transactions(zhandle_t *zh)
{
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    char path[512];
    struct Stat stat;
    zoo_create_op_init(&ops[0], under("/t"), "t", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    zoo_set_op_init(&ops[1], under("/t"), "u", 1, 0, &stat);
    zoo_check_op_init(&ops[2], under("/t"), 1);
    zoo_delete_op_init(&ops[3], under("/t"), -1);
    int rc = zoo_multi(zh, 4, ops, results);
    printf("multi %d: %d %d %d %d\n", rc, results[0].err, results[1].err, results[2].err, results[3].err);
    zoo_check_op_init(&ops[1], under("/none"), 1);
    rc = zoo_multi(zh, 4, ops, results);
    printf("failing multi %d: %d %d %d %d\n", rc, results[0].err, results[1].err, results[2].err,
           results[3].err);
}

static void rights(zhandle_t *zh)
{
    struct ACL_vector acl;
    struct Stat stat;
    char data[100];
    int n = sizeof data;
    zoo_async(zh, under("/a"), on_sync, NULL);
    await(&synced, 1, "sync");
    printf("read only acl %d\n", zoo_set_acl(zh, under("/b"), -1, &ZOO_READ_ACL_UNSAFE));
    print_stat("get acl", zoo_get_acl(zh, under("/b"), &acl, &stat), &stat);
    printf("entries %d perms %d\n", acl.count, acl.data[0].perms);
    deallocate_ACL_vector(&acl);
    printf("set denied %d\n", zoo_set(zh, under("/b"), "", 0, -1));
    print_stat("get allowed", zoo_get(zh, under("/b"), 0, data, &n, &stat), &stat);
}

/* Leaves a data and a child watch on BASE and a data watch on BASE/x, and says what they bring, whatever
 * happens to the connection meanwhile. Ends after three events. */
static int watch(const char *host)
{
    struct Stat stat;
    struct String_vector names;
    char data[100];
    int n = sizeof data;
    zhandle_t *zh = open_session(host);
    int rc = zoo_get(zh, base, 1, data, &n, &stat);
    if (rc == ZOK)
        rc = zoo_get_children(zh, base, 1, &names);
    if (rc == ZOK && zoo_exists(zh, under("/x"), 1, &stat) != ZNONODE)
        rc = ZSYSTEMERROR;
    printf("watching %d session %llx\n", rc, (unsigned long long)zoo_client_id(zh)->client_id);
    fflush(stdout);
    long long session = zoo_client_id(zh)->client_id;
    for (int i = 0; i < 3; i++)
        await(&events, i + 1, "event");
    printf("the same session %d\n", zoo_client_id(zh)->client_id == session);
    return zookeeper_close(zh) == ZOK ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: client_mt HOST:PORT BASE [watch]\n");
        return 2;
    }
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    base = argv[2];
    if (argc > 3) {
        loud = 1;
        zoo_set_debug_level(0);
        return watch(argv[1]);
    }
    zhandle_t *zh = open_session(argv[1]);
    printf("base %d\n", zoo_create(zh, base, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    data_and_versions(zh);
    children(zh);
    watches(zh);
    transactions(zh);
    rights(zh);
    printf("close %d\n", zookeeper_close(zh));
    zh = open_session(argv[1]);
    struct Stat stat;
    print_stat("ephemeral after close", zoo_exists(zh, under("/a/e"), 0, &stat), &stat);
    print_stat("data after close", zoo_exists(zh, under("/a"), 0, &stat), &stat);
    printf("close %d\n", zookeeper_close(zh));
    return 0;
}
