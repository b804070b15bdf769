"""Two pacekeepers that share one memory, in mode pacemaker, both in storm.zookeeper.servers: a pair.

Happy path: while topologies run, each of them is killed (kill -9) and started again, and each hands over (SIGTERM) and is
started again, as primary and as standby. No worker is restarted or timed out, no daemon ends, no beat goes or goes back,
and the ensemble writes no heartbeat.
"""
import migrate
import security
from cluster import RESTART_SECONDS
from daemon import Pacekeeper
from figures import path_class, transactions
from migrate import timed_out
from scenario import Scenario, must
from watch import Episode

ADDRESSES = ("127.0.0.1", "127.0.0.2")
# Each member goes by each way, once as primary and once as standby: a lost primary comes back as standby.
KILLS = ("killed standby", "killed primary")
FAULTS = KILLS + ("standby stopped", "primary stopped")


class Pair(security.Plain):
    PACEKEEPERS = ADDRESSES
    TOPOLOGIES = (("steady", "steady", 2), ("failing", "failing", 1))


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


PAIR = Scenario("pair", "A pair, of which either one is killed, or stopped", measure_pair, pair_rules, "through")
