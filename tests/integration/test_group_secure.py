"""A group that speaks TLS with itself, and whose clients have proved to a standby who they are: by a certificate on its TLS
port, by SASL that ended there. The primary, whose mount has readers, lets them; also the next primary, on the same connection.
"""
import os
import re
import socket
import ssl

import digestmd5
import group
import rig
import wire
from certs import Certs
from wire import Conn

JAAS = """Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="bobsecret" user_eve="evesecret"; };
"""
CONFIG = """tls:
  listen: "127.0.0.1:0"
  certificate: {server}.pem
  key: {server}.key
  ca: {ca}
  client: optional
sasl:
  mechanisms: [DIGEST-MD5]
  jaas: {jaas}
mounts:
  - path: /m
    mode: pacemaker
    readers: ["sasl:bob", "x509:CN=alice,O=Lab"]
group-tls:
  ca: {ca}
  certificate: {member}.pem
  key: {member}.key
log-level: debug
"""


def private(name, text):
    path = os.path.join(rig.temp_dir(), name)
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(text)
    return path


class Secure:
    def __init__(self):
        self.zk = rig.zookeeper_with("/m")
        self.certs = Certs()
        for name in ("server", "alice", "eve", "member"):
            self.certs.sign(name, f"/O=Lab/CN={name}")
        self.jaas = private("jaas", JAAS)
        self.group = group.Group(self.zk.connect_string, mounts=(), config=self.text()).start()
        conn = Conn(self.group.primary().addr)
        assert conn.call(wire.OP_CREATE, wire.create("/m/beat", b"1")).err == 0
        for i in range(100):    # so that a snapshot is more than what a socket takes at once
            assert conn.call(wire.OP_CREATE, wire.create(f"/m/large-{i}", bytes(20000))).err == 0
        conn.close_session()

    def text(self, member="member"):
        """The configuration of one of the group; member: the certificate that it shows the others."""
        return CONFIG.format(server=self.certs.path("server"), ca=self.certs.ca, jaas=self.jaas,
                             member=self.certs.path(member))

    def member(self, config):
        """One more, not started."""
        return group.Member(self.zk.connect_string, private("secret", group.SECRET), mounts=(), config=config)


def secure():
    return rig.shared("secure", Secure)


def with_certificate(member, name):
    port = int(rig.said(member, r"listening on 127.0.0.1:(\d+) with TLS"))
    return Conn(("127.0.0.1", port), tls=secure().certs.context(name))


def logged_in(member, user, password):
    conn = Conn(member.addr)
    challenge = conn.call(wire.OP_SASL, wire.sasl(b"")).body[4:]
    done = conn.call(wire.OP_SASL, wire.sasl(digestmd5.respond(challenge, user, password)))
    assert done.err == 0, done
    return conn


def clients(member):
    """(client, whether it may read) by each way to say who one is."""
    return [(with_certificate(member, "alice"), True), (with_certificate(member, "eve"), False),
            (with_certificate(member, None), False), (logged_in(member, "bob", "bobsecret"), True),
            (logged_in(member, "eve", "evesecret"), False), (Conn(member.addr), False)]


def check(those):
    for i, (conn, may) in enumerate(those):
        assert conn.call(wire.OP_GET_DATA, wire.get_data("/m/beat")).err == (0 if may else -102), i


def test_the_primary_knows_who_clients_of_a_standby_are():
    s = secure()
    for member in s.group.members:
        those = clients(member)
        check(those)
        for conn, _ in those:
            conn.close_session()


def test_the_member_port_speaks_tls_with_members_alone():
    s = secure()
    addr = s.group.primary().member_addr
    other = Certs("Elsewhere")
    other.sign("member", "/O=Lab/CN=member")
    assert group.Opening(addr, tls=s.certs.context("member")).taken is True
    assert group.Opening(addr, tls=s.certs.context("member"), secret="another secret of some length").taken is None
    with socket.create_connection(addr, 5) as sock:
        sock.settimeout(0.5)
        try:
            assert not sock.recv(1), "a greeting in plain"
        except socket.timeout:
            pass
        sock.settimeout(5)
        sock.sendall(b"PKMB" + bytes(100))
        assert not sock.recv(1000).startswith(b"PKMB")
    strangers = [s.certs.context()]                        # who shows no certificate,
    strangers.append(s.certs.context())
    strangers[1].load_cert_chain(other.path("member.pem"), other.path("member.key"))    # or one of another authority
    for context in strangers:
        try:
            taken = group.Opening(addr, tls=context).taken
        except (OSError, AssertionError):
            taken = None
        assert taken is None
    rig.said(s.group.primary(), "closed at the member port: (.*secret|TLS: .*)")


def test_members_that_are_not_who_they_should_be():
    """One without TLS, and one whose certificate is for another name: it may be a standby, nobody would call it."""
    s = secure()
    plain = s.member(re.sub(r"group-tls:(\n  .*)+\n", "", s.text())).start()
    rig.said(plain, r"member 127.0.0.1:\d+: it cannot be reached in time")
    assert plain.role() != "primary" and plain.figures()["pk_group_copies"] == 0
    plain.stop()
    s.certs.sign("elsewhere", "/O=Lab/CN=elsewhere", "DNS:elsewhere.example")
    third = s.member(s.text("elsewhere")).start()
    rig.eventually(lambda: s.group.primary().figures()["pk_group_copies"] == 2, 20, "its copy is listed")
    try:
        group.Opening(third.member_addr, tls=s.certs.context("member"))
        assert False, "its certificate was taken for 127.0.0.1"
    except ssl.SSLCertVerificationError:
        pass
    third.stop()
    s.group.whole()


def test_the_next_primary_knows_it_too():
    """Two standbys: one becomes primary, the clients of the other stay where they are."""
    s = secure()
    s.group.members.append(s.member(s.text()).start())
    s.group.whole()
    first = s.group.primary()
    standbys = s.group.standbys()
    assert len(standbys) == 2
    those = [client for standby in standbys for client in clients(standby)]
    check(those)
    first.kill()
    assert s.group.primary() in standbys
    check(those)


if __name__ == "__main__":
    rig.main(globals())
