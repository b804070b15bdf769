"""The page, in a real browser without a screen: content, escapes, narrow windows, light and dark, keys, new figures."""
import os
import struct
import subprocess
import time
import zlib

import rig
import wire
from adminside import Admin
from chrome import Chrome
from wire import Conn

LATER = "/storm/workerbeats/later"
SCROLLED = "document.querySelector('.wide').scrollLeft"


def started(**options):
    zk = rig.shared("zookeeper", lambda: rig.zookeeper_with("/storm", "/storm/workerbeats"))
    proxy = rig.Pacekeeper(options.pop("upstream", zk.connect_string), mounts=("/storm/workerbeats=pacemaker",),
                           args=["--admin", "127.0.0.1:0"], **options).start()
    return proxy, Admin(proxy)


def browser(admin, *args):
    shell = rig.need("/usr/bin/chromium-headless-shell", "chromium-headless-shell")
    host, port = admin.addrs[0]
    argv = [shell, "--no-sandbox", "--disable-gpu", f"--user-data-dir={rig.temp_dir()}", *args, f"http://{host}:{port}/"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def pixel(path, x, y):
    """A pixel of a PNG of eight bits without interlacing, as a browser writes it."""
    with open(path, "rb") as f:
        data = f.read()
    width, _, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert depth == 8 and kind in (2, 6), (depth, kind)
    size, at, packed = (3 if kind == 2 else 4), 8, b""
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    raw, before = zlib.decompress(packed), bytearray(width * size)
    for row in range(y + 1):
        start = row * (width * size + 1)
        how, line = raw[start], bytearray(raw[start + 1:start + 1 + width * size])
        for i in range(len(line)):
            left, up = (line[i - size] if i >= size else 0), before[i]
            corner = before[i - size] if i >= size else 0
            near = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            line[i] = line[i] + (0, left, up, (left + up) // 2, near)[how] & 255
        before = line
    return tuple(before[x * size:x * size + 3])


def test_what_it_shows():
    proxy, admin = started()
    conn = Conn(proxy.addr)
    for path in ("/storm/workerbeats/t<script>1", "/storm/workerbeats/t<script>1/node7-6700"):
        assert conn.call(wire.OP_CREATE, wire.create(path, b"beat")).err == 0
    for _ in range(5):
        assert conn.call(wire.OP_SET_DATA, wire.set_data("/storm/workerbeats/t<script>1/node7-6700", b"b")).err == 0
    rig.eventually(lambda: admin.get("/ready")[0] == 200, 12, "ready")
    done = browser(admin, "--dump-dom")
    dom = done.stdout
    for text in (">ready<", "transactions spared", "spared today", "<h2>Mounts</h2>", "/storm/workerbeats", "pacemaker",
                 "<h2>Servers</h2>", rig.shared("zookeeper", None).connect_string, "<h2>Busiest writers</h2>",
                 "<h2>Busiest readers</h2>",
                 "worker node7-6700 of t&lt;script&gt;1"):
        assert text in dom, (text, dom, done.stderr[-500:])
    assert dom.count("<script") == 1 and '<script src="/page.js" defer' in dom, "nothing of others runs"
    assert "http://" not in dom and "https://" not in dom, "nothing is from elsewhere"
    assert "Content Security Policy" not in done.stderr, done.stderr[-1000:]
    conn.close_session()
    assert proxy.stop() == 0


def test_warnings_say_what_helps():
    proxy, admin = started(upstream=f"127.0.0.1:{rig.free_port()}")
    dom = rig.eventually(lambda: "Server does not serve" in admin.get("/")[1] and admin.get("/")[1], 10, "a warning")
    assert "look at its log" in dom and "no server of the ensemble serves" in dom, dom
    assert proxy.stop() == 0


def test_light_dark_and_narrow():
    proxy, admin = started()
    colours = []
    for scheme, size in (("1", "1200,700"), ("0", "1200,700"), ("1", "320,700")):
        path = os.path.join(rig.temp_dir(), "page.png")
        done = browser(admin, f"--screenshot={path}", f"--window-size={size}", "--hide-scrollbars",
                       f"--blink-settings=preferredColorScheme={scheme}")
        assert os.path.exists(path), done.stderr[-500:]
        colours.append(pixel(path, 2, 2))
    assert colours == [(255, 255, 255), (17, 17, 17), (255, 255, 255)], colours
    assert proxy.stop() == 0


def url_of(admin):
    host, port = admin.addrs[0]
    return f"http://{host}:{port}/"


def test_keyboard():
    """Every table and every link is reached with Tab, in the order of the page; Enter follows a link."""
    proxy, admin = started()
    with Chrome(url_of(admin)) as c:
        tables, seen = c.ask("document.querySelectorAll('.wide').length"), []
        assert tables >= 2
        for _ in range(tables + 3):
            c.key("Tab")
            seen.append(c.ask("document.activeElement.className || document.activeElement.getAttribute('href')"))
        assert seen == ["wide"] * tables + ["/metrics", "/ready", "/api/v1/config?format=text"], seen
        c.key("Enter")
        rig.eventually(lambda: "format=text" in c.ask("location.href"), 10, "the configuration")
        assert "upstream" in c.ask("document.body.innerText")
    assert proxy.stop() == 0


def test_a_narrow_window_and_its_tables():
    """The page is no wider than the window; a table that is can be scrolled with the keys."""
    proxy, admin = started()
    conn = Conn(proxy.addr)
    assert conn.call(wire.OP_CREATE, wire.create("/storm/workerbeats/narrow", b"x")).err == 0
    with Chrome(url_of(admin), 320, 700) as c:
        assert c.ask("document.documentElement.scrollWidth <= window.innerWidth"), c.ask("document.documentElement.scrollWidth")
        assert c.ask("(d => d.scrollWidth > d.clientWidth)(document.querySelector('.wide'))")
        c.key("Tab")
        for _ in range(3):
            c.key("ArrowRight")
        rig.eventually(lambda: c.ask("document.querySelector('.wide').scrollLeft") > 0, 4, "a table that scrolls")
    conn.close_session()
    assert proxy.stop() == 0


def test_it_keeps_itself_up_to_date():
    """New figures appear, with scripts and without."""
    for scripts in (True, False):
        proxy, admin = started()
        conn = Conn(proxy.addr)
        with Chrome(url_of(admin), scripts=scripts) as c:
            assert LATER not in c.ask("document.body.innerText")
            assert conn.call(wire.OP_CREATE, wire.create(LATER, b"x")).err == 0
            rig.eventually(lambda: LATER in (c.ask("document.body && document.body.innerText") or ""), 20,
                           f"the new figures, without a hand on it; scripts: {scripts}")
        conn.close_session()
        assert proxy.stop() == 0


def test_new_figures_leave_the_reader_alone():
    """What has the focus keeps it, a table stays where it was scrolled to, and who selects text is not disturbed."""
    proxy, admin = started()
    conn = Conn(proxy.addr)
    with Chrome(url_of(admin), 320, 700) as c:
        c.key("Tab")
        rig.eventually(lambda: c.key("ArrowRight") or c.ask(SCROLLED) > 0, 10, "a table that scrolls")
        assert conn.call(wire.OP_CREATE, wire.create(LATER, b"x")).err == 0
        rig.eventually(lambda: LATER in c.ask("document.body.innerText"), 20, "the new figures")
        assert c.ask("document.activeElement.className") == "wide" and c.ask(SCROLLED) > 0
        c.ask("getSelection().selectAllChildren(document.querySelector('h1')), window.put = () => document.title = 'put'")
        assert conn.call(wire.OP_DELETE, wire.delete(LATER)).err == 0
        c.ask("renew()")
        time.sleep(1)       # what must not happen has no moment of its own
        assert c.ask("getSelection().toString()").startswith("pacekeeper") and c.ask("document.title") == "pacekeeper"
        c.ask("getSelection().removeAllRanges()")
        rig.eventually(lambda: c.ask("document.title") == "put", 20, "new figures once nothing is selected")
    conn.close_session()
    assert proxy.stop() == 0


def test_old_figures_are_called_old():
    proxy, admin = started()
    with Chrome(url_of(admin)) as c:
        assert c.ask("document.getElementById('old').hidden")
        assert proxy.stop() == 0
        rig.eventually(lambda: c.ask("document.getElementById('old').innerText").startswith("No answer"), 20, "a word")
        assert "Mounts" in c.ask("document.querySelector('main').innerText")


if __name__ == "__main__":
    rig.main(globals())
