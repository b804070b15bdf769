"""Storm's request sequences: the same on the ensemble and through the proxy, and what the ensemble's
transaction log says of both: no mounted path through the proxy, every beat directly.
"""
import collections

import clients
import rig
import txnlog
import wire
from plain import plain
from wire import ERR, Conn

DIRECTORIES = ("assignments", "storms", "supervisors", "workerbeats", "errors", "blobstore", "nimbuses",
               "logconfigs", "backpressure")
TOPOLOGIES = ("count-1-1700000000", "rolling_2-2-1700000001")
WORKERS = 8
BEATS = 25


def setup():
    zk = rig.ZooKeeper().start()
    mounts = [f"/{root}/workerbeats=pacemaker" for root in ("storm2", "storm1", "java", "secure")]
    return zk, rig.Pacekeeper(zk.connect_string, mounts).start()


class Session:
    """A Storm process: requests one after the other; every answer goes into the common record."""

    def __init__(self, addr, root, record):
        self.conn = Conn(addr, timeout_ms=20000)
        self.root = root
        self.record = record

    def ask(self, op, body, path):
        reply = self.conn.call(op, body)
        value = wire.parse_reply(op, reply.body) if reply.err == 0 else None
        self.record.append((wire.OP_NAMES[op], path, reply.err, plain(value, self.root)))
        return reply.err, value

    def exists(self, path):
        return self.ask(wire.OP_EXISTS, wire.exists(self.root + path), path)[0] == 0

    def set(self, path, data):
        return self.ask(wire.OP_SET_DATA, wire.set_data(self.root + path, data), path)[0]

    def create(self, path, data, op=wire.OP_CREATE2, flags=0):
        return self.ask(op, wire.create(self.root + path, data, flags=flags), path)[0]

    def delete(self, path):
        return self.ask(wire.OP_DELETE, wire.delete(self.root + path), path)[0]

    def get(self, path):
        err, value = self.ask(wire.OP_GET_DATA, wire.get_data(self.root + path), path)
        return value[0] if err == 0 else None

    def names(self, path, op=wire.OP_GET_CHILDREN2):
        err, value = self.ask(op, wire.get_children(self.root + path), path)
        return [] if err else sorted(value[0] if op == wire.OP_GET_CHILDREN2 else value)

    def mkdirs(self, path, op=wire.OP_CREATE2):
        if not self.exists(path):
            self.create(path, b"\7", op)

    def start(self):
        for name in DIRECTORIES:
            self.mkdirs("/" + name)

    def beat(self, path, data, op=wire.OP_CREATE2):
        """ZKStateStorage.set_data."""
        if self.exists(path):
            self.set(path, data)
            return
        parent = path.rsplit("/", 1)[0]
        self.mkdirs(parent, op)
        if self.create(path, data, op) == ERR["NODEEXISTS"]:
            self.set(path, data)

    def remove_beat(self, path):
        if self.exists(path):
            self.delete(path)

    def teardown(self, topology):
        path = "/workerbeats/" + topology
        if self.exists(path) and self.delete(path) == ERR["NOTEMPTY"]:
            for name in self.names(path, wire.OP_GET_CHILDREN):
                self.names(f"{path}/{name}", wire.OP_GET_CHILDREN)
                self.delete(f"{path}/{name}")
            self.delete(path)

    def close(self):
        self.conn.close_session()


def leaf(topology, worker):
    return f"/workerbeats/{topology}/8c7f1f0e-2b1a-4a59-9d3c-{worker:012d}-10.0.0.{worker}-{6700 + worker}"


def stats(worker, beat, size):
    return b"%d:%d:" % (worker, beat) + bytes([beat & 0xff]) * size


def create_root(zk, path):
    conn = Conn(zk.addr)
    assert conn.call(wire.OP_CREATE, wire.create(path)).err == 0
    conn.close_session()


def run_cluster(addr, root, create_op):
    """A whole life of two topologies. Returns the record of all answers."""
    record = []
    nimbus = Session(addr, root, record)
    nimbus.start()
    for topology in TOPOLOGIES:
        nimbus.exists("/workerbeats")
        nimbus.mkdirs("/workerbeats/" + topology)
    workers = [Session(addr, root, record) for _ in range(WORKERS)]
    for n, worker in enumerate(workers):
        worker.start()
        worker.create(f"/supervisors/s{n}", b"s" * 180, create_op, flags=1)
    last = {}
    for beat in range(BEATS):
        for n, worker in enumerate(workers):
            path = leaf(TOPOLOGIES[n % 2], n)
            last[path] = stats(n, beat, 62 if beat == 0 else 400 + 50 * n)
            worker.beat(path, last[path], create_op)
        if beat % 8 == 7:
            read_all(nimbus, last)
            nimbus.set("/storms", b"%d" % beat)
    assert nimbus.names("/workerbeats") == sorted(TOPOLOGIES)
    read_all(nimbus, last)
    finish(nimbus, workers, last, create_op)
    return record


def read_all(nimbus, last):
    for topology in nimbus.names("/workerbeats"):
        nimbus.names("/workerbeats/" + topology)
    for n, (path, data) in enumerate(sorted(last.items())):
        if n % 2 == 0:
            nimbus.exists(path)
        got = nimbus.get(path)
        assert got == data, f"{path}: {got!r} instead of {data!r}"


def finish(nimbus, workers, last, create_op):
    """Clean shutdown of one worker, a raced creation, then the teardown."""
    gone = leaf(TOPOLOGIES[0], 0)
    workers[0].remove_beat(gone)
    workers[0].remove_beat(gone)
    assert nimbus.get(gone) is None
    again = leaf(TOPOLOGIES[1], 1)
    assert workers[1].create(again, b"raced", create_op) == ERR["NODEEXISTS"]
    assert workers[1].set(again, b"raced") == 0
    assert nimbus.get(again) == b"raced"
    for topology in TOPOLOGIES:
        nimbus.teardown(topology)
    assert workers[1].set(again, b"too late") == ERR["NONODE"]
    assert nimbus.names("/workerbeats") == []
    workers[1].beat(again, b"back", create_op)
    assert nimbus.get(again) == b"back"
    for session in workers + [nimbus]:
        session.close()


def log_of(zk, root, mounted):
    """(type, path) of the transactions below root, either those below its workerbeats or the others."""
    below = root + "/workerbeats/"
    seen = []
    for txn in txnlog.read(zk.txnlog_dir):
        for kind, path in txn.ops:
            if path and path.startswith(root + "/") and path.startswith(below) == mounted:
                seen.append((kind, path[len(root):]))
    return seen


def compare_runs(create_op, root, direct):
    zk, proxy = rig.shared("setup", setup)
    create_root(zk, root)
    create_root(zk, direct)
    before = proxy.mntr()
    through = run_cluster(proxy.addr, root, create_op)
    after = proxy.mntr()
    control = run_cluster(zk.addr, direct, create_op)
    assert len(through) == len(control)
    for got, expected in zip(through, control):
        assert got == expected, f"{got} instead of {expected}"
    return zk, before, after


def test_storm_2_sequences():
    zk, before, after = compare_runs(wire.OP_CREATE2, "/storm2", "/direct2")
    check_log(zk, "/storm2", "/direct2")
    spared = collections.Counter(kind for kind, _ in log_of(zk, "/direct2", True))
    absorbed, local_creates = (after[k] - before[k] for k in ("pk_beats_absorbed", "pk_local_creates"))
    assert absorbed >= spared[txnlog.SET_DATA], (absorbed, spared)
    assert local_creates == spared[txnlog.CREATE2] + spared[txnlog.CREATE], (local_creates, spared)


def test_storm_1_sequences():
    zk, _, _ = compare_runs(wire.OP_CREATE, "/storm1", "/direct1")
    check_log(zk, "/storm1", "/direct1")


def check_log(zk, root, direct):
    """Nothing below the mount in the log through the proxy, every beat directly; the rest is the same."""
    assert len(log_of(zk, direct, True)) >= WORKERS * BEATS
    assert collections.Counter(log_of(zk, root, False)) == collections.Counter(log_of(zk, direct, False))
    assert log_of(zk, root, True) == [], "mounted paths in the ensemble's log"


def test_curator_as_storm_uses_it():
    zk, proxy = rig.shared("setup", setup)
    create_root(zk, "/java")
    create_root(zk, "/javadirect")
    through = clients.java("CuratorStorm", proxy.connect_string + "/java", "3", "20")
    control = clients.java("CuratorStorm", zk.connect_string + "/javadirect", "3", "20")
    assert through == control, through + "\ninstead of\n" + control
    assert len(log_of(zk, "/javadirect", True)) >= 3 * 20
    assert collections.Counter(log_of(zk, "/java", False)) == collections.Counter(log_of(zk, "/javadirect", False))
    assert log_of(zk, "/java", True) == [], "mounted paths in the ensemble's log"


def test_secure_cluster():
    """Digest identities and ACLs on the beats: the ensemble decides, directly and through the proxy alike."""
    zk, proxy = rig.shared("setup", setup)
    rows = []
    for addr, root in ((proxy.addr, "/secure"), (zk.addr, "/securedirect")):
        record = []
        nimbus, worker, stranger = (Session(addr, root, record) for _ in range(3))
        nimbus.conn.call(wire.OP_AUTH, wire.auth("digest", b"nimbus:n"))
        worker.conn.call(wire.OP_AUTH, wire.auth("digest", b"topology:t"))
        nimbus.create("", b"")
        nimbus.start()
        acl = ((31, "auth", ""), (31, "digest", "topology:NHmhIzF4HhtoPkwAPYXc/VPw5HE="))
        path = "/workerbeats/secure-1"
        nimbus.ask(wire.OP_CREATE2, wire.create(root + path, b"\7", acl), path)
        body = wire.create(root + path + "/w", b"beat", ((31, "auth", ""), (31, "world", "anyone")))
        worker.ask(wire.OP_CREATE2, body, path + "/w")
        worker.beat(path + "/w", b"beat 2")
        stranger.get(path + "/w")
        stranger.beat(path + "/x", b"denied")
        stranger.names(path)
        nimbus.ask(wire.OP_GET_ACL, wire.get_acl(root + path + "/w"), path)
        nimbus.ask(wire.OP_SET_ACL, wire.set_acl(root + path + "/w", ((31, "auth", ""),)), path)
        stranger.get(path + "/w")
        nimbus.get(path + "/w")
        for session in (nimbus, worker, stranger):
            session.close()
        rows.append(record)
    assert rows[0] == rows[1], f"{rows[0]}\ninstead of\n{rows[1]}"


if __name__ == "__main__":
    rig.main(globals())
