"""Section of `make bench`: a pair. What a copy costs a beat, a beat through the standby, the time without an answer after a
kill and a handover, and a snapshot beside beats.

Happy path: a pacekeeper alone, a group of one and a pair on one host, the same load on each in turns.
"""
import time

import group
import rig
import wire
from runner import MOUNT, UNDER
from table import Table
from wire import Conn
from workers import Workers

ZNODES = 24000
LOADS = (("closed loop", dict(sessions=1)), ("pipelined", dict(sessions=16, depth=16)),
         ("paced", dict(sessions=100, rate=4000)))


def fill(addr, n, size):
    """Creates n znodes of that size below the mount, pipelined."""
    conn, data = Conn(addr, 20000), b"x" * size
    for first in range(0, n, 200):
        names = range(first, min(n, first + 200))
        conn.send_raw(b"".join(wire.frame(conn.next_xid(), wire.OP_CREATE, wire.create(f"{MOUNT}/z{i}", data)) for i in names))
        for _ in names:
            err = conn.recv(20).err
            assert err in (0, wire.ERR["NODEEXISTS"]), err
    conn.close_session()


def members(bench, n):
    made = group.Group(bench.targets["zookeeper"].connect_string, n, mounts=[f"{MOUNT}=pacemaker"], name=f"bench{n}",
                       config="max-connections-per-address: 0\n")
    return made.start()


def copies(bench, one, two):
    """Beats alone, in a group of one, at the primary of a pair, and through its standby."""
    table = Table("beats of 1 KiB: what a copy costs",
                  ["load", "server", "beats/s", "per CPU-s", "of alone", "p50 us", "p99 us", "link bytes/s", "messages/s"])
    primary, standby = two.primary(), two.standbys()[0]
    servers = (("alone", bench.targets["pacekeeper"], None), ("group of one", one.primary(), None),
               ("primary of a pair", primary, primary), ("through its standby", standby, primary))
    for load, options in LOADS:
        base = None
        for name, server, linked in servers:
            before, began = (linked.figures() if linked else {}), time.monotonic()
            r = bench.run(name, "load", server=server, op="beat", root=UNDER, seconds=bench.seconds, **options)
            if not r:
                continue
            after, took = (linked.figures() if linked else {}), time.monotonic() - began
            base = base or r["it_req_per_cpu_s"]
            rates = [(after[k] - before[k]) / took if linked else None
                     for k in ("pk_group_link_bytes", "pk_group_link_messages")]
            share = r["it_req_per_cpu_s"] / base
            table.row(load, name, r["rps"] / 2, r["it_req_per_cpu_s"] / 2, share, r["req_p50_us"], r["req_p99_us"], *rates)
            if linked is server and load != "closed loop":
                bench.expect(f"CPU of a copied beat, {load}: of alone", 1 / share, 1.25, at_least=False)
    table.print()


def losses(bench, two):
    """The primary is killed, then handed over, below 24,000 znodes and sessions that beat through both."""
    fill(two.primary().addr, ZNODES, 1024)
    table = Table(f"time without an answer, {ZNODES} znodes of 1 KiB, 40 sessions through both members",
                  ["what", "p50 s", "longest s"])
    workers = Workers([m.addr for m in two.members], 40, folder=MOUNT, pause=0.02).begin()
    for what, limit, end in (("kill -9 of the primary", 0.5, lambda m: m.kill()), ("handover", 0.1, lambda m: m.stop())):
        workers.spread()
        victim = two.primary()
        end(victim)
        workers.beating()
        gaps = workers.gaps()
        table.row(what, gaps[len(gaps) // 2], gaps[-1])
        bench.expect(f"seconds without an answer, {what}", gaps[-1], limit, at_least=False)
        victim.again()
        two.whole(60)
    workers.stop()
    assert not workers.problems, workers.problems[:5]
    table.print()


def snapshots(bench, two):
    """A standby begins anew while others beat at the primary."""
    table = Table(f"snapshot of {ZNODES} znodes beside paced beats (1000 a second)",
                  ["size", "listed after s", "beats' p99 us without", "with", "of that"])
    for size in (1024, 7168):
        fill(two.primary().addr, ZNODES, size) if size == 1024 else refill(two.primary().addr, size)
        victim, primary = two.standbys()[0], two.primary()
        options = dict(server=primary, op="beat", root=UNDER, sessions=20, rate=1000, seconds=3)
        without = bench.run("pair", "load", **options)
        victim.stop()
        began = time.monotonic()
        victim.again()
        beside = bench.run("pair", "load", **options)
        two.whole(60)
        took = time.monotonic() - began
        if without and beside:
            ratio = beside["req_p99_us"] / without["req_p99_us"]
            table.row(size, took, without["req_p99_us"], beside["req_p99_us"], ratio)
            bench.expect(f"p99 of beats beside a snapshot of {size} bytes each, of without", ratio, 2, at_least=False)
    table.print()


def refill(addr, size):
    conn, data = Conn(addr, 20000), b"y" * size
    for first in range(0, ZNODES, 100):
        conn.send_raw(b"".join(wire.frame(conn.next_xid(), wire.OP_SET_DATA, wire.set_data(f"{MOUNT}/z{i}", data))
                               for i in range(first, first + 100)))
        for _ in range(100):
            assert conn.recv(20).err == 0
    conn.close_session()


def pair(bench):
    one = members(bench, 1)
    two = members(bench, 2)
    copies(bench, one, two)
    one.primary().stop()
    losses(bench, two)
    snapshots(bench, two)
    for member in two.standbys() + [two.primary()]:
        member.stop()
    rig.eventually(lambda: not two.alive(), 10, "the members have ended")
