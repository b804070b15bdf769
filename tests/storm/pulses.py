"""Clusters whose state store is Pacemaker's, with pacekeeper as that Pacemaker, beside some on Storm's own, a JVM.

They are quiet, lose processes of Storm, lose their Pacemaker, and end; and once more where Nimbus logs in.
"""
import time

import kills
import logins
import pulse
import topologies
from cluster import RESTART_SECONDS
from figures import Moment, by_class, rate
from kills import NIMBUS_TURN
from pacemakers import Pulsing, PulsingDigest, PulsingKerberos
from procs import eventually
from pulse import path_data
from quiet import still_times
from readers import PulseReader
from replies import compare_daemons
from scenario import Rule, Scenario, both, must, no_more
from ui import quietly
from watch import BEAT_SECONDS, Episode

SECONDS = 24                     # Nimbus 1.2 takes the beats in every 10 s


def statistics(cluster):
    """How much a topology has emitted, as Nimbus knows by its heartbeats."""
    return cluster.ui.topology(cluster.ui.topologies()["steady"]["id"])["emitted"]


def pacemaker_process(cluster):
    return cluster.hosts["pacemaker"].processes["pacemaker"] if not cluster.through else next(iter(cluster.proxies.values()))


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        return round(next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024, 1)


def measure_pulses(cluster, note):
    """Nothing happens but beats. Through pacekeeper they are seen by a client of ZooKeeper's, directly by one of Pacemaker's."""
    with Episode(cluster) as e:
        start, changes, figures = Moment(cluster), e.watch.changes, []
        while time.monotonic() - start.time < SECONDS:
            figures.append((time.monotonic(), statistics(cluster)))
            e.hold(0.5)
        end, changes = Moment(cluster), e.watch.changes - changes
    seconds = end.time - start.time
    note("beats/s", float(rate(changes, seconds)))
    note("transactions/s workerbeats", float(rate(by_class(start, end)["workerbeats"], seconds)))
    note("messages/s at pacekeeper", float(rate(end.proxies["pk_pulse_messages"] - start.proxies["pk_pulse_messages"], seconds)))
    note("topology's figures stood still, s", round(still_times(figures), 1))
    note("Pacemaker's memory, MiB", resident_mib(pacemaker_process(cluster).pid))


def pulse_rules(_line):
    return [
        both("beats/s", lambda v: v >= 0.8 * 2 / BEAT_SECONDS, "both workers beat"),
        both("transactions/s workerbeats", lambda v: v == 0, "no heartbeat reaches the ensemble"),
        no_more("topology's figures stood still, s", BEAT_SECONDS + 1, "Nimbus reads the pulses, as fresh as from Storm's own"),
        Rule("Pacemaker's memory, MiB", lambda d, t: t <= d / 10, "a tenth of a JVM's"),
    ]


def measure_logins(cluster, note):
    """What needs no cluster: replies beside those of Storm's own, and Storm's own client with each way to log in."""
    home = cluster.home
    note("messages answered as by Storm's Pacemaker", compare_daemons(home.root + "/lib", [1], 60, home.java))
    logins.measure_logins(home, note)


def login_rules(line):
    methods = ("NONE", "KERBEROS") + (("DIGEST",) if line.name == "1.2" else ())     # 2.8.3's DIGEST works nowhere
    return [must("messages answered as by Storm's Pacemaker", lambda v: v > 100, "all of them")] + [
        must(f"Storm's client by {m}", lambda v: v == "works", "as at Storm's own Pacemaker") for m in methods]


def end_pacemaker(cluster, kill):
    process = pacemaker_process(cluster)
    process.kill() if kill else process.stop()


def begin_pacemaker(cluster):
    """Returns when it listens."""
    if cluster.through:
        cluster.start_proxy()
        return
    cluster.hosts["pacemaker"].start("pacemaker")
    eventually(lambda: quietly(lambda: pulse.PulseConn(("127.0.0.1", cluster.pacemaker_port))), 60, "Pacemaker", 0.05).close()


def measure_restarts(cluster, note):
    """kill -9, after which the pulses are gone and come again; and an orderly stop."""
    for how, kill in (("killed", True), ("stopped", False)):
        with Episode(cluster) as e:
            reader = PulseReader(cluster)
            end_pacemaker(cluster, kill)
            time.sleep(RESTART_SECONDS)
            begin_pacemaker(cluster)
            note(f"{how} Pacemaker: beats that were there at once", len(reader.stamps(reader.paths())))
            reader.close()
            e.settle(stable=NIMBUS_TURN + 2)
            note(f"{how} Pacemaker: whole again after, s", round(e.recovery, 1))
            note(f"{how} Pacemaker: workers restarted", len(e.restarted))
            note(f"{how} Pacemaker: daemons ended", ", ".join(e.exited) or 0)
            note(f"{how} Pacemaker: longest gap in a beat, s", round(e.watch.gap, 1))


def restarts_rules(_line):
    return [must("stopped Pacemaker: beats that were there at once", lambda v: v == 2, "they are in the state file")] + [
        rule for how in ("killed", "stopped") for rule in (
            must(f"{how} Pacemaker: workers restarted", lambda v: v == 0, "no worker is restarted or reassigned"),
            must(f"{how} Pacemaker: daemons ended", lambda v: v == 0, "every client reconnects"),
            must(f"{how} Pacemaker: longest gap in a beat, s", lambda v: v < 25, "Nimbus gives a worker 30 s"))]


def measure_clean_up(cluster, note):
    topologies.measure_end(cluster, note)
    reader = PulseReader(cluster)
    note("pulses left", len(topologies.eventually_stable(reader.paths)))
    reader.close()


def clean_up_rules(_line):
    return [both("pulses left", lambda v: v == 0, "Nimbus has cleaned up")] + [
        must(label, lambda v: v == 0, "Nimbus has cleaned up") for label in (
            "znodes left below workerbeats, as Storm sees it", "znodes left below workerbeats in the ensemble",
            "znodes left in pacekeeper")]


# ---- the same, where Nimbus logs in -----------------------------------------------------------------------------

def measure_guarded(cluster, note):
    """Nimbus reads, and nobody else does who has not logged in."""
    measure_pulses(cluster, note)
    note("a stranger's list", strangers_list(cluster))
    note_logins(cluster, note, "")
    measure_restart(cluster, note, "Pacemaker")
    note_logins(cluster, note, ", after its kill")
    topologies.measure_end(cluster, note)


def note_logins(cluster, note, when):
    note(f"statistics that Nimbus has{when}", int(statistics(cluster) > 0))
    for label, key in (("logins", "pk_sasl_authenticated"), ("logins refused", "pk_sasl_refused")):
        note(label + when, int(pacemaker_process(cluster).mntr()[key]) if cluster.through else "-")


def strangers_list(cluster):
    stranger = pulse.PulseConn(("127.0.0.1", cluster.pacemaker_port))
    reply = stranger.call(pulse.GET_ALL_NODES, path_data("/workerbeats"))
    stranger.close()
    return "NOT_AUTHORIZED" if reply[1] == pulse.NOT_AUTHORIZED else reply[1]


def restart(cluster):
    if cluster.through:
        cluster.restart_proxy()
        return
    end_pacemaker(cluster, kill=True)
    time.sleep(RESTART_SECONDS)
    begin_pacemaker(cluster)


def measure_restart(cluster, note, what="pacekeeper"):
    """kill -9: what was in its memory alone is gone with it, and comes again."""
    with Episode(cluster) as e:
        restart(cluster)
        e.settle(stable=NIMBUS_TURN + 2)
        note(f"killed {what}: whole again after, s", round(e.recovery, 1))
        note(f"killed {what}: workers restarted", len(e.restarted))
        note(f"killed {what}: daemons ended", ", ".join(e.exited) or 0)


def guarded_rules(_line):
    logged_in = [rule for when in ("", ", after its kill") for rule in (
        must(f"statistics that Nimbus has{when}", lambda v: v == 1, "Nimbus reads the pulses"),
        must(f"logins{when}", lambda v: v > 0, "Nimbus has logged in"),
        must(f"logins refused{when}", lambda v: v == 0, "nobody had another secret"))]
    return logged_in + [
        must("beats/s", lambda v: v >= 0.8 * 2 / BEAT_SECONDS, "both workers beat"),
        must("transactions/s workerbeats", lambda v: v == 0, "no heartbeat reaches the ensemble"),
        must("a stranger's list", lambda v: v == "NOT_AUTHORIZED", "reads are for who has logged in"),
        must("killed Pacemaker: workers restarted", lambda v: v == 0, "no worker is restarted or reassigned"),
        must("killed Pacemaker: daemons ended", lambda v: v == 0, "every client reconnects"),
        must("znodes left in pacekeeper", lambda v: v == 0, "Nimbus has cleaned up"),
    ]


SCENARIOS = [
    Scenario("pulses", "A quiet cluster on Pacemaker's store", measure_pulses, pulse_rules, "both"),
    Scenario("pulse-kills", "kill -9 of one process of Storm on Pacemaker's store", kills.measure_kills, kills.kill_rules, "both"),
    Scenario("pulse-restarts", "The Pacemaker killed and stopped, and started after a second", measure_restarts, restarts_rules,
             "both"),
    Scenario("pulse-logins", "Storm's Pacemaker clients alone", measure_logins, login_rules, "through"),
    Scenario("pulse-end", "All topologies killed on Pacemaker's store", measure_clean_up, clean_up_rules, "both", together=False),
    Scenario("pulse-digest", "On Pacemaker's store with pacemaker.auth.method: DIGEST", measure_guarded, guarded_rules,
             "both"),
    Scenario("pulse-kerberos", "On Pacemaker's store with pacemaker.auth.method: KERBEROS", measure_guarded, guarded_rules,
             "through"),
]
KINDS = {**dict.fromkeys([s.name for s in SCENARIOS], Pulsing), "pulse-digest": PulsingDigest,
         "pulse-kerberos": PulsingKerberos}
