"""Migration of a running cluster to two unconnected pacekeepers in write-behind, and back, one process at a time.

Every storm.yaml is changed first; then daemons and workers are started anew, in a random order, each waiting for the
one before. A reader through pacekeeper watches all beats meanwhile: none may vanish and none may go back. In between
one of the two pacekeepers is killed and stays away for a while.
"""
import os
import random
import time

import hosts
from procs import eventually
from scenario import Scenario, must
from ui import quietly
from watch import BeatWatch, Episode

ADDRESSES = ("127.0.0.1", "127.0.0.2")
WRITE_BEHIND = ["--mount", "/storm/workerbeats=write-behind", "--mount", "/storm/supervisors=write-behind"]
PROXY_GONE = 10
# A Nimbus of 2.x that has just won the lead has no assignments for a supervisor that starts in these seconds, and that one
# ends its workers.
BETWEEN_DAEMONS = {"RPC": 12, "heartbeats": 0}     # seconds
PATIENCE = 180                   # seconds, on a machine that starts the JVMs of another cluster meanwhile


def timed_out(cluster):
    """How often a Nimbus said that an executor is not alive."""
    return sum(cluster.hosts[n].log("nimbus").count("not alive") for n in cluster.nimbus_ports)


def registered(cluster):
    """The hosts of the Nimbuses that have a znode."""
    return [n.split(":")[0] for n in cluster.children("/storm/nimbuses", direct=True)]


def restart_daemon(e, name, role):
    """As an operator does it: SIGTERM, and a Nimbus is gone before it comes anew. (1.2 would go on with the znode of
    its old session, and vanish with that.)"""
    cluster, host = e.cluster, e.cluster.hosts[name]
    host.processes[role].stop()
    if role == "nimbus":
        mine = hosts.ADDRESSES[name]
        eventually(lambda: mine not in registered(cluster), 40, f"the end of {name}'s session", 0.2)
        host.start(role)
        eventually(lambda: len(registered(cluster)) == 2 and quietly(cluster.ui.leader, 5), PATIENCE, "both Nimbuses", 0.3)
    else:
        host.start(role)
        eventually(lambda: cluster.wrong() is None, PATIENCE, "the supervisor back", 0.3)


def restart_worker(e, worker):
    """kill -9, unless Storm has restarted it meanwhile: then it is among the restarted."""
    if worker in e.cluster.workers():
        e.killed.add(worker)
        hosts.kill(worker.pid)
    e.hold(0.5)
    eventually(lambda: e.cluster.wrong() is None, PATIENCE, f"a new worker for {worker}", 0.3)


def move(e, through, dice):
    """All processes go, one at a time."""
    cluster = e.cluster
    cluster.use(through)
    steps = [("daemon", name, role) for name in cluster.hosts for role in cluster.roles(name) if role in
             ("nimbus", "supervisor")] + [("worker", w, None) for w in sorted(cluster.workers())]
    dice.shuffle(steps)
    for kind, what, role in steps:
        if kind == "daemon":
            restart_daemon(e, what, role)
            e.hold(BETWEEN_DAEMONS[cluster.line.liveness])
        else:
            restart_worker(e, what)


def travel(cluster, note, through, name, dice):
    """All processes go one way, and what a reader saw of it. The reader is at the proxies on both ways: they must never show
    an old beat."""
    with Episode(cluster) as e:
        e.watch.stop()
        e.watch = BeatWatch(cluster, addresses=cluster.proxy_addresses())
        e.watch.start()
        started = time.monotonic()
        move(e, through, dice)
        e.settle()
        note(f"{name}: took, s", round(time.monotonic() - started))
        note(f"{name}: workers restarted beside those that moved", len(e.restarted))
        note(f"{name}: daemons ended", len(e.exited))
        note(f"{name}: beats that a reader missed", e.watch.missing)
        note(f"{name}: beats that went back for a reader", e.watch.back)


def travel_rules():
    return [must(f"{name}: {what}", lambda t: t == 0, reason) for name in ("there", "back") for what, reason in (
        ("workers restarted beside those that moved", "one at a time means one"),
        ("daemons ended", "none but those that moved"),
        ("beats that a reader missed", "what is there is never absent"),
        ("beats that went back for a reader", "never an older beat after a newer one"))]


def seeded():
    return random.Random(int(os.environ.get("STORM_SEED", "1")))


def measure_migration(cluster, note):
    dice = seeded()
    for address in ADDRESSES:
        cluster.start_proxy(address, WRITE_BEHIND)
    complaints = timed_out(cluster)
    travel(cluster, note, True, "there", dice)
    measure_two(cluster, note)
    travel(cluster, note, False, "back", dice)
    note("workers timed out by Nimbus", timed_out(cluster) - complaints)
    note("left in the proxies after the way back", sum(p.mntr()["pk_znodes"] for p in cluster.proxies.values()))
    for address in ADDRESSES:
        note(f"end of {address}", cluster.proxies.pop(address).stop())


def measure_two(cluster, note):
    with Episode(cluster) as e:
        cluster.restart_proxy(dict_first(cluster.proxies), after=PROXY_GONE)
        e.settle(stable=12)
        note("one of two killed: workers restarted", len(e.restarted))
        note("one of two killed: daemons ended", len(e.exited))
        note("one of two killed: longest gap in a beat, s", round(e.watch.gap, 1))
        note("one of two killed: whole again after, s", round(e.recovery, 1))


def dict_first(mapping):
    return next(iter(mapping))


def timeout_rules(line):
    """In 2.8 it is a matter of RPC, which goes past ZooKeeper and us."""
    known = line.liveness == "heartbeats"
    return [must("workers timed out by Nimbus", lambda t: t == 0, "at no step")] if known else []


def migration_rules(line):
    return [*timeout_rules(line), *travel_rules(),
            must("one of two killed: workers restarted", lambda t: t == 0, "the other one takes its clients"),
            must("one of two killed: daemons ended", lambda t: t == 0, "the other one takes its clients"),
            must("one of two killed: longest gap in a beat, s", lambda t: t < 25, "less than Nimbus' 30 s")]


MIGRATE = Scenario("migrate", "Migration to two pacekeepers in write-behind, one killed, and back", measure_migration,
                   migration_rules, "moved")
