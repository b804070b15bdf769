"""Races between sessions on a three-server ensemble: invariants instead of equality.

Several sessions, each on another server where that is possible, work on the same znodes through the proxy at the
same time; what every linearizable store of znodes guarantees must hold. Below a mount in mode pacemaker, and some below
one in write-behind, with flushes between. RACES_SECONDS (default 3) is how long each test runs; RACES_DIRECT=1 runs
them on the bare ensemble, which proves the invariants themselves. With RACES_KILL=3 a server is killed every 3 seconds: who had
a write under way there is closed, and the test begins anew; nobody else is.
"""
import functools
import os
import random
import threading
import time

import rig
import wire
from killed import Killer

SECONDS = float(os.environ.get("RACES_SECONDS", "3"))
DIRECT = bool(os.environ.get("RACES_DIRECT"))
KILL = float(os.environ.get("RACES_KILL", "0"))
ATTEMPTS = 20                     # of a test that kills cut short
OK, NONODE, NODEEXISTS, NOTEMPTY, BADVERSION = (wire.ERR[n] for n in
                                                ("OK", "NONODE", "NODEEXISTS", "NOTEMPTY", "BADVERSION"))
wire.Conn.patience = 5.0          # who waits in vain asks what a server owes before the proxy gives that server up
_serial = [0]
_mount = ["/m"]
_opened = []                      # by the newest call of sessions()


def _world():
    ensemble = rig.Ensemble(3, jvm=["-Dzookeeper.extendedTypesEnabled=true"]).start()
    conn = wire.Conn(ensemble.servers[0].addr)
    for mount in ("/m", "/b"):
        assert conn.call(wire.OP_CREATE, wire.create(mount)).err == OK
    conn.close_session()
    if KILL:
        Killer(ensemble, KILL).start()
    if DIRECT:
        return ensemble, None
    return ensemble, rig.Pacekeeper(ensemble.connect_string, mounts=["/m=pacemaker", "/b=write-behind,flush=100ms"],
                                    config="log-level: debug\n" if KILL else "").start()


def sessions(n):
    """n connections, on as many different servers as chance allows (the session id's first byte names it)."""
    ensemble, proxy = rig.shared("world", _world)
    if DIRECT:
        return [wire.Conn(ensemble.servers[i % 3].addr, 20000) for i in range(n)]
    _opened[:] = found = [wire.Conn(proxy.addr, 20000) for _ in range(n + 6)]
    found.sort(key=lambda c: c.session >> 56)
    spread = [found[i * len(found) // n] for i in range(n)]
    for conn in found:
        if conn not in spread:
            conn.close_session()
    return spread


def fresh(conn, *others, upstream=True):
    """A new directory below the mount; upstream: one that the ensemble knows."""
    _serial[0] += 1
    path = f"{_mount[0]}/race{os.getpid()}-{_serial[0]}"
    assert conn.call(wire.OP_CREATE, wire.create(path)).err == OK
    if upstream:
        assert conn.call(wire.OP_EXISTS, wire.exists(path, True)).err == OK
        conn.call(wire.OP_REMOVE_WATCHES, wire.remove_watches(path, 3))
    catch_up(path, conn, *others)
    return path


def catch_up(path, *conns):
    for conn in conns:
        conn.call(wire.OP_SYNC, wire.sync(path))


def together(*functions):
    """Runs functions at the same time; the first exception of any is raised."""
    problems, results = [], [None] * len(functions)
    gate = threading.Barrier(len(functions))

    def run(i, function):
        gate.wait()
        try:
            results[i] = function()
        except BaseException as e:                    # carried over to the caller's thread
            problems.append(e)

    threads = [threading.Thread(target=run, args=(i, f)) for i, f in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return results


def rounds():
    end = time.monotonic() + SECONDS
    n = 0
    while time.monotonic() < end:
        yield n
        n += 1
    assert n > 3, f"only {n} rounds"
    print(f"  {n} rounds")


def close(*conns):
    for conn in conns:
        conn.close_session()


def create_call(conn, op, path, data, **more):
    encode = wire.create_ttl if op == wire.OP_CREATE_TTL else wire.create
    return lambda: conn.call(op, encode(path, data, **more)).err


def connections_of(server):
    try:
        return wire.four_letter(server.addr, "cons")
    except OSError:                                   # it has been killed
        return ""


def owed():
    """Sessions that the ensemble itself owes an answer."""
    found = set()
    for server in rig.shared("world", _world)[0].servers:
        for line in connections_of(server).splitlines():
            if "sid=" in line:
                counts = dict(part.split("=") for part in line.split("(")[1].rstrip(")").split(",") if "=" in part)
                if int(counts["recved"]) > int(counts["sent"]):
                    found.add(counts["sid"])
    return found


def spared(function):
    """A 3.8 follower now and then never answers a sync while another session syncs too, without a proxy as well: a
    test that waits in vain ends early when, and only when, a server owes the answer."""
    @functools.wraps(function)
    def run():
        try:
            function()
        except TimeoutError:
            first = owed()
            time.sleep(1)
            lost = first & owed()
            if not lost:
                raise
            print(f"  a server lost a sync of {', '.join(sorted(lost))}")
    return run


def among_kills(function):
    """Cut short by the end of a connection, whose write may have been carried out or not, it begins anew. Nobody is left who
    is silent: of such a one held clients would not be known to live."""
    @functools.wraps(function)
    def run():
        for _ in range(ATTEMPTS):
            try:
                return function()
            except wire.Closed:
                print("  cut short", flush=True)
                for conn in _opened:
                    conn.close()
                rig.shared("world", _world)[0].wait_whole()
    return run


def who_was_closed():
    """Clients that were held, and nobody but who had a write under way was closed."""
    figures = wire.mntr(rig.shared("world", _world)[1].addr)
    closed = {name: n for name, n in figures.items() if name.startswith("pk_held_") and n and name != "pk_held_events"}
    print(f"  {figures['pk_holds']} held, {figures['pk_attaches']} attached, closed: {closed}")
    assert figures["pk_holds"] > 0 and not closed.keys() - {"pk_held_write"}, closed


def _one_wins(maker):
    """Two sessions create the same path: one succeeds, the other is told so, everybody reads the winner's data."""
    a, b, reader = sessions(3)
    root = fresh(a, b, reader)
    rng = random.Random(1)
    for i in rounds():
        path = f"{root}/n{i}"
        first, second = create_call(a, wire.OP_CREATE, path, b"a"), maker(b, path, i)
        calls = [first, second]
        got = together(*calls) if rng.random() < 0.8 else list(reversed(together(*reversed(calls))))
        assert sorted(got) == [NODEEXISTS, OK], f"{path}: {got}"
        catch_up(path, reader)
        reply = reader.call(wire.OP_GET_DATA, wire.get_data(path))
        assert reply.err == OK, f"{path}: {reply.err} after {got}"
        data = wire.parse_reply(wire.OP_GET_DATA, reply.body)[0]
        assert data == (b"a" if got[0] == OK else b"b"), f"{path} holds {data!r} after {got}"
        for conn in (a, b):
            assert conn.call(wire.OP_EXISTS, wire.exists(path)).err == OK, f"{path} is not there for its creator"
    close(a, b, reader)


def test_two_local_creates_of_one_path():
    _one_wins(lambda conn, path, _i: create_call(conn, wire.OP_CREATE, path, b"b"))


def test_local_create_against_relayed_create():
    kinds = [dict(flags=wire.EPHEMERAL), dict(acl=wire.OPEN + wire.OPEN), dict(flags=wire.CONTAINER),
             dict(flags=wire.TTL)]
    ops = [wire.OP_CREATE, wire.OP_CREATE2, wire.OP_CREATE_CONTAINER, wire.OP_CREATE_TTL]
    _one_wins(lambda conn, path, i: create_call(conn, ops[i % 4], path, b"b", **kinds[i % 4]))


def test_local_create_against_multi():
    def maker(conn, path, _i):
        def call():
            reply = conn.call(wire.OP_MULTI, wire.multi([(wire.OP_CREATE, wire.create(path, b"b"))]))
            return reply.err or wire.parse_reply(wire.OP_MULTI, reply.body)[0].err
        return call
    _one_wins(maker)


def test_local_create_against_delete_of_its_parent():
    """Either the parent is gone and nothing was created in it, or the child is there and the parent stayed."""
    a, b, reader = sessions(3)
    root = fresh(a, b, reader)
    for i in rounds():
        parent = f"{root}/p{i}"
        assert a.call(wire.OP_CREATE, wire.create(parent)).err == OK
        if i % 2:
            assert a.call(wire.OP_EXISTS, wire.exists(parent, True)).err == OK
        catch_up(parent, b, reader)
        got = together(create_call(a, wire.OP_CREATE, parent + "/c", b"x"),
                       lambda: b.call(wire.OP_DELETE, wire.delete(parent)).err)
        assert got in ([OK, NOTEMPTY], [NONODE, OK]), f"{parent}: create {got[0]}, delete {got[1]}"
        catch_up(parent, reader)
        present = [reader.call(wire.OP_EXISTS, wire.exists(p)).err for p in (parent, parent + "/c")]
        assert present == ([OK, OK] if got[0] == OK else [NONODE, NONODE]), f"{parent}: {present} after {got}"
    close(a, b, reader)


def test_lists_during_promotions():
    """Names that exist all the time are in every list, each once, and numChildren is the list's length."""
    owner, promoter, churn, *readers = sessions(6)
    for i in rounds():
        root = fresh(owner, promoter, churn, *readers, upstream=bool(i % 3))
        names = [f"s{k:02}" for k in range(24)]
        for name in names:
            assert owner.call(wire.OP_CREATE, wire.create(root + "/" + name, b"d")).err == OK
        catch_up(root, *readers)
        done = threading.Event()

        def promotion():
            try:
                random.shuffle(order := list(names))
                for name in order:
                    assert promoter.call(wire.OP_GET_DATA, wire.get_data(root + "/" + name, True)).err == OK
            finally:
                done.set()

        def come_and_go():
            while not done.is_set():
                assert churn.call(wire.OP_CREATE, wire.create(root + "/v")).err == OK
                assert churn.call(wire.OP_DELETE, wire.delete(root + "/v")).err == OK

        def read(conn, op):
            last = 0
            while True:
                stop = done.is_set()
                reply = conn.call(op, wire.get_children(root))
                assert reply.err == OK, reply.err
                value = wire.parse_reply(op, reply.body)
                listed = value[0] if op == wire.OP_GET_CHILDREN2 else value
                assert len(set(listed)) == len(listed), f"a name twice: {sorted(listed)}"
                missing = set(names) - set(listed)
                assert not missing, f"missing from a list of {len(listed)}: {sorted(missing)}"
                if op == wire.OP_GET_CHILDREN2:
                    stat = value[1]
                    assert stat.numChildren == len(listed), f"{stat.numChildren} children, {len(listed)} listed"
                    assert stat.cversion >= last, f"cversion fell from {last} to {stat.cversion}"
                    last = stat.cversion
                if stop:
                    return

        lists = (wire.OP_GET_CHILDREN, wire.OP_GET_CHILDREN2, wire.OP_GET_CHILDREN2)
        together(promotion, come_and_go, *[lambda c=c, o=o: read(c, o) for c, o in zip(readers, lists)])
    close(owner, promoter, churn, *readers)


SINKS = [lambda p: (wire.OP_EXISTS, wire.exists(p, True)), lambda p: (wire.OP_GET_DATA, wire.get_data(p, True)),
         lambda p: (wire.OP_MULTI, wire.multi([(wire.OP_CHECK, wire.check(p, -1))])),
         lambda p: (wire.OP_SET_ACL, wire.set_acl(p)),
         lambda p: (wire.OP_CREATE, wire.create(p + "/e", flags=wire.EPHEMERAL))]


def test_promotions_below_one_ancestor():
    """Sessions that make the proxy promote znodes with common ancestors at the same time: nobody notices."""
    owner, *workers = sessions(4)
    for i in rounds():
        root = fresh(owner, upstream=bool(i % 2))
        top = root + "/t"
        for path in [top] + [f"{top}/p{k}" for k in range(3)]:
            assert owner.call(wire.OP_CREATE, wire.create(path, b"x")).err == OK
        catch_up(top, *workers)

        def work(k, conn):
            time.sleep(random.random() * 0.002)
            mine = f"{top}/p{k}"
            kind = (i + k) % 4
            if kind == 0:
                reply = conn.call(wire.OP_MULTI, wire.multi([(wire.OP_CREATE, wire.create(mine + "/c"))]))
                assert reply.err == OK and wire.parse_reply(wire.OP_MULTI, reply.body)[0].err == OK, reply
            elif kind == 1:
                assert conn.call(wire.OP_CREATE, wire.create(mine + "/c", flags=wire.EPHEMERAL)).err == OK
            elif kind == 2:
                assert conn.call(wire.OP_CREATE, wire.create(mine + "/c")).err == OK
                assert conn.call(wire.OP_EXISTS, wire.exists(mine + "/c", True)).err == OK
            else:
                assert conn.call(wire.OP_CREATE, wire.create(mine + "/c")).err == OK
                assert conn.call(wire.OP_SET_ACL, wire.set_acl(mine)).err == OK
            assert conn.call(wire.OP_GET_DATA, wire.get_data(mine + "/c")).err == OK
            assert conn.call(wire.OP_SET_DATA, wire.set_data(top, b"y")).err == OK

        together(*[lambda k=k, c=c: work(k, c) for k, c in enumerate(workers)])
        catch_up(top, owner)
        stat = wire.parse_reply(wire.OP_EXISTS, owner.call(wire.OP_EXISTS, wire.exists(top)).body)
        assert (stat.version, stat.cversion, stat.numChildren) == (3, 3, 3), stat
        for k in range(3):
            assert owner.call(wire.OP_EXISTS, wire.exists(f"{top}/p{k}/c")).err == OK
    close(owner, *workers)


def test_reads_never_go_back():
    """While a znode that is written all the time is promoted, no reader loses it or sees an older state again."""
    owner, writer, promoter, *readers = sessions(6)
    for i in rounds():
        root = fresh(owner, upstream=bool(i % 2))
        path = root + "/z"
        assert owner.call(wire.OP_CREATE, wire.create(path, b"0")).err == OK
        for k in range(1, 20):
            assert owner.call(wire.OP_SET_DATA, wire.set_data(path, b"%d" % k)).err == OK
        catch_up(path, writer, promoter, *readers)
        done = threading.Event()

        def write():
            try:
                for k in range(20, 60):
                    reply = writer.call(wire.OP_SET_DATA, wire.set_data(path, b"%d" % k))
                    assert reply.err == OK, reply.err
                    version = wire.parse_reply(wire.OP_SET_DATA, reply.body).version
                    assert version == k, f"write {k} made version {version}"
            finally:
                done.set()

        def promotion():
            time.sleep(random.random() * 0.01)
            op, body = SINKS[i % len(SINKS)](path)
            assert promoter.call(op, body).err == OK

        def read(conn):
            last_version = 19
            while True:
                stop = done.is_set()
                reply = conn.call(wire.OP_GET_DATA, wire.get_data(path))
                assert reply.err == OK, f"getData answered {reply.err}"
                data, stat = wire.parse_reply(wire.OP_GET_DATA, reply.body)
                assert stat.version >= last_version, f"version fell from {last_version} to {stat.version}"
                assert int(data) == stat.version, f"data {data!r} with version {stat.version}"
                last_version = stat.version
                reply = conn.call(wire.OP_EXISTS, wire.exists(path))
                assert reply.err == OK, f"exists answered {reply.err}"
                if stop:
                    return

        together(write, promotion, *[lambda c=c: read(c) for c in readers])
    close(owner, writer, promoter, *readers)


def test_versions_count_writes():
    """Concurrent setData of any version: every success has a version of its own, none is lost or doubled."""
    owner, promoter, *writers = sessions(5)
    for i in rounds():
        root = fresh(owner, upstream=bool(i % 2))
        path = root + "/z"
        assert owner.call(wire.OP_CREATE, wire.create(path)).err == OK
        catch_up(path, promoter, *writers)

        def write(conn):
            versions = []
            for k in range(20):
                reply = conn.call(wire.OP_SET_DATA, wire.set_data(path, b"%d" % k))
                assert reply.err == OK, reply.err
                versions.append(wire.parse_reply(wire.OP_SET_DATA, reply.body).version)
            return versions

        def promotion():
            time.sleep(random.random() * 0.01)
            op, body = SINKS[i % len(SINKS)](path)
            assert promoter.call(op, body).err == OK

        results = together(promotion, *[lambda c=c: write(c) for c in writers])[1:]
        for versions in results:
            assert versions == sorted(versions), versions
        every = sorted(v for versions in results for v in versions)
        assert every == list(range(1, len(every) + 1)), every
    close(owner, promoter, *writers)


def test_compare_and_set_loses_nothing():
    """A counter kept by conditional setData counts every success, through promotions of every kind."""
    owner, promoter, *writers = sessions(5)
    for i in rounds():
        root = fresh(owner, upstream=bool(i % 2))
        path = root + "/z"
        assert owner.call(wire.OP_CREATE, wire.create(path, b"0")).err == OK
        catch_up(path, promoter, *writers)

        def count(conn):
            wins = 0
            for _ in range(25):
                data, stat = wire.parse_reply(wire.OP_GET_DATA, conn.call(wire.OP_GET_DATA, wire.get_data(path)).body)
                reply = conn.call(wire.OP_SET_DATA, wire.set_data(path, b"%d" % (int(data) + 1), stat.version))
                assert reply.err in (OK, BADVERSION), reply.err
                wins += reply.err == OK
            return wins

        def promotion():
            time.sleep(random.random() * 0.01)
            op, body = SINKS[i % len(SINKS)](path)
            assert promoter.call(op, body).err == OK

        wins = sum(together(promotion, *[lambda c=c: count(c) for c in writers])[1:])
        catch_up(path, owner)
        data, stat = wire.parse_reply(wire.OP_GET_DATA, owner.call(wire.OP_GET_DATA, wire.get_data(path)).body)
        assert int(data) == wins == stat.version, f"{data} counted, {wins} successes, version {stat.version}"
    close(owner, promoter, *writers)


def test_a_watch_misses_nothing():
    """A watch set while another session writes tells of a write that comes after what its reader saw."""
    owner, watcher, writer = sessions(3)
    for i in rounds():
        root = fresh(owner, upstream=bool(i % 2))
        path = root + "/z"
        assert owner.call(wire.OP_CREATE, wire.create(path)).err == OK
        catch_up(path, watcher, writer)
        told = threading.Event()

        def write():
            end = time.monotonic() + 10
            while not told.is_set() and time.monotonic() < end:
                assert writer.call(wire.OP_SET_DATA, wire.set_data(path)).err == OK

        def watch():
            try:
                watcher.events.clear()
                reply = watcher.call(wire.OP_GET_DATA, wire.get_data(path, True))
                assert reply.err == OK and not watcher.events, (reply.err, watcher.events)
                event = watcher.recv(8.0)
                assert event.xid == wire.XID_EVENT and wire.event(event.body) == (wire.EVENT_DATA, 3, path), event
            finally:
                told.set()

        together(write, watch)
    close(owner, watcher, writer)


def in_write_behind(function):
    _mount[0] = "/b"
    try:
        function()
    finally:
        _mount[0] = "/m"


def test_reads_never_go_back_in_write_behind():
    in_write_behind(test_reads_never_go_back)


def test_versions_count_writes_in_write_behind():
    in_write_behind(test_versions_count_writes)


def test_compare_and_set_loses_nothing_in_write_behind():
    in_write_behind(test_compare_and_set_loses_nothing)


def test_a_watch_misses_nothing_in_write_behind():
    in_write_behind(test_a_watch_misses_nothing)


if __name__ == "__main__":
    for _name in [name for name in globals() if name.startswith("test_")]:
        globals()[_name] = spared(globals()[_name])
        if KILL:
            globals()[_name] = among_kills(globals()[_name])
    if KILL and not DIRECT:
        test_who_was_closed = who_was_closed
    rig.main(globals(), limit=60 + int(SECONDS * 2) * (ATTEMPTS if KILL else 1))
