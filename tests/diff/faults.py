"""What alters one reply now and then on its way: proof that the driver notices what it should notice.

Happy path: faults = Faults("byte"); Relay(server, way=faults.way). In the server's frames replies are counted and,
every n-th, the fault is applied: a changed byte in the body, a changed error, a dropped event, two replies swapped, a
fallen header zxid. faults.done says how often.
"""
import struct
import threading

import wire
from relay import Frames

FAULTS = ("byte", "error", "event", "swap", "zxid")
REPLY = struct.Struct(">iqi")
HEADER_AND_STAT = 84


class Faults:
    """fault: one of FAULTS; every: how many frames to pass between two faults, over all connections."""

    def __init__(self, fault, every=200):
        self.fault, self.every = fault, every
        self.done = 0
        self._count = 0
        self._lock = threading.Lock()

    def way(self, _peer, up):
        return None if up else _Altered(self).feed

    def due(self, payload):
        with self._lock:
            self._count += 1
            if self._count < self.every or not self._fits(payload):
                return False
            self._count = 0
            self.done += 1
            return True

    def _fits(self, payload):
        xid, zxid, err = REPLY.unpack_from(payload)
        if self.fault == "event":
            return xid == wire.XID_EVENT
        if self.fault == "swap":
            return xid > 0 and err == 0 and len(payload) == HEADER_AND_STAT
        return xid > 0 and err == 0 and zxid > 1 and len(payload) > REPLY.size

    def changed(self, payload):
        xid, zxid, err = REPLY.unpack_from(payload)
        if self.fault == "error":
            return REPLY.pack(xid, zxid, wire.ERR["NOAUTH"])
        if self.fault == "zxid":
            return REPLY.pack(xid, 1, err) + payload[REPLY.size:]
        changed = bytearray(payload)
        changed[-12 if len(changed) >= HEADER_AND_STAT else -1] ^= 1
        return bytes(changed)


class _Altered:
    """The replies of one connection; the first frame is no reply."""

    def __init__(self, faults):
        self.faults = faults
        self.frames = Frames()
        self.connected = False
        self.held = None

    def feed(self, chunk):
        return b"".join(wire.i32(len(p)) + p for payload in self.frames.feed(chunk) for p in self._pass(payload))

    def _pass(self, payload):
        """The frames to send in the place of this one."""
        if not self.connected:
            self.connected = True
            return [payload]
        if self.held is not None:
            held, self.held = self.held, None
            return [payload, held]
        if not self.faults.due(payload):
            return [payload]
        if self.faults.fault == "swap":
            self.held = payload
            return []
        return [] if self.faults.fault == "event" else [self.faults.changed(payload)]
