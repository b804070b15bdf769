"""Heartbeats and who reads them: what a reader may see, while beaters move between servers and proxies.

Happy path: Beaters(["/w/b0", ...]) makes one client per path; start(addr) connects and runs them in one thread, each
beats (exists, setData of the next number) every `pause` seconds; move(i, addr) takes one elsewhere. A Reader asks for
all paths again and again. No NONODE, no older beat after a newer one, none older than `lag` seconds: what is not so is
in reader.problems.
"""
import threading
import time

import wire
from procs import eventually
from wire import Closed, Conn


class Beater:
    def __init__(self, path, timeout_ms=20000, acl=wire.OPEN, flags=0, user=None):
        self.path, self.timeout_ms, self.acl, self.flags, self.user = path, timeout_ms, acl, flags, user
        self.addr = self.conn = None
        self.session, self.passwd = 0, b"\0" * 16
        self.number = -1
        self.reconnects = 0
        self.versions = True           # never fall back
        self.acked = []                # when each number was acknowledged; what has no time was not

    def connect(self, addr=None, same=True):
        """A new connection, of the same session if it still lives. A session that reattaches elsewhere ends the old
        uplink before the flush: then the versions of what was absorbed may be given again."""
        if not same:
            self.session, self.passwd = 0, b"\0" * 16
        self.versions = self.versions and not (self.session and addr and addr != self.addr)
        self.addr = addr or self.addr
        if self.conn is not None:
            self.conn.close()
        self.conn = Conn(self.addr, self.timeout_ms, self.session, self.passwd)
        self.session, self.passwd = self.conn.session, self.conn.passwd
        if self.session == 0:
            self.conn = Conn(self.addr, self.timeout_ms)
            self.session, self.passwd = self.conn.session, self.conn.passwd
        if self.user:
            self.conn.call(wire.OP_AUTH, wire.auth("digest", self.user))

    def create(self):
        err = self.conn.call(wire.OP_CREATE, wire.create(self.path, b"-1", acl=self.acl, flags=self.flags)).err
        assert err in (0, wire.ERR["NODEEXISTS"]), err

    def beat(self):
        """exists and setData; True when it was acknowledged."""
        self.number += 1
        self.acked.append(None)
        there = self.conn.call(wire.OP_EXISTS, wire.exists(self.path), timeout=10).err
        assert there == 0, f"exists of {self.path}: {there}"
        err = self.conn.call(wire.OP_SET_DATA, wire.set_data(self.path, b"%d" % self.number), timeout=10).err
        assert err == 0, f"setData of {self.path}: {err}"
        self.acked[self.number] = time.monotonic()

    def sync(self):
        err = self.conn.call(wire.OP_SYNC, wire.sync(self.path), timeout=10).err
        assert err == 0, f"sync of {self.path}: {err}"

    def newest(self):
        """The newest number that was acknowledged."""
        return max(n for n, when in enumerate(list(self.acked)) if when is not None)

    def kept(self, data):
        """Whether data that was found is no older than what was acknowledged: what was not may have been taken, too."""
        return self.newest() <= int(data) <= self.number

    def age(self, number, now):
        """For how long, at that time, the number had been replaced by an acknowledged one."""
        for when in self.acked[number + 1:]:
            if when is not None:
                return max(0.0, now - when)
        return 0.0


class Beaters(threading.Thread):
    def __init__(self, paths, pause=0.1, **options):
        super().__init__(daemon=True)
        self.all = [Beater(p, **options) for p in paths]
        self.pause = pause
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.problem = None

    def begin(self, addr, create=True):
        for beater in self.all:
            beater.connect(addr)
            if create:
                beater.create()
            beater.beat()
        self.start()
        return self

    def run(self):
        try:
            while not self.over.wait(0):
                started = time.monotonic()
                for beater in self.all:
                    with self.lock:
                        self._ask(beater, beater.beat)
                    if self.over.is_set():
                        return
                self.over.wait(max(0.0, self.pause - (time.monotonic() - started)))
        except BaseException as e:
            self.problem = e

    def _ask(self, beater, ask):
        """True when it was answered; else its connection had ended, and it has another one, or all is over."""
        try:
            ask()
            return True
        except (Closed, OSError):
            beater.reconnects += 1
            for _ in range(100):
                try:
                    beater.connect()
                    return False
                except (Closed, OSError):
                    if self.over.wait(0.1):
                        return False
            raise

    def move(self, i, addr, same=True):
        """One of them goes to another server or proxy, as the same session or as a new one."""
        with self.lock:
            self.all[i].connect(addr, same)

    @property
    def reconnects(self):
        return sum(beater.reconnects for beater in self.all)

    def settle(self, timeout=30.0):
        """Whoever had lost his way is back: the ensemble answers each, and a beat behind that is acknowledged."""
        for beater in self.all:
            with self.lock:
                while not self._ask(beater, beater.sync):
                    continue
        begun = [beater.number for beater in self.all]
        eventually(lambda: self.problem or all(b.newest() > n for b, n in zip(self.all, begun)), timeout,
                   "an acknowledged beat of each")
        assert self.problem is None, repr(self.problem)

    def stop(self):
        self.over.set()
        self.join(30)
        assert self.problem is None, repr(self.problem)

    def close(self):
        self.stop()
        for beater in self.all:
            beater.conn.close_session()


class Reader(threading.Thread):
    """Reads every beater's znode at addr. lag: how old a beat may be, seconds. forgives: what it saw before it lost its
    connection is no measure for what comes."""

    def __init__(self, name, beaters, addr, lag=0.0, pause=0.0, forgives=False):
        super().__init__(daemon=True)
        self.forgives = forgives
        self.name, self.beaters, self.addr, self.lag, self.pause = name, beaters, addr, lag, pause
        self.newest = {}
        self.problems = []
        self.reads = self.reconnects = 0
        self.oldest = 0.0
        self.over = threading.Event()
        self.start()

    def run(self):
        conn = None
        while not self.over.is_set():
            try:
                conn = conn or Conn(self.addr, 20000)
                for beater in self.beaters.all:
                    self._read(conn, beater)
            except (Closed, OSError):
                self.reconnects += 1
                conn = None
                if self.forgives:
                    self.newest.clear()
                time.sleep(0.05)
            except BaseException as e:
                self.problems.append(repr(e))
                return
            time.sleep(self.pause)
        if conn:
            conn.close_session()

    def _read(self, conn, beater):
        newest, sent = self.newest.get(beater.path, (-1, -1)), time.monotonic()
        reply = conn.call(wire.OP_GET_DATA, wire.get_data(beater.path), timeout=10)
        self.reads += 1
        if reply.err:
            self.problems.append(f"{self.name}: {beater.path} gives {wire.ERR_NAMES.get(reply.err, reply.err)}")
            return
        data, stat = wire.parse_reply(wire.OP_GET_DATA, reply.body)
        seen = (int(data or b"-2"), stat.version)
        age = beater.age(seen[0], sent) if seen[0] >= -1 else 1e9
        self.oldest = max(self.oldest, age)
        if seen[0] < newest[0] or (beater.versions and seen[1] < newest[1]):
            self.problems.append(f"{self.name}: {beater.path} shows beat {seen[0]} version {seen[1]} after beat "
                                 f"{newest[0]} version {newest[1]}")
        if age > self.lag:
            self.problems.append(f"{self.name}: {beater.path} shows beat {seen[0]}, replaced {age:.2f} s before")
        self.newest[beater.path] = (max(seen[0], newest[0]), max(seen[1], newest[1]))

    def stop(self, least=20):
        """It has read that often, or has half a minute more for it."""
        end = time.monotonic() + 30
        while self.reads < least and not self.problems and time.monotonic() < end:
            time.sleep(0.05)
        self.over.set()
        self.join(30)
        assert not self.problems, f"{len(self.problems)} problems:\n" + "\n".join(self.problems[:10])
        assert self.reads >= least, self.reads
        return self
