"""Held clients: servers of a real ensemble are restarted, killed and frozen under kazoo, the Java client's session watcher
and Curator's leader latch. None of them notices, each watch fires once, the latch keeps its leader, and beats go on.
"""
import os
import subprocess
import threading
import time

import clients
import digestmd5
import rig
import wire
from adminside import Admin
from wire import Closed, Conn

T_MS = 20000
SETTLED = 2.5  # seconds: ticks of these servers after which what was frozen has elected
CLIENTS = 8


class Kazoo:
    """A client with a watch that it leaves again with each event."""

    def __init__(self, proxy, path):
        from kazoo.client import KazooClient
        self.states, self.events, self.path = [], [], path
        self.client = KazooClient(hosts=proxy.connect_string, timeout=T_MS / 1000)
        self.client.add_listener(self.states.append)
        self.client.start(10)
        self.states.clear()
        self.client.get(path, watch=self.heard)

    def heard(self, event):
        self.events.append(event.type)
        self.client.get_async(self.path, watch=self.heard)


class Java:
    """The program Held, whose lines are collected."""

    def __init__(self, proxy):
        self.lines = []
        self.popen = subprocess.Popen(clients.java_argv("Held", proxy.connect_string, "/held", str(T_MS)), text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=self.read, daemon=True).start()
        rig.eventually(lambda: "ready" in self.lines, 30, "the Java program is ready")
        self.mark = len(self.lines)

    def read(self):
        for line in self.popen.stdout:
            self.lines.append(line.strip())

    def new(self):
        return self.lines[self.mark:]

    def end(self):
        self.popen.stdin.close()
        self.popen.wait(20)
        return next((x for x in self.lines if x.startswith("end")), None)


class Beater(threading.Thread):
    """A worker that only beats; how long the longest of its beats took."""

    def __init__(self, proxy):
        super().__init__(daemon=True)
        self.conn = Conn(proxy.addr, T_MS)
        assert self.conn.call(wire.OP_CREATE, wire.create("/m/beat")).err == 0
        self.stop, self.longest, self.problem = threading.Event(), 0.0, None
        self.start()

    def run(self):
        while not self.stop.wait(0.1):
            began = time.monotonic()
            try:
                reply = self.conn.call(wire.OP_SET_DATA, wire.set_data("/m/beat", b"x"), timeout=15)
                if reply.err != 0:
                    self.problem = f"error {reply.err}"
            except (OSError, Closed, TimeoutError) as e:
                self.problem = repr(e)
                return
            self.longest = max(self.longest, time.monotonic() - began)


class Scene:
    def __init__(self):
        rig.need_module("kazoo.client", "python3-kazoo")
        self.ensemble = rig.Ensemble(3, tick=1000).start()
        for path in ("/held", "/held/w", "/m"):
            assert self.direct(wire.OP_CREATE, wire.create(path)).err == 0
        self.proxy = rig.Pacekeeper(self.ensemble.connect_string, args=["--admin", "127.0.0.1:0"]).start()
        self.admin = Admin(self.proxy)
        self.kazoos = [Kazoo(self.proxy, "/held/w") for _ in range(CLIENTS)]
        self.java = Java(self.proxy)
        self.beater = Beater(self.proxy)
        self.writes = 0

    def direct(self, op, body):
        """At any server that answers."""
        end = time.monotonic() + 30
        while True:
            for server in self.ensemble.servers:
                try:
                    conn = Conn(server.addr, T_MS, connect=False)
                    conn.handshake(timeout=3)
                    reply = conn.call(op, body, timeout=2)
                    conn.close_session()
                    return reply
                except (OSError, Closed, TimeoutError):
                    assert time.monotonic() < end, "no server answers"
            time.sleep(0.1)

    def write(self):
        assert self.direct(wire.OP_SET_DATA, wire.set_data("/held/w", b"%d" % self.writes)).err == 0
        self.writes += 1

    def figures(self):
        return self.proxy.mntr()

    def all_served(self):
        return self.figures()["pk_held"] == 0

    def expect_unnoticed(self, what):
        """Each watch fires once for what is written now, and nobody has noticed anything else."""
        rig.eventually(self.all_served, 20, f"{what}: all are served again")
        self.write()
        rig.eventually(lambda: all(len(k.events) == self.writes for k in self.kazoos), 10,
                       f"{what}: each watch fires once")
        rig.eventually(lambda: sum(x.startswith("event") for x in self.java.new()) == self.writes, 10,
                       f"{what}: Java's watch fires once")
        noticed = [k.states for k in self.kazoos if k.states]
        assert not noticed, f"{what}: kazoo noticed {noticed}"
        told = [x for x in self.java.new() if not x.startswith(("event", "version"))]
        assert not told, f"{what}: Java noticed {told}"
        assert self.beater.problem is None, f"{what}: a beat failed: {self.beater.problem}"


def scene():
    return rig.shared("scene", Scene)


def expect_durations(s):
    """How long clients were held is in the histogram that a scraper reads, each attach once."""
    found = s.admin.metrics()
    name = "pacekeeper_held_duration_seconds"
    buckets = sorted((float(dict(labels)["le"]), n) for (key, labels), n in found.items() if key == f"{name}_bucket")
    count, total = found[(f"{name}_count", ())], found[(f"{name}_sum", ())]
    assert count == s.figures()["pk_attaches"] > 0 and buckets[-1] == (float("inf"), count), (buckets, count)
    assert all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])), buckets
    assert 0 < total < 20 * count and s.figures()["pk_hold_time_p50_us"] > 0, (total, count)


def test_rolling_restart():
    s = scene()
    for server in s.ensemble.servers:
        server.stop()
        s.expect_unnoticed("a server stopped")
        server.launch()
        s.ensemble.wait_whole()
    assert s.figures()["pk_holds"] > 0 and s.figures()["pk_attaches"] == s.figures()["pk_holds"]
    expect_durations(s)


def test_leader_killed():
    s = scene()
    leader = s.ensemble.leader()
    leader.kill()
    s.expect_unnoticed("the leader killed")
    leader.launch()
    s.ensemble.wait_whole()


def test_one_frozen():
    s = scene()
    server = s.ensemble.followers()[0]
    server.freeze()
    time.sleep(5)
    server.thaw()
    s.expect_unnoticed("a server frozen for 5 s")
    s.ensemble.wait_whole(SETTLED)


def test_all_frozen():
    s = scene()
    for server in s.ensemble.servers:
        server.freeze()
    time.sleep(5)
    for server in s.ensemble.servers:
        server.thaw()
    s.expect_unnoticed("all frozen for 5 s")
    s.ensemble.wait_whole(SETTLED)


SASL = """sasl: {{mechanisms: DIGEST-MD5, jaas: {jaas}}}
mounts:
  - {{path: /m, mode: pacemaker, readers: ["sasl:bob"]}}
"""
USERS = """Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="bob's"; };
"""


def logged_in(proxy):
    """A client whose exchange of SASL has ended here."""
    conn = Conn(proxy.addr, T_MS)
    token = b""
    for _ in range(2):
        conn.send(conn.next_xid(), wire.OP_SASL, wire.sasl(token))
        reply = conn.recv(10)
        assert reply.err == 0, reply
        token = token or digestmd5.respond(reply.body[4:], "bob", "bob's")
    return conn


def reads(conn):
    reply = conn.call(wire.OP_GET_DATA, wire.get_data("/m/seen"), timeout=15)
    return reply.err or wire.parse_reply(wire.OP_GET_DATA, reply.body)[0]


def test_who_has_proved_who_he_is_has_not_to_do_it_again():
    """Its server is lost, and it reads on as who it is here; the server that it comes to knows nothing of it."""
    s = scene()
    jaas = rig.temp_dir() + "/jaas"
    with open(jaas, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(USERS)
    proxy = rig.Pacekeeper(s.ensemble.connect_string, mounts=(), config=SASL.format(jaas=jaas)).start()
    worker = Conn(proxy.addr, T_MS)
    assert worker.call(wire.OP_CREATE, wire.create("/m/seen", b"beat")).err == 0
    assert reads(worker) == wire.ERR["NOAUTH"]
    worker.close_session()
    bob = logged_in(proxy)
    assert reads(bob) == b"beat"
    for server in s.ensemble.servers:
        server.stop()
        rig.eventually(lambda: proxy.mntr()["pk_held"] == 0, 20, "all are served again")
        assert bob.call(wire.OP_EXISTS, wire.exists("/held/w"), timeout=15).err == 0
        assert reads(bob) == b"beat"
        server.launch()
        s.ensemble.wait_whole()
        if proxy.mntr()["pk_holds"] > 0:
            break
    assert proxy.mntr()["pk_holds"] > 0 and proxy.mntr()["pk_attaches"] == proxy.mntr()["pk_holds"]
    who = wire.parse_reply(wire.OP_WHO_AM_I, bob.call(wire.OP_WHO_AM_I, wire.who_am_i()).body)
    assert [scheme for scheme, _ in who] == ["ip"], who
    eve = Conn(proxy.addr, T_MS)
    assert reads(eve) == wire.ERR["NOAUTH"]
    bob.close_session()
    eve.close_session()
    assert proxy.stop() == 0


def test_leader_of_the_latch_stays():
    s = scene()
    assert s.java.end() == "end true false", s.java.new()
    s.beater.stop.set()
    s.beater.join(20)
    assert s.beater.longest < 4, s.beater.longest
    for k in s.kazoos:
        k.client.stop()
        k.client.close()
    s.beater.conn.close_session()
    assert s.proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
