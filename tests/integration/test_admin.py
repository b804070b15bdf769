"""The operator's side: four-letter words, figures, the command line, start, stop, and refusals."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import rig
import wire
from wire import Closed, Conn, four_letter

FIGURES = ("requests_local requests_relayed requests_promoted beats_absorbed local_creates local_deletes "
           "promoted_znodes znodes bytes watched_paths sessions uplinks swallowed fenced closed_malformed "
           "queue_depth").split()


def setup():
    zk = rig.zookeeper_with("/m", "/r", "/cluster", "/cluster/workerbeats")
    return zk, rig.Pacekeeper(zk.connect_string, config="four-letter-words: '*'\n").start()


def both():
    return rig.shared("setup", setup)


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return wire.parse_reply(op, reply.body)


def one_read(addr, word):
    """What a client sees that reads once, as kazoo does."""
    with socket.create_connection(addr, 5) as s:
        s.sendall(word)
        time.sleep(0.1)
        first = s.recv(65536)
        s.settimeout(5)
        assert s.recv(65536) == b"", f"{word} comes in more than one piece"
        return first.decode()


def test_four_letter_words():
    _, proxy = both()
    conn = Conn(proxy.addr)
    assert one_read(proxy.addr, b"ruok") == "imok"
    rig.eventually(lambda: one_read(proxy.addr, b"isro") == "rw", 12, "isro says rw")
    srvr = one_read(proxy.addr, b"srvr")
    assert re.search(r"^Zookeeper version: \S+", srvr, re.M), srvr
    assert re.search(r"^Mode: proxy$", srvr, re.M), srvr
    for key in ("Latency min/avg/max:", "Received:", "Sent:", "Connections:", "Outstanding:", "Node count:"):
        assert key in srvr, (key, srvr)
    stat = one_read(proxy.addr, b"stat")
    assert "Mode: proxy" in stat and re.search(r"/127\.0\.0\.1:\d+", stat), stat
    cons = one_read(proxy.addr, b"cons")
    assert re.search(r"/127\.0\.0\.1:\d+\[\d+\]\(", cons) and f"sid=0x{conn.session & 0xffff:04x}," in cons, cons
    assert f"{conn.session:x}" not in cons, "a stranger with the whole id can cut its client off"
    assert "zookeeper.version=" in one_read(proxy.addr, b"envi")
    for line in one_read(proxy.addr, b"mntr").splitlines():
        assert re.fullmatch(r"(zk|pk)_[a-z0-9_]+(\{[^}]*\})?\t.*", line), line
    conn.close_session()


def test_only_words_of_the_whitelist_are_answered():
    """Once anybody who reached the port was told who is connected, and with which session."""
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string).start()
    for word in ("srvr", "ruok", "isro", "mntr"):
        assert "whitelist" not in four_letter(proxy.addr, word), word
    for word in ("stat", "cons", "envi", "dump", "wchp", "conf"):
        assert four_letter(proxy.addr, word) == f"{word} is not executed because it is not in the whitelist.\n", word
    assert proxy.stop() == 0
    status, said = rig.Pacekeeper(zk.connect_string, config="four-letter-words: [srvr, dump]\n", args=["-t"]).run()
    assert status == 1 and "pacekeeper.yaml:1: four-letter-words" in said and "envi" in said, said


def test_descriptors_are_counted():
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string).start()
    conns = [Conn(proxy.addr) for _ in range(10)]

    def close_enough():
        counted, listed = proxy.mntr()["zk_open_file_descriptor_count"], len(os.listdir(f"/proc/{proxy.pid}/fd"))
        return abs(counted - listed) <= 4 and counted >= 20

    rig.eventually(close_enough, 5, "as many descriptors as there are")
    for conn in conns:
        conn.close_session()
    assert proxy.stop() == 0


def test_four_letter_words_in_pieces_and_unknown_ones():
    _, proxy = both()
    with socket.create_connection(proxy.addr, 5) as s:
        for c in b"ruok":
            s.sendall(bytes([c]))
            time.sleep(0.01)
        assert s.recv(100) == b"imok"
    assert four_letter(proxy.addr, "abcd") == ""


def test_words_as_kazoo_asks_them():
    _, proxy = both()
    client = rig.need_module("kazoo.client", "python3-kazoo").KazooClient(hosts=proxy.connect_string)
    client.start(15)
    assert client.server_version() >= (3, 4), client.server_version()
    assert client.command(b"ruok") == "imok" and "Mode: proxy" in client.command(b"srvr")
    client.stop()
    client.close()


def test_mntr_figures():
    _, proxy = both()
    conn = Conn(proxy.addr)
    before = proxy.mntr()
    for name in FIGURES:
        assert isinstance(before["pk_" + name], int), (name, sorted(before))
    assert before["zk_server_state"] == "proxy", before
    assert before["pk_sessions"] >= 1 and before["pk_uplinks"] >= 1
    for i in range(3):
        ok(conn, wire.OP_CREATE, wire.create(f"/m/f{i}", b"x" * 100))
    for _ in range(10):
        ok(conn, wire.OP_EXISTS, wire.exists("/m/f0"))
        ok(conn, wire.OP_SET_DATA, wire.set_data("/m/f0", b"y" * 200))
    ok(conn, wire.OP_DELETE, wire.delete("/m/f2"))
    ok(conn, wire.OP_EXISTS, wire.exists("/m/f1", True))
    ok(conn, wire.OP_GET_DATA, wire.get_data("/r"))
    after = proxy.mntr()
    grown = {k: after["pk_" + k] - before["pk_" + k] for k in FIGURES}
    assert grown["local_creates"] == 3 and grown["local_deletes"] == 1 and grown["promoted_znodes"] == 1, grown
    assert grown["beats_absorbed"] >= 10 and grown["requests_local"] >= 20, grown
    assert grown["requests_relayed"] >= 2 and grown["requests_promoted"] == 1, grown
    assert grown["znodes"] == 1 and grown["watched_paths"] >= 1, grown
    assert 200 <= grown["bytes"] < 1000, grown
    version = [k for k in after if "upstream" in k]
    latency = [k for k in after if "p99" in k]
    assert version and latency, f"upstream's version and state, beat latency: {sorted(after)}"
    conn.close_session()
    assert rig.eventually(lambda: proxy.mntr()["pk_sessions"] == before["pk_sessions"] - 1, 3, "a session less")


def test_command_line():
    zk, _ = both()
    status, text = rig.Pacekeeper(listen=None, mounts=(), args=["-V"]).run()
    assert status == 0 and re.search(r"pacekeeper \d+\.\d+", text), (status, text)
    status, text = rig.Pacekeeper(listen=None, mounts=(), args=["-h"]).run()
    assert status == 0 and "--upstream" in text
    for args in (["--nonsense"], ["extra"], ["--mount", "/a=quick"], ["--mount", "relative"],
                 ["--upstream", "host:99999"], ["--log-level", "loud"], ["-c", "/nonexistent/file"]):
        status, text = rig.Pacekeeper(listen=None, mounts=(), args=args + ["-t"]).run()
        assert status not in (0, None) and status > 0 and text.strip(), (args, status, text)
    status, text = rig.Pacekeeper(zk.connect_string, args=["-t"]).run()
    assert status == 0, text
    for args, what in ((["shwo"], "shwo is no command; there are adopt close "), (["adopt"], "storm.yaml is expected"),
                       (["adopt", "a", "b"], "--to FILE is where its copy goes"), (["adopt", "--nonsense"], "does not take"),
                       (["adopt", *["--listen", "127.0.0.1:2181"] * 99, "a"], "too many addresses")):
        done = subprocess.run([rig.Pacekeeper().argv[0], *args], capture_output=True, text=True, timeout=10)
        assert done.returncode == 2 and what in done.stderr, (args, done)


def test_configuration_file():
    zk, _ = both()
    good = f"listen: [127.0.0.1:0]\nupstream: [{zk.connect_string}]\nmounts:\n  - path: /m\n    mode: pacemaker\n"
    proxy = rig.Pacekeeper(config=good, listen=None, mounts=()).start()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/by-file", b""))
    assert proxy.mntr()["pk_local_creates"] == 1
    conn.close_session()
    assert proxy.stop() == 0
    for text, line in ((good + "colour: red\n", 6), (good.replace("pacemaker", "faster"), 5),
                       (good + "max-frame: much\n", 6), ("listen: [\n", None), (good + "max-frame: 1\n", 6)):
        status, said = rig.Pacekeeper(config=text, listen=None, mounts=(), args=["-t"]).run()
        assert status > 0, (text, said)
        assert "pacekeeper.yaml:" in said and (line is None or f"pacekeeper.yaml:{line}" in said), said
    sample = os.path.join(rig.top_srcdir(), "conf", "pacekeeper.yaml")
    status, said = rig.Pacekeeper(listen=None, mounts=(), args=["-c", sample, "-t"]).run()
    assert status == 0, said


def test_storm_yaml():
    zk, _ = both()
    path = os.path.join(rig.temp_dir(), "storm.yaml")
    with open(path, "w") as f:
        f.write('# Storm\nstorm.zookeeper.servers:\n  - "127.0.0.1"\n'
                f'storm.zookeeper.port: {zk.port}\nstorm.zookeeper.root: "/cluster"\n'
                'nimbus.seeds: ["a", "b"]\nsupervisor.slots.ports: [6700, 6701]\n'
                'worker.childopts: "-Xmx768m"\ntopology.conf: {a: {b: [1, 2.5, null, true]}}\n')
    proxy = rig.Pacekeeper(mounts=(), args=["--storm-yaml", path]).start()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/cluster/workerbeats/t", b"\7"))
    assert proxy.mntr()["pk_local_creates"] == 1
    conn.close_session()
    assert proxy.stop() == 0
    status, said = rig.Pacekeeper(mounts=(), listen=None, args=["--storm-yaml", "/nonexistent", "-t"]).run()
    assert status > 0 and "nonexistent" in said


def test_relay_mode_turns_a_mount_off():
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string, mounts=["/m=relay"]).start()
    conn, direct = Conn(proxy.addr), Conn(zk.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/off", b""))
    ok(direct, wire.OP_EXISTS, wire.exists("/m/off"))
    assert proxy.mntr()["pk_local_creates"] == 0
    conn.close_session()
    direct.close_session()
    assert proxy.stop() == 0


def test_host_names_and_ipv6():
    zk, _ = both()
    proxy = rig.Pacekeeper(f"localhost:{zk.port}", listen="localhost:0").start()
    Conn((proxy.host, proxy.port)).close_session()
    assert proxy.stop() == 0
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        print("  no IPv6 on loopback here")
        return
    proxy = rig.Pacekeeper(f"localhost:{zk.port}", listen="[::1]:0").start()
    Conn(("::1", proxy.port)).close_session()
    assert proxy.stop() == 0


def test_sigterm():
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string).start()
    conns = [Conn(proxy.addr) for _ in range(20)]
    ok(conns[0], wire.OP_CREATE, wire.create("/r/kept", b"", flags=1))
    ok(conns[0], wire.OP_CREATE, wire.create("/m/lost", b""))
    start = time.monotonic()
    assert proxy.stop() == 0
    assert time.monotonic() - start < 5, "it took long to stop"
    for conn in conns:
        assert conn.recv_frame() is None
    direct = Conn(zk.addr, session=conns[0].session, passwd=conns[0].passwd)
    assert direct.session == conns[0].session, "a session ended with the proxy"
    ok(direct, wire.OP_EXISTS, wire.exists("/r/kept"))
    direct.close_session()


def test_second_instance_on_the_same_port():
    zk, proxy = both()
    status, said = rig.Pacekeeper(zk.connect_string, listen=f"127.0.0.1:{proxy.port}").run()
    assert status > 0, (status, said)
    assert str(proxy.port) in said and re.search(r"in use|already|another", said), said
    Conn(proxy.addr).close_session()


def test_upstream_is_another_proxy():
    _, proxy = both()
    outer = rig.Pacekeeper(proxy.connect_string, mounts=["/none=relay"]).start()
    conn = Conn(outer.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/chained", b"x"))
    assert ok(conn, wire.OP_GET_DATA, wire.get_data("/m/chained"))[0] == b"x"
    conn.close_session()
    rig.eventually(lambda: re.search(r"(?i)warn.*proxy|proxy.*warn", outer.log()), 3, "a warning about a proxy")
    assert outer.stop() == 0


def test_no_upstream_reachable():
    zk = rig.zookeeper_with("/m")
    proxy = rig.Pacekeeper(zk.connect_string).start()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/survives", b"data"))
    zk.kill()
    assert conn.recv_frame(9) is None, "held, until two thirds of its timeout are over"
    start = time.monotonic()
    try:
        Conn(proxy.addr)
        raise AssertionError("a session without an ensemble")
    except (Closed, ConnectionError):
        pass
    assert time.monotonic() - start < 8
    assert four_letter(proxy.addr, "ruok") == "imok" and proxy.mntr()["pk_upstream_state"] == "down"
    rig.eventually(lambda: four_letter(proxy.addr, "isro") != "rw", 15, "isro says that nobody serves")
    zk.restart()

    def again():
        try:
            return Conn(proxy.addr)
        except (Closed, OSError):
            return None

    conn = rig.eventually(again, 15, "a session after the ensemble's return")
    assert ok(conn, wire.OP_GET_DATA, wire.get_data("/m/survives"))[0] == b"data"
    conn.close_session()
    assert proxy.stop() == 0
    zk.stop()


def test_health_checks_see_that_no_server_serves():
    """Once srvr and stat looked as if all were well while every client was refused."""
    zk = rig.zookeeper_with()
    proxy = rig.Pacekeeper(zk.connect_string, config="four-letter-words: '*'\nstatus-interval: 500ms\n").start()

    def both_say(text):
        return all(text in four_letter(proxy.addr, word) for word in ("srvr", "stat"))

    rig.eventually(lambda: both_say("Mode: proxy"), 5, "srvr and stat say that it serves")
    zk.kill()
    rig.eventually(lambda: both_say("This ZooKeeper instance is not currently serving requests\n"), 15, "the sentence")
    assert not any(word in four_letter(proxy.addr, "stat") for word in ("Mode", "version", "Clients"))
    zk.restart()
    rig.eventually(lambda: "Mode: proxy" in four_letter(proxy.addr, "srvr"), 15, "srvr says that it serves again")
    assert proxy.stop() == 0
    zk.stop()


# The pattern of go-zookeeper's FLWSrvr, with the date of ZooKeeper 3.4 and 3.5.
SRVR = re.compile(r"\AZookeeper version: [A-Za-z0-9.\-]+, built on \d\d/\d\d/\d{4} \d\d:\d\d [A-Za-z0-9:+\-]+\n"
                  r"Latency min/avg/max: \d+/[0-9.]+/\d+\nReceived: \d+\nSent: \d+\nConnections: \d+\n"
                  r"Outstanding: \d+\nZxid: 0x[A-Za-z0-9]+\nMode: \w+\nNode count: \d+")


def old_server():
    """A listener that answers srvr as a ZooKeeper 3.4 does."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve():
        while True:
            conn, _ = listener.accept()
            with conn:
                if conn.recv(100) == b"srvr":
                    conn.sendall(b"Zookeeper version: 3.4.14-4c25d480e66aadd371de8bd2fd8da255ac140bcf, built on "
                                 b"03/06/2019 16:18 GMT\nLatency min/avg/max: 0/0/0\nReceived: 1\nSent: 0\n"
                                 b"Connections: 1\nOutstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 4\n")

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_dates_are_those_of_the_ensemble():
    """Once `built on unknown date` ended what parses a server's srvr."""
    zk, proxy = both()
    built = re.search(r"built on .*", four_letter(zk.addr, "srvr")).group()
    for word in ("srvr", "stat", "envi", "mntr"):
        assert built in four_letter(proxy.addr, word), (built, four_letter(proxy.addr, word))
    old = rig.Pacekeeper(old_server()).start()
    rig.eventually(lambda: SRVR.match(four_letter(old.addr, "srvr")), 5, "what go-zookeeper reads")
    assert "3.4.14-pacekeeper" in four_letter(old.addr, "srvr")
    assert old.stop() == 0


def test_latencies_are_what_they_say():
    """Once the median stood where an average should, and zeros where nothing is measured."""
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string, config="four-letter-words: '*'\n").start()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/beats", b""))
    for _ in range(50):
        ok(conn, wire.OP_SET_DATA, wire.set_data("/m/beats", b"x"))
    figures = proxy.mntr()
    low, average, high = (figures[f"zk_{which}_latency"] for which in ("min", "avg", "max"))
    assert low <= float(average) <= high + 1 and float(average) > 0, (low, average, high)
    assert figures["zk_ephemerals_count"] == 0
    cons = four_letter(proxy.addr, "cons")
    assert "heard=" in cons and "lat=" not in cons, cons
    conn.close_session()
    assert proxy.stop() == 0


def test_limit_of_the_server_is_named_in_the_log():
    zk = rig.ZooKeeper(extra_cfg="maxClientCnxns=2").start()
    proxy = rig.Pacekeeper(zk.connect_string).start()
    conns = []
    refused = 0
    for _ in range(4):
        try:
            conns.append(Conn(proxy.addr))
        except (Closed, ConnectionError):
            refused += 1
    assert refused >= 1 and len(conns) >= 1
    assert "maxClientCnxns" in proxy.log(), proxy.log()
    ok(conns[0], wire.OP_EXISTS, wire.exists("/"))
    proxy.stop()
    zk.stop()


def test_what_exists_upstream_is_reported_at_the_start():
    zk, _ = both()
    direct = Conn(zk.addr)
    for path in ("/old", "/old/topology", "/old/topology/worker"):
        ok(direct, wire.OP_CREATE, wire.create(path, b"x"))
    direct.close_session()
    proxy = rig.Pacekeeper(zk.connect_string, mounts=["/old=pacemaker"]).start()
    rig.eventually(lambda: re.search(r"/old\b.*\b[12]\b", proxy.log()), 5, "a report of what exists below /old")
    assert proxy.stop() == 0


def test_signals_that_used_to_end_it():
    """Once each of them ended the process without a flush or a state file."""
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string, config="log-level: info\n").start()
    conn = Conn(proxy.addr)
    with open(os.path.join(proxy.dir, "pacekeeper.yaml"), "w") as f:
        f.write("log-level: warn\n")
    proxy.process.send(signal.SIGHUP)
    for number in (signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO):
        proxy.process.send(number)
        rig.eventually(lambda: f"warn {signal.Signals(number).name}: ignored" in proxy.log(), 3, "it is said")
    proxy.process.send(signal.SIGRTMIN + 3)
    ok(conn, wire.OP_EXISTS, wire.exists("/"))
    proxy.process.send(signal.SIGUSR1)
    rig.eventually(lambda: re.search(r"info SIGUSR1: pk_sessions 1$", proxy.log(), re.M), 3, "the figures")
    conn.close_session()
    assert proxy.process.stop(signal.SIGQUIT) == 0


def test_sigpipe_does_no_harm():
    zk, _ = both()
    proxy = rig.Pacekeeper(zk.connect_string).start()
    conn = Conn(proxy.addr)
    proxy.process.send(signal.SIGPIPE)
    time.sleep(0.1)
    ok(conn, wire.OP_EXISTS, wire.exists("/"))
    conn.close_session()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
