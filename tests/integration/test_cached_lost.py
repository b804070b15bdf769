"""Cached znodes whose writer, proxy, way or server is lost: ephemerals live exactly as long as their sessions, and what
was acknowledged gets to the ensemble or is no older than the flush interval and a beat.
"""
import os
import sys
import time

import rig
import wire
from beaters import Beaters, Reader
from relay import Relay
from wire import Closed, Conn

FLUSH, BEAT, MARGIN = 1.0, 0.1, 1.0
CONFIG = "instances: none\n"
MOUNTS = [f"/w=write-behind,flush={int(FLUSH * 1000)}ms", "/n=write-behind,flush=never"]
TICK = 1.0
NONODE = wire.ERR["NONODE"]
BEATER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "beater_ephemeral.py")


def start(zk, port=0, more=""):
    return rig.Pacekeeper(zk.connect_string, config=CONFIG + more, mounts=MOUNTS, listen=f"127.0.0.1:{port}").start()


def world():
    def make():
        zk = rig.zookeeper_with("/w", "/n", tick=int(TICK * 1000))
        return zk, start(zk)
    return rig.shared("world", make)


def read(addr_or_conn, path):
    conn = addr_or_conn if isinstance(addr_or_conn, Conn) else Conn(addr_or_conn, 20000)
    reply = conn.call(wire.OP_GET_DATA, wire.get_data(path))
    if conn is not addr_or_conn:
        conn.close_session()
    if reply.err:
        return reply.err
    data, stat = wire.parse_reply(wire.OP_GET_DATA, reply.body)
    return data, stat.version


def make_cached(conn, path, writes, flags=0):
    """A znode with that many absorbed writes: the newest is its number, one below the version."""
    assert conn.call(wire.OP_CREATE, wire.create(path, b"", flags=flags)).err == 0
    for i in range(writes + 1):
        reply = conn.call(wire.OP_SET_DATA, wire.set_data(path, b"%d" % i))
        assert wire.parse_reply(wire.OP_SET_DATA, reply.body).version == i + 1
    assert read(world()[0].addr, path) == (b"0", 1), "not absorbed"


def expect_kept(zk, beaters):
    """Of each what was acknowledged is in the ensemble, or what he wrote later: now, since nothing is on its way."""
    for beater in beaters.all:
        found = read(zk.addr, beater.path)
        assert beater.kept(found[0]), (beater.path, found, beater.newest(), beater.number)


def test_kill_of_a_client_with_an_ephemeral():
    """Its last beat is flushed at once; the ephemeral goes when its session does, on both sides at the same time."""
    zk, proxy = world()
    path, log = "/n/dying", os.path.join(rig.temp_dir(), "log")
    process = rig.Process([sys.executable, BEATER, str(proxy.port), path, "4000", "0.1"], log).start()
    rig.eventually(lambda: process.log().count("\n") > 20, 10, "the beater beating")
    process.kill()
    killed = time.monotonic()
    last = int(process.log().split("\n")[-2])
    rig.eventually(lambda: read(zk.addr, path)[0] in (b"%d" % last, b"%d" % (last + 1)), 2, "the last beat flushed")
    through, direct = Conn(proxy.addr, 20000), Conn(zk.addr, 20000)
    rig.eventually(lambda: read(direct, path) == NONODE, 10, "the ephemeral's end")
    lived = time.monotonic() - killed
    assert read(through, path) == NONODE
    print(f"  the ephemeral lived for {lived:.1f} s")
    assert 4 * 5 / 6 - 0.3 < lived < 4 + 2 * TICK + 0.5, lived
    assert rig.eventually(lambda: proxy.mntr()["pk_cached_znodes"] == 0, 2 * FLUSH + 10, "no cached znode left") is True
    through.close_session()
    direct.close_session()


def test_kill_of_the_proxy_with_ephemerals():
    """The sessions come back through another one: no ephemeral is lost, and when they end they all go."""
    zk, other = world()
    proxy = start(zk)
    beaters = Beaters([f"/w/e{i}" for i in range(10)], BEAT, flags=wire.EPHEMERAL).begin(proxy.addr)
    direct = Reader("direct", beaters, zk.addr, lag=FLUSH + BEAT + MARGIN, pause=0.02)
    time.sleep(FLUSH + 0.5)
    with beaters.lock:
        proxy.kill()
        for beater in beaters.all:
            beater.addr = other.addr
    time.sleep(FLUSH + 0.5)
    beaters.settle()
    beaters.stop()
    direct.stop(100)
    assert beaters.reconnects >= 10
    conn = Conn(other.addr, 20000)
    for beater in beaters.all:
        assert beater.kept(read(conn, beater.path)[0])
    for beater in beaters.all:
        beater.conn.close_session()
        assert read(conn, beater.path) == NONODE and read(zk.addr, beater.path) == NONODE
    conn.close_session()


def test_kill_of_the_server():
    """It comes back with its data: sessions, ephemerals and the beats that were absorbed, and clients that were closed."""
    zk = rig.zookeeper_with("/w", "/n")
    proxy = start(zk, more="\nhold: false\n")
    beaters = Beaters([f"/w/s{i}" for i in range(5)], BEAT).begin(proxy.addr)
    ephemerals = Beaters([f"/w/se{i}" for i in range(5)], BEAT, flags=wire.EPHEMERAL).begin(proxy.addr)
    readers = [Reader("through", b, proxy.addr) for b in (beaters, ephemerals)]
    silent = Conn(proxy.addr, 30000)
    for i in range(9):
        if i == 0:
            assert silent.call(wire.OP_CREATE, wire.create("/n/silent", b"")).err == 0
        assert silent.call(wire.OP_SET_DATA, wire.set_data("/n/silent", b"%d" % i)).err == 0
    time.sleep(FLUSH + 0.3)
    zk.restart()
    assert silent.recv(5) is None
    rig.eventually(lambda: all(b.reconnects >= 5 for b in (beaters, ephemerals)), 20, "the beaters back")
    for b in (beaters, ephemerals):
        b.settle()
    rig.eventually(lambda: read(zk.addr, "/n/silent") == (b"8", 9), 10, "what a client left behind is flushed")
    for b, reader in zip((beaters, ephemerals), readers):
        b.stop()
        reader.stop(50)
    rig.eventually(lambda: proxy.mntr()["pk_dirty"] == 0, 20, "all flushed")
    for b in (beaters, ephemerals):
        expect_kept(zk, b)
        b.close()
    assert proxy.mntr()["pk_writes_dropped"] == 0
    assert proxy.stop() == 0


def test_a_cut_way():
    """Client and server live, the way between proxy and server is cut again and again: nothing acknowledged is lost."""
    zk = world()[0]
    way = Relay(zk.addr).start()
    proxy = start(way)
    beaters = Beaters([f"/n/cut{i}" for i in range(8)], 0.02).begin(proxy.addr)
    reader = Reader("through", beaters, proxy.addr)
    for i in range(8):
        time.sleep(0.4)
        way.cut(refuse=i % 2 == 1)
        time.sleep(0.1)
        way.allow()
    beaters.settle()
    beaters.stop()
    reader.stop(100)
    beaters.close()
    rig.eventually(lambda: proxy.mntr()["pk_dirty"] == 0, 20, "all flushed")
    assert beaters.reconnects > 16, beaters.reconnects
    expect_kept(zk, beaters)
    figures = proxy.mntr()
    print(f"  {beaters.reconnects} reconnects, {figures['pk_service_sessions']} service sessions, "
          f"{figures['pk_flushes']} flushes")
    assert figures["pk_writes_dropped"] == 0
    assert proxy.stop() == 0


def test_a_stalled_way():
    """The way is silent while cached znodes are dirty: the client is told in time, comes back, and nothing is lost."""
    zk = world()[0]
    way = Relay(zk.addr).start()
    proxy = start(way)
    conn = Conn(proxy.addr, 4000)
    make_cached(conn, "/n/stalled", 5)
    way.stall()
    ended, began = None, time.monotonic()
    while ended is None and time.monotonic() - began < 8:
        try:
            assert conn.call(wire.OP_SET_DATA, wire.set_data("/n/stalled", b"late")).err == 0
            time.sleep(0.1)
        except (Closed, OSError):
            ended = time.monotonic() - began
    assert ended is not None and ended < 4, f"the client went on for {ended} s with a dead uplink"
    way.cut()
    way.allow()
    rig.eventually(lambda: read(zk.addr, "/n/stalled")[0] == b"late", 10, "flushed by the service session")
    data, version = read(zk.addr, "/n/stalled")
    print(f"  the client heard of it after {ended:.1f} s; version {version}")
    assert version > 10
    assert proxy.stop() == 0


def test_a_stop_flushes():
    """SIGTERM: what is dirty is in the ensemble when the process has ended, ephemerals too; their sessions live on."""
    zk = world()[0]
    proxy = start(zk)
    conns = [Conn(proxy.addr, 20000) for _ in range(10)]
    for i, conn in enumerate(conns):
        make_cached(conn, f"/n/stop{i}", 20, flags=i % 2)
    assert proxy.stop() == 0
    for i in range(len(conns)):
        assert read(zk.addr, f"/n/stop{i}") == (b"20", 21), i


if __name__ == "__main__":
    rig.main(globals())
