"""The recipes of kazoo and Curator with every path under a mount: znodes are promoted, and all of them work.

The same programs run directly first, as control.
"""
import logging
import threading
import time

import clients
import rig


def setup():
    zk = rig.zookeeper_with("/m", "/d")
    return zk, rig.Pacekeeper(zk.connect_string).start()


def on_both(recipe):
    """Runs recipe(two clients, base) directly, then through the proxy under the mount."""
    KazooClient = rig.need_module("kazoo.client", "python3-kazoo").KazooClient
    logging.disable(logging.CRITICAL)
    zk, proxy = rig.shared("setup", setup)
    for connect, base in ((zk.connect_string, "/d"), (proxy.connect_string, "/m")):
        pair = [KazooClient(hosts=connect, timeout=10) for _ in range(2)]
        for client in pair:
            client.start(15)
        base += "/" + recipe.__name__
        pair[0].ensure_path(base)
        try:
            recipe(*pair, base)
        except AssertionError as e:
            raise AssertionError(f"{base}: {e}") from e
        finally:
            for client in pair:
                client.stop()
                client.close()


def in_threads(*jobs):
    """Runs all at once; the first exception is raised here."""
    problems = []

    def run(job):
        try:
            job()
        except BaseException as e:
            problems.append(e)

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a recipe hangs"
    if problems:
        raise problems[0]


def locks(a, b, base):
    inside, most = [0], [0]

    def work(client):
        for _ in range(10):
            with client.Lock(base + "/lock", "id"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1

    in_threads(lambda: work(a), lambda: work(b), lambda: work(a))
    assert most[0] == 1, f"{most[0]} inside the lock"
    first, second = a.ReadLock(base + "/rw"), b.WriteLock(base + "/rw")
    assert first.acquire(timeout=5)
    assert not second.acquire(blocking=False)
    first.release()
    assert second.acquire(timeout=5)
    second.release()


def semaphores(a, b, base):
    one, two = a.Semaphore(base + "/s", max_leases=1), b.Semaphore(base + "/s", max_leases=1)
    assert one.acquire()
    assert not two.acquire(blocking=False)
    one.release()
    assert two.acquire(timeout=5)
    two.release()


def elections(a, b, base):
    led = []
    in_threads(lambda: a.Election(base + "/e", "a").run(lambda: led.append("a")),
               lambda: b.Election(base + "/e", "b").run(lambda: led.append("b")))
    assert sorted(led) == ["a", "b"], led


def barriers(a, b, base):
    barrier = a.Barrier(base + "/b")
    barrier.create()
    done = []
    thread = threading.Thread(target=lambda: done.append(b.Barrier(base + "/b").wait(10)), daemon=True)
    thread.start()
    time.sleep(0.05)
    assert not done
    barrier.remove()
    thread.join(10)
    assert done == [True], done
    passed = []

    def both(client):
        double = client.DoubleBarrier(base + "/double", 2)
        double.enter()
        passed.append(1)
        double.leave()

    in_threads(lambda: both(a), lambda: both(b))
    assert len(passed) == 2


def counters(a, b, base):
    def add(client):
        counter = client.Counter(base + "/c")
        for _ in range(15):
            counter += 2

    in_threads(lambda: add(a), lambda: add(b))
    assert a.Counter(base + "/c").value == 60, a.Counter(base + "/c").value


def queues(a, b, base):
    into, out = a.Queue(base + "/q"), b.Queue(base + "/q")
    for i in range(20):
        into.put(b"%d" % i, priority=100)
    assert len(out) == 20
    assert [out.get() for _ in range(20)] == [b"%d" % i for i in range(20)]
    locking, taker = a.LockingQueue(base + "/lq"), b.LockingQueue(base + "/lq")
    locking.put_all([b"x", b"y"])
    got = []
    for _ in range(2):
        got.append(taker.get(5))
        assert taker.consume()
    assert got == [b"x", b"y"], got


def parties(a, b, base):
    one, two = a.Party(base + "/p", "a"), b.Party(base + "/p", "b")
    one.join()
    two.join()
    assert sorted(one) == ["a", "b"] and len(two) == 2
    two.leave()
    assert list(one) == ["a"]
    shallow = a.ShallowParty(base + "/sp", "a")
    shallow.join()
    assert list(shallow) == ["a"]


def caches(a, b, base):
    from kazoo.recipe.cache import TreeCache
    b.create(base + "/t/x", b"1", makepath=True)
    cache = TreeCache(a, base + "/t")
    cache.start()
    rig.eventually(lambda: cache.get_data(base + "/t/x"), what="the cache filled")
    for i in range(10):
        b.set(base + "/t/x", b"%d" % i)
    b.create(base + "/t/y/z", b"new", makepath=True)
    rig.eventually(lambda: cache.get_data(base + "/t/x").data == b"9", what="newest data in the cache")
    rig.eventually(lambda: cache.get_data(base + "/t/y/z"), what="the new znode in the cache")
    b.delete(base + "/t/y", recursive=True)
    rig.eventually(lambda: cache.get_data(base + "/t/y") is None, what="the deletion in the cache")
    cache.close()


def watchers(a, b, base):
    data, children = [], []
    b.create(base + "/w", b"0")
    a.DataWatch(base + "/w", lambda value, stat: data.append(value))
    a.ChildrenWatch(base + "/w", lambda names: children.append(sorted(names)))
    for i in range(1, 6):
        b.set(base + "/w", b"%d" % i)
        rig.eventually(lambda: data[-1] == b"%d" % i, what="the data watch's call")
        b.create(f"{base}/w/c{i}")
        rig.eventually(lambda: len(children[-1]) == i, what="the children watch's call")
    b.delete(base + "/w", recursive=True)
    rig.eventually(lambda: data[-1] is None, what="the deletion seen")


def partitioners(a, b, base):
    shares = {}

    def take(name, client):
        partitioner = client.SetPartitioner(base + "/sp", (1, 2, 3, 4), identifier=name, time_boundary=0.2)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if partitioner.allocating:
                partitioner.wait_for_acquire(5)
            elif partitioner.release:
                partitioner.release_set()
            elif partitioner.acquired:
                shares[name] = list(partitioner)
                if sum(len(s) for s in list(shares.values())) == 4 and len(shares) == 2:
                    return
                time.sleep(0.05)

    in_threads(lambda: take("a", a), lambda: take("b", b))
    assert sorted(shares["a"] + shares["b"]) == [1, 2, 3, 4], shares


def leases(a, b, base):
    import datetime
    minute = datetime.timedelta(minutes=1)
    assert a.NonBlockingLease(base + "/l", minute, "a")
    assert not b.NonBlockingLease(base + "/l", minute, "b")


def test_kazoo_locks():
    on_both(locks)
    on_both(semaphores)
    on_both(leases)


def test_kazoo_elections_and_barriers():
    on_both(elections)
    on_both(barriers)


def test_kazoo_counters_queues_parties():
    on_both(counters)
    on_both(queues)
    on_both(parties)


def test_kazoo_caches_and_watchers():
    on_both(caches)
    on_both(watchers)


def test_kazoo_partitioner():
    on_both(partitioners)


def test_curator_recipes():
    zk, proxy = rig.shared("setup", setup)
    control = clients.java("CuratorRecipes", zk.connect_string, "/d/curator")
    through = clients.java("CuratorRecipes", proxy.connect_string, "/m/curator")
    assert control.splitlines()[-1] == "done", control
    assert through == control, through + "\ninstead of\n" + control


if __name__ == "__main__":
    rig.main(globals())
