"""What Storm's processes really send to ZooKeeper: every request of a small cluster, and summaries by role.

Happy path: tests/run tests/storm/capture.py --storm 2.8 --cache DIR --out FILE runs a cluster directly on ZooKeeper,
with relays in between that decode the requests, for --seconds after its topologies are up. FILE gets a line for each
request (time, connection, role, what, path, bytes); the standard output gets, for each role, its requests per second
and the order in which it sends them. Names that differ from run to run are replaced: TOPOLOGY, SUPERVISOR, NIMBUS.

It is for who wants to know, or to replay it (tools/pk-bench); no test. A frame that cannot be decoded is shown as "?".
"""
import argparse
import collections
import re
import signal
import struct
import sys
import threading
import time

import wirerec
from cluster import Cluster
from home import Home
from lines import LINES
from procs import cleanup, free_port
from relay import Frames, Relay
from watch import Episode

WATCHING = {wirerec.OP_EXISTS, wirerec.OP_GET_DATA, wirerec.OP_GET_CHILDREN, wirerec.OP_GET_CHILDREN2}
PATH_FIRST = WATCHING | {
    wirerec.OP_CREATE, wirerec.OP_DELETE, wirerec.OP_SET_DATA, wirerec.OP_GET_ACL, wirerec.OP_SET_ACL, wirerec.OP_SYNC,
    wirerec.OP_CREATE2, wirerec.OP_CHECK_WATCHES, wirerec.OP_REMOVE_WATCHES, wirerec.OP_CREATE_CONTAINER,
    wirerec.OP_DELETE_CONTAINER, wirerec.OP_CREATE_TTL, wirerec.OP_GET_EPHEMERALS, wirerec.OP_GET_ALL_CHILDREN_NUMBER,
    wirerec.OP_ADD_WATCH}
PLAIN = [(re.compile(p), r) for p, r in (
    (r"/(workerbeats|storms|assignments|errors|credentials|logconfigs|profilerconfigs|backpressure)/[^/]+-\d+-\d+",
     r"/\1/TOPOLOGY"), (r"/workerbeats/TOPOLOGY/.+", "/workerbeats/TOPOLOGY/SUPERVISOR-PORT"),
    (r"/supervisors/.+", "/supervisors/SUPERVISOR"), (r"/nimbuses/.+", "/nimbuses/NIMBUS"),
    (r"/leader-lock/.+", "/leader-lock/LATCH"), (r"/blobstore(maxkeysequencenumber)?/[^/]+", r"/blobstore\1/KEY"),
    (r"/KEY/.+", "/KEY/NIMBUS"), (r"/e\d{10}$", "/eNUMBER"))]

Request = collections.namedtuple("Request", "time conn op path size watch")


class Recorder:
    """Decodes what clients send; all connections share it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.connected = set()
        self.requests = []

    def way(self, peer, up):
        frames = Frames()

        def note(chunk):
            with self.lock:
                for frame in frames.feed(chunk):
                    self._note(peer, frame)
            return chunk

        return note if up else None

    def _note(self, peer, frame):
        if peer not in self.connected:
            self.connected.add(peer)
            self.requests.append(Request(time.time(), peer, "connect", "", len(frame), ""))
            return
        (op,) = struct.unpack_from(">i", frame, 4)
        path, watch = "", ""
        if op in PATH_FIRST and len(frame) >= 12:
            (n,) = struct.unpack_from(">i", frame, 8)
            path = frame[12:12 + n].decode("utf-8", "replace")
            watch = " watch" if op in WATCHING and frame[-1] else ""
        self.requests.append(Request(time.time(), peer, wirerec.OP_NAMES.get(op, str(op)), path, len(frame), watch))


def plain(path):
    for pattern, replacement in PLAIN:
        path = pattern.sub(replacement, path)
    return path


def roles(requests):
    """{connection: role}, by what it writes."""
    found = {}
    for r in requests:
        path = plain(r.path)
        if r.op in ("set_data", "create", "create2"):
            role = ("worker" if path.endswith("SUPERVISOR-PORT") else "supervisor" if path.endswith("/SUPERVISOR") else
                    "nimbus (writer)" if path.endswith("/nimbuses/NIMBUS") else
                    "nimbus (leader latch)" if "leader-lock" in path else
                    "nimbus (blobstore)" if "/blobstore/" in path else None)
            if role:
                found.setdefault(r.conn, role)
    for r in requests:
        path = plain(r.path)
        if r.conn not in found and r.op in ("get_data", "get_children2") and "/workerbeats" in path:
            found[r.conn] = "nimbus (reader)"
    return found


def report(requests, seconds):
    by_role = collections.defaultdict(list)
    of = roles(requests)
    for r in requests:
        by_role[of.get(r.conn, "other")].append(r)
    last = max((r.time for r in requests), default=0)
    for role, mine in sorted(by_role.items()):
        conns = {r.conn for r in mine}
        steady = [r for r in mine if r.time > last - seconds]
        print(f"\n== {role}: {len(conns)} connections, {len(steady) / seconds:.2f} requests/s in the last {seconds} s")
        kinds = collections.Counter((r.op, plain(r.path) + r.watch) for r in steady)
        for (op, path), n in kinds.most_common(40):
            sizes = sorted(r.size for r in steady if (r.op, plain(r.path) + r.watch) == (op, path))
            print(f"   {n / seconds / len(conns):7.3f}/s and connection  {op:13} {path}  "
                  f"({sizes[0]} to {sizes[-1]} bytes)")
        first = min(conns, key=lambda c: min(r.time for r in mine if r.conn == c))
        print(f"   -- the first {role}'s requests from its start, repeats counted")
        previous, count, shown = None, 0, 0
        for r in [r for r in mine if r.conn == first] + [None]:
            now = None if r is None else f"{r.op} {plain(r.path)}{r.watch}"
            if now != previous:
                if previous and shown < 60:
                    print("      " + previous + (f" x{count}" if count > 1 else ""))
                    shown += 1
                previous, count = now, 0
            count += 1


def main():
    parser = argparse.ArgumentParser(prog="capture.py", description="records what Storm sends to ZooKeeper")
    parser.add_argument("--storm", choices=sorted(LINES), required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--out", required=True, help="a line for each request")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    recorder, port = Recorder(), free_port()
    cluster = Cluster(Home(LINES[options.storm], options.cache).assemble(), False)
    relays = [Relay(s.addr, listen=(s.host, port), way=recorder.way).start() for s in cluster.ensemble.servers]
    straight = cluster.direct_addresses
    cluster.direct_addresses = lambda: (straight()[0], port)
    try:
        cluster.start()
        cluster.direct_addresses = straight          # the rig's own looks are not recorded
        with Episode(cluster) as e:
            for kind, workers in (("steady", 2), ("failing", 1), ("slow", 1)):
                cluster.submit(kind, kind, workers)
            e.settle()
        time.sleep(options.seconds)
        with recorder.lock:
            requests = list(recorder.requests)
    finally:
        cluster.stop()
        for relay in relays:
            relay.stop()
        cleanup()
    of = roles(requests)
    with open(options.out, "w", encoding="utf-8") as f:
        for r in requests:
            f.write(f"{r.time:.3f} {r.conn[1]} {of.get(r.conn, 'other')} {r.op} {plain(r.path)}{r.watch} {r.size}\n")
    report(requests, options.seconds)


if __name__ == "__main__":
    main()
