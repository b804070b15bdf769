"""What others do while one client, or one server, is at its worst: how long their requests take.

Happy path: a measure takes an ensemble and the proxy before it, has somebody misbehave, and times the requests of those
who have nothing to do with it; Times has them, whatever became of the measure. tests/integration/test_patience.py asks
that they are short, `make bench` compares builds.
"""
import re
import threading
import time

import preload
import rig
import wire
from wire import Conn

MOUNTS = ("/m=pacemaker", "/v=write-behind,flush=1min")
ARRIVAL_MS = 300000     # the timeout of sessions that arrive at a slow server
FAILED = (AssertionError, OSError, ValueError)  # what a client sees of a session that is lost, or of no answer


def ok(conn, op, body, timeout=15.0):
    reply = conn.call(op, body, timeout=timeout)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return wire.parse_reply(op, reply.body)


def make_parents(addr):
    conn = Conn(addr)
    for mount in MOUNTS:
        ok(conn, wire.OP_CREATE, wire.create(mount.split("=")[0]))
    conn.close_session()


def sessions_at(server):
    return {int(sid, 16) for sid in re.findall(r"sid=0x([0-9a-f]+)", rig.words(server.addr, "cons"))}


def attached(proxy, server, timeout_ms, there=True):
    """A client whose session is at this server (there=False: at another one), and may be answered from memory. Who hung
    in the test before has been found to serve again."""
    rig.eventually(lambda: proxy.mntr()["pk_upstream_servers_up"] == 3, 15, "three servers that serve")
    for _ in range(60):
        conn = Conn(proxy.addr, timeout_ms)
        ok(conn, wire.OP_EXISTS, wire.exists("/"))
        if (conn.session in sessions_at(server)) == there:
            return conn
        conn.close_session()
    raise AssertionError("60 clients, none of them at that server")


class Times:
    """How long requests take; one that is not answered counts for as long as it was waited for."""

    def __init__(self):
        self.seconds = []

    def call(self, conn, op, body, timeout=15.0):
        began = time.monotonic()
        try:
            ok(conn, op, body, timeout)
        finally:
            self.seconds.append(time.monotonic() - began)

    def beat(self, conn, path, data):
        self.call(conn, wire.OP_EXISTS, wire.exists(path))
        self.call(conn, wire.OP_SET_DATA, wire.set_data(path, data))

    def p99(self):
        ordered = sorted(self.seconds)
        return ordered[(len(ordered) - 1) * 99 // 100]

    def within(self, bound, what):
        worst = max(self.seconds)
        print(f"  {what}: {len(self.seconds)} requests, p99 {self.p99() * 1000:.1f} ms, worst {worst * 1000:.1f} ms")
        assert worst < bound, f"{what}: a request took {worst:.1f} s"


class Hanging:
    """A follower that hangs while this lasts."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.server.freeze()

    def __exit__(self, *_):
        self.server.thaw()


def hanging_server(ensemble, proxy, beats, births, seconds=5):
    """A monitor at a server that hangs asks for a watch; the owner, elsewhere and with a timeout of 6 s, goes on, and there
    are first beats. Returns the monitor, who is owed the answer to his request 7, and the owner."""
    server = ensemble.followers()[0]
    monitor = attached(proxy, server, 40000)
    owner = attached(proxy, server, 6000, there=False)
    ok(owner, wire.OP_CREATE, wire.create("/m/t"))
    ok(owner, wire.OP_CREATE, wire.create("/m/t/w", b"beat"))
    with Hanging(server):
        monitor.send(7, wire.OP_GET_DATA, wire.get_data("/m/t/w", True))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            beats.beat(owner, "/m/t/w", b"beat %d" % len(beats.seconds))
            births.call(owner, wire.OP_CREATE, wire.create(f"/m/t/new{len(births.seconds)}", b"first beat"))
            time.sleep(0.02)
    return monitor, owner


def hanging_writer(ensemble, proxy, times):
    """Absorbed writes of a client at a server that hangs; others set, delete and watch the same znodes. Returns the
    writer, the others, and the data that the last of them read."""
    server = ensemble.followers()[0]
    owner = attached(proxy, server, 30000)
    others = [attached(proxy, server, 10000, there=False) for _ in range(3)]
    paths = ["/v/a", "/v/b", "/v/c"]
    for path in paths:
        ok(others[0], wire.OP_CREATE, wire.create(path))
        for n in range(3):
            ok(owner, wire.OP_SET_DATA, wire.set_data(path, b"%d" % n))
    assert int(proxy.mntr()["pk_dirty"]) == 3, proxy.mntr()
    requests = ((wire.OP_SET_DATA, wire.set_data("/v/a", b"another's")), (wire.OP_DELETE, wire.delete("/v/b")),
                (wire.OP_GET_DATA, wire.get_data("/v/c", True)))
    with Hanging(server):
        began = time.monotonic()
        for conn, (op, body) in zip(others, requests):
            conn.send(9, op, body)
        for conn in others:
            try:
                reply = conn.recv(20)
            finally:
                times.seconds.append(time.monotonic() - began)
            assert reply and (reply.xid, reply.err) == (9, 0), reply
    return owner, others, wire.parse_reply(wire.OP_GET_DATA, reply.body)[0]


def filled(conn, parent, znodes, version):
    """Local znodes of this version, a pipeline each."""
    ok(conn, wire.OP_CREATE, wire.create(parent))
    for n in range(znodes):
        path = f"{parent}/w{n}"
        ok(conn, wire.OP_CREATE, wire.create(path))
        conn.send_raw(wire.frame(5, wire.OP_SET_DATA, wire.set_data(path, b"beat")) * version)
        for _ in range(version):
            assert conn.recv_frame() is not None


def recursive_watch(proxy, parent, znodes, version, beats):
    """A recursive watch above so many znodes of this version, and beats there until it stands, which took so many seconds."""
    owner, monitor = Conn(proxy.addr, 10000), Conn(proxy.addr, 60000)
    filled(owner, parent, znodes, version)
    ok(monitor, wire.OP_EXISTS, wire.exists("/"))
    monitor.send(7, wire.OP_ADD_WATCH, wire.add_watch(parent, 1))
    n, answer = 0, None
    began = time.monotonic()
    while answer is None and time.monotonic() - began < 60:
        beats.beat(owner, f"{parent}/w{n * 37 % znodes}", b"%d" % n)
        n += 1
        try:
            answer = monitor.recv(0.005)
        except TimeoutError:
            continue
    assert answer is not None and answer.err == 0, answer
    took = time.monotonic() - began
    owner.close_session()
    monitor.close_session()
    return took


class Flood(threading.Thread):
    """A client that has so many requests of a kind under way until it is told to end."""

    def __init__(self, addr, op, body, pipelined=3000):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.conn, self.pipelined = Conn(addr, 30000), pipelined
        self.frames = wire.frame(5, op, body) * pipelined
        ok(self.conn, wire.OP_EXISTS, wire.exists("/"))

    def run(self):
        self.conn.sock.settimeout(30)
        try:
            while not self.over.is_set():
                self.conn.send_raw(self.frames)
                left = self.pipelined
                while left > 0 and self.conn.recv_frame(30) is not None:
                    left -= 1
        except OSError:
            pass

    def end(self):
        self.over.set()
        self.join(60)
        self.conn.close()


def huge_multi(parent):
    """A multi of a megabyte: checks of znodes that nobody has made."""
    def check(n):
        return wire.OP_CHECK, wire.string(f"{parent}/{n:08d}") + wire.i32(-1)

    each = len(wire.multi([check(0)])) - len(wire.multi([]))
    return wire.multi(check(n) for n in range(1000000 // each))


def flooded(proxy, op, body, beats, seconds=3, pipelined=3000):
    """Beats of one client while another one floods the proxy with a request."""
    owner = Conn(proxy.addr, 10000)
    ok(owner, wire.OP_CREATE, wire.create("/m/beaten", b"x"))
    flood = Flood(proxy.addr, op, body, pipelined)
    flood.start()
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            beats.beat(owner, "/m/beaten", b"beat")
            time.sleep(0.005)
    finally:
        flood.end()
    ok(owner, wire.OP_DELETE, wire.delete("/m/beaten"))
    owner.close_session()


def slow_server():
    """A server whose disk takes 400 ms for each fsync. Its queue of connections has room for all who come at once, and no
    session expires before the last one has come."""
    return rig.ZooKeeper(jvm=["-Dzookeeper.forceSync=yes"], env=preload.into("slow_disk", SLOW_DISK_MS="400"),
                         extra_cfg=f"clientPortListenBacklog=4096\nmaxSessionTimeout={ARRIVAL_MS}").start()


def arrive(addr, sessions):
    """So many clients ask for a session at once; the seconds until all have one."""
    began = time.monotonic()
    conns = [Conn(addr, ARRIVAL_MS, connect=False, source=f"127.0.0.{2 + n % 8}") for n in range(sessions)]
    for conn in conns:
        conn.send_frame(wire.connect_request(ARRIVAL_MS))
    for conn in conns:
        conn.read_handshake(150)
    took = time.monotonic() - began
    assert all(conn.session for conn in conns)
    for conn in conns:
        conn.close()
    return took
