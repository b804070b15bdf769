"""The differential driver: random requests on a real ZooKeeper directly and through pacekeeper, compared.

    diff.py                                    `make check`: a short self-test, then fixed seeds, 100 seconds in all
    diff.py --steps 1000000 --seed 7           as many steps as asked for, profiles in turn
    diff.py --profile beats|behind|cached|mix|pipeline      one profile only
    diff.py --replay FILE [--times N]          a script that an earlier run printed; shortened if that was not done
    diff.py --kill 3 [--steps N --seed 7]      a server of three behind the proxy is killed every so many seconds (killed.py)
    diff.py --selftest                         two servers, no proxy (must be equal), then faults (must be noticed)

By hand: tests/run tests/diff/diff.py. A difference is shortened to its smallest script, printed, and kept in --save
FILE. Servers are started and ended by the driver; $PACEKEEPER names the daemon. --proxy HOST:PORT,HOST:PORT,HOST:PORT uses running ones instead: the
direct server, the proxy, the server behind it (superDigest and extendedTypesEnabled as in SERVER_JVM).
"""
import argparse
import base64
import contextlib
import hashlib
import io
import os
import sys
import time

import rig
from daemon import check_all
from faults import FAULTS, Faults
from gen import Episode
from killed import KilledRunner, Killer
from relay import Relay
from runner import Difference, Runner, mounts, prepare
from script import SUPER, load, render
from shrink import shrink
from wire import mntr

PROFILES = ("mix", "beats", "behind", "cached", "pipeline")
CHECK_SEEDS = (1, 2, 3)
CHECK_STEPS = 12000                   # in `make check`, over all profiles
CHECK_SELFTEST = 1200
CHECK_KILL = 1.0
KILL_STEPS = 400                      # in `make check`, and so often until somebody was held and attached
KILL_CAMPAIGNS = 20
PRINTED = 8000                        # characters of a script on the terminal
LENGTH = {"mix": 250, "beats": 300, "behind": 300, "cached": 300, "pipeline": 60}
MEASURED = ("beats", "behind", "cached")
MINIMUM = 0.9                         # of the successful writes of an episode's quiet part must be absorbed
SERVER_JVM = ["-Dzookeeper.extendedTypesEnabled=true", "-Dznode.container.checkIntervalMs=1000000000",
              "-Dzookeeper.DigestAuthenticationProvider.superDigest=super:"
              + base64.b64encode(hashlib.sha1(SUPER).digest()).decode()]


class Figures:
    def __init__(self):
        self.episodes = self.sets = self.creates = self.cached = self.absorbed = self.local_creates = self.flushes = 0


class Campaign:
    """Runs episodes until enough steps are done; returns the scripts that differed."""

    def __init__(self, runner, options, daemon=None, absorbs=True):
        self.runner, self.options, self.daemon, self.absorbs = runner, options, daemon, absorbs
        self.figures = {p: Figures() for p in PROFILES}
        self.differences = 0

    def run(self, seeds, steps):
        started = time.monotonic()
        profiles = [self.options.profile] if self.options.profile else PROFILES
        share = max(1, steps // len(seeds) // len(profiles))
        for seed in seeds:
            for profile in profiles:
                if not self._profile(seed, profile, share):
                    return False
        self.report(seeds, time.monotonic() - started)
        return self.differences == 0

    def _profile(self, seed, profile, steps):
        until = self.runner.steps_run + steps
        number = 0
        while self.runner.steps_run < until:
            number += 1
            if not self.episode(f"{seed}-{profile}-{number}", profile):
                self.differences += 1
                if not self.options.keep_going or self.differences >= self.options.keep_going:
                    return False
        return True

    def episode(self, seed, profile):
        episode = Episode(seed, profile, LENGTH[profile])
        figures = self.figures[profile]
        before = mntr(self.runner.sides[1].addr) if self.absorbs and profile in MEASURED else None
        try:
            self.runner.run(episode.kind, episode, episode.observe)
            figures.episodes += 1
            if before is not None:
                self._check_absorbed(episode, before, figures)
            return True
        except Difference as difference:
            self.tell(seed, episode.script(), difference)
            self._revive()
            return False

    def _revive(self):
        """After a crash: the daemon again, so that the script that ended it can be shortened."""
        if self.daemon and not self.daemon.running():
            self.runner.sides[1].addr = self.daemon.start()

    def _check_absorbed(self, episode, before, figures):
        """Beats that are not absorbed would make this profile a test of the relay only."""
        after = mntr(self.runner.sides[1].addr)
        absorbed, local_creates, flushes = (after.get(k, 0) - before.get(k, 0)
                                            for k in ("pk_beats_absorbed", "pk_local_creates", "pk_flushes"))
        local = episode.profile == "beats"
        due = (episode.plain_sets, episode.plain_creates) if local else (episode.cached_sets, 0)
        figures.sets += episode.plain_sets
        figures.creates += episode.plain_creates
        figures.cached += episode.cached_sets
        figures.absorbed += absorbed
        figures.local_creates += local_creates
        figures.flushes += flushes
        if absorbed < MINIMUM * due[0] or local_creates < MINIMUM * due[1]:
            raise Difference("end", f"too little absorbed: {absorbed} of {due[0]} setData, "
                                    f"{local_creates} local creates of {due[1]} creates")

    def replay(self, script):
        """For shrinking: the difference, or None. A short patience: silence is a difference too."""
        patience = [side.timeout for side in self.runner.sides]
        self._revive()
        try:
            for side in self.runner.sides:
                side.timeout = min(side.timeout, 3.0)
            self.runner.run(script["base"], script["steps"])
        except Difference as difference:
            return difference
        finally:
            for side, seconds in zip(self.runner.sides, patience):
                side.timeout = seconds
        return None

    def tell(self, seed, script, difference):
        print(f"DIFFERENCE in episode {seed}, base {script['base']}, {difference}", flush=True)
        if self.daemon and not self.daemon.running():
            print("the daemon is gone; the end of its log:\n" + self.daemon.log()[-3000:], flush=True)
        if self.options.no_shrink:
            notes = [difference]
        else:
            script, shorter, stable = shrink(self.replay, script, difference, self.options.shrink_seconds)
            ending = f"shortened to {len(script['steps'])} steps" if stable else "not seen again when replayed"
            notes = [shorter or difference, f"episode {seed}; {ending}"]
        text = render(script, notes)
        if not self.options.quiet:
            print(text if len(text) < PRINTED else text[:PRINTED] + "... (--save FILE keeps it whole)", flush=True)
        if self.options.save:
            with open(f"{self.options.save}.{self.differences}", "w", encoding="utf-8") as f:
                f.write(text)

    def report(self, seeds, seconds):
        episodes = sum(f.episodes for f in self.figures.values())
        print(f"{self.runner.steps_run} steps, {self.runner.requests_run} requests on each side, {episodes} episodes, "
              f"seeds {','.join(map(str, seeds))}, {seconds:.0f} s")
        for name in MEASURED:
            f = self.figures[name]
            if f.sets:
                print(f"{name}: {f.sets} setData ({f.cached} of them on cached znodes) and {f.creates} creates while "
                      f"quiet; {f.absorbed} absorbed, {f.local_creates} local creates, {f.flushes} flushed in all")


def servers():
    one, other = (rig.ZooKeeper(jvm=SERVER_JVM) for _ in range(2))
    for server in (one, other):
        server.start()
        prepare(server.addr)
    return one, other


class Daemon:
    """pacekeeper before one server; start() again makes a new one."""

    def __init__(self, server, config=""):
        self.server, self.process, self.config = server, None, "instances: none\n" + config

    def start(self):
        self.process = rig.Pacekeeper(self.server.connect_string, mounts=mounts(), config=self.config).start()
        return self.process.addr

    def running(self):
        return self.process.running()

    def log(self):
        return self.process.log()


def selftest(one, other, options, steps):
    """The driver's own proof: equal servers are equal, and each fault is noticed."""
    campaign = Campaign(Runner(one.addr, other.addr, other.addr), options, absorbs=False)
    if not campaign.run([options.seed or 1], steps):
        print("FAILED two servers without a proxy differ")
        return False
    quiet = argparse.Namespace(**{**vars(options), "no_shrink": True, "quiet": True, "save": None, "keep_going": None})
    for fault in FAULTS:
        faults = Faults(fault)
        relay = Relay(other.addr, way=faults.way).start()
        with contextlib.redirect_stdout(io.StringIO()):
            equal = Campaign(Runner(one.addr, relay.addr, other.addr, timeout=2.0), quiet, absorbs=False).run([1], 6000)
        if equal or not faults.done:
            print(f"FAILED fault {fault} was not noticed, {faults.done} times applied")
            return False
        print(f"ok fault {fault} was noticed, {faults.done} times applied", flush=True)
    return True


def campaign_of(options, one, other):
    if options.proxy:
        addrs = [(h, int(p)) for h, p in (a.rsplit(":", 1) for a in options.proxy.split(","))]
        for addr in (addrs[0], addrs[2]):
            prepare(addr)
        return Campaign(Runner(*addrs), options)
    daemon = Daemon(other)
    return Campaign(Runner(one.addr, daemon.start(), other.addr), options, daemon)


def kill(options, seconds):
    """Equal while servers are killed every so many seconds, but for what is uncertain."""
    options.no_shrink = True          # when a server dies is not part of a script
    one, ensemble = rig.ZooKeeper(jvm=SERVER_JVM).start(), rig.Ensemble(3, jvm=SERVER_JVM).start()
    for server in (one, ensemble.servers[0]):
        prepare(server.addr)
    daemon, killer = Daemon(ensemble, "log-level: debug\n"), Killer(ensemble, seconds)
    runner = KilledRunner(one.addr, daemon.start(), killer)
    killer.start()
    campaign, seed, equal = Campaign(runner, options, daemon, absorbs=False), options.seed or 1, True
    for more in range(KILL_CAMPAIGNS):
        equal = equal and campaign.run((seed + more,), options.steps or KILL_STEPS)
        if not equal or mntr(runner.sides[1].addr)["pk_attaches"] > 0:
            break
    killer.over.set()
    if not equal:
        print("the end of the daemon's log:\n" + daemon.log()[-3000:])
    figures = mntr(runner.sides[1].addr)
    print(f"{killer.kills} servers killed, {figures['pk_holds']} clients held, {figures['pk_attaches']} attached; "
          f"episodes cut short: {runner.cuts or 'none'}; closed: "
          f"{ {k: v for k, v in figures.items() if k.startswith('pk_held_') and v} }")
    return equal and killer.kills > 0 and figures["pk_attaches"] > 0 and not _complaints()


def replay(campaign, options):
    with open(options.replay, encoding="utf-8") as f:
        script = load(f.read())
    for _ in range(options.times):
        difference = campaign.replay(script)
        if difference:
            campaign.tell(options.replay, script, difference)
            return False
    print("no difference")
    return True


def arguments():
    parser = argparse.ArgumentParser(description="compares a real ZooKeeper with pacekeeper in front of one")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--profile", choices=PROFILES)
    parser.add_argument("--replay", metavar="FILE")
    parser.add_argument("--times", type=int, default=1, help="how often to replay")
    parser.add_argument("--save", metavar="FILE", help="where to keep the scripts of differences")
    parser.add_argument("--keep-going", type=int, metavar="N", help="stop at the N-th difference, not at the first")
    parser.add_argument("--shrink-seconds", type=float, default=120.0)
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--proxy", metavar="DIRECT,PROXY,UPSTREAM")
    parser.add_argument("--quiet", action="store_true", help="print no scripts")
    parser.add_argument("--kill", type=float, metavar="SECONDS", help="how often a server behind the proxy is killed")
    parser.add_argument("--selftest", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    if options.kill:
        return kill(options, options.kill)
    one, other = (None, None) if options.proxy else servers()
    if options.selftest:
        return selftest(one, other, options, options.steps or CHECK_SELFTEST)
    if len(sys.argv) == 1 and not selftest(one, other, options, CHECK_SELFTEST):
        return False
    campaign = campaign_of(options, one, other)
    if options.replay:
        return replay(campaign, options)
    seeds = CHECK_SEEDS if options.seed is None else (options.seed,)
    equal = campaign.run(seeds, options.steps or CHECK_STEPS) and not _complaints()
    if len(sys.argv) > 1 or not equal:
        return equal
    options.profile = "mix"
    return kill(options, CHECK_KILL)


def _complaints():
    """Sanitizer reports and crashes that no difference told of."""
    problems = check_all()
    for problem in problems:
        print("FAILED", problem)
    return problems


if __name__ == "__main__":
    try:
        GOOD = main()
    except rig.Missing as e:
        print("FAILED", e)
        GOOD = False
    finally:
        rig.cleanup()
    print("1 passed, 0 failed" if GOOD else "0 passed, 1 failed", flush=True)
    os._exit(0 if GOOD else 1)
