"""Names of servers that move, hang or give other addresses each time, with a resolver under the test's control."""
import re
import time

import rig
import wire
from names import Names
from wire import Closed, Conn

QUICK = "status-interval: 500ms\n"


def connections(server):
    return int(re.search(r"Connections: (\d+)", rig.words(server.addr, "srvr")).group(1))


def closed(conn):
    """The other side has ended the connection."""
    try:
        conn.call(wire.OP_PING, timeout=1)
    except (Closed, OSError):
        return True
    return False


def test_a_name_that_moves_while_the_others_serve():
    """Once its new address was never used, and another cluster's server that took the old one was given clients."""
    ensemble = rig.Ensemble(3, one_port=True).start()
    moved, port = ensemble.servers[2], ensemble.servers[2].port
    names = Names(zk1="127.0.0.1", zk2="127.0.0.2", zk3="127.0.0.3")
    proxy = rig.Pacekeeper(",".join(f"zk{n}:{port}" for n in (1, 2, 3)), config=QUICK, env=names.env).start()
    Conn(proxy.addr).close_session()
    moved.stop()
    moved.host = "127.0.0.13"
    moved.launch().wait_ready()
    names.set(zk3="127.0.0.13")
    stranger = rig.zookeeper_with("/stranger", port=port, host="127.0.0.3")
    rig.eventually(lambda: f"server 127.0.0.13:{port} answers" in proxy.log(), 10, "the new address is found")
    conns = [Conn(proxy.addr, 20000) for _ in range(40)]
    assert all(c.call(wire.OP_EXISTS, wire.exists("/stranger")).err == wire.ERR["NONODE"] for c in conns)
    assert connections(moved) >= 5, rig.words(moved.addr, "srvr")
    rig.eventually(lambda: f"server 127.0.0.3:{port} is left" in proxy.log(), 10, "the old address is left")
    assert connections(stranger) == 1, rig.words(stranger.addr, "srvr")  # this question itself
    assert not any(closed(c) for c in conns), "who was elsewhere was closed"
    for conn in conns:
        conn.close_session()
    assert proxy.stop() == 0


test_a_name_that_moves_while_the_others_serve.limit = 90


def two():
    """Two servers that know nothing of each other, on one port."""
    first = rig.shared("first", lambda: rig.zookeeper_with("/m", "/first"))
    second = rig.shared("second", lambda: rig.zookeeper_with("/m", "/second", port=first.port, host="127.0.0.2"))
    return first, second


def test_all_move_at_once():
    """Once clients stayed where no name led any more, and the marker too: two in mode pacemaker went unnoticed."""
    first, second = two()
    names = Names(zk="127.0.0.1")
    proxy = rig.Pacekeeper(f"zk:{first.port}", config=QUICK + "instances: /pk\n", env=names.env).start()
    conn = Conn(proxy.addr, 6000)
    assert conn.call(wire.OP_EXISTS, wire.exists("/first")).err == 0
    rig.eventually(lambda: proxy.mntr()["pk_instances"] == 1, 10, "a marker")
    names.set(zk="127.0.0.2")
    rig.eventually(lambda: closed(conn), 10, "its client is closed")
    rig.eventually(lambda: marker(second) and not marker(first), 10, "the marker moves")
    conn = Conn(proxy.addr, 20000)
    assert conn.call(wire.OP_EXISTS, wire.exists("/second")).err == 0
    rig.eventually(lambda: proxy.mntr()["pk_instances"] == 1, 10, "it is seen")
    conn.close_session()
    assert proxy.stop() == 0
    assert not marker(second)


def marker(server):
    conn = Conn(server.addr)
    reply = conn.call(wire.OP_GET_CHILDREN, wire.get_children("/pk"))
    conn.close_session()
    return wire.parse_reply(wire.OP_GET_CHILDREN, reply.body) if reply.err == 0 else None


def test_addresses_in_turn_keep_their_clients():
    """A resolver that gives some of many addresses at a time takes none of them away."""
    first, _ = two()
    names = Names(zk="127.0.0.1")
    proxy = rig.Pacekeeper(f"zk:{first.port}", config=QUICK, env=names.env).start()
    conn = Conn(proxy.addr, 20000)
    for n in range(4):
        names.set(zk=f"127.0.0.{2 - n % 2}")
        time.sleep(0.8)
    names.set(zk="127.0.0.2")
    time.sleep(3)
    assert not closed(conn), proxy.log()
    assert "is left" not in proxy.log(), proxy.log()
    conn.close_session()
    assert proxy.stop() == 0


def test_a_resolver_that_hangs():
    """Once a stop waited for it, 60 s long."""
    first, _ = two()
    for upstream in (f"hanging:{first.port},{first.connect_string}", f"hanging:{first.port},name:{first.port}"):
        names = Names(hanging="hangs", name="127.0.0.1")
        proxy = rig.Pacekeeper(upstream, config=QUICK, env=names.env).start()
        conn = Conn(proxy.addr, 20000)
        assert conn.call(wire.OP_EXISTS, wire.exists("/first")).err == 0
        rig.eventually(lambda: proxy.mntr()["pk_instances"] == 1, 10, "a marker")
        begun = time.monotonic()
        assert proxy.stop() == 0, proxy.log()
        assert time.monotonic() - begun < 5, "the stop waited"


def test_names_that_fail_are_said_once():
    first, _ = two()
    names = Names(gone="", name="127.0.0.1")
    proxy = rig.Pacekeeper(f"gone:{first.port},name:{first.port}", config=QUICK, env=names.env).start()
    time.sleep(2)
    assert proxy.log().count("gone cannot be resolved") == 1, proxy.log()
    names.set(gone="127.0.0.1", name="")
    rig.eventually(lambda: "gone can be resolved again" in proxy.log(), 5, "it is said")
    conn = Conn(proxy.addr, 20000)
    assert conn.call(wire.OP_EXISTS, wire.exists("/first")).err == 0
    conn.close_session()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
