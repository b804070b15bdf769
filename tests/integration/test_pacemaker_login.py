"""Logins over Pacemaker's protocol: a raw client with DIGEST and, with a real KDC, with KERBEROS; right and wrong passwords,
principals and orders. Real clients of Storm log in in tests/storm/logins.py."""
import base64
import os
import signal

import pulse
import rig
from pulse import ASK, COMPLETE, PulseConn, answer, control, derived, message, path_data, pulse_data, token

M = "/storm/workerbeats"
LEAF = "/workerbeats/t/n"


def secret_file(text, name="jaas.conf"):
    path = os.path.join(rig.temp_dir(), name)
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(text)
    return path


def digest_jaas(password):
    return f'PacemakerDigest {{ org.apache.storm.Unused required username="nimbus" password="{password}"; }};\n'


def ensemble():
    return rig.shared("zk", lambda: rig.zookeeper_with("/storm", M))


def start(config, env=None, mounts=(f"{M}=pacemaker",)):
    return rig.Pacekeeper(ensemble().connect_string, config="instances: none\nlog-level: debug\n" + config, mounts=mounts,
                          args=("--pacemaker", f"127.0.0.1:{rig.free_port()}"), env=env).start()


def conn(proxy):
    return PulseConn(("127.0.0.1", proxy.pacemaker_port))


def refused(c, secret, **fields):
    c.write(control(ASK))
    c.write(token(answer(c.read_token(), secret, **fields)))
    return c.ended()


def expect_nothing_to_read(c):
    for kind, path in ((pulse.GET_PULSE, LEAF), (pulse.EXISTS, LEAF), (pulse.GET_ALL_NODES, "/workerbeats")):
        assert c.call(kind, path_data(path))[1] == pulse.NOT_AUTHORIZED, kind


def test_digest():
    path = secret_file(digest_jaas("a secret"))
    proxy = start(f"jaas: {path}\nauth: digest\n")
    secret = derived("nimbus", "a secret")
    worker, nimbus = conn(proxy), conn(proxy)
    worker.send(LEAF, b"beat")
    expect_nothing_to_read(worker)
    nimbus.log_in(secret)
    assert nimbus.get(LEAF) == b"beat" and nimbus.exists(LEAF) and nimbus.nodes("/workerbeats") == {"t"}
    nimbus.send(LEAF, b"by Nimbus")
    for wrong in (dict(secret=derived("nimbus", "another")), dict(secret="a secret"), dict(secret=""),
                  dict(secret=secret, realm=b"other"), dict(secret=secret, uri=b"null/other"),
                  dict(secret=secret, uri=b"zookeeper/default"), dict(secret=secret, nonce=b"b2xk"),
                  dict(secret=secret, qop=b"auth-int")):
        assert refused(conn(proxy), **wrong), wrong
    assert int(proxy.mntr()["pk_sasl_authenticated"]) == 1 and int(proxy.mntr()["pk_sasl_refused"]) == 8
    assert "a secret" not in proxy.log() and secret not in proxy.log()
    worker.delete("/workerbeats/t")
    assert nimbus.nodes("/workerbeats") == set()
    # Another password in the file is another login, for new connections.
    with open(path, "w") as f:
        f.write(digest_jaas("a new one"))
    os.kill(proxy.pid, signal.SIGHUP)
    rig.eventually(lambda: "another user or password of PacemakerDigest" in proxy.log(), 10, "the reload")
    assert refused(conn(proxy), secret)
    conn(proxy).log_in(derived("nimbus", "a new one"))
    assert nimbus.nodes("/workerbeats") == set()
    assert proxy.stop() == 0


def test_the_first_beat_may_stand_behind_the_response():
    """As 1.2.4 sends it; and in writes of any length."""
    path = secret_file(digest_jaas("p"))
    proxy = start(f"jaas: {path}\nauth: digest\n")
    for cut in (1, 7, 10 ** 6):
        c = conn(proxy)
        c.write(control(ASK))
        out = token(answer(c.read_token(), derived("nimbus", "p"))) + message(pulse.SEND_PULSE, pulse_data(LEAF, b"x"), 1)
        out += message(pulse.GET_PULSE, path_data(LEAF), 2)
        for at in range(0, len(out), cut):
            c.write(out[at:at + cut])
        assert c.read_token().startswith(b"rspauth=")
        c.read_complete()
        assert c.read()[1] == pulse.SEND_PULSE + 1
        assert c.read()[2][2][2] == b"x"
        c.close()
    assert proxy.stop() == 0


def test_what_is_out_of_place_ends_its_connection_alone():
    proxy = start(f"jaas: {secret_file(digest_jaas('p'))}\nauth: digest\n")
    bystander, secret = conn(proxy), derived("nimbus", "p")
    bystander.log_in(secret)
    for wrong in (token(b""), control(COMPLETE), control(-100), control(99), message(16, pulse.blob_data(b"\xff")),
                  control(ASK) + token(b"garbage"), control(ASK) + control(ASK),
                  message(17, pulse.blob_data(b"\xfe\x0c\x7f\xff\xff\xff")),
                  message(pulse.CREATE_PATH, path_data("/x"), 1) + control(ASK)):
        c = conn(proxy)
        c.write(wrong)
        while True:
            try:
                c.read()
            except OSError:
                break
        assert bystander.nodes("/workerbeats") is not None
    bystander.write(control(ASK))
    assert bystander.ended()
    assert proxy.stop() == 0


def test_writers():
    """Who may write may be restricted where the operator wants it."""
    jaas = secret_file(digest_jaas("p"))
    proxy = start(f"jaas: {jaas}\nmounts:\n- {{path: {M}, mode: pacemaker, auth: digest, writers: \"sasl:nimbus\"}}\n",
                  mounts=())
    worker, nimbus = conn(proxy), conn(proxy)
    for kind, data in ((pulse.SEND_PULSE, pulse_data(LEAF, b"x")), (pulse.DELETE_PATH, path_data(LEAF))):
        assert worker.call(kind, data)[1] == pulse.NOT_AUTHORIZED
    nimbus.log_in(derived("nimbus", "p"))
    nimbus.send(LEAF, b"x")
    nimbus.delete("/workerbeats/t")
    assert proxy.stop() == 0


# ---- KERBEROS --------------------------------------------------------------------------------------------------

class Ticket:
    """A client's side of GSSAPI, by python3-kerberos."""

    def __init__(self, service, cache):
        self.kerberos = rig.need_module("kerberos", "python3-kerberos")
        os.environ["KRB5CCNAME"] = cache
        _, self.context = self.kerberos.authGSSClientInit(f"{service}@localhost", gssflags=0)

    def first(self):
        self.kerberos.authGSSClientStep(self.context, "")
        return base64.b64decode(self.kerberos.authGSSClientResponse(self.context))

    def choose(self, offer, name):
        """No layer of protection, and who wants to act."""
        self.kerberos.authGSSClientUnwrap(self.context, base64.b64encode(offer).decode())
        plain = base64.b64encode(b"\1\0\0\0" + name.encode()).decode()
        self.kerberos.authGSSClientWrap(self.context, plain)
        return base64.b64decode(self.kerberos.authGSSClientResponse(self.context))


def kdc():
    def make():
        k = rig.Kdc().start()
        k.nimbus_keytab, k.users_keytab = f"{k.dir}/nimbus.keytab", f"{k.dir}/users.keytab"
        k.add("nimbus/localhost", k.nimbus_keytab)
        for user in ("storm/localhost", "bob"):
            k.add(user, k.users_keytab)
        os.environ.update(k.env)
        return k
    return rig.shared("kdc", make)


def with_ticket(c, user, service="nimbus"):
    """Goes through the exchange as Storm's client does, up to its last token."""
    ticket = Ticket(service, kdc().ticket(user, kdc().users_keytab))
    c.write(token(ticket.first()))
    c.write(token(ticket.choose(c.read_token(), f"{user}@LAB.LOCAL")))


def kerberos_jaas(keytab):
    return (f'PacemakerServer {{ com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true '
            f'keyTab="{keytab}" principal="nimbus/localhost@LAB.LOCAL"; }};\n')


def test_kerberos():
    jaas = secret_file(kerberos_jaas(kdc().nimbus_keytab))
    proxy = start(f"jaas: {jaas}\nauth: kerberos\nnimbus-user: storm\n", env={**kdc().env, "KRB5RCACHENAME": "none:"})
    worker, nimbus = conn(proxy), conn(proxy)
    worker.send(LEAF, b"beat")
    expect_nothing_to_read(worker)
    with_ticket(nimbus, "storm/localhost")
    nimbus.read_complete()
    assert nimbus.get(LEAF) == b"beat" and nimbus.nodes("/workerbeats") == {"t"}
    bob = conn(proxy)
    with_ticket(bob, "bob")
    assert bob.ended()
    assert "bob@LAB.LOCAL: he is neither nimbus-user" in proxy.log()
    for wrong in (b"garbage", b"", b"\x60\x82garbage"):
        c = conn(proxy)
        c.write(token(wrong))
        assert c.ended(), wrong
    c = conn(proxy)
    c.write(control(ASK))
    assert c.ended()
    gone = conn(proxy)                      # while its step is on a thread
    gone.write(token(Ticket("nimbus", kdc().ticket("bob", kdc().users_keytab)).first()))
    gone.close()
    assert nimbus.exists(LEAF)
    worker.delete("/workerbeats/t")
    assert proxy.stop() == 0


def test_kerberos_beside_zookeepers_clients():
    """Both principals in one file; bob is a writer, and may log in therefore."""
    both = f"{kdc().dir}/both.keytab"
    for service in ("nimbus/localhost", "zookeeper/localhost"):
        kdc().add(service, both)            # a new key: the keytabs from before are worth nothing now
    config = ("sasl: {{mechanisms: GSSAPI, keytab: {0}, principal: zookeeper/localhost@LAB.LOCAL}}\n"
              "pacemaker: {{keytab: {1}, principal: nimbus/localhost@LAB.LOCAL}}\nnimbus-user: storm\n"
              f"mounts:\n- {{{{path: {M}, mode: pacemaker, auth: kerberos, writers: \"sasl:bob@LAB.LOCAL\"}}}}\n")
    env = {**kdc().env, "KRB5RCACHENAME": "none:"}
    proxy = start(config.format(both, both), env=env, mounts=())
    bob, nimbus = conn(proxy), conn(proxy)
    with_ticket(bob, "bob")
    bob.read_complete()
    bob.send(LEAF, b"by bob")
    assert bob.call(pulse.GET_PULSE, path_data(LEAF))[1] == pulse.NOT_AUTHORIZED
    with_ticket(nimbus, "storm/localhost")
    nimbus.read_complete()
    assert nimbus.get(LEAF) == b"by bob"
    bob.delete("/workerbeats/t")
    assert proxy.stop() == 0
    other = f"{kdc().dir}/other.keytab"
    kdc().add("nimbus/localhost", other)
    status, said = rig.Pacekeeper(ensemble().connect_string, config=config.format(both, other), mounts=(),
                                  args=("--pacemaker", "127.0.0.1:0")).run()
    assert status == 1 and "a process has one" in said, said


if __name__ == "__main__":
    rig.main(globals())
