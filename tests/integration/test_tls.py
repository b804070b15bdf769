"""TLS on both sides: clients of every kind at our TLS port, and an ensemble that has a secureClientPort alone.

The server of these tests has no plain port for anybody: it is found by srvr inside TLS, its name is compared, our certificate
is asked for, and marker and survey go there too.
"""
import os
import signal
import socket
import ssl

import clients
import rig
import wire
from certs import Certs
from test_doctor import doctor, find
from wire import Conn

SERVER = """secureClientPort={port}
secureClientPortAddress=127.0.0.1
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
ssl.keyStore.location={store}
ssl.keyStore.type=PEM
ssl.trustStore.location={ca}
ssl.trustStore.type=PEM
ssl.clientAuth=need
ssl.hostnameVerification=false
authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider
"""


class Secure:
    """An authority, a ZooKeeper with a secure port, a daemon in front of it that speaks TLS on both sides."""

    def __init__(self):
        self.certs = Certs()
        for name in ("server", "pacekeeper", "alice"):
            self.certs.sign(name, f"/O=Lab/CN={name}")
        self.certs.sign("zookeeper", "/O=Lab/CN=zookeeper", "DNS:localhost")
        self.secure = rig.free_port()
        config = SERVER.format(port=self.secure, store=self.certs.bundle("zookeeper"), ca=self.certs.ca)
        self.zk = rig.zookeeper_with("/m", extra_cfg=config)
        self.proxy = self.daemon().start()
        rig.said(self.proxy, "server .* answers", 60)
        self.tls = (self.proxy.host, self.tls_port(self.proxy))

    def text(self, ours="server", client="optional", upstream="pacekeeper", verify="full", mode="pacemaker"):
        path = self.certs.path
        return f"""tls:
  listen: "127.0.0.1:0"
  certificate: {path(ours + '.pem')}
  key: {path(ours + '.key')}
  ca: {self.certs.ca}
  client: {client}
upstream-tls:
  ca: {self.certs.ca}
  certificate: {path(upstream + '.pem')}
  key: {path(upstream + '.key')}
  verify: {verify}
mounts: [/m={mode}]
four-letter-words: '*'
log-level: debug
connect-timeout: 10s
"""

    def daemon(self, upstream=None, **options):
        return rig.Pacekeeper(upstream or f"localhost:{self.secure}", mounts=(), config=self.text(**options))

    @staticmethod
    def tls_port(proxy):
        return int(rig.said(proxy, r"listening on 127.0.0.1:(\d+) with TLS"))


def secure():
    return rig.shared("secure", Secure)


def data(conn, body, timeout=20.0):
    return wire.parse_reply(wire.OP_GET_DATA, conn.call(wire.OP_GET_DATA, body, timeout=timeout).body)[0]


def beats(conn, path, n=3):
    reply = conn.call(wire.OP_CREATE, wire.create(path))
    assert reply.err == 0, reply
    for i in range(n):
        assert conn.call(wire.OP_EXISTS, wire.exists(path)).err == 0
        assert conn.call(wire.OP_SET_DATA, wire.set_data(path, b"beat %d" % i)).err == 0
    assert data(conn, wire.get_data(path)) == b"beat %d" % (n - 1)


def test_a_client_with_tls_beats_and_the_ensemble_is_reached_with_tls():
    s = secure()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        conn = Conn(s.tls, tls=s.certs.context("alice", version))
        assert conn.sock.version() == version.name.replace("v1_", "v1.")
        beats(conn, f"/m/tls-{version.name}")
        assert conn.call(wire.OP_CREATE, wire.create(f"/relayed-{version.name}")).err == 0
        conn.close_session()
    direct = Conn(s.zk.addr)
    assert direct.call(wire.OP_EXISTS, wire.exists("/relayed-TLSv1_3")).err == 0
    assert direct.call(wire.OP_EXISTS, wire.exists("/m/tls-TLSv1_3")).err == -101
    marker = rig.said(s.proxy, r"marker (\S+) stands")
    assert direct.call(wire.OP_EXISTS, wire.exists(marker)).err == 0
    rig.said(s.proxy, "mount /m is empty in the ensemble")
    direct.close_session()
    plain = Conn(s.proxy.addr)
    beats(plain, "/m/plain")
    plain.close_session()


def test_large_answers_and_many_requests_at_once():
    s = secure()
    conn = Conn(s.tls, tls=s.certs.context())
    big = os.urandom(900_000)
    for path in ("/m/big", "/big"):
        assert conn.call(wire.OP_CREATE, wire.create(path, big), timeout=20).err == 0
        assert data(conn, wire.get_data(path)) == big
    conn.send_raw(b"".join(wire.frame(1000 + i, wire.OP_GET_DATA, wire.get_data("/m/big")) for i in range(8)))
    for i in range(8):
        reply = conn.recv(timeout=20)
        assert reply.xid == 1000 + i and wire.parse_reply(wire.OP_GET_DATA, reply.body)[0] == big
    conn.close_session()


def test_a_tls_word_and_who_is_told_that_the_port_is_another():
    s = secure()
    with socket.create_connection(s.tls, timeout=5) as raw, s.certs.context().wrap_socket(
            raw, server_hostname="localhost") as sock:
        sock.sendall(b"ruok")
        assert sock.recv(100) == b"imok"
    assert rig.words(s.tls, "ruok") != "imok"
    rig.said(s.proxy, r"closed: the client does not speak TLS, and this is the port for TLS")
    try:
        Conn(s.proxy.addr, tls=s.certs.context())
        raise AssertionError("a handshake at the plain port")
    except (ssl.SSLError, ConnectionError):
        pass
    rig.said(s.proxy, r"the client speaks TLS, and this port does not")


def test_certificates_of_clients():
    s = secure()
    other = Certs("Elsewhere")
    other.sign("mallory", "/O=Lab/CN=alice")
    strict = s.daemon(client="required").start()
    addr = (strict.host, s.tls_port(strict))
    conn = Conn(addr, tls=s.certs.context("alice"))
    beats(conn, "/m/strict")
    conn.close_session()
    mallory = s.certs.context()
    mallory.load_cert_chain(other.path("mallory.pem"), other.path("mallory.key"))
    for context, why in ((s.certs.context(), "peer did not return a certificate"), (mallory, "its certificate is refused")):
        try:
            Conn(addr, tls=context)
            raise AssertionError(f"served although: {why}")
        except (ssl.SSLError, ConnectionError, wire.Closed):
            pass
        rig.said(strict, why)
    strict.stop()


def kazoo(s, **options):
    client = rig.need_module("kazoo.client", "python3-kazoo").KazooClient(
        hosts="localhost:%d" % s.tls[1], use_ssl=True, ca=s.certs.ca, timeout=10, **options)
    client.start(15)
    return client


def test_kazoo():
    s = secure()
    client = kazoo(s, certfile=s.certs.path("alice.pem"), keyfile=s.certs.path("alice.key"))
    client.create("/m/kazoo", b"1")
    client.set("/m/kazoo", b"2")
    assert client.get("/m/kazoo")[0] == b"2"
    client.create("/kazoo", b"3", ephemeral=True)
    client.stop()
    client.close()


def java_options(s):
    options = {"clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty", "client.secure": "true",
               "ssl.keyStore.location": s.certs.bundle("alice"), "ssl.keyStore.type": "PEM",
               "ssl.trustStore.location": s.certs.ca, "ssl.trustStore.type": "PEM"}
    return [f"-Dzookeeper.{key}={value}" for key, value in options.items()]


def test_java_and_zkcli():
    s = secure()
    connect = "localhost:%d" % s.tls[1]
    under = clients.java("ZkBasics", connect, "/m/java", jvm=java_options(s), netty=True).splitlines()
    direct = clients.java("ZkBasics", s.zk.connect_string, "/java").splitlines()
    assert len(direct) > 5 and under == direct, (under, direct)
    output = clients.zkcli(connect, ["create /m/cli one", "set /m/cli two", "get /m/cli"], jvm=java_options(s), netty=True)
    assert "two" in output, output


test_java_and_zkcli.limit = 150     # compiles, then starts three JVMs


def test_subjects_are_written_as_java_writes_them():
    s = secure()
    with open(os.path.join(rig.top_srcdir(), "tests", "golden", "subjects.txt"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    files = [s.certs.sign(f"subject{i}", subject)[0] for i, (subject, _) in enumerate(rows)]
    assert clients.java("Subjects", *files).splitlines() == [text for _, text in rows]


def test_certificates_are_read_again():
    s = secure()
    for name in ("first", "second"):
        s.certs.sign(name, f"/CN={name}")
    os.link(s.certs.path("first.pem"), s.certs.path("ours.pem"))
    os.link(s.certs.path("first.key"), s.certs.path("ours.key"))
    proxy = s.daemon(ours="ours").start()
    addr = (proxy.host, s.tls_port(proxy))

    def shown():
        conn = Conn(addr, tls=s.certs.context())
        name = dict(pair[0] for pair in conn.sock.getpeercert()["subject"])["commonName"]
        return conn, name

    old, name = shown()
    assert name == "first"
    with open(s.certs.path("broken"), "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    os.replace(s.certs.path("broken"), s.certs.path("ours.pem"))
    proxy.process.send(signal.SIGHUP)
    rig.said(proxy, r"SIGHUP: nothing is changed: tls: .*ours.pem is no certificate")
    assert shown()[1] == "first"
    for end in (".pem", ".key"):
        os.link(s.certs.path("second" + end), s.certs.path("new"))
        os.replace(s.certs.path("new"), s.certs.path("ours" + end))
    proxy.process.send(signal.SIGHUP)
    rig.said(proxy, r"the files of tls, upstream-tls and group-tls have been read again")
    assert shown()[1] == "second"
    beats(old, "/m/old")
    proxy.stop()


def ends_refused(proxy, pattern):
    proxy.start()
    rig.said(proxy, pattern)
    assert rig.words(proxy.addr, "ruok") == "imok"
    proxy.stop()


def test_servers_that_are_not_who_they_should_be():
    s = secure()
    other = Certs("Elsewhere")
    ends_refused(s.daemon(upstream=f"127.0.0.1:{s.secure}"), r"does not serve: its certificate is not for 127.0.0.1")
    by_authority = s.daemon(upstream=f"127.0.0.1:{s.secure}", verify="ca").start()
    conn = Conn(by_authority.addr)
    beats(conn, "/m/by-authority")
    conn.close_session()
    by_authority.stop()
    text = s.text().replace(f"upstream-tls:\n  ca: {s.certs.ca}", f"upstream-tls:\n  ca: {other.ca}")
    ends_refused(rig.Pacekeeper(f"localhost:{s.secure}", mounts=(), config=text),
                 r"does not serve: its certificate is refused: unable to get local issuer")
    ends_refused(s.daemon(upstream=s.zk.connect_string),
                 r"does not serve: it closes connections that begin with TLS: this is its plain port|"
                 r"does not serve: the handshake of TLS was not done in time")
    ends_refused(rig.Pacekeeper(f"localhost:{s.secure}"), r"does not serve: .*")


def examined(s, upstream, ca=None, names=None, verify="full"):
    """What doctor says of the ensemble with upstream-tls."""
    path = os.path.join(rig.temp_dir(), "doctor.yaml")
    ours = "" if names is None else f", certificate: {s.certs.path(names + '.pem')}, key: {s.certs.path(names + '.key')}"
    with open(path, "w") as f:
        f.write(f"upstream-tls: {{ca: {ca or s.certs.ca}, verify: {verify}{ours}}}\n")
    return doctor("-c", path, "--upstream", upstream, "--mount", "/m")


def test_doctor_asks_servers_with_tls():
    s = secure()
    rig.said(s.proxy, r"marker (\S+) stands")
    checks = examined(s, f"localhost:{s.secure}", names="pacekeeper")
    assert find(checks, "upstream localhost", "ZooKeeper 3.8")["verdict"] == "ok"
    assert find(checks, "upstream", "jute.maxbuffer is max-frame")["verdict"] == "ok"
    find(checks, "upstream", "maxClientCnxns is 0")
    find(checks, "ensemble", "1 of 1 servers serve")
    assert find(checks, "mount /m", "everybody may create")["verdict"] == "ok"
    assert find(checks, "upstream-tls.certificate", "it is valid for")["verdict"] == "ok"
    assert find(checks, "instances", "in the mode pacemaker too")["verdict"] == "FAIL"


def test_doctor_looks_at_tls_ports():
    """The one of a pacekeeper that runs is known by its plain port; by itself it says nothing."""
    s = secure()
    for port, listen, found, verdict in ((rig.free_port(), "127.0.0.1:0", "free", "ok"),
                                         (s.tls[1], s.proxy.connect_string, "by the pacekeeper that runs", "ok"),
                                         (s.tls[1], "127.0.0.1:0", "somebody listens", "warn")):
        path = os.path.join(rig.temp_dir(), "doctor.yaml")
        with open(path, "w") as f:
            f.write(s.text().replace("127.0.0.1:0", f"127.0.0.1:{port}").replace("mounts: [/m=pacemaker]\n", ""))
        checks = doctor("-c", path, "--upstream", f"localhost:{s.secure}", listen=listen)
        assert find(checks, f"listen 127.0.0.1:{port} with TLS", found)["verdict"] == verdict, checks


def test_doctor_says_what_tls_does_not_allow():
    s = secure()
    s.certs.sign("old", "/O=Lab/CN=old", days=-1)
    other = Certs("Elsewhere")
    for found, upstream, options in (
            ("its certificate is refused: unable to get local issuer certificate", f"localhost:{s.secure}", {"ca": other.ca}),
            ("its certificate is not for 127.0.0.1", f"127.0.0.1:{s.secure}", {}),
            ("ZooKeeper 3.8", f"127.0.0.1:{s.secure}", {"verify": "ca", "names": "pacekeeper"}),
            ("certificate", f"localhost:{s.secure}", {}),
            ("certificate", f"localhost:{s.secure}", {"names": "old"}),
            ("this is its plain port", s.zk.connect_string.replace("127.0.0.1", "localhost"), {})):
        said = find(examined(s, upstream, **options), "upstream", found)
        print(said["found"], flush=True)
        assert said["verdict"] == ("ok" if "ZooKeeper" in found else "FAIL"), said
    plain = doctor("--upstream", f"localhost:{s.secure}", "--mount", "/m")
    assert "upstream-tls" in find(plain, "upstream", "timed out")["remedy"], plain     # it waits for more than a word


def test_doctor_and_an_expired_certificate():
    """As a server of openssl(1) shows it: a ZooKeeper of its own would say no more."""
    s = secure()
    certificate, key = s.certs.sign("expired", "/O=Lab/CN=expired", days=-1)
    port = rig.free_port()
    server = rig.Process([rig.need("openssl", "openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-cert",
                          certificate, "-key", key], os.path.join(rig.temp_dir(), "log")).start()
    rig.eventually(lambda: any("has expired" in c["found"] for c in examined(s, f"localhost:{port}")), 10,
                   "an expired certificate is said")
    server.stop()


def test_a_key_that_others_can_read_is_refused():
    s = secure()
    s.certs.sign("open", "/CN=open")
    os.chmod(s.certs.path("open.key"), 0o644)
    status, said = s.daemon(ours="open").run()
    assert status == 1 and "has a private key and can be read by others: chmod 600" in said, said


def test_our_certificate_is_everybodys_and_that_is_said():
    """An ACL of who creates names our certificate too, when the servers ask for one: a warning, and no promise."""
    s = secure()
    rig.said(s.proxy, r"warn upstream-tls.certificate: .* is open to everybody who comes through here")
    creator, other = Conn(s.proxy.addr), Conn(s.proxy.addr)
    assert creator.call(wire.OP_AUTH, wire.auth("digest", b"bob:bob")).err == 0
    assert creator.call(wire.OP_CREATE, wire.create("/creators", b"x", acl=[(31, "auth", "")])).err == 0
    acl = wire.parse_reply(wire.OP_GET_ACL, creator.call(wire.OP_GET_ACL, wire.get_acl("/creators")).body)[0]
    assert (31, "x509", "CN=pacekeeper,O=Lab") in acl, acl
    assert data(other, wire.get_data("/creators")) == b"x"
    direct = Conn(s.zk.addr)
    assert direct.call(wire.OP_GET_DATA, wire.get_data("/creators")).err == wire.ERR["NOAUTH"]
    for conn in (creator, other, direct):
        conn.close_session()


def test_an_unfinished_handshake_ends_in_time():
    s = secure()
    proxy = rig.Pacekeeper(f"localhost:{s.secure}", mounts=(), config=s.text() + "handshake-timeout: 500ms\n").start()
    addr = (proxy.host, s.tls_port(proxy))
    with socket.create_connection(addr, timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert sock.recv(100) == b""
    rig.said(proxy, "no connect request came in time")
    proxy.stop()


if __name__ == "__main__":
    rig.main(globals())
