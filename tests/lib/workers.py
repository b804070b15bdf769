"""Sessions that beat through a list of servers, as clients' libraries go through theirs, and what they may see.

Happy path: Workers(addrs, n, folder="/m").start() makes n sessions, each with a znode that it alone writes: exists, then
setData of the next number, every `pause` seconds. One whose connection ends takes its session to the next address. What
may not be is in problems: a session that has ended, a version below one that was acknowledged, data older than
acknowledged ones. checked() reads every znode at an address and compares; gaps() says how long each was without an answer;
spread() has them all go back to where they began, each to its own address.
"""
import selectors
import struct
import threading
import time

import wire
from wire import Closed, Conn


class _Session:
    def __init__(self, owner, path, first):
        self.owner, self.path, self.at = owner, path, first
        self.id, self.passwd, self.last_zxid = 0, b"\0" * 16, 0
        self.conn, self.asked, self.sent = None, None, 0.0
        self.number = self.acked = self.version = -1       # written, and acknowledged
        self.answered = self.longest = 0.0
        self.moves = 0

    def connect(self):
        """To the next address at which somebody takes the session; True when one did."""
        self.at += 1
        try:
            conn = Conn(self.owner.addrs[self.at % len(self.owner.addrs)], self.owner.timeout_ms, connect=False)
            conn.handshake(timeout=self.owner.patience) if self.id == 0 else self.resume(conn)
        except (OSError, Closed):
            return False
        if conn.session == 0 or (self.id and conn.session != self.id):
            self.owner.problems.append(f"{self.path}: its session 0x{self.id:x} has ended")
            self.id, self.passwd = 0, b"\0" * 16
            return False
        self.id, self.passwd, self.conn, self.asked = conn.session, conn.passwd, conn, None
        return True

    def resume(self, conn):
        conn.session, conn.passwd = self.id, self.passwd
        conn.send_frame(wire.connect_request(self.owner.timeout_ms, self.id, self.passwd, self.last_zxid, False))
        conn.read_handshake(self.owner.patience)

    def lost(self):
        self.last_zxid = max(self.last_zxid, self.conn.last_zxid)
        self.conn.close()
        self.conn, self.moves = None, self.moves + 1

    def ask(self, op, body):
        self.asked, self.sent = op, time.monotonic()
        self.conn.send(self.conn.next_xid(), op, body)

    def beat(self):
        self.number += 1
        self.ask(wire.OP_EXISTS, wire.exists(self.path))

    def answer(self, reply):
        op, self.asked, now = self.asked, None, time.monotonic()
        if self.answered:
            self.longest = max(self.longest, now - self.answered)
        self.answered = now
        if reply.err != 0:
            self.owner.problems.append(f"{self.path}: {wire.ERR_NAMES.get(reply.err, reply.err)} for {op}")
            return
        stat = wire.parse_reply(op, reply.body)
        if stat.version < self.version:
            self.owner.problems.append(f"{self.path}: version {stat.version} after {self.version}")
        self.version = stat.version
        if op == wire.OP_EXISTS:
            self.ask(wire.OP_SET_DATA, wire.set_data(self.path, b"%d" % self.number))
        else:
            self.acked = self.number
            self.owner.acked += 1


class Workers(threading.Thread):
    def __init__(self, addrs, n, folder="/m", pause=0.1, timeout_ms=12000, patience=4.0):
        super().__init__(daemon=True)
        self.addrs, self.pause, self.timeout_ms, self.patience = addrs, pause, timeout_ms, patience
        self.sessions = [_Session(self, f"{folder}/w{i}", i - 1) for i in range(n)]
        self.problems, self.acked = [], 0
        self.over, self.failure, self.spreads = threading.Event(), None, False

    def begin(self):
        for s in self.sessions:
            assert s.connect(), s.path
            err = s.conn.call(wire.OP_CREATE, wire.create(s.path, b"-1"), timeout=20).err
            assert err == 0, (s.path, err)
        self.start()
        return self

    def run(self):
        try:
            while not self.over.is_set():
                self.round()
        except BaseException as e:
            self.failure = e

    def spread(self):
        self.spreads = True
        while self.spreads and self.failure is None:
            time.sleep(0.02)
        self.beating()
        self.gaps()

    def go_home(self):
        for i, s in enumerate(self.sessions):
            if s.conn is not None and s.at % len(self.addrs) != i % len(self.addrs):
                s.lost()
                s.at = i - 1
        self.spreads = False

    def round(self):
        now = time.monotonic()
        if self.spreads:
            self.go_home()
        for s in self.sessions:
            if s.conn is None:
                s.connect()
            elif s.asked is None and now - s.sent >= self.pause:
                self.guarded(s, s.beat)
            elif s.asked is not None and now - s.sent > self.timeout_ms / 1500:
                s.lost()               # a library gives up after two thirds of its timeout
        self.wait_for_answers(0.02)

    def guarded(self, s, what):
        try:
            what()
        except (OSError, Closed, struct.error):
            s.lost()

    def wait_for_answers(self, seconds):
        with selectors.DefaultSelector() as selector:
            for s in self.sessions:
                if s.conn is not None and s.asked is not None:
                    selector.register(s.conn.sock, selectors.EVENT_READ, s)
            for key, _ in selector.select(seconds) if selector.get_map() else ():
                self.guarded(key.data, lambda s=key.data: self.take(s))
            if not selector.get_map():
                time.sleep(seconds)

    def take(self, s):
        reply = s.conn.recv(5)
        if reply is None:
            raise Closed("end")
        s.answer(reply)

    def gaps(self):
        """The longest time that each session was without an answer since the last call, sorted."""
        found = sorted(s.longest for s in self.sessions)
        for s in self.sessions:
            s.longest = 0.0
        return found

    def beating(self, timeout=30):
        """Waits until each session has had a beat acknowledged that was sent from now on."""
        before = {s: s.number for s in self.sessions}
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            assert self.failure is None, repr(self.failure)
            if all(s.acked > before[s] for s in self.sessions):
                return
            time.sleep(0.02)
        behind = [s.path for s in self.sessions if s.acked <= before[s]]
        raise AssertionError(f"{len(behind)} of {len(self.sessions)} are not answered: {behind[:5]}")

    def stop(self):
        self.over.set()
        self.join(30)
        assert self.failure is None, repr(self.failure)

    def checked(self, addr):
        """Reads all at this address: what was acknowledged is there, or something newer."""
        conn = Conn(addr, 10000)
        for s in self.sessions:
            acked, version = s.acked, s.version
            reply = conn.call(wire.OP_GET_DATA, wire.get_data(s.path), timeout=20)
            assert reply.err == 0, (s.path, reply.err)
            data, stat = wire.parse_reply(wire.OP_GET_DATA, reply.body)
            if not acked <= int(data) <= s.number or stat.version < version:
                self.problems.append(f"{s.path}: {data} version {stat.version}, acknowledged {acked} {version}")
        conn.close_session()
        assert not self.problems, f"{len(self.problems)} problems: " + "; ".join(self.problems[:8])
