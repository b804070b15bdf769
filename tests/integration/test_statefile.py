"""Stop and start: nothing that was held is lost, neither with a state file nor with a release, nor by a kill -9 in mode
write-behind."""
import os
import re
import signal
import stat as stat_module
import struct
import threading
import time
import zlib

import rig
import wire
from wire import Closed, Conn


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m", "/w", "/x"))


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return wire.parse_reply(op, reply.body)


def data(conn, path):
    return ok(conn, wire.OP_GET_DATA, wire.get_data(path))


def missing(conn, path):
    return conn.call(wire.OP_EXISTS, wire.exists(path)).err == wire.ERR["NONODE"]


def fresh_file():
    return os.path.join(rig.temp_dir(), "state")


def start(file=None, more="", mounts=("/m",), port=0):
    return rig.Pacekeeper(server().connect_string, config=more, mounts=mounts, listen=f"127.0.0.1:{port}",
                          args=["--state-file", file] if file else []).start()


def make_local(addr, base, count=20):
    """A topology with its workers, some beaten several times, one deleted. Returns path -> (data, Stat)."""
    conn = Conn(addr)
    ok(conn, wire.OP_CREATE, wire.create(base, b""))
    paths = [f"{base}/w{n}" for n in range(count)]
    for n, path in enumerate(paths):
        ok(conn, wire.OP_CREATE, wire.create(path, b"first %d" % n))
        for k in range(n % 4):
            ok(conn, wire.OP_SET_DATA, wire.set_data(path, bytes([k]) * 3000))
    ok(conn, wire.OP_CREATE, wire.create(base + "/null", None))
    ok(conn, wire.OP_CREATE, wire.create(base + "/dead"))
    ok(conn, wire.OP_DELETE, wire.delete(base + "/dead"))
    seen = {path: data(conn, path) for path in [base, base + "/null"] + paths}
    conn.close_session()
    return seen


def test_every_beat_is_there_after_a_restart():
    file = fresh_file()
    proxy = start(file)
    assert f"state file {file}: there is none" in proxy.log()
    seen = make_local(proxy.addr, "/m/t")
    conn = Conn(proxy.addr)
    parent = ok(conn, wire.OP_EXISTS, wire.exists("/m"))
    conn.close_session()
    assert proxy.stop() == 0
    assert re.search(r"state file .*: 22 znodes written", proxy.log()), proxy.log()
    assert stat_module.S_IMODE(os.stat(file).st_mode) == 0o600
    direct = Conn(server().addr)
    assert missing(direct, "/m/t")
    direct.close_session()
    proxy = start(file)
    assert re.search(r"state file .*: 22 znodes restored, written \d+ s ago", proxy.log()), proxy.log()
    assert os.listdir(os.path.dirname(file)) == [], "the file is still there"
    conn = Conn(proxy.addr)
    for path, before in seen.items():
        assert data(conn, path) == before, (path, data(conn, path), before)
    names, stat = ok(conn, wire.OP_GET_CHILDREN2, wire.get_children2("/m/t"))
    assert sorted(names) == sorted(p.rpartition("/")[2] for p in seen if p != "/m/t")
    now = ok(conn, wire.OP_EXISTS, wire.exists("/m"))
    assert now.cversion >= parent.cversion and now.numChildren == parent.numChildren and now.pzxid >= parent.pzxid
    newer = ok(conn, wire.OP_SET_DATA, wire.set_data("/m/t/w3", b"next", seen["/m/t/w3"][1].version))
    assert newer.mzxid > seen["/m/t/w3"][1].mzxid and newer.version == 4 and newer.czxid == seen["/m/t/w3"][1].czxid
    ok(conn, wire.OP_CREATE, wire.create("/m/t/later"))
    later = ok(conn, wire.OP_EXISTS, wire.exists("/m/t/later"))
    assert later.czxid > max(s.czxid for _, s in seen.values()), "a zxid went back"
    m = proxy.mntr()
    assert m["pk_local_creates"] == 1 and m["pk_znodes"] == 23, m
    conn.close_session()
    assert proxy.stop() == 0


def test_zxids_do_not_go_back_even_if_the_ensembles_do():
    """The strictest case: the ensemble was set up anew, and its zxids begin at 1 again."""
    file = fresh_file()
    proxy = start(file)
    newest = max(stat.czxid for _, stat in make_local(proxy.addr, "/m/zxid", 3).values())
    assert proxy.stop() == 0
    other = rig.zookeeper_with("/m")
    proxy = rig.Pacekeeper(other.connect_string, args=["--state-file", file]).start()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/zxid/new"))
    assert conn.last_zxid < newest, "the other ensemble is not new"
    assert ok(conn, wire.OP_EXISTS, wire.exists("/m/zxid/new")).czxid > newest
    conn.close_session()
    assert proxy.stop() == 0
    other.stop()


def test_a_crash_after_the_start_brings_nothing_old_back():
    file = fresh_file()
    proxy = start(file)
    make_local(proxy.addr, "/m/crash", 3)
    assert proxy.stop() == 0
    proxy = start(file)
    conn = Conn(proxy.addr)
    assert data(conn, "/m/crash/w1")[0]
    proxy.kill()
    proxy = start(file)
    conn = Conn(proxy.addr)
    assert missing(conn, "/m/crash/w1")
    conn.close_session()
    assert proxy.stop() == 0


def test_an_old_file_is_ignored_and_said():
    file = fresh_file()
    proxy = start(file)
    make_local(proxy.addr, "/m/old", 3)
    assert proxy.stop() == 0
    time.sleep(2.2)
    proxy = start(file, "state-max-age: 1s\n")
    assert re.search(r"warn state file .* more than state-max-age \(1s\); nothing is restored", proxy.log())
    conn = Conn(proxy.addr)
    assert missing(conn, "/m/old") and os.path.exists(file)
    conn.close_session()
    proxy.kill()
    proxy = start(file, "state-max-age: 60s\n")
    conn = Conn(proxy.addr)
    assert data(conn, "/m/old/w2")[0], "the file was good for another minute"
    conn.close_session()
    assert proxy.stop() == 0


def test_a_damaged_file_is_put_aside():
    for damage in ("flip", "cut", "empty", "text"):
        file = fresh_file()
        proxy = start(file)
        make_local(proxy.addr, f"/m/{damage}", 3)
        assert proxy.stop() == 0
        with open(file, "rb") as f:
            raw = bytearray(f.read())
        raw[len(raw) // 2] ^= 1
        bad = {"flip": raw, "cut": raw[:-10], "empty": b"", "text": b"no state file at all, but some text"}[damage]
        with open(file, "wb") as f:
            f.write(bad)
        proxy = start(file)
        assert re.search(rf"warn state file .*; nothing is restored, and the file is kept as {file}.bad",
                         proxy.log()), proxy.log()
        assert len(re.findall("state file /", proxy.log())) == 1, "one line"
        with open(file + ".bad", "rb") as f:
            assert f.read() == bytes(bad)
        conn = Conn(proxy.addr)
        assert missing(conn, f"/m/{damage}")
        conn.close_session()
        assert proxy.stop() == 0 and os.path.exists(file)


def test_a_folder_that_cannot_be_written():
    """Once that was only found at the stop, with the heartbeats lost."""
    file = os.path.join(rig.temp_dir(), "none", "state")
    status, said = rig.Pacekeeper(server().connect_string, args=["--state-file", file]).run()
    assert status == 1 and "state-file: the folder " in said and "install -d" in said, said
    os.mkdir(os.path.dirname(file))
    proxy = start(file)
    make_local(proxy.addr, "/m/nowhere", 3)
    os.rmdir(os.path.dirname(file))
    assert proxy.stop() == 1, "a stop that lost something ends with status 1"
    assert re.search(r"error state file .* cannot be written: .*; 5 znodes are lost", proxy.log()), proxy.log()


def record(path, local, data=None, czxid=1, version=0, cversion=0):
    text = path.encode()
    body = struct.pack(">i", len(text)) + text + bytes([local]) + struct.pack(">i", -1 if data is None else len(data))
    return body + (data or b"") + struct.pack(">5q2i", czxid, czxid, czxid, 1, 1, version, cversion)


def state_file(*records):
    """A file that the daemon takes for its own."""
    body = b"PKSTATE\n" + struct.pack(">i3q", 1, int(time.time() * 1000), 0x100, len(records)) + b"".join(records)
    file = fresh_file()
    with open(file, "wb") as f:
        f.write(body + struct.pack(">I", zlib.crc32(body)))
    return file


def test_a_hostile_file_with_a_right_checksum():
    """Once its counters overflowed later: the count of deletes below a parent went negative or doubled beyond an int."""
    for bad in (record("/m/t", True, b"", cversion=0x7fffffff), record("/m/t", True, b"", version=-5),
                record("/m", False, cversion=0x40000000), record("/m/t", True, b"", czxid=0x7fffffffffffffff)):
        file = state_file(bad)
        proxy = start(file)
        assert "a counter in it is none that a znode has; nothing is restored" in proxy.log(), proxy.log()
        assert os.path.exists(file + ".bad") and proxy.mntr()["pk_znodes"] == 0
        assert proxy.stop() == 0
    proxy = start(state_file(record("/m/t", True, b"", cversion=1), record("/m/t/a", True, b"x"),
                             record("/m/t/b", True, b"more children than were created"), record("/m/u", True, b"y")))
    assert "3 znodes restored" in proxy.log() and re.search(r"warn 1 znodes .* left out", proxy.log()), proxy.log()
    conn = Conn(proxy.addr)
    assert data(conn, "/m/t/a")[0] == b"x" and data(conn, "/m/u")[0] == b"y" and missing(conn, "/m/t/b")
    assert ok(conn, wire.OP_EXISTS, wire.exists("/m/t", True)).cversion == 1
    conn.close_session()
    assert proxy.stop() == 0


def test_sigquit_writes_it_as_sigterm_does():
    """Once SIGQUIT ended the process with what it held."""
    file = fresh_file()
    proxy = start(file)
    make_local(proxy.addr, "/m/quit", 3)
    assert proxy.process.stop(signal.SIGQUIT) == 0 and os.path.exists(file)
    assert "SIGQUIT: stops" in proxy.log()


def test_mounts_that_are_gone():
    file = fresh_file()
    proxy = start(file, mounts=("/m", "/x"))
    make_local(proxy.addr, "/m/kept", 3)
    make_local(proxy.addr, "/x/gone", 3)
    assert proxy.stop() == 0
    proxy = start(file)
    assert re.search(r"5 znodes restored", proxy.log()) and re.search(r"5 znodes .* left out", proxy.log())
    conn = Conn(proxy.addr)
    assert data(conn, "/m/kept/w2")[0] and missing(conn, "/x/gone")
    conn.close_session()
    assert proxy.stop() == 0


def test_what_the_ensemble_has_meanwhile_wins():
    file = fresh_file()
    proxy = start(file)
    make_local(proxy.addr, "/m/both", 3)
    assert proxy.stop() == 0
    direct = Conn(server().addr)
    ok(direct, wire.OP_CREATE, wire.create("/m/both", b"direct"))
    ok(direct, wire.OP_CREATE, wire.create("/m/both/w1", b"direct"))
    proxy = start(file)
    conn = Conn(proxy.addr)
    rig.eventually(lambda: data(conn, "/m/both/w1")[0] == b"direct", 10, "the ensemble's znode")
    assert data(conn, "/m/both")[0] == b"direct"
    assert data(conn, "/m/both/w2")[0] == bytes([1]) * 3000, "one that only we had is lost"
    conn.close_session()
    direct.close_session()
    assert proxy.stop() == 0


def test_a_second_process_does_not_take_the_file():
    file = fresh_file()
    port = rig.free_port()
    proxy = start(file, port=port)
    make_local(proxy.addr, "/m/taken", 3)
    assert proxy.stop() == 0
    first = rig.Pacekeeper(server().connect_string, listen=f"127.0.0.1:{port}").start()
    status, said = rig.Pacekeeper(server().connect_string, listen=f"127.0.0.1:{port}",
                                  args=["--state-file", file]).run()
    assert status > 0 and str(port) in said and os.path.exists(file), said
    assert first.stop() == 0
    proxy = start(file, port=port)
    assert "5 znodes restored" in proxy.log(), proxy.log()
    assert proxy.stop() == 0


def test_clients_over_a_restart_miss_nothing():
    """Beaters and a reader that reconnect: never NONODE for a znode that was there, never an older beat."""
    file, port = fresh_file(), rig.free_port()
    proxy = start(file, port=port)
    stop, problems, counts = threading.Event(), [], []

    def session(timeout=15000):
        while not stop.is_set():
            try:
                return Conn(("127.0.0.1", port), timeout)
            except OSError:
                time.sleep(0.05)
        return None

    def beater(n):
        conn, k = session(), 0
        ok(conn, wire.OP_CREATE, wire.create(f"/m/r{n}", b"0"))
        counts.append(n)
        while not stop.is_set():
            try:
                k += 1
                ok(conn, wire.OP_SET_DATA, wire.set_data(f"/m/r{n}", b"%d" % k))
                time.sleep(0.005)
            except (Closed, OSError):
                conn = session()
            except AssertionError as e:
                problems.append(f"beater {n}: {e}")
                return

    def reader():
        newest, conn = {}, session()
        while not stop.is_set():
            try:
                for n in range(10):
                    got = int(data(conn, f"/m/r{n}")[0])
                    if got < newest.get(n, 0):
                        problems.append(f"/m/r{n}: {got} after {newest[n]}")
                    newest[n] = got
            except (Closed, OSError):
                conn = session()
            except AssertionError as e:
                problems.append(f"reader: {e}")
                return

    threads = [threading.Thread(target=beater, args=(n,)) for n in range(10)]
    for t in threads:
        t.start()
    rig.eventually(lambda: len(counts) == 10, 10, "ten beaters")
    threads.append(threading.Thread(target=reader))
    threads[-1].start()
    for _ in range(3):
        time.sleep(0.5)
        assert proxy.stop() == 0
        proxy = start(file, port=port)
    time.sleep(0.5)
    stop.set()
    for t in threads:
        t.join(20)
    assert not problems, problems[:10]
    m = proxy.mntr()
    assert m["pk_local_creates"] == 0, "a beater had to create its znode again"
    assert proxy.stop() == 0


def tree_of(conn, base):
    names = ok(conn, wire.OP_GET_CHILDREN, wire.get_children(base))
    return {name: data(conn, f"{base}/{name}") for name in names}


def test_release_moves_everything_into_the_ensemble():
    proxy = start(more="release: true\n")
    conn = Conn(proxy.addr)
    seen = make_local(proxy.addr, "/m/rel", 200)
    assert proxy.stop() == 0
    assert re.search(r"release: \d+ znodes and refreshes go to the ensemble, within 10s", proxy.log()), proxy.log()
    assert re.search(r"release: all of \d+ done in \d+ ms", proxy.log()), proxy.log()
    assert conn.recv_frame() is None
    direct = Conn(server().addr)
    there = tree_of(direct, "/m/rel")
    assert len(there) == 201
    for path, (text, stat) in seen.items():
        if path != "/m/rel":
            got, now = there[path.rpartition("/")[2]]
            assert (got or b"", now.version) == (text or b"", stat.version), (path, got, now, stat)
    direct.close_session()


def test_what_a_release_does_not_manage_goes_to_the_state_file():
    file = fresh_file()
    proxy = start(file, "release: true\nstop-timeout: 0\n")
    seen = make_local(proxy.addr, "/m/half", 200)
    assert proxy.stop() == 0
    assert re.search(r"warn release: \d+ of \d+ are left after .*stop-timeout.*state file", proxy.log()), proxy.log()
    proxy = start(file)
    conn = Conn(proxy.addr)
    for path, (text, _) in seen.items():
        rig.eventually(lambda: not missing(conn, path), 5, f"{path} restored or released")
        assert (data(conn, path)[0] or b"") == (text or b""), path
    conn.close_session()
    assert proxy.stop() == 0


def leaving(zk, more):
    """A daemon whose mount has just been taken away, with 20 znodes there and an ensemble that does not answer."""
    text = "mounts: [{}]\n" + more
    proxy = rig.Pacekeeper(zk.connect_string, config=text.format("/m, /x"), mounts=None).start()
    seen = make_local(proxy.addr, "/m/going", 18)
    zk.process.freeze()
    with open(proxy.argv[proxy.argv.index("-c") + 1], "w") as f:
        f.write(text.format("/x"))
    proxy.process.send(signal.SIGHUP)
    rig.eventually(lambda: "mount /m: 20 znodes and refreshes go to the ensemble" in proxy.log(), 10, "the reload")
    return proxy, seen


def test_a_mount_that_leaves_is_handed_over_before_the_end():
    zk = rig.zookeeper_with("/m", "/x")
    proxy, seen = leaving(zk, "stop-timeout: 60s\n")
    proxy.process.send(signal.SIGTERM)
    rig.eventually(lambda: "handover: 20 znodes and refreshes go to the ensemble, within 60s" in proxy.log(), 10, "the stop")
    zk.process.thaw()
    assert proxy.process.wait(60) == 0 and "handover: all of 20 done in" in proxy.log(), proxy.log()
    direct = Conn(zk.addr)
    for path, (text, stat) in seen.items():
        got, now = data(direct, path)
        assert (got or b"", now.version) == (text or b"", stat.version), path
    direct.close_session()
    zk.stop()


def test_what_of_a_leaving_mount_is_not_handed_over_is_kept():
    zk, file = rig.zookeeper_with("/m", "/x"), fresh_file()
    proxy, seen = leaving(zk, f"stop-timeout: 0\nstate-file: {file}\n")
    assert proxy.stop() == 0
    assert "20 of 20 are left" in proxy.log() and "for a start that names their mount" in proxy.log(), proxy.log()
    zk.process.thaw()
    proxy = rig.Pacekeeper(zk.connect_string, args=["--state-file", file]).start()
    conn = Conn(proxy.addr)
    for path, (text, _) in seen.items():
        assert (data(conn, path)[0] or b"") == (text or b""), path
    conn.close_session()
    assert proxy.stop() == 0
    zk.stop()


def test_what_the_ensemble_refuses_is_said():
    """An ACL taken away directly: the release does not hang, and what stays is not called done."""
    proxy = start(more="release: true\n")
    direct = Conn(server().addr)
    ok(direct, wire.OP_CREATE, wire.create("/m/shut"))
    conn = Conn(proxy.addr)
    for n in range(5):
        ok(conn, wire.OP_CREATE, wire.create(f"/m/shut/w{n}"))
    ok(direct, wire.OP_SET_ACL, wire.set_acl("/m/shut", wire.READ_ONLY_ACL))
    began = time.monotonic()
    assert proxy.stop() == 0
    assert time.monotonic() - began < 8, "it waited for what will never be"
    assert re.search(r"warn release: 5 of \d+ are left .*the ensemble refuses them; they are lost", proxy.log())
    direct.close_session()


def test_a_second_signal_ends_a_release():
    zk = rig.zookeeper_with("/m")
    proxy = rig.Pacekeeper(zk.connect_string, config="release: true\nstop-timeout: 60s\n").start()
    make_local(proxy.addr, "/m/stuck", 20)
    zk.process.freeze()
    proxy.process.send(signal.SIGTERM)
    rig.eventually(lambda: "release: " in proxy.log(), 5, "the release begins")
    time.sleep(0.5)
    assert proxy.running(), "it did not wait for the release"
    began = time.monotonic()
    proxy.process.send(signal.SIGTERM)
    proxy.process.wait(10)
    assert time.monotonic() - began < 5, "the second signal was not obeyed"
    zk.process.thaw()
    zk.stop()


def test_refreshes_are_flushed_at_a_stop():
    proxy = start(mounts=("/w=write-behind,flush=never",))
    conn, direct = Conn(proxy.addr), Conn(server().addr)
    ok(conn, wire.OP_CREATE, wire.create("/w/stop", b"0"))
    for k in range(1, 30):
        ok(conn, wire.OP_SET_DATA, wire.set_data("/w/stop", b"%d" % k))
    assert proxy.mntr()["pk_dirty"] == 1 and int(data(direct, "/w/stop")[0]) < 5, "nothing was absorbed"
    assert proxy.stop() == 0
    got, stat = data(direct, "/w/stop")
    assert (got, stat.version) == (b"29", 29), (got, stat)
    direct.close_session()


def test_kill_in_write_behind():
    """kill -9: after the reconnect no NONODE, and no value older than the flush interval and one beat."""
    port, flush, pause = rig.free_port(), 0.5, 0.05
    mounts = ("/w=write-behind,flush=500ms",)
    proxy = start(mounts=mounts, port=port)
    conns = [Conn(proxy.addr, 15000) for _ in range(10)]
    for n, conn in enumerate(conns):
        ok(conn, wire.OP_CREATE, wire.create(f"/w/k{n}", b"0", flags=n % 2))
    wrote = {n: [] for n in range(10)}
    end = time.monotonic() + 2
    k = 0
    while time.monotonic() < end:
        k += 1
        for n, conn in enumerate(conns):
            ok(conn, wire.OP_SET_DATA, wire.set_data(f"/w/k{n}", b"%d" % k))
            wrote[n].append(time.monotonic())
        time.sleep(pause)
    assert proxy.mntr()["pk_refreshes"] > 100, "refreshes are not absorbed"
    killed = time.monotonic()
    proxy.kill()
    proxy = start(mounts=mounts, port=port)
    for n, old in enumerate(conns):
        conn = Conn(proxy.addr, 15000, session=old.session, passwd=old.passwd)
        assert conn.session == old.session, "the session was lost"
        got = int(data(conn, f"/w/k{n}")[0])
        last = sum(1 for t in wrote[n] if t < killed - flush - 0.25) - 1
        assert got >= last, f"/w/k{n}: beat {got}, beat {last} was written {flush + 0.25} s before the kill"
        conn.close_session()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
