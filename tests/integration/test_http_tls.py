"""TLS at the admin side: scraped over https by Prometheus itself, certificates of both ends, what is no TLS, a renewal."""
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request

import rig
import wire
from adminside import Admin
from certs import Certs
from test_http import beats
from wire import Conn

TOKEN = "0123456789abcdef-secret"
READY = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Lab:
    """An authority with certificates of a daemon and of a visitor, and a stranger's."""

    def __init__(self):
        self.certs, self.strangers = Certs(), Certs("Elsewhere")
        for name in ("server", "renewed", "scraper"):
            self.certs.sign(name, f"/O=Lab/CN={name}")
        self.strangers.sign("mallory", "/O=Lab/CN=scraper")


def lab():
    return rig.shared("lab", Lab)


def started(*listen, client="none", ours="server", upstream=None, args=()):
    """(daemon, its admin side over https): at tls:127.0.0.1, beside a socket file where there is none in listen."""
    certs = lab().certs
    listen = listen or ("tls:127.0.0.1:0", "unix:" + os.path.join(rig.temp_dir(), "admin.sock"))
    config = f"""tls:
  certificate: {certs.path(ours + '.pem')}
  key: {certs.path(ours + '.key')}
  ca: {certs.ca}
  client: {client}
admin: {{listen: {json.dumps(list(listen))}}}
"""
    upstream = upstream or f"127.0.0.1:{rig.free_port()}"
    proxy = rig.Pacekeeper(upstream, config=config, args=args).start()
    return proxy, Admin(proxy, tls=certs.context())


def overs(admin, path, **options):
    return admin.get(path, unix=False, **options)


def shaken(admin, context=None):
    """A socket of TLS with the daemon."""
    raw = socket.create_connection(admin.addrs[0], 10)
    return (context or admin.tls).wrap_socket(raw, server_hostname="localhost")


def test_scraped_over_https():
    """By Prometheus, and by a client that asks twice on a connection, with either version."""
    proxy, admin = started()
    port, folder = rig.free_port(), rig.temp_dir()
    config = {"scrape_configs": [{"job_name": "pacekeeper", "scrape_interval": "1s", "scrape_timeout": "1s", "scheme": "https",
                                  "tls_config": {"ca_file": lab().certs.ca},
                                  "static_configs": [{"targets": ["localhost:%d" % admin.addrs[0][1]]}]}]}
    with open(os.path.join(folder, "prometheus.yml"), "w") as f:
        json.dump(config, f)
    argv = [rig.need("/usr/bin/prometheus", "prometheus"), f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    scraper = rig.Process(argv, os.path.join(folder, "log")).start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        admin.tls = lab().certs.context(version=version)
        conn = admin.connection(unix=False)
        for path, expected in (("/live", b"live\n"), ("/metrics", b"pacekeeper_build_info"), ("/", b"<title>")):
            conn.request("GET", path)
            reply = conn.getresponse()
            assert reply.status == 200 and expected in reply.read(), path
        assert conn.sock.version() == version.name.replace("v1_", "v1.")
        conn.close()

    def scraped():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=pacekeeper_build_info", timeout=5) as reply:
                return json.load(reply)["data"]["result"]
        except OSError:
            return None

    found = rig.eventually(scraped, 30, "a figure in Prometheus", pause=0.2)
    assert found[0]["metric"]["job"] == "pacekeeper" and found[0]["value"][1] == "1", found
    scraper.stop()
    assert proxy.stop() == 0


def test_who_may_look_and_who_may_change():
    path = os.path.join(rig.temp_dir(), "token")
    with open(path, "w") as f:
        f.write(TOKEN + "\n")
    os.chmod(path, 0o600)
    proxy, admin = started()
    assert overs(admin, "/api/v1/config")[0] == 200, "without a token who comes may look"
    assert admin.post("/api/v1/reload", unix=False)[0] == 403, "and change nothing"
    assert proxy.stop() == 0
    proxy, admin = started("tls:127.0.0.1:0", args=("--admin", f"tls:127.0.0.1:0,token-file={path}"))
    assert overs(admin, "/live")[0] == 200
    assert overs(admin, "/metrics")[0] == 401 and admin.post("/api/v1/reload", unix=False)[0] == 401
    admin.token = TOKEN
    assert overs(admin, "/metrics")[0] == 200
    assert admin.post("/api/v1/reload", unix=False)[0] == 200
    assert "secret" not in proxy.log()
    assert proxy.stop() == 0


def check(*args, config=""):
    return rig.Pacekeeper(f"127.0.0.1:{rig.free_port()}", config=config, args=[*args, "-t"]).run()


def test_what_the_configuration_needs():
    certs = lab().certs
    for listen in ("0.0.0.0:0", "192.0.2.7:80"):
        status, said = check("--admin", listen)
        assert status == 1 and f"write tls:{listen}, give admin.token-file, or say admin.unprotected" in said, said
        status, said = check("--admin", f"tls:{listen}")
        assert status == 1 and "tls: needs both certificate and key" in said, said
    tls = f"tls: {{certificate: {certs.path('server.pem')}, key: {certs.path('server.key')}}}\n"
    assert check("--admin", "tls:0.0.0.0:0", config=tls)[0] == 0, "TLS is enough for an address that others reach"
    status, said = check(config=tls)
    assert status == 1 and "tls:HOST:PORT of admin.listen" in said, said
    for bad in ("tls:", "tls:127.0.0.1", "tls:unix:/tmp/x.sock", "tls:tls:127.0.0.1:1"):
        status, said = check("--admin", bad, config=tls)
        assert status == 1 and "--admin" in said, (bad, said)


def refused(admin, context):
    """How a visitor with this context is sent away: at the handshake, or (version 1.3) at the first byte read."""
    try:
        with shaken(admin, context) as s:
            s.sendall(READY)
            return "ended" if s.recv(100) == b"" else "served"
    except (ssl.SSLError, ConnectionError) as e:
        return str(e)


def test_visitors_certificates():
    proxy, admin = started(client="required")
    mallory = lab().certs.context()
    mallory.load_cert_chain(lab().strangers.path("mallory.pem"), lab().strangers.path("mallory.key"))
    for context, why in ((lab().certs.context(), "peer did not return a certificate"), (mallory, "its certificate is refused")):
        assert refused(admin, context) != "served", why
        rig.said(proxy, rf"127.0.0.1:\d+\] closed at the admin side's 127.0.0.1:\d+: .*{why}")
    assert admin.value("pacekeeper_admin_connections_ended_total", reason="tls") == 2
    admin.tls = lab().certs.context("scraper")
    assert overs(admin, "/metrics")[0] == 200
    assert admin.post("/api/v1/reload", unix=False)[0] == 403, "a certificate is no token"
    assert proxy.stop() == 0


def test_what_is_no_tls():
    proxy, admin = started("tls:127.0.0.1:0", "127.0.0.1:0")
    secure, plain = admin.addrs
    for sent in (READY, b"\x16\x03\x01" + b"\xff" * 500, b"\x80\x2e\x01", b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n", b"\0" * 70000):
        with socket.create_connection(secure, 10) as s:
            try:
                s.sendall(sent)
                while s.recv(1000):
                    pass
            except ConnectionError:
                pass
    rig.said(proxy, "closed at the admin side's .*: the client does not speak TLS, and this is the port for TLS")
    admin.addrs = [plain]
    assert refused(admin, None) != "served"
    admin.tls = None
    assert admin.value("pacekeeper_admin_connections_ended_total", reason="tls") >= 3
    admin.addrs, admin.tls = [secure], lab().certs.context()
    assert overs(admin, "/live")[0] == 200
    assert proxy.stop() == 0


def test_bytes_in_any_pieces_and_large_requests():
    proxy, admin = started()
    with shaken(admin) as s:
        for at in range(len(READY)):
            s.sendall(READY[at:at + 1])
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
        s.sendall(READY * 20)       # one behind the other
        got = b""
        while got.count(b"live\n") < 20:
            got += s.recv(65536)
    with shaken(admin) as s:
        try:
            s.sendall(b"POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9000000)
            while s.recv(65536):
                pass
        except (ssl.SSLError, ConnectionError):
            pass
    assert overs(admin, "/live")[0] == 200
    assert rig.eventually(lambda: admin.value("pacekeeper_admin_connections") <= 2, 5, "who has gone is gone")
    assert proxy.stop() == 0


def hello():
    """A client's first words."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        lab().certs.context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


def test_handshakes_that_never_end_hurt_nobody():
    zk = rig.zookeeper_with("/m")
    proxy, admin = started(upstream=zk.connect_string)
    conn = Conn(proxy.addr)
    assert conn.call(wire.OP_CREATE, wire.create("/m/beat", b"x")).err == 0
    alone, words, crowd = beats(conn, 0.7), hello(), []
    for i in range(1000):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(admin.addrs[0])
        crowd.append(s)
    time.sleep(0.1)
    for i, s in enumerate(crowd):
        try:
            s.send(words if i % 2 else words[:40])
        except OSError:
            pass
    beside = beats(conn, 1.5)
    print(f"# beats alone p99 {alone[len(alone) * 99 // 100] * 1e6:.0f} us, beside 1000 handshakes "
          f"{beside[len(beside) * 99 // 100] * 1e6:.0f} us")
    assert beside[-1] < 5, f"a beat has waited {beside[-1]:.1f} s for visitors, who have 10"
    assert admin.get("/live", unix=True)[0] == 200, "the socket file has places of its own"
    assert overs(admin, "/live")[0] == 200, "who is slow makes room"
    assert admin.value("pacekeeper_admin_connections") <= 32
    for s in crowd:
        s.close()
    conn.close_session()
    zk.stop()
    assert proxy.stop() == 0


def test_a_visitor_who_takes_nothing():
    """One asks for much and reads nothing, one never ends the handshake, one says nothing at all: each has 10 s."""
    proxy, admin = started()
    before = admin.value("process_open_fds")
    silent, unfinished = socket.create_connection(admin.addrs[0], 20), socket.create_connection(admin.addrs[0], 20)
    unfinished.sendall(hello()[:100])
    deaf = shaken(admin)
    deaf.setblocking(False)
    began = time.monotonic()
    try:
        for _ in range(2000):
            deaf.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
    except (ssl.SSLWantWriteError, BlockingIOError):
        pass
    rig.eventually(lambda: admin.value("pacekeeper_admin_connections_ended_total", reason="slow") == 3, 25, "all three are sent away",
                   pause=0.5)
    assert time.monotonic() - began > 5
    rig.eventually(lambda: admin.value("process_open_fds") <= before, 5, "their descriptors are closed")
    for s in (silent, unfinished, deaf):
        s.close()
    assert proxy.stop() == 0


def test_a_certificate_is_renewed_by_a_reload():
    certs = lab().certs
    for end in (".pem", ".key"):
        os.link(certs.path("server" + end), certs.path("ours" + end))
    proxy, admin = started(ours="ours")

    def shown():
        s = shaken(admin)
        return s, dict(pair[0] for pair in s.getpeercert()["subject"])["commonName"]

    old, name = shown()
    assert name == "server"
    for end in (".pem", ".key"):
        os.link(certs.path("renewed" + end), certs.path("new"))
        os.replace(certs.path("new"), certs.path("ours" + end))
    status, answer = admin.post("/api/v1/reload")
    assert status == 200 and "have been read again, for new connections" in answer, answer
    assert shown()[1] == "renewed"
    old.sendall(READY)
    assert old.recv(1000).startswith(b"HTTP/1.1 200"), "who was here goes on"
    assert proxy.stop() == 0


def test_tls_begins_and_ends_with_a_reload():
    port = rig.free_port()
    proxy, admin = started(f"127.0.0.1:{port}", f"unix:{rig.temp_dir()}/admin.sock", "tls:127.0.0.1:0")
    plain = Admin(proxy)
    assert plain.get("/live", unix=False) == (200, "live\n")
    path = os.path.join(proxy.dir, "pacekeeper.yaml")
    with open(path) as f:
        text = f.read()
    for before, after, served in ((f"127.0.0.1:{port}", f"tls:127.0.0.1:{port}", admin),
                                  (f"tls:127.0.0.1:{port}", f"127.0.0.1:{port}", plain)):
        text = text.replace(f'"{before}"', f'"{after}"')
        with open(path, "w") as f:
            f.write(text)
        status, answer = admin.post("/api/v1/reload")
        assert status == 200 and f"admin.listen: {after} answers from now on" in answer, answer
        assert served.get("/live", unix=False) == (200, "live\n"), after
    assert proxy.stop() == 0


def command(*words):
    done = subprocess.run([rig.daemon_path(), *words], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


def test_commands_over_tls():
    certs = lab().certs
    proxy, admin = started("tls:127.0.0.1:0", client="required")
    address = "tls:localhost:%d" % admin.addrs[0][1]
    shown = ("--certificate", certs.path("scraper.pem"), "--key", certs.path("scraper.key"))
    status, said = command("show", "--admin", address, "--ca", certs.ca, *shown, "config")
    assert status == 0 and address.replace("localhost", "127.0.0.1").rsplit(":", 1)[0] in said, said
    for words, expected in ((("--ca", certs.ca), "no answer"), (("--ca", lab().strangers.ca, *shown), "its certificate is refused"),
                            (("--ca", "/nonexistent", *shown), "/nonexistent"), (shown, "takes --ca FILE"),
                            (("--ca", certs.ca, "--key", "x"), "need each other")):
        status, said = command("show", "--admin", address, *words, "servers")
        assert status != 0 and expected in said, (words, said)
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
