"""Storm's Pacemaker clients at a pair: each member answers for both, and a kill of the primary loses no pulse.

Workers do not log in and write, Nimbus logs in by DIGEST and reads, at the primary and at the standby alike. Storm's clients
know several Pacemakers (pacemaker.servers) and go to another one when theirs is gone.
"""
import base64
import hashlib
import os
import threading

import digestmd5
import group
import pulse
import rig
import wire
from pulse import PulseConn, control, path_data, token

M = "/storm/workerbeats"
WORKERS = 20
JAAS = 'PacemakerDigest { org.apache.storm.Unused required username="nimbus" password="a secret"; };\n'
SECRET = base64.b64encode(hashlib.sha512(b"nimbus:a secret").hexdigest().encode()).decode()


def jaas_file():
    path = os.path.join(rig.temp_dir(), "jaas.conf")
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(JAAS)
    return path


def start_pair(mount):
    zk = rig.shared("zk", lambda: rig.zookeeper_with("/storm", M, "/guarded", "/guarded/workerbeats"))
    config = f"jaas: {jaas_file()}\nmounts:\n- {{path: {mount}}}\n"
    where = mount.split(",")[0]
    return group.Group(zk.connect_string, mounts=(), config=config, name=where.split("/")[1],
                       args=("--pacemaker", f"127.0.0.1:0,mount={where}")).start()


def pair():
    return rig.shared("pair", lambda: start_pair(f"{M}, mode: pacemaker, auth: digest"))


def port(member):
    return ("127.0.0.1", member.pacemaker_port)


def nimbus(member):
    """Logged in, as Storm's clients do."""
    c = PulseConn(port(member))
    c.write(control(-202))
    c.write(token(digestmd5.respond(c.read_token(), base64.b64encode(b"my-topo").decode(), SECRET, realm=b"default",
                                    uri=b"null/default")))
    assert c.read_token().startswith(b"rspauth=")
    c.read_complete()
    return c


class Workers(threading.Thread):
    """Each beats its own pulse: at its own member, and at the other one when that is gone. acked: what was acknowledged."""

    def __init__(self, members):
        super().__init__(daemon=True)
        self.addrs = [port(m) for m in members]
        self.conns = [None] * WORKERS
        self.number, self.acked, self.moves = 0, [-1] * WORKERS, [0] * WORKERS
        self.over = threading.Event()

    def beat(self, i):
        try:
            self.conns[i] = self.conns[i] or PulseConn(self.addrs[(i + self.moves[i]) % len(self.addrs)])
            self.conns[i].send(f"/workerbeats/t-{i % 2}/n-{i}", b"%d" % self.number)
            self.acked[i] = self.number
        except OSError:
            self.conns[i] = None
            self.moves[i] += 1

    def run(self):
        while not self.over.wait(0.05):
            for i in range(WORKERS):
                self.beat(i)
            self.number += 1

    def stop(self):
        self.over.set()
        self.join(30)


def read_all(conn):
    """{i: number}"""
    names = [f"/workerbeats/{t}/{n}" for t in sorted(conn.nodes("/workerbeats")) for n in sorted(conn.nodes(f"/workerbeats/{t}"))]
    return {int(name.rsplit("-", 1)[1]): int(conn.get(name)) for name in names}


def test_each_member_answers_for_both():
    members = pair().members
    for here, there in (members, members[::-1]):
        worker, reader, stranger = PulseConn(port(here)), nimbus(there), PulseConn(port(there))
        for i in range(3):
            worker.send("/workerbeats/top/n", b"%d" % i)
            assert reader.get("/workerbeats/top/n") == b"%d" % i
        assert reader.exists("/workerbeats/top/n") and reader.nodes("/workerbeats/top") == {"n"}
        assert "top" in reader.nodes("/workerbeats")
        for kind, path in ((pulse.GET_PULSE, "/workerbeats/top/n"), (pulse.GET_ALL_NODES, "/workerbeats")):
            assert stranger.call(kind, path_data(path))[1] == pulse.NOT_AUTHORIZED
        worker.delete("/workerbeats/top")
        assert reader.get("/workerbeats/top/n") is None and reader.nodes("/workerbeats") == set()


def test_the_primary_is_killed():
    p = pair()
    victim, heir = p.primary(), p.standbys()[0]
    workers = Workers(p.members)
    workers.start()
    rig.eventually(lambda: min(workers.acked) >= 5, 20, "beats of all")
    before = list(workers.acked)
    assert all(number >= before[i] for i, number in read_all(nimbus(heir)).items())
    before = list(workers.acked)
    victim.kill()
    rig.eventually(lambda: heir.role() == "primary", 20, "the standby takes over")

    def read():
        try:
            return read_all(nimbus(heir))
        except OSError:
            return None
    found = rig.eventually(read, 20, "Nimbus reads at the survivor")
    assert sorted(found) == list(range(WORKERS)) and all(found[i] >= before[i] for i in found), (found, before)
    rig.eventually(lambda: min(workers.acked) > max(before) + 5, 20, "all beat again")
    workers.stop()
    found = read_all(nimbus(heir))
    assert all(workers.acked[i] <= found[i] <= workers.number for i in range(WORKERS)), (found, workers.acked)
    assert heir.stop() == 0


def test_a_login_counts_at_the_standby():
    """Only Nimbus writes there, who is nobody whom the primary knows: the standby has judged what he asks."""
    p = start_pair("/guarded/workerbeats, mode: pacemaker, auth: digest, writers: 'sasl:nimbus'")
    for member in p.standbys() + [p.primary()]:
        worker, known = PulseConn(port(member)), nimbus(member)
        refused = worker.call(pulse.SEND_PULSE, pulse.pulse_data("/workerbeats/top/n", b"x"))
        assert refused[1] == pulse.NOT_AUTHORIZED, refused
        known.send("/workerbeats/top/n", b"by Nimbus")
        assert known.get("/workerbeats/top/n") == b"by Nimbus" and known.nodes("/workerbeats") == {"top"}
        plain = wire.Conn(member.addr, 10000)
        read = plain.call(wire.OP_GET_DATA, wire.get_data("/guarded/workerbeats/top/n"))
        assert read.err == wire.ERR["NOAUTH"], read
        known.delete("/workerbeats/top")
    for member in p.standbys() + [p.primary()]:
        assert member.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
