"""A TCP relay: the way between two programs, which may be long, break, stand still, be watched, or change what passes.

Happy path: Relay(("127.0.0.1", port)).start() listens on its own port. What comes in leaves `seconds` later, in order,
without limiting the throughput; a peer's end is passed on after what it sent. cut() ends all connections there are with
a reset, with refuse=True new ones too, until allow(); stall() passes nothing on until allow().
way(peer, up) is asked for each direction of each connection, peer being the client's address and up whether it leads to
the server; it may return a function that is given every chunk, b"" at the end, and returns the bytes that go on.
"""
import collections
import socket
import struct
import threading
import time


class _Way(threading.Thread):
    """One direction of one connection: reads at once, sends when it is due."""

    def __init__(self, relay, source, target, change):
        super().__init__(daemon=True)
        self.relay, self.source, self.target, self.change = relay, source, target, change
        self.queue = collections.deque()
        self.ready = threading.Semaphore(0)

    def run(self):
        deliver = self._deliver
        if self.relay.seconds:
            deliver = self._later
            threading.Thread(target=self._send, daemon=True).start()
        while True:
            try:
                chunk = self.source.recv(1 << 16)
            except OSError:
                chunk = b""
            if not deliver(self.change(chunk) if self.change else chunk, not chunk):
                return

    def _deliver(self, data, end):
        """False after the last bytes, or when nobody takes them any more."""
        self.relay.going.wait()
        try:
            if data:
                self.target.sendall(data)
            if end:
                self.target.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return not end

    def _later(self, data, end):
        self.queue.append((time.monotonic() + self.relay.seconds, data, end))
        self.ready.release()
        return not end

    def _send(self):
        while True:
            self.ready.acquire()
            due, data, end = self.queue.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            if not self._deliver(data, end):
                return


class Relay:
    def __init__(self, target, seconds=0.0, listen=("127.0.0.1", 0), way=None):
        self.target, self.seconds, self.way = target, seconds, way
        self.listener = socket.create_server(listen, backlog=128)
        self.addr = self.listener.getsockname()
        self.connect_string = f"{self.addr[0]}:{self.addr[1]}"
        self.pairs = []
        self.refuses = False
        self.going = threading.Event()
        self.going.set()

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self):
        while True:
            try:
                client, peer = self.listener.accept()
            except OSError:
                return
            try:
                server = None if self.refuses else socket.create_connection(self.target, 5)
            except OSError:
                server = None
            if server is None:
                self._reset(client)
                continue
            for sock in (client, server):
                sock.settimeout(None)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((client, server))
            if self.refuses:           # cut while it was being opened
                for sock in (client, server):
                    self._reset(sock)
                continue
            for source, target, up in ((client, server, True), (server, client, False)):
                _Way(self, source, target, self.way(peer, up) if self.way else None).start()

    @staticmethod
    def _reset(sock):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sock.close()

    def cut(self, refuse=False):
        self.refuses = refuse
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for sock in pair:
                self._reset(sock)
        self.going.set()

    def stall(self):
        self.going.clear()

    def allow(self):
        self.refuses = False
        self.going.set()

    def stop(self):
        """Nobody is let in any more; who is there stays."""
        self.listener.close()


class Frames:
    """Cuts a stream into the payloads of its frames."""

    def __init__(self):
        self.rest = b""

    def feed(self, chunk):
        """The payloads that are whole with this chunk."""
        payloads, at, stream = [], 0, self.rest + chunk
        while len(stream) - at >= 4:
            (length,) = struct.unpack_from(">i", stream, at)
            if len(stream) - at < 4 + length:
                break
            payloads.append(stream[at + 4:at + 4 + length])
            at += 4 + length
        self.rest = stream[at:]
        return payloads
