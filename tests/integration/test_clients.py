"""Every client library does the same directly, through the proxy, and through it under a mount.

What a program prints has no zxids and times in it: the three outputs must be equal.
"""
import re

import clients
import rig
import wire
from plain import plain_reply
from wire import Conn


def setup():
    zk = rig.zookeeper_with("/m", jvm=["-Dzookeeper.extendedTypesEnabled=true"])
    return zk, rig.Pacekeeper(zk.connect_string, config="four-letter-words: '*'\n").start()


def runs(name):
    """(what, address, base) of the control run, the relayed one and the one under the mount."""
    zk, proxy = rig.shared("setup", setup)
    return (("directly", zk.addr, f"/{name}-direct"), ("relayed", proxy.addr, f"/{name}-relayed"),
            ("under the mount", proxy.addr, f"/m/{name}"))


def compare(name, program):
    outputs = []
    for what, addr, base in runs(name):
        outputs.append((what, program(f"{addr[0]}:{addr[1]}", base).splitlines()))
    control = outputs[0][1]
    assert len(control) > 5, control
    for what, lines in outputs[1:]:
        for n, (line, expected) in enumerate(zip(lines + ["(nothing)"], control + ["(nothing)"])):
            assert line == expected, f"{what}, line {n + 1}: {line!r} instead of {expected!r}"
        assert len(lines) == len(control), (what, lines, control)


def test_libzookeeper_mt():
    if clients.with_client_mt():
        compare("c", clients.client_mt)


def test_java_client():
    compare("java", lambda connect, base: clients.java("ZkBasics", connect, base))


def test_curator():
    compare("curator", lambda connect, base: clients.java("CuratorBasics", connect, base))


def zkcli_program(connect, base):
    commands = [f"create {base}", f"create {base}/a one", f"create {base}/b", f"set {base}/a two", f"get {base}/a",
                f"ls {base}", f"create -s {base}/q- x", f"create -e {base}/e x", f"getAcl {base}/a", f"ls -R {base}",
                f"delete {base}/none", f"getAllChildrenNumber {base}", f"deleteall {base}", f"ls {base}",
                "ls /zookeeper"]
    output = clients.zkcli(connect, commands)
    # The session's state is printed by a thread of its own, between any two lines.
    elsewhere = ("Connecting", "Welcome", "JLine", "WATCHER::")
    wanted = [line for line in output.splitlines()
              if line and not line.startswith(elsewhere) and not re.match(r"WatchedEvent state:\w+ type:None", line)]
    return "\n".join(wanted).replace(connect, "HOST").replace(base, "~")


def test_zkcli():
    compare("zkcli", zkcli_program)


def kazoo_program(connect, base):
    KazooClient = rig.need_module("kazoo.client", "python3-kazoo").KazooClient
    from kazoo.exceptions import KazooException
    out, events = [], []

    def say(what, call):
        try:
            value = call()
        except KazooException as e:
            value = type(e).__name__
        out.append(f"{what}: {value}".replace(base, "~"))

    def show(stat):
        return stat and (stat.version, stat.cversion, stat.aversion, stat.ephemeralOwner != 0, stat.dataLength,
                         stat.numChildren)

    def watch(event):
        events.append(f"{event.type} {event.path}")

    client = KazooClient(hosts=connect, timeout=10)
    client.start(15)
    say("version", lambda: client.server_version() >= (3, 0))
    say("ensure", lambda: client.ensure_path(base + "/a/b"))
    say("create", lambda: client.create(base + "/a/c", b"one"))
    say("create2", lambda: client.create(base + "/a/d", b"", include_data=True)[0])
    say("set", lambda: show(client.set(base + "/a/c", b"two", 0)))
    say("stale", lambda: client.set(base + "/a/c", b"x", 0))
    say("get", lambda: (client.get(base + "/a/c")[0], show(client.get(base + "/a/c")[1])))
    say("exists", lambda: show(client.exists(base + "/a/none")))
    say("sequence", lambda: client.create(base + "/a/s", b"", ephemeral=True, sequence=True))
    say("children", lambda: sorted(client.get_children(base + "/a")))
    say("watched", lambda: client.get(base + "/a/c", watch=watch)[0])
    say("set", lambda: client.set(base + "/a/c", b"three").version)
    say("exists", lambda: client.exists(base + "/a/e", watch=watch))
    say("create", lambda: client.create(base + "/a/e"))
    rig.eventually(lambda: len(events) == 2, what="two events")
    say("events", lambda: events)
    transaction = client.transaction()
    transaction.create(base + "/t", b"")
    transaction.set_data(base + "/t", b"x", 0)
    transaction.delete(base + "/t")
    say("transaction", lambda: [type(r).__name__ for r in transaction.commit()])
    say("acls", lambda: client.get_acls(base + "/a/c")[0])
    say("sync", lambda: client.sync(base))
    say("recursive delete", lambda: client.delete(base + "/a", recursive=True))
    say("left", lambda: client.get_children(base))
    client.stop()
    client.close()
    return "\n".join(out)


def test_kazoo():
    compare("kazoo", kazoo_program)


def raw_program(connect, base):
    host, port = connect.split(":")
    out = []
    conn = Conn((host, int(port)))

    def say(op, body):
        reply = conn.call(op, body)
        out.append(f"{wire.OP_NAMES.get(op, op)} {plain_reply(op, reply, base)}")

    for path in ("", "/a", "/a", "/a/b", "/none/x", "/a/"):
        say(wire.OP_CREATE, wire.create(base + path, b"data"))
    say(wire.OP_CREATE2, wire.create(base + "/n", None))
    say(wire.OP_GET_DATA, wire.get_data(base + "/n"))
    say(wire.OP_SET_DATA, wire.set_data(base + "/n", b""))
    say(wire.OP_GET_DATA, wire.get_data(base + "/n"))
    say(wire.OP_SET_DATA, wire.set_data(base + "/n", None))
    say(wire.OP_GET_DATA, wire.get_data(base + "/n"))
    say(wire.OP_SYNC, wire.sync(base))
    say(wire.OP_GET_ACL, wire.get_acl(base + "/a"))
    say(wire.OP_SET_ACL, wire.set_acl(base + "/a", wire.READ_ONLY_ACL, 0))
    say(wire.OP_CREATE, wire.create(base + "/a/denied"))
    say(wire.OP_GET_CHILDREN2, wire.get_children2(base + "/a"))
    say(wire.OP_CREATE_CONTAINER, wire.create_container(base + "/k"))
    say(wire.OP_CREATE_TTL, wire.create_ttl(base + "/ttl", b"", ttl=100000))
    say(wire.OP_CREATE, wire.create(base + "/e", b"", flags=1))
    say(wire.OP_GET_EPHEMERALS, wire.get_ephemerals(base))
    say(wire.OP_GET_ALL_CHILDREN_NUMBER, wire.get_all_children_number(base))
    say(wire.OP_MULTI, wire.multi([]))
    say(wire.OP_MULTI_READ, wire.multi_read([(wire.OP_GET_CHILDREN, wire.get_children(base + "/a"))]))
    say(wire.OP_ADD_WATCH, wire.add_watch(base, 0))
    say(wire.OP_CHECK_WATCHES, wire.check_watches(base, 3))
    say(wire.OP_REMOVE_WATCHES, wire.remove_watches(base, 3))
    say(wire.OP_REMOVE_WATCHES, wire.remove_watches(base, 3))
    say(wire.OP_RECONFIG, wire.reconfig("server.2=x:1:2;3"))
    say(wire.OP_AUTH, wire.auth("digest", b"u:p"))
    say(wire.OP_SET_WATCHES, wire.set_watches(conn.last_zxid, [base + "/a"], [base + "/new"], [base]))
    out.append(f"truncated {conn.call(wire.OP_CREATE, b'').err}")
    out.append(f"check {conn.call(wire.OP_DELETE, wire.delete(base + '/n', 7)).err}")
    out.append(f"close {conn.close_session().err}")
    events = [(kind, state, path.replace(base, "~")) for kind, state, path in conn.events]
    out.append(f"events {events}")
    return "\n".join(out)


def test_raw_client():
    compare("raw", raw_program)


def test_unknown_opcode_closes_like_the_server():
    for what, addr, _ in runs("unknown"):
        conn = Conn(addr)
        conn.send(7, 4711)
        reply = conn.recv()
        assert (reply.xid, reply.err) == (7, wire.ERR["UNIMPLEMENTED"]), (what, reply)
        assert conn.recv_frame() is None, what


if __name__ == "__main__":
    rig.main(globals())
