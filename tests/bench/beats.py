"""Sections of `make bench`: beats, from the cheapest way to send them to a schedule.

Happy path: the same sessions, sizes and depth on every target; requests per CPU-second beside the bare echo's.
"""
from runner import UNDER
from table import Table


SERVERS = ("echo", "pacekeeper", "zookeeper")


def _beats(bench, title, depth, wanted=None, rate=None, servers=SERVERS, **more):
    """Prints a table; returns requests per CPU-second by (server, size, sessions)."""
    latency = "op" if rate else "req"
    table = Table(title, ["size", "sessions", "server", "requests/s", "per CPU-s", "of echo", "p50 us", "p99 us",
                          "p99.9 us"] + (["late"] if rate else []))
    worst, all_per_cpu = None, {}
    for size in bench.sizes:
        for sessions in bench.crowds:
            base = None
            if rate:
                more["rate"] = rate(sessions)
            for target, r in bench.group(servers, "it_req_per_cpu_s", "more", "load",
                                         op="beat", size=size, sessions=sessions, depth=depth, root=UNDER, **more):
                per_cpu = all_per_cpu[target, size, sessions] = r["it_req_per_cpu_s"]
                base = per_cpu if target == "echo" else base
                ratio = per_cpu / base if base else None
                if target == "pacekeeper" and ratio is not None:
                    worst = ratio if worst is None else min(worst, ratio)
                table.row(size, sessions, target, r["rps"], per_cpu, ratio, r[latency + "_p50_us"],
                          r[latency + "_p99_us"], r[latency + "_p999_us"], *([r["backlog"]] if rate else []))
    table.print()
    if wanted:
        bench.expect(f"{title}: requests per CPU-second, of the echo's, at worst", worst, wanted)
    return all_per_cpu


def closed(bench):
    _beats(bench, "beats, closed loop", 1, 0.8)


def pipelined(bench):
    _beats(bench, "beats, pipelined 16", 16, 0.5)


def paced(bench):
    _beats(bench, "beats, paced at 1500 beats/s, latency since due", 1, rate=lambda sessions: 1500)


def cached(bench):
    """Refreshes of znodes that the ensemble has, in mode write-behind, beside local znodes (pacekeeper), on a schedule:
    a cached znode takes 1000 writes between two flushes, which replay every version; a closed loop would soon wait.
    The warm-up has every session get its cached znode; the last daemon flushes every second: so flushes are seen."""
    if "pacekeeper" not in bench.targets:
        return
    bench.targets["cached"] = bench.new_daemon("write-behind")
    bench.targets["flush 1s"] = bench.new_daemon("write-behind,flush=1s")
    title = "beats on cached znodes, paced at 10 a second and session, at most 4000"
    found = _beats(bench, title, 1, rate=lambda sessions: min(10 * sessions, 4000), warmup=1,
                   servers=("echo", "cached", "flush 1s", "pacekeeper"))
    ratios = [value / found["pacekeeper", size, sessions] for (name, size, sessions), value in found.items()
              if name == "cached" and found.get(("pacekeeper", size, sessions))]
    bench.expect("cached znodes: requests per CPU-second, of those on local znodes, at worst",
                 min(ratios, default=None), 0.75)
    for name in ("cached", "flush 1s"):
        bench.targets.pop(name).stop()
