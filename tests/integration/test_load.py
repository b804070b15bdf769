"""Many at once and much at once: local creates that race, listings of megabytes, a frozen ensemble, a stop under
load.
"""
import threading
import time

import rig
import wire
from wire import Conn

CHILDREN = 25000


def setup():
    zk = rig.zookeeper_with("/m", "/r", "/big", jvm=["-Xmx600m"])
    return zk, rig.Pacekeeper(zk.connect_string, mounts=["/m=pacemaker", "/big=pacemaker"]).start()


def both():
    return rig.shared("setup", setup)


def fill(conn, path, count):
    """Makes that many children, a thousand in each transaction."""
    for first in range(0, count, 1000):
        ops = [(wire.OP_CREATE, wire.create(f"{path}/a-rather-long-name-of-a-child-{n:06}"))
               for n in range(first, first + 1000)]
        assert conn.call(wire.OP_MULTI, wire.multi(ops), timeout=20).err == 0


def names_of(conn, path):
    return wire.parse_reply(wire.OP_GET_CHILDREN2,
                            conn.call(wire.OP_GET_CHILDREN2, wire.get_children2(path), timeout=20).body)


def test_listings_of_megabytes():
    zk, proxy = both()
    direct = Conn(zk.addr, 20000)
    for path in ("/r/list", "/big/list"):
        assert direct.call(wire.OP_CREATE, wire.create(path)).err == 0
        fill(direct, path, CHILDREN)
    conn, other = Conn(proxy.addr, 20000), Conn(proxy.addr, 20000)
    expected = names_of(direct, "/r/list")
    assert len(expected[0]) == CHILDREN
    got = names_of(conn, "/r/list")
    assert got == expected, "a relayed listing differs"
    got = names_of(conn, "/big/list")
    assert sorted(got[0]) == sorted(expected[0])
    for n in range(5):
        assert conn.call(wire.OP_CREATE, wire.create(f"/big/list/local{n}", b"x")).err == 0
    merged = names_of(other, "/big/list")
    assert sorted(merged[0]) == sorted(expected[0] + [f"local{n}" for n in range(5)])
    assert merged[1].numChildren == CHILDREN + 5 and merged[1].cversion == got[1].cversion + 5, merged[1]
    assert len(names_of(direct, "/big/list")[0]) == CHILDREN
    other.send_raw(b"".join(wire.frame(n, wire.OP_GET_CHILDREN2, wire.get_children2(path))
                            for n, path in enumerate(("/big/list", "/r/list", "/m") * 3)))
    for n in range(9):
        reply = other.recv(20)
        assert (reply.xid, reply.err) == (n, 0)
        count = len(wire.parse_reply(wire.OP_GET_CHILDREN2, reply.body)[0])
        assert n % 3 == 2 or count == CHILDREN + 5 * (n % 3 == 0), (n, count)
    for c in (direct, conn, other):
        c.close_session()


def test_local_creates_race():
    """Of many creates of one path exactly one succeeds, whatever kinds of request they are."""
    _, proxy = both()
    conns = [Conn(proxy.addr, 20000) for _ in range(12)]
    rounds = 60
    assert conns[0].call(wire.OP_CREATE, wire.create("/m/race")).err == 0
    for n in range(rounds):
        path = f"/m/race/{n}"
        plain = wire.frame(n, wire.OP_CREATE, wire.create(path, b"x"))
        kinds = [plain] * len(conns)
        if n % 3 == 1:
            kinds[n % len(conns)] = wire.frame(n, wire.OP_MULTI, wire.multi([(wire.OP_CREATE, wire.create(path))]))
        if n % 3 == 2:
            kinds[n % len(conns)] = wire.frame(n, wire.OP_CREATE, wire.create(path, b"", flags=1))
        for conn, request in zip(conns, kinds):
            conn.send_raw(request)
        won = 0
        for i, conn in enumerate(conns):
            reply = conn.recv(10)
            assert reply.xid == n
            err = reply.err
            if n % 3 == 1 and i == n % len(conns):
                err = wire.parse_reply(wire.OP_MULTI, reply.body)[0].err
            assert err in (0, wire.ERR["NODEEXISTS"]), (n, i, err)
            won += err == 0
        assert won == 1, f"{won} creates of {path} succeeded"
    reply = conns[0].call(wire.OP_GET_CHILDREN2, wire.get_children2("/m/race"))
    names, stat = wire.parse_reply(wire.OP_GET_CHILDREN2, reply.body)
    assert len(names) == stat.numChildren == stat.cversion == rounds, (len(names), stat)
    for conn in conns:
        conn.close_session()


def test_many_writers_of_one_znode():
    """Versions count every write of everybody once, with promotions in between."""
    _, proxy = both()
    conns = [Conn(proxy.addr, 20000) for _ in range(8)]
    assert conns[0].call(wire.OP_CREATE, wire.create("/m/shared", b"")).err == 0
    problems = []

    def write(conn, me):
        mine = []
        for n in range(100):
            op, body = wire.OP_SET_DATA, wire.set_data("/m/shared", b"%d %d" % (me, n))
            if me == 3 and n % 25 == 24:
                op, body = wire.OP_EXISTS, wire.exists("/m/shared", True)
            reply = conn.call(op, body, timeout=10)
            if reply.err:
                problems.append(reply.err)
            elif op == wire.OP_SET_DATA:
                mine.append(wire.parse_reply(op, reply.body).version)
        versions.append(mine)

    versions = []
    threads = [threading.Thread(target=write, args=(c, i), daemon=True) for i, c in enumerate(conns)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not problems and len(versions) == 8, (problems, len(versions))
    seen = sorted(v for mine in versions for v in mine)
    assert seen == list(range(1, len(seen) + 1)), "a version was given twice or left out"
    assert all(mine == sorted(mine) for mine in versions)
    for conn in conns:
        conn.close_session()


def test_a_frozen_ensemble():
    """A short freeze passes unnoticed by a client that beats; a long one ends its connection in time."""
    zk = rig.zookeeper_with("/m", "/r", tick=500)
    proxy = rig.Pacekeeper(zk.connect_string).start()
    timeout = 3.0
    conn = Conn(proxy.addr, int(timeout * 1000))
    assert conn.call(wire.OP_CREATE, wire.create("/m/w", b"")).err == 0
    assert conn.call(wire.OP_CREATE, wire.create("/r/e", b"", flags=1)).err == 0

    def beat(seconds):
        """Beats for so long; the time after which the connection ended, None while it lives."""
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            try:
                assert conn.call(wire.OP_SET_DATA, wire.set_data("/m/w", b"x"), timeout=10).err == 0
            except wire.Closed:
                return time.monotonic() - start
            time.sleep(0.05)
        return None

    assert beat(1) is None
    zk.freeze()
    assert beat(timeout / 3) is None, "a short freeze ended the connection"
    zk.thaw()
    assert beat(timeout) is None
    assert conn.call(wire.OP_EXISTS, wire.exists("/r/e")).err == 0
    zk.freeze()
    ended = beat(3 * timeout)
    zk.thaw()
    assert ended is not None and ended < timeout * (2 / 3 + 1 / 6) + 1.0, ended
    assert proxy.stop() == 0
    zk.stop()


def test_stop_under_load():
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string).start()
    conns = [Conn(proxy.addr, 20000) for _ in range(10)]
    over = threading.Event()

    def work(conn, n):
        try:
            conn.call(wire.OP_CREATE, wire.create(f"/m/stop{n}", b""))
            while not over.is_set():
                conn.send_raw(b"".join(wire.frame(i, wire.OP_SET_DATA, wire.set_data(f"/m/stop{n}", b"y" * 1000)) +
                                       wire.frame(i, wire.OP_GET_DATA, wire.get_data("/r")) for i in range(20)))
                for _ in range(40):
                    if conn.recv(10) is None:
                        return
        except (OSError, wire.Closed):
            pass

    threads = [threading.Thread(target=work, args=(c, n), daemon=True) for n, c in enumerate(conns)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    start = time.monotonic()
    assert proxy.stop() == 0
    assert time.monotonic() - start < 5
    over.set()
    for thread in threads:
        thread.join(15)
        assert not thread.is_alive(), "a client was not told of the end"


if __name__ == "__main__":
    rig.main(globals())
