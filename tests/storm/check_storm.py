"""Real Storm clusters, directly on ZooKeeper and through pacekeeper: the driver behind contrib/check-storm.

Happy path: for each line of Storm two clusters run side by side, one without and one with pacekeeper. A scenario is
measured on both at the same time, so that a busy machine is busy for both, unless only one of them can do it; then
its rules compare the two columns. The table goes to the standard output, and to a file with --table; the last line
is "N passed, N failed", and the exit status says the same. A scenario that cannot be measured fails, and the next
one gets a new cluster.

$PACEKEEPER is the daemon. --keep leaves the scratch folders, with all logs of Storm, for a look.
"""
import argparse
import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import faults
import hosts
import kills
import migrate
import pacemakers
import pair
import pulses
import quiet
import secure
import security
import stores
import table
import topologies
from cluster import Cluster
from daemon import check_all, daemon_path
from home import Home
from lines import LINES
from procs import cleanup
from scenario import Notes, broken
from watch import Episode

SCENARIOS = [quiet.QUIET, quiet.FRESH, kills.KILLS, faults.SERVERS, faults.FREEZE, topologies.TOPOLOGIES, kills.PROXY,
             migrate.MIGRATE, pair.PAIR_MIGRATE, topologies.END, pair.PAIR, *pulses.SCENARIOS, stores.STORES, *secure.SCENARIOS]
KINDS = {**pulses.KINDS, stores.STORES.name: pacemakers.Pulsing, **secure.KINDS, pair.PAIR.name: pair.Pair,
         pair.PAIR_MIGRATE.name: pair.Pair}     # of clusters
ON_DEMAND = {s.name for s in (*pulses.SCENARIOS, stores.STORES, pair.PAIR_MIGRATE, *secure.ON_DEMAND)}
NOT_ON = {"1.2": {s.name for s in secure.SCENARIOS}, "2.8": {"pulse-digest"}}
QUICK = ("quiet", "fresh", "proxy", "end")
PR_SET_CHILD_SUBREAPER = 36
_started = time.monotonic()
_print = threading.Lock()
_measured = []                   # (line, its results so far): what an interruption still shows


def say(*words):
    with _print:
        print(f"[{time.monotonic() - _started:4.0f} s]", *words, flush=True)


def kind_of(scenario):
    """Of the cluster that a scenario is measured on."""
    return KINDS.get(scenario.name, security.Plain)


class Side:
    """One of the two clusters of a line. All of its processes are started by its one thread: they end with it."""

    def __init__(self, home, through):
        self.home, self.through = home, through
        self.thread = ThreadPoolExecutor(1)
        self.cluster = None

    @property
    def name(self):
        return "through pacekeeper" if self.through else "directly"

    def _start(self, scenario):
        kind = kind_of(scenario)
        self.cluster = Cluster(self.home, self.through, kind)
        self.cluster.start()
        with Episode(self.cluster) as e:
            if kind.FIRST_TURN:
                e.settle(stable=kind.FIRST_TURN)
            for name, what, workers in kind.TOPOLOGIES:
                self.cluster.submit(name, what, workers, kind.SECRETS.get(name, ""))
            e.settle(stable=1)
        say(f"Storm {self.home.line.version} {self.name}: up, {len(self.cluster.expected)} topologies run")

    def _measure(self, scenario):
        notes = Notes()
        try:
            if self.cluster and type(self.cluster.security) is not kind_of(scenario):
                self._stop()
            if self.cluster is None:
                self._start(scenario)
            scenario.measure(self.cluster, notes)
            return notes, []
        except BaseException as e:
            say(f"{scenario.name} {self.name} FAILED\n{traceback.format_exc()}")
            problem = f"{self.name}: {e or type(e).__name__}"
            self._stop()
            return notes, [problem]

    def measure(self, scenario):
        return self.thread.submit(self._measure, scenario)

    def _stop(self):
        cluster, self.cluster = self.cluster, None
        if cluster:
            cluster.stop()

    def stop(self):
        self.thread.submit(self._stop).result()
        self.thread.shutdown()


def run_line(line, scenarios, options, turn):
    """Returns [(scenario, notes directly, notes through, problems)]. turn is held while both clusters measure the same:
    when only one of them is still busy, the next line may begin."""
    turn.acquire()
    mine, sides, results, waiting = True, {}, [], []
    _measured.append((line, results))

    def collect():
        """What runs comes to its end, and is compared."""
        for scenario, started, running in waiting:
            notes, problems = {False: {}, True: {}}, []
            for through, future in running.items():
                # What a cluster that moves shows is pacekeeper's doing.
                column = through or scenario.columns == "moved"
                notes[column], found = future.result()
                problems += found
            if not problems:
                problems = broken(scenario, line, notes[False], notes[True], options.through)
            results.append((scenario, notes[False], notes[True], problems))
            say(f"Storm {line.version} {scenario.name}: {'FAILED' if problems else 'ok'} "
                f"({time.monotonic() - started:.0f} s)", *(f"\n    {p}" for p in problems))
        waiting.clear()

    try:
        home = Home(line, options.cache).assemble()
        sides = {through: Side(home, through) for through in (False, True)}
        for scenario in scenarios:
            if scenario.columns == "both" and scenario.together:
                collect()
            elif mine and not options.one_at_a_time:
                collect()
                mine = False
                turn.release()
            running = {}
            both = (True,) if options.through else (False, True)
            for through in {"both": both, "through": (True,), "moved": (False,)}[scenario.columns]:
                running[through] = sides[through].measure(scenario)
                if options.one_at_a_time:
                    running[through].result()
            waiting.append((scenario, time.monotonic(), running))
        collect()
    finally:
        for side in sides.values():
            side.stop()
        if mine:
            turn.release()
    return results


def directly_only(scenario, problems):
    return scenario.columns == "both" and bool(problems) and all(p.startswith("directly: ") for p in problems)


def again(line, results, options, turn):
    """The results with those that failed replaced by a second attempt."""
    found = []
    for scenario, direct, through, problems in results:
        if not problems:
            found.append((scenario, direct, through, problems, ""))
            continue
        say(f"Storm {line.version} {scenario.name}: again, on new clusters")
        (_, direct, through, second), = run_line(line, [scenario], options, turn)
        remark = "at the second attempt; the first: " + "; ".join(problems)
        if directly_only(scenario, second):
            remark, second = "; ".join(second), []
        found.append((scenario, direct, through, second, remark))
    return found


def chosen(line, names, asked):
    """The scenarios of a line. Those on demand are run when they are asked for by their names: they take minutes. Secured
    clusters are of today's Storm; its client of Pacemaker cannot log in by DIGEST."""
    without = NOT_ON[line] | ON_DEMAND - set(asked or ())
    return [s for s in SCENARIOS if s.name in names and s.name not in without]


def finish():
    """Ends what is left, by pid, and removes the scratch folders."""
    for folder in hosts.folders:
        hosts.end_all(folder)
    cleanup()


def interrupted(*_):
    """SIGTERM or SIGINT: threads are in the middle of something, and are not waited for."""
    for line, results in _measured:
        print("\n".join([""] + table.lines_of(line, [(*result, "interrupted later") for result in results])), flush=True)
    finish()
    os._exit(143)


def main():
    parser = argparse.ArgumentParser(prog="check-storm", description="runs real Storm clusters through pacekeeper")
    parser.add_argument("--storm", choices=sorted(LINES), action="append", help="only this line of Storm")
    parser.add_argument("--only", metavar="NAME", action="append",
                        help="only this scenario: " + ", ".join(s.name for s in SCENARIOS))
    parser.add_argument("--without", metavar="NAME", action="append", default=[], help="all but this scenario")
    parser.add_argument("--quick", action="store_true", help="only " + ", ".join(QUICK))
    parser.add_argument("--one-at-a-time", action="store_true", help="one cluster after the other, not side by side")
    parser.add_argument("--through", action="store_true", help="no cluster without pacekeeper, and no rule that compares")
    parser.add_argument("--table", metavar="FILE", help="write the table there too")
    parser.add_argument("--cache", metavar="DIR", required=True, help="where the homes of Storm are")
    parser.add_argument("--keep", action="store_true", help="leave the scratch folders")
    options = parser.parse_args()
    names = options.only or (QUICK if options.quick else [s.name for s in SCENARIOS])
    unknown = {*names, *options.without} - {s.name for s in SCENARIOS}
    if unknown:
        parser.error("no such scenario: " + ", ".join(sorted(unknown)))
    names = [name for name in names if name not in options.without]
    if options.keep:
        os.environ["KEEP_SCRATCH"] = "1"
    daemon_path()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    # Workers outlive their supervisors; as our children they are ended and reaped here.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    text, passed, failed = [], 0, 0
    turn = threading.Lock()
    try:
        with ThreadPoolExecutor(2) as pool:
            lines = [(name, pool.submit(run_line, LINES[name], chosen(name, names, options.only), options, turn))
                     for name in options.storm or ["2.8", "1.2"]]
            for name, future in lines:
                results = again(LINES[name], future.result(), options, turn)
                text += table.lines_of(LINES[name], results) + [""]
                failed += sum(bool(problems) for *_, problems, _remark in results)
                passed += sum(not problems for *_, problems, _remark in results)
        for problem in check_all():
            failed += 1
            say("FAILED", problem)
    finally:
        finish()
    print("\n".join([""] + text))
    if options.table:
        with open(options.table, "w", encoding="utf-8") as f:
            f.write("\n".join(text))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
