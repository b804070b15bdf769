"""Sections of `make bench` with ensembles of their own: what they still have to write, by their own transaction log, and
what clients see of a server that is lost.

Happy path, transactions: for each mode a ZooKeeper and a daemon that have done nothing else, simulated workers that beat as Storm's,
and the transactions of a stretch that begins when every worker has its heartbeat and every cached znode was flushed.
"""
import rig
import txnlog
from runner import BIG_JVM, MOUNT
from table import Table


def stretch(zookeeper, begin_ms, end_ms):
    """(all, below the mount, sessions opened and closed) a second, between two times of the day."""
    txns = [t for t in txnlog.read(zookeeper.txnlog_dir) if begin_ms <= t.time < end_ms]
    seconds = (end_ms - begin_ms) / 1000
    below = [t for t in txns if any(p.startswith(MOUNT + "/") for p in t.paths)]
    sessions = [t for t in txns if t.type in (txnlog.CREATE_SESSION, txnlog.CLOSE_SESSION)]
    return len(txns) / seconds, len(below) / seconds, len(sessions) / seconds


def _measure(bench, name, mode, workers, period, flush, window):
    """One mode's transactions a second, and pk-bench's result."""
    zookeeper = rig.ZooKeeper(jvm=BIG_JVM).start()
    daemon = bench.new_daemon(mode, upstream=zookeeper) if mode else None
    begun = period + flush  # seconds until every worker has its heartbeat and every cached znode was flushed
    r = bench.run(name, "storm", server=daemon or zookeeper, workers=workers, period_ms=int(period * 1000),
                  seconds=begun + window + 0.5)
    if daemon:
        daemon.stop()
    zookeeper.stop()
    begin = r["begin_ms"] + begun * 1000 if r else 0
    return (r, *stretch(zookeeper, begin, begin + window * 1000)) if r else None


def transactions(bench):
    """Transactions of workers that beat, in each mode and directly."""
    workers, period, flush, window = (400, 1, 2, 2) if bench.quick else (4000, 3, 10, 10)
    modes = {"directly": None, "relay": "relay", "write-behind": f"write-behind,flush={flush}s",
             "pacemaker": "pacemaker"}
    if "pacekeeper" not in bench.targets:
        modes = {"directly": None}
    table = Table(f"the ensemble's transactions: {workers} workers, a beat each {period} s, flush {flush} s",
                  ["mode", "beats/s", "transactions/s", "of direct", "below the mount", "sessions", "beat p50 us",
                   "p99 us", "errors"])
    base = None
    for name, mode in modes.items():
        found = _measure(bench, name, mode, workers, period, flush, window)
        if not found:
            continue
        r, txns, below, sessions = found
        base = txns if mode is None else base
        table.row(name, r["beats_per_s"], txns, txns / base if base else None, below, sessions, r["beat_p50_us"],
                  r["beat_p99_us"], r["errors"])
        if mode == "pacemaker":
            bench.expect("transactions below a mount in mode pacemaker", below, 0, at_least=False)
        elif mode and mode.startswith("write-behind") and base:
            bench.expect("transactions in mode write-behind, of directly (3 s beats, flush 10 s: 0.30; quick: 0.50)",
                         txns / base, 1.1 * period / flush, at_least=False)
    table.print()


def lost(bench):
    """A follower is killed under its clients."""
    sessions = 900 if bench.quick else 5000
    table = Table(f"a server of three is killed under {sessions} sessions: until those on it are served again",
                  ["clients", "half ms", "99 % ms", "all ms", "connections ended", "expired", "never served"])
    zookeepers = rig.Ensemble(3, jvm=BIG_JVM).start()
    for name in ("directly", "pacekeeper", "other"):
        if name not in bench.targets and name != "directly":
            continue
        daemon = None
        if name != "directly":
            daemon = bench.new_daemon(upstream=zookeepers, path=bench.against if name == "other" else None)
        victim = zookeepers.followers()[0]
        r = bench.run(name, "lost", servers=[daemon] if daemon else zookeepers.servers, sessions=sessions,
                      affected=-(-sessions // 3), victim=victim.pid, seconds=40, timeout_ms=20000)
        if r:
            table.row(name, r["half_ms"], r["p99_ms"], r["all_ms"], r["connections"], r["expired"], r["unserved"])
        if daemon:
            daemon.stop()
        victim.restart()
    zookeepers.stop()
    table.print()
