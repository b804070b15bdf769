"""Scenarios that kill -9 one process of Storm, and pacekeeper itself.

Each measures until the cluster is whole again, and counts every other worker that was restarted meanwhile.
"""
import time

import hosts
from cluster import RESTART_SECONDS
from scenario import Scenario, both, must, no_more
from ui import Ui, quietly
from watch import Episode, eventually_seconds

SUPERVISOR_GONE = 10             # seconds: long enough for its timers, shorter than a session
NIMBUS_TURN = 10                 # nimbus.monitor.freq.secs


def measure_worker(cluster, note):
    """A worker, and beside it the UI and the Logviewer, which have no part in its return."""
    with Episode(cluster) as e:
        victim = next(w for w in sorted(cluster.workers()) if w.topology.startswith("steady"))
        e.killed.add(victim)
        started = time.monotonic()
        hosts.kill(victim.pid)
        asides = restart_ui(cluster)
        back = eventually_seconds(lambda: replaced(cluster, victim), 120, "a new worker process", started)
        beat = eventually_seconds(lambda: e.watch.since(victim) > started + back, 120, "its beat", started)
        ui = {name: eventually_seconds(probe, 60, name + " answering", started) for name, probe in asides.items()}
        e.settle()
        note("killed worker: new process after, s", round(back, 1))
        note("killed worker: its beat after, s", round(beat, 1))
        for name, seconds in ui.items():
            note(f"killed {name}: answers after, s", round(seconds, 1))
        note("killed worker: others restarted", len(e.restarted))


def replaced(cluster, victim):
    return any(w.topology == victim.topology and w.pid != victim.pid and w.port == victim.port
               for w in cluster.workers())


def restart_ui(cluster):
    """kill -9 of UI and Logviewer, started again after a second. {name: whether it answers}."""
    if not cluster.line.ui:
        cluster.hosts["ui"].kill("operator")
        time.sleep(RESTART_SECONDS)
        cluster.start_operator()
        return {"Thrift client": cluster.ui.leader}
    cluster.hosts["ui"].kill("ui")
    cluster.hosts["supervisor-1"].kill("logviewer")
    time.sleep(RESTART_SECONDS)
    cluster.hosts["ui"].start("ui")
    cluster.hosts["supervisor-1"].start("logviewer")
    return {"UI": cluster.ui.leader, "Logviewer": lambda: Ui(cluster.logviewer_port).text("/daemonlog",
                                                                                         file="supervisor.log")}


def measure_supervisor(cluster, note):
    with Episode(cluster) as e:
        host = cluster.hosts["supervisor-1"]
        host.kill("supervisor")
        time.sleep(SUPERVISOR_GONE)
        host.start("supervisor")
        seconds = eventually_seconds(lambda: registered(cluster, "supervisor-1"), 120, "the supervisor's ephemeral")
        e.settle(stable=NIMBUS_TURN + 2)
        note("killed supervisor: registered again after, s", round(seconds, 1))
        note("killed supervisor: workers restarted", len(e.restarted))


def registered(cluster, name):
    """Whether the supervisor that runs now has an ephemeral of its own: one that is younger than it."""
    rows = quietly(cluster.ui.supervisors, 5, default=())
    return any(r["host"] == hosts.ADDRESSES[name] and r["uptimeSeconds"] < SUPERVISOR_GONE for r in rows)


def measure_nimbus(cluster, note):
    with Episode(cluster) as e:
        leader = cluster.leading_host()
        standby = next(n for n in cluster.nimbus_ports if n != leader)
        cluster.hosts[leader].kill("nimbus")
        seconds = eventually_seconds(lambda: cluster.leading_host() == standby, 120, "the standby leading")
        cluster.hosts[leader].start("nimbus")
        eventually_seconds(lambda: len(cluster.children("/storm/nimbuses")) == 2, 60, "the killed Nimbus back")
        e.settle(stable=NIMBUS_TURN + 2)
        note("killed Nimbus: the standby leads after, s", round(seconds, 1))
        note("killed Nimbus: workers restarted", len(e.restarted))


def measure_kills(cluster, note):
    measure_worker(cluster, note)
    measure_supervisor(cluster, note)
    measure_nimbus(cluster, note)


def kill_rules(line):
    names = ("UI", "Logviewer") if line.ui else ("Thrift client",)
    turn = "no slower than directly, but for when in Nimbus' or the supervisor's turn it falls, on a busy machine"
    return [
        no_more("killed worker: new process after, s", NIMBUS_TURN, turn),
        no_more("killed worker: its beat after, s", NIMBUS_TURN, turn),
        both("killed worker: others restarted", lambda v: v == 0, "only the killed one"),
        no_more("killed supervisor: registered again after, s", NIMBUS_TURN, turn),
        no_more("killed supervisor: workers restarted"),
        no_more("killed Nimbus: the standby leads after, s", NIMBUS_TURN,
                "the old session ends within its timeout and a tick, on both ways; then a turn of Nimbus"),
        no_more("killed Nimbus: workers restarted"),
    ] + [no_more(f"killed {name}: answers after, s", 10, "no session of its own; a JVM's start on a busy machine")
         for name in names]


def measure_proxy(cluster, note):
    topologies = set(row["id"] for row in cluster.ui.topologies().values())
    with Episode(cluster) as e:
        leader = cluster.leading_host()
        cluster.restart_proxy()
        e.settle(stable=NIMBUS_TURN + 2)
        note("killed pacekeeper: whole again after, s", round(e.recovery, 1))
        note("killed pacekeeper: workers restarted", len(e.restarted))
        note("killed pacekeeper: daemons ended", ", ".join(e.exited) or 0)
        note("killed pacekeeper: longest gap in a beat, s", round(e.watch.gap, 1))
        note("killed pacekeeper: topologies lost",
             len(topologies - set(row["id"] for row in cluster.ui.topologies().values())))
        note("killed pacekeeper: Nimbus", "kept its lead" if cluster.leading_host() == leader else "passed its lead on")


def proxy_rules(_line):
    return [
        must("killed pacekeeper: workers restarted", lambda t: t == 0, "no worker is restarted or reassigned"),
        must("killed pacekeeper: daemons ended", lambda t: t == 0, "every client reconnects"),
        must("killed pacekeeper: topologies lost", lambda t: t == 0, "none"),
        must("killed pacekeeper: longest gap in a beat, s", lambda t: t < 25,
             "Nimbus 1.2 gives a worker 30 s from beat to beat, and looks every few seconds"),
    ]


KILLS = Scenario("kills", "kill -9 of one process of Storm", measure_kills, kill_rules, "both")
PROXY = Scenario("proxy", "kill -9 of pacekeeper, restarted after a second", measure_proxy, proxy_rules, "through")
