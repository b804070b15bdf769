"""Sessions through the proxy: handshakes, life by beats alone, death of a silent or frozen client,
reattaching on every way, fencing.
"""
import os
import sys
import time

import rig
import wire
from relay import Relay
from wire import Closed, Conn

TICK = 500
TIMEOUT = 2000
BEATER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "beater.py")


def setup():
    zk = rig.zookeeper_with("/m", "/d", "/e", tick=TICK)
    return zk, rig.Pacekeeper(zk.connect_string).start()


def both():
    return rig.shared("setup", setup)


def code(conn, op, body):
    return conn.call(op, body).err


def present(conn, path):
    return code(conn, wire.OP_EXISTS, wire.exists(path)) == 0


def data_of(conn, path):
    reply = conn.call(wire.OP_GET_DATA, wire.get_data(path))
    return wire.parse_reply(wire.OP_GET_DATA, reply.body)[0] if reply.err == 0 else reply.err


def ends(conn, seconds=3):
    """Waits for the end of a connection; whatever still comes is thrown away."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if conn.recv_frame(0.2) is None:
                return True
        except TimeoutError:
            continue
    return False


def test_connect_request_of_44_and_45_bytes():
    zk, proxy = both()
    for read_only, length in ((None, 36), (False, 37), (True, 37)):
        lengths = []
        for addr in (zk.addr, proxy.addr):
            conn = Conn(addr, read_only=read_only)
            lengths.append((len(conn.response_bytes), conn.timeout, conn.response_bytes[36:], len(conn.passwd)))
            assert present(conn, "/m")
            conn.close_session()
        assert lengths[0] == lengths[1] and lengths[1][0] == length, lengths


def test_timeouts_are_negotiated_by_the_ensemble():
    zk, proxy = both()
    for asked in (1, 1000, 3333, 10 ** 6):
        granted = []
        for addr in (zk.addr, proxy.addr):
            conn = Conn(addr, timeout_ms=asked)
            granted.append(conn.timeout)
            conn.close_session()
        assert granted[0] == granted[1], (asked, granted)


def test_handshake_in_pieces_and_with_requests_behind_it():
    _, proxy = both()
    request = wire.i32(45) + wire.connect_request(5000)
    conn = Conn(proxy.addr, connect=False)
    for i in range(len(request)):
        conn.send_raw(request[i:i + 1])
        time.sleep(0.001)
    conn.read_handshake()
    assert conn.session != 0
    conn.close_session()
    conn = Conn(proxy.addr, connect=False)
    conn.send_raw(request + wire.frame(1, wire.OP_EXISTS, wire.exists("/m")) +
                  wire.frame(2, wire.OP_CREATE, wire.create("/m/behind", b"x")) +
                  wire.frame(3, wire.OP_GET_DATA, wire.get_data("/m/behind")))
    conn.read_handshake()
    assert [(r.xid, r.err) for r in (conn.recv(), conn.recv(), conn.recv())] == [(1, 0), (2, 0), (3, 0)]
    conn.close_session()


def test_refused_sessions():
    zk, proxy = both()
    for addr in (zk.addr, proxy.addr):
        unknown = Conn(addr, session=0x1234567)
        assert (unknown.session, unknown.timeout, unknown.passwd) == (0, 0, b"\0" * 16), addr
        assert ends(unknown), addr
        good = Conn(addr)
        wrong = Conn(addr, session=good.session, passwd=b"x" * 16)
        assert (wrong.session, wrong.timeout) == (0, 0) and ends(wrong), addr
        assert ends(good), "a wrong password ends the older connection too"


def test_last_zxid_from_the_future_is_refused():
    zk, proxy = both()
    for addr in (zk.addr, proxy.addr):
        try:
            conn = Conn(addr, last_zxid=1 << 40)
            raise AssertionError(f"{addr} accepted it: {conn.response_bytes!r}")
        except Closed:
            pass


def test_last_zxid_after_many_local_writes_is_accepted():
    zk, proxy = both()
    conn = Conn(proxy.addr)
    assert code(conn, wire.OP_CREATE, wire.create("/m/many", b"x")) == 0
    for i in range(2000):
        conn.send(i + 100, wire.OP_SET_DATA, wire.set_data("/m/many", b"%d" % i))
        if i % 100 == 99:
            for _ in range(100):
                assert conn.recv().err == 0
    before = conn.last_zxid
    conn.close()
    through = Conn(proxy.addr, session=conn.session, passwd=conn.passwd, last_zxid=before)
    assert through.session == conn.session
    assert data_of(through, "/m/many") == b"1999"
    through.close()
    direct = Conn(zk.addr, session=conn.session, passwd=conn.passwd, last_zxid=max(before, through.last_zxid))
    assert direct.session == conn.session
    direct.close_session()


def test_beating_alone_keeps_the_session():
    zk, proxy = both()
    conn, other = Conn(proxy.addr, TIMEOUT), Conn(zk.addr, 10000)
    assert code(conn, wire.OP_CREATE, wire.create("/e/beating", b"", flags=1)) == 0
    assert code(conn, wire.OP_CREATE, wire.create("/m/beating", b"0")) == 0
    log_before = proxy.mntr()["pk_requests_relayed"]
    end = time.monotonic() + 5 * conn.timeout / 1000
    beats = 0
    while time.monotonic() < end:
        beats += 1
        assert code(conn, wire.OP_SET_DATA, wire.set_data("/m/beating", b"%d" % beats)) == 0
        if beats % 10 == 0:
            assert present(other, "/e/beating"), f"expired after {beats} beats"
        time.sleep(0.1)
    relayed = proxy.mntr()["pk_requests_relayed"] - log_before
    assert relayed < beats / 2, f"{relayed} of {beats} requests relayed: nothing was proved"
    assert present(other, "/e/beating")
    assert data_of(conn, "/e/beating") == b""
    again = Conn(proxy.addr, session=conn.session, passwd=conn.passwd)
    assert again.session == conn.session
    again.close_session()
    other.close_session()


def test_reading_local_znodes_alone_keeps_the_session():
    zk, proxy = both()
    conn, other = Conn(proxy.addr, 1000), Conn(zk.addr, 10000)
    assert code(conn, wire.OP_CREATE, wire.create("/e/reading", b"", flags=1)) == 0
    assert code(conn, wire.OP_CREATE, wire.create("/m/reading", b"0")) == 0
    end = time.monotonic() + 4 * conn.timeout / 1000
    while time.monotonic() < end:
        assert data_of(conn, "/m/reading") == b"0"
        time.sleep(0.15)
    assert present(other, "/e/reading")
    conn.close_session()
    assert not present(other, "/e/reading")
    other.close_session()


def test_a_silent_client_expires_like_a_direct_one():
    zk, proxy = both()
    other = Conn(zk.addr, 10000)
    conns, gone = {}, {}
    start = time.monotonic()
    for name, addr in (("direct", zk.addr), ("through", proxy.addr)):
        conns[name] = Conn(addr, TIMEOUT)
        assert code(conns[name], wire.OP_CREATE, wire.create(f"/e/silent-{name}", b"", flags=1)) == 0
    while len(gone) < 2 and time.monotonic() < start + 10:
        for name in conns:
            if name not in gone and not present(other, f"/e/silent-{name}"):
                gone[name] = time.monotonic() - start
        time.sleep(0.02)
    assert abs(gone["direct"] - gone["through"]) < TICK / 1000 + 0.2, gone
    assert all(ends(c) for c in conns.values()), "an expired session's connection is closed"
    other.close_session()


def test_a_frozen_client_loses_its_ephemerals_as_soon_as_a_direct_one():
    zk, proxy = both()
    folder = rig.temp_dir()
    other = Conn(zk.addr, 10000)
    processes = {}
    for name, port, beat in (("direct", zk.port, "/d/frozen"), ("through", proxy.port, "/m/frozen")):
        argv = [sys.executable, BEATER, str(port), f"/e/frozen-{name}", beat, str(TIMEOUT), "0.05"]
        processes[name] = rig.Process(argv, f"{folder}/{name}").start()
    for name, process in processes.items():
        rig.eventually(lambda: "ready" in process.log(), 10, f"{name} beater ready")
    time.sleep(1.5 * TIMEOUT / 1000)
    assert present(other, "/e/frozen-direct") and present(other, "/e/frozen-through")
    for process in processes.values():
        process.freeze()
    start, gone = time.monotonic(), {}
    while len(gone) < 2 and time.monotonic() < start + 10:
        for name in processes:
            if name not in gone and not present(other, f"/e/frozen-{name}"):
                gone[name] = time.monotonic() - start
        time.sleep(0.02)
    print(f"  frozen clients' ephemerals went after {gone}")
    for process in processes.values():
        process.kill()
    assert len(gone) == 2, gone
    limit = (TIMEOUT + TICK) / 1000 + 0.3
    assert gone["through"] < limit and gone["direct"] < limit, gone
    assert gone["through"] > 5 / 6 * TIMEOUT / 1000 - 0.2, gone
    other.close_session()


def test_a_reattached_session_keeps_what_it_had():
    zk, proxy = both()
    second = rig.shared("second", lambda: rig.Pacekeeper(zk.connect_string).start())
    conn = Conn(proxy.addr, 8000)
    session, passwd = conn.session, conn.passwd
    assert code(conn, wire.OP_CREATE, wire.create("/e/kept", b"", flags=1)) == 0
    for addr in (second.addr, zk.addr, proxy.addr, second.addr):
        before, conn = conn, Conn(addr, 8000, session=session, passwd=passwd, last_zxid=conn.last_zxid)
        assert (conn.session, conn.passwd) == (session, passwd), addr
        assert present(conn, "/e/kept"), addr
        assert ends(before), f"the older connection lives after reattaching at {addr}"
    conn.close_session()


def test_the_older_connection_is_fenced():
    """Nothing that the older connection had not yet read may take effect once the new one is confirmed."""
    _, proxy = both()
    fenced_before = proxy.mntr()["pk_fenced"]
    for n in range(20):
        path = f"/m/fence{n}"
        old = Conn(proxy.addr, 8000)
        assert code(old, wire.OP_CREATE, wire.create(path, b"0")) == 0
        new = Conn(proxy.addr, 8000, session=old.session, passwd=old.passwd)
        assert new.session == old.session
        try:
            old.send(1000, wire.OP_SET_DATA, wire.set_data(path, b"too late"))
        except ConnectionError:
            pass
        assert data_of(new, path) == b"0"
        assert ends(old)
        assert data_of(new, path) == b"0"
        assert code(new, wire.OP_SET_DATA, wire.set_data(path, b"1")) == 0
        new.close_session()
    assert proxy.mntr()["pk_fenced"] >= fenced_before


def test_what_waits_on_the_older_connection_is_fenced():
    """Writes that wait behind a slow answer take effect before the new connection is confirmed, or never."""
    zk, _ = both()
    far = rig.Pacekeeper(Relay(zk.addr, 0.05).start().connect_string).start()
    kept = dropped = 0
    for n in range(10):
        path = f"/m/waits{n}"
        old = Conn(far.addr, 8000)
        assert code(old, wire.OP_CREATE, wire.create(path, b"0")) == 0
        old.send_raw(wire.frame(50, wire.OP_GET_DATA, wire.get_data("/d")) +
                     wire.frame(51, wire.OP_SET_DATA, wire.set_data(path, b"waited")) +
                     wire.frame(52, wire.OP_GET_DATA, wire.get_data("/d")) +
                     wire.frame(53, wire.OP_SET_DATA, wire.set_data(path, b"waited longer")))
        time.sleep(n * 0.06)
        new = Conn(far.addr, 8000, session=old.session, passwd=old.passwd)
        first = data_of(new, path)
        assert ends(old)
        time.sleep(0.2)
        assert data_of(new, path) == first, f"round {n}: {first!r} became {data_of(new, path)!r}"
        kept += first == b"waited longer"
        dropped += first != b"waited longer"
        new.close_session()
    assert kept and dropped, "the rounds did not meet both cases"
    assert far.stop() == 0


def test_the_older_connection_is_fenced_from_another_address():
    """Reattached directly: the first proxy's uplink ends, and with it the client's connection."""
    zk, proxy = both()
    old = Conn(proxy.addr, 8000)
    assert code(old, wire.OP_CREATE, wire.create("/m/elsewhere", b"0")) == 0
    new = Conn(zk.addr, 8000, session=old.session, passwd=old.passwd)
    assert ends(old, 2)
    new.close_session()


def test_close_session_removes_ephemerals_before_its_reply():
    _, proxy = both()
    other = Conn(proxy.addr, 8000)
    for n in range(10):
        conn = Conn(proxy.addr, 8000)
        assert code(conn, wire.OP_CREATE, wire.create(f"/m/e{n}", b"", flags=1)) == 0
        assert code(conn, wire.OP_CREATE, wire.create(f"/e/e{n}", b"", flags=1)) == 0
        assert conn.close_session().err == 0
        assert not present(other, f"/m/e{n}") and not present(other, f"/e/e{n}")
    other.close_session()


def answers_to(addr, base, xid):
    """What comes back for one xid on everything: (xid, err, length), one request after the other, to the end."""
    conn = Conn(addr)
    node = f"{base}/x{xid}"
    requests = ((wire.OP_CREATE, wire.create(node, b"1")), (wire.OP_SET_DATA, wire.set_data(node, b"22")),
                (wire.OP_EXISTS, wire.exists(node)), (wire.OP_GET_DATA, wire.get_data(node, True)),
                (wire.OP_GET_DATA, wire.get_data(f"{base}/nothing")), (wire.OP_PING, b""),
                (wire.OP_MULTI, wire.multi([(wire.OP_CHECK, wire.check(node, 7))])),
                (wire.OP_SYNC, wire.sync(node)), (wire.OP_AUTH, wire.auth("digest", b"a:b")),
                (wire.OP_SET_DATA, wire.set_data(node, b"333")), (wire.OP_DELETE, wire.delete(node)),
                (wire.OP_CLOSE_SESSION, b""))
    found = []
    for op, body in requests:
        conn.send(xid, op, body)
        reply = conn.recv()
        if op == wire.OP_SET_DATA and len(found) > 3:       # its event comes first
            found.append((reply.xid, reply.err, wire.event(reply.body)[0]))
            reply = conn.recv()
        found.append((reply.xid, reply.err, len(reply.body)))
    found.append(conn.recv())
    return found


def test_any_xid_on_any_request():
    zk, proxy = both()
    for xid in (-1, -2, -4, -8, 0, -2 ** 31, -0x40000000):
        direct = answers_to(zk.addr, "/e", xid)
        assert direct[0][:2] == (xid, 0) and direct[-1] is None, direct
        for base in ("/e", "/m"):
            assert answers_to(proxy.addr, base, xid) == direct, (xid, base)


def test_an_abrupt_end_leaves_the_session():
    _, proxy = both()
    for end in ("close", "abort"):
        conn = Conn(proxy.addr, 8000)
        assert code(conn, wire.OP_CREATE, wire.create(f"/e/{end}", b"", flags=1)) == 0
        getattr(conn, end)()
        time.sleep(0.1)
        again = Conn(proxy.addr, 8000, session=conn.session, passwd=conn.passwd)
        assert again.session == conn.session and present(again, f"/e/{end}")
        again.close_session()


def test_local_znodes_outlive_their_session():
    _, proxy = both()
    conn = Conn(proxy.addr)
    assert code(conn, wire.OP_CREATE, wire.create("/m/outlives", b"here")) == 0
    conn.close_session()
    other = Conn(proxy.addr)
    assert data_of(other, "/m/outlives") == b"here"
    other.close_session()


if __name__ == "__main__":
    rig.main(globals())
