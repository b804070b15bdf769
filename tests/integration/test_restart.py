"""The proxy restarted on the same port: clients keep their sessions, and their watches come back."""
import logging
import time

import clients
import rig
import wire
from wire import Closed, Conn


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m", "/r"))


def start(port):
    return rig.Pacekeeper(server().connect_string, listen=f"127.0.0.1:{port}").start()


def watchers(port, name):
    """A C and a Java client, each with watches on a relayed path and on one below the mount."""
    folder = rig.temp_dir()
    made = {}
    for root in ("/r", "/m"):
        where = (f"127.0.0.1:{port}", f"{root}/{name}")
        argvs = {"java": clients.java_argv("ZkWatch", *where)}
        if clients.with_client_mt():
            argvs["c"] = [clients.client_mt_path(), *where, "watch"]
        for kind, argv in argvs.items():
            made[kind + root] = rig.Process(argv, f"{folder}/{kind}{root[1:]}").start()
    for what, process in made.items():
        rig.eventually(lambda: "watching 0 session" in process.log(), 20, f"{what} watching")
    return made


def test_watches_survive_a_restart():
    port = rig.free_port()
    proxy = start(port)
    conn = Conn(proxy.addr)
    for root in ("/r", "/m"):
        assert conn.call(wire.OP_CREATE, wire.create(f"{root}/w", b"1")).err == 0
    conn.close_session()
    made = watchers(port, "w")
    assert proxy.stop() == 0
    direct = Conn(server().addr)
    for root in ("/r", "/m"):
        assert direct.call(wire.OP_SET_DATA, wire.set_data(f"{root}/w", b"2")).err == 0, \
            f"{root}/w was watched and is not in the ensemble"
    direct.close_session()
    proxy = start(port)
    for what, process in made.items():
        rig.eventually(lambda: "event " in process.log(), 20, f"{what}: the event of the time between")
        assert "event 3 " in process.log(), process.log()
    conn = Conn(proxy.addr)
    for root in ("/r", "/m"):
        assert conn.call(wire.OP_CREATE, wire.create(f"{root}/w/x", b"")).err == 0
    conn.close_session()
    for what, process in made.items():
        rig.eventually(lambda: not process.running(), 20, f"{what} done: {process.log()}")
        lines = process.log().splitlines()
        assert sorted(lines[1:4]) == ["event 1 /x", "event 3 ", "event 4 "], (what, lines)
        assert lines[4] == "the same session 1", (what, lines)
    assert proxy.stop() == 0


def test_kazoo_over_a_restart():
    logging.disable(logging.CRITICAL)
    kazoo = rig.need_module("kazoo.client", "python3-kazoo")
    port = rig.free_port()
    proxy = start(port)
    client = kazoo.KazooClient(hosts=f"127.0.0.1:{port}", timeout=15)
    client.start(15)
    seen = []
    client.ensure_path("/m/k")
    client.DataWatch("/m/k", lambda data, stat: seen.append(data))
    client.create("/r/ephemeral", b"", ephemeral=True)
    session = client.client_id
    proxy.kill()
    time.sleep(0.2)
    proxy = start(port)
    assert client.retry(client.exists, "/r/ephemeral"), "the session was lost"
    assert client.client_id[0] == session[0]
    client.retry(client.set, "/m/k", b"after")
    rig.eventually(lambda: seen[-1] == b"after", 10, "the watch after the restart")
    client.stop()
    client.close()
    assert proxy.stop() == 0


def test_storm_after_a_restart():
    """Beats that were created in memory are gone with the proxy; the next beat makes them again, in memory."""
    port = rig.free_port()
    proxy = start(port)
    worker = Conn(proxy.addr, 15000)
    for path in ("/m/t", "/m/t/w"):
        assert worker.call(wire.OP_CREATE2, wire.create2(path, b"1")).err == 0
    proxy.kill()
    proxy = start(port)

    def again():
        try:
            return Conn(proxy.addr, 15000, session=worker.session, passwd=worker.passwd, last_zxid=worker.last_zxid)
        except (Closed, OSError):
            return None

    worker = rig.eventually(again, 5, "the worker back")
    assert worker.call(wire.OP_EXISTS, wire.exists("/m/t/w")).err == wire.ERR["NONODE"]
    for path in ("/m/t", "/m/t/w"):
        assert worker.call(wire.OP_CREATE2, wire.create2(path, b"2")).err == 0
    assert proxy.mntr()["pk_local_creates"] == 2
    worker.close_session()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
