"""Cached znodes and flushes, seen from the ensemble: its transaction log, a direct client, and clients of the proxy."""
import random
import time

import rig
import txnlog
import wire
from wire import Conn

FLUSH = 1.0
MARGIN = 0.9                     # two ticks of the proxy's, and this machine's other work
CONFIG = "instances: none\n"
MOUNTS = ["/w=write-behind,flush=1s", "/n=write-behind,flush=never", "/m=pacemaker",
          "/a=write-behind,flush=1s,when-watched=absorb", "/q=write-behind,flush=200ms"]
NONODE, BADVERSION = wire.ERR["NONODE"], wire.ERR["BADVERSION"]


def world():
    def start():
        zk = rig.zookeeper_with("/w", "/n", "/m", "/a", "/q")
        return zk, rig.Pacekeeper(zk.connect_string, config=CONFIG, mounts=MOUNTS).start()
    return rig.shared("world", start)


def client():
    return Conn(world()[1].addr, 20000)


def direct():
    return rig.shared("direct", lambda: Conn(world()[0].addr, 40000))


def create(conn, path, data=b"", **more):
    err = conn.call(wire.OP_CREATE, wire.create(path, data, **more)).err
    assert err == 0, (path, err)


def write(conn, path, data, version=-1):
    reply = conn.call(wire.OP_SET_DATA, wire.set_data(path, data, version))
    return wire.parse_reply(wire.OP_SET_DATA, reply.body) if reply.err == 0 else reply.err


def read(conn, path):
    """(data, version), or the error."""
    reply = conn.call(wire.OP_GET_DATA, wire.get_data(path))
    if reply.err:
        return reply.err
    data, stat = wire.parse_reply(wire.OP_GET_DATA, reply.body)
    return data, stat.version


def make_cached(conn, path, **more):
    """A znode whose writes by conn are absorbed from now on; its version is 1."""
    create(conn, path, **more)
    assert write(conn, path, b"first").version == 1


def log_position():
    direct().call(wire.OP_SYNC, wire.sync("/"))
    return txnlog.last_zxid(world()[0].txnlog_dir)


def transactions(path, after):
    return [t for t in txnlog.read(world()[0].txnlog_dir) if t.zxid > after and path in t.paths]


def flushed(path, data, version, patience=FLUSH + MARGIN):
    rig.eventually(lambda: read(direct(), path) == (data, version), patience, f"{path} flushed as {data}, {version}")


def test_a_flush_is_one_transaction():
    conn = client()
    make_cached(conn, "/w/one")
    start = log_position()
    for i in range(50):
        assert write(conn, "/w/one", b"%d" % i).version == i + 2
    assert read(direct(), "/w/one") == (b"first", 1)
    assert read(client(), "/w/one") == (b"49", 51)
    flushed("/w/one", b"49", 51)
    txns = transactions("/w/one", start)
    assert [t.type for t in txns] == [txnlog.MULTI], txns
    assert txns[0].ops == [(txnlog.SET_DATA, "/w/one")] * 50, txns[0].ops
    time.sleep(FLUSH + MARGIN)
    assert len(transactions("/w/one", start)) == 1, "flushed again without a write"
    conn.close_session()


def test_several_znodes_of_one_session_share_a_flush():
    conn = client()
    paths = [f"/w/several{i}" for i in range(8)]
    for path in paths:
        make_cached(conn, path)
    start = log_position()
    for i in range(5):
        for path in paths:
            write(conn, path, b"%d" % i)
    for path in paths:
        flushed(path, b"4", 6)
    txns = {t.zxid for path in paths for t in transactions(path, start)}
    assert len(txns) <= 2, f"{len(txns)} transactions for {len(paths)} znodes"
    conn.close_session()


def test_flushes_are_spread():
    """Many sessions that begin to beat at the same moment do not flush at the same moment."""
    conns = [client() for _ in range(40)]
    for i, conn in enumerate(conns):
        make_cached(conn, f"/w/spread{i}")
    start, began = log_position(), time.time()
    until = time.monotonic() + 4 * FLUSH
    while time.monotonic() < until:
        for i, conn in enumerate(conns):
            write(conn, f"/w/spread{i}", b"x")
        time.sleep(0.05)
    times = sorted(t.time / 1000 - began for t in txnlog.touching(world()[0].txnlog_dir, "/w", start))
    assert len(times) >= 2 * len(conns), len(times)
    window = FLUSH / 5
    worst = max(sum(t <= other < t + window for other in times) for t in times)
    print(f"  {len(times)} flushes, at most {worst} of {len(conns)} within {window} s")
    assert worst < len(conns) * 0.6, times
    for conn in conns:
        conn.close_session()


def test_a_keep_alive_costs_nothing():
    """Beats of a cached znode keep the session for longer than its timeout, and tell of what others wrote."""
    _zk, proxy = world()
    conn = Conn(proxy.addr, 4000)
    make_cached(conn, "/n/alive")
    before, end, n = proxy.mntr(), time.monotonic() + 6, 0
    while time.monotonic() < end:
        assert conn.call(wire.OP_EXISTS, wire.exists("/n/alive")).err == 0
        assert write(conn, "/n/alive", b"%d" % n).version == n + 2
        n += 1
        time.sleep(0.1)
    after = proxy.mntr()
    assert after["pk_keepalives"] > before["pk_keepalives"]
    assert write(direct(), "/n/alive", b"theirs").version == 2
    end = time.monotonic() + 3
    while time.monotonic() < end and read(direct(), "/n/alive")[0] == b"theirs":
        stat = write(conn, "/n/alive", b"mine")
        time.sleep(0.1)
    found = read(direct(), "/n/alive")
    assert found == (b"mine", 3) and stat.version == 3, (found, stat, "the keep-alive did not see the foreign write")
    conn.close_session()


def test_other_requests_flush_first():
    conn, other = client(), client()
    cases = {
        "multi": (wire.OP_MULTI, lambda p: wire.multi([(wire.OP_CHECK, wire.check(p, 4)),
                                                       (wire.OP_SET_DATA, wire.set_data(p, b"m", 4))])),
        "set": (wire.OP_SET_DATA, lambda p: wire.set_data(p, b"o", 4)),
        "delete": (wire.OP_DELETE, lambda p: wire.delete(p, 4)),
        "acl": (wire.OP_SET_ACL, wire.set_acl),
        "watch": (wire.OP_GET_DATA, lambda p: wire.get_data(p, True)),
        "child watch": (wire.OP_GET_CHILDREN, lambda p: wire.get_children(p, True)),
        "persistent": (wire.OP_ADD_WATCH, lambda p: wire.add_watch(p, 0)),
    }
    for name, (op, body) in cases.items():
        for who, asks in (("self", conn), ("other", other)):
            path = f"/n/{name.replace(' ', '-')}-{who}"
            make_cached(conn, path)
            for i in range(3):
                assert write(conn, path, b"%d" % i).version == i + 2
            assert read(direct(), path) == (b"first", 1), path
            if name == "set" and who == "self":
                continue
            reply = asks.call(op, body(path))
            assert reply.err == 0, (path, reply.err)
            if name == "multi":
                assert not any(r.err for r in wire.parse_reply(op, reply.body)), path
            expected = {"multi": (b"m", 5), "set": (b"o", 5), "delete": NONODE}.get(name, (b"2", 4))
            assert read(direct(), path) == expected, (path, read(direct(), path))
            assert read(conn, path) == read(other, path) == expected, path
    conn.close_session()
    other.close_session()


def test_a_clients_end_flushes():
    """Orderly, by its socket's end, or by a reset: its last words are in the ensemble, although nothing is timed."""
    for way in ("close_session", "close", "abort"):
        conn, path = client(), f"/n/end-{way}"
        make_cached(conn, path)
        for i in range(20):
            conn.send(100 + i, wire.OP_SET_DATA, wire.set_data(path, b"%d" % i))
        if way != "close_session":
            for i in range(20):
                assert conn.recv().xid == 100 + i
        else:
            conn.send(200, wire.OP_CLOSE_SESSION)
            while conn.recv().xid != 200:
                pass
            assert read(direct(), path) == (b"19", 21), "the session's end was answered before the flush"
        getattr(conn, "abort" if way == "abort" else "close")()
        flushed(path, b"19", 21, 2.0)


def test_sync_ends_permits():
    conn = client()
    make_cached(conn, "/n/sync")
    start = log_position()
    assert write(conn, "/n/sync", b"absorbed").version == 2
    assert conn.call(wire.OP_SYNC, wire.sync("/n/sync")).err == 0
    assert write(conn, "/n/sync", b"relayed").version == 3
    assert read(direct(), "/n/sync") == (b"relayed", 3)
    assert len(transactions("/n/sync", start)) >= 1
    conn.close_session()


def test_many_writes_are_flushed_early():
    conn = client()
    make_cached(conn, "/n/early")
    for i in range(1200):
        conn.send(i + 10, wire.OP_SET_DATA, wire.set_data("/n/early", b"%d" % i))
    versions = [wire.parse_reply(wire.OP_SET_DATA, conn.recv().body).version for _ in range(1200)]
    assert versions == list(range(2, 1202))
    rig.eventually(lambda: read(direct(), "/n/early") != (b"first", 1), 3, "a flush of many writes")
    data, version = read(direct(), "/n/early")
    assert version >= 500 and version - 2 == int(data), (data, version)
    conn.close_session()
    flushed("/n/early", b"1199", 1201, 2.0)


def foreign(seed):
    """Direct writes and deletes at random, while a client beats and another reads through the proxy."""
    _zk, proxy = world()
    rng, conn, reader, path = random.Random(seed), client(), client(), f"/q/foreign{seed}"
    before = proxy.mntr()
    create(conn, path, b"p-1")
    number = {"p": -1, "f": -1}           # what the reader saw last of the client's and of the foreign writes
    written = {"p": -1, "f": -1}
    for _ in range(150):
        dice = rng.random()
        if dice < 0.5:
            written["p"] += 1
            stat = write(conn, path, b"p%d" % written["p"])
            if stat == NONODE:
                create(conn, path, b"p%d" % written["p"])
        elif dice < 0.56:
            written["f"] += 1
            if write(direct(), path, b"f%d" % written["f"]) == NONODE:
                create(direct(), path, b"f%d" % written["f"])
        elif dice < 0.58:
            direct().call(wire.OP_DELETE, wire.delete(path))
        elif dice < 0.9:
            found = read(reader, path)
            if found != NONODE:
                kind, n = chr(found[0][0]), int(found[0][1:])
                assert number[kind] <= n <= written[kind], f"{found} after {number}"
                number[kind] = n
        else:
            time.sleep(rng.random() * 0.15)
    time.sleep(MARGIN)
    end = read(direct(), path)
    assert end == read(reader, path) == read(conn, path), (end, read(reader, path), read(conn, path))
    after = proxy.mntr()
    conn.close_session()
    reader.close_session()
    return after["pk_foreign_writes"] - before["pk_foreign_writes"], after["pk_refreshes"] - before["pk_refreshes"]


def test_foreign_writes_and_deletes():
    noticed, absorbed = zip(*[foreign(seed) for seed in range(6)])
    print(f"  {sum(noticed)} cached znodes ended by foreign writes, {sum(absorbed)} writes absorbed")
    assert sum(noticed) > 5 and sum(absorbed) > 100


def test_when_watched():
    """relay: a watch ends absorbing and sees each write; absorb: it sees the flushes."""
    for root, absorbs in (("/w", False), ("/a", True)):
        conn, watcher, path = client(), client(), f"{root}/watched"
        make_cached(conn, path)
        assert watcher.call(wire.OP_ADD_WATCH, wire.add_watch(root, 1)).err == 0
        start = log_position()
        for i in range(30):
            assert write(conn, path, b"%d" % i).version == i + 2
            time.sleep(0.05)
        flushed(path, b"29", 31)
        txns = transactions(path, start)
        watcher.events.clear()
        events = [e for e in watcher.drain_events(0.5) if e[2] == path]
        print(f"  {root}: {len(txns)} transactions, {len(events)} events")
        assert (len(txns) < 6 if absorbs else len(txns) == 30), len(txns)
        assert len(events) >= len(txns) and all(e[0] == 3 for e in events)
        watcher.close_session()
        conn.close_session()


if __name__ == "__main__":
    rig.main(globals())
