"""The frame of `make bench`: servers, runs of tools/pk-bench, and what is expected.

Happy path: Bench(args) starts the servers on free loopback ports, run() has pk-bench load one of them and returns its
result line as a dictionary, group() does that for several in turns, expect() notes a ratio. Failure modes: a run that
fails is noted in `problems` and returns {}.
"""
import os
import subprocess

import rig

MOUNT = "/storm/workerbeats"
UNDER, OUTSIDE = MOUNT + "/bench", "/bench"
BIG_JVM = ["-Xms1g", "-Xmx1g", "-XX:-UseSerialGC", "-XX:TieredStopAtLevel=4", "-Dzookeeper.preAllocSize=65536"]
CROWD = "max-connections-per-address: 0\n"  # all clients come from this machine
ONE_TURN = ("zookeeper",)  # far from the others, and slow: one turn tells enough


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

    def stop(self):
        self.process.stop()


def _value(text):
    return float(text) if text.replace(".", "", 1).replace("-", "", 1).isdigit() else text


def command(name, servers, pids, **options):
    """The command line of a run of pk-bench. pids: name -> process id; an option of True is a flag."""
    argv = [os.environ["PK_BENCH"], name, "--connect", ",".join(f"127.0.0.1:{s.port}" for s in servers)]
    for who, pid in pids.items():
        argv += ["--pid", f"{who}={pid}"]
    for option, value in options.items():
        argv += ["--" + option.replace("_", "-")] + ([] if value is True else [str(value)])
    return argv


def result(output):
    """The result line of pk-bench as a dictionary, {} when there is none."""
    found = [line for line in output.splitlines() if line.startswith("result ")]
    return {key: _value(value) for key, value in (word.split("=", 1) for word in found[0].split()[1:])} if found else {}


class Bench:
    def __init__(self, args):
        self.quick = args.quick
        self.against = args.against
        self.without = args.without.split(",")
        self.seconds = 1.0 if args.quick else 2.0  # of a run on its own
        self.turn = 0.4 if args.quick else 1.2     # of one turn of several
        self.turns = 3 if args.quick else 5
        self.crowds = [100, 1000] if args.quick else [100, 1000, 4000]
        self.sizes = [1024] if args.quick else [1024, 4096]
        self.checks = []
        self.problems = []
        self.targets = {"zookeeper": rig.ZooKeeper(jvm=BIG_JVM).start(), "echo": Yardstick("ECHO_SERVER").start()}
        self.targets["relay"] = Yardstick("TCP_RELAY", *self.targets["zookeeper"].addr).start()
        if "pacekeeper" not in self.without:
            self.targets["pacekeeper"] = self.new_daemon()
        if self.against:
            self.targets["other"] = self.new_daemon(path=self.against)
        self.run("zookeeper", "load", root=OUTSIDE, seconds=2)  # the JVM compiles what it will need

    def new_daemon(self, mode="pacemaker", path=None, upstream=None, **options):
        """A daemon of its own, started: memory is measured on a process that has done nothing else."""
        upstream = upstream or self.targets["zookeeper"]
        if not path:
            options["config"] = options.get("config", "") + CROWD
        daemon = rig.Pacekeeper(upstream.connect_string, mounts=[f"{MOUNT}={mode}"], **options)
        if path:
            daemon.argv[0] = os.path.abspath(path)
        return daemon.start()

    def run(self, target, name, server=None, servers=None, **options):
        """One run of pk-bench; its result line as a dictionary, {} when it failed. servers: several instead of one."""
        servers = servers or [server or self.targets.get(target)]
        if servers[0] is None:
            return {}
        if name in ("load", "frames"):
            options.setdefault("warmup", 0.2)
        argv = command(name, servers, {"it": servers[0].pid}, **options)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
        found = result(done.stdout)
        if done.returncode != 0 or not found:
            self.problems.append(f"{target}: {' '.join(argv[1:])}: {done.stderr.strip() or 'errors in the result'}")
        return found

    def group(self, targets, key, better, name, **options):
        """The same load on each target, in turns, so that what else the machine does hits all of them; of each the
        best turn: noise only ever adds cost. With --against the other daemon takes its turns beside ours."""
        targets = [t for t in targets if t in self.targets]
        if "pacekeeper" in targets and "other" in self.targets:
            targets.append("other")
        runs = {target: [] for target in targets}
        for turn in range(self.turns):
            for target in targets:
                if turn == 0 or target not in ONE_TURN:
                    runs[target].append(self.run(target, "frames" if target == "echo" else name,
                                                 **{"seconds": self.turn, **options}))
        for target in targets:
            good = [r for r in runs[target] if r]
            if good:
                yield target, (max if better == "more" else min)(good, key=lambda r: r[key])

    def expect(self, what, value, limit, at_least=True):
        """A ratio or a size beside what is expected of it; a value of None was not measured."""
        if value is not None:
            self.checks.append((what, value, limit, (value >= limit) == at_least or value == limit))
