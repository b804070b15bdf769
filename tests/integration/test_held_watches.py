"""Held clients, many: servers of an ensemble of three are restarted and killed under raw clients with a watch of
each kind and beating ones: the same connections, every watch once, beats answered all the while. With `hold: false` a
killed server is noticed.
"""
import contextlib
import re
import threading
import time

import rig
import wire
from relay import Relay
from wire import Closed, Conn

TIMEOUT = 15000
WATCHERS = 45
MOUNT = "/m"


def setup():
    ensemble = rig.Ensemble(3, tick=1000).start()
    conn = Conn(ensemble.servers[0].addr)
    for path in (MOUNT, "/w"):
        assert conn.call(wire.OP_CREATE, wire.create(path)).err == 0
    for i in range(WATCHERS):
        assert conn.call(wire.OP_CREATE, wire.create(f"/w/{i}")).err == 0
    conn.close_session()
    return ensemble, rig.Pacekeeper(ensemble.connect_string, config="status-interval: 1s\n").start()


def both():
    return rig.shared("setup", setup)


class Watcher(threading.Thread):
    """A raw client with a watch of each kind that pings as the Java client does."""

    def __init__(self, addr, n):
        super().__init__(daemon=True)
        self.path, self.ending, self.problem = f"/w/{n}", threading.Event(), None
        self.conn = Conn(addr, TIMEOUT)
        for op, body in ((wire.OP_GET_DATA, wire.get_data(self.path, True)),
                         (wire.OP_GET_CHILDREN, wire.get_children(self.path, True)),
                         (wire.OP_EXISTS, wire.exists(self.path + "/new", True))):
            reply = self.conn.call(op, body)
            assert reply.err in (0, wire.ERR["NONODE"]), reply

    def run(self):
        try:
            while not self.ending.wait(1):
                self.conn.call(wire.OP_PING, timeout=TIMEOUT / 3000 * 2)
        except (OSError, Closed, ValueError) as e:
            self.problem = f"{self.path}: {e or type(e).__name__}"

    def events(self):
        """What it got in all, sorted; the thread is over."""
        assert self.problem is None, self.problem
        return sorted(self.conn.drain_events(0.3))

    def end(self):
        self.ending.set()
        self.join(TIMEOUT / 1000)
        self.conn.close()


class Beater(threading.Thread):
    """Writes a znode below the mount twenty times a second and keeps the longest time to an answer."""

    def __init__(self, addr):
        super().__init__(daemon=True)
        self.ending, self.problem, self.slowest, self.beats = threading.Event(), None, 0.0, 0
        self.conn = Conn(addr, TIMEOUT)
        self.path = f"{MOUNT}/{self.conn.session:x}"
        assert self.conn.call(wire.OP_CREATE, wire.create(self.path, b"0")).err == 0

    def run(self):
        try:
            while not self.ending.wait(0.05):
                began = time.monotonic()
                reply = self.conn.call(wire.OP_SET_DATA, wire.set_data(self.path, b"x" * 100), timeout=10)
                assert reply.err == 0, reply
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.beats += 1
        except (OSError, Closed, ValueError, AssertionError) as e:
            self.problem = f"{self.path}: {e or type(e).__name__}"

    def end(self):
        self.ending.set()
        self.join(15)
        assert self.problem is None, self.problem
        self.conn.close_session()


def begun(thread):
    """It shows life from here on: on a busy machine those made first were silent until the last was there, past their
    deadline."""
    thread.start()
    return thread


@contextlib.contextmanager
def everybody(addr):
    """All kinds of clients connected before the block; after it none has noticed anything."""
    watchers = [begun(Watcher(addr, n)) for n in range(WATCHERS)]
    beaters = [begun(Beater(addr)) for _ in range(3)]
    try:
        yield watchers, beaters
        for beater in beaters:
            beater.end()
        print(f"  {sum(b.beats for b in beaters)} beats, the slowest {max(b.slowest for b in beaters):.2f} s")
    finally:
        for watcher in watchers:
            watcher.end()


def every_watch_fires_once(ensemble, watchers):
    conn = Conn(ensemble.servers[0].addr)
    for w in watchers:
        w.ending.set()
        w.join(15)
        for op, body in ((wire.OP_SET_DATA, wire.set_data(w.path, b"1")), (wire.OP_SET_DATA, wire.set_data(w.path, b"2")),
                         (wire.OP_CREATE, wire.create(w.path + "/new")), (wire.OP_DELETE, wire.delete(w.path + "/new"))):
            assert conn.call(op, body).err == 0
    conn.close_session()
    for w in watchers:
        assert w.events() == sorted([(wire.EVENT_DATA, 3, w.path), (wire.EVENT_CHILDREN, 3, w.path),
                                     (wire.EVENT_CREATED, 3, w.path + "/new")]), w.conn.events


def whole(ensemble):
    for server in ensemble.servers:
        if not server.process.running():
            server.launch()
    ensemble.wait_whole()


def unnoticed(fault):
    ensemble, proxy = both()
    with everybody(proxy.addr) as (watchers, _beaters):
        try:
            fault(ensemble)
        finally:
            whole(ensemble)
        # Whoever waits for a sign of life of its client gets one within a third of the timeout.
        time.sleep(1)
        every_watch_fires_once(ensemble, watchers)
    held = proxy.mntr()
    assert held["pk_holds"] > 0 and held["pk_held"] == 0, held
    print(f"  {held['pk_holds']} held so far")


def test_a_rolling_restart():
    def restart_each(ensemble):
        for server in ensemble.servers:
            server.restart()
    unnoticed(restart_each)


def test_the_leader_is_killed():
    unnoticed(lambda ensemble: ensemble.leader().kill())


def test_without_it_a_killed_server_is_noticed():
    """The control of what stands above, and what the switch promises."""
    ensemble, _ = both()
    proxy = rig.Pacekeeper(ensemble.connect_string, config="hold: false\n").start()
    watchers = [Watcher(proxy.addr, n) for n in range(6)]
    try:
        for server in ensemble.servers:
            server.kill()
        for w in watchers:
            assert w.conn.recv_frame(10) is None, "it was held"
    finally:
        whole(ensemble)
        for w in watchers:
            w.conn.close()
    assert proxy.mntr()["pk_holds"] == 0
    assert proxy.stop() == 0


def test_a_server_that_was_lost_and_serves_again_has_let_nobody_go():
    """It is silent, which somebody's question shows, then closes its connections, and serves when it is asked about that: as
    after an election that nothing was written since. Whoever had asked nothing is held as well."""
    ensemble, _ = both()
    way = Relay(ensemble.servers[0].addr).start()
    proxy = rig.Pacekeeper(way.connect_string, config="instances: none\n").start()
    idle, asks = Conn(proxy.addr, TIMEOUT), Conn(proxy.addr, TIMEOUT)
    for conn in (idle, asks):
        assert conn.call(wire.OP_EXISTS, wire.exists("/w")).err == 0
    way.stall()
    asks.send(asks.next_xid(), wire.OP_EXISTS, wire.exists("/w"))
    rig.said(proxy, "does not serve: connected, but no answer in time", 20)
    assert proxy.mntr()["pk_held"] <= 1
    way.cut()
    assert asks.recv(15).err == 0
    assert idle.call(wire.OP_EXISTS, wire.exists("/w"), timeout=15).err == 0
    figures = proxy.mntr()
    assert figures["pk_held_let_go"] == 0 and figures["pk_attaches"] == 2, figures
    for conn in (idle, asks):
        conn.close_session()
    assert proxy.stop() == 0


def received(server):
    return int(re.search(r"^Received: (\d+)", rig.words(server.addr, "srvr"), re.M).group(1))


def test_an_election_that_is_over_before_the_question_has_let_nobody_go():
    """Who answers the question serves, and knows no newer epoch, but has counted less than before: no session of those who
    were there has ended by that."""
    ensemble, _ = both()
    many, few = ensemble.servers[:2]
    direct = Conn(many.addr)
    while received(many) < received(few) + 500:
        assert direct.call(wire.OP_EXISTS, wire.exists("/w")).err == 0
    direct.close_session()
    way = Relay(many.addr).start()
    proxy = rig.Pacekeeper(way.connect_string, config="instances: none\nstatus-interval: 500ms\n").start()
    conn = Conn(proxy.addr, TIMEOUT)
    assert conn.call(wire.OP_EXISTS, wire.exists("/w")).err == 0
    asked = len(way.pairs)
    rig.eventually(lambda: len(way.pairs) >= asked + 2, 20, "it is asked, and asked again")
    way.target = few.addr
    way.cut()
    assert conn.call(wire.OP_EXISTS, wire.exists("/w"), timeout=15).err == 0
    figures = proxy.mntr()
    assert figures["pk_held_let_go"] == 0 and figures["pk_attaches"] == 1, figures
    conn.close_session()
    assert proxy.stop() == 0


def test_whose_session_expires_has_lost_no_server():
    """The ensemble ends the session of a client that is silent. That its lasting watch forbade to hold it was said as the
    loss of a server."""
    ensemble, _ = both()
    proxy = rig.Pacekeeper(ensemble.connect_string, config="instances: none\n").start()
    conn = Conn(proxy.addr, 2000)
    assert conn.call(wire.OP_ADD_WATCH, wire.add_watch("/w", 0)).err == 0
    assert conn.recv_frame(15) is None
    rig.said(proxy, "1 clients that could not be held have lost their connections to the ensemble")
    assert "server was lost" not in proxy.log(), proxy.log()
    figures = proxy.mntr()
    assert figures["pk_held_lasting"] == 1 and figures["pk_holds"] == 0, figures
    assert proxy.stop() == 0


for _name, _function in list(globals().items()):
    if _name.startswith("test_"):
        _function.limit = 90


if __name__ == "__main__":
    rig.main(globals())
