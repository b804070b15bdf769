"""`make bench`: pacekeeper beside a bare libuv frame echo, a bare libuv TCP relay and a real ZooKeeper, in one run.

Usage: bench.py [--quick] [--only SECTION,...] [--without pacekeeper] [--against PROGRAM]
Quick takes about two minutes, everything under fifteen. --against has another build of the daemon take turns with ours.

Happy path: the servers start on free loopback ports, tools/pk-bench loads them one after the other, same load for
each of a group; a table per section, then the ratios beside what is expected of them. The exit status says whether
everything ran, not whether it was fast. Requests per CPU-second count the server process's CPU time only, so that
neither the load generator nor the other servers on the machine enter into it. ZooKeeper does not wait for its disk
(forceSync=no): that flatters it, and keeps the disk's noise out of relayed writes.
"""
import argparse
import os
import sys
import time

import beats
import beside
import ensemble
import isolation
import pair
import relays
import replay
import rig
import scrape
import store
import tls
from runner import Bench
from table import Table

SECTIONS = {f.__name__: f for f in (
    beats.closed, beats.pipelined, beats.paced, beats.cached, relays.reads, relays.relayed, relays.storm, store.memory,
    store.local_creates, store.listing, store.release, ensemble.transactions, ensemble.lost, tls.tls, pair.pair,
    scrape.scrape, scrape.attacked, scrape.counted, beside.beside, isolation.isolation, replay.replay, replay.pulses)}
ON_DEMAND = ("counted", "isolation", "replay", "pulses")    # valgrind, ensembles, whole clusters: minutes each


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--only", default=",".join(s for s in SECTIONS if s not in ON_DEMAND),
                        help=f"some of {', '.join(SECTIONS)} ({', '.join(ON_DEMAND)} are not run unless named)")
    parser.add_argument("--without", default="", help="servers left out")
    parser.add_argument("--against", metavar="PROGRAM", help="another pacekeeper, measured in the same turns")
    args = parser.parse_args()
    sections = args.only.split(",")
    for section in sections:
        if section not in SECTIONS:
            parser.error(f"no section {section}")
    started = time.monotonic()
    bench = Bench(args)
    for section in sections:
        SECTIONS[section](bench)
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
