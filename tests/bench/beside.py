"""Section of `make bench --against`: what a request costs, of what it costs in another build of the daemon.

Happy path: both daemons take short turns under the same load, first one first, then the other first; the ratio of
requests per CPU-second of each two turns beside each other, and of all of them the median with its quartiles: what else
the machine does lasts longer than a turn, so it falls on both. Failure modes: a run that fails is noted by the bench and
its two turns are left out; without --against there is nothing to compare.
"""
import statistics

from runner import OUTSIDE, UNDER
from table import Table

PER_CPU = "it_req_per_cpu_s"
CASES = (
    ("beat, closed loop, 100 sessions", "load", {"op": "beat", "sessions": 100}, PER_CPU),
    ("beat, pipelined 16, 100 sessions", "load", {"op": "beat", "sessions": 100, "depth": 16}, PER_CPU),
    ("beat, 1500 a second, 100 sessions", "load", {"op": "beat", "sessions": 100, "rate": 1500}, PER_CPU),
    ("all beats read, one by one", "load", {"op": "read-all", "sessions": 1, "znodes": 200}, PER_CPU),
    ("all beats read, pipelined 16", "load", {"op": "read-all", "sessions": 1, "znodes": 200, "depth": 16}, PER_CPU),
    ("birth", "znodes", {"sessions": 10, "znodes": 5000}, "created_per_cpu_s"),
    ("death", "znodes", {"sessions": 10, "znodes": 5000}, "deleted_per_cpu_s"),
    ("relayed get, 16 sessions", "load", {"op": "get", "sessions": 16}, PER_CPU),
    ("relayed set, 16 sessions", "load", {"op": "set", "sessions": 16}, PER_CPU),
)
WORST = 0.97  # of the other's requests per CPU-second


def _pair(bench, turn, name, options, key):
    """One turn of each, in the order of the turn's number; ours over the other's, None when a run failed."""
    order = ("pacekeeper", "other") if turn % 2 == 0 else ("other", "pacekeeper")
    more = {} if name == "znodes" else {"seconds": bench.turn / 2}
    found = {who: bench.run(who, name, size=1024, **options, **more).get(key) for who in order}
    return found["pacekeeper"] / found["other"] if all(found.values()) else None


def beside(bench):
    """Requests per CPU-second beside those of the other build."""
    if "other" not in bench.targets or "pacekeeper" not in bench.targets:
        return
    turns = 11 if bench.quick else 31
    table = Table(f"requests per CPU-second, of the other build's, {turns} pairs of turns",
                  ["what", "median", "quarter below", "quarter above"])
    for what, name, options, key in CASES:
        root = OUTSIDE if what.startswith("relayed") else UNDER
        ratios = [_pair(bench, turn, name, {**options, "root": root}, key) for turn in range(turns)]
        ratios = [ratio for ratio in ratios if ratio]
        if len(ratios) < 2:
            continue
        low, median, high = statistics.quantiles(ratios, n=4)
        table.row(what, median, low, high)
        bench.expect(f"{what}: requests per CPU-second, of the other build's", median, WORST)
    table.print()
