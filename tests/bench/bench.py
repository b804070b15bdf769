#!/usr/bin/python3
"""`make bench`: pacekeeper beside a bare libuv frame echo, a bare libuv TCP relay and a real ZooKeeper, in one run.

Usage: bench.py [--quick] [--only SECTION,...] [--without pacekeeper]
Sections: closed pipelined paced reads relayed storm memory. Quick takes about a minute, everything under ten.

Happy path: the servers start on free loopback ports, tools/pk-bench loads them one after the other, same load for
each of a group; a table per section, then the ratios beside what is expected of them. The exit status says whether
everything ran, not whether it was fast. Requests per CPU-second count the server process's CPU time only, so that
neither the load generator nor the other servers on the machine enter into it. ZooKeeper does not wait for its disk
(forceSync=no): that flatters it, and keeps the disk's noise out of relayed writes.
"""

import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import rig  # noqa: E402
from table import Table  # noqa: E402

MOUNT = "/storm/workerbeats"
UNDER, OUTSIDE = MOUNT + "/bench", "/bench"
BIG_JVM = ["-Xms1g", "-Xmx1g", "-XX:-UseSerialGC", "-XX:TieredStopAtLevel=4", "-Dzookeeper.preAllocSize=65536"]


class Yardstick:
    """One of the bare servers: prints `listening on HOST:PORT`, as the daemon does."""

    def __init__(self, variable, *args):
        path = os.path.abspath(os.environ[variable]) if os.environ.get(variable) else variable
        path = rig.need(path, f"none: `make bench` builds it and sets {variable}")
        self.process = rig.Process([path, *map(str, args)], os.path.join(rig.temp_dir(), "log"))

    def start(self):
        self.process.start()
        line = rig.eventually(lambda: "listening on " in self.process.log() and self.process.log(), 5, "a yardstick")
        self.port = int(line.split("listening on ")[1].split()[0].rsplit(":", 1)[1])
        return self

    @property
    def pid(self):
        return self.process.pid


class Bench:
    def __init__(self, args):
        self.quick = args.quick
        self.seconds = 1.0 if args.quick else 2.0 # of a run on its own
        self.turn = 0.4 if args.quick else 1.2    # of one turn of several
        self.turns = 3 if args.quick else 5
        self.crowds = [100, 1000] if args.quick else [100, 1000, 4000]
        self.sizes = [1024] if args.quick else [1024, 4096]
        self.checks = []
        self.problems = []
        self.targets = {"zookeeper": rig.ZooKeeper(jvm=BIG_JVM).start(), "echo": Yardstick("ECHO_SERVER").start()}
        self.targets["relay"] = Yardstick("TCP_RELAY", *self.targets["zookeeper"].addr).start()
        if "pacekeeper" not in args.without:
            self.targets["pacekeeper"] = self.new_daemon()
        self.run("zookeeper", "load", root=OUTSIDE, seconds=2)  # the JVM compiles what it will need

    def new_daemon(self):
        """A daemon of its own: memory is measured on a process that has done nothing else."""
        return rig.Pacekeeper(self.targets["zookeeper"].connect_string, mounts=[MOUNT + "=pacemaker"]).start()

    def run(self, target, command, server=None, **options):
        """One run of pk-bench; its result line as a dictionary, {} when it failed."""
        server = server or self.targets.get(target)
        if server is None:
            return {}
        if command in ("load", "frames"):
            options.setdefault("warmup", 0.2)
        argv = [os.environ["PK_BENCH"], command, "--connect", f"127.0.0.1:{server.port}", "--pid", f"it={server.pid}"]
        for name, value in options.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
        found = [line for line in done.stdout.splitlines() if line.startswith("result ")]
        if done.returncode != 0 or not found:
            self.problems.append(f"{target}: {' '.join(argv[1:])}: {done.stderr.strip() or 'errors in the result'}")
        if not found:
            return {}
        pairs = (word.split("=", 1) for word in found[0].split()[1:])
        return {key: float(value) if value.replace(".", "", 1).replace("-", "", 1).isdigit() else value
                for key, value in pairs}

    def group(self, targets, key, better, command, **options):
        """The same load on each target, in turns, so that what else the machine does hits all of them; of each the
        best turn: noise only ever adds cost. ZooKeeper takes one turn: it is far from the others."""
        runs = {target: [] for target in targets}
        for turn in range(self.turns):
            for target in targets:
                if turn == 0 or target != "zookeeper":
                    runs[target].append(self.run(target, "frames" if target == "echo" else command,
                                                 seconds=self.turn, **options))
        for target in targets:
            good = [r for r in runs[target] if r]
            if good:
                yield target, (max if better == "more" else min)(good, key=lambda r: r[key])

    def expect(self, what, value, limit, at_least=True):
        """A ratio or a size beside what is expected of it; a value of None was not measured."""
        if value is not None:
            self.checks.append((what, value, limit, (value >= limit) == at_least or value == limit))

    # ---- sections ----

    def beats(self, title, depth, wanted, rate=None):
        """Beats on every target: the same sessions, sizes and depth."""
        latency = "op" if rate else "req"
        table = Table(title, ["size", "sessions", "server", "requests/s", "per CPU-s", "of echo", "p50 us", "p99 us",
                              "p99.9 us"] + (["late"] if rate else []))
        worst = None
        for size in self.sizes:
            for sessions in self.crowds:
                base = None
                more = {"rate": rate} if rate else {}
                for target, r in self.group(("echo", "pacekeeper", "zookeeper"), "it_req_per_cpu_s", "more", "load",
                                            op="beat", size=size, sessions=sessions, depth=depth, root=UNDER,
                                            **more):
                    per_cpu = r["it_req_per_cpu_s"]
                    base = per_cpu if target == "echo" else base
                    ratio = per_cpu / base if base else None
                    if target == "pacekeeper" and ratio is not None:
                        worst = ratio if worst is None else min(worst, ratio)
                    table.row(size, sessions, target, r["rps"], per_cpu, ratio, r[latency + "_p50_us"],
                              r[latency + "_p99_us"], r[latency + "_p999_us"], *([r["backlog"]] if rate else []))
        table.print()
        if wanted:
            self.expect(f"{title}: requests per CPU-second, of the echo's, at worst", worst, wanted)

    def closed(self):
        self.beats("beats, closed loop", 1, 0.8)

    def pipelined(self):
        self.beats("beats, pipelined 16", 16, 0.5)

    def paced(self):
        self.beats("beats, paced at 1500 beats/s, latency since due", 1, None, rate=1500)

    def reads(self):
        """All beats read by one session, as Nimbus does, and pipelined."""
        table = Table("all beats read by one session (exists, getData)",
                      ["znodes", "depth", "server", "requests/s", "per CPU-s", "p50 us", "p99 us", "p99.9 us"])
        for znodes in (200,) if self.quick else (200, 4000):
            for depth in (1, 16):
                for target in ("pacekeeper", "zookeeper"):
                    r = self.run(target, "load", op="read-all", sessions=1, znodes=znodes, depth=depth, root=UNDER,
                                 seconds=self.seconds)
                    if r:
                        table.row(znodes, depth, target, r["rps"], r["it_req_per_cpu_s"], r["req_p50_us"],
                                  r["req_p99_us"], r["req_p999_us"])
        table.print()

    def relayed(self):
        """Requests outside the mounts: through us, through a bare relay, directly."""
        table = Table("relayed gets and sets (1 KiB, outside the mounts)",
                      ["op", "sessions", "server", "requests/s", "p50 us", "of relay", "p99 us", "p99.9 us"])
        worst = None
        for op in ("get", "set"):
            for sessions in (1, 16):
                base = None
                for target, r in self.group(("zookeeper", "relay", "pacekeeper"), "req_p50_us", "less", "load",
                                            op=op, sessions=sessions, root=OUTSIDE):
                    base = r["req_p50_us"] if target == "relay" else base
                    ratio = r["req_p50_us"] / base if base else None
                    if target == "pacekeeper" and ratio is not None:
                        worst = ratio if worst is None else max(worst, ratio)
                    table.row(op, sessions, target, r["rps"], r["req_p50_us"], ratio, r["req_p99_us"],
                              r["req_p999_us"])
        table.print()
        self.expect("relayed p50, of the bare relay's, at worst", worst, 1.3, at_least=False)

    def storm(self):
        """The simulated Storm cluster."""
        table = Table("simulated Storm, 200 workers, a beat each 100 ms, Nimbus reading",
                      ["server", "beats/s", "beat p50 us", "p99 us", "p99.9 us", "Nimbus p50 us", "CPU s", "errors"])
        for target in ("pacekeeper", "zookeeper"):
            r = self.run(target, "storm", workers=200, period_ms=100, scan_ms=500, seconds=2 * self.seconds)
            if r:
                table.row(target, r["beats_per_s"], r["beat_p50_us"], r["beat_p99_us"], r["beat_p999_us"],
                          r["read_p50_us"], r["it_cpu_s"], r["errors"])
        table.print()

    def memory(self):
        """Resident memory, each on a fresh daemon."""
        if "pacekeeper" not in self.targets:
            return
        sessions, znodes = (1000, 20000) if self.quick else (4000, 100000)
        table = Table("resident memory of pacekeeper", ["what", "count", "bytes each"])
        daemon = self.new_daemon()
        r = self.run("pacekeeper", "idle", server=daemon, sessions=sessions, seconds=1)
        daemon.stop()
        if r:
            table.row("idle connection pair", sessions, r["it_bytes_each"])
            self.expect("bytes per idle connection pair", r["it_bytes_each"], 4096, at_least=False)
        for size in (64, 1024):
            daemon = self.new_daemon()
            r = self.run("pacekeeper", "znodes", server=daemon, sessions=10, znodes=znodes, size=size, root=UNDER)
            daemon.stop()
            if r:
                table.row(f"znode of {size} bytes, beyond data and name", znodes, r["it_bytes_each"])
                self.expect(f"bytes per znode of {size} bytes beyond data and name", r["it_bytes_each"], 200,
                            at_least=False)
        table.print()


SECTIONS = ("closed", "pipelined", "paced", "reads", "relayed", "storm", "memory")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    parser.add_argument("--without", default="", help="servers left out")
    args = parser.parse_args()
    started = time.monotonic()
    bench = Bench(args)
    for section in args.only.split(","):
        if section not in SECTIONS:
            parser.error(f"no section {section}")
        getattr(bench, section)()
    if bench.checks:
        table = Table("expected", ["what", "measured", "expected", ""])
        for what, value, limit, met in bench.checks:
            table.row(what, value, limit, "met" if met else "NOT MET")
        table.print()
    for problem in bench.problems:
        print("problem:", problem)
    print(f"command: {' '.join(sys.argv)}   ({time.monotonic() - started:.0f} s, {os.cpu_count()} CPUs)")
    rig.cleanup()
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
