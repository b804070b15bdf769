"""Clients that go past the proxy, and znodes of both sides under one mount: what is local here is merged with
what the ensemble has, and what others do there is taken as it comes.
"""
import rig
import wire
from plain import plain_reply, tree
from wire import Conn


def both():
    def start():
        zk = rig.zookeeper_with("/m", "/d")
        return zk, rig.Pacekeeper(zk.connect_string).start()
    return rig.shared("both", start)


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return wire.parse_reply(op, reply.body)


def names(conn, path):
    listed, stat = ok(conn, wire.OP_GET_CHILDREN2, wire.get_children2(path))
    assert len(listed) == stat.numChildren
    return sorted(listed)


def data(conn, path):
    return ok(conn, wire.OP_GET_DATA, wire.get_data(path))[0]


def sessions():
    zk, proxy = both()
    return Conn(proxy.addr, 20000), Conn(zk.addr, 20000), proxy


def test_local_and_existing_znodes_side_by_side():
    """The same steps, half of them by a direct client, give the same tree as all of them directly."""
    through, direct, _ = sessions()
    seen = []
    for conn, base in ((through, "/m/side"), (direct, "/d/side")):
        ok(direct, wire.OP_CREATE, wire.create(base, b""))
        answers = []

        def ask(op, body):
            answers.append((op, plain_reply(op, conn.call(op, body), base)))

        for n in range(12):
            ok(direct if n % 2 else conn, wire.OP_CREATE, wire.create(f"{base}/w{n}", b"%d" % n))
        for n in range(12):
            for op, body in ((wire.OP_SET_DATA, wire.set_data(f"{base}/w{n}", b"second")),
                             (wire.OP_EXISTS, wire.exists(f"{base}/w{n}")), (wire.OP_EXISTS, wire.exists(base))):
                ask(op, body)
            if n % 3 == 0:
                ask(wire.OP_DELETE, wire.delete(f"{base}/w{n}"))
                ask(wire.OP_GET_CHILDREN2, wire.get_children2(base))
                ask(wire.OP_GET_ALL_CHILDREN_NUMBER, wire.get_all_children_number(base))
        ask(wire.OP_DELETE, wire.delete(base))
        answers.append(tree(conn, base))
        ask(wire.OP_CREATE, wire.create(base + "/s", b"", flags=3))
        ask(wire.OP_GET_CHILDREN2, wire.get_children2(base, True))
        for n in range(12):
            if n % 3:
                ask(wire.OP_DELETE, wire.delete(f"{base}/w{n}"))
        ask(wire.OP_GET_CHILDREN2, wire.get_children2(base))
        seen.append(answers)
    for got, expected in zip(*seen):
        assert got == expected, f"{got} instead of {expected}"
    through.close_session()
    direct.close_session()


def test_a_direct_client_sees_only_what_was_promoted():
    through, direct, _ = sessions()
    ok(direct, wire.OP_CREATE, wire.create("/m/seen"))
    for name in ("a", "b"):
        ok(through, wire.OP_CREATE, wire.create(f"/m/seen/{name}", b"x"))
    assert names(direct, "/m/seen") == [] and names(through, "/m/seen") == ["a", "b"]
    ok(through, wire.OP_GET_DATA, wire.get_data("/m/seen/a", True))
    assert names(direct, "/m/seen") == ["a"] and names(through, "/m/seen") == ["a", "b"]
    ok(direct, wire.OP_SET_DATA, wire.set_data("/m/seen/a", b"direct"))
    assert data(through, "/m/seen/a") == b"direct"
    through.drain_events(0.1)
    assert (wire.EVENT_DATA, 3, "/m/seen/a") in through.events
    through.close_session()
    direct.close_session()


def test_another_created_the_same_path():
    through, direct, proxy = sessions()
    ok(direct, wire.OP_CREATE, wire.create("/m/same"))
    ok(through, wire.OP_CREATE, wire.create("/m/same/x", b"ours"))
    ok(through, wire.OP_SET_DATA, wire.set_data("/m/same/x", b"ours 2"))
    ok(direct, wire.OP_CREATE, wire.create("/m/same/x", b"theirs"))
    assert names(through, "/m/same") == ["x"], "a name twice"
    before = proxy.mntr()["pk_foreign_creates"]
    through.call(wire.OP_EXISTS, wire.exists("/m/same/x", True))
    assert data(through, "/m/same/x") == data(direct, "/m/same/x") == b"theirs"
    assert proxy.mntr()["pk_foreign_creates"] == before + 1
    ok(through, wire.OP_SET_DATA, wire.set_data("/m/same/x", b"new"))
    assert data(direct, "/m/same/x") == b"new"
    through.close_session()
    direct.close_session()


def test_another_removed_the_parent():
    through, direct, _ = sessions()
    for path in ("/m/gone", "/m/gone/t"):
        ok(direct, wire.OP_CREATE, wire.create(path, b"dir"))
    ok(through, wire.OP_CREATE, wire.create("/m/gone/t/w", b"beat"))
    ok(direct, wire.OP_DELETE, wire.delete("/m/gone/t"))
    ok(direct, wire.OP_DELETE, wire.delete("/m/gone"))
    ok(through, wire.OP_SET_DATA, wire.set_data("/m/gone/t/w", b"beat 2"))
    assert data(through, "/m/gone/t/w") == b"beat 2"
    ok(through, wire.OP_EXISTS, wire.exists("/m/gone/t/w", True))
    assert data(direct, "/m/gone/t/w") == b"beat 2", "the parent was not made again"
    assert names(through, "/m/gone/t") == ["w"]
    through.close_session()
    direct.close_session()


def test_another_changed_the_rights():
    """The ensemble refuses a promotion: the request gets that error, the znode stays, and is promoted when it may."""
    through, direct, proxy = sessions()
    ok(direct, wire.OP_AUTH, wire.auth("digest", b"owner:secret"))
    ok(direct, wire.OP_CREATE, wire.create("/m/rights"))
    ok(through, wire.OP_CREATE, wire.create("/m/rights/w", b"beat"))
    ok(direct, wire.OP_SET_ACL, wire.set_acl("/m/rights", ((31, "auth", ""), (1, "world", "anyone"))))
    before = proxy.mntr()["pk_promote_failures"]
    reply = through.call(wire.OP_EXISTS, wire.exists("/m/rights/w", True))
    assert reply.err == wire.ERR["NOAUTH"], reply.err
    assert proxy.mntr()["pk_promote_failures"] == before + 1
    assert data(through, "/m/rights/w") == b"beat"
    assert through.call(wire.OP_CREATE, wire.create("/m/rights/w2")).err == wire.ERR["NOAUTH"]
    ok(direct, wire.OP_SET_ACL, wire.set_acl("/m/rights", wire.OPEN))
    ok(through, wire.OP_EXISTS, wire.exists("/m/rights/w", True))
    assert data(direct, "/m/rights/w") == b"beat"
    through.close_session()
    direct.close_session()


def test_rights_of_the_parent_decide_local_creates():
    through, direct, proxy = sessions()
    ok(direct, wire.OP_AUTH, wire.auth("digest", b"owner:secret"))
    for perms, err in ((1, "NOAUTH"), (1 | 8, "NOAUTH"), (1 | 4, "OK"), (1 | 4 | 8, "OK")):
        path = f"/m/perms{perms}"
        ok(direct, wire.OP_CREATE, wire.create(path, b"", ((31, "auth", ""), (perms, "world", "anyone"))))
        local_creates = proxy.mntr()["pk_local_creates"]
        assert through.call(wire.OP_CREATE, wire.create(path + "/x")).err == wire.ERR[err], perms
        assert proxy.mntr()["pk_local_creates"] - local_creates == (perms == 13), perms
    through.close_session()
    direct.close_session()


if __name__ == "__main__":
    rig.main(globals())
