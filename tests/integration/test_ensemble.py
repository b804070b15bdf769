"""Three servers: one killed and restarted, one frozen, the leader killed; and the ensemble's configuration,
which must not lead clients past the proxy.
"""
import re
import threading
import time

import clients
import rig
import wire
from wire import Closed, Conn

TIMEOUT = 10000
CONFIG = "/zookeeper/config"


def setup():
    ensemble = rig.Ensemble(3, tick=1000, dynamic=True, jvm=["-Dzookeeper.skipACL=yes"]).start()
    conn = Conn(ensemble.servers[0].addr)
    for path in ("/m", "/r"):
        assert conn.call(wire.OP_CREATE, wire.create(path)).err == 0
    conn.close_session()
    return ensemble, rig.Pacekeeper(ensemble.connect_string).start()


def both():
    return rig.shared("setup", setup)


class Worker(threading.Thread):
    """Writes a relayed and a mounted znode in turn, reads both back; reconnects with its session."""

    def __init__(self, addr, n):
        super().__init__(daemon=True)
        self.addr, self.paths = addr, (f"/r/c{n}", f"/m/c{n}")
        self.stop = threading.Event()
        self.problems = []
        self.done, self.reconnects = 0, 0
        self.acked = {}
        self.tried = {}
        self.conn = Conn(addr, TIMEOUT)
        self.session = self.conn.session
        self.ephemeral = f"/r/e{n}"
        assert self.conn.call(wire.OP_CREATE, wire.create(self.ephemeral, b"", flags=1)).err == 0
        for path in self.paths:
            assert self.conn.call(wire.OP_CREATE, wire.create(path, b"0")).err == 0
            self.acked[path] = self.tried[path] = 0

    def run(self):
        value = 0
        while not self.stop.is_set():
            value += 1
            try:
                for path in self.paths:
                    self.write(path, value)
                    self.read(path)
                self.done += 1
                time.sleep(0.005)
            except (OSError, Closed, TimeoutError):
                if not self.reconnect():
                    return
            except AssertionError as e:
                self.problems.append(str(e))
                return

    def write(self, path, value):
        self.tried[path] = value
        reply = self.conn.call(wire.OP_SET_DATA, wire.set_data(path, b"%d" % value), timeout=TIMEOUT * 2 / 3000)
        assert reply.err == 0, f"{path}: error {reply.err}"
        self.acked[path] = value

    def read(self, path):
        reply = self.conn.call(wire.OP_GET_DATA, wire.get_data(path), timeout=TIMEOUT * 2 / 3000)
        assert reply.err == 0, f"{path}: error {reply.err}"
        data = int(wire.parse_reply(wire.OP_GET_DATA, reply.body)[0])
        assert self.acked[path] <= data <= self.tried[path], f"{path}: {data}, acknowledged {self.acked[path]}"

    def reconnect(self):
        self.reconnects += 1
        end = time.monotonic() + 45
        old, self.conn = self.conn, None
        old.close()
        while time.monotonic() < end:
            try:
                self.conn = Conn(self.addr, TIMEOUT, session=self.session, passwd=old.passwd,
                                 last_zxid=old.last_zxid)
            except (OSError, Closed, TimeoutError):
                time.sleep(0.1)
                continue
            if self.conn.session != self.session:
                self.problems.append("session expired")
                return False
            self.conn.next_xid()
            return True
        self.problems.append("no reconnection within 45 s")
        return False


def progress(workers, seconds, what):
    """Every worker comes on within so many seconds."""
    before = [w.done for w in workers]
    end = time.monotonic() + seconds
    while time.monotonic() < end and not all(w.done > b + 3 for w, b in zip(workers, before)):
        assert not any(w.problems for w in workers), [w.problems for w in workers]
        time.sleep(0.05)
    assert all(w.done > b + 3 for w, b in zip(workers, before)), \
        f"{what}: {[(w.done, b) for w, b in zip(workers, before)]}"


def faults(ensemble, workers):
    progress(workers, 5, "at the start")
    victim = ensemble.followers()[0]
    victim.kill()
    progress(workers, 10, "after a follower was killed")
    victim.restart()
    progress(workers, 5, "after the follower's return")
    frozen = ensemble.followers()[1]
    frozen.freeze()
    try:
        time.sleep(1)
        progress(workers, 15, "while a follower is frozen")
    finally:
        frozen.thaw()
    progress(workers, 5, "after the thaw")
    leader = ensemble.leader()
    leader.kill()
    progress(workers, 40, "after the leader was killed")
    leader.restart()
    progress(workers, 10, "after the old leader's return")


def through_faults(addr):
    ensemble, _ = both()
    workers = [Worker(addr, n) for n in range(6)]
    for worker in workers:
        worker.start()
    try:
        faults(ensemble, workers)
    finally:
        for server in ensemble.servers:
            if not server.process.running():
                server.restart()
    for worker in workers:
        worker.stop.set()
    for worker in workers:
        worker.join(20)
        assert not worker.is_alive() and not worker.problems, worker.problems
    print(f"  {sum(w.done for w in workers)} rounds, {sum(w.reconnects for w in workers)} reconnections")
    conn = Conn(addr, TIMEOUT)
    conn.call(wire.OP_SYNC, wire.sync("/"))
    for worker in workers:
        assert conn.call(wire.OP_EXISTS, wire.exists(worker.ephemeral)).err == 0, "an ephemeral was lost"
        for path in worker.paths:
            data = conn.call(wire.OP_GET_DATA, wire.get_data(path)).body
            assert int(wire.parse_reply(wire.OP_GET_DATA, data)[0]) == worker.acked[path]
        worker.conn.close_session()
    conn.close_session()


def test_servers_killed_and_frozen():
    _, proxy = both()
    through_faults(proxy.addr)


test_servers_killed_and_frozen.limit = 120


def config_of(addr):
    conn = Conn(addr)
    data, stat = wire.parse_reply(wire.OP_GET_DATA, conn.call(wire.OP_GET_DATA, wire.get_data(CONFIG)).body)
    conn.close_session()
    assert stat.dataLength == len(data), (stat, data)
    return data


def filtered(config):
    return re.sub(rb"(?m)^(server\.\d+=[^;\n]*);.*$", rb"\1", config)


def test_configuration_names_no_client_address():
    ensemble, proxy = both()
    direct = config_of(ensemble.servers[0].addr)
    assert direct.count(b";127.0.0.1:") == 3, direct
    assert config_of(proxy.addr) == filtered(direct)
    conn, control = Conn(proxy.addr), Conn(ensemble.servers[0].addr)
    ops = [(wire.OP_GET_DATA, wire.get_data("/r")), (wire.OP_GET_DATA, wire.get_data(CONFIG)),
           (wire.OP_GET_CHILDREN, wire.get_children("/zookeeper")), (wire.OP_GET_DATA, wire.get_data("/none")),
           (wire.OP_GET_DATA, wire.get_data(CONFIG))]
    got = wire.parse_reply(wire.OP_MULTI_READ, conn.call(wire.OP_MULTI_READ, wire.multi_read(ops)).body)
    want = wire.parse_reply(wire.OP_MULTI_READ, control.call(wire.OP_MULTI_READ, wire.multi_read(ops)).body)
    for i in (1, 4):
        assert want[i].value[0] == direct
        assert got[i].value[0] == filtered(direct) and got[i].value[1].dataLength == len(filtered(direct))
    assert [g.err for g in got] == [w.err for w in want] and got[2] == want[2]
    for c in (conn, control):
        c.close_session()


def test_configuration_in_a_pipeline():
    """The filtered reply has its place in the order, and what follows is untouched."""
    _, proxy = both()
    conn = Conn(proxy.addr)
    data = b""
    for i in range(1, 101):
        path = CONFIG if i % 3 == 0 else "/r"
        data += wire.frame(i, wire.OP_GET_DATA, wire.get_data(path))
    conn.send_raw(data)
    for i in range(1, 101):
        reply = conn.recv()
        assert (reply.xid, reply.err) == (i, 0)
        value = wire.parse_reply(wire.OP_GET_DATA, reply.body)[0]
        assert (b"server.1=" in value) == (i % 3 == 0) and b";127" not in value, value
    conn.close_session()


def test_configuration_change_through_the_proxy():
    ensemble, proxy = both()
    conn, watcher, control = Conn(proxy.addr), Conn(proxy.addr), Conn(ensemble.servers[0].addr)
    ensemble.servers[0].wait_ready()
    assert watcher.call(wire.OP_GET_DATA, wire.get_data(CONFIG, True)).err == 0
    line = next(x for x in config_of(ensemble.servers[0].addr).decode().splitlines() if x.startswith("server.3"))
    for change in ({"leaving": "3"}, {"joining": line}):
        reply = conn.call(wire.OP_RECONFIG, wire.reconfig(**change), timeout=20)
        assert reply.err == 0, (change, reply.err)
        data, stat = wire.parse_reply(wire.OP_RECONFIG, reply.body)
        assert b"server.1=" in data and b";" not in data and stat.dataLength == len(data), data
        control.call(wire.OP_SYNC, wire.sync("/"))
        assert data == filtered(config_of(ensemble.servers[0].addr))
    watcher.drain_events(0.3)
    assert (wire.EVENT_DATA, 3, CONFIG) in watcher.events, watcher.events
    for c in (conn, watcher):
        c.close_session()
    control.close()     # a server whose ensemble has just changed may owe the answer to a close for seconds


def test_ensemble_tracker_stays_with_the_proxy():
    ensemble, proxy = both()
    one = ensemble.servers[0].connect_string
    direct = clients.java("Tracker", one, "10").split()
    assert direct[0] == "connected" and len(direct[1].split(",")) == 3, direct
    through = clients.java("Tracker", proxy.connect_string, "2").split()
    assert through == ["connected", proxy.connect_string], through


if __name__ == "__main__":
    rig.main(globals())
