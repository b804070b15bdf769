"""A TCP relay that alters one reply now and then: proof that the driver notices what it should notice.

It passes bytes both ways; in the server's frames it counts replies and, every n-th, applies one fault: a changed
byte in the body, a changed error, a dropped event, two replies swapped, a fallen header zxid.
"""
import socket
import struct
import threading

import wire as w

FAULTS = ("byte", "error", "event", "swap", "zxid")


class FaultyRelay:
    """fault: one of FAULTS; every: how many frames to pass between two faults."""

    def __init__(self, upstream, fault, every=200):
        self.upstream, self.fault, self.every = upstream, fault, every
        self.done = 0
        self._count = 0
        self._lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addr = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.upstream)
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._backward, args=(server, client), daemon=True).start()

    @staticmethod
    def _end(*socks):
        for sock in socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _forward(self, client, server):
        try:
            while True:
                data = client.recv(1 << 16)
                if not data:
                    server.shutdown(socket.SHUT_WR)
                    return
                server.sendall(data)
        except OSError:
            self._end(client, server)

    def _backward(self, server, client):
        held, first = None, True
        try:
            stream = server.makefile("rb")
            while True:
                head = stream.read(4)
                if len(head) < 4:
                    break
                payload = stream.read(struct.unpack(">i", head)[0])
                out = [payload]
                if not first:
                    out, held = self._alter(payload, held)
                first = False
                client.sendall(b"".join(struct.pack(">i", len(p)) + p for p in out))
        except OSError:
            pass
        self._end(client, server)

    def _alter(self, payload, held):
        """(frames to send now, frame held back)"""
        if held is not None:
            return [payload, held], None
        xid, zxid, err = struct.unpack_from(">iqi", payload)
        with self._lock:
            self._count += 1
            due = self._count >= self.every and self._fits(xid, zxid, err, payload)
            if due:
                self._count = 0
                self.done += 1
        if not due:
            return [payload], None
        if self.fault == "swap":
            return [], payload
        if self.fault == "event":
            return [], None
        if self.fault == "error":
            return [struct.pack(">iqi", xid, zxid, w.ERR["NOAUTH"])], None
        if self.fault == "zxid":
            return [struct.pack(">iqi", xid, 1, err) + payload[16:]], None
        changed = bytearray(payload)
        changed[-12 if len(changed) >= 84 else -1] ^= 1
        return [bytes(changed)], None

    def _fits(self, xid, zxid, err, payload):
        if self.fault == "event":
            return xid == w.XID_EVENT
        if self.fault == "swap":
            return xid > 0 and err == 0 and len(payload) == 84
        return xid > 0 and err == 0 and zxid > 1 and len(payload) > 16
