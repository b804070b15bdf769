"""Two pacekeepers that share one memory, in mode pacemaker, both in storm.zookeeper.servers: a pair.

Happy path: while topologies run, each of them is killed (kill -9) and started again, and each hands over (SIGTERM) and is
started again, as primary and as standby. No worker is restarted or timed out, no daemon ends, no beat goes or goes back,
and the ensemble writes no heartbeat. "pair-migrate" moves a cluster that runs directly into such a pair, one process at a
time and in write-behind, has it be in mode pacemaker for a while, kills its primary, and moves back.
"""
import os
import signal

import migrate
import security
from cluster import RESTART_SECONDS
from daemon import Pacekeeper
from figures import path_class, rate, stretch, transactions
from migrate import timed_out
from procs import eventually
from scenario import Scenario, must
from watch import BEAT_SECONDS, Episode

ADDRESSES = ("127.0.0.1", "127.0.0.2")
QUIET_SECONDS = 12
MOUNTS = """mounts:
  - {{path: /storm/workerbeats, mode: {mode}}}
  - {{path: /storm/supervisors, mode: write-behind, flush: 60s}}
"""
# Each member goes by each way, once as primary and once as standby: a lost primary comes back as standby.
KILLS = ("killed standby", "killed primary")
FAULTS = KILLS + ("standby stopped", "primary stopped")


class Pair(security.Plain):
    PACEKEEPERS = ADDRESSES
    TOPOLOGIES = (("steady", "steady", 2), ("failing", "failing", 1))


WORKERS = sum(workers for *_, workers in Pair.TOPOLOGIES)


def address_of(cluster, role):
    """Of the primary, or of the standby."""
    primary = cluster.group.primary()
    return next(a for a, p in cluster.proxies.items() if (p is primary) == (role == "primary"))


def fault(cluster, note, name):
    """One of both is lost and comes back."""
    with Episode(cluster) as e:
        leader, status = cluster.leading_host(), []
        victim = address_of(cluster, "primary" if "primary" in name else "standby")
        end = Pacekeeper.kill if name in KILLS else lambda member: status.append(member.stop())
        cluster.restart_proxy(victim, RESTART_SECONDS, end)
        e.settle()
        cluster.group.whole(60)
        note(f"{name}: whole again after, s", round(e.recovery, 1))
        note(f"{name}: Nimbus", "kept its lead" if cluster.leading_host() == leader else "passed its lead on")
        note(f"{name}: longest gap in a beat, s", round(e.watch.gap, 1))
        if status:
            note(f"{name}: its exit status", status[0])
        note(f"{name}: workers restarted", len(e.restarted))
        note(f"{name}: daemons ended", len(e.exited))
        note(f"{name}: beats that a reader missed", e.watch.missing)
        note(f"{name}: beats that went back for a reader", e.watch.back)


def fault_rules(names):
    rules = [must(f"{name}: {what}", lambda t: t == 0, reason) for name in names for what, reason in (
        ("workers restarted", "the other one takes its clients"),
        ("daemons ended", "the other one takes its clients"),
        ("beats that a reader missed", "they are in both"),
        ("beats that went back for a reader", "told means copied"))]
    rules += [must(f"{name}: longest gap in a beat, s", lambda t: t < 25, "less than Nimbus' 30 s") for name in names]
    return rules + [must(f"{name}: its exit status", lambda t: t == 0, "it ends well") for name in names
                    if name not in KILLS]


def beats_written(cluster, zxid):
    """Transactions of the ensemble below workerbeats since."""
    return sum(path_class(t) == "workerbeats" for t in transactions(cluster, zxid))


def measure_pair(cluster, note):
    zxid, complaints = cluster.last_zxid(), timed_out(cluster)
    for name in FAULTS:
        fault(cluster, note, name)
    note("workers timed out by Nimbus", timed_out(cluster) - complaints)
    note("transactions below workerbeats", beats_written(cluster, zxid))


def pair_rules(line):
    return [*fault_rules(FAULTS), *migrate.timeout_rules(line),
            must("transactions below workerbeats", lambda t: t == 0, "no heartbeat reaches the ensemble")]


# ---- into a pair, and out of it ----------------------------------------------------------------------------------

def change_mode(cluster, mode):
    """The mount of the heartbeats has another mode from now on: a line of the file and a SIGHUP, the standby first."""
    for role in ("standby", "primary"):
        address = address_of(cluster, role)
        member, said = cluster.proxies[address], len(cluster.proxies[address].log())
        args, _, port = cluster.given[address]
        cluster.given[address] = args, MOUNTS.format(mode=mode), port
        with open(os.path.join(member.dir, "pacekeeper.yaml"), "w", encoding="ascii") as f:
            f.write(MOUNTS.format(mode=mode))
        member.process.send(signal.SIGHUP)
        eventually(lambda: "reload: done, 1 changed" in member.log()[said:], 15, f"{address} in {mode}")
    cluster.group.whole(60)


def measure_pair_migration(cluster, note):
    dice = migrate.seeded()
    cluster.start_group(ADDRESSES, MOUNTS.format(mode="write-behind"))
    complaints = timed_out(cluster)
    migrate.travel(cluster, note, True, "there", dice)
    change_mode(cluster, "pacemaker")
    start, end, beaten = stretch(cluster, QUIET_SECONDS)
    note("in the pair: beats/s", float(rate(beaten, end.time - start.time)))
    note("in the pair: transactions below workerbeats", beats_written(cluster, start.zxid))
    before = cluster.last_zxid()
    fault(cluster, note, "killed primary")
    note("killed primary: transactions below workerbeats", beats_written(cluster, before))
    change_mode(cluster, "write-behind")
    eventually(lambda: not sum(p.mntr()["pk_left"] for p in cluster.proxies.values()), 60, "nothing left", 0.2)
    migrate.travel(cluster, note, False, "back", dice)
    note("workers timed out by Nimbus", timed_out(cluster) - complaints)
    note("left in the primary after the way back", cluster.group.primary().mntr()["pk_znodes"])
    for role in ("standby", "primary"):
        note(f"end of the {role}", cluster.proxies.pop(address_of(cluster, role)).stop())


def pair_migration_rules(line):
    return [*migrate.timeout_rules(line), *migrate.travel_rules(), *fault_rules(("killed primary",)),
            must("in the pair: beats/s", lambda v: v >= 0.8 * WORKERS / BEAT_SECONDS, "every worker beats"),
            must("in the pair: transactions below workerbeats", lambda t: t == 0, "no heartbeat reaches the ensemble"),
            must("killed primary: transactions below workerbeats", lambda t: t <= 2 * WORKERS,
                 "the znodes that came along are flushed once, and their first writes are shown to the ensemble"),
            must("end of the standby", lambda v: v == 0, "it ends well"),
            must("end of the primary", lambda v: v == 0, "it ends well")]


PAIR = Scenario("pair", "A pair, of which either one is killed, or stopped", measure_pair, pair_rules, "through")
PAIR_MIGRATE = Scenario("pair-migrate", "Migration into a pair, its primary killed, and back", measure_pair_migration,
                        pair_migration_rules, "moved")
