"""Sections of `make bench`: what the admin side costs beats: a scrape each second, visitors who mean no good, and accounting.

Happy path: the same load on one daemon with and without, in turns that follow each other, and the median of the pairs'
ratios, since what else the machine does hits both of a pair. What one scrape a second costs is less than the noise of such
pairs: so DOSE a second are asked for, and of what those cost the DOSEth part is one's. Some of a scrape's work is done once in
four seconds at most, and would be missed there: that is in what one scrape takes of the daemon's CPU when they are a second
apart, in front of the same sessions that hardly beat, less what the daemon takes without. `counted` counts instructions
(valgrind), which know no noise. Failure modes: a scraper that gets no answers, visitors that are all refused: noted as
problems.
"""
import os
import re
import socket
import statistics
import subprocess
import threading
import time

import rig
from adminside import Admin
from runner import UNDER
from table import Table

DOSE = 50
SCRAPES = 10  # a second apart: what is looked up again after a while is part of the cost
CROWD = 1000
LARGE = b"POST /live HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200000


class Scraper(threading.Thread):
    """Asks for /metrics DOSE times a second, over one connection as Prometheus does, and cheaply; counts the answers."""

    ASK = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    def __init__(self, admin):
        super().__init__(daemon=True)
        self.over, self.answers, self.problem, self.size = threading.Event(), 0, None, 0
        self.connection = socket.create_connection(admin.addrs[0], 10)

    def ask(self):
        self.connection.sendall(self.ASK)
        got = self.connection.recv(1 << 20)
        head = got.index(b"\r\n\r\n") + 4
        self.size = int(re.search(rb"Content-Length: (\d+)", got[:head]).group(1))
        while len(got) < head + self.size:
            got += self.connection.recv(1 << 20)
        assert got.startswith(b"HTTP/1.1 200"), got[:100]
        self.answers += 1

    def run(self):
        due = time.monotonic()
        try:
            while not self.over.wait(max(0, due - time.monotonic())):
                due += 1 / DOSE
                self.ask()
        except (OSError, AssertionError, ValueError) as e:
            self.problem = repr(e)

    def end(self):
        self.over.set()
        self.join(20)
        self.connection.close()
        return self.answers


class Visitors(threading.Thread):
    """A crowd over TCP: half have sent a byte, half send a header's line a second each; ten large requests a second."""

    def __init__(self, admin):
        super().__init__(daemon=True)
        self.addr, self.over, self.sent, self.here = admin.addrs[0], threading.Event(), 0, []

    def _come(self):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(self.addr)
        self.here.append([s, False])

    def _send(self, visitor, slow):
        try:
            visitor[0].send(b"X: y\r\n" if visitor[1] else b"GET /metrics HTTP/1.1\r\n" if slow else b"G")
            visitor[1] = True
            self.sent += 1
        except BlockingIOError:
            pass
        except OSError:    # it was sent away: another one comes
            visitor[0].close()
            self.here.remove(visitor)
            self._come()

    def _large(self):
        try:
            with socket.create_connection(self.addr, 1) as s:
                s.sendall(LARGE)
                self.sent += 1
        except OSError:
            pass

    def run(self):
        for _ in range(CROWD):
            self._come()
        for turn in range(10000):
            for i, visitor in enumerate(self.here[turn % 10::10]):
                if i % 2 or not visitor[1]:
                    self._send(visitor, i % 2)
            self._large()
            if self.over.wait(0.1):
                break
        for s, _ in self.here:
            s.close()

    def end(self):
        self.over.set()
        self.join(20)
        return self.sent


def cpu_seconds(daemon):
    """On a CPU so far, by the scheduler's own clock."""
    with open(f"/proc/{daemon.pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def _turn(bench, daemon, others, **options):
    """A run of beats beside others (a thread, or None)."""
    if others:
        others.start()
    found = bench.run("pacekeeper", "load", server=daemon, op="beat", root=UNDER, **options)
    if others and (others.end() < 2 or getattr(others, "problem", None)):
        bench.problems.append(f"{type(others).__name__} beside beats: {getattr(others, 'problem', 'no answers')}")
    return found


def _one_scrape(bench, daemon, sessions):
    """CPU seconds that a scrape costs while so many sessions are there and hardly beat, and how long its answer is."""
    here = threading.Thread(target=bench.run, args=("pacekeeper", "load"), daemon=True,
                            kwargs=dict(server=daemon, op="beat", root=UNDER, sessions=sessions, rate=20, warmup=1,
                                        seconds=2 * SCRAPES + 6))
    here.start()
    admin, scraper = Admin(daemon), None
    rig.eventually(lambda: admin.value("pacekeeper_connections") >= sessions, 20, "sessions", pause=0.2)
    time.sleep(1)
    marks = [cpu_seconds(daemon)]
    for asks in (False, True):
        scraper = Scraper(admin) if asks else None
        for _ in range(SCRAPES):
            time.sleep(1)
            if asks:
                scraper.ask()
        marks.append(cpu_seconds(daemon))
    scraper.connection.close()
    here.join()
    return (marks[2] - 2 * marks[1] + marks[0]) / SCRAPES, scraper.size


def _pairs(bench, daemon, visit, turns, **options):
    """Pairs of runs that follow each other, without and with; who is first alternates."""
    pairs = []
    for turn in range(turns):
        pair = {}
        for with_others in ((False, True) if turn % 2 else (True, False)):
            pair[with_others] = _turn(bench, daemon, visit(Admin(daemon)) if with_others else None, **options)
        if all(pair.values()):
            pairs.append((pair[False], pair[True]))
    return pairs


def _median(pairs, which, key):
    return statistics.median(pair[which][key] for pair in pairs)


def _ratio(pairs, key):
    return statistics.median(b[key] / a[key] for a, b in pairs) if pairs else None


def _of_one(ratio):
    """Beats per CPU-second with one scrape a second, of those without, by what DOSE a second leave."""
    return 1 - (1 - ratio) / DOSE


def scrape(bench):
    key = "it_req_per_cpu_s"
    table = Table(f"a scrape of /metrics each second, measured with {DOSE}: requests per CPU-second of beats",
                  ["sessions", "without", f"with {DOSE}/s", "of that, by pairs", "with 1/s, of that", "worst pair",
                   "one scrape ms", "bytes"])
    for sessions in bench.crowds:
        daemon = bench.new_daemon(args=["--admin", "127.0.0.1:0"])
        pairs = _pairs(bench, daemon, Scraper, 9 if bench.quick else 15, sessions=sessions, seconds=1.5)
        one, size = _one_scrape(bench, daemon, sessions)
        if pairs:
            share, worst = _ratio(pairs, key), min(b[key] / a[key] for a, b in pairs)
            table.row(sessions, _median(pairs, 0, key), _median(pairs, 1, key), share, _of_one(share), _of_one(worst),
                      one * 1000, size)
            bench.expect(f"beats per CPU-second with a scrape each second, {sessions} sessions, of without", _of_one(share),
                         0.99)
            bench.expect("the same, by the worst of the pairs", _of_one(worst), 0.99)
        bench.expect(f"a scrape each second, {sessions} sessions: share of a CPU", one, 0.01, at_least=False)
        daemon.stop()
    table.print()


def attacked(bench):
    table = Table(f"{CROWD} slow visitors and large requests at the admin side: beats, paced at 1500 a second, medians",
                  ["", "p50 us", "p99 us", "p99.9 us", "CPU s of the daemon"])
    daemon = bench.new_daemon(args=["--admin", "127.0.0.1:0"])
    pairs = _pairs(bench, daemon, Visitors, 5 if bench.quick else 11, sessions=100, rate=1500, seconds=4)
    for which, name in enumerate(("alone", "beside them")):
        if pairs:
            table.row(name, *(_median(pairs, which, f"op_p{p}_us") for p in ("50", "99", "999")),
                      _median(pairs, which, "it_cpu_s"))
    bench.expect("visitors: the p99 of beats, of that alone, by pairs", _ratio(pairs, "op_p99_us"), 1.5, at_least=False)
    daemon.stop()
    table.print()


# ---- instructions ----

# What of the core accounts: lines with this pattern, and these files. Busiest clients are told by counters of each.
ACCOUNTS = {"busiest clients": (r"->(received|sent|local)\+\+|->written \+=", ()),
            "mount, operation and answer": (r"pk_tally_answer\(|pk_count_\w+\(", ("tally.h", "tally.c", "count.c"))}
COUNTED_BEATS = 20000


def _lines(pattern, files):
    """(file, line) of what accounts."""
    found = set()
    for folder, _, names in os.walk(os.path.join(rig.top_srcdir(), "src", "core")):
        for name in names:
            if name.endswith((".c", ".h")):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    found |= {(name, n) for n, line in enumerate(f, 1) if name in files or re.search(pattern, line)}
    return found


def _read(path):
    """What callgrind has written: instructions by (file, line), calls left out, and all together."""
    by_line, names, file, line, total, call = {}, {}, "", 0, 0, False
    with open(path, encoding="utf-8") as out:
        for text in out:
            named = re.match(r"(fl|fi|fe|cfl|cfi)=\((\d+)\)(?: (.*))?", text)
            if named:
                which, number, path = named.groups()
                if path:
                    names[number] = os.path.basename(path.strip())
                file = names[number] if which[0] == "f" else file
            elif text.startswith("calls="):
                call = True
            elif re.match(r"[+\-*\d]", text):
                at, cost = text.split()
                line = line if at == "*" else line + int(at) if at[0] in "+-" else int(at)
                if not call:
                    by_line[file, line] = by_line.get((file, line), 0) + int(cost)
                    total += int(cost)
                call = False
    return by_line, total


def counted(bench):
    """Of the daemon's instructions for beats those that account, and what a scrape takes of those of a second of them."""
    tool = rig.need("/usr/bin/valgrind", "valgrind")
    out = os.path.join(rig.temp_dir(), "callgrind")
    daemon = bench.new_daemon(args=["--admin", "127.0.0.1:0"], config="max-znodes: 100000\n",
                              wrapper=(tool, "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"))

    def mark(*what):
        subprocess.run(["callgrind_control", *what, str(daemon.pid)], check=True, capture_output=True, timeout=60)

    def load(**options):
        return bench.run("pacekeeper", "load", server=daemon, op="beat", root=UNDER, sessions=100, **options)

    admin, answered = Admin(daemon, timeout=60), "pacekeeper_requests_total"
    load(seconds=1)
    before = admin.value(answered)
    mark("--zero")
    load(seconds=20, rate=COUNTED_BEATS / 20)
    mark("--dump")
    requests = admin.value(answered) - before
    scraper = Scraper(admin)
    mark("--zero")
    for _ in range(SCRAPES):
        scraper.ask()
    mark("--dump")
    scraper.connection.close()
    daemon.stop()
    by_line, total = _read(out + ".1")
    _, scrapes = _read(out + ".2")
    native = bench.run("pacekeeper", "load", op="beat", root=UNDER, sessions=100, seconds=2)["it_req_per_cpu_s"]
    table = Table(f"instructions of {requests:.0f} requests of beats in the daemon", ["what", "instructions", "a request", "share"])
    table.row("all", total, total / requests, 1)
    for what, where in ACCOUNTS.items():
        here = sum(by_line.get(at, 0) for at in _lines(*where))
        table.row(what, here, here / requests, here / total)
        bench.expect(f"accounting, {what}: share of a beat's instructions", here / total, 0.01, at_least=False)
    one, second = scrapes / SCRAPES, native * total / requests
    table.row("one scrape, of those of a CPU-second of beats", one, "", one / second)
    bench.expect("a scrape, of the instructions of a CPU-second of beats", one / second, 0.01, at_least=False)
    table.print()
