"""SIGHUP: what can be changed while clients are served is changed, the rest is named, and nobody loses a connection."""
import os
import re
import signal
import socket
import threading
import time

import rig
import wire
from adminside import Admin
from wire import Conn


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m", "/w", "/new"))


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return wire.parse_reply(op, reply.body)


def config(mounts="[/m]", more=""):
    return f"listen: [127.0.0.1:0]\nupstream: [{server().connect_string}]\nmounts: {mounts}\n{more}"


def start(text=None, args=()):
    return rig.Pacekeeper(config=text or config(), listen=None, mounts=(), args=args).start()


def hup(proxy, text):
    """Writes the file, sends SIGHUP, and returns what the log says of it."""
    with open(os.path.join(proxy.dir, "pacekeeper.yaml"), "w") as f:
        f.write(text)
    before = len(proxy.log())
    proxy.process.send(signal.SIGHUP)
    end = re.compile(r"reload: done|SIGHUP: (nothing is changed|it stops)")
    rig.eventually(lambda: end.search(proxy.log()[before:]), 5, "the end of the reload in the log")
    return proxy.log()[before:]


def test_values_are_changed_line_by_line():
    proxy = start()
    conn = Conn(proxy.addr)
    said = hup(proxy, config(more="log-level: debug\nflush: 20s\nwhen-watched: absorb\nmax-znodes: 5\n"
                                  "connect-timeout: 2s\nstop-timeout: 3s\nstatus-interval: 5s\nmax-connections: 2\n"
                                  "release: true\nstate-max-age: 1h\ninstances: none\n"))
    for line in ("log-level: info -> debug", "flush: 10s -> 20s", "when-watched: relay -> absorb",
                 "max-znodes: 1000000 -> 5", "connect-timeout: 1s -> 2s", "stop-timeout: 10s -> 3s",
                 "status-interval: 10s -> 5s", "max-connections: 50000 -> 2", "release: false -> true",
                 "state-max-age: 10min -> 60min", "instances: /pacekeeper -> none",
                 "mount /m: flush: 10s -> 20s", "mount /m: max-znodes: 1000000 -> 5"):
        assert f"reload: {line}\n" in said, (line, said)
    assert "0 take a restart" in said, said
    for n in range(8):
        ok(conn, wire.OP_CREATE, wire.create(f"/m/bound{n}"))
    assert proxy.mntr()["pk_local_creates"] == 5, "the new bound does not hold"
    second = Conn(proxy.addr)
    try:
        Conn(proxy.addr)
        raise AssertionError("max-connections was not changed")
    except ConnectionError:
        pass
    said = hup(proxy, config(more="log-level: warn\n"))
    assert "log-level: debug -> warn" in said and "reload: done" in said, said
    before = len(proxy.log())
    wire.four_letter(proxy.addr, "ruok")
    time.sleep(0.3)
    assert proxy.log()[before:] == "", "the new level does not hold"
    for c in (conn, second):
        ok(c, wire.OP_EXISTS, wire.exists("/m/bound0"))
        c.close_session()
    assert proxy.stop() == 0


def test_what_takes_a_restart_is_named():
    proxy = start()
    said = hup(proxy, config(more="hold: false\npacemaker: {mount: /m}\n"))
    for line in ("hold: true -> false takes a restart", "pacemaker.mount: /storm/workerbeats -> /m takes a restart"):
        assert f"warn reload: {line}" in said, (line, said)
    assert "reload: done, 0 changed, 2 take a restart" in said, said
    said = hup(proxy, config(more="pacemaker: {listen: [127.0.0.1:0], mount: /m}\n"))
    assert "pacemaker.listen: without pacemaker.mount at the start" in said, said
    said = hup(proxy, config())
    assert re.search(r"reload: done, 0 changed, 0 take a restart", said), said
    assert proxy.stop() == 0


def test_limits_are_changed():
    """Who is here has the new bound with its next frame."""
    proxy = start()
    conn, second = Conn(proxy.addr), Conn(proxy.addr)
    text = config(more="max-frame: 2000\nclient-buffer: 2MiB\nhandshake-timeout: 300ms\nwatch-memory: 1MiB\n")
    said = hup(proxy, text)
    for line in ("max-frame: 1048575 -> 2000", "client-buffer: 1MiB -> 2MiB", "handshake-timeout: 10s -> 300ms",
                 "watch-memory: 16MiB -> 1MiB"):
        assert f"info reload: {line}\n" in said, (line, said)
    assert "reload: done, 4 changed, 0 take a restart" in said, said
    ok(conn, wire.OP_CREATE, wire.create("/m/small", b"x" * 1000))
    conn.send(conn.next_xid(), wire.OP_CREATE, wire.create("/m/large", b"x" * 3000))
    assert conn.recv() is None, "a frame beyond the new bound was taken"
    silent = socket.create_connection(proxy.addr)
    rig.eventually(lambda: "no connect request came in time" in proxy.log(), 5, "the shorter patience")
    silent.close()
    hup(proxy, config())
    ok(second, wire.OP_CREATE, wire.create("/m/large", b"x" * 3000))
    second.close_session()
    assert proxy.stop() == 0


def test_listeners_come_and_go():
    """A new address accepts, one that is named no longer does not, and who came there stays."""
    proxy = start()
    second = f"127.0.0.1:{rig.free_port()}"
    conn = Conn(proxy.addr)
    here = config().replace("127.0.0.1:0", f"127.0.0.1:0, {second}")
    said = hup(proxy, here)
    assert f"reload: listen: {second} is listened on from now on" in said and "1 changed, 0 take" in said, said
    assert f"listening on {second}" in said, said
    there = ("127.0.0.1", int(second.rsplit(":")[-1]))
    again = Conn(there)
    said = hup(proxy, config().replace("127.0.0.1:0", second))
    assert "reload: listen: 127.0.0.1:0 is closed, who came there stays" in said, said
    for c in (conn, again):
        ok(c, wire.OP_EXISTS, wire.exists("/m"))
    assert refuses(proxy.addr), "the old address still accepts"
    busy = socket.create_server(("127.0.0.1", 0))
    port = busy.getsockname()[1]
    said = hup(proxy, config(more="flush: 33s\n").replace("127.0.0.1:0", f"{second}, 127.0.0.1:{port}"))
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said and "nothing is changed" in said, said
    busy.close()
    assert "flush: 10s -> 33s" in hup(proxy, config(more="flush: 33s\n").replace("127.0.0.1:0", second))
    for c in (conn, again, Conn(there)):
        ok(c, wire.OP_EXISTS, wire.exists("/m"))
        c.close_session()
    assert proxy.stop() == 0


def refuses(addr):
    try:
        socket.create_connection(addr).close()
        return False
    except ConnectionRefusedError:
        return True


def test_doors_of_the_admin_side_come_and_go():
    proxy = start()
    path = os.path.join(proxy.dir, "a.sock")
    said = hup(proxy, config(more=f"admin: {{listen: ['unix:{path}']}}\n"))
    assert f"reload: admin.listen: unix:{path} answers from now on" in said, said
    first = Admin(proxy)
    assert first.get("/live")[0] == 200
    other = os.path.join(proxy.dir, "b.sock")
    with open(os.path.join(proxy.dir, "pacekeeper.yaml"), "w") as f:
        f.write(config(more=f"admin: {{listen: ['unix:{other}']}}\n"))
    status, answer = first.post("/api/v1/reload")           # through the door that closes
    assert status == 200 and f"unix:{path} is closed" in answer, answer
    assert not os.path.exists(path)
    second = Admin(proxy)
    second.paths = [other]
    assert second.get("/live")[0] == 200
    said = hup(proxy, config())
    assert f"unix:{other} is closed" in said and not os.path.exists(other), said
    assert proxy.stop() == 0


def test_mounts_come_and_go():
    """A new mount begins with the watches that stand there; one that goes is handed over, and its znodes stay."""
    proxy = start(config("[/m]"))
    conn, watcher, direct = Conn(proxy.addr), Conn(proxy.addr), Conn(server().addr)
    for n in range(20):
        ok(conn, wire.OP_CREATE, wire.create(f"/m/go{n}", b"x"))
        ok(conn, wire.OP_SET_DATA, wire.set_data(f"/m/go{n}", b"%d" % n))
    ok(conn, wire.OP_CREATE, wire.create("/new/watched", b"a"))
    ok(watcher, wire.OP_GET_DATA, wire.get_data("/new/watched", True))
    said = hup(proxy, config("[/m, /new]"))
    assert "reload: mount /new: it is new, pacemaker; it begins" in said and "1 changed, 0 take" in said, said
    rig.eventually(lambda: "mount /new: begins, pacemaker" in proxy.log(), 5, "the new mount")
    ok(conn, wire.OP_SET_DATA, wire.set_data("/new/watched", b"b"))
    event = watcher.recv()
    assert event.xid == -1, event
    before = local_creates(proxy)
    ok(conn, wire.OP_CREATE, wire.create("/new/local", b"z"))
    assert local_creates(proxy) == before + 1
    said = hup(proxy, config("[/new]"))
    assert "reload: mount /m: it is named no longer" in said, said
    rig.eventually(lambda: "mount /m: handed over, all of 20" in proxy.log(), 10, "the end of the mount")
    for n in range(20):
        data, stat = ok(direct, wire.OP_GET_DATA, wire.get_data(f"/m/go{n}"))
        assert (data, stat.version) == (b"%d" % n, 1)
    assert "pk_mount_znodes_m" not in proxy.mntr() and "pk_mount_znodes_new" in proxy.mntr()
    before = local_creates(proxy)
    ok(conn, wire.OP_CREATE, wire.create("/m/relayed"))
    ok(direct, wire.OP_EXISTS, wire.exists("/m/relayed"))
    assert local_creates(proxy) == before
    said = hup(proxy, config("[/new, /m, /w/below]"))
    assert "mount /m: it is new" in said and "mount /w/below: it is new" in said and "2 changed, 0 take" in said, said
    said = hup(proxy, config("[/new, /m, /w]"))
    assert "warn reload: mount /w: a mount above or below it was there, which takes a restart" in said, said
    rig.eventually(lambda: "mount /m: begins, pacemaker" in proxy.log(), 5, "the mount that came back")
    ok(conn, wire.OP_CREATE, wire.create("/m/back"))
    assert local_creates(proxy) == before + 1
    for c in (conn, watcher, direct):
        c.close_session()
    assert proxy.stop() == 0


def test_a_mistake_changes_nothing():
    proxy = start(config(more="flush: 20s\n"))
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/mistake", b"x"))
    for text, words in ((config(more="flush: 30s\ncolour: red\n"), "pacekeeper.yaml:5: unknown key colour"),
                        (config("[/m=fast]"), "pacekeeper.yaml:3:"), ("listen: [\n", "pacekeeper.yaml:"),
                        (config(more="auth-file: /nonexistent\n"), "/nonexistent")):
        said = hup(proxy, text)
        assert "SIGHUP: nothing is changed: " in said and words in said and "->" not in said, said
    os.unlink(os.path.join(proxy.dir, "pacekeeper.yaml"))
    proxy.process.send(signal.SIGHUP)
    rig.eventually(lambda: "cannot be read: No such file" in proxy.log(), 5, "the missing file is said")
    assert ok(conn, wire.OP_GET_DATA, wire.get_data("/m/mistake"))[0] == b"x"
    assert "flush: 20s -> 40s" in hup(proxy, config(more="flush: 40s\n"))
    conn.close_session()
    assert proxy.stop() == 0


def test_flags_still_override_the_file():
    proxy = start(args=["--log-level", "debug", "--mount", "/m=write-behind,flush=60s"])
    said = hup(proxy, config("[/other]", "log-level: error\nflush: 30s\n"))
    assert "reload: flush: 10s -> 30s" in said and "log-level" not in said and "mount" not in said, said
    assert proxy.stop() == 0


def local_creates(proxy):
    return proxy.mntr()["pk_local_creates"]


def test_modes_are_switched():
    proxy = start()
    conn, direct = Conn(proxy.addr), Conn(server().addr)
    for n in range(50):
        ok(conn, wire.OP_CREATE, wire.create(f"/m/s{n}", b"first"))
        for k in range(n % 5):
            ok(conn, wire.OP_SET_DATA, wire.set_data(f"/m/s{n}", b"%d" % k))
    assert local_creates(proxy) == 50 and direct.call(wire.OP_EXISTS, wire.exists("/m/s0")).err == wire.ERR["NONODE"]
    said = hup(proxy, config("['/m=write-behind,flush=200ms']"))
    assert "mount /m: mode: pacemaker -> write-behind" in said, said
    rig.eventually(lambda: proxy.mntr()["pk_left"] == 0, 10, "all promoted")
    for n in range(50):
        data, stat = ok(direct, wire.OP_GET_DATA, wire.get_data(f"/m/s{n}"))
        assert (data, stat.version) == ((b"%d" % (n % 5 - 1), n % 5) if n % 5 else (b"first", 0)), (n, data, stat)
        assert ok(conn, wire.OP_GET_DATA, wire.get_data(f"/m/s{n}"))[0] == data
    for k in range(20):
        ok(conn, wire.OP_SET_DATA, wire.set_data("/m/s0", b"beat %d" % k))
    assert proxy.mntr()["pk_refreshes"] >= 18, "refreshes are not absorbed"
    rig.eventually(lambda: ok(direct, wire.OP_GET_DATA, wire.get_data("/m/s0"))[0] == b"beat 19", 5, "the flush")
    hup(proxy, config("[/m=relay]"))
    rig.eventually(lambda: proxy.mntr()["pk_left"] == 0, 10, "all flushed")
    ok(conn, wire.OP_SET_DATA, wire.set_data("/m/s0", b"relayed"))
    assert ok(direct, wire.OP_GET_DATA, wire.get_data("/m/s0"))[0] == b"relayed"
    hup(proxy, config("[/m]"))
    before = local_creates(proxy)
    ok(conn, wire.OP_CREATE, wire.create("/m/again"))
    assert local_creates(proxy) == before + 1, "no local creates after the way back to pacemaker"
    conn.close_session()
    direct.close_session()
    assert proxy.stop() == 0


def beat(addr, name, stop, problems):
    """One client that beats and reads back until stop; any error or lost connection is a problem."""
    try:
        conn, n = Conn(addr), 0
        if conn.call(wire.OP_CREATE, wire.create(f"/m/{name}", b"0")).err not in (0, wire.ERR["NODEEXISTS"]):
            raise AssertionError("create")
        while not stop.is_set():
            n += 1
            ok(conn, wire.OP_SET_DATA, wire.set_data(f"/m/{name}", b"%d" % n))
            got = int(ok(conn, wire.OP_GET_DATA, wire.get_data(f"/m/{name}"))[0])
            assert got == n, f"{got} read after {n} was written"
        conn.close_session()
    except Exception as e:
        problems.append(f"{name}: {e!r}")


def test_clients_notice_nothing():
    """Twenty clients beat while the mode goes round; no connection, answer or beat is lost."""
    proxy = start()
    stop, problems = threading.Event(), []
    threads = [threading.Thread(target=beat, args=(proxy.addr, f"c{n}", stop, problems)) for n in range(20)]
    for t in threads:
        t.start()
    sessions = rig.eventually(lambda: (proxy.mntr()["pk_sessions"] == 20) and 20, 10, "20 sessions")
    for mode in ("'/m=write-behind,flush=300ms'", "/m", "/m=relay", "'/m=write-behind,flush=never'", "/m=relay",
                 "/m", "'/m=write-behind,flush=300ms'"):
        hup(proxy, config(f"[{mode}]"))
        time.sleep(0.4)
        assert not problems and proxy.mntr()["pk_sessions"] == sessions, problems
    stop.set()
    for t in threads:
        t.join(20)
    assert not problems, problems
    rig.eventually(lambda: proxy.mntr()["pk_left"] == 0, 10, "nothing left")
    assert proxy.stop() == 0


def test_service_sessions_are_no_clients():
    """A mode is switched with more than a service session can promote at once: it shows nowhere as a client."""
    more = "log-level: debug\nmax-connections: 2\nfour-letter-words: [mntr, cons]\n"
    proxy = start(config(more=more))
    conn = Conn(proxy.addr)
    conn.send_raw(b"".join(wire.frame(n, wire.OP_CREATE, wire.create(f"/m/own{n}", b"x" * 100)) for n in range(3000)))
    for _ in range(3000):
        assert conn.recv().err == 0
    hup(proxy, config("[/m=write-behind]", more))
    left, clients = [], []
    while not left or left[-1] > 0:
        m = proxy.mntr()
        left.append(m["pk_left"])
        clients.append(wire.four_letter(proxy.addr, "cons").count(" /"))
        ok(conn, wire.OP_EXISTS, wire.exists("/m/own1"))
        time.sleep(0.02)
    assert len(set(left)) > 3 and sorted(left, reverse=True) == left, f"not bit by bit: {left}"
    assert m["pk_service_sessions"] >= 1 and m["pk_mount_left_m"] == 0, m
    assert set(clients) <= {1, 2}, "the service session is listed as a client"      # itself, and the word's
    second = Conn(proxy.addr)
    second.close_session()
    conn.close_session()
    rig.eventually(lambda: " service session] " in proxy.log(), 30, "the end of the service session")
    assert proxy.stop() == 0


def test_while_stopping():
    proxy = start(config(more="release: true\nstop-timeout: 5s\n"))
    conn = Conn(proxy.addr)
    server().process.freeze()
    try:
        conn.send(conn.next_xid(), wire.OP_CREATE, wire.create("/w/waits"))
        time.sleep(0.2)
        proxy.process.send(signal.SIGTERM)
        rig.eventually(lambda: "SIGTERM: stops" in proxy.log(), 5, "the stop")
        assert "it stops already" in hup(proxy, config())
    finally:
        server().process.thaw()
    assert proxy.stop() == 0
    conn.close()


def test_servers_come_and_go():
    """A client is moved to the server that is named now, and notices nothing; new ones go there."""
    ensemble = rig.Ensemble(2).start()
    one, two = ensemble.servers
    assert Conn(one.addr).call(wire.OP_CREATE, wire.create("/m")).err == 0
    text = f"listen: [127.0.0.1:0]\nupstream: [{one.connect_string}]\nmounts: [{{path: /m}}]\nlog-level: debug\n"
    proxy = rig.Pacekeeper(mounts=None, listen=None, config=text).start()
    conn = Conn(proxy.addr)
    said = hup(proxy, text.replace(one.connect_string, f"{one.connect_string}, {two.connect_string}"))
    assert f"upstream: {two.connect_string} is asked and used from now on" in said and "1 changed, 0 take" in said, said
    rig.eventually(lambda: f"server {two.connect_string} answers" in proxy.log(), 10, "the second server")
    said = hup(proxy, text.replace(one.connect_string, two.connect_string))
    assert f"upstream: {one.connect_string} is left" in said and "1 changed, 0 take a restart" in said, said
    rig.eventually(lambda: "nobody is held any more" in proxy.log(), 20, "the move of the client that was at the first")
    assert conn.call(wire.OP_EXISTS, wire.exists("/m")).err == 0
    again = Conn(proxy.addr)
    assert again.call(wire.OP_EXISTS, wire.exists("/m")).err == 0
    rig.eventually(lambda: f"[0x{again.session:x} " in proxy.log(), 5, "the line of its session")
    assert re.search(rf"\[0x{again.session:x} \S+\] has a session at server {two.connect_string}", proxy.log()), proxy.log()
    said = hup(proxy, text)
    assert "2 changed, 0 take a restart" in said, said
    assert Conn(proxy.addr).call(wire.OP_EXISTS, wire.exists("/m")).err == 0
    assert proxy.stop() == 0
    ensemble.stop()


if __name__ == "__main__":
    rig.main(globals())
