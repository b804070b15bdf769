"""Two pacekeepers in front of one ensemble find out about each other: marker znodes, warnings, credentials."""
import os
import re
import shutil
import signal
import time

import rig
import wire
from wire import Conn

SECRET = "s3cret-word"


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m", "/m/sub", "/o"))


def start(mounts, instances, extra="", args=()):
    """A proxy with its markers below `instances`, looking every half second."""
    text = f"instances: {instances}\nstatus-interval: 500ms\nmounts: [{mounts}]\n{extra}"
    return rig.Pacekeeper(server().connect_string, config=text, mounts=(), args=args).start()


def reload_with(proxy, text):
    with open(os.path.join(proxy.dir, "pacekeeper.yaml"), "w") as f:
        f.write(text)
    said = proxy.log().count("reload: done")
    proxy.process.send(signal.SIGHUP)
    rig.eventually(lambda: proxy.log().count("reload: done") > said, 5, "the reload")


def names(path, zk=None):
    """Of its children at a server, the shared one unless given; None where it is not there."""
    conn = Conn((zk or server()).addr)
    reply = conn.call(wire.OP_GET_CHILDREN, wire.get_children(path))
    conn.close_session()
    return wire.parse_reply(wire.OP_GET_CHILDREN, reply.body) if reply.err == 0 else None


def figures(proxy):
    m = proxy.mntr()
    return m["pk_instances"], m["pk_instances_conflicting"]


def warnings(proxy):
    return len(re.findall(r"(?i) warn .*mode pacemaker", proxy.log()))


def test_a_marker_says_who_and_what():
    proxy = start("/m, '/o=write-behind,flush=60s'", "/ops/pacekeeper")
    found = rig.eventually(lambda: names("/ops/pacekeeper"), 10, "a marker")
    assert len(found) == 1, found
    conn = Conn(server().addr)
    data, stat = wire.parse_reply(wire.OP_GET_DATA,
                                  conn.call(wire.OP_GET_DATA, wire.get_data(f"/ops/pacekeeper/{found[0]}")).body)
    text = data.decode()
    assert stat.ephemeralOwner != 0 and text.endswith("\n") and text.count("\n") == 1, (stat, text)
    for part in ("pacekeeper ", f"host={os.uname().nodename}", f"listen=127.0.0.1:{proxy.port}", "mount=/m=pacemaker",
                 "mount=/o=write-behind"):
        assert part in text, (part, text)
    acl = wire.parse_reply(wire.OP_GET_ACL, conn.call(wire.OP_GET_ACL, wire.get_acl("/ops/pacekeeper")).body)
    assert acl[0] == [wire.OPEN[0]] and acl[1].ephemeralOwner == 0, acl
    assert conn.call(wire.OP_SET_DATA, wire.set_data(f"/ops/pacekeeper/{found[0]}", b"forged")).err == wire.ERR["NOAUTH"]
    assert figures(proxy) == (1, 0), figures(proxy)
    assert "Pacekeeper instance: " + found[0] in wire.four_letter(proxy.addr, "srvr")
    assert proxy.stop() == 0
    assert names("/ops/pacekeeper") == [], "the marker stayed after a clean stop"
    conn.close_session()


def test_two_in_mode_pacemaker_are_warned_about():
    one = start("/m", "/pk1")
    rig.eventually(lambda: figures(one) == (1, 0), 10, "one instance")
    two = start("/m/sub, /o=write-behind", "/pk1")
    rig.eventually(lambda: figures(one) == (2, 1) and figures(two) == (2, 1), 10, "both know")
    rig.eventually(lambda: warnings(one) and warnings(two), 5, "both warn")
    assert str(two.port) in one.log() and str(one.port) in two.log(), "the warning does not say which instance"
    time.sleep(2.5)
    assert warnings(one) <= 2 and warnings(two) <= 2, "the warning comes too often"
    assert two.stop() == 0
    rig.eventually(lambda: figures(one) == (1, 0), 10, "one again")
    rig.eventually(lambda: re.search(r"no other pacekeeper .*any more", one.log()), 5, "the end of it is said")
    assert one.stop() == 0


def test_write_behind_beside_anything_is_fine():
    one, two, three = start("/m=write-behind", "/pk2"), start("/m", "/pk2"), start("/m=write-behind", "/pk2")
    for proxy in (one, two, three):
        rig.eventually(lambda: figures(proxy) == (3, 0), 10, "three instances, none in conflict")
    assert not any(warnings(p) for p in (one, two, three))
    reload_with(three, "instances: /pk2\nstatus-interval: 500ms\nmounts: [/m]\n")
    rig.eventually(lambda: figures(two) == (3, 1) and figures(three) == (3, 1), 10, "a reload makes a conflict")
    # With another text a marker begins anew: one may have looked in between.
    rig.eventually(lambda: figures(one) == (3, 0), 10, "no conflict for the one in write-behind")
    reload_with(three, "instances: /pk2\nstatus-interval: 500ms\nmounts: [/m=relay]\n")
    rig.eventually(lambda: figures(two) == (2, 0) and figures(three) == (0, 0), 10, "without a mount no marker")
    for proxy in (one, two, three):
        assert proxy.stop() == 0


def test_no_marker_where_none_is_wanted():
    off, relay = start("/m", "none"), start("/m=relay", "/pk3")
    time.sleep(2)
    assert names("/pk3") is None and figures(off) == (0, 0) and figures(relay) == (0, 0)
    reload_with(off, "instances: /pk3\nstatus-interval: 500ms\nmounts: [/m]\n")
    rig.eventually(lambda: figures(off) == (1, 0), 10, "a marker after a reload")
    reload_with(off, "instances: /pk4\nstatus-interval: 500ms\nmounts: [/m]\n")
    rig.eventually(lambda: names("/pk4") and names("/pk3") == [], 10, "a marker elsewhere after a reload")
    assert off.stop() == 0 and relay.stop() == 0


def auth_file(secret=SECRET):
    path = os.path.join(rig.temp_dir(), "auth")
    with open(path, "w") as f:
        f.write(f"# ours\ndigest:ops:{secret}\n")
    os.chmod(path, 0o600)
    return path


def test_without_permission_it_is_said_once_and_with_credentials_it_works():
    conn = Conn(server().addr)
    assert conn.call(wire.OP_AUTH, wire.auth("digest", f"ops:{SECRET}".encode())).err == 0
    assert conn.call(wire.OP_CREATE, wire.create("/closed", acl=wire.CREATOR_ALL)).err == 0
    proxy = start("/m", "/closed/pacekeeper")
    rig.eventually(lambda: "cannot be looked for at /closed/pacekeeper" in proxy.log(), 10, "it is said")
    time.sleep(2)
    assert proxy.log().count("cannot be looked for") == 1, "said more than once"
    assert re.search(r" info .*cannot be looked for", proxy.log()) and figures(proxy) == (0, 0)
    client = Conn(proxy.addr)
    assert client.call(wire.OP_CREATE, wire.create("/m/works")).err == 0
    text = f"instances: /closed/pacekeeper\nstatus-interval: 500ms\nmounts: [/m]\nauth-file: {auth_file()}\n"
    reload_with(proxy, text)
    rig.eventually(lambda: figures(proxy) == (1, 0), 10, "the marker, with credentials from a reload")
    assert client.call(wire.OP_EXISTS, wire.exists("/m/works")).err == 0
    with open(f"/proc/{proxy.pid}/cmdline", "rb") as f:
        assert SECRET.encode() not in f.read()
    assert SECRET not in proxy.log()
    status, said = rig.Pacekeeper(server().connect_string, config=text, mounts=(), args=["-t"]).run()
    assert status == 0 and "digest" in said and SECRET not in said, said
    client.close_session()
    conn.close_session()
    assert proxy.stop() == 0


def test_a_secret_that_others_can_read_is_refused():
    path = auth_file()
    os.chmod(path, 0o644)
    status, said = rig.Pacekeeper(server().connect_string, config=f"auth-file: {path}\n", args=["-t"]).run()
    assert status > 0 and "chmod" in said and SECRET not in said, said
    os.chmod(path, 0o600)
    with open(path, "w") as f:
        f.write("digest:ops:x\n" + SECRET + "\n")
    status, said = rig.Pacekeeper(server().connect_string, config=f"auth-file: {path}\n", args=["-t"]).run()
    assert status > 0 and ":2:" in said and SECRET not in said, said


def test_a_killed_instance_is_no_conflict_with_its_successor():
    port = rig.free_port()
    text = "instances: /pk5\nstatus-interval: 500ms\n"

    def again():
        return rig.Pacekeeper(server().connect_string, config=text, mounts=["/m"],
                              listen=f"127.0.0.1:{port}").start()
    proxy = again()
    rig.eventually(lambda: figures(proxy) == (1, 0), 10, "the first life")
    proxy.kill()
    proxy = again()
    rig.eventually(lambda: figures(proxy)[0] == 2, 10, "the marker of the life before")
    rig.eventually(lambda: figures(proxy)[0] == 1, 25, "it expires")
    assert not warnings(proxy), proxy.log()
    assert proxy.stop() == 0


def test_an_expired_session_is_replaced():
    proxy = start("/m", "/pk6")
    rig.eventually(lambda: figures(proxy) == (1, 0), 10, "a marker")
    proxy.process.freeze()
    rig.eventually(lambda: names("/pk6") == [], 30, "the session expires")
    proxy.process.thaw()
    rig.eventually(lambda: names("/pk6"), 20, "a new marker")
    rig.eventually(lambda: figures(proxy) == (1, 0), 5, "and it is seen")
    assert proxy.stop() == 0
    assert names("/pk6") == []


def test_a_wiped_ensemble_has_the_marker_again():
    """Once it never came back: the session's zxid was beyond all that the new ensemble had."""
    zk = rig.ZooKeeper(port=rig.free_port())
    zk.start()
    conn = Conn(zk.addr)
    for n in range(50):
        conn.call(wire.OP_CREATE, wire.create(f"/{n}"))
    proxy = rig.Pacekeeper(zk.connect_string, config="instances: /pk\nstatus-interval: 500ms\n").start()
    rig.eventually(lambda: figures(proxy) == (1, 0), 20, "a marker")
    zk.kill()
    shutil.rmtree(os.path.join(zk.dir, "data"))
    shutil.rmtree(os.path.join(zk.dir, "datalog"))
    zk.start()
    rig.eventually(lambda: names("/pk", zk) and figures(proxy) == (1, 0), 20, "a marker in the new ensemble")
    assert proxy.stop() == 0
    zk.stop()


def test_a_marker_that_was_deleted_comes_back():
    proxy = start("/m", "/pk7")
    rig.eventually(lambda: figures(proxy) == (1, 0), 10, "a marker")
    conn = Conn(server().addr)
    assert conn.call(wire.OP_DELETE, wire.delete(f"/pk7/{names('/pk7')[0]}")).err == 0
    rig.eventually(lambda: names("/pk7"), 10, "it is made again")
    conn.close_session()
    assert proxy.stop() == 0


def test_an_ensemble_that_comes_later():
    zk = rig.ZooKeeper(port=rig.free_port())
    text = "instances: /pk\nstatus-interval: 500ms\n"
    proxy = rig.Pacekeeper(zk.connect_string, config=text).start()
    time.sleep(1)
    assert figures(proxy) == (0, 0)
    zk.start()
    rig.eventually(lambda: figures(proxy) == (1, 0), 20, "a marker")
    zk.kill()
    rig.eventually(lambda: figures(proxy) == (0, 0), 30, "not known without an ensemble")
    assert wire.four_letter(proxy.addr, "ruok") == "imok"
    start_s = time.monotonic()
    assert proxy.stop() == 0
    assert time.monotonic() - start_s < 5, "the stop waited for the marker"


if __name__ == "__main__":
    rig.main(globals())
