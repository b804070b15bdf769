"""The default mounts of --storm-yaml: heartbeats in mode pacemaker, supervisors in write-behind with a flush a minute.
The ephemeral of a supervisor is the ensemble's and dies with its session; only its refreshes are kept here."""
import os
import time

import rig
import txnlog
import wire
from wire import Conn

ROOT = "/prod"
NODE = f"{ROOT}/supervisors/s1"


def setup():
    zk = rig.zookeeper_with(ROOT, f"{ROOT}/workerbeats", f"{ROOT}/supervisors")
    path = os.path.join(rig.temp_dir(), "storm.yaml")
    with open(path, "w") as f:
        f.write(f'storm.zookeeper.servers: ["127.0.0.1"]\nstorm.zookeeper.port: {zk.port}\n'
                f'storm.zookeeper.root: "{ROOT}"\n')
    return zk, path


def storm():
    return rig.shared("setup", setup)


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return wire.parse_reply(op, reply.body)


def start(config=None):
    return rig.Pacekeeper(mounts=(), args=["--storm-yaml", storm()[1]], config=config).start()


def data(conn, path=NODE):
    return ok(conn, wire.OP_GET_DATA, wire.get_data(path))


def beat(conn, n):
    """What SupervisorHeartbeat does every 5 s."""
    ok(conn, wire.OP_EXISTS, wire.exists(NODE))
    return ok(conn, wire.OP_SET_DATA, wire.set_data(NODE, b"%d" % n))


def gone(conn):
    return conn.call(wire.OP_EXISTS, wire.exists(NODE)).err == wire.ERR["NONODE"]


def writes(after):
    """The transactions on the supervisor's znode that write its data."""
    found = txnlog.touching(storm()[0].txnlog_dir, f"{ROOT}/supervisors", after)
    return [t for t in found if t.type in (txnlog.SET_DATA, txnlog.MULTI)]


def test_the_mounts():
    _, path = storm()
    status, said = rig.Pacekeeper(mounts=(), args=["--storm-yaml", path, "-t"]).run()
    assert status == 0, said
    assert f"mount     {ROOT}/workerbeats=pacemaker\n" in said, said
    assert f"mount     {ROOT}/supervisors=write-behind,flush=60s\n" in said, said


def test_refreshes_cost_nothing_and_are_seen_at_once_through_the_proxy():
    zk, _ = storm()
    proxy, direct = start(), Conn(zk.addr)
    supervisor, nimbus = Conn(proxy.addr), Conn(proxy.addr)
    before = txnlog.last_zxid(zk.txnlog_dir)
    ok(supervisor, wire.OP_CREATE, wire.create(NODE, b"0", flags=wire.EPHEMERAL))
    assert data(direct)[1].ephemeralOwner == supervisor.session, "the ephemeral is not the ensemble's"
    for n in range(1, 101):
        stat = beat(supervisor, n)
        got, seen = data(nimbus)
        assert (got, seen.version) == (b"%d" % n, n) and seen == stat, (n, got, seen, stat)
        assert seen.ephemeralOwner == supervisor.session
    assert proxy.mntr()["pk_refreshes"] >= 98, proxy.mntr()["pk_refreshes"]
    assert int(data(direct)[0]) <= 2 and len(writes(before)) <= 2, "the refreshes reached the ensemble"
    supervisor.close_session()
    assert gone(direct) and gone(nimbus), "the ephemeral outlived its session"
    nimbus.close_session()
    direct.close_session()
    assert proxy.stop() == 0


def test_it_dies_with_its_session():
    zk, _ = storm()
    proxy, direct = start(), Conn(zk.addr)
    supervisor, nimbus = Conn(proxy.addr, 4000), Conn(proxy.addr, 20000)
    ok(supervisor, wire.OP_CREATE, wire.create(NODE, b"0", flags=wire.EPHEMERAL))
    for n in range(1, 10):
        beat(supervisor, n)
    supervisor.abort()
    began = time.monotonic()
    rig.eventually(lambda: gone(direct), 15, "the end of the ephemeral")
    assert 1 < time.monotonic() - began < 12
    assert gone(nimbus), "the proxy still shows it"
    time.sleep(1)
    assert gone(direct) and proxy.mntr()["pk_mount_cached_znodes_prod_supervisors"] == 0, "it came back"
    nimbus.close_session()
    direct.close_session()
    assert proxy.stop() == 0


def test_a_file_may_name_other_mounts():
    zk, _ = storm()
    proxy = start(config=f"mounts: ['{ROOT}/supervisors=relay']\n")
    conn, direct = Conn(proxy.addr), Conn(zk.addr)
    before = txnlog.last_zxid(zk.txnlog_dir)
    ok(conn, wire.OP_CREATE, wire.create(NODE, b"0", flags=wire.EPHEMERAL))
    for n in range(5):
        beat(conn, n)
        assert data(direct)[0] == b"%d" % n
    assert len(writes(before)) == 5
    conn.close_session()
    direct.close_session()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
