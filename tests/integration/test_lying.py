"""A server that lies to sessions of our own: whatever it sends, the daemon lives, says so, and believes the next one."""
import re
import socket
import struct
import time

import rig
import wire
from liar import HELLO, Liar, frame, hello, reply, stat

LIST, DATA, CREATE, EXISTS = wire.OP_GET_CHILDREN, wire.OP_GET_DATA, wire.OP_CREATE, wire.OP_EXISTS
NAME = "0123456789abcdef" * 2
BOUNDS = -1 << 63, (1 << 63) - 1


def i32(*numbers):
    return struct.pack(f">{len(numbers)}i", *numbers)


def body(what):
    return lambda xid, _session: reply(xid, what)


def raw(what):
    return lambda _xid, _session: what


LISTS = [
    b"", i32(-1), i32(-2), i32(-1 << 31), i32((1 << 31) - 1), i32(3), b"\0\0\0",
    i32(2, -1, -1),                                      # names that are null
    i32(2, -2, 0), i32(1, 1 << 30), i32(1, 5) + b"ab",
    i32(1, 0), i32(1, 32) + b"\0" * 32, i32(1, 2) + b"..", i32(1, 32) + NAME.encode(),
    i32(1 << 20) + bytes(4 << 18),
]
STATS = [b"", i32(-1), i32(-1) + bytes(68), i32(0), i32(0) + bytes(67), i32(1 << 30), i32(-5) + bytes(68),
         wire.buf(b"pacekeeper \0\xff host=%") + b"\xff" * 68, wire.buf(b"pacekeeper " + b"mount=%=pacemaker " * 9999) +
         stat(7)]
FRAMES = [i32(-1), i32((1 << 31) - 1), i32(0), i32(3) + b"abc", i32(1 << 30) + bytes(100000), b"\x7f" * 64]
HEADERS = [lambda xid, _: reply(xid + 1), lambda xid, _: reply(xid, err=77), lambda xid, _: reply(xid, err=-112),
           lambda xid, _: reply(-1, b"\xff" * 9) + reply(-2) + reply(xid) + reply(xid)]
HEADERS += [lambda xid, _, z=z: reply(xid, zxid=z) for z in BOUNDS]
HELLOS = [lambda _, s: hello(s, passwd=b""), lambda _, s: hello(s, passwd=None), lambda _, s: hello(s, passwd=b"p" * 17),
          lambda _, s: hello(0), lambda _, s: hello(s, timeout=0), lambda _, s: hello(s, timeout=-1),
          lambda _, s: hello(s, timeout=1) + reply(-4, err=-115), lambda _, s: hello(s) + reply(1) + reply(2),
          lambda _, s: frame(struct.pack(">iiq", 0, 5, s) + i32(1 << 30))]


def lies():
    """Every lie, at each place where it fits."""
    told = [(LIST, body(b)) for b in LISTS]
    told += [(op, raw(f)) for op in (HELLO, LIST, CREATE) for f in FRAMES]
    told += [(op, h) for op in (CREATE, LIST, DATA) for h in HEADERS]
    told += [(HELLO, h) for h in HELLOS]
    return told + [(DATA, body(b)) for b in STATS]


def memory(proxy):
    """Peak memory in MB."""
    with open(f"/proc/{proxy.pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmHWM")).split()[1]) // 1024


def start(liar, instances="/pk", **options):
    text = f"status-interval: 500ms\ninstances: {instances}\nmounts: [/m]\n"
    return rig.Pacekeeper(liar.connect_string, config=text, mounts=(), **options).start()


def test_a_server_that_lies_to_the_marker():
    """Once null names in a list ended the daemon, and odd lengths its library."""
    told = lies()
    liars = [Liar([(None, None)] + told[part::6]) for part in range(6)]  # the survey has the first connection
    proxies = [start(liar) for liar in liars]
    for liar, proxy in zip(liars, proxies):
        rig.eventually(lambda: liar.told > len(liar.lies) or not proxy.running(), 60, "all lies")
        assert proxy.running(), proxy.log()[-3000:]
        rig.eventually(lambda: proxy.mntr()["pk_instances"] == 1, 10, "the truth is believed afterwards")
        assert rig.words(proxy.addr, "ruok") == "imok"
        assert "makes no sense" in proxy.log() and memory(proxy) < 100, (memory(proxy), proxy.log())
        assert proxy.stop() == 0, proxy.log()


test_a_server_that_lies_to_the_marker.limit = 120


def test_a_server_that_lies_to_the_survey():
    told = [(LIST, body(b)) for b in LISTS[:9]] + [(EXISTS, body(b)) for b in (b"", bytes(67), b"\x7f" * 68)]
    for lie in told + [(EXISTS, raw(FRAMES[1]))]:
        liar = Liar([lie])
        liar.markers["/m/a"] = b"", 1
        proxy = start(liar, instances="none")
        rig.eventually(lambda: re.search("ensemble already holds|what exists below|/m is empty", proxy.log()), 10,
                       "the survey's line")
        assert proxy.stop() == 0, proxy.log()


def test_a_server_that_promises_and_is_silent():
    """A stop waits neither for an answer nor for the end of a frame."""
    for what in (raw(b""), raw(i32(1000))):
        liar = Liar([(HELLO, what), (LIST, what), (LIST, what)])
        proxy = start(liar)
        rig.eventually(lambda: liar.told >= 2, 10, "marker and survey ask")
        begun = time.monotonic()
        assert proxy.stop() == 0, proxy.log()
        assert time.monotonic() - begun < 4, "the stop waited"
    liar = Liar([(LIST, raw(b""))])
    proxy = start(liar)
    rig.eventually(lambda: proxy.mntr()["pk_instances"] == 1, 15, "the question is asked again elsewhere")
    assert proxy.stop() == 0


def test_an_ensemble_of_ipv6_has_markers():
    """Once there was none: the servers' addresses were not understood."""
    liar = Liar(family=socket.AF_INET6)
    proxy = start(liar)
    rig.eventually(lambda: proxy.mntr()["pk_instances"] == 1 and len(liar.markers) == 1, 10, "a marker")
    assert proxy.stop() == 0
    assert not liar.markers


def test_forged_markers_do_not_hide_a_real_one():
    """Once the first 32 were read, and what came behind them was not seen."""
    liar = Liar()
    for n in range(2000):
        text = b"pacekeeper 1 host=x listen=x\n" if n % 2 else bytes(1000)
        liar.markers[f"/pk/{n:032x}" if n % 3 else f"/pk/{n}"] = text, n % 5
    liar.markers["/pk/" + "f" * 32] = b"pacekeeper 1 host=real listen=1.2.3.4:5 mount=/m=pacemaker\n", 9
    proxy = start(liar)
    rig.eventually(lambda: proxy.mntr()["pk_instances_conflicting"] == 1, 30, "the real one is seen")
    assert "real" in proxy.log() and "1.2.3.4:5" in proxy.log(), proxy.log()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
