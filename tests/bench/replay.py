"""Sections of `make bench` that are not run by default: whole Storm clusters, as large as this machine lets them be.

replay  what Storm 2.8 and 1.2 send (pk-bench storm --line), directly and through pacekeeper
pulses  heartbeats alone, of the same workers: to Storm's own Pacemaker daemon, to pacekeeper in Pacemaker's protocol and
        in ZooKeeper's, to a pair, half of the workers at each, and to ZooKeeper

Happy path: every worker and supervisor has a session of its own, Nimbus reads all heartbeats every 10 s; what counts
begins after a warm-up, in which heartbeats are created and the JVMs compile. One proxy needs two descriptors a client:
where the limit does not let one have all sessions, the cluster is split into as many clusters, each with its own proxy,
its own server of one ensemble and its own pk-bench, all at the same time. CPU, requests and memory are sums over the
parts, latencies those of the slowest. Pulses need no such parts: beyond the limit workers share connections, which Storm's
do not, but what a pulse costs is the same. $REPLAY_WORKERS is another number of workers than 24,000 (pulses: 9000 and 24,000).

Failure modes: a part that fails is a problem, and its cluster has no row; "of due" says whether the machine kept up
with the schedule: where it did not, latencies tell about the machine.
"""
import collections
import os
import resource
import subprocess

import group
import rig
import txnlog
from pacemaker import Pacemaker, jars
from runner import BIG_JVM, CROWD, command, result
from table import Table

SPARE = 300     # descriptors that a process needs besides those of its clients
MOUNTS = ["/storm/workerbeats=pacemaker", "/storm/supervisors=write-behind,flush=60s"]   # as with --storm-yaml
HEADS = ["", "parts", "sessions", "requests/s", "beats, of due", "CPU s/s: proxy", "server", "requests per CPU-s",
         "MiB: proxy", "server", "transactions/s", "beat p50 ms", "p99 ms", "other p50 ms", "p99 ms", "read p50 us",
         "scans", "errors"]


def clients_per_proxy():
    return (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE) // 2


def _parts(workers, supervisors):
    """Into how many clusters so many sessions must be split."""
    return -(-(workers + supervisors + 3) // clients_per_proxy())


class Site:
    """The servers of a run: an ensemble of one server for each part, and a proxy before each, if wanted."""

    def __init__(self, parts, proxied, args=()):
        self.servers = [rig.ZooKeeper(jvm=BIG_JVM).start()] if parts == 1 else \
            rig.Ensemble(parts, jvm=BIG_JVM).start().servers
        self.proxies = []
        if proxied:
            self.proxies = [rig.Pacekeeper(s.connect_string, mounts=MOUNTS, config=CROWD, args=args).start()
                            for s in self.servers]

    def pids(self, part):
        found = {"zk": self.servers[part].pid}
        return {**found, "proxy": self.proxies[part].pid} if self.proxies else found

    def entry(self, part):
        return (self.proxies or self.servers)[part]

    def entries(self):
        return self.proxies or self.servers

    def transactions(self, begin_ms, end_ms):
        txns = txnlog.read(self.servers[0].txnlog_dir)
        return sum(begin_ms <= t.time < end_ms for t in txns) / ((end_ms - begin_ms) / 1000)

    def stop(self):
        for process in self.proxies + self.servers:
            process.stop()


Door = collections.namedtuple("Door", "pid port")     # one port of a process


class Alone:
    """A daemon that needs nobody."""

    def __init__(self, daemon):
        self.daemon = daemon

    def entries(self):
        return [self.daemon]

    def stop(self):
        self.daemon.stop()


class Pulsing(Site):
    """A pacekeeper whose clients speak Pacemaker's protocol."""

    def __init__(self):
        super().__init__(1, True, ["--pacemaker", "127.0.0.1:0"])

    def entries(self):
        return [Door(p.pid, p.pacemaker_port) for p in self.proxies]


class Paired(Site):
    """Two pacekeepers with one memory."""

    def __init__(self):
        super().__init__(1, False)
        self.proxies = group.Group(self.servers[0].connect_string, mounts=MOUNTS, config=CROWD).start().members


def _run_all(bench, commands, timeout):
    """Runs of pk-bench at the same time; their results."""
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for argv in commands]
    results = []
    for argv, process in zip(commands, running):
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        found = result(out)
        if process.returncode != 0 or not found:
            bench.problems.append(f"{' '.join(argv[1:])}: {err.strip()[-300:] or 'errors in the result'}")
        results.append(found)
    return [r for r in results if r]


def _total(results, key):
    return sum(r.get(key, 0) for r in results)


def _worst(results, key, per=1000):
    return max(r.get(key, 0) for r in results) / per


def _replay(bench, table, line, workers, supervisors, proxied, **options):
    """One cluster, one way; a row of the table."""
    parts = _parts(workers, supervisors)
    site = Site(parts, proxied)
    seconds, warmup = (8, 6) if bench.quick else (30, 15)
    commands = [command("storm", [site.entry(i)], site.pids(i), line=line, workers=workers // parts,
                        supervisors=supervisors // parts, seconds=seconds, warmup=warmup, timeout_ms=40000, **options)
                for i in range(parts)]
    results = _run_all(bench, commands, timeout=600)
    if len(results) == parts:
        took, rate = results[0]["seconds"], _total(results, "requests_per_s")
        begin, end = max(r["begin_ms"] for r in results), min(r["end_ms"] for r in results)
        due = workers / (results[0]["period_ms"] / 1000)
        cpu, server = _total(results, "proxy_cpu_s") / took, _total(results, "zk_cpu_s") / took
        table.row("pacekeeper" if proxied else "directly", parts, workers + supervisors + 3 * parts, rate,
                  _total(results, "beats_per_s") / due, cpu, server, rate / ((cpu if proxied else server) or 1),
                  _total(results, "proxy_rss_kib") / 1024, _total(results, "zk_rss_kib") / 1024,
                  site.transactions(begin, end) if end > begin else None, _worst(results, "beat_p50_us"),
                  _worst(results, "beat_p99_us"), _worst(results, "other_p50_us"), _worst(results, "other_p99_us"),
                  _worst(results, "read_p50_us", 1), _total(results, "scans"), _total(results, "errors"))
    site.stop()


def replay(bench):
    """Storm's own sequences; see pk-bench storm --line."""
    workers, supervisors = (400, 100) if bench.quick else (1080, 270)
    many = 2000 if bench.quick else int(os.environ.get("REPLAY_WORKERS", 24000))
    for name, line, w, s, options in (("2.8, beats each 60 s", "2.8", workers, supervisors, {}),
                                      ("2.8, beats each 3 s", "2.8", workers, supervisors, {"period_ms": 3000}),
                                      ("1.2, workers only", "1.2", many, 0, {})):
        table = Table(f"Storm {name}: {w} workers, {s} supervisors, replayed (at most {clients_per_proxy()} clients a "
                      "proxy: limit of descriptors)", HEADS)
        for proxied in (False, True):
            _replay(bench, table, line, w, s, proxied, **options)
        table.print()


def pulses(bench):
    """Heartbeats alone: requests per CPU-second and memory beside Storm's Pacemaker."""
    sizes = [1000] if bench.quick else [9000, 24000]
    if "REPLAY_WORKERS" in os.environ:
        sizes = [int(os.environ["REPLAY_WORKERS"])]
    lib = jars()
    if lib is None:
        bench.problems.append("pulses: no Storm home; contrib/check-storm assembles one below $STORM_CACHE")
        return
    for workers in sizes:
        _pulses(bench, lib, workers)


def _pulses(bench, lib, workers):
    connections = min(workers, clients_per_proxy() - 3)
    seconds, warmup = (8, 8) if bench.quick else (20, 15)
    table = Table(f"heartbeats of {workers} workers at 3 s on {connections} connections, all read every 10 s",
                  ["server", "beats/s", "of due", "requests/s", "CPU s/s", "requests per CPU-s", "of Pacemaker",
                   "beats per CPU-s", "of Pacemaker", "MiB", "of Pacemaker", "beat p50 ms", "p99 ms", "errors"])
    servers = [("Pacemaker", lambda: Alone(Pacemaker(lib).start()), "pulses"), ("pacekeeper, as Pacemaker", Pulsing, "pulses")]
    if connections == workers:               # a session is one worker's
        servers += [("pacekeeper", lambda: Site(1, True), "storm"), ("a pair, both", Paired, "storm"),
                    ("ZooKeeper", lambda: Site(1, False), "storm")]
    rows = []
    for name, where, load in servers:
        site = where()
        shared = {"connections": connections} if load == "pulses" else {}
        pids = {f"it{i}": entry.pid for i, entry in enumerate(site.entries())}
        argv = command(load, site.entries(), pids, workers=workers, seconds=seconds, warmup=warmup, **shared)
        rows += [(name, _of_all(r, pids)) for r in _run_all(bench, [argv], timeout=600)]
        site.stop()
    base = next((r for name, r in rows if name == "Pacemaker"), None)
    for r in (r for name, r in rows if base and name == "pacekeeper, as Pacemaker"):
        what = f"{workers} pulses: requests per CPU-second, of Pacemaker's"
        bench.expect(what, r["requests_per_cpu_s"] / base["requests_per_cpu_s"], 6)
        bench.expect(f"{workers} pulses: Pacemaker's memory, of pacekeeper's", base["rss_kib"] / r["rss_kib"], 15)
    for name, r in rows:
        of = [r[k] / base[k] if base else None for k in ("requests_per_cpu_s", "beats_per_cpu_s", "rss_kib")]
        table.row(name, r["beats_per_s"], r["beats_per_s"] * 3 / workers, r["requests_per_cpu_s"] * r["cpu_s"] / r["seconds"],
                  r["cpu_s"] / r["seconds"], r["requests_per_cpu_s"], of[0], r["beats_per_cpu_s"], of[1],
                  r["rss_kib"] / 1024, of[2], r["beat_p50_us"] / 1000, r["beat_p99_us"] / 1000, r["errors"])
    table.print()


def _of_all(r, pids):
    """A result with the CPU of all servers, what that is for, and the memory of the largest."""
    cpu = sum(r[f"{who}_cpu_s"] for who in pids)
    requests = r["it0_req_per_cpu_s"] * r["it0_cpu_s"]
    return {**r, "cpu_s": cpu, "requests_per_cpu_s": requests / (cpu or 1), "beats_per_cpu_s": r["beats"] / (cpu or 1),
            "rss_kib": max(r[f"{who}_rss_kib"] for who in pids)}
