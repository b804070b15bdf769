"""Section `tls` of `make bench`: what TLS costs, beside plain connections and beside a bare OpenSSL server, in one run.

The load generator speaks plain: a second pacekeeper that holds nothing stands between, and speaks plain or TLS with the
measured one, whose CPU time and memory alone are counted. The yardstick is a bare echo on OpenSSL, behind the same pacekeeper;
of handshakes, which are openssl(1)'s, its server.
At last many begin at once, while others beat.
"""
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import rig
from certs import RSA, Certs
from runner import CROWD, MOUNT, UNDER, Yardstick
from table import Table

KINDS = ("plain", "tls")
ECHO = "openssl echo"
BURST, PAUSE = 200, 0.4          # handshakes that begin at once, and how long until the next ones do


class Through:
    """Loaded at the front's port, measured at the back's process."""

    def __init__(self, bench, kind, certs):
        certificate, key = certs.path("server.pem"), certs.path("server.key")
        if kind == ECHO:
            self.back = Yardstick("ECHO_SERVER", 0, certificate, key).start()
            self.tls_port = self.back.port
        else:
            self.back = bench.new_daemon(config=f"tls: {{listen: '127.0.0.1:0', certificate: {certificate}, key: {key}}}\n")
            self.tls_port = int(rig.said(self.back, r"listening on 127.0.0.1:(\d+) with TLS"))
        upstream = self.back.port if kind == "plain" else self.tls_port
        secure = f"upstream-tls: {{ca: {certs.ca}}}\n" if kind != "plain" else ""
        self.front = rig.Pacekeeper(f"127.0.0.1:{upstream}", mounts=[f"{MOUNT}=relay"], config=CROWD + secure).start()
        self.port, self.pid = self.front.port, self.back.pid

    def stop(self):
        self.front.stop()
        self.back.stop()


def _beats(bench, certs):
    table = Table("beats with TLS, through a second pacekeeper; the first one's CPU time",
                  ["sessions", "in flight", "server", "requests/s", "per CPU-s", "of plain", "of echo"])
    kinds = (*KINDS, ECHO)
    for kind in kinds:
        bench.targets[kind] = Through(bench, kind, certs)
    for sessions, depth in ((100, 1), (100, 16)):
        found = dict(bench.group(kinds, "it_req_per_cpu_s", "more", "load", op="beat", size=1024, sessions=sessions,
                                 depth=depth, root=UNDER))
        rates = {kind: r["it_req_per_cpu_s"] for kind, r in found.items()}
        for kind, r in found.items():
            of = [rates[kind] / rates[base] if base in rates else None for base in ("plain", ECHO)]
            table.row(sessions, depth, kind, r["rps"], rates[kind], *of)
        if "plain" in rates and "tls" in rates:
            bench.expect(f"beats with TLS, {depth} in flight: requests per CPU-second, of plain ones",
                         rates["tls"] / rates["plain"], 0.5 if depth == 1 else 0.3)
    for kind in kinds:
        bench.targets.pop(kind).stop()
    table.print()


def _memory(bench, certs):
    sessions = 1000
    table = Table("resident memory with TLS", ["server", "idle connection pairs", "bytes each"])
    for kind in KINDS:
        through = Through(bench, kind, certs)
        r = bench.run(kind, "idle", server=through, sessions=sessions, seconds=1)
        through.stop()
        if r:
            table.row(kind, sessions, r["it_bytes_each"])
        if r and kind == "tls":
            bench.expect("bytes per idle connection pair with TLS", r["it_bytes_each"], 24 * 1024, at_least=False)
    table.print()


def _cpu(pid):
    """CPU time of a process in seconds."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _shake(bench, port, pid, resumed):
    """Handshakes per CPU-second of the server."""
    before, seconds = _cpu(pid), 1 if bench.quick else 4
    done = subprocess.run([rig.need("openssl", "openssl"), "s_time", "-connect", f"127.0.0.1:{port}", "-time", str(seconds),
                           "-reuse" if resumed else "-new"], capture_output=True, text=True, timeout=60)
    found = re.findall(r"(\d+) connections in \d+ real seconds", done.stdout)
    if not found:
        bench.problems.append(f"s_time: {done.stdout}{done.stderr}")
        return None
    spent = _cpu(pid) - before
    return int(found[-1]) / spent if spent else None


def _handshakes(bench, certs):
    table = Table("handshakes of TLS per CPU-second, certificate on the curve P-256",
                  ["server", "whole", "of openssl", "resumed", "of openssl"])
    port = rig.free_port()
    yardstick = rig.Process([rig.need("openssl", "openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-cert",
                             certs.path("server.pem"), "-key", certs.path("server.key")],
                            os.path.join(rig.temp_dir(), "log")).start()
    through = Through(bench, "tls", certs)
    time.sleep(0.5)
    base = {}
    for name, at, pid in (("openssl s_server", port, yardstick.pid), ("pacekeeper", through.tls_port, through.pid)):
        row = [name]
        for resumed in (False, True):
            rate = _shake(bench, at, pid, resumed)
            base.setdefault(resumed, rate)
            row += [rate, rate / base[resumed] if rate and base[resumed] else None]
        table.row(*row)
    through.stop()
    yardstick.stop()
    table.print()


class Bursts(threading.Thread):
    """Connections that begin their handshakes together, again and again; the server's part is what costs."""

    def __init__(self, port, certs):
        super().__init__(daemon=True)
        self.port, self.context, self.done, self.count = port, certs.context(), threading.Event(), 0

    def hello(self):
        out = ssl.MemoryBIO()
        try:
            self.context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
        except ssl.SSLWantReadError:
            return out.read()

    def run(self):
        hellos = [self.hello() for _ in range(BURST)]
        while not self.done.wait(PAUSE):
            socks = [socket.create_connection(("127.0.0.1", self.port)) for _ in hellos]
            for sock, hello in zip(socks, hellos):
                sock.sendall(hello)
            for sock in socks:
                self.count += len(sock.recv(1 << 14)) > 100
                sock.close()


def _crowd(bench, certs):
    """What beats of others wait when many handshakes begin at once."""
    table = Table(f"beats of 20 others, ms, while {BURST} handshakes begin at once each {PAUSE} s",
                  ["key", "handshakes", "p50", "p99", "p99.9", "max"])
    for kind in ("none", "P-256", "RSA 2048"):
        name = "server" if kind != "RSA 2048" else "rsa"
        back = bench.new_daemon(config=f"tls: {{listen: '127.0.0.1:0', certificate: {certs.path(name + '.pem')}, "
                                       f"key: {certs.path(name + '.key')}}}\n")
        bursts = Bursts(int(rig.said(back, r"listening on 127.0.0.1:(\d+) with TLS")), certs)
        if kind != "none":
            bursts.start()
        r = bench.run(kind, "load", server=back, op="beat", size=1024, sessions=20, rate=1000, root=UNDER,
                      seconds=3 if bench.quick else 8)
        bursts.done.set()
        if r:
            table.row(kind, bursts.count, *(r[f"req_{x}_us"] / 1000 for x in ("p50", "p99", "p999", "max")))
        back.stop()
    table.print()


def tls(bench):
    """Beats, memory and handshakes."""
    if "pacekeeper" not in bench.targets:
        return
    certs = Certs()
    certs.sign("server", "/CN=server")
    _beats(bench, certs)
    _memory(bench, certs)
    _handshakes(bench, certs)
    certs.sign("rsa", "/CN=server", kind=RSA)
    _crowd(bench, certs)
