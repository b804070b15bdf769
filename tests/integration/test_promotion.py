"""Promoting: local znodes with a history, then something unusual. Every answer, every event and the whole
tree afterwards must be those of a ZooKeeper that was given the same history.
"""
import rig
import wire
from plain import plain_reply, tree
from wire import Conn

NO_ACL = ((1, "world", "anyone"),)


def setup():
    zk = rig.zookeeper_with("/m", "/d", jvm=["-Dzookeeper.extendedTypesEnabled=true"])
    return zk, rig.Pacekeeper(zk.connect_string).start()


def create(path, data=b"", **more):
    return (wire.OP_CREATE, lambda b: wire.create(b + path, data, **more))


def create2(path, data=b"", **more):
    return (wire.OP_CREATE2, lambda b: wire.create2(b + path, data, **more))


def write(path, data=b"new", version=-1):
    return (wire.OP_SET_DATA, lambda b: wire.set_data(b + path, data, version))


def delete(path, version=-1):
    return (wire.OP_DELETE, lambda b: wire.delete(b + path, version))


def exists(path, watch=False):
    return (wire.OP_EXISTS, lambda b: wire.exists(b + path, watch))


def get(path, watch=False):
    return (wire.OP_GET_DATA, lambda b: wire.get_data(b + path, watch))


def names(path, watch=False):
    return (wire.OP_GET_CHILDREN2, lambda b: wire.get_children2(b + path, watch))


def multi(*ops):
    return (wire.OP_MULTI, lambda b: wire.multi([(op, body(b)) for op, body in ops]))


def check(path, version):
    return (wire.OP_CHECK, lambda b: wire.check(b + path, version))


HISTORY = [create("", b"base"), create("/t", b"\7"), create2("/t/w1", b"beat"), create("/t/w2", b"beat"),
           *[write("/t/w1", b"beat %d" % i) for i in range(7)], write("/t", b"dir"), delete("/t/w2"),
           create("/t/w2", b"again"), create("/t/w3", None), write("/t/w2", b"x" * 5000, 0),
           write("/t/w2", b"bad", 9), create("/t/w1/deep", b"d"), exists("/t/w1"), get("/t/none"), names("/t")]

AFTER = [write("/t/w1", b"after"), get("/t/w1"), create("/t/w9", b"new"), delete("/t/w3"), names("/t"),
         exists("/t"), delete("/t/w1"), delete("/t/w1/deep"), delete("/t/w1"), get("/t/w1"), names("")]

UNUSUAL = {
    "exists_watch": [exists("/t/w1", True)],
    "exists_watch_missing": [exists("/t/w9", True)],
    "get_watch": [get("/t/w1", True)],
    "get_watch_missing": [get("/t/w9", True)],
    "child_watch": [names("/t", True)],
    "child_watch_leaf": [names("/t/w1", True)],
    "child_watch_base": [names("", True)],
    "multi": [multi(check("/t/w1", 7), write("/t/w1", b"m", 7), create("/t/m", b"m"), delete("/t/w3"))],
    "failing_multi": [multi(create("/t/m"), check("/t/w1", 3), delete("/t/w3"))],
    "multi_on_missing": [multi(create("/t/w8"), create("/t/w8/x"), delete("/none"))],
    "multi_delete_all": [multi(delete("/t/w1/deep"), delete("/t/w1"), delete("/t/w2"), delete("/t/w3"),
                               delete("/t"))],
    "multi_read": [(wire.OP_MULTI_READ, lambda b: wire.multi_read([
        (wire.OP_GET_DATA, wire.get_data(b + "/t/w1")), (wire.OP_GET_CHILDREN, wire.get_children(b + "/t")),
        (wire.OP_GET_DATA, wire.get_data(b + "/none"))]))],
    "ephemeral": [create("/t/e", b"e", flags=1), create("/t/e/x"), exists("/t/e")],
    "sequential": [create("/t/s-", b"s", flags=2), create("/t/s-", b"s", flags=2), create("/t/", b"", flags=2)],
    "ephemeral_sequential": [create2("/t/s-", b"s", flags=3), create2("/t/w1/s-", b"s", flags=3)],
    "container": [(wire.OP_CREATE_CONTAINER, lambda b: wire.create_container(b + "/t/c")), create("/t/c/x"),
                  write("/t/c/x")],
    "ttl": [(wire.OP_CREATE_TTL, lambda b: wire.create_ttl(b + "/t/ttl", b"", ttl=100000)), create("/t/ttl/x"),
            write("/t/ttl/x")],
    "create_with_acl": [create("/t/a", b"", acl=NO_ACL), create("/t/a/x"), write("/t/a")],
    "create_with_bad_acl": [create("/t/a", b"", acl=((31, "none", "x"),)), create("/t/a", b"", acl=())],
    "set_acl": [(wire.OP_SET_ACL, lambda b: wire.set_acl(b + "/t/w1", NO_ACL, 0)), write("/t/w1"),
                create("/t/w1/x")],
    "set_acl_parent": [(wire.OP_SET_ACL, lambda b: wire.set_acl(b + "/t", NO_ACL)), create("/t/x"),
                       delete("/t/w3"), write("/t/w2", b"allowed"), create("/t/w2/x")],
    "set_acl_bad_version": [(wire.OP_SET_ACL, lambda b: wire.set_acl(b + "/t/w1", NO_ACL, 5))],
    "persistent_watch": [(wire.OP_ADD_WATCH, lambda b: wire.add_watch(b + "/t", 0))],
    "recursive_watch": [(wire.OP_ADD_WATCH, lambda b: wire.add_watch(b, 1))],
    "set_watches": [(wire.OP_SET_WATCHES, lambda b: wire.set_watches(
        1 << 60, [b + "/t/w1", b + "/none"], [b + "/t/w9", b + "/t/w2"], [b + "/t", b + "/none"]))],
    "set_watches2": [(wire.OP_SET_WATCHES2, lambda b: wire.set_watches2(
        1 << 60, [b + "/t/w1"], [], [b + "/t"], [b + "/t/w2"], [b]))],
    "odd_flags": [create("/t/f", b"", flags=7), create("/t/f", b"", flags=4), create2("/t/g", b"", flags=5)],
    "bad_paths": [create("/t/"), create("//x"), create("/t/./x"), create("/none/x"), write("/t/"), delete("/t/"),
                  get("/t/"), exists("/t//")],
    "truncated": [(wire.OP_CREATE, lambda b: wire.string(b + "/t/x")), (wire.OP_SET_DATA, lambda b: b"")],
    "harmless": [(wire.OP_SYNC, lambda b: wire.sync(b + "/t")), (wire.OP_GET_ACL, lambda b: wire.get_acl(b + "/t")),
                 (wire.OP_GET_EPHEMERALS, lambda b: wire.get_ephemerals(b)),
                 (wire.OP_GET_ALL_CHILDREN_NUMBER, lambda b: wire.get_all_children_number(b)),
                 (wire.OP_CHECK_WATCHES, lambda b: wire.check_watches(b + "/t", 3)),
                 (wire.OP_REMOVE_WATCHES, lambda b: wire.remove_watches(b + "/t", 3)),
                 (wire.OP_GET_CHILDREN, lambda b: wire.get_children(b + "/t"))],
}


def play(conn, base, script):
    """The answers and events of a script, comparable between servers."""
    seen = []
    for op, body in script:
        conn.events.clear()
        reply = conn.call(op, body(base))
        for kind, state, path in conn.events:
            seen.append(("event", kind, state, path.replace(base, "~", 1)))
        seen.append((wire.OP_NAMES[op], plain_reply(op, reply, base)))
    return seen


def same(what, through, direct):
    for n, (got, expected) in enumerate(zip(through, direct)):
        assert got == expected, f"{what}, answer {n}: {got} instead of {expected}"
    assert len(through) == len(direct), (what, through, direct)


def same_tree(what, through, direct):
    for path in sorted(set(through) | set(direct)):
        assert through.get(path) == direct.get(path), \
            f"{what}: {path} is {through.get(path)} instead of {direct.get(path)}"


def run(name, script, history=None):
    """History, something unusual, a tree, more usual requests by this client and another, a tree."""
    zk, proxy = rig.shared("setup", setup)
    rows = []
    for addr, base in ((proxy.addr, f"/m/{name}"), (zk.addr, f"/d/{name}")):
        conn, other = Conn(addr, 20000), Conn(addr, 20000)
        seen = play(conn, base, HISTORY if history is None else history)
        seen += play(conn, base, script)
        first = tree(other, base)
        seen += play(other, base, [write("/t/w1", b"other"), write("/t/w2", b"other", 1), create("/t/o", b"o")])
        seen += [("event", *e[:2], e[2].replace(base, "~", 1)) for e in sorted(conn.drain_events(0.05))]
        seen += play(conn, base, AFTER)
        second = tree(other, base)
        conn.close_session()
        third = tree(other, base)
        other.close_session()
        rows.append((seen, first, second, third))
    same(name, rows[0][0], rows[1][0])
    for n in (1, 2, 3):
        same_tree(f"{name}, tree {n}", rows[0][n], rows[1][n])


def test_unusual_requests_after_a_history():
    problems = []
    for name, script in UNUSUAL.items():
        try:
            run(name, script)
        except (AssertionError, ConnectionError, ValueError, OSError) as e:
            problems.append(f"{name}: {type(e).__name__} {e}")
    assert not problems, "\n".join(p[:1500] for p in problems)


def test_usual_requests_do_not_promote():
    """The history alone leaves nothing upstream; a watch on one leaf brings that leaf and its way only."""
    zk, proxy = rig.shared("setup", setup)
    conn, direct = Conn(proxy.addr), Conn(zk.addr)
    play(conn, "/m/dry", HISTORY + UNUSUAL["harmless"])
    assert direct.call(wire.OP_EXISTS, wire.exists("/m/dry")).err == wire.ERR["NONODE"]
    before = proxy.mntr()
    play(conn, "/m/dry", [exists("/t/w1", True)])
    after = proxy.mntr()
    assert after["pk_promoted_znodes"] - before["pk_promoted_znodes"] == 3, (before, after)
    for path, err in (("/t", 0), ("/t/w1", 0), ("/t/w2", -101), ("/t/w3", -101)):
        assert direct.call(wire.OP_EXISTS, wire.exists("/m/dry" + path)).err == err, path
    conn.close_session()
    direct.close_session()


def test_long_histories_are_replayed():
    for name, writes, deletes in (("v0", 0, 0), ("v1", 1, 1), ("v150", 150, 0), ("v700", 700, 40), ("d200", 0, 200)):
        history = [create(""), create("/t"), create("/t/w1", b"first"), create("/t/w2", b"first"),
                   *[write("/t/w1", b"%d" % i) for i in range(writes)],
                   *[step for i in range(deletes) for step in (create(f"/t/x{i}"), delete(f"/t/x{i}"))]]
        run(name, [get("/t/w1", True), names("/t", True), create("/t/s-", b"", flags=2)], history)


def test_many_children_are_promoted_together():
    history = [create("", b"")] + [create(f"/c{i:03}", b"%d" % i * 50) for i in range(400)] + [create("/t")]
    for name, script in (("many_watch", [(wire.OP_ADD_WATCH, lambda b: wire.add_watch(b, 1))]),
                         ("many_child_watch", [names("", True)]),
                         ("many_set_acl", [(wire.OP_SET_ACL, lambda b: wire.set_acl(b, NO_ACL))]),
                         ("many_sequential", [create("/s", b"", flags=3)])):
        run(name, script, history)


def test_big_values_are_promoted():
    history = [create(""), create("/t")] + [create(f"/t/w{i}", bytes([i]) * 400000) for i in range(1, 9)]
    run("big", [names("/t", True), (wire.OP_ADD_WATCH, lambda b: wire.add_watch(b, 1))], history)


def test_watch_before_local_create_is_kept():
    """A watch on a path that does not exist yet: its creation by another client fires it."""
    for name, watch in (("w_exists", exists("/t/w1", True)), ("w_child", names("/t", True)),
                        ("w_rec", (wire.OP_ADD_WATCH, lambda b: wire.add_watch(b, 1)))):
        zk, proxy = rig.shared("setup", setup)
        rows = []
        for addr, base in ((proxy.addr, f"/m/{name}"), (zk.addr, f"/d/{name}")):
            conn, other = Conn(addr), Conn(addr)
            seen = play(other, base, [create(""), create("/t")]) + play(conn, base, [watch])
            seen += play(other, base, [create("/t/w1", b"1"), write("/t/w1", b"2"), delete("/t/w1")])
            seen += [e[:2] + (e[2].replace(base, "~", 1),) for e in conn.drain_events(0.1)]
            rows.append(seen)
            conn.close_session()
            other.close_session()
        same(name, rows[0], rows[1])


def test_promotions_by_pipelined_requests():
    """Unusual requests in the middle of a pipeline take effect in their place."""
    script = [create(""), create("/t"), create("/t/w1", b"0")]
    for i in range(40):
        script += [write("/t/w1", b"%d" % i), get("/t/w1"), create(f"/t/x{i}", b"x"), write(f"/t/x{i}", b"y")]
        if i % 8 == 7:
            script += [multi(check("/t/w1", i + 1), write("/t/w1", b"multi")), delete("/t/w1"),
                       create("/t/w1", b"re"), *[write("/t/w1", b"z")] * (i + 1)]
        script += [names("/t"), exists(f"/t/x{i}")]
    zk, proxy = rig.shared("setup", setup)
    rows = []
    for addr, base in ((proxy.addr, "/m/piped"), (zk.addr, "/d/piped")):
        conn = Conn(addr, 20000)
        conn.send_raw(b"".join(wire.frame(n, op, body(base)) for n, (op, body) in enumerate(script)))
        replies = [conn.recv() for _ in script]
        assert [r.xid for r in replies] == list(range(len(script)))
        rows.append([(wire.OP_NAMES[op], plain_reply(op, r, base)) for (op, _), r in zip(script, replies)])
        conn.close_session()
    same("pipelined", rows[0], rows[1])


if __name__ == "__main__":
    rig.main(globals())
