"""Bounds: whatever one client does, the others do not notice. A bystander beats during every test."""
import re
import socket
import struct
import threading
import time

import rig
import wire
from wire import Closed, Conn

MAX_FRAME = 0xfffff
IDLE = 3000


def setup():
    zk = rig.zookeeper_with("/m", "/r", jvm=["-Xmx512m"])
    config = "handshake-timeout: 1s\nmax-connections-per-address: 0\n"
    return zk, rig.Pacekeeper(zk.connect_string, config=config).start()


def both():
    return rig.shared("setup", setup)


class Bystander:
    """Beats and reads through the proxy while something goes on; its session must not suffer."""

    count = 0

    def __init__(self, addr, slowest=2.0):
        Bystander.count += 1
        self.path = f"/m/bystander{Bystander.count}"
        self.relayed = f"/r/bystander{Bystander.count}"
        self.conn = Conn(addr, 4000)
        self.slowest_allowed, self.slowest, self.rounds = slowest, 0.0, 0
        self.problem = None
        self.over = threading.Event()
        assert self.conn.call(wire.OP_CREATE, wire.create(self.path, b"")).err == 0
        assert self.conn.call(wire.OP_CREATE, wire.create(self.relayed, b"", flags=1)).err == 0

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self):
        try:
            while not self.over.is_set():
                start = time.monotonic()
                for op, body in ((wire.OP_EXISTS, wire.exists(self.path)),
                                 (wire.OP_SET_DATA, wire.set_data(self.path, b"%d" % self.rounds)),
                                 (wire.OP_EXISTS, wire.exists(self.relayed))):
                    assert self.conn.call(op, body).err == 0
                self.rounds += 1
                self.slowest = max(self.slowest, time.monotonic() - start)
                time.sleep(0.01)
        except Exception as e:
            self.problem = e

    def __exit__(self, kind, value, trace):
        seen, end = self.rounds, time.monotonic() + 10
        while self.rounds < seen + 5 and self.problem is None and time.monotonic() < end:
            time.sleep(0.01)
        self.over.set()
        self.thread.join(10)
        if kind is None:
            assert self.problem is None, f"the bystander: {self.problem!r}"
            assert self.rounds >= 5 and self.slowest < self.slowest_allowed, (self.rounds, self.slowest)
            self.conn.close_session()


def closed_by_peer(s, seconds=4):
    """True when the connection ends within so many seconds; what comes before is thrown away."""
    end = time.monotonic() + seconds
    s.settimeout(0.2)
    while time.monotonic() < end:
        try:
            if not s.recv(65536):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def test_malformed_first_bytes():
    _, proxy = both()
    connect = wire.connect_request(10000)
    before = proxy.mntr()["pk_closed_malformed"]
    cases = {
        "negative length": wire.i32(-1), "zero length": wire.i32(0), "huge length": wire.i32(0x7fffffff),
        "a byte too much": wire.i32(MAX_FRAME + 1), "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "unknown word": b"abcd", "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 512,
        "truncated connect": wire.i32(20) + connect[:20],
        "password length": wire.i32(45) + connect[:24] + wire.i32(1 << 30) + connect[28:],
        "negative password length": wire.i32(45) + connect[:24] + wire.i32(-7) + connect[28:],
        "zeros": b"\0" * 4096, "ff": b"\xff" * 4096,
    }
    with Bystander(proxy.addr):
        for name, data in cases.items():
            with socket.create_connection(proxy.addr, 5) as s:
                try:
                    s.sendall(data)
                except ConnectionError:
                    pass
                assert closed_by_peer(s), name
    assert proxy.mntr()["pk_closed_malformed"] - before >= 8


def test_malformed_after_the_handshake():
    zk, proxy = both()
    cases = {
        "negative length": wire.i32(-1), "huge length": wire.i32(MAX_FRAME + 1), "four-letter word": b"ruok",
        "short header": wire.i32(4) + wire.i32(7), "empty frame": wire.i32(0),
        "second connect": wire.i32(45) + wire.connect_request(10000),
        "garbage": bytes(range(255, -1, -1)) * 8,
        "event from a client": wire.frame(1, 0), "createSession": wire.frame(1, wire.OP_CREATE_SESSION, b"\0" * 8),
        "deleteContainer": wire.frame(1, wire.OP_DELETE_CONTAINER, wire.buf(b"/r")),
        "check": wire.frame(1, wire.OP_CHECK, wire.check("/r", 5)),
    }
    with Bystander(proxy.addr):
        for name, data in cases.items():
            conn = Conn(proxy.addr)
            conn.send_raw(data)
            assert closed_by_peer(conn.sock), name
    assert zk.mode() == "standalone"


def test_bodies_that_do_not_decode_are_answered():
    """A header with a broken body costs an error, not the connection, as on a server."""
    zk, proxy = both()
    ops = (wire.OP_CREATE, wire.OP_DELETE, wire.OP_EXISTS, wire.OP_GET_DATA, wire.OP_SET_DATA, wire.OP_GET_CHILDREN,
           wire.OP_GET_CHILDREN2, wire.OP_MULTI, wire.OP_CREATE2, wire.OP_SET_WATCHES, wire.OP_ADD_WATCH,
           wire.OP_REMOVE_WATCHES, wire.OP_GET_ACL, wire.OP_SET_ACL, wire.OP_CREATE_TTL, wire.OP_MULTI_READ)
    bodies = (b"", b"\0", wire.i32(-7), wire.i32(1 << 30) + b"/m/x", wire.i32(4) + b"/m", wire.string("/m/x"),
              wire.string("/m/x") + wire.i32(-2), wire.string("/m/x") + wire.i32(99) + b"abc", wire.string(None))
    with Bystander(proxy.addr):
        control, conn = Conn(zk.addr), Conn(proxy.addr)
        for op in ops:
            for body in bodies:
                expected, got = control.call(op, body).err, conn.call(op, body).err
                assert got == expected, f"{wire.OP_NAMES[op]} {body!r}: {got} instead of {expected}"
        control.close_session()
        conn.close_session()


def test_frames_up_to_the_limit_pass():
    _, proxy = both()
    conn = Conn(proxy.addr)
    for path in ("/r/full", "/m/full"):
        room = MAX_FRAME - 8 - len(wire.create(path, b""))
        reply = conn.call(wire.OP_CREATE, wire.create(path, b"z" * room))
        assert reply.err == 0, reply.err
        data = wire.parse_reply(wire.OP_GET_DATA, conn.call(wire.OP_GET_DATA, wire.get_data(path)).body)[0]
        assert data == b"z" * room
    conn.close_session()


def test_a_client_that_sends_a_byte_an_hour():
    _, proxy = both()
    with Bystander(proxy.addr):
        sockets = [socket.create_connection(proxy.addr, 5) for _ in range(49)]
        for i, s in enumerate(sockets):
            s.sendall((wire.i32(45) + wire.connect_request(10000))[:i])
        start = time.monotonic()
        for s in sockets:
            assert closed_by_peer(s, 4), "the handshake's time does not end"
            s.close()
        assert 0.3 < time.monotonic() - start < 4


def test_a_frame_that_never_ends():
    """After the handshake a client may stop in the middle of a frame: its session dies, nobody else's."""
    _, proxy = both()
    with Bystander(proxy.addr):
        conns = [Conn(proxy.addr, 4000) for _ in range(20)]
        for n, conn in enumerate(conns):
            conn.send_raw(wire.i32(1000000) + b"x" * n * 1000)
        time.sleep(0.5)
        for conn in conns:
            conn.abort()


def test_a_client_that_does_not_read():
    _, proxy = both()
    with Bystander(proxy.addr):
        deaf = Conn(proxy.addr)
        assert deaf.call(wire.OP_CREATE, wire.create("/m/deaf", b"d" * 100000)).err == 0
        assert deaf.call(wire.OP_CREATE, wire.create("/r/deaf", b"d" * 100000)).err == 0
        deaf.sock.settimeout(1)
        try:
            for i in range(2000):
                deaf.send(i, wire.OP_GET_DATA, wire.get_data(("/m/deaf", "/r/deaf")[i % 8 == 0]))
        except TimeoutError:
            pass
        time.sleep(0.5)
        deaf.abort()


def test_random_garbage():
    import random
    rng = random.Random(42)
    _, proxy = both()
    with Bystander(proxy.addr):
        for n in range(150):
            junk = rng.randbytes(rng.choice((1, 4, 7, 60, 600)))
            if n % 3 == 0:
                with socket.create_connection(proxy.addr, 5) as s:
                    s.sendall(junk)
                continue
            conn = Conn(proxy.addr)
            conn.send_raw(junk if n % 3 == 1 else wire.frame(n, rng.randrange(-12, 110), junk))
            conn.close()
    assert proxy.running()


def test_thousands_of_idle_connections():
    _, proxy = both()
    figures = proxy.mntr()
    sockets = []
    with open(f"/proc/{proxy.pid}/status") as f:
        before = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    with Bystander(proxy.addr, slowest=3.0):
        request = wire.i32(45) + wire.connect_request(30000)
        for n in range(IDLE):
            s = socket.create_connection(proxy.addr, 10)
            s.sendall(request)
            sockets.append(s)
            if n % 200 == 199:
                for other in sockets[-200:]:
                    other.settimeout(10)
                    answer = other.recv(100)
                    assert len(answer) == 41, f"connection {n}: {answer!r}"
        now = proxy.mntr()
        assert now["pk_sessions"] - figures["pk_sessions"] >= IDLE, now
        with open(f"/proc/{proxy.pid}/status") as f:
            after = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
        print(f"  {(after - before) / IDLE:.2f} KiB resident per idle connection")
        time.sleep(0.5)
        for s in sockets:
            s.close()
    rig.eventually(lambda: proxy.mntr()["pk_sessions"] <= figures["pk_sessions"], 10, "all of them closed")


def test_limit_of_file_descriptors():
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string, wrapper=[rig.need("prlimit", "util-linux"), "--nofile=96:96"]).start()
    with Bystander(proxy.addr):
        sockets = []
        for _ in range(100):
            s = socket.create_connection(proxy.addr, 5)
            s.sendall(wire.i32(45) + wire.connect_request(10000))
            sockets.append(s)
        time.sleep(0.5)
        served = waiting = 0
        for s in sockets:
            s.settimeout(0.02)
            try:
                if len(s.recv(100)) == 41:
                    served += 1
            except TimeoutError:
                waiting += 1
            except ConnectionError:
                pass
        assert 10 <= served < 60, (served, waiting)
        assert re.search(r"(?i)descriptor|open files|nofile", proxy.log()), proxy.log()
        for s in sockets:
            s.close()

    def again():
        try:
            Conn(proxy.addr).close_session()
            return True
        except (OSError, Closed):
            return False

    rig.eventually(again, 10, "a new client after descriptors came free")
    assert proxy.stop() == 0


def test_limit_of_connections():
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string, config="max-connections: 5\n").start()
    conns, refused = [], 0
    for _ in range(8):
        try:
            conns.append(Conn(proxy.addr))
        except (Closed, ConnectionError):
            refused += 1
    assert len(conns) in (4, 5) and refused >= 3, (len(conns), refused)
    for conn in conns:
        assert conn.call(wire.OP_EXISTS, wire.exists("/r")).err == 0
        conn.close_session()
    assert proxy.stop() == 0


def crowded(config=""):
    """A proxy with descriptors for 2068 clients, and a client that has a session there."""
    zk, _ = both()
    wrapper = [rig.need("prlimit", "util-linux"), "--nofile=4200:4200"]
    proxy = rig.Pacekeeper(zk.connect_string, config=config, wrapper=wrapper).start()
    return proxy, Conn(proxy.addr, 20000)


def crowd(addr, n, sources, first=b""):
    """n connections from these addresses in turn; each sends the same bytes, if it is let."""
    sockets = []
    for i in range(n):
        s = socket.create_connection(addr, 10, (sources[i % len(sources)], 0))
        try:
            s.sendall(first)
        except ConnectionError:
            pass
        sockets.append(s)
    return sockets


def answered(sockets):
    """How many got an answer; the others have been closed."""
    count = 0
    for s in sockets:
        s.settimeout(10)
        try:
            count += len(s.recv(100)) > 0
        except ConnectionError:
            pass
    return count


def gets_in(proxy, source=""):
    start = time.monotonic()
    conn = Conn(proxy.addr, 20000, source=source)
    assert conn.call(wire.OP_EXISTS, wire.exists("/r")).err == 0
    assert time.monotonic() - start < 1.5, f"{time.monotonic() - start:.1f} s"
    return conn


def leave(proxy, conns, sockets):
    for conn in conns:
        assert conn.call(wire.OP_EXISTS, wire.exists("/r")).err == 0
        conn.close_session()
    for s in sockets:
        s.close()
    assert proxy.stop() == 0


def test_idle_sessions_of_one_address_leave_room_for_others():
    """Once 2100 of them kept everybody else out."""
    proxy, first = crowded()
    sockets = crowd(proxy.addr, 2100, ["127.0.0.2"], wire.i32(45) + wire.connect_request(30000))
    assert answered(sockets) == 1000
    conns = [first, gets_in(proxy)]
    figures = proxy.mntr()
    rejected = figures["pk_rejected_per_address"]
    assert rejected == figures["zk_connection_rejected"] and rejected + figures["pk_made_room"] == 1100, figures
    one_more = crowd(proxy.addr, 1, ["127.0.0.2"], wire.i32(45) + wire.connect_request(30000))
    assert answered(one_more) == 0  # before, all that were too many may have been early, and made room
    assert "closed at once: max-connections-per-address (1000) reached" in proxy.log(), proxy.log()
    leave(proxy, conns, sockets + one_more)


def test_connections_that_never_send_make_room():
    """Once 2100 of them kept everybody out for the handshake's time: descriptors ran out, and accepting paused."""
    proxy, first = crowded()
    sockets = crowd(proxy.addr, 2100, ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    conns = [first] + [gets_in(proxy) for _ in range(20)]
    figures = proxy.mntr()
    assert figures["pk_made_room"] >= 50 and figures["zk_connection_rejected"] == 0, figures
    assert "others needed the room" in proxy.log(), proxy.log()
    leave(proxy, conns, sockets)


def test_unfinished_handshakes_make_room_within_the_limits_of_connections():
    proxy, first = crowded("max-connections-per-address: 10\nmax-connections: 25\n")
    sockets = crowd(proxy.addr, 12, ["127.0.0.2"], b"\0\0\0")
    conns = [first] + [gets_in(proxy, "127.0.0.2") for _ in range(10)]
    try:
        Conn(proxy.addr, source="127.0.0.2")
        raise AssertionError("the eleventh session of one address")
    except (Closed, ConnectionError):
        pass
    sockets += crowd(proxy.addr, 20, [f"127.0.0.{n}" for n in range(3, 8)])
    conns += [gets_in(proxy) for _ in range(3)]
    figures = proxy.mntr()
    assert figures["pk_sessions"] == 14 and figures["pk_connections"] == 25, figures
    assert figures["pk_rejected_per_address"] == figures["zk_connection_rejected"] == 1, figures
    leave(proxy, conns, sockets)


def test_limits_of_a_mount():
    """Local creates beyond the bound are relayed, refreshes that do not grow go on, nothing fails."""
    zk, _ = both()
    config = "max-znodes: 5\nmax-bytes: 100KiB\nmax-znode: 10KiB\n"
    proxy = rig.Pacekeeper(zk.connect_string, config=config).start()
    conn, direct = Conn(proxy.addr), Conn(zk.addr)
    assert direct.call(wire.OP_CREATE, wire.create("/m/limits")).err == 0
    for n in range(12):
        assert conn.call(wire.OP_CREATE, wire.create(f"/m/limits/{n:02}", b"x" * 100)).err == 0
    assert proxy.mntr()["pk_znodes"] == 5, proxy.mntr()
    names = conn.call(wire.OP_GET_CHILDREN, wire.get_children("/m/limits"))
    assert len(wire.parse_reply(wire.OP_GET_CHILDREN, names.body)) == 12
    names = direct.call(wire.OP_GET_CHILDREN, wire.get_children("/m/limits"))
    assert len(wire.parse_reply(wire.OP_GET_CHILDREN, names.body)) == 7
    for n in range(12):
        assert conn.call(wire.OP_SET_DATA, wire.set_data(f"/m/limits/{n:02}", b"y" * 90)).err == 0
    for n in range(12):
        assert conn.call(wire.OP_SET_DATA, wire.set_data(f"/m/limits/{n:02}", b"z" * 20000)).err == 0
        data = conn.call(wire.OP_GET_DATA, wire.get_data(f"/m/limits/{n:02}")).body
        value, stat = wire.parse_reply(wire.OP_GET_DATA, data)
        assert value == b"z" * 20000 and stat.version == 2, (n, len(value), stat)
    for c in (conn, direct):
        c.close_session()
    assert proxy.stop() == 0


def test_connections_that_reset():
    _, proxy = both()
    with Bystander(proxy.addr):
        for n in range(100):
            s = socket.create_connection(proxy.addr, 5)
            s.sendall((wire.i32(45) + wire.connect_request(10000) +
                       wire.frame(1, wire.OP_CREATE, wire.create(f"/m/reset{n}", b"x" * 1000)))[:n * 12])
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
    rig.eventually(lambda: proxy.mntr()["pk_queue_depth"] == 0, 5, "an empty queue")


if __name__ == "__main__":
    rig.main(globals())
