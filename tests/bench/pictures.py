"""The pictures of README and doc, drawn from one real run: a chart, a recorded terminal, the page.

Happy path: a real ZooKeeper, the daemon with its mounts in the mode relay, WORKERS clients that beat; after half of the
time the file says pacemaker and is reloaded. The ensemble's transactions, from its zxid, become spared.svg; commands and
what they print terminal.svg; the page as chromium-headless-shell draws it page.png. Failure: what is missing is named, and
nothing is written.

    BUILD=_build/check tests/run tests/bench/pictures.py [FOLDER]      doc/pictures without a folder
"""
import html
import os
import subprocess
import sys
import time

import rig
from adminside import Admin
from beaters import Beaters
from zkserver import words

WORKERS, SECONDS, PAUSE, STEP = 100, 40, 0.5, 1.0
MOUNT = "/storm/workerbeats"
TOPOLOGY = MOUNT + "/words-1-1700000000"
CONFIG = """listen: [127.0.0.1:0]
upstream: [{upstream}]
mounts: [{mount}={mode}]
admin: {{listen: [127.0.0.1:0, 'unix:{socket}']}}
"""


def zxid(server):
    """What the ensemble has written so far: a transaction is one."""
    line = next(x for x in words(server.addr, "srvr").splitlines() if x.startswith("Zxid"))
    return int(line.split()[1], 16) & 0xffffffff


class Run:
    def __init__(self):
        self.server = rig.zookeeper_with("/storm", MOUNT, TOPOLOGY)
        self.socket = os.path.join(rig.temp_dir(), "admin.sock")
        self.proxy = rig.Pacekeeper(config=self.text("relay"), listen=None, mounts=()).start()
        self.admin = Admin(self.proxy)
        self.points, self.screen = [], []

    def text(self, mode):
        return CONFIG.format(upstream=self.server.connect_string, mount=MOUNT, mode=mode, socket=self.socket)

    def command(self, *argv):
        """Runs a command, and keeps it with what it printed."""
        full = [rig.daemon_path(), *argv[:1], "--admin", f"unix:{self.socket}", *argv[1:]]
        done = subprocess.run(full, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, (argv, done.stderr)
        self.screen.append((" ".join(("pacekeeper",) + argv), done.stdout.splitlines()[:12]))

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before, at = zxid(self.server), time.monotonic()
            time.sleep(STEP)
            self.points.append((zxid(self.server) - before) / (time.monotonic() - at))

    def go(self):
        beaters = Beaters([f"{TOPOLOGY}/node{n // 4}-67{n % 4:02}" for n in range(WORKERS)], pause=PAUSE)
        beaters.begin(self.proxy.addr)
        self.watch(SECONDS / 2)
        self.command("savings", "--live")
        with open(os.path.join(self.proxy.dir, "pacekeeper.yaml"), "w", encoding="utf-8") as f:
            f.write(self.text("pacemaker"))
        self.switched = len(self.points)
        self.command("reload")
        self.watch(SECONDS / 2)
        self.command("explain", f"{TOPOLOGY}/node7-6700")
        self.command("show", "mounts")
        self.command("show", "servers")
        return beaters


def scale(most):
    """A round number above it."""
    step = 10 ** (len(str(int(most))) - 1)
    return (int(most / step) + 1) * step


STYLE = ("<style>text{font:12px sans-serif;fill:#333}.line{fill:none;stroke:#0a6;stroke-width:2}.grid{stroke:#ddd}"
         ".mark{stroke:#c40;stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#444}}</style>")


def chart(points, switched):
    """Transactions a second over time, and when the mode was switched."""
    wide, high, left, top, low = 720, 220, 52, 30, 40
    most = scale(max(points))

    def x(i):
        return left + i * (wide - left - 12) / max(1, len(points) - 1)

    def y(value):
        return top + (1 - value / most) * (high - top - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img">', STYLE,
           f"<title>Transactions of the ensemble: {WORKERS} workers that beat each {PAUSE * 1000:.0f} ms</title>",
           f'<text x="{left}" y="16">Transactions of the ensemble a second; {WORKERS} workers beat each '
           f'{PAUSE * 1000:.0f} ms, {STEP:.0f} s a point</text>']
    for k in range(5):
        value = most * k / 4
        out.append(f'<line class="grid" x1="{left}" x2="{wide - 12}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
                   f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.0f}</text>')
    for i in range(0, len(points), 5):
        out.append(f'<text x="{x(i):.1f}" y="{high - 22}" text-anchor="middle">{i * STEP:.0f} s</text>')
    line = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(points))
    at = x(switched - 0.5)
    out += [f'<polyline class="line" points="{line}"/>',
            f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{high - low}"/>',
            f'<text x="{at + 6:.1f}" y="{top + 14}">pacekeeper reload: mode relay to pacemaker</text>', "</svg>"]
    return "\n".join(out) + "\n"


def recording(screen):
    """Commands and what they printed, one line after the other, as they came."""
    rows, row, wide = [], 0, 940
    for command, lines in screen:
        for text, typed in [("$ " + command, True)] + [(line, False) for line in lines] + [("", False)]:
            row += 1
            rows.append((row, text[:126], typed))
    high = row * 17 + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img">',
           "<title>pacekeeper on a terminal</title><style>rect{fill:#111}text{font:12px monospace;fill:#ddd;white-space:pre}"
           ".typed{fill:#6d6;font-weight:bold}@keyframes come{from{opacity:0}to{opacity:1}}"
           "g{animation:come .1s both}@media(prefers-reduced-motion:reduce){g{animation:none}}</style>",
           f'<rect width="{wide}" height="{high}" rx="6"/>']
    seconds = 0.3
    for at, text, typed in rows:
        seconds += 1.2 if typed else 0.05
        out.append(f'<g style="animation-delay:{seconds:.2f}s"><text x="12" y="{at * 17 + 8}" xml:space="preserve"'
                   f'{" class=" + chr(34) + "typed" + chr(34) if typed else ""}>{html.escape(text)}</text></g>')
    return "\n".join(out + ["</svg>"]) + "\n"


def page(admin, path):
    shell = rig.need("/usr/bin/chromium-headless-shell", "chromium-headless-shell")
    host, port = admin.addrs[0]
    subprocess.run([shell, "--no-sandbox", "--disable-gpu", f"--user-data-dir={rig.temp_dir()}", "--hide-scrollbars",
                    f"--screenshot={path}", "--window-size=1100,800", "--blink-settings=preferredColorScheme=1",
                    f"http://{host}:{port}/"], capture_output=True, timeout=60, check=True)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(rig.top_srcdir(), "doc", "pictures")
    try:
        run = Run()
        beaters = run.go()
        os.makedirs(folder, exist_ok=True)
        page(run.admin, os.path.join(folder, "page.png"))
        beaters.over.set()
        beaters.join(20)
        assert beaters.problem is None, beaters.problem
        assert run.proxy.stop() == 0
    finally:
        rig.cleanup()
    for name, text in (("spared.svg", chart(run.points, run.switched)), ("terminal.svg", recording(run.screen))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    half = [run.points[:run.switched], run.points[run.switched + 1:]]
    print("transactions a second: " + ", then ".join(f"{sum(h) / len(h):.1f}" for h in half))


main()
