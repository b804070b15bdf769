"""Sessions that beat through a list of servers, as clients' libraries go through theirs, and what they may see.

Happy path: Workers(addrs, n, folder="/m").begin() makes n sessions, each with a znode that it alone writes: exists, then
setData of the next number, every `pause` seconds. One whose connection ends takes its session to the next address at
once. With aside="/a" each tenth has an ephemeral /a/eN and a watch on the data of `told`, too, which it sets again when it
has fired, and takes along with setWatches.

What may not be is in problems: a session that has ended, a version below one that was acknowledged, data older than
acknowledged ones. checked() reads all at an address and compares; gaps() says how long each was without an answer that it
waited for; spread() has them all go back to where they began, each to its own address. One thread, one poll for all of
them, sockets that do not block: thousands cost a tenth of a processor.
"""
import errno
import selectors
import socket
import struct
import threading
import time

import wire
from wire import Closed, Conn

_HEADER, _CONNECT = struct.Struct(">iqi"), struct.Struct(">iiqi")
AGAIN = 0.02                       # between two attempts of one session
WATCHERS = 10                      # one in so many has an ephemeral and a watch


class _Session:
    def __init__(self, owner, i, folder):
        self.owner, self.path, self.at, self.home = owner, f"{folder}/w{i}", i - 1, i
        self.aside = f"{owner.aside}/e{i}" if owner.aside and i % WATCHERS == 0 else None
        self.id, self.passwd, self.last_zxid = 0, b"\0" * 16, 0
        self.sock, self.buffer, self.up = None, b"", False
        self.asked = None                          # the request under way: its operation, its path
        self.heard = 0.0                           # its newest bytes, or the attempt that is under way
        self.xid = 0
        self.made = self.ours = self.watches = False
        self.told = None                           # what the watch told of
        self.number, self.acked, self.version = -1, -1, -1
        self.due = time.monotonic()                # a beat is waited for since then
        self.longest, self.moves = 0.0, 0

    # ---- the connection ----

    def open(self):
        self.at += 1
        self.sock, self.buffer, self.up, self.heard = socket.socket(), b"", False, time.monotonic()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        err = self.sock.connect_ex(self.owner.addrs[self.at % len(self.owner.addrs)])
        if err not in (0, errno.EINPROGRESS):
            self.lost()
            return
        self.owner.selector.register(self.sock, selectors.EVENT_WRITE, self)

    def opened(self):
        if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self.lost()
            return
        self.owner.selector.modify(self.sock, selectors.EVENT_READ, self)
        request = wire.connect_request(self.owner.timeout_ms, self.id, self.passwd, self.last_zxid, False)
        self.write(struct.pack(">i", len(request)) + request)

    def confirmed(self, body):
        _version, _timeout, session, n = _CONNECT.unpack_from(body)
        if session == 0 or (self.id and session != self.id):
            self.owner.problems.append(f"{self.path}: its session 0x{self.id:x} has ended")
            self.id, self.passwd = 0, b"\0" * 16
            self.lost()
            return
        self.id, self.passwd, self.up, self.asked = session, body[20:20 + n], True, None
        if self.watches:
            self.ask(wire.OP_SET_WATCHES, self.owner.told, wire.set_watches(self.last_zxid, data=[self.owner.told]),
                     wire.XID_SET_WATCHES)

    def write(self, data):
        if self.sock.send(data) != len(data):
            raise Closed("the socket is full")

    def lost(self):
        """Its beat is waited for from now on, if it is not already."""
        if self.sock is not None:
            if self.up:
                self.moves += 1
            try:
                self.owner.selector.unregister(self.sock)
            except KeyError:
                pass
            self.sock.close()
        self.sock, self.asked, self.up = None, None, False
        self.due = min(self.due, time.monotonic())

    # ---- requests, one after the other ----

    def ask(self, op, path, body, xid=None):
        self.xid += 1
        self.asked = (op, path)
        self.write(wire.frame(self.xid if xid is None else xid, op, body))

    def work(self, now):
        """Nothing is under way: what is to be asked next, if anything."""
        if not self.made:
            self.ask(wire.OP_CREATE, self.path, wire.create(self.path, b"-1"))
        elif self.aside and not self.ours:
            self.ask(wire.OP_CREATE, self.aside, wire.create(self.aside, b"", flags=wire.EPHEMERAL))
        elif self.aside and not self.watches:
            self.ask(wire.OP_GET_DATA, self.owner.told, wire.get_data(self.owner.told, True))
        elif now >= self.due:
            self.number += 1
            self.ask(wire.OP_EXISTS, self.path, wire.exists(self.path))

    def readable(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise Closed("end")
        self.buffer += data
        self.heard = time.monotonic()
        while self.sock is not None and len(self.buffer) >= 4:
            n = 4 + int.from_bytes(self.buffer[:4], "big")
            if len(self.buffer) < n:
                return
            frame, self.buffer = self.buffer[4:n], self.buffer[n:]
            if self.up:
                self.answer(wire.Reply(*_HEADER.unpack_from(frame), frame[16:]))
            else:
                self.confirmed(frame)

    def answer(self, reply):
        self.last_zxid = max(self.last_zxid, reply.zxid)
        if reply.xid == wire.XID_EVENT:
            self.watches = False
            return
        op, path = self.asked
        self.asked = None
        if reply.err != 0 and not (op == wire.OP_CREATE and reply.err == wire.ERR["NODEEXISTS"]):
            self.owner.problems.append(f"{path}: {wire.ERR_NAMES.get(reply.err, reply.err)} for {wire.OP_NAMES.get(op, op)}")
            self.due = time.monotonic() + self.owner.pause
        elif op == wire.OP_CREATE:             # one whose answer was lost exists
            self.made, self.ours = self.made or path == self.path, self.ours or path == self.aside
        elif op == wire.OP_GET_DATA:
            self.told, self.watches = wire.parse_reply(op, reply.body)[0], True
        elif op in (wire.OP_EXISTS, wire.OP_SET_DATA):
            self.beaten(op, wire.parse_reply(op, reply.body))

    def beaten(self, op, stat):
        if stat.version < self.version:
            self.owner.problems.append(f"{self.path}: version {stat.version} after {self.version}")
        self.version = stat.version
        if op == wire.OP_EXISTS:
            self.ask(wire.OP_SET_DATA, self.path, wire.set_data(self.path, b"%d" % self.number))
            return
        now = time.monotonic()
        self.acked = self.number
        self.owner.acked += 1
        self.longest = max(self.longest, now - self.due)
        self.due = max(now, self.due + self.owner.pause)


class Workers(threading.Thread):
    def __init__(self, addrs, n, folder="/m", pause=0.1, timeout_ms=12000, patience=4.0, aside=None, told="/told"):
        super().__init__(daemon=True)
        self.addrs, self.pause, self.timeout_ms, self.patience = addrs, pause, timeout_ms, patience
        self.aside, self.told = aside, told
        self.selector = selectors.DefaultSelector()
        self.problems, self.acked = [], 0
        self.over, self.failure, self.spreads, self.tried = threading.Event(), None, False, {}
        self.sessions = [_Session(self, i, folder) for i in range(n)]
        self.watchers = [s for s in self.sessions if s.aside]

    def begin(self):
        self.start()
        self.beating(60 + len(self.sessions) / 50)
        self.gaps()
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
        self.beating(60 + len(self.sessions) / 50)
        self.gaps()

    def go_home(self):
        n = len(self.addrs)
        for s in self.sessions:
            if s.up and s.at % n != s.home % n:
                s.lost()
                s.at = s.home - 1
        self.spreads = False

    def guarded(self, s, what, *args):
        try:
            what(*args)
        except (OSError, Closed, struct.error):
            s.lost()

    def late(self, s, now):
        """A library gives up when it has heard nothing for two thirds of its timeout."""
        return now - s.heard > (self.timeout_ms / 1500 if s.up else self.patience)

    def round(self):
        now = time.monotonic()
        if self.spreads:
            self.go_home()
        for s in self.sessions:
            if s.sock is None:
                if now - self.tried.get(s, 0) >= AGAIN:
                    self.tried[s] = now
                    self.guarded(s, s.open)
            elif (s.asked is not None or not s.up) and self.late(s, now):
                s.lost()
            elif s.up and s.asked is None:
                self.guarded(s, s.work, now)
        until = time.monotonic() + 0.01
        while (left := until - time.monotonic()) > 0:
            for key, events in self.selector.select(left):
                s = key.data
                if s.sock is key.fileobj:
                    self.guarded(s, s.opened if events & selectors.EVENT_WRITE else s.readable)

    def gaps(self):
        """The longest time that each session waited for the answer to a beat since the last call, sorted."""
        now, found = time.monotonic(), []
        for s in self.sessions:
            found.append(max(s.longest, now - s.due))
            s.longest = 0.0
        return sorted(found)

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
        raise AssertionError(f"{len(behind)} of {len(self.sessions)} are not answered: {behind[:5]}; {self.problems[:5]}")

    def all_told(self, data):
        return all(s.told == data for s in self.watchers)

    def stop(self):
        self.over.set()
        self.join(30)
        assert self.failure is None, repr(self.failure)

    def checked(self, addr):
        """Reads all at this address: what was acknowledged is there, or something newer; ephemerals are their sessions'."""
        conn = Conn(addr, 20000)
        for first in range(0, len(self.sessions), 100):
            some = self.sessions[first:first + 100]
            before = [(s.acked, s.version) for s in some]
            bodies = pipelined(conn, wire.OP_GET_DATA, [wire.get_data(s.path) for s in some], self.problems)
            for s, (acked, version), body in zip(some, before, bodies):
                data, stat = wire.parse_reply(wire.OP_GET_DATA, body)
                if not acked <= int(data) <= s.number or stat.version < version:
                    self.problems.append(f"{s.path}: {data} version {stat.version}, acknowledged {acked} {version}")
        for s, body in zip(self.watchers, pipelined(conn, wire.OP_EXISTS, [wire.exists(s.aside) for s in self.watchers],
                                                    self.problems)):
            owner = wire.parse_reply(wire.OP_EXISTS, body).ephemeralOwner
            if owner != s.id:
                self.problems.append(f"{s.aside}: of session 0x{owner:x}, not of 0x{s.id:x}")
        conn.close_session()
        assert not self.problems, f"{len(self.problems)} problems: " + "; ".join(self.problems[:8])


def pipelined(conn, op, bodies, problems):
    """The bodies of the answers; errors are problems."""
    conn.send_raw(b"".join(wire.frame(conn.next_xid(), op, body) for body in bodies))
    replies = [conn.recv(20) for _ in bodies]
    problems += [f"{wire.OP_NAMES[op]}: {wire.ERR_NAMES.get(r.err, r.err)}" for r in replies if r.err]
    assert not any(r.err for r in replies), problems[:5]
    return [r.body for r in replies]
