"""Storm's own Pacemaker and pacekeeper side by side: the same random messages, the same replies.

Happy path: compare() sends the same script of random messages to both, and every reply of one is the other's but for the
order of names in a list. What a difference is about is printed with the messages before it. Not sent is what the two are
documented to answer differently (pacekeeper(8), PACEMAKER'S CLIENTS): bytes that end Storm's daemon, a path that is no
whole name, a pulse outside workerbeats.
By hand: tests/run tests/storm/replies.py FOLDER_OF_JARS SEEDS.
"""
import os
import random
import sys

import pulse
import rig
from daemon import Pacekeeper
from pulse import message, path_data, pulse_data

MESSAGES = ([pulse.SEND_PULSE] * 6 + [pulse.GET_PULSE] * 4 + [pulse.GET_ALL_NODES] * 3 + [pulse.EXISTS] * 2 +
            [pulse.DELETE_PATH, pulse.DELETE_PULSE_ID, pulse.CREATE_PATH, pulse.GET_ALL_PULSE, 5, 18])


def random_path(rng, leaf):
    """A pulse's, or with leaf false also of what is above."""
    depth = rng.choice([2, 2, 2, 3]) if leaf else rng.choice([0, 1, 1, 2, 2, 2, 3])
    return "/workerbeats" + "".join("/" + rng.choice(["topo", "tick", "other"]) for _ in range(depth))


def random_message(rng):
    """(frame, kind, whether there is a reply)."""
    kind = rng.choice(MESSAGES)
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


if __name__ == "__main__":
    print(compare_daemons(sys.argv[1], range(int(sys.argv[2]))), "messages, the same replies")
