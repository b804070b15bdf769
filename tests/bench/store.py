"""Sections of `make bench`: znodes that are held in memory: what they cost, how fast they come, go, are listed and
move into the ensemble. Each on a daemon that has done nothing else.
"""
import time

import rig
import wire
from runner import BIG_JVM, UNDER
from table import Table

RELEASE = "release: true\nstop-timeout: 5min\n"


def memory(bench):
    """Resident memory of connections and znodes."""
    if "pacekeeper" not in bench.targets:
        return
    sessions, znodes = (1000, 20000) if bench.quick else (4000, 100000)
    daemons = [("pacekeeper", None)] + ([("other", bench.against)] if bench.against else [])
    table = Table("resident memory", ["server", "what", "count", "bytes each"])
    for name, path in daemons:
        daemon = bench.new_daemon(path=path)
        r = bench.run(name, "idle", server=daemon, sessions=sessions, seconds=1)
        daemon.stop()
        if r:
            table.row(name, "idle connection pair", sessions, r["it_bytes_each"])
            if path is None:
                bench.expect("bytes per idle connection pair", r["it_bytes_each"], 4096, at_least=False)
        for size in (64, 1024):
            daemon = bench.new_daemon(path=path)
            r = bench.run(name, "znodes", server=daemon, sessions=10, znodes=znodes, size=size, root=UNDER)
            daemon.stop()
            if r:
                table.row(name, f"znode of {size} bytes, beyond data and name", znodes, r["it_bytes_each"])
                if path is None:
                    bench.expect(f"bytes per znode of {size} bytes beyond data and name", r["it_bytes_each"], 200,
                                 at_least=False)
    table.print()


def local_creates(bench):
    """Creates and deletes, 16 in flight on each of 10 sessions, beside requests of the same size to the echo."""
    znodes = 20000 if bench.quick else 100000
    table = Table("local creates in mode pacemaker, 10 sessions, pipelined 16",
                  ["size", "server", "creates/s", "per CPU-s", "of echo", "deletes/s", "per CPU-s", "of echo"])
    for size in (64, 1024):
        base = None
        for target in ("echo", "pacekeeper", "other", "zookeeper"):
            if target == "echo":
                found = [r for _, r in bench.group(("echo",), "it_req_per_cpu_s", "more", "frames", op="set",
                                                   sessions=10, depth=16, size=size)]
                base = found[0]["it_req_per_cpu_s"] if found else None
                continue
            r = bench.run(target, "znodes", sessions=10, znodes=znodes, size=size, root=UNDER)
            if r and base:
                made, gone = r["created_per_cpu_s"], r["deleted_per_cpu_s"]
                table.row(size, target, r["created"], made, made / base, r["deleted"], gone, gone / base)
    table.print()


def listing(bench):
    """getChildren2 of one parent with many local znodes, and of the same znodes in a ZooKeeper."""
    znodes = 20000 if bench.quick else 100000
    table = Table(f"listing of {znodes} znodes below one parent (getChildren2)",
                  ["server", "bytes", "lists/s", "p50 ms", "max ms", "CPU ms each", "MB per CPU-s"])
    for target in ("pacekeeper", "other", "zookeeper"):
        r = bench.run(target, "load", op="list", sessions=1, znodes=znodes, size=64, root=UNDER,
                      seconds=bench.seconds)
        if r and r["requests"]:
            cpu = r["it_cpu_s"] / r["requests"]
            table.row(target, r["reply_bytes"], r["rps"], r["req_p50_us"] / 1000, r["req_max_us"] / 1000, cpu * 1000,
                      r["reply_bytes"] / 1e6 / cpu if cpu else None)
    table.print()


def _children(server, path):
    """Names below a znode, asked at the server itself."""
    conn = wire.Conn(server.addr, 20000)
    reply = conn.call(wire.OP_GET_CHILDREN2, wire.get_children2(path), timeout=30)
    conn.close_session()
    return len(wire.parse_reply(wire.OP_GET_CHILDREN2, reply.body)[0]) if reply.err == 0 else 0


def release(bench):
    """SIGTERM with `release: true`: everything local moves into the ensemble before the daemon ends."""
    if "pacekeeper" not in bench.targets:
        return
    znodes = 4000 if bench.quick else 24000
    table = Table("release of local znodes into the ensemble at SIGTERM (1 KiB each)",
                  ["znodes", "seconds", "znodes/s", "exit", "in the ensemble", "creates/s directly", "of that"])
    zookeeper = rig.ZooKeeper(jvm=BIG_JVM).start()
    direct = bench.run("zookeeper", "znodes", server=zookeeper, sessions=1, znodes=znodes, size=1024, root="/direct")
    daemon = bench.new_daemon(upstream=zookeeper, config=RELEASE)
    if bench.run("pacekeeper", "znodes", server=daemon, sessions=10, znodes=znodes, size=1024, root=UNDER, keep=True):
        began = time.monotonic()
        status = daemon.stop(timeout=330)
        took = time.monotonic() - began
        found = _children(zookeeper, UNDER)
        rate, straight = znodes / took, direct.get("created")
        table.row(znodes, took, rate, status, found, straight, rate / straight if straight else None)
        bench.expect("local znodes in the ensemble after a release, of all", found / znodes, 1.0)
    table.print()
    zookeeper.stop()
