"""Scenarios without faults: what a quiet cluster costs the ensemble, and how fresh its statistics are."""
import re
import time

from figures import CLASSES, by_class, rate, stretch, transactions
from scenario import Scenario, both, must, no_more
from ui import Ui, quietly
from watch import BEAT_SECONDS

QUIET_SECONDS = 30
FRESH_SECONDS = 25               # Nimbus 1.2 takes the beats in every 10 s: two such turns, and more
FLUSH_SECONDS = 60               # of /supervisors, with --storm-yaml


def measure_quiet(cluster, note):
    start, end, beaten = stretch(cluster, QUIET_SECONDS)
    seconds = end.time - start.time
    counts = by_class(start, end)
    for name in CLASSES + ("sessions", "refused", "others"):
        if counts[name] or name in ("workerbeats", "supervisors"):
            note(f"transactions/s {name}", float(rate(counts[name], seconds)))
    note("transactions/s in all", float(rate(sum(counts.values()), seconds)))
    note("most flushes of a supervisor", max(supervisor_writes(cluster, start, end), default=0))
    note("requests/s at the ensemble", float(rate(end.packets - start.packets, seconds)))
    note("beats/s", float(rate(beaten, seconds)))
    absorbed = end.proxies["pk_beats_absorbed"] - start.proxies["pk_beats_absorbed"]
    note("writes/s answered by pacekeeper", float(rate(absorbed, seconds)))
    local = end.proxies["pk_requests_local"] - start.proxies["pk_requests_local"]
    note("requests/s answered by pacekeeper", float(rate(local, seconds)))
    note("CPU of the servers, %", round(100 * (end.servers_cpu - start.servers_cpu) / seconds, 1))
    note("CPU of pacekeeper, %", round(100 * (end.proxies_cpu - start.proxies_cpu) / seconds, 1))


def supervisor_writes(cluster, start, end):
    """How often each /supervisors/ID was written."""
    counts = {}
    for txn in transactions(cluster, start.zxid):
        for path in set(txn.paths) if txn.zxid <= end.zxid else ():      # a flush is one transaction of several steps
            if path.startswith("/storm/supervisors/"):
                counts[path] = counts.get(path, 0) + 1
    return counts.values()


def quiet_rules(_line):
    least = 0.8 * 4 / BEAT_SECONDS           # four workers; the first of an interval may fall out of the window
    return [
        must("transactions/s workerbeats", lambda t: t == 0, "no heartbeat reaches the ensemble"),
        must("most flushes of a supervisor", lambda t: t <= QUIET_SECONDS // FLUSH_SECONDS + 1,
             f"at most once in {FLUSH_SECONDS} s and supervisor"),
        no_more("transactions/s in all"),
        no_more("requests/s at the ensemble", 3.0, "heartbeats are answered here; our keep-alives and status requests "
                                                   "are a few"),
        both("beats/s", lambda v: v >= least, "every worker beats"),
    ]


def still_times(samples):
    """The longest time that a figure stood still in [(time, value)]."""
    longest, since = 0.0, samples[0][0]
    for (_, before), (when, value) in zip(samples, samples[1:]):
        longest = max(longest, when - since)
        if value != before:
            since = when
    return longest


def measure_fresh(cluster, note):
    rows = cluster.ui.topologies()
    id = rows["steady"]["id"]
    first = {name: cluster.ui.topology(row["id"]) for name, row in rows.items()}
    totals, executors = [], []
    started = time.monotonic()
    while time.monotonic() - started < FRESH_SECONDS:
        page = cluster.ui.topology(id)
        totals.append((time.monotonic(), page["emitted"]))
        executors.append((time.monotonic(), page["components"]["ticks"]))
        time.sleep(0.5)
    last = {name: cluster.ui.topology(row["id"]) for name, row in rows.items()}
    note("topology's figures stood still, s", round(still_times(totals), 1))
    note("component's figures stood still, s", round(still_times(executors), 1))
    note("topologies whose figures moved", sum(last[n]["emitted"] > first[n]["emitted"] for n in last))
    note("workers with an uptime", sum(w["uptimeSeconds"] > 0 for p in last.values() for w in p["workers"]))
    note("age of the newest error, s", round(time.time() - last["failing"]["error"], 1))
    note("Logviewer shows a worker's log", logviewer(cluster))
    note("age of what `storm heartbeats get` prints, s", heartbeat_age(cluster))


def logviewer(cluster):
    if not cluster.line.logviewer:
        return "-"
    worker = next(w for w in cluster.workers() if w.host == "supervisor-1")
    text = quietly(lambda: Ui(cluster.logviewer_port).text("/log", file=f"{worker.topology}/{worker.port}/worker.log"),
                   default="")
    return "yes" if "<pre" in text and worker.topology in text else "no"


def heartbeat_age(cluster):
    """Seconds since the beat that Storm's own command shows was made; -1 when it shows none."""
    path = next(p for p in sorted(cluster.beats()) if "steady" in p)
    text = cluster.heartbeats("get", path[len("/storm"):])
    found = re.search(r'(?:"time-secs":|:time-secs )(\d+)', text)
    return round(time.time() - int(found.group(1)), 1) if found else -1


def fresh_rules(line):
    return [
        no_more("topology's figures stood still, s", BEAT_SECONDS + 1,
                "as fresh as directly, but for when in its turn a beat falls"),
        no_more("component's figures stood still, s", BEAT_SECONDS + 1,
                "as fresh as directly, but for when in its turn a beat falls"),
        both("topologies whose figures moved", lambda v: v == 3, "all topologies live"),
        both("workers with an uptime", lambda v: v == 4, "all workers show"),
        both("age of the newest error, s", lambda v: v < 15, "an error comes every few seconds"),
        both("Logviewer shows a worker's log", lambda v: v == ("yes" if line.logviewer else "-"), "it answers"),
        both("age of what `storm heartbeats get` prints, s", lambda v: 0 <= v <= 2 * BEAT_SECONDS + 2,
             "a beat, and a fresh one: beats come every 3 s, and the command takes a second or two"),
    ]


QUIET = Scenario("quiet", "A quiet cluster", measure_quiet, quiet_rules, "both")
FRESH = Scenario("fresh", "Statistics as the UI shows them", measure_fresh, fresh_rules, "both")
