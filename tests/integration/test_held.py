"""Held clients: servers of a real ensemble are restarted, killed and frozen under kazoo, the Java client's session
watcher, Curator's leader latch and caches, and clients that beat and read all the while. None of them notices, each
watch fires once, the latch keeps its leader, and beats go on.

HELD_FREEZE=30   servers are frozen for so many seconds, 5 unless given; timeouts are such that the rules promise as much
ZOOKEEPER_JARS=F the same with ensembles of other releases: folders F/RELEASE/jars
"""
import glob
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

FREEZE = float(os.environ.get("HELD_FREEZE", 5))
T_MS = max(20000, int(4000 * FREEZE))  # who is idle may have heard nothing for a third of it when they freeze
TICK_MS = T_MS // 20  # a server grants twenty of them
SETTLED = 2.5 * TICK_MS / 1000  # after which what was frozen has elected
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

    def __init__(self, proxy, jars=None):
        """jars: a folder with the client, and a Curator, of another release; without a Curator in it, Debian's both."""
        self.lines = []
        jars = jars if glob.glob(f"{jars}/curator-recipes-*.jar") else None
        self.popen = subprocess.Popen(clients.java_argv("Held", proxy.connect_string, "/held", str(T_MS), jars=jars),
                                      text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
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


class Load(threading.Thread):
    """A client that asks for the same all the while; how often, and how long the longest answer took."""

    def __init__(self, proxy, op, body, pause):
        super().__init__(daemon=True)
        self.conn, self.op, self.body, self.pause = Conn(proxy.addr, T_MS), op, body, pause
        self.stop, self.answers, self.longest, self.problem = threading.Event(), 0, 0.0, None

    def run(self):
        while not self.stop.wait(self.pause):
            began = time.monotonic()
            try:
                reply = self.conn.call(self.op, self.body, timeout=T_MS / 1000)
                if reply.err != 0:
                    self.problem = f"error {reply.err}"
            except (OSError, Closed, TimeoutError) as e:
                self.problem = repr(e)
                return
            self.longest = max(self.longest, time.monotonic() - began)
            self.answers += 1

    def end(self):
        self.stop.set()
        self.join(T_MS / 1000 + 5)
        self.conn.close_session()
        assert self.problem is None, self.problem


def beater(proxy):
    """A worker that only beats: memory answers."""
    load = Load(proxy, wire.OP_SET_DATA, wire.set_data("/m/beat", b"x"), 0.1)
    assert load.conn.call(wire.OP_CREATE, wire.create("/m/beat")).err == 0
    return load


def readers(proxy):
    """Who only read what the ensemble has, with a read under way most of the time: asked again elsewhere."""
    return [Load(proxy, op, body, 0.002) for op, body in
            ((wire.OP_GET_DATA, wire.get_data("/held/w")), (wire.OP_GET_CHILDREN, wire.get_children("/held")),
             (wire.OP_EXISTS, wire.exists("/held/kids")), (wire.OP_SYNC, wire.sync("/held")))]


class Scene:
    def __init__(self, jars=None):
        rig.need_module("kazoo.client", "python3-kazoo")
        self.ensemble = rig.Ensemble(3, tick=TICK_MS, jars=jars).start()
        for path in ("/held", "/held/w", "/held/kids", "/held/kids/k", "/held/latch", "/m"):
            assert self.direct(wire.OP_CREATE, wire.create(path)).err == 0
        self.proxy = rig.Pacekeeper(self.ensemble.connect_string, args=["--admin", "127.0.0.1:0"]).start()
        self.admin = Admin(self.proxy)
        self.kazoos = [Kazoo(self.proxy, "/held/w") for _ in range(CLIENTS)]
        self.java = Java(self.proxy, jars)
        self.beater = beater(self.proxy)
        self.loads = [self.beater, *readers(self.proxy)]
        for load in self.loads:
            load.start()
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
        for path in ("/held/w", "/held/kids/k"):
            assert self.direct(wire.OP_SET_DATA, wire.set_data(path, b"%d" % self.writes)).err == 0
        self.writes += 1

    def told(self, prefix):
        return sum(x.startswith(prefix) for x in self.java.new())

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
        for heard in ("event", "cache node", "cache path CHILD_UPDATED", "cache tree NODE_UPDATED"):
            rig.eventually(lambda: self.told(heard) == self.writes, 10, f"{what}: in Java, `{heard}` comes once")
        assert self.told("cache") == 3 * self.writes, self.java.new()
        noticed = [k.states for k in self.kazoos if k.states]
        assert not noticed, f"{what}: kazoo noticed {noticed}"
        told = [x for x in self.java.new() if not x.startswith(("event", "version", "cache"))]
        assert not told, f"{what}: Java noticed {told}"
        problems = [load.problem for load in self.loads if load.problem]
        assert not problems, f"{what}: of those who ask all the while: {problems}"

    def end(self):
        """The latch has its leader still; says how much was asked meanwhile."""
        assert self.java.end() == "end true false", self.java.new()
        for load in self.loads:
            load.end()
        for k in self.kazoos:
            k.client.stop()
            k.client.close()
        held = self.figures()
        print(f"  {self.beater.answers} beats, the longest {self.beater.longest:.2f} s; "
              f"{sum(x.answers for x in self.loads[1:])} reads, {max(x.longest for x in self.loads[1:]):.2f} s; "
              f"{held['pk_holds']} held, {held['pk_attaches']} attached")
        assert self.beater.longest < 4, self.beater.longest
        assert self.proxy.stop() == 0


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


def rolling_restart(s):
    for server in s.ensemble.servers:
        server.stop()
        s.expect_unnoticed("a server stopped")
        server.launch()
        s.ensemble.wait_whole()
    assert s.figures()["pk_holds"] > 0 and s.figures()["pk_attaches"] == s.figures()["pk_holds"]
    expect_durations(s)


def leader_killed(s):
    leader = s.ensemble.leader()
    leader.kill()
    s.expect_unnoticed("the leader killed")
    leader.launch()
    s.ensemble.wait_whole()


def frozen(s, servers, what):
    for server in servers:
        server.freeze()
    time.sleep(FREEZE)
    for server in servers:
        server.thaw()
    s.expect_unnoticed(f"{what} frozen for {FREEZE:g} s")
    s.ensemble.wait_whole(SETTLED)


def test_rolling_restart():
    rolling_restart(scene())


def test_leader_killed():
    leader_killed(scene())


def test_one_frozen():
    frozen(scene(), scene().ensemble.followers()[:1], "a server")


def test_all_frozen():
    frozen(scene(), scene().ensemble.servers, "all")


if os.environ.get("ZOOKEEPER_JARS"):
    def test_other_releases():
        """All of it with ensembles of other releases; by hand, since the jars are fetched."""
        for release in sorted(os.listdir(os.environ["ZOOKEEPER_JARS"])):
            s = Scene(os.path.join(os.environ["ZOOKEEPER_JARS"], release, "jars"))
            said = [line for line in rig.words(s.ensemble.servers[0].addr, "srvr").splitlines() if "version" in line]
            print(f"{release}: {said}", flush=True)
            rolling_restart(s)
            leader_killed(s)
            frozen(s, s.ensemble.followers()[:1], "a server")
            frozen(s, s.ensemble.servers, "all")
            s.end()
            s.ensemble.stop()

    test_other_releases.limit = 1200


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
    scene().end()


for _name, _function in list(globals().items()):
    if _name.startswith("test_"):
        _function.limit = getattr(_function, "limit", int(120 + 4 * FREEZE))


if __name__ == "__main__":
    rig.main(globals())
