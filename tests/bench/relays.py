"""Sections of `make bench`: what is read, what is relayed, and both together in a simulated Storm cluster.

Happy path: pacekeeper beside a real ZooKeeper; relayed requests also beside a bare TCP relay.
"""
from runner import OUTSIDE, UNDER
from table import Table


def reads(bench):
    """All beats read by one session, as Nimbus does, and pipelined."""
    table = Table("all beats read by one session (exists, getData)",
                  ["znodes", "depth", "server", "requests/s", "per CPU-s", "p50 us", "p99 us", "p99.9 us"])
    for znodes in (200,) if bench.quick else (200, 4000):
        for depth in (1, 16):
            for target in ("pacekeeper", "other", "zookeeper"):
                r = bench.run(target, "load", op="read-all", sessions=1, znodes=znodes, depth=depth, root=UNDER,
                              seconds=bench.seconds)
                if r:
                    table.row(znodes, depth, target, r["rps"], r["it_req_per_cpu_s"], r["req_p50_us"],
                              r["req_p99_us"], r["req_p999_us"])
    table.print()


def relayed(bench):
    """Requests outside the mounts: through us, through a bare relay, directly."""
    table = Table("relayed gets and sets (1 KiB, outside the mounts)",
                  ["op", "sessions", "server", "requests/s", "p50 us", "of relay", "p99 us", "p99.9 us"])
    worst = None
    for op in ("get", "set"):
        for sessions in (1, 16):
            base = None
            for target, r in bench.group(("zookeeper", "relay", "pacekeeper"), "req_p50_us", "less", "load",
                                         op=op, sessions=sessions, root=OUTSIDE):
                base = r["req_p50_us"] if target == "relay" else base
                ratio = r["req_p50_us"] / base if base else None
                if target == "pacekeeper" and ratio is not None:
                    worst = ratio if worst is None else max(worst, ratio)
                table.row(op, sessions, target, r["rps"], r["req_p50_us"], ratio, r["req_p99_us"], r["req_p999_us"])
    table.print()
    bench.expect("relayed p50, of the bare relay's, at worst", worst, 1.3, at_least=False)


def storm(bench):
    """The simulated Storm cluster."""
    table = Table("simulated Storm, 200 workers, a beat each 100 ms, Nimbus reading",
                  ["server", "beats/s", "beat p50 us", "p99 us", "p99.9 us", "Nimbus p50 us", "CPU s", "errors"])
    for target in ("pacekeeper", "other", "zookeeper"):
        r = bench.run(target, "storm", workers=200, period_ms=100, scan_ms=500, seconds=2 * bench.seconds)
        if r:
            table.row(target, r["beats_per_s"], r["beat_p50_us"], r["beat_p99_us"], r["beat_p999_us"],
                      r["read_p50_us"], r["it_cpu_s"], r["errors"])
    table.print()
