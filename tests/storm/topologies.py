"""Topologies come and go: rebalance, kill, resubmit, and Nimbus' clean-up of their heartbeats."""
import time

from figures import mntr
from procs import eventually
from scenario import Scenario, both, must
from ui import quietly
from watch import Episode

REBALANCING = 8                  # seconds: the old workers of a topology may look like the new ones for a while
CLEAN_UP = 60                    # Nimbus cleans up every 10 s, 2.8 some time after the kill


def measure_topologies(cluster, note):
    with Episode(cluster) as e:
        started = time.monotonic()
        old = quietly(cluster.ui.topologies, default={})["slow"]["id"]
        cluster.kill_topology("slow")
        cluster.rebalance("steady", 1)
        eventually(lambda: "slow" not in quietly(cluster.ui.topologies, default={"slow": 1}), 60, "slow gone", 0.3)
        cluster.submit("slow", "slow")
        e.settle(stable=REBALANCING)
        note("rebalanced, killed, resubmitted: whole after, s", round(time.monotonic() - started - REBALANCING, 1))
        cluster.rebalance("steady", 2)
        eventually(lambda: old not in cluster.children("/storm/workerbeats"), CLEAN_UP, "clean-up of " + old, 0.5)
        note("heartbeats of the killed topology", int(old in cluster.children("/storm/workerbeats")))
        e.settle(stable=REBALANCING)


def topology_rules(_line):
    return [both("heartbeats of the killed topology", lambda v: v == 0, "Nimbus has cleaned up")]


def measure_end(cluster, note):
    """All topologies are killed: nothing may be left."""
    for name in list(cluster.expected):
        cluster.kill_topology(name)
    eventually(lambda: not cluster.workers(), 90, "the end of all workers", 0.5)
    seen = eventually_stable(lambda: cluster.children("/storm/workerbeats"))
    note("znodes left below workerbeats, as Storm sees it", len(seen))
    note("znodes left below workerbeats in the ensemble",
         len(eventually_stable(lambda: cluster.children("/storm/workerbeats", direct=True))))
    held = sum(mntr(p.addr).get("pk_mount_znodes_storm_workerbeats", 0) for p in cluster.proxies.values())
    note("znodes left in pacekeeper", held)


def eventually_stable(probe, timeout=CLEAN_UP):
    """The value once it is empty, or whatever it is at the end."""
    end = time.monotonic() + timeout
    while probe() and time.monotonic() < end:
        time.sleep(0.5)
    return probe()


def end_rules(_line):
    return [both("znodes left below workerbeats, as Storm sees it", lambda v: v == 0, "none"),
            both("znodes left below workerbeats in the ensemble", lambda v: v == 0, "none"),
            must("znodes left in pacekeeper", lambda v: v == 0, "none")]


TOPOLOGIES = Scenario("topologies", "Rebalance, kill and resubmit", measure_topologies, topology_rules, "both")
END = Scenario("end", "All topologies killed", measure_end, end_rules, "both", together=False)
