"""Figures of a cluster between two moments: transactions by class of path, requests, beats answered, CPU.

Happy path: start = Moment(cluster); ...; figures(start, Moment(cluster)) is a list of (label, value). Transactions come
from the ensemble's transaction log, where each is logged once by each server (the longest log is taken); requests
from `mntr` of the servers and of pacekeeper; CPU from /proc.
"""
import collections
import os
import time

import txnlog
from wire import mntr

CLASSES = ("workerbeats", "supervisors", "errors", "nimbuses", "leader-lock", "assignments", "storms", "blobstore")
TICKS = os.sysconf("SC_CLK_TCK")


def path_class(txn):
    """workerbeats, supervisors, ..., sessions (opened or closed), refused (an error), or others."""
    if txn.type in (txnlog.CREATE_SESSION, txnlog.CLOSE_SESSION):
        return "sessions"
    if txn.type == txnlog.ERROR:
        return "refused"
    for path in txn.paths:
        parts = path.split("/")
        if len(parts) > 2 and parts[2] in CLASSES:
            return parts[2]
    return "others"


def transactions(cluster, after=0):
    """The ensemble's transactions after a zxid, in order."""
    logs = [txnlog.read(s.txnlog_dir) for s in cluster.ensemble.servers]
    return [t for t in max(logs, key=len) if t.zxid > after]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Moment:
    def __init__(self, cluster):
        self.cluster = cluster
        self.time = time.monotonic()
        self.zxid = cluster.last_zxid()
        self.packets = sum(mntr(s.addr)["zk_packets_received"] for s in cluster.ensemble.servers)
        self.servers_cpu = sum(cpu_seconds(s.pid) for s in cluster.ensemble.servers)
        self.proxies = collections.Counter()
        self.proxies_cpu = 0.0
        for proxy in cluster.proxies.values():
            self.proxies.update({k: v for k, v in mntr(proxy.addr).items() if isinstance(v, int)})
            self.proxies_cpu += cpu_seconds(proxy.pid)


def stretch(cluster, seconds):
    """(a moment, one so many seconds later, how often heartbeats that were there before were written in between)."""
    beats = cluster.beats()
    start = Moment(cluster)
    time.sleep(seconds)
    end = Moment(cluster)
    beaten = sum(stat.version - beats[path].version for path, stat in cluster.beats().items() if path in beats)
    return start, end, beaten


def by_class(start, end):
    """How many transactions of each class between two moments."""
    done = [t for t in transactions(start.cluster, start.zxid) if t.zxid <= end.zxid]
    return collections.Counter(path_class(t) for t in done)


def rate(count, seconds):
    return f"{count / seconds:.2f}"
