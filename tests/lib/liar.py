"""A server of an ensemble that lies.

It answers srvr like any other, and a session as far as a marker and a survey need it: one parent with the markers that
were made below it. A lie takes the place of one kind of answer: lies is a list of (op or HELLO, bytes of the answer made
from xid and session), one for each connection in turn; afterwards the truth is told.
"""
import socket
import struct
import threading

import wire

HELLO = "hello"
SRVR = b"Zookeeper version: 3.8.0\nZxid: 0x0\nMode: standalone\nNode count: 5\n"


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def reply(xid, body=b"", err=0, zxid=1):
    return frame(struct.pack(">iqi", xid, zxid, err) + body)


def hello(session, timeout=10000, passwd=b"p" * 16):
    return frame(struct.pack(">iiq", 0, timeout, session) + wire.buf(passwd) + b"\0")


def stat(session, children=0):
    return struct.pack(">qqqqiiiqiiq", 1, 1, 1, 1, 0, 0, 0, session, 1, children, 1)


class Liar:
    def __init__(self, lies=(), family=socket.AF_INET):
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        self.listener = socket.create_server((host, 0), family=family, backlog=64)
        self.port = self.listener.getsockname()[1]
        self.connect_string = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.lies = list(lies)
        self.told = 0
        self.sessions = 0x1000
        self.markers = {}  # path: (data, session)
        self.lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            conn, _ = self.listener.accept()
            threading.Thread(target=self._one, args=(conn,), daemon=True).start()

    def _one(self, conn):
        try:
            first = conn.recv(4, socket.MSG_WAITALL)
            if first == b"srvr":
                conn.sendall(SRVR)
                return
            with self.lock:
                lie = self.lies[self.told] if self.told < len(self.lies) else (None, None)
                self.told += 1
            self._session(conn, struct.unpack(">i", first)[0], lie)
        except (OSError, struct.error):
            pass
        finally:
            conn.close()

    def _session(self, conn, length, lie):
        asked = struct.unpack_from(">q", conn.recv(length, socket.MSG_WAITALL), 16)[0]
        with self.lock:
            self.sessions += 1
            session = asked if asked and lie[0] != wire.OP_CREATE else self.sessions  # a new one makes a marker
        conn.sendall(lie[1](0, session) if lie[0] == HELLO else hello(session))
        lied = lie[0] == HELLO
        while True:
            length = struct.unpack(">i", conn.recv(4, socket.MSG_WAITALL))[0]
            body = conn.recv(length, socket.MSG_WAITALL)
            xid, op = struct.unpack_from(">ii", body)
            if lied:
                return
            lied = op == lie[0]
            conn.sendall(lie[1](xid, session) if lied else reply(xid, *self._answer(op, body[8:], session)))
            if op == wire.OP_CLOSE_SESSION:
                return

    def _answer(self, op, body, session):
        """Body and error of the truth."""
        if op == wire.OP_CLOSE_SESSION:
            self.markers = {path: m for path, m in self.markers.items() if m[1] != session}
        if op in (wire.OP_PING, wire.OP_AUTH, wire.OP_CLOSE_SESSION):
            return b"", 0
        path, at = wire.read_string(body)
        if op == wire.OP_CREATE:
            self.markers[path] = (wire.read_buffer(body, at)[0], session)
            return wire.string(path), 0
        if op == wire.OP_GET_CHILDREN:
            return wire.vector([p[len(path) + 1:] for p in self.markers if p.startswith(path + "/")]), 0
        if op == wire.OP_GET_DATA and path in self.markers:
            return wire.buf(self.markers[path][0]) + stat(self.markers[path][1]), 0
        return (stat(0), 0) if op == wire.OP_EXISTS else (b"", -101)
