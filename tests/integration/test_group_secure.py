"""A group whose clients have proved to a standby who they are: by a certificate on its TLS port, by SASL that ended there.
The primary, whose mount has readers, lets them; also the next primary, on the same connection.
"""
import os

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
        for name in ("server", "alice", "eve"):
            self.certs.sign(name, f"/O=Lab/CN={name}")
        config = CONFIG.format(server=self.certs.path("server"), ca=self.certs.ca, jaas=private("jaas", JAAS))
        self.group = group.Group(self.zk.connect_string, mounts=(), config=config).start()
        conn = Conn(self.group.primary().addr)
        assert conn.call(wire.OP_CREATE, wire.create("/m/beat", b"1")).err == 0
        conn.close_session()


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


def test_the_next_primary_knows_it_too():
    """Two standbys: one becomes primary, the clients of the other stay where they are."""
    s = secure()
    third = group.Member(s.zk.connect_string, private("secret", group.SECRET), mounts=(),
                         config=open(s.group.members[0].argv[s.group.members[0].argv.index("-c") + 1]).read())
    s.group.members.append(third)
    third.start()
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
