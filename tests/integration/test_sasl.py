"""SASL through the proxy: DIGEST-MD5 and GSSAPI are relayed, and enforce.auth stays enforced."""
import logging
import os

import clients
import rig
import txnlog
import wire
from wire import Conn

PROVIDER = "authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
ENFORCE = "enforce.auth.enabled=true\nenforce.auth.schemes=sasl\n"
KERBEROS = "kerberos.removeHostFromPrincipal=true\nkerberos.removeRealmFromPrincipal=true\n"
BOB = {"mechanism": "DIGEST-MD5", "username": "bob", "password": "bobsecret"}


def digest_jaas(password="bobsecret"):
    return jaas_file(f"""Server {{ org.apache.zookeeper.server.auth.DigestLoginModule required
  user_super="supersecret" user_bob="bobsecret"; }};
Client {{ org.apache.zookeeper.server.auth.DigestLoginModule required username="bob" password="{password}"; }};
""")


def kerberos_jaas(kdc):
    login, more = "com.sun.security.auth.module.Krb5LoginModule", "storeKey=true useTicketCache=false"
    return jaas_file(f"""Server {{ {login} required useKeyTab=true keyTab="{kdc.service_keytab}"
  {more} principal="zookeeper/localhost@LAB.LOCAL"; }};
Client {{ {login} required useKeyTab=true keyTab="{kdc.user_keytab}"
  {more} principal="alice@LAB.LOCAL"; }};
""")


def jaas_file(text):
    path = os.path.join(rig.temp_dir(), "jaas.conf")
    with open(path, "w") as f:
        f.write(text)
    return f"-Djava.security.auth.login.config={path}"


def servers(name, extra_cfg, jvm):
    zk = rig.ZooKeeper(extra_cfg=PROVIDER + extra_cfg, jvm=jvm).start()
    proxy = rig.Pacekeeper(zk.connect_string).start()
    return zk, proxy


def digest():
    return rig.shared("digest", lambda: servers("digest", "", [digest_jaas()]))


def enforcing():
    return rig.shared("enforcing", lambda: servers("enforcing", ENFORCE, [digest_jaas()]))


def kerberos():
    def start():
        kdc = rig.Kdc().start()
        jvm = [kerberos_jaas(kdc),
               f"-Djava.security.krb5.conf={kdc.env['KRB5_CONFIG']}",
               "-Dzookeeper.sasl.client.canonicalize.hostname=false"]
        return kdc, jvm, *servers("kerberos", KERBEROS + ENFORCE, jvm)
    return rig.shared("kerberos", start)


def kazoo(addr, options, host="127.0.0.1"):
    logging.disable(logging.CRITICAL)
    client = rig.need_module("kazoo.client", "python3-kazoo").KazooClient(
        hosts=f"{host}:{addr[1]}", sasl_options=options, timeout=10)
    client.start(15)
    return client


def use(addr, options, base, scheme_id, host="127.0.0.1"):
    """A life with SASL: the mount's root, a znode of one's own, beats. Returns what was seen."""
    from kazoo.exceptions import NoAuthError
    from kazoo.security import CREATOR_ALL_ACL
    client = kazoo(addr, options, host)
    out = []
    client.ensure_path(base)
    client.create(base + "/mine", b"m", acl=CREATOR_ALL_ACL)
    out.append([(a.perms, a.id.scheme, a.id.id) for a in client.get_acls(base + "/mine")[0]])
    client.create(base + "/beat", b"0")
    for i in range(30):
        client.exists(base + "/beat")
        client.set(base + "/beat", b"%d" % i)
    out.append((client.get(base + "/beat")[0], client.get(base + "/beat")[1].version))
    out.append(client.create(base + "/e", b"", ephemeral=True).replace(base, "~"))
    client.stop()
    client.close()
    assert out[0] == [(31, "sasl", scheme_id)], out
    try:
        other = kazoo(addr, None, host) if scheme_id == "bob" else None
        if other:
            other.get(base + "/mine")
            raise AssertionError("an anonymous client reads bob's znode")
    except NoAuthError:
        other.stop()
        other.close()
    return out


def test_digest_md5_by_kazoo():
    zk, proxy = digest()
    control = use(zk.addr, BOB, "/d", "bob")
    relayed = use(proxy.addr, BOB, "/relayed", "bob")
    mounted = use(proxy.addr, BOB, "/m", "bob")
    assert control == relayed == mounted, (control, relayed, mounted)


def test_digest_md5_by_java():
    zk, proxy = digest()
    jvm = [digest_jaas()]
    control = clients.java("SaslWho", zk.connect_string, "/java-d", jvm=jvm)
    assert "sasl:bob" in control, control
    for base in ("/java-r", "/m/java"):
        if base.startswith("/m/"):
            client = kazoo(zk.addr, None)
            client.ensure_path("/m")
            client.stop()
        through = clients.java("SaslWho", proxy.connect_string, base, jvm=jvm)
        assert through == control, through + "\ninstead of\n" + control


def test_wrong_password():
    zk, proxy = digest()
    jvm = [digest_jaas("wrong")]
    for connect in (zk.connect_string, proxy.connect_string):
        assert clients.java("SaslWho", connect, "/none", jvm=jvm) == "AuthFailed\n"


def test_beats_of_authenticated_clients_are_absorbed():
    zk, proxy = enforcing()
    client = kazoo(proxy.addr, BOB)
    client.ensure_path("/m")
    start = txnlog.last_zxid(zk.txnlog_dir)
    client.create("/m/absorbed", b"x")
    for i in range(50):
        client.set("/m/absorbed", b"%d" % i)
    assert client.get("/m/absorbed")[0] == b"49"
    client.stop()
    client.close()
    assert not txnlog.touching(zk.txnlog_dir, "/m", start), "beats in the ensemble's log"


def refusal(addr, op, body):
    """(xid, error, closed) of a first request without authentication."""
    conn = Conn(addr)
    conn.send(-2 if op == wire.OP_PING else 7, op, body)
    reply = conn.recv()
    return (reply.xid, reply.err, conn.recv_frame() is None) if reply else ("closed",)


def test_enforced_authentication():
    zk, proxy = enforcing()
    client = kazoo(proxy.addr, BOB)
    client.ensure_path("/m")
    client.create("/m/born", b"49")
    for op, body in ((wire.OP_EXISTS, wire.exists("/")), (wire.OP_PING, b""),
                     (wire.OP_CREATE, wire.create("/x")), (wire.OP_CREATE, wire.create("/m/x")),
                     (wire.OP_MULTI, wire.multi([])), (wire.OP_CLOSE_SESSION, b""),
                     (wire.OP_EXISTS, wire.exists("/m/born")), (wire.OP_GET_DATA, wire.get_data("/m/born")),
                     (wire.OP_SET_DATA, wire.set_data("/m/born", b"stolen")),
                     (wire.OP_DELETE, wire.delete("/m/born")),
                     (wire.OP_GET_CHILDREN, wire.get_children("/m/born"))):
        name = wire.OP_NAMES[op]
        expected = refusal(zk.addr, op, body)
        assert expected[1:] == (wire.ERR["NEEDSASL"], True), (name, expected)
        got = refusal(proxy.addr, op, body)
        assert got == expected, f"{name} without authentication: {got} instead of {expected}"
    assert client.get("/m/born")[0] == b"49"
    client.stop()
    client.close()


def test_gssapi_by_kazoo():
    kdc, _, zk, proxy = kerberos()
    os.environ.update(kdc.env, KRB5CCNAME=kdc.ccache)
    rig.need_module("kerberos", "python3-kerberos")
    options = {"mechanism": "GSSAPI", "service": "zookeeper", "principal": "alice"}
    control = use(zk.addr, options, "/d", "alice", "localhost")
    relayed = use(proxy.addr, options, "/relayed", "alice", "localhost")
    mounted = use(proxy.addr, options, "/m", "alice", "localhost")
    assert control == relayed == mounted, (control, relayed, mounted)


def test_gssapi_by_java():
    _, jvm, zk, proxy = kerberos()
    control = clients.java("SaslWho", f"localhost:{zk.port}", "/java-d", jvm=jvm)
    assert "sasl:alice" in control, control
    for base in ("/java-r", "/m/java"):
        through = clients.java("SaslWho", f"localhost:{proxy.port}", base, jvm=jvm)
        assert through == control, through + "\ninstead of\n" + control


if __name__ == "__main__":
    rig.main(globals())
