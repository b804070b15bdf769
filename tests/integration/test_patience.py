"""Nobody waits on somebody else's connection: one of three servers hangs, or a huge watch is asked for, and the beats
of all others are answered as if nothing had happened. Bounds are loose, since machines are busy; what was measured is
printed.
"""
import patience
import rig
import wire
from patience import Times, ok, sessions_at
from wire import Conn

BOUND = 2.0             # for a beat, which takes a millisecond
FLUSH_BOUND = 6.0       # for what waits for the flush of a client at a server that hangs: 3 s, doubled


def setup():
    ensemble = rig.Ensemble(3, jvm=["-Xmx200m"]).start()
    patience.make_parents(ensemble.leader().addr)
    return ensemble, rig.Pacekeeper(ensemble.connect_string, mounts=patience.MOUNTS).start()


def shared():
    return rig.shared("setup", setup)


def test_a_hanging_server_keeps_no_beat_waiting():
    """A monitor at the hanging server asks for a watch; the owner, elsewhere and with a timeout of 6 s, goes on."""
    beats, births = Times(), Times()
    monitor, owner = patience.hanging_server(*shared(), beats, births)
    beats.within(BOUND, "beats, with a monitor at a server that hangs")
    births.within(BOUND, "first beats in the same topology")
    answer = monitor.recv(20)
    assert (answer.xid, answer.err) == (7, 0), answer
    ok(owner, wire.OP_SET_DATA, wire.set_data("/m/t/w", b"told"))
    event = monitor.recv(20)
    assert event.xid == wire.XID_EVENT and wire.event(event.body)[2] == "/m/t/w", event
    owner.close_session()
    monitor.close_session()


def test_a_hanging_writer_keeps_nobody_waiting():
    """Absorbed writes of a client at the hanging server; others set, delete and watch the same znodes."""
    ensemble, proxy = shared()
    times = Times()
    owner, others, data = patience.hanging_writer(ensemble, proxy, times)
    assert data == b"2"
    times.within(FLUSH_BOUND, "set, delete and a watch on what a client at a hanging server has written")
    for conn in (owner, *others):
        ok(conn, wire.OP_EXISTS, wire.exists("/v/a"), timeout=20)
        assert conn.session in set.union(*(sessions_at(s) for s in ensemble.servers)), "a session was lost"
        conn.close_session()


def recursive_watch(parent, znodes, version):
    beats = Times()
    took = patience.recursive_watch(shared()[1], parent, znodes, version, beats)
    print(f"  the watch stood after {took:.1f} s")
    beats.within(BOUND, f"beats, while {znodes} znodes of version {version} are promoted")


def test_a_recursive_watch_keeps_no_beat_waiting():
    """Their counters are replayed for it as far as that is bounded."""
    recursive_watch("/m/r", 1000, 1000)


def test_a_recursive_watch_above_many_keeps_no_beat_waiting():
    """The heartbeats of a large cluster."""
    recursive_watch("/m/s", 24000, 2)


for test in (test_a_recursive_watch_keeps_no_beat_waiting, test_a_recursive_watch_above_many_keeps_no_beat_waiting):
    test.limit = 120


def test_many_watches_are_set_in_parts():
    """One setWatches2 of a megabyte: one answer, and each watch stands, the last one too."""
    proxy, paths = shared()[1], [f"/m/many/{n:06d}" for n in range(40000)]
    watcher, maker, beats = Conn(proxy.addr, 30000), Conn(proxy.addr, 30000), Times()
    ok(maker, wire.OP_CREATE, wire.create("/m/many"))
    ok(maker, wire.OP_CREATE, wire.create(paths[-1]))
    ok(watcher, wire.OP_EXISTS, wire.exists("/"))
    watcher.send(-8, wire.OP_SET_WATCHES2, wire.set_watches2(0, exist=paths))
    for n in range(20):
        beats.beat(maker, paths[-1], b"%d" % n)
    event, reply = watcher.recv(20), watcher.recv(20)
    assert wire.event(event.body)[2] == paths[-1], event
    assert (reply.xid, reply.err) == (-8, 0), reply
    for path in (paths[0], paths[20000], paths[-2]):
        ok(maker, wire.OP_CREATE, wire.create(path))
        assert wire.event(watcher.recv(20).body)[2] == path
    beats.within(BOUND, "beats, while 40,000 watches are set")
    maker.close_session()
    watcher.close_session()


if __name__ == "__main__":
    rig.main(globals())
