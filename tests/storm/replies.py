"""Storm's own Pacemaker and pacekeeper side by side: the same random messages, the same replies.

Happy path: compare() sends the same script of random messages to both, up to a hundred at once and cut anywhere, and every
reply of one is the other's but for the order of names in a list. What a difference is about is printed with the messages
before it. Not sent is what the two are documented to answer differently (pacekeeper(8), PACEMAKER'S CLIENTS): bytes that end
Storm's daemon, a path that is no whole name, a pulse outside workerbeats.
By hand: tests/run tests/storm/replies.py FOLDER_OF_JARS SEEDS [JAVA]; Storm 1.2's wants Java 8 or 11.
"""
import os
import random
import sys

import pulse
import rig
from daemon import Pacekeeper
from pulse import message, path_data, pulse_data

MESSAGES = ([pulse.SEND_PULSE] * 6 + [pulse.GET_PULSE] * 4 + [pulse.GET_ALL_NODES] * 3 + [pulse.EXISTS] * 2 +
            [pulse.DELETE_PATH, pulse.DELETE_PULSE_ID, pulse.CREATE_PATH, pulse.GET_ALL_PULSE])
NO_REQUESTS = [pulse.SEND_PULSE + 1, pulse.NOT_AUTHORIZED]       # without a reply; 1.2 ends the connection


def random_path(rng, leaf):
    """A pulse's, or with leaf false also of what is above."""
    depth = rng.choice([2, 2, 2, 3]) if leaf else rng.choice([0, 1, 1, 2, 2, 2, 3])
    return "/workerbeats" + "".join("/" + rng.choice(["topo", "tick", "other"]) for _ in range(depth))


def random_message(rng, kinds):
    """(frame, kind, whether there is a reply)."""
    kind = rng.choice(kinds)
    number = rng.choice([None, 0, rng.randrange(100), -1, 2 ** 31 - 1])
    if kind == pulse.SEND_PULSE:
        details = rng.randbytes(rng.choice([0, 1, 60, 700, 20000]))
        return message(kind, pulse_data(random_path(rng, True), details), number), kind, True
    path = random_path(rng, kind == pulse.DELETE_PULSE_ID)
    if kind in (pulse.GET_ALL_NODES, pulse.DELETE_PATH) and rng.random() < 0.1:
        path = rng.choice(["/", path + "/"]) if kind == pulse.GET_ALL_NODES else path + "/"
    return message(kind, path_data(path), number), kind, kind not in NO_REQUESTS


def plain(payload):
    """A reply's bytes; of a list, whose names have no order, what it says."""
    reply = pulse.Reader(payload).struct()
    if reply[1] != pulse.GET_ALL_NODES + 1:
        return payload
    reply[2][5][1].sort()
    return reply


def random_pieces(rng, data):
    """The data in a few pieces, which begin and end anywhere."""
    cuts = sorted(rng.sample(range(len(data)), min(len(data), rng.choice([0, 1, 3, 20]))))
    return [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]


def exchange(conn, pieces, replies):
    for piece in pieces:
        conn.write(piece)
    return [plain(conn.read_raw()) for _ in range(replies)]


def compare(theirs, ours, seed, rounds, kinds):
    """theirs, ours: addresses. Returns how many messages were the same; a difference fails."""
    rng = random.Random(seed)
    sides = [pulse.PulseConn(theirs), pulse.PulseConn(ours)]
    count = 0
    for _ in range(rounds):
        script = [random_message(rng, kinds) for _ in range(rng.choice([1, 1, 5, 40, 100]))]
        frames, replies = [f for f, _, _ in script], sum(answered for _, _, answered in script)
        pieces = random_pieces(rng, b"".join(frames))
        found = [exchange(conn, pieces, replies) for conn in sides]
        for i, (one, other) in enumerate(zip(*found)):
            assert one == other, f"seed {seed}, reply {i} of {[f.hex() for f in frames]}:\n{one}\n{other}"
        count += len(script)
    for conn in sides:
        conn.delete("/workerbeats")
        assert conn.nodes("/workerbeats") == set()
        conn.close()
    return count


def compare_daemons(jars, seeds, rounds=150, java=None):
    """Storm's own Pacemaker beside a pacekeeper of its own; how many messages were answered the same."""
    sys.path.insert(0, os.path.join(rig.top_srcdir(), "tests", "bench"))
    from pacemaker import Pacemaker
    zk = rig.zookeeper_with("/storm", "/storm/workerbeats")
    daemon = Pacemaker(jars, java).start()
    proxy = Pacekeeper(zk.connect_string, mounts=["/storm/workerbeats"], config="instances: none\n",
                       args=["--pacemaker", "127.0.0.1:0"]).start()
    try:
        addresses = ("127.0.0.1", daemon.port), ("127.0.0.1", proxy.pacemaker_port)
        kinds = MESSAGES + (NO_REQUESTS if daemon.is_2x else [])
        return sum(compare(*addresses, seed, rounds, kinds) for seed in seeds)
    finally:
        daemon.stop()
        proxy.stop()
        zk.stop()


if __name__ == "__main__":
    print(compare_daemons(sys.argv[1], range(int(sys.argv[2])), java=(sys.argv[3:] or [None])[0]), "messages, the same replies")
