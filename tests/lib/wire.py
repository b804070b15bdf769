"""A raw ZooKeeper client: one TCP connection, frames and records as they are on the wire.

It shows what client libraries hide (order of replies and events, header zxids, connection ends) and sends what
they would not send. Sockets block, with a timeout (socket.timeout is raised). Standard library only.

    conn = Conn(("127.0.0.1", 2181))
    reply = conn.call(OP_CREATE, create("/a", b"data"))
    if reply.err == 0: print(parse_reply(OP_CREATE, reply.body))
    conn.close_session()
"""
import socket
import struct
from collections import namedtuple

from wirerec import *          # noqa: F401,F403  the records are part of this module's interface
from wirerec import (OP_AUTH, OP_CLOSE_SESSION, OP_NAMES, OP_PING, XID_AUTH, XID_EVENT, XID_PING, connect_request,
                     event)

Reply = namedtuple("Reply", "xid zxid err body")

_HEADER = struct.Struct(">iqi")
_FRAME = struct.Struct(">iii")
_FIXED_XIDS = {OP_PING: XID_PING, OP_AUTH: XID_AUTH}


class Closed(ConnectionError):
    """The other side closed the connection where a frame was expected."""


class Conn:
    """One connection. Attributes: session, passwd, timeout (negotiated, ms), response_bytes (raw payload of
    ConnectResponse), events (what call() met: (type, state, path)), last_zxid (highest header zxid seen).
    A refused session (unknown, wrong password) leaves session and timeout 0; a connection that is closed instead
    of answered raises Closed. read_only None sends the 44-byte request. connect=False only opens the socket. source: the
    address of this machine to come from. tls: a context of ssl. first: bytes that come before all others."""

    patience = 15.0     # seconds for an answer, where nobody asks for less: machines stand still now and then

    def __init__(self, addr, timeout_ms=10000, session=0, passwd=b"\0" * 16, last_zxid=0, read_only=False,
                 connect=True, source="", tls=None, first=b""):
        self.timeout, self.session, self.passwd = timeout_ms, session, passwd
        self.response_bytes = None
        self.events = []
        self.last_zxid = 0
        self._xid = 0
        self._buf = bytearray()
        self._deadline = None
        self.sock = socket.create_connection(addr, timeout=10, source_address=(source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if first:
            self.sock.sendall(first)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=addr[0])
        if connect:
            self.handshake(last_zxid, read_only)

    def handshake(self, last_zxid=0, read_only=False, timeout=10.0):
        self.send_frame(connect_request(self.timeout, self.session, self.passwd, last_zxid, read_only))
        self.read_handshake(timeout)

    def read_handshake(self, timeout=10.0):
        """Reads ConnectResponse; for tests that pipeline requests behind their own ConnectRequest."""
        body = self.recv_frame(timeout)
        if body is None:
            raise Closed("closed instead of a ConnectResponse")
        self.response_bytes = body
        _version, self.timeout, self.session, n = struct.unpack_from(">iiqi", body, 0)
        self.passwd = body[20:20 + n]

    def next_xid(self):
        self._xid += 1
        return self._xid

    def send_raw(self, data):
        self.sock.sendall(data)

    def send_frame(self, payload):
        self.sock.sendall(struct.pack(">i", len(payload)) + payload)

    def send(self, xid, op, body=b""):
        self.sock.sendall(frame(xid, op, body))

    def recv_frame(self, timeout=None):
        """The payload of the next frame; None when the other side has closed (or reset) the connection."""
        timeout = self.patience if timeout is None else timeout
        need = 4
        length = None
        while True:
            if length is None and len(self._buf) >= 4:
                length = int.from_bytes(self._buf[:4], "big", signed=True)
                if length < 0:
                    raise ValueError(f"frame of length {length}")
                need = 4 + length
            if len(self._buf) >= need and length is not None:
                payload = bytes(self._buf[4:need])
                del self._buf[:need]
                return payload
            if timeout != self._deadline:
                self.sock.settimeout(timeout)
                self._deadline = timeout
            try:
                chunk = self.sock.recv(1 << 16)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self._buf += chunk

    def recv(self, timeout=None):
        """The next Reply (an event has xid -1), or None at the end of the connection."""
        payload = self.recv_frame(timeout)
        if payload is None:
            return None
        if len(payload) < 16:
            raise ValueError(f"reply of {len(payload)} bytes")
        xid, zxid, err = _HEADER.unpack_from(payload)
        if zxid > self.last_zxid:
            self.last_zxid = zxid
        return Reply(xid, zxid, err, payload[16:])

    def call(self, op, body=b"", xid=None, timeout=None):
        """Sends one request and returns its Reply; events on the way are appended to .events. Raises Closed at
        the end of the connection and ValueError when another xid answers."""
        if xid is None:
            xid = _FIXED_XIDS.get(op) or self.next_xid()
        try:
            self.send(xid, op, body)
        except ConnectionError as e:
            raise Closed(f"closed before {OP_NAMES.get(op, op)}") from e
        while True:
            reply = self.recv(timeout)
            if reply is None:
                raise Closed(f"closed instead of a reply to {OP_NAMES.get(op, op)}")
            if reply.xid == XID_EVENT:
                self.events.append(event(reply.body))
                continue
            if reply.xid != (XID_PING if op == OP_PING else xid):
                raise ValueError(f"xid {reply.xid} answered instead of {xid}")
            return reply

    def drain_events(self, seconds=0.2):
        """Waits until nothing has come for so long; appends the events to .events and returns that list."""
        while True:
            try:
                reply = self.recv(seconds)
            except socket.timeout:
                return self.events
            if reply is None:
                return self.events
            if reply.xid != XID_EVENT:
                raise ValueError(f"reply {reply.xid} where only events were expected")
            self.events.append(event(reply.body))

    def close(self):
        """Closes the socket; the session lives on until it times out."""
        self.sock.close()

    def close_session(self):
        reply = self.call(OP_CLOSE_SESSION)
        self.close()
        return reply

    def abort(self):
        """Ends the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def frame(xid, op, body=b""):
    """The bytes of one request, for pipelining."""
    return _FRAME.pack(8 + len(body), xid, op) + body


def four_letter(addr, word, timeout=5.0):
    """Sends a four-letter word and returns the whole answer as text."""
    with socket.create_connection(addr, timeout=timeout) as sock:
        sock.sendall(word.encode())
        chunks = []
        while True:
            chunk = sock.recv(1 << 16)
            if not chunk:
                return b"".join(chunks).decode("utf-8", "replace")
            chunks.append(chunk)


def mntr(addr):
    """The lines of `mntr` as a dictionary; whole numbers as int."""
    values = {}
    for line in four_letter(addr, "mntr").splitlines():
        name, _, value = line.partition("\t")
        values[name] = int(value) if value.lstrip("-").isdigit() else value
    return values
