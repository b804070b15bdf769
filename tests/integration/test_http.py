"""The admin side over HTTP: who may ask, what a scraper reads, when it is ready, and that attacks on it harm nobody."""
import base64
import http.client
import os
import re
import socket
import stat
import subprocess
import time

import rig
import wire
from adminside import Admin
from wire import Conn


def setup():
    return rig.zookeeper_with("/m", "/w", "/r", "/m/other")


def zookeeper():
    return rig.shared("zookeeper", setup)


def sock_path():
    return os.path.join(rig.temp_dir(), "admin.sock")


def started(*listen, **options):
    listen = listen or ("127.0.0.1:0", "unix:" + sock_path())
    args = ["--admin", ",".join(listen), *options.pop("args", ())]
    proxy = rig.Pacekeeper(options.pop("upstream", zookeeper().connect_string), args=args, **options).start()
    return proxy, Admin(proxy)


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return reply


def ready(admin):
    rig.eventually(lambda: admin.get("/ready")[0] == 200, 12, "ready")


def test_live_and_ready():
    proxy, admin = started()
    assert admin.get("/live") == (200, "live\n")
    ready(admin)
    for unix in (True, False):
        assert admin.get("/ready", unix=unix) == (200, "ready\n")
    assert admin.get("/nothing")[0] == 404
    assert admin.post("/live")[0] == 405
    assert proxy.stop() == 0
    assert not os.path.exists(admin.paths[0]), "the socket file is left behind"


def test_not_ready_without_an_ensemble_and_says_why():
    proxy, admin = started(upstream=f"127.0.0.1:{rig.free_port()}")
    status, why = admin.get("/ready")
    assert status == 503 and "no server of the ensemble serves" in why, (status, why)
    assert admin.get("/live")[0] == 200
    assert admin.value("pacekeeper_ready") == 0 and admin.value("pacekeeper_server_up") == 0
    assert rig.eventually(lambda: admin.value("pacekeeper_server_faults_total") > 0, 10, "a fault that is counted")
    assert proxy.stop() == 0


def promtool(text):
    tool = rig.need("/usr/bin/promtool", "prometheus")
    return subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=20)


def test_promtool_finds_nothing_to_say():
    proxy, admin = started()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/a", b"x"))
    ok(conn, wire.OP_SET_DATA, wire.set_data("/m/a", b"y"))
    found = promtool(admin.get("/metrics")[1])
    assert found.returncode == 0 and not found.stdout + found.stderr, found
    broken = promtool(admin.get("/metrics")[1].replace("# TYPE pacekeeper_ready gauge", "# TYPE pacekeeper_ready what"))
    assert broken.returncode != 0, "promtool looks at what it is given"
    conn.close_session()
    assert proxy.stop() == 0


def test_requests_are_told_apart_by_mount_operation_and_answer():
    proxy, admin = started(mounts=("/m=pacemaker", "/w=write-behind"))
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/a", b"x"))
    before = admin.metrics()
    for _ in range(7):
        ok(conn, wire.OP_EXISTS, wire.exists("/m/a"))
        ok(conn, wire.OP_SET_DATA, wire.set_data("/m/a", b"y"))
    ok(conn, wire.OP_GET_DATA, wire.get_data("/r"))
    ok(conn, wire.OP_GET_CHILDREN, wire.get_children("/m"))
    after = admin.metrics()

    def grown(name, **labels):
        key = (name, tuple(sorted(labels.items())))
        return after.get(key, 0) - before.get(key, 0)

    total = "pacekeeper_requests_total"
    assert grown(total, mount="/m", operation="exists", answer="memory") == 7
    assert grown(total, mount="/m", operation="setData", answer="memory") == 7
    assert grown(total, mount="/m", operation="getChildren", answer="merged") == 1
    assert grown(total, mount="", operation="getData", answer="relayed") == 1
    assert grown("pacekeeper_transactions_spared") == 7
    assert grown("pacekeeper_beat_duration_seconds_count") == 7
    server = zookeeper().connect_string
    assert grown("pacekeeper_relay_duration_seconds_count", server=server, kind="read") == 2
    buckets = sorted((float(dict(k[1])["le"]), v) for k, v in after.items()
                     if k[0] == "pacekeeper_relay_duration_seconds_bucket" and ("kind", "read") in k[1])
    assert buckets[-1][0] == float("inf") and [v for _, v in buckets] == sorted(v for _, v in buckets), buckets
    conn.close_session()
    assert rig.eventually(lambda: admin.value("pacekeeper_connections_closed_total", reason="session_closed") == 1, 5,
                          "the close, with its reason")
    assert proxy.stop() == 0


def test_why_the_ensemble_was_asked():
    proxy, admin = started(mounts=("/m=pacemaker,max-znode=100", "/w=write-behind"))
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/watched", b"x"))
    ok(conn, wire.OP_EXISTS, wire.exists("/m/watched", True))
    ok(conn, wire.OP_SET_DATA, wire.set_data("/m/watched", b"y"))
    ok(conn, wire.OP_CREATE, wire.create("/m/big", b"x" * 200))
    ok(conn, wire.OP_CREATE, wire.create("/m/ephemeral", b"", flags=1))
    ok(conn, wire.OP_CREATE, wire.create("/m/closed", b"", acl=[(31, "world", "anyone"), (1, "ip", "192.0.2.1")]))
    ok(conn, wire.OP_CREATE, wire.create("/w/z", b"x"))
    ok(conn, wire.OP_SET_DATA, wire.set_data("/w/z", b"y"))
    ok(conn, wire.OP_SET_DATA, wire.set_data("/w/z", b"z"))

    def why(mount, reason):
        return admin.value("pacekeeper_requests_unabsorbed_total", mount=mount, reason=reason)

    assert why("/m", "watch") == 1, admin.get("/metrics")
    assert why("/m", "bound") == 1 and why("/m", "unusual") == 1 and why("/m", "acl") == 1
    assert why("/w", "upstream") == 1, "a create in the mode write-behind is the ensemble's"
    assert why("/w", "first") == 1, "the first write shows that the ensemble lets it, the second is absorbed"
    assert why("/m", "first") == 1, "the znode that was promoted for its watch"
    conn.close_session()
    assert proxy.stop() == 0


def test_figures_of_servers_mounts_and_process():
    proxy, admin = started()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/b", b"x" * 100))
    ready(admin)
    server = zookeeper().connect_string
    assert admin.value("pacekeeper_server_up", server=server) == 1
    assert admin.value("pacekeeper_server_connections", server=server) >= 1
    assert admin.value("pacekeeper_mount_znodes", mount="/m") == 1
    assert 100 <= admin.value("pacekeeper_mount_bytes", mount="/m") < 1000
    assert admin.value("pacekeeper_mount_info", mount="/m", mode="pacemaker") == 1
    assert admin.value("pacekeeper_traffic_bytes_total", side="client", direction="in") > 100
    assert admin.value("process_resident_memory_bytes") > 1 << 20
    assert abs(admin.value("process_start_time_seconds") - time.time()) < 60
    rig.eventually(lambda: admin.value("pacekeeper_loop_lag_seconds_count") >= 2, 5, "ticks")
    rig.eventually(lambda: 0 < admin.value("pacekeeper_mount_oldest_beat_seconds", mount="/m") < 60, 12, "an age")
    conn.close_session()
    assert proxy.stop() == 0


def test_over_tcp_without_a_token_one_may_only_look():
    proxy, admin = started()
    assert admin.get("/metrics", unix=False)[0] == 200
    assert admin.post("/metrics", unix=False)[0] == 403
    status, why = admin.get("/metrics", unix=False, headers={"Host": "attacker.example"})
    assert status == 403, "a page of another site that has its name lead here"
    assert admin.get("/metrics", unix=False, headers={"Host": "localhost:9181"})[0] == 200
    assert stat.S_IMODE(os.stat(admin.paths[0]).st_mode) == 0o660
    assert proxy.stop() == 0


def token_file(text, mode=0o600):
    path = os.path.join(rig.temp_dir(), "token")
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def test_a_token_is_needed_where_there_is_one():
    path = token_file("0123456789abcdef-secret\n")
    proxy, admin = started("127.0.0.1:0", f"token-file={path}")
    assert admin.get("/live")[0] == 200, "health checks know no token"
    status, _, headers = admin.ask("GET", "/metrics")
    assert status == 401 and "Basic" in headers["WWW-Authenticate"], (status, headers)
    for wrong in ("Bearer x", "Bearer 0123456789abcdef-secre", "Bearer 0123456789abcdef-secret2", "Basic !!", "Bearer "):
        assert admin.get("/metrics", headers={"Authorization": wrong})[0] == 401, wrong
    admin.token = "0123456789abcdef-secret"
    assert admin.get("/metrics")[0] == 200
    basic = base64.b64encode(b"anybody:0123456789abcdef-secret").decode()
    assert admin.get("/metrics", headers={"Authorization": f"Basic {basic}"})[0] == 200
    assert "secret" not in proxy.log()
    assert proxy.stop() == 0


def test_what_would_be_open_to_all_is_refused():
    for listen in ("0.0.0.0:0", "*:0", "[::]:0", "192.0.2.7:80"):
        status, said = rig.Pacekeeper(zookeeper().connect_string, args=["--admin", listen, "-t"]).run()
        assert status == 1 and "admin.unprotected" in said and "admin.token-file" in said, (listen, said)
    status, said = rig.Pacekeeper(zookeeper().connect_string, args=["--admin", "0.0.0.0:0,unprotected=true", "-t"]).run()
    assert status == 0, said
    for text, mode, expected in (("short\n", 0o600, "at least 16"), ("0123456789abcdef\n", 0o644, "chmod")):
        args = ["--admin", f"0.0.0.0:0,token-file={token_file(text, mode)}", "-t"]
        status, said = rig.Pacekeeper(zookeeper().connect_string, args=args).run()
        assert status == 1 and expected in said and text.strip() not in said.replace(args[1], ""), said
    for bad in ("unix:admin.sock", "unix:/" + "x" * 110, "nowhere", "127.0.0.1"):
        status, said = rig.Pacekeeper(zookeeper().connect_string, args=["--admin", bad, "-t"]).run()
        assert status == 1 and "--admin" in said, (bad, said)


def test_a_socket_file_in_use_is_left_alone_and_a_stale_one_is_replaced():
    path = sock_path()
    first, _ = started("unix:" + path)
    status, said = rig.Pacekeeper(zookeeper().connect_string, args=["--admin", "unix:" + path]).run()
    assert status == 1 and "in use" in said, said
    first.kill()
    assert os.path.exists(path)
    second, admin = started("unix:" + path)
    assert admin.get("/live")[0] == 200
    assert second.stop() == 0
    with open(path, "w") as f:
        f.write("mine")
    status, said = rig.Pacekeeper(zookeeper().connect_string, args=["--admin", "unix:" + path]).run()
    assert status == 1 and os.path.exists(path), "a file that is no socket is nobody's to remove"


def test_large_and_broken_requests():
    proxy, admin = started("127.0.0.1:0")
    assert admin.post("/live", body=b"x" * 100000)[0] in (403, 413)
    for bytes_sent in (b"\0" * 5000, b"GET /" + b"a" * 100000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50000,
                       b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" + b"x" * 0xfffff,
                       b"ZZZZ\r\n\r\n", b""):
        with socket.create_connection(admin.addrs[0], 5) as s:
            try:
                s.sendall(bytes_sent)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass
    assert admin.get("/live")[0] == 200
    conn = admin.connection()
    conn.request("GET", "/live")
    assert conn.getresponse().read() == b"live\n"
    conn.request("HEAD", "/metrics")
    reply = conn.getresponse()
    assert reply.status == 200 and reply.read() == b"", "a second request on the same connection, without its body"
    conn.close()
    assert proxy.stop() == 0


def beats(conn, seconds):
    """The durations of beats, one after the other for so long."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        ok(conn, wire.OP_SET_DATA, wire.set_data("/m/beat", b"x"))
        times.append(time.monotonic() - began)
        time.sleep(0.002)
    return sorted(times)


def test_slow_visitors_and_a_thousand_of_them_hurt_nobody():
    proxy, admin = started()
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/beat", b"x"))
    alone = beats(conn, 1.0)
    crowd = []
    for i in range(1000):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(admin.addrs[0])
        crowd.append(s)
    time.sleep(0.2)
    for i, s in enumerate(crowd):
        try:
            s.send(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (b"X: " + b"x" * 500000 if i % 50 == 1 else b"")
                   if i % 2 else b"G")
        except OSError:
            pass
    beside = beats(conn, 2.0)
    assert beside[-1] < 5, f"a beat has waited {beside[-1]:.1f} s for visitors, who have 10"
    assert admin.get("/ready", unix=True)[0] == 200, "the socket file has places of its own"
    began = time.monotonic()
    assert admin.get("/live", unix=False)[0] == 200, "who is slow makes room"
    print(f"# beats alone p99 {alone[len(alone) * 99 // 100] * 1e6:.0f} us, beside 1000 visitors "
          f"{beside[len(beside) * 99 // 100] * 1e6:.0f} us; a scrape waited {time.monotonic() - began:.2f} s")
    assert admin.value("pacekeeper_admin_connections") <= 32
    for s in crowd:
        s.close()
    conn.close_session()
    assert proxy.stop() == 0


def test_a_visitor_that_never_ends_is_ended():
    proxy, admin = started("127.0.0.1:0")
    with socket.create_connection(admin.addrs[0], 20) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\n")
        began = time.monotonic()
        while time.monotonic() - began < 20:
            try:
                s.settimeout(1.0)
                if s.recv(100) == b"":
                    break
            except socket.timeout:
                s.sendall(b"X: y\r\n")
            except OSError:
                break
        assert 5 < time.monotonic() - began < 19, "a byte now and then does not keep the place"
    assert admin.value("pacekeeper_admin_connections_ended_total", reason="slow") == 1
    assert proxy.stop() == 0


def test_it_answers_when_the_client_port_cannot():
    proxy, admin = started(config="max-connections: 2\n", wrapper=("prlimit", "--nofile=128:128"))
    conns = [Conn(proxy.addr) for _ in range(2)]
    idle = [socket.create_connection(proxy.addr) for _ in range(300)]
    for _ in range(5):
        assert admin.get("/live", unix=False)[0] == 200 and admin.get("/metrics", unix=True)[0] == 200
    assert admin.value("pacekeeper_connections_rejected_total") + admin.value("pacekeeper_connections_made_room_total") > 0
    for s in idle:
        s.close()
    for conn in conns:
        conn.close_session()
    assert proxy.stop() == 0


def test_no_descriptors_for_clients():
    proxy, admin = started(wrapper=("prlimit", "--nofile=96:96"))
    idle = [socket.create_connection(proxy.addr) for _ in range(120)]
    rig.eventually(lambda: admin.value("pacekeeper_accept_pauses_total") > 0, 10, "accepting pauses")
    visitors = [admin.connection(unix=False) for _ in range(8)]
    for v in visitors:
        v.request("GET", "/live")
        assert v.getresponse().read() == b"live\n"
    for v in visitors:
        v.close()
    for s in idle:
        s.close()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
