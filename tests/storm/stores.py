"""Away from Storm's own Pacemaker, as doc/storm.md tells it ("You run Pacemaker today"), while the cluster runs; and back.

The Pacemaker is stopped and pacekeeper takes its place, with what `pacekeeper adopt` took from storm.yaml, which stays as it
is. Then the nodes change from Pacemaker's state store to plain ZooKeeper, which is pacekeeper: each host gets its new
storm.yaml, and its daemons and workers are started anew, each waiting for the one before; Nimbus last, and first on the way
back. Readers of both protocols watch all beats meanwhile, and another one the statistics that Nimbus shows.
"""
import os
import subprocess
import threading
import time

from daemon import Pacekeeper, daemon_path
from migrate import PATIENCE, restart_daemon, restart_worker, timed_out
from procs import eventually
from pulses import end_pacemaker
from scenario import Scenario, must
from ui import quietly
from watch import BEAT_SECONDS, BeatWatch, Episode

SETTLED = 12                     # seconds: more than one turn of Nimbus


class StatisticsWatch(threading.Thread):
    """Asks Nimbus for the topology's statistics each second: how often it showed some, and none."""

    def __init__(self, cluster, name="steady"):
        super().__init__(daemon=True)
        self.cluster, self.name = cluster, name
        self.ending = threading.Event()
        self.empty = self.shown = 0

    def run(self):
        while not self.ending.wait(1.0):
            row = quietly(self.cluster.ui.topologies, 5, default={}).get(self.name)
            page = quietly(self.cluster.ui.topology, row["id"]) if row else None
            if page:
                self.shown += page["emitted"] > 0
                self.empty += page["emitted"] == 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.join(30)


def take_over(cluster):
    """On the host of the Pacemaker, with the options of the page, and an address that is free here."""
    end_pacemaker(cluster, kill=False)
    copy, state = (os.path.join(cluster.folder, name) for name in ("adopted.yaml", "pacekeeper-state"))
    yaml = os.path.join(cluster.hosts["pacemaker"].folder, "conf", "storm.yaml")
    adopted = subprocess.run([daemon_path(), "adopt", yaml, "--to", copy], capture_output=True, text=True, timeout=20)
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    proxy = Pacekeeper(None, None, ["--storm-yaml", copy, "--state-file", state], None, f"127.0.0.1:{cluster.proxy_port}")
    cluster.hosts.pop("pacemaker")
    cluster.proxies["127.0.0.1"] = proxy.start()


def beaten(e):
    """Waits until every worker has beaten, and has beaten again: the figures of one that is new begin with nothing."""
    for _ in range(2):
        since = time.monotonic() + BEAT_SECONDS
        eventually(lambda since=since: all(e.watch.since(w) > since for w in e.cluster.workers()), PATIENCE, "beats of all", 0.3)


def change(e, pacemaker):
    """All hosts, one process at a time."""
    cluster = e.cluster
    for name in sorted(cluster.hosts, key=lambda n: n.startswith("nimbus") != pacemaker):
        cluster.use_store(name, pacemaker, through=not pacemaker)
        for role in cluster.roles(name):
            if role in ("nimbus", "supervisor"):         # the others have no state store
                restart_daemon(e, name, role)
        for worker in sorted(w for w in cluster.workers() if w.host == name):
            restart_worker(e, worker)
            beaten(e)


def messages(cluster, seconds=6):
    """How many of Pacemaker's clients come in that time: none from a cluster that has left its store."""
    def count():
        return sum(p.mntr()["pk_pulse_messages"] for p in cluster.proxies.values())
    before = count()
    time.sleep(seconds)
    return count() - before


def note_episode(e, znodes, figures, note, name):
    note(f"{name}: workers restarted beside those that moved", len(e.restarted))
    note(f"{name}: daemons ended", ", ".join(e.exited) or 0)
    note(f"{name}: longest gap in a beat, s", round(e.watch.gap, 1))
    for protocol, watch in (("Pacemaker", e.watch), ("ZooKeeper", znodes)):
        note(f"{name}: beats that a reader of {protocol}'s missed", watch.missing)
        note(f"{name}: beats that went back for a reader of {protocol}'s", watch.back)
    note(f"{name}: looks at Nimbus that showed statistics", figures.shown)
    note(f"{name}: looks that showed none", figures.empty)


def measure_take_over(cluster, note):
    with StatisticsWatch(cluster) as figures, Episode(cluster) as e:
        started = time.monotonic()
        take_over(cluster)
        note("taken over: seconds without a Pacemaker", round(time.monotonic() - started, 1))
        e.settle(stable=SETTLED)
    note("taken over: workers restarted", len(e.restarted))
    note("taken over: daemons ended", ", ".join(e.exited) or 0)
    note("taken over: longest gap in a beat, s", round(e.watch.gap, 1))
    note("taken over: looks at Nimbus that showed statistics", figures.shown)
    note("taken over: messages of Pacemaker's clients after it", messages(cluster))


def measure_way(cluster, note, pacemaker, name):
    znodes = BeatWatch(cluster, cluster.proxy_addresses())
    with StatisticsWatch(cluster) as figures, Episode(cluster) as e:
        znodes.start()
        started = time.monotonic()
        change(e, pacemaker)
        e.settle(stable=SETTLED)
        note(f"{name}: took, s", round(time.monotonic() - started))
        znodes.stop()
    note_episode(e, znodes, figures, note, name)
    note(f"{name}: messages of Pacemaker's clients after it", messages(cluster))


def measure_stores(cluster, note):
    complaints = timed_out(cluster)
    measure_take_over(cluster, note)
    measure_way(cluster, note, False, "there")
    measure_way(cluster, note, True, "back")
    note("workers timed out by Nimbus", timed_out(cluster) - complaints)


def store_rules(line):
    found = [must("taken over: workers restarted", lambda t: t == 0, "they go on where the other one was"),
             must("taken over: daemons ended", lambda t: t == 0, "every client reconnects"),
             must("taken over: longest gap in a beat, s", lambda t: t < 25, "Nimbus gives a worker 30 s"),
             must("taken over: messages of Pacemaker's clients after it", lambda v: v > 0, "all are here"),
             must("there: messages of Pacemaker's clients after it", lambda v: v == 0, "nobody is left there"),
             must("back: messages of Pacemaker's clients after it", lambda v: v > 0, "all are there again")]
    if line.liveness == "heartbeats":            # in 2.8 it is also a matter of RPC, which goes past ZooKeeper and us
        found.append(must("workers timed out by Nimbus", lambda t: t == 0, "at no step"))
    readers = [(f"{what} for a reader of {protocol}'s" if "back" in what else f"{what} a reader of {protocol}'s missed", why)
               for protocol in ("Pacemaker", "ZooKeeper") for what, why in (
                   ("beats that", "what is there is never absent"),
                   ("beats that went back", "never an older beat after a newer one"))]
    for name in ("there", "back"):
        found += [must(f"{name}: {what}", lambda t: t == 0, reason) for what, reason in (
            ("workers restarted beside those that moved", "one at a time means one"),
            ("daemons ended", "none but those that moved"), *readers)]
        if line.liveness == "RPC":               # Nimbus 1.2 takes the beats of new workers in every 10 s
            found.append(must(f"{name}: looks that showed none", lambda t: t == 0, "Nimbus reads the beats of all, either way"))
    return found


STORES = Scenario("pulse-stores", "From Storm's Pacemaker to pacekeeper, to plain ZooKeeper node by node, and back", measure_stores,
                  store_rules, "moved")
