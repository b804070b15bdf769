"""Clusters whose state store is Pacemaker's, with pacekeeper as that Pacemaker; and the two daemons side by side.

Happy path: compare() sends the same script of random messages to both, and every reply of one is the other's but for the
order of names in a list. What a difference is about is printed with the messages before it. Not sent is what the two are
documented to answer differently (pacekeeper(8), PACEMAKER'S CLIENTS): bytes that end Storm's daemon, a path that is no
whole name, a pulse outside workerbeats. The scenario then looks at a cluster: its beats, a kill, the clean-up.
By hand: tests/run tests/storm/pulses.py FOLDER_OF_JARS SEEDS.
"""
import os
import random
import sys

import logins
import pulse
import rig
import topologies
from daemon import Pacekeeper
from figures import by_class, rate, stretch
from pulse import message, path_data, pulse_data
from scenario import Scenario, must
from watch import BEAT_SECONDS, Episode

SECONDS = 12

KINDS = ([pulse.SEND_PULSE] * 6 + [pulse.GET_PULSE] * 4 + [pulse.GET_ALL_NODES] * 3 + [pulse.EXISTS] * 2 +
         [pulse.DELETE_PATH, pulse.DELETE_PULSE_ID, pulse.CREATE_PATH, pulse.GET_ALL_PULSE, 5, 18])


def random_path(rng, leaf):
    """A pulse's, or with leaf false also of what is above."""
    depth = rng.choice([2, 2, 2, 3]) if leaf else rng.choice([0, 1, 1, 2, 2, 2, 3])
    return "/workerbeats" + "".join("/" + rng.choice(["topo", "tick", "other"]) for _ in range(depth))


def random_message(rng):
    """(frame, kind, whether there is a reply)."""
    kind = rng.choice(KINDS)
    number = rng.choice([None, 0, rng.randrange(100), -1, 2 ** 31 - 1])
    if kind == pulse.SEND_PULSE:
        details = rng.randbytes(rng.choice([0, 1, 60, 700, 20000]))
        return message(kind, pulse_data(random_path(rng, True), details), number), kind, True
    path = random_path(rng, kind == pulse.DELETE_PULSE_ID)
    if kind in (pulse.GET_ALL_NODES, pulse.DELETE_PATH) and rng.random() < 0.1:
        path = rng.choice(["/", path + "/"]) if kind == pulse.GET_ALL_NODES else path + "/"
    return message(kind, path_data(path), number), kind, kind not in (5, 18)


def plain(payload):
    """A reply's bytes; of a list, whose names have no order, what it says."""
    reply = pulse.Reader(payload).struct()
    if reply[1] != pulse.GET_ALL_NODES + 1:
        return payload
    reply[2][5][1].sort()
    return reply


def exchange(conn, frames, replies):
    conn.write(b"".join(frames))
    return [plain(conn.read_raw()) for _ in range(replies)]


def compare(theirs, ours, seed, rounds=150):
    """theirs, ours: addresses. Returns how many messages were the same; a difference fails."""
    rng = random.Random(seed)
    sides = [pulse.PulseConn(theirs), pulse.PulseConn(ours)]
    count = 0
    for _ in range(rounds):
        script = [random_message(rng) for _ in range(rng.choice([1, 1, 5, 40]))]
        frames, replies = [f for f, _, _ in script], sum(answered for _, _, answered in script)
        found = [exchange(conn, frames, replies) for conn in sides]
        for i, (one, other) in enumerate(zip(*found)):
            assert one == other, f"seed {seed}, reply {i} of {[f.hex() for f in frames]}:\n{one}\n{other}"
        count += len(script)
    for conn in sides:
        conn.delete("/workerbeats")
        assert conn.nodes("/workerbeats") == set()
        conn.close()
    return count


def compare_daemons(jars, seeds, rounds=150):
    """Storm's own Pacemaker beside a pacekeeper of its own; how many messages were answered the same."""
    sys.path.insert(0, os.path.join(rig.top_srcdir(), "tests", "bench"))
    from pacemaker import Pacemaker
    zk = rig.zookeeper_with("/storm", "/storm/workerbeats")
    daemon = Pacemaker(jars).start()
    proxy = Pacekeeper(zk.connect_string, mounts=["/storm/workerbeats"], config="instances: none\n",
                       args=["--pacemaker", "127.0.0.1:0"]).start()
    try:
        addresses = ("127.0.0.1", daemon.port), ("127.0.0.1", proxy.pacemaker_port)
        return sum(compare(*addresses, seed, rounds) for seed in seeds)
    finally:
        daemon.stop()
        proxy.stop()
        zk.stop()


# ---- a cluster whose state store is Pacemaker's -----------------------------------------------------------------

def measure_pulses(cluster, note):
    if cluster.line.name == "2.8":
        note("messages answered as by Storm's Pacemaker", compare_daemons(cluster.home.root + "/lib", [1], 60))
    start, end, beaten = stretch(cluster, SECONDS)
    seconds = end.time - start.time
    note("beats/s, as ZooKeeper's clients see them", float(rate(beaten, seconds)))
    note("messages/s", float(rate(end.proxies["pk_pulse_messages"] - start.proxies["pk_pulse_messages"], seconds)))
    note("transactions/s workerbeats", float(rate(by_class(start, end)["workerbeats"], seconds)))
    note("statistics that Nimbus has", int(cluster.ui.topology(cluster.ui.topologies()["steady"]["id"])["emitted"] > 0))
    logins.measure_logins(cluster.home, note)
    measure_restart(cluster, note)
    topologies.measure_end(cluster, note)


def measure_restart(cluster, note):
    """kill -9: the pulses are gone with it, and come again."""
    with Episode(cluster) as e:
        cluster.restart_proxy()
        e.settle(stable=5)
        note("killed pacekeeper: whole again after, s", round(e.recovery, 1))
        note("killed pacekeeper: workers restarted", len(e.restarted))
        note("killed pacekeeper: daemons ended", ", ".join(e.exited) or 0)


def pulse_rules(line):
    same = [must("messages answered as by Storm's Pacemaker", lambda v: v > 100, "all of them")]
    methods = ("NONE", "KERBEROS") + (("DIGEST",) if line.name == "1.2" else ())     # 2.8.3's DIGEST works nowhere
    same_client = [must(f"Storm's client by {m}", lambda v: v == "works", "as at Storm's own Pacemaker") for m in methods]
    return (same if line.name == "2.8" else []) + same_client + [
        must("beats/s, as ZooKeeper's clients see them", lambda v: v >= 0.8 * 2 / BEAT_SECONDS, "both workers beat"),
        must("transactions/s workerbeats", lambda v: v == 0, "no heartbeat reaches the ensemble"),
        must("statistics that Nimbus has", lambda v: v == 1, "Nimbus reads the pulses"),
        must("killed pacekeeper: workers restarted", lambda v: v == 0, "no worker is restarted or reassigned"),
        must("killed pacekeeper: daemons ended", lambda v: v == 0, "every client reconnects"),
    ] + [must(label, lambda v: v == 0, "Nimbus has cleaned up") for label in (
        "znodes left below workerbeats, as Storm sees it", "znodes left below workerbeats in the ensemble",
        "znodes left in pacekeeper")]


PULSES = Scenario("pulses", "Storm's state store is Pacemaker, which is pacekeeper", measure_pulses, pulse_rules, "through")

if __name__ == "__main__":
    print(compare_daemons(sys.argv[1], range(int(sys.argv[2]))), "messages, the same replies")
