"""ACLs and cached znodes: a write permit belongs to the connection that proved it and never leaks to another; a read is
always checked; what the service session may not write is dropped and counted.
"""
import os

import rig
import wire
from relay import Relay
from test_sasl import BOB, PROVIDER, digest_jaas, kazoo
from wire import Conn

CONFIG = "instances: none\n"
NOAUTH = wire.ERR["NOAUTH"]
ALICE, EVE = b"alice:secret", b"eve:secret"
MINE = ((wire.ALL, "auth", ""),)
READABLE = MINE + ((wire.READ, "world", "anyone"),)


def world():
    """A server, a proxy before it, and the way between them."""
    def start():
        zk = rig.zookeeper_with("/w", "/m")
        way = Relay(zk.addr).start()
        return zk, way, proxy_with(way)
    return rig.shared("world", start)


def proxy_with(way, config=CONFIG):
    return rig.Pacekeeper(way.connect_string, config=config,
                          mounts=["/w=write-behind,flush=never", "/m=pacemaker"]).start()


def client(user=None, addr=None, **more):
    conn = Conn(addr or world()[2].addr, 20000, **more)
    if user:
        assert conn.call(wire.OP_AUTH, wire.auth("digest", user)).err == 0
    return conn


def write(conn, path, data):
    return conn.call(wire.OP_SET_DATA, wire.set_data(path, data)).err


def read(conn, path):
    reply = conn.call(wire.OP_GET_DATA, wire.get_data(path))
    return reply.err or wire.parse_reply(wire.OP_GET_DATA, reply.body)[0]


def make_cached(conn, path, acl, flags=0):
    """Written three times: the last two are absorbed."""
    assert conn.call(wire.OP_CREATE, wire.create(path, b"", acl=acl, flags=flags)).err == 0
    for data in (b"1", b"2", b"3"):
        assert write(conn, path, data) == 0
    zk = client(ALICE, world()[0].addr)
    assert read(zk, path) == b"1", "not absorbed"
    zk.close_session()


def others_are_refused(path, readable):
    """Whoever is not alice, before and after he has tried what he may."""
    for user in (None, EVE):
        other = client(user)
        for _ in range(2):
            assert write(other, path, b"stolen") == NOAUTH
            assert read(other, path) == (b"3" if readable else NOAUTH)
            other.call(wire.OP_EXISTS, wire.exists(path))
        assert other.call(wire.OP_SET_ACL, wire.set_acl(path)).err == NOAUTH
        results = wire.parse_reply(wire.OP_MULTI, other.call(wire.OP_MULTI, wire.multi(
            [(wire.OP_SET_DATA, wire.set_data(path, b"stolen"))])).body)
        assert [r.err for r in results] == [NOAUTH]
        children = other.call(wire.OP_GET_CHILDREN2, wire.get_children2(path)).err
        assert children == (0 if readable else NOAUTH)
        other.close_session()


def test_digest():
    for root in ("/w", "/m"):
        for acl, readable in ((MINE, False), (READABLE, True)):
            conn, path = client(ALICE), f"{root}/digest-{readable}"
            make_cached(conn, path, acl)
            others_are_refused(path, readable)
            second = client(ALICE)
            assert read(second, path) == b"3" and write(second, path, b"4") == 0
            assert read(conn, path) == b"4" and write(conn, path, b"5") == 0 and read(second, path) == b"5"
            for c in (second, conn):
                c.close_session()


def reattached(live):
    """The session is alice's, the new connection has not yet shown who it is. What the older one had absorbed is
    flushed when it was closed; when it still stands, the ensemble closes it, and nobody else may flush."""
    old, path = client(ALICE), f"/w/again-{live}"
    make_cached(old, path, MINE)
    before = world()[2].mntr()["pk_writes_dropped"]
    if not live:
        old.close()
    conn = client(session=old.session, passwd=old.passwd, last_zxid=old.last_zxid)
    assert not live or old.recv() is None, "the older connection stays open"
    for _ in range(2):
        assert write(conn, path, b"stolen") == NOAUTH
        assert read(conn, path) == NOAUTH
        conn.call(wire.OP_EXISTS, wire.exists(path))
    assert conn.call(wire.OP_AUTH, wire.auth("digest", ALICE)).err == 0
    dropped = world()[2].mntr()["pk_writes_dropped"] - before
    assert (read(conn, path), dropped) in ([(b"3", 0), (b"1", 2)] if live else [(b"3", 0)]), (read(conn, path), dropped)
    assert write(conn, path, b"4") == 0 and write(conn, path, b"5") == 0
    assert read(conn, path) == b"5"
    conn.close_session()


def test_a_reattached_session_proves_itself_again():
    reattached(live=False)
    reattached(live=True)


def test_permissions_taken_away():
    """By the owner, through the proxy, and by somebody else directly: there it shows at the next flush."""
    zk, _way, proxy = world()
    conn = client(ALICE)
    make_cached(conn, "/w/taken", READABLE)
    fewer = ((wire.READ | wire.ADMIN, "auth", ""),)
    assert conn.call(wire.OP_SET_ACL, wire.set_acl("/w/taken", fewer)).err == 0
    assert read(conn, "/w/taken") == b"3", "the absorbed writes were allowed"
    assert write(conn, "/w/taken", b"no more") == NOAUTH
    make_cached(conn, "/w/taken2", READABLE)
    before = proxy.mntr()["pk_writes_dropped"]
    direct = client(ALICE, zk.addr)
    assert direct.call(wire.OP_SET_ACL, wire.set_acl("/w/taken2", fewer)).err == 0
    conn.call(wire.OP_GET_DATA, wire.get_data("/w/taken2", True))
    assert write(conn, "/w/taken2", b"no more") == NOAUTH
    assert read(direct, "/w/taken2") == b"1" and read(conn, "/w/taken2") == b"1"
    assert proxy.mntr()["pk_writes_dropped"] - before == 2
    for c in (conn, direct):
        c.close_session()


def lost_uplink(proxy, way, path):
    """alice's uplink breaks while her writes are absorbed; returns what the ensemble has in the end."""
    conn = client(ALICE, proxy.addr)
    make_cached(conn, path, MINE)
    way.cut()
    assert conn.recv() is None, "the client's connection stays open"
    direct = client(ALICE, world()[0].addr)
    try:
        rig.eventually(lambda: proxy.mntr()["pk_dirty"] == 0, 10, "nothing dirty")
        return read(direct, path)
    finally:
        direct.close_session()


def test_our_own_session_may_not():
    _zk, way, proxy = world()
    before = proxy.mntr()["pk_writes_dropped"]
    assert lost_uplink(proxy, way, "/w/dropped") == b"1"
    assert proxy.mntr()["pk_writes_dropped"] - before == 2
    open_one = client()
    make_cached(open_one, "/w/open", wire.OPEN)
    way.cut()
    direct = client(addr=world()[0].addr)
    rig.eventually(lambda: read(direct, "/w/open") == b"3", 10, "an open znode flushed by the service session")
    assert proxy.mntr()["pk_writes_dropped"] - before == 2
    direct.close_session()


def test_our_own_session_has_credentials():
    zk = world()[0]
    secrets = os.path.join(rig.temp_dir(), "auth")
    with open(secrets, "w") as f:
        f.write("digest:alice:secret\n")
    os.chmod(secrets, 0o600)
    way = Relay(zk.addr).start()
    proxy = proxy_with(way, CONFIG + f"auth-file: {secrets}\n")
    assert lost_uplink(proxy, way, "/w/flushed") == b"3"
    assert proxy.mntr()["pk_writes_dropped"] == 0
    assert "secret" not in proxy.log()
    assert proxy.stop() == 0


def test_sasl():
    zk = rig.ZooKeeper(extra_cfg=PROVIDER, jvm=[digest_jaas()]).start()
    proxy = proxy_with(Relay(zk.addr).start())
    bob, nobody, direct = kazoo(proxy.addr, BOB), kazoo(proxy.addr, None), kazoo(zk.addr, BOB)
    from kazoo.exceptions import NoAuthError
    from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE
    bob.ensure_path("/w")
    bob.create("/w/bobs", b"", acl=CREATOR_ALL_ACL)
    for i in range(1, 21):
        bob.exists("/w/bobs")
        assert bob.set("/w/bobs", b"%d" % i).version == i
    assert direct.get("/w/bobs")[0] == b"1", "not absorbed"
    for asks in (lambda: nobody.set("/w/bobs", b"stolen"), lambda: nobody.get("/w/bobs"),
                 lambda: nobody.set_acls("/w/bobs", OPEN_ACL_UNSAFE), lambda: nobody.get_children("/w/bobs")):
        for _ in range(2):
            try:
                asks()
                raise AssertionError("an anonymous client reads or writes bob's znode")
            except NoAuthError:
                nobody.exists("/w/bobs")
    data, stat = bob.get("/w/bobs")
    assert (data, stat.version) == (b"20", 20)
    other = kazoo(proxy.addr, BOB)
    assert other.set("/w/bobs", b"21").version == 21 and bob.set("/w/bobs", b"22").version == 22
    for c in (bob, other, nobody):
        c.stop()
        c.close()
    rig.eventually(lambda: direct.get("/w/bobs")[0] == b"22", 5, "flushed")
    assert direct.get("/w/bobs")[1].version == 22
    direct.stop()
    direct.close()


if __name__ == "__main__":
    rig.main(globals())
