"""Order: pipelined requests are answered in their order, in few round trips; last words count; no reply
mixes two values.
"""
import random
import socket
import threading
import time

import rig
import wire
from plain import plain_reply
from relay import Relay
from wire import Conn, frame

ONE_WAY = 0.005
BIG = 900 * 1024


def setup():
    zk = rig.zookeeper_with("/m", "/d", "/r", jvm=["-Xmx600m"])
    return zk, rig.Pacekeeper(zk.connect_string).start()


def delayed():
    zk, _ = rig.shared("setup", setup)
    return rig.Pacekeeper(Relay(zk.addr, ONE_WAY).start().connect_string).start()


def pipeline(conn, requests):
    """Sends all at once, returns the replies (events left out) and the seconds it took."""
    data = b"".join(frame(xid, op, body) for xid, op, body in requests)
    start = time.monotonic()
    sender = threading.Thread(target=conn.send_raw, args=(data,), daemon=True)
    sender.start()
    replies = []
    while len(replies) < len(requests):
        reply = conn.recv(20)
        assert reply is not None, f"closed after {len(replies)} replies"
        if reply.xid != wire.XID_EVENT:
            replies.append(reply)
    sender.join()
    return replies, time.monotonic() - start


def mixed(rng, n, base, relayed, writes):
    """n requests: local ones on beats below base, relayed ones below `relayed`."""
    requests = []
    for i in range(n):
        beat = f"{base}/w{rng.randrange(10)}"
        if rng.random() < 0.5:
            kinds = [(wire.OP_EXISTS, wire.exists(beat)), (wire.OP_GET_DATA, wire.get_data(beat))]
            if writes:
                kinds += [(wire.OP_SET_DATA, wire.set_data(beat, b"beat %d" % i))] * 2
        else:
            other = f"{relayed}/n{rng.randrange(10)}"
            kinds = [(wire.OP_EXISTS, wire.exists(other)), (wire.OP_GET_DATA, wire.get_data(other)),
                     (wire.OP_GET_CHILDREN, wire.get_children(other)),
                     (wire.OP_CREATE, wire.create(other, b"created %d" % i)),
                     (wire.OP_SET_DATA, wire.set_data(other, b"set %d" % i)),
                     (wire.OP_DELETE, wire.delete(other))]
        requests.append((1000 + i,) + rng.choice(kinds))
    return requests


def prepare(conn, base, relayed):
    assert conn.call(wire.OP_CREATE, wire.create(relayed)).err == 0
    for i in range(10):
        assert conn.call(wire.OP_CREATE, wire.create(f"{base}/w{i}", b"first")).err == 0


def run_mixed(name, writes, most):
    """The same 1000 requests through a proxy with a long way to the ensemble and directly. most: bound on round trips,
    far above what a quiet machine needs (16 for reads) and still below one a request."""
    zk, _ = rig.shared("setup", setup)
    far = rig.shared("far", delayed)
    through, direct = Conn(far.addr, 30000), Conn(zk.addr, 30000)
    create = Conn(zk.addr)
    for path in (f"/m/{name}", f"/d/{name}"):
        assert create.call(wire.OP_CREATE, wire.create(path)).err == 0
    prepare(through, f"/m/{name}", f"/r/{name}")
    prepare(direct, f"/d/{name}", f"/r/{name}-direct")
    requests = mixed(random.Random(3), 1000, f"/m/{name}", f"/r/{name}", writes)
    control = mixed(random.Random(3), 1000, f"/d/{name}", f"/r/{name}-direct", writes)
    replies, took = pipeline(through, requests)
    expected, _ = pipeline(direct, control)
    assert [r.xid for r in replies] == [x for x, _, _ in requests], "replies out of order"
    for (xid, op, _), got, want in zip(requests, replies, expected):
        mine, other = plain_reply(op, got), plain_reply(op, want, f"/r/{name}-direct")
        other = (other[0], other[1].replace("~", f"/r/{name}") if isinstance(other[1], str) else other[1])
        assert mine == other, f"request {xid} ({wire.OP_NAMES[op]}): {mine} instead of {other}"
    trips = took / (2 * ONE_WAY)
    print(f"  {took * 1000:.0f} ms, at most {trips:.0f} round trips for 1000 requests")
    assert trips < most, f"{trips:.0f} round trips"
    for conn in (through, direct, create):
        conn.close_session()


def test_local_reads_do_not_hold_up_relayed_requests():
    run_mixed("reads", False, 500)


def test_mixed_writes_in_order():
    run_mixed("writes", True, 1000)


def test_relayed_requests_alone_are_not_held():
    zk, _ = rig.shared("setup", setup)
    far = rig.shared("far", delayed)
    conn = Conn(far.addr)
    replies, took = pipeline(conn, [(i, wire.OP_EXISTS, wire.exists("/r")) for i in range(1, 1001)])
    assert [r.xid for r in replies] == list(range(1, 1001))
    assert took < 500 * 2 * ONE_WAY, took
    conn.close_session()


def last_words(addr, base):
    """Creates and a closeSession in one write, then close() without reading. True when all took effect."""
    zk, _ = rig.shared("setup", setup)
    watcher = Conn(addr)
    watcher.call(wire.OP_CREATE, wire.create(base, b""))
    client = Conn(addr, 30000)
    assert client.call(wire.OP_CREATE, wire.create(f"{base}-e", b"", flags=1)).err == 0
    start = time.monotonic()
    client.send_raw(frame(10, wire.OP_CREATE, wire.create(f"{base}/born", b"x")) +
                    frame(11, wire.OP_CREATE, wire.create(f"/r{base.replace('/', '-')}", b"x")) +
                    frame(12, wire.OP_SET_DATA, wire.set_data(f"{base}/born", b"last")) +
                    frame(13, wire.OP_CLOSE_SESSION))
    client.close()

    def done():
        ephemeral = watcher.call(wire.OP_EXISTS, wire.exists(f"{base}-e")).err
        created = watcher.call(wire.OP_EXISTS, wire.exists(f"/r{base.replace('/', '-')}")).err
        data = watcher.call(wire.OP_GET_DATA, wire.get_data(f"{base}/born"))
        return ephemeral == wire.ERR["NONODE"] and created == 0 and data.err == 0 and \
            wire.parse_reply(wire.OP_GET_DATA, data.body)[0] == b"last"

    rig.eventually(done, 10, "the last words of a client that closed")
    watcher.close_session()
    return time.monotonic() - start


def test_create_and_close_session_then_close():
    """A ZooKeeper may miss them: an answer to who has closed fails, and it reads no further."""
    _, proxy = rig.shared("setup", setup)
    last_words(proxy.addr, "/m/words")
    last_words(proxy.addr, "/d/words2")


def test_last_words_over_a_long_way():
    last_words(rig.shared("far", delayed).addr, "/m/words3")


def test_reading_after_own_write_sees_it():
    _, proxy = rig.shared("setup", setup)
    conn = Conn(proxy.addr)
    assert conn.call(wire.OP_CREATE, wire.create("/m/own", b"0")).err == 0
    requests = []
    for i in range(300):
        requests.append((2 * i, wire.OP_SET_DATA, wire.set_data("/m/own", b"%d" % i)))
        requests.append((2 * i + 1, wire.OP_GET_DATA, wire.get_data("/m/own")))
    replies, _ = pipeline(conn, requests)
    for i in range(300):
        data, stat = wire.parse_reply(wire.OP_GET_DATA, replies[2 * i + 1].body)
        assert (data, stat.version) == (b"%d" % i, i + 1), (i, data, stat.version)
    conn.close_session()


def test_pings_and_auth_in_a_pipeline():
    _, proxy = rig.shared("setup", setup)
    conn = Conn(proxy.addr)
    conn.call(wire.OP_CREATE, wire.create("/m/p", b"0"))
    data = b""
    for i in range(1, 101):
        data += frame(i, wire.OP_SET_DATA, wire.set_data("/m/p", b"x"))
        data += frame(-2, wire.OP_PING)
        data += frame(1000 + i, wire.OP_EXISTS, wire.exists("/r"))
        if i % 20 == 0:
            data += frame(-4, wire.OP_AUTH, wire.auth("digest", b"u%d:p" % i))
    conn.send_raw(data)
    seen = [conn.recv() for _ in range(305)]
    assert all(r.err == 0 for r in seen)
    order = [r.xid for r in seen if r.xid > 0]
    assert order == [x for i in range(1, 101) for x in (i, 1000 + i)], order
    assert sum(r.xid == -2 for r in seen) == 100 and sum(r.xid == -4 for r in seen) == 5
    conn.close_session()


def slow_reader(addr, path, count):
    """Reads `count` big values in small sips, four requests ahead; each must be uniform. Returns how many
    different ones it saw."""
    conn = Conn(addr, 30000)
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    conn.send_raw(b"".join(frame(i, wire.OP_GET_DATA, wire.get_data(path)) for i in range(1, 5)))
    seen = set()
    for i in range(1, count + 1):
        if i + 4 <= count:
            conn.send(i + 4, wire.OP_GET_DATA, wire.get_data(path))
        raw = b""
        while len(raw) < 4 or len(raw) < 4 + int.from_bytes(raw[:4], "big"):
            wanted = 4 if len(raw) < 4 else 4 + int.from_bytes(raw[:4], "big")
            raw += conn.sock.recv(min(wanted - len(raw), 30000))
            time.sleep(0.0005)
        xid, err = int.from_bytes(raw[4:8], "big"), int.from_bytes(raw[16:20], "big", signed=True)
        assert (xid, err) == (i, 0), (xid, err)
        data, stat = wire.parse_reply(wire.OP_GET_DATA, raw[20:])
        assert len(data) == stat.dataLength and data == data[:1] * len(data), f"read {i} is torn"
        assert stat.version % 250 == data[0], f"read {i}: version {stat.version} with data of {data[0]}"
        seen.add(data[0])
    conn.close_session()
    return len(seen)


def test_no_torn_reads():
    _, proxy = rig.shared("setup", setup)
    writer = Conn(proxy.addr, 30000)
    assert writer.call(wire.OP_CREATE, wire.create("/m/big", bytes([0]) * BIG)).err == 0
    stop = threading.Event()
    problems = []

    def write():
        version = 0
        while not stop.is_set():
            version += 1
            size = BIG - version % 7
            reply = writer.call(wire.OP_SET_DATA, wire.set_data("/m/big", bytes([version % 250]) * size))
            if reply.err:
                problems.append(reply.err)
            time.sleep(0.002)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    kinds = slow_reader(proxy.addr, "/m/big", 30)
    stop.set()
    thread.join()
    assert not problems and kinds > 2, (problems, kinds)
    writer.close_session()


def resident(pid):
    """Resident memory in KiB."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_queued_reads_of_big_znodes_do_not_fill_memory():
    _, proxy = rig.shared("setup", setup)
    writer, sleeper = Conn(proxy.addr, 30000), Conn(proxy.addr, 30000)
    for path in ("/m/fat", "/r/fat"):
        assert writer.call(wire.OP_CREATE, wire.create(path, b"x" * BIG)).err == 0
    before = resident(proxy.pid)
    sleeper.send_raw(b"".join(frame(i, wire.OP_GET_DATA, wire.get_data("/m/fat" if i % 8 else "/r/fat"))
                              for i in range(1, 401)))
    for i in range(60):
        assert writer.call(wire.OP_SET_DATA, wire.set_data("/m/fat", bytes([i]) * BIG)).err == 0
    grown = (resident(proxy.pid) - before) / 1024
    print(f"  grown by {grown:.1f} MiB for 400 queued reads of 900 KiB")
    assert grown < 40, f"{grown:.0f} MiB"
    sleeper.abort()
    writer.close_session()


if __name__ == "__main__":
    rig.main(globals())
