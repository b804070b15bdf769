"""SASL that ends here, in front of an open ensemble: DIGEST-MD5 and GSSAPI by real clients, and by a raw one beside a
ZooKeeper that has the same users; a slow step keeps nobody waiting."""
import logging
import os
import re
import signal
import struct
import subprocess
import threading
import time

import clients
import digestmd5
import dumped
import preload
import rig
import wire
from test_doctor import doctor, find
from test_sasl import BOB, PROVIDER, digest_jaas, jaas_file
from wire import Conn

SECRETS = ("bobsecret", "supersecret", "ex secret", "p\u00e4ss")
JAAS = """Server { org.apache.zookeeper.server.auth.DigestLoginModule required
  user_super="supersecret" user_bob="bobsecret" "user_bob@EX"="ex secret" "user_b\u00f3b"="p\u00e4ss"; };
"""
CONFIG = "log-level: debug\nsasl:\n  mechanisms: [{mechanisms}]\n{rest}"


def secret_file(text, name="jaas.conf"):
    path = os.path.join(rig.temp_dir(), name)
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(text)
    return path


def open_ensemble():
    """Where no server knows any user, and /m is there."""
    return rig.shared("open", lambda: rig.zookeeper_with("/m"))


def with_digest():
    return rig.shared("digest", lambda: rig.Pacekeeper(open_ensemble().connect_string, config=CONFIG.format(
        mechanisms="DIGEST-MD5", rest=f"  jaas: {secret_file(JAAS)}\n")).start())


def real():
    """A ZooKeeper whose users are the same."""
    def start():
        flag = "-Djava.security.auth.login.config=" + secret_file(JAAS)
        return rig.ZooKeeper(extra_cfg=PROVIDER, jvm=[flag]).start()
    return rig.shared("real", start)


def kdc():
    return rig.shared("kdc", lambda: rig.Kdc().start())


def with_kerberos(mechanisms="GSSAPI", rest="", key="kerberos", env=None):
    def start():
        os.chmod(kdc().service_keytab, 0o600)
        config = CONFIG.format(mechanisms=mechanisms, rest=f"  keytab: {kdc().service_keytab}\n"
                               f"  principal: zookeeper/localhost@LAB.LOCAL\n{rest}")
        return rig.Pacekeeper(open_ensemble().connect_string, config=config,
                              env={**kdc().env, "KRB5RCACHENAME": "none:", **(env or {})}).start()
    return rig.shared(key, start)


# ---- a raw client, beside a ZooKeeper ------------------------------------------------------------------------

def seen(conn, payload):
    """What the answer to one request 102 says: (xid, zxid, error, token: None, b"" or its kind), "closed" or its lack."""
    xid = conn.next_xid()
    try:
        conn.send(xid, wire.OP_SASL, payload)
        reply = conn.recv(10)
    except (ConnectionError, TimeoutError) as e:
        return type(e).__name__, b""
    if reply is None:
        return "closed", b""
    n = struct.unpack_from(">i", reply.body)[0]
    data = None if n < 0 else reply.body[4:]
    assert n < 0 or n == len(data), reply
    kind = data and re.sub(rb"=.*", b"", data.split(b",")[0]).replace(b"nonce", b"challenge").replace(
        b"realm", b"challenge")
    return (reply.xid == xid, reply.zxid, reply.err, kind), data or b""


def is_open(conn):
    try:
        return conn.call(wire.OP_EXISTS, wire.exists("/")).err == 0
    except ConnectionError:
        return False


def play(addr, *steps):
    """Each step is bytes, or a function from the newest token of the server to bytes. What was seen, and the end."""
    conn, out, newest = Conn(addr), [], b""
    for step in steps:
        what, newest = seen(conn, step(newest) if callable(step) else step)
        out.append(what)
        if what[0] == "c":
            break
    out.append("open" if is_open(conn) else "closed")
    conn.close()
    return out


def response(*args, **named):
    return lambda challenge: wire.sasl(digestmd5.respond(challenge, *args, **named))


EMPTY = wire.sasl(b"")
BOBS = response("bob", "bobsecret")
CASES = {
    "right": (EMPTY, BOBS),
    "another user": (EMPTY, response("super", "supersecret")),
    "wrong password": (EMPTY, response("bob", "wrong")),
    "empty password": (EMPTY, response("bob", "")),
    "another's password": (EMPTY, response("bob", "supersecret")),
    "an authzid of his own": (EMPTY, response("bob", "bobsecret", authzid=b"bob")),
    "an authzid of another": (EMPTY, response("bob", "bobsecret", authzid=b"super")),
    "another digest-uri": (EMPTY, response("bob", "bobsecret", uri=b"zookeeper/other")),
    "another protocol": (EMPTY, response("bob", "bobsecret", uri=b"imap/zk-sasl-md5")),
    "another realm": (EMPTY, response("bob", "bobsecret", realm=b"EX")),
    "the realm of a name with @": (EMPTY, response("bob", "ex secret", realm=b"EX")),
    "a name with @": (EMPTY, response("bob@EX", "ex secret")),
    "a name with the realm": (EMPTY, response("bob@zk-sasl-md5", "bobsecret")),
    "another nonce": (EMPTY, response("bob", "bobsecret", nonce=b"T2xkIG5vbmNl")),
    "nc 2": (EMPTY, response("bob", "bobsecret", nc=b"00000002")),
    "auth-int": (EMPTY, response("bob", "bobsecret", qop=b"auth-int")),
    "no realm": (EMPTY, response("bob", "bobsecret", leave_out=("realm",))),
    "no digest-uri": (EMPTY, response("bob", "bobsecret", leave_out=("digest-uri",))),
    "no username": (EMPTY, response("bob", "bobsecret", leave_out=("username",))),
    "no response": (EMPTY, response("bob", "bobsecret", leave_out=("response",))),
    "no nonce": (EMPTY, response("bob", "bobsecret", leave_out=("nonce",))),
    "two names": (EMPTY, response("bob", "bobsecret", extra=b',username="super"')),
    "letters": (EMPTY, response("b\u00f3b", "p\u00e4ss")),
    "letters without a charset": (EMPTY, response("b\u00f3b", "p\u00e4ss", charset=b"")),
    "begins with garbage": (wire.sasl(b"garbage"), BOBS),
    "goes on with garbage": (EMPTY, wire.sasl(b"garbage")),
    "goes on with nothing": (EMPTY, EMPTY),
    "begins with null": (wire.sasl(None),),
    "goes on with null": (EMPTY, wire.sasl(None)),
    "a second exchange": (EMPTY, BOBS, EMPTY),
    "a second response": (EMPTY, BOBS, wire.sasl(digestmd5.respond(b'nonce="x"', "bob", "bobsecret"))),
    "longer than its frame": (struct.pack(">i", 1000) + b"x",),
    "a negative length": (struct.pack(">i", -7),),
    "no body": (b"",),
    "bytes behind the token": (EMPTY + b"more", BOBS),
}


def test_beside_a_zookeeper():
    ours, theirs, differences = with_digest(), real(), []
    for name, steps in CASES.items():
        got, expected = play(ours.addr, *steps), play(theirs.addr, *steps)
        if got != expected:
            differences.append(f"{name}: {got} instead of {expected}")
    assert not differences, "\n".join(differences)


def test_an_unknown_user_has_nobodys_password():
    """Which ZooKeeper 3.4 to 3.8.4 let in."""
    ours = with_digest()
    assert play(ours.addr, *CASES["right"])[-1] == "open"
    for password in ("bobsecret", "supersecret", ""):
        out = play(ours.addr, EMPTY, response("mallory", password))
        assert out[-2:] == [(True, 0, wire.ERR["AUTHFAILED"], None), "closed"], out


def test_requests_around_an_exchange_are_answered_in_order():
    conn = Conn(with_digest().addr)
    challenge = b""
    for step in (EMPTY, None):
        step = step or wire.sasl(digestmd5.respond(challenge, "bob", "bobsecret"))
        xids = [conn.next_xid() for _ in range(4)]
        conn.send_raw(wire.frame(xids[0], wire.OP_EXISTS, wire.exists("/")) +
                      wire.frame(xids[1], wire.OP_SASL, step) + wire.frame(-2, wire.OP_PING) +
                      wire.frame(xids[2], wire.OP_EXISTS, wire.exists("/m/nothing")) +
                      wire.frame(xids[3], wire.OP_SYNC, wire.string("/")))
        replies = [conn.recv() for _ in range(5)]
        assert [r.xid for r in replies if r.xid != -2] == xids, replies
        challenge = next(r for r in replies if r.xid == xids[1]).body[4:]
    assert challenge.startswith(b"rspauth=")
    conn.close_session()


def test_a_client_that_leaves_in_the_middle():
    ours = with_digest()
    before = ours.mntr()["pk_connections"]
    for cut in (1, 5, 13, 16, 20, 60):
        conn = Conn(ours.addr)
        body = wire.frame(1, wire.OP_SASL, EMPTY) + wire.frame(2, wire.OP_SASL, wire.sasl(b"x" * 40))
        conn.send_raw(body[:cut])
        conn.abort()
    rig.eventually(lambda: ours.mntr()["pk_connections"] == before, 10, "all of them gone")


# ---- real clients --------------------------------------------------------------------------------------------

def beats(addr, options, base, host="127.0.0.1"):
    """A life of kazoo's with beats; what it read back."""
    logging.disable(logging.CRITICAL)
    client = rig.need_module("kazoo.client", "python3-kazoo").KazooClient(
        hosts=f"{host}:{addr[1]}", sasl_options=options, timeout=10)
    client.start(15)
    client.create(base, b"0")
    for i in range(20):
        client.exists(base)
        client.set(base, b"%d" % i)
    data, stat = client.get(base)
    client.stop()
    client.close()
    return data, stat.version


def test_kazoo():
    ours = with_digest()
    count = ours.mntr()["pk_sasl_authenticated"]
    assert beats(ours.addr, BOB, "/m/kazoo") == (b"19", 20)
    assert ours.mntr()["pk_sasl_authenticated"] == count + 1
    from kazoo.exceptions import AuthFailedError
    from kazoo.handlers.threading import KazooTimeoutError
    try:
        beats(ours.addr, dict(BOB, password="wrong"), "/m/none")
        raise AssertionError("a wrong password is taken")
    except (AuthFailedError, KazooTimeoutError):  # the second where it fails before start() has looked
        pass
    assert ours.mntr()["pk_sasl_authenticated"] == count + 1
    assert "authenticated as sasl:bob" in ours.log()


def test_java():
    ours = with_digest()
    assert clients.java("SaslBeats", ours.connect_string, "/m/java", jvm=[digest_jaas()]) == \
        "SaslAuthenticated\nbeat 49 version 49\n"
    assert clients.java("SaslBeats", ours.connect_string, "/m/none", jvm=[digest_jaas("wrong")]) == "AuthFailed\n"


def test_clients_without_sasl():
    """libzookeeper_mt of Debian has none; who does not show anything is served as before."""
    ours = with_digest()
    conn = Conn(ours.addr)
    assert conn.call(wire.OP_CREATE, wire.create("/m/plain", b"x")).err == 0
    conn.close_session()
    if clients.with_client_mt():
        assert "FAILED" not in clients.client_mt(ours.connect_string, "/mt")


def test_gssapi_by_kazoo():
    ours = with_kerberos()
    rig.need_module("kerberos", "python3-kerberos")
    os.environ.update(kdc().env, KRB5CCNAME=kdc().ccache)
    options = {"mechanism": "GSSAPI", "service": "zookeeper", "principal": "alice"}
    assert beats(ours.addr, options, "/m/gss-kazoo", "localhost") == (b"19", 20)
    assert "authenticated as sasl:alice@LAB.LOCAL" in ours.log(), ours.log()[-2000:]


def alices(extra=()):
    jaas = jaas_file(f"""Client {{ com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true
  keyTab="{kdc().user_keytab}" storeKey=true useTicketCache=false principal="alice@LAB.LOCAL"; }};
""")
    return [jaas, f"-Djava.security.krb5.conf={kdc().env['KRB5_CONFIG']}",
            "-Dzookeeper.sasl.client.canonicalize.hostname=false", *extra]


def test_gssapi_by_java():
    """Both mechanisms are told apart by the first token."""
    both = with_kerberos("DIGEST-MD5, GSSAPI", f"  jaas: {secret_file(JAAS)}\n", "both")
    assert clients.java("SaslBeats", f"localhost:{both.port}", "/m/gss-java", jvm=alices()) == \
        "SaslAuthenticated\nbeat 49 version 49\n"
    assert "authenticated as sasl:alice@LAB.LOCAL" in both.log(), both.log()[-2000:]
    assert beats(both.addr, BOB, "/m/both") == (b"19", 20)
    assert "authenticated as sasl:bob" in both.log()


if os.environ.get("ZOOKEEPER_JARS"):
    def test_java_of_other_releases():
        """Of each folder RELEASE/jars there, by both mechanisms; by hand, since the jars are fetched."""
        digest, kerberos = with_digest(), with_kerberos()
        for release in sorted(os.listdir(os.environ["ZOOKEEPER_JARS"])):
            jars = os.path.join(os.environ["ZOOKEEPER_JARS"], release, "jars")
            for name, connect, jvm in (("digest", digest.connect_string, [digest_jaas(), "-Dzookeeper.fips-mode=false"]),
                                       ("gssapi", f"localhost:{kerberos.port}", alices())):
                said = clients.java("SaslBeats", connect, f"/m/{name}-{release}", jvm=jvm, jars=jars)
                assert said == "SaslAuthenticated\nbeat 49 version 49\n", (release, name, said)
                print(f"{name} with {release}", flush=True)

    test_java_of_other_releases.limit = 300


if os.environ.get("ZOOKEEPER_CLI"):
    def test_the_c_client():
        """ZooKeeper's own program, by both mechanisms; by hand, since Debian's is built without SASL."""
        def read(ours, host, *options):
            argv = [os.environ["ZOOKEEPER_CLI"], *options, "-h", f"{host}:{ours.port}", "-c", "get /m"]
            with subprocess.Popen(argv, env=dict(os.environ, **kdc().env, KRB5CCNAME=kdc().ccache), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as popen:
                try:
                    return "rc = 0" in popen.communicate(timeout=10)[0]
                except subprocess.TimeoutExpired:  # what it does when it is refused, at a ZooKeeper, too
                    popen.kill()
                    return False

        def by_digest(password):
            return read(digest, "127.0.0.1", "--mechlist", "DIGEST-MD5", "--user", "bob", "--password-file",
                        secret_file(password, f"of-{password}"), "--server-fqdn", "zk-sasl-md5")
        digest, kerberos = with_digest(), with_kerberos()
        count = digest.mntr()["pk_sasl_authenticated"]
        assert by_digest("bobsecret") and digest.mntr()["pk_sasl_authenticated"] == count + 1, digest.log()[-2000:]
        assert not by_digest("wrong") and digest.mntr()["pk_sasl_authenticated"] == count + 1, digest.log()[-2000:]
        count = kerberos.mntr()["pk_sasl_authenticated"]
        assert read(kerberos, "localhost", "--mechlist", "GSSAPI", "--user", "alice", "--realm", "LAB.LOCAL",
                    "--server-fqdn", "localhost")
        assert kerberos.mntr()["pk_sasl_authenticated"] == count + 1, kerberos.log()[-2000:]


def test_a_ticket_for_another_service_is_refused():
    both = with_kerberos()
    jvm = alices(["-Dzookeeper.server.principal=zookeeper/other@LAB.LOCAL"])
    out = clients.java("SaslBeats", f"localhost:{both.port}", "/m/none", jvm=jvm)
    assert out == "AuthFailed\n", out
    assert "not authenticated (SASL): " in both.log()
    print(both.log().rsplit("not authenticated (SASL): ", 1)[1].splitlines()[0])


def test_garbage_of_gssapi():
    ours = with_kerberos()
    for first in (b"", b"\x60", b"\x60\x82\x02\x00garbage", b"x" * 70000):
        out = play(ours.addr, wire.sasl(first))
        assert out == [(True, 0, wire.ERR["AUTHFAILED"], None), "closed"], (first[:20], out)


# ---- nobody waits --------------------------------------------------------------------------------------------

def test_slow_steps_keep_nobody_waiting():
    """Thirty of a second each, two at a time: beats go on meanwhile, and who left is forgotten."""
    slow = with_kerberos(key="slow", env=preload.into("slow_gss"))
    waiting = []
    for _ in range(30):
        conn = Conn(slow.addr)
        conn.send(1, wire.OP_SASL, wire.sasl(b"\x60\x82\x02\x00garbage"))
        waiting.append(conn)
    beater = Conn(slow.addr)
    assert beater.call(wire.OP_CREATE, wire.create("/m/slow", b"0")).err == 0
    worst, began, n = 0, time.monotonic(), 0
    while time.monotonic() - began < 3:
        at = time.monotonic()
        assert beater.call(wire.OP_SET_DATA, wire.set_data("/m/slow", b"%d" % n)).err == 0
        worst, n = max(worst, time.monotonic() - at), n + 1
    refused = slow.mntr()["pk_sasl_refused"]
    print(f"{n} beats in 3 s beside 30 slow steps, the slowest {worst * 1000:.1f} ms; {refused} refused meanwhile")
    assert refused < 10, "the steps are not slow"
    assert n > 1000 and worst < 1, (n, worst)
    for conn in waiting[5:]:
        conn.abort()
    rig.eventually(lambda: slow.mntr()["pk_connections"] <= 7, 10, "those gone who left")
    for conn in waiting[:5]:
        assert conn.recv(20).err == wire.ERR["AUTHFAILED"]
    beater.close_session()


# ---- the operator --------------------------------------------------------------------------------------------

def refused_start(rest, mechanisms="DIGEST-MD5"):
    config = CONFIG.format(mechanisms=mechanisms, rest=rest) if mechanisms else "sasl:\n" + rest
    status, output = rig.Pacekeeper("127.0.0.1:1", config=config, args=["-t"]).run()
    assert status == 1, output
    return output


def test_doctor_looks_into_the_keytab():
    """Of the principal that is configured, of another one, and a file that is none."""
    os.chmod(kdc().service_keytab, 0o600)
    other = secret_file("no keytab at all")
    for principal, keytab, verdict, said in (
            ("zookeeper/localhost", kdc().service_keytab, "ok", "has a key of zookeeper/localhost@LAB.LOCAL"),
            ("zookeeper/elsewhere", kdc().service_keytab, "FAIL", "but one of zookeeper/localhost@LAB.LOCAL"),
            ("zookeeper/localhost", other, "FAIL", "is no keytab")):
        path = secret_file(CONFIG.format(mechanisms="GSSAPI", rest=f"  keytab: {keytab}\n  principal: {principal}@LAB.LOCAL\n"))
        found = find(doctor("-c", path, "--upstream", "127.0.0.1:1"), "sasl.keytab", said)
        assert found["verdict"] == verdict, found


def test_mistakes_are_said():
    jaas = secret_file(JAAS)
    assert "DIGEST-MD5 needs users" in refused_start("")
    assert "GSSAPI needs keytab" in refused_start(f"  jaas: {jaas}\n", "GSSAPI")
    assert "expected DIGEST-MD5, GSSAPI" in refused_start("", "PLAIN")
    assert "names no mechanisms" in refused_start(f"  jaas: {jaas}\n", None)
    assert "expected a principal" in refused_start("  principal: zookeeper\n", "GSSAPI")
    assert "No such file" in refused_start("  keytab: /nowhere\n  principal: a/b@C\n", "GSSAPI")
    os.chmod(jaas, 0o644)
    assert "others than its owner" in refused_start(f"  jaas: {jaas}\n")


def test_a_reload_changes_users():
    jaas = secret_file(JAAS)
    ours = rig.Pacekeeper(open_ensemble().connect_string, config=CONFIG.format(
        mechanisms="DIGEST-MD5", rest=f"  jaas: {jaas}\n")).start()
    assert play(ours.addr, *CASES["right"])[-1] == "open"
    conn = Conn(ours.addr)
    challenge = seen(conn, EMPTY)[1]
    with open(jaas, "w") as f:
        f.write(JAAS.replace("bobsecret", "new secret"))
    os.kill(ours.pid, signal.SIGHUP)
    rig.eventually(lambda: "users instead of" in ours.log(), 10, "the reload")
    assert play(ours.addr, *CASES["right"])[-1] == "closed"
    assert seen(conn, wire.sasl(digestmd5.respond(challenge, "bob", "new secret")))[0][2] == 0
    assert ours.stop() == 0
    assert not any(s in ours.log() for s in SECRETS)


def test_no_secret_is_shown():
    ours = with_digest()
    with open(f"/proc/{ours.pid}/cmdline", "rb") as f:
        shown = f.read().decode()
    with open(f"/proc/{ours.pid}/environ", "rb") as f:
        shown += f.read().decode()
    shown += ours.log() + wire.four_letter(ours.addr, "mntr") + wire.four_letter(ours.addr, "srvr")
    assert "bob" in ours.log() and not any(s in shown for s in SECRETS)


def test_core_dumps_have_no_credentials_that_are_kept():
    """Those that sessions have shown, to be shown another server, of any length."""
    ours = rig.Pacekeeper(open_ensemble().connect_string, config="log-level: debug\n").start()
    secrets = [b"secret of %d " % n + b"x" * n for n in (1, 60, 5000, 50000)]
    conn = Conn(ours.addr)
    for secret in secrets:
        assert conn.call(wire.OP_AUTH, wire.auth("digest", b"zoe:" + secret)).err == 0
    conn.call(wire.OP_EXISTS, wire.exists("/"))
    for secret in secrets[:3]:      # the last one may have come in pieces, which are put together elsewhere
        assert dumped.places(ours.pid, secret[:12], left_out=True), secret[:12]
        assert not dumped.places(ours.pid, secret[:12]), dumped.places(ours.pid, secret[:12])
    conn.close_session()
    ours.stop()


def test_core_dumps_have_no_secret_of_the_configuration():
    """Nor what was read to get at it; but for auth-file's, of which the core has a copy."""
    files = {"jaas": JAAS, "token": "token of the admin side\n", "group": "secret of the group, at least 32 bytes\n"}
    files = {name: secret_file(text, name) for name, text in files.items()}
    rest = f"""  jaas: {files['jaas']}
admin:
  listen: "unix:{rig.temp_dir()}/admin.sock"
  token-file: {files['token']}
group:
  listen: 127.0.0.1:{rig.free_port()}
  secret-file: {files['group']}
"""
    ours = rig.Pacekeeper(open_ensemble().connect_string, config=CONFIG.format(mechanisms="DIGEST-MD5", rest=rest)).start()

    def logs_in():
        try:
            return play(ours.addr, *CASES["right"])[-1] == "open"
        except wire.Closed:     # not primary yet
            return False

    rig.eventually(logs_in, 20, "a login with a password")
    for secret in ("bobsecret", "supersecret", "token of the admin", "secret of the group"):
        assert dumped.places(ours.pid, secret.encode(), left_out=True), f"{secret} is nowhere at all"
        assert not dumped.places(ours.pid, secret.encode()), (secret, dumped.places(ours.pid, secret.encode()))
    ours.stop()


if __name__ == "__main__":
    rig.main(globals())
