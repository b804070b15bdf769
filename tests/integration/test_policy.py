"""The policy of a mount, with an open ensemble: workers without secrets beat, Nimbus with a password reads, and nobody
else reads by any request, whatever mode the mount has, after a restart and a reload too."""
import os
import signal
import subprocess

import rig
import wire
from adminside import Admin
from test_sasl import BOB, PROVIDER, digest_jaas, kazoo
from wire import Conn

NOAUTH = wire.ERR["NOAUTH"]
NIMBUS, EVE = b"nimbus:n secret", b"eve:eve"
NIMBUS_ID = "nimbus:XSJRXuOCOecbKtTZy/ku7NiycpY="
BEAT = b"the beat of a worker"
PACEMAKER = """// As Storm's own
PacemakerDigest {
    org.apache.storm.Unused required
    username="nimbus"   /* Nimbus reads */
    password="n secret";
};
"""
MODES = {"pacemaker": "/m", "write-behind": "/w", "relay": "/r"}


def secret_file(text):
    path = os.path.join(rig.temp_dir(), "jaas")
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def config(more=""):
    mounts = "".join(f"\n  - {{path: {path}, mode: {mode}, auth: digest}}" for mode, path in MODES.items())
    return f"jaas: {secret_file(PACEMAKER)}\nfour-letter-words: \"*\"\nmounts: {mounts}\n{more}"


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m", "/w", "/r"))


def start(text=None, args=()):
    return rig.Pacekeeper(server().connect_string, mounts=(), config=text or config(), args=args).start()


def proxy():
    return rig.shared("proxy", start)


def client(addr, user=None, **more):
    conn = Conn(addr, **more)
    if user:
        assert conn.call(wire.OP_AUTH, wire.auth("digest", user)).err == 0
    return conn


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return wire.parse_reply(op, reply.body)


def beat(addr, base):
    """What a worker does that has no secret; the path of its beat."""
    conn = client(addr)
    ok(conn, wire.OP_CREATE, wire.create(base))
    path = base + "/worker"
    ok(conn, wire.OP_CREATE, wire.create(path, b"first"))
    for _ in range(3):
        ok(conn, wire.OP_EXISTS, wire.exists(path))
        ok(conn, wire.OP_SET_DATA, wire.set_data(path, BEAT))
    conn.close_session()
    return path


def ways_to_read(base, path):
    """Every request that would show something of a znode, or of what happens to it."""
    recursive = 1
    return [(wire.OP_GET_DATA, wire.get_data(path)), (wire.OP_GET_DATA, wire.get_data(path, True)),
            (wire.OP_GET_ACL, wire.get_acl(path)), (wire.OP_EXISTS, wire.exists(path, True)),
            (wire.OP_GET_CHILDREN, wire.get_children(base)), (wire.OP_GET_CHILDREN2, wire.get_children2(base, True)),
            (wire.OP_GET_CHILDREN, wire.get_children(os.path.dirname(base))),
            (wire.OP_GET_ALL_CHILDREN_NUMBER, wire.get_all_children_number(base)),
            (wire.OP_ADD_WATCH, wire.add_watch(path, 0)), (wire.OP_ADD_WATCH, wire.add_watch(base, recursive)),
            (wire.OP_ADD_WATCH, wire.add_watch("/", recursive)),
            (wire.OP_SET_WATCHES, wire.set_watches(0, data=["/x", path])),
            (wire.OP_SET_WATCHES, wire.set_watches(0, exist=[path])),
            (wire.OP_SET_WATCHES, wire.set_watches(0, child=[base])),
            (wire.OP_SET_WATCHES2, wire.set_watches2(0, persistent=[path])),
            (wire.OP_SET_WATCHES2, wire.set_watches2(0, recursive=["/"])),
            (wire.OP_MULTI_READ, wire.multi([(wire.OP_GET_DATA, wire.get_data(path))])),
            (wire.OP_MULTI_READ, wire.multi([(wire.OP_GET_DATA, wire.get_data("/")),
                                             (wire.OP_GET_CHILDREN, wire.get_children(base))]))]


def nobody_else_reads(addr, base, path):
    for user in (None, EVE, b"nimbus:wrong", b"nimbus"):
        conn = client(addr, user)
        for op, body in ways_to_read(base, path):
            reply = conn.call(op, body)
            assert (reply.err, reply.body) == (NOAUTH, b""), (user, wire.OP_NAMES[op], reply)
        checked = wire.parse_reply(wire.OP_MULTI, conn.call(wire.OP_MULTI, wire.multi(
            [(wire.OP_SET_DATA, wire.set_data(path, BEAT)), (wire.OP_CHECK, wire.check(path, 99))])).body)
        assert BEAT not in repr(checked).encode(), checked
        assert conn.drain_events(0.1) == []
        conn.close_session()


def nimbus_reads(addr, base, path):
    conn = client(addr, NIMBUS)
    assert ok(conn, wire.OP_GET_DATA, wire.get_data(path))[0] == BEAT
    assert "worker" in ok(conn, wire.OP_GET_CHILDREN, wire.get_children(base))
    conn.close_session()


def test_in_every_mode():
    for mode, mount in MODES.items():
        base = mount + "/topology"
        path = beat(proxy().addr, base)
        nobody_else_reads(proxy().addr, base, path)
        nimbus_reads(proxy().addr, base, path)
        assert path.encode() not in proxy().log().encode(), mode
    said = proxy().log()
    assert "the policy of the mount does not let this client do what it asks for" in said, said
    assert "n secret" not in said and NIMBUS_ID[8:] not in said, said


def test_a_client_with_a_chroot():
    KazooClient = rig.need_module("kazoo.client", "python3-kazoo").KazooClient
    from kazoo.exceptions import NoAuthError
    base = "/m/chroot"
    beat(proxy().addr, base)
    for auth, reads in (([], False), ([("digest", NIMBUS.decode())], True)):
        zk = KazooClient(hosts=proxy().connect_string + base, auth_data=auth, timeout=10)
        zk.start(15)
        assert zk.exists("/worker").version >= 3
        try:
            assert zk.get("/worker")[0] == BEAT and reads
        except NoAuthError:
            assert not reads
        zk.stop()
        zk.close()


def test_a_session_that_is_taken_up():
    """Its identities do not come with it, and neither do its watches."""
    base = "/m/again"
    path = beat(proxy().addr, base)
    nimbus = client(proxy().addr, NIMBUS)
    ok(nimbus, wire.OP_GET_DATA, wire.get_data(path, True))
    thief = Conn(proxy().addr, session=nimbus.session, passwd=nimbus.passwd)
    assert thief.session == nimbus.session
    for op, body in ways_to_read(base, path):
        assert thief.call(op, body).err == NOAUTH, wire.OP_NAMES[op]
    worker = client(proxy().addr)
    ok(worker, wire.OP_SET_DATA, wire.set_data(path, b"newer"))
    assert thief.drain_events(0.2) == []
    thief.close_session()
    worker.close_session()


def test_words_tell_nothing():
    beat(proxy().addr, "/m/words")
    for word in ("conf", "cons", "crst", "dirs", "dump", "envi", "isro", "mntr", "ruok", "srst", "srvr", "stat", "wchc",
                 "wchp", "wchs"):
        told = wire.four_letter(proxy().addr, word)
        assert "worker" not in told and "/words" not in told and "secret" not in told, (word, told)


def test_the_admin_side_tells_nothing_of_what_is_held():
    """An operator sees which paths there are; what a worker wrote, and what proves who Nimbus is, nobody is shown."""
    ours = start(args=["--admin", "127.0.0.1:0"])
    admin = Admin(ours)
    path = beat(ours.addr, "/m/admin")
    pages = ["/", "/metrics", "/live", "/ready"] + [f"/api/v1/{name}" for name in (
        "servers", "clients", "mounts", "paths", "late", "config", "group", "savings", "top", f"explain?path={path}")]
    for page in pages:
        status, told = admin.get(page)
        assert status == 200 and told, (page, status)
        assert BEAT.decode() not in told and "n secret" not in told and NIMBUS_ID[8:] not in told, (page, told)
    assert ours.stop() == 0


def test_over_a_restart_and_a_reload():
    state = os.path.join(rig.temp_dir(), "state")
    text, base = config(f"state-file: {state}\n"), "/m/kept"
    one = start(text)
    path = beat(one.addr, base)
    assert one.stop() == 0
    two = start(text)
    nobody_else_reads(two.addr, base, path)
    nimbus_reads(two.addr, base, path)
    watcher = client(two.addr, NIMBUS)
    ok(watcher, wire.OP_ADD_WATCH, wire.add_watch("/m", 1))
    with open(os.path.join(two.dir, "pacekeeper.yaml"), "w") as f:
        f.write(text.replace("mode: pacemaker, auth: digest", "mode: pacemaker, readers: \"ip:10.0.0.1\""))
    two.process.send(signal.SIGHUP)
    rig.eventually(lambda: "reload: done" in two.log(), 5, "the reload")
    assert "mount /m: readers: digest:nimbus,sasl:nimbus -> ip:10.0.0.1" in two.log(), two.log()
    worker = client(two.addr)
    ok(worker, wire.OP_SET_DATA, wire.set_data(path, BEAT))
    assert watcher.drain_events(0.2) == []
    for op, body in ways_to_read(base, path):
        assert watcher.call(op, body).err == NOAUTH, wire.OP_NAMES[op]
    assert two.mntr()["pk_events_withheld"] > 0
    worker.close_session()
    watcher.close_session()
    assert two.stop() == 0


def test_the_ensemble_guards_what_it_is_handed():
    """A released znode has an ACL that says the same: those who go to the ensemble directly are refused there."""
    one, base = start(config("release: true\n")), "/m/released"
    path = beat(one.addr, base)
    assert one.stop() == 0
    direct = client(server().addr)
    assert direct.call(wire.OP_GET_DATA, wire.get_data(path)).err == NOAUTH
    ok(direct, wire.OP_SET_DATA, wire.set_data(path, BEAT))
    direct.close_session()
    nimbus = client(server().addr, NIMBUS)
    acl = ok(nimbus, wire.OP_GET_ACL, wire.get_acl(path))[0]
    assert sorted(acl) == [(14, "world", "anyone"), (31, "digest", NIMBUS_ID)], acl
    nimbus.close_session()
    two = start()
    nobody_else_reads(two.addr, base, path)
    nimbus_reads(two.addr, base, path)
    worker = client(two.addr)
    ok(worker, wire.OP_CREATE, wire.create(base + "/another", b""))
    ok(worker, wire.OP_SET_DATA, wire.set_data(base + "/another", BEAT))
    worker.close_session()
    two.stop()


def asked(base, acl):
    """What is asked of a znode and one below it, as (op, body)."""
    path = base + "/z"
    return [(wire.OP_EXISTS, wire.exists(path)), (wire.OP_GET_DATA, wire.get_data(path)),
            (wire.OP_GET_ACL, wire.get_acl(path)), (wire.OP_GET_CHILDREN, wire.get_children(path)),
            (wire.OP_GET_ALL_CHILDREN_NUMBER, wire.get_all_children_number(path)),
            (wire.OP_SET_DATA, wire.set_data(path, b"1")), (wire.OP_SET_DATA, wire.set_data(path, b"1", 77)),
            (wire.OP_CREATE, wire.create(path + "/c", b"", acl=acl)), (wire.OP_DELETE, wire.delete(path + "/c")),
            (wire.OP_MULTI, wire.multi([(wire.OP_SET_DATA, wire.set_data(path, b"2")),
                                        (wire.OP_SET_DATA, wire.set_data(path, b"3"))])),
            (wire.OP_MULTI_READ, wire.multi([(wire.OP_GET_DATA, wire.get_data(path))])),
            (wire.OP_SET_ACL, wire.set_acl(path, acl=acl)), (wire.OP_GET_DATA, wire.get_data(path))]


def answers(addr, base, acl, user):
    from plain import plain_reply
    conn = client(addr, user)
    replies = []
    for op, body in asked(base, acl):
        reply = conn.call(op, body)
        if op == wire.OP_MULTI_READ and reply.err == 0 and NOAUTH in [r.err for r in wire.parse_reply(op, reply.body)]:
            reply = reply._replace(err=NOAUTH)   # ours is one error for all of it
        replies.append((wire.OP_NAMES[op], plain_reply(op, reply, base)))
    conn.close_session()
    return replies


def test_as_a_zookeeper_whose_znodes_have_that_acl():
    readers = [f"digest:{NIMBUS_ID}"]
    for number, writers in enumerate((["world:anyone"], readers)):
        acl = [(31, "digest", NIMBUS_ID)] + ([(14, "world", "anyone")] if number == 0 else [])
        yaml = f"mounts: [{{path: /m, readers: {readers}, writers: {writers}}}]\n"
        secret = secret_file("digest:" + NIMBUS.decode() + "\n")
        one, theirs, ours = start(yaml + f"auth-file: {secret}\n"), f"/direct{number}", f"/m/ours{number}"
        direct, maker = client(server().addr, NIMBUS), client(one.addr, NIMBUS)
        for path in (theirs, theirs + "/z"):
            ok(direct, wire.OP_CREATE, wire.create(path, b"0", acl=acl))
        for path in (ours, ours + "/z"):
            ok(maker, wire.OP_CREATE, wire.create(path, b"0"))
        for user in (None, EVE, NIMBUS):
            expected, got = answers(server().addr, theirs, acl, user), answers(one.addr, ours, acl, user)
            for a, b in zip(expected, got):
                if number == 1 and a[0] == "exists" and user != NIMBUS:
                    assert b[1] == (NOAUTH, None), b     # as in ZooKeeper from 3.8.4 on
                else:
                    assert a == b, (writers, user, a, b)
        direct.close_session()
        maker.close_session()
        one.stop()


def test_who_it_is_by_relayed_sasl():
    """The ensemble is asked: the exchange itself tells no name that could be believed."""
    zk = rig.ZooKeeper(extra_cfg=PROVIDER, jvm=[digest_jaas()]).start()
    one = rig.Pacekeeper(zk.connect_string, mounts=["/m=pacemaker,readers=sasl:bob"]).start()
    from kazoo.exceptions import NoAuthError
    bob = kazoo(one.addr, BOB)
    bob.ensure_path("/m")
    worker = kazoo(one.addr, None)
    worker.create("/m/t", BEAT)
    assert bob.get("/m/t")[0] == BEAT
    try:
        worker.get("/m/t")
        raise AssertionError("a worker reads")
    except NoAuthError:
        pass
    for zoo in (bob, worker):
        zoo.stop()
        zoo.close()
    one.stop()
    zk.stop()


def test_pacemakers_own_settings():
    """pacemaker.auth.method of storm.yaml; what it wants is said."""
    folder = rig.temp_dir()
    storm = os.path.join(folder, "storm.yaml")
    with open(storm, "w") as f:
        f.write(f"storm.zookeeper.servers: [127.0.0.1]\nstorm.zookeeper.port: {server().port}\n"
                "storm.zookeeper.root: /\npacemaker.auth.method: DIGEST\nnimbus.daemon.user: nimbus\n")
    jaas = secret_file(PACEMAKER)
    check = [rig.daemon_path(), "-t", "--storm-yaml", storm]
    said = subprocess.run(check, capture_output=True, text=True, timeout=20)
    assert said.returncode == 1 and "auth: digest wants jaas" in said.stderr, said
    text = os.path.join(folder, "pacekeeper.yaml")
    with open(text, "w") as f:
        f.write(f"jaas: {jaas}\n")
    said = subprocess.run(check + ["-c", text], capture_output=True, text=True, timeout=20)
    assert said.returncode == 0, said
    assert "mount     /workerbeats=pacemaker,readers=digest:nimbus,sasl:nimbus\n" in said.stdout, said.stdout
    assert "n secret" not in said.stdout and NIMBUS_ID not in said.stdout, said.stdout
    os.chmod(jaas, 0o644)
    said = subprocess.run(check + ["-c", text], capture_output=True, text=True, timeout=20)
    assert said.returncode == 1 and "it holds secrets" in said.stderr, said


if __name__ == "__main__":
    rig.main(globals())
